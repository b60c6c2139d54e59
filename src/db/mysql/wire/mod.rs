//! Reading a large table straight off the wire.
//!
//! Why: the driver makes a buffer, a row object and a text a cell of every row, and its connections share one
//! pool of those buffers. For the two million rows that a quiet night reads that is two thirds of all that the
//! program does, and a night on two cores is bound by them. Here a row is read where it lies in the buffer that it
//! arrived in. The protocol's own pieces (greeting, scrambles, column definitions, errors) are the driver's, from
//! `mysql_common`; what is ours is their order, and the rows.
//!
//! Invariants: a connection of this kind reads one result and is closed; whatever keeps it from being made (TLS,
//! compression, an account with another plugin than the two common ones, no more connections) is no error: the caller
//! asks the driver then, which tells what is wrong; sessions are set up as the driver's are; nothing is written.
//!
//! Must not know: what the rows mean.

mod cells;
mod login;
mod stream;

pub(in crate::db) use cells::WireCells;

use std::time::Duration;

use mysql_async::{Error, Opts};
use mysql_common::constants::{CapabilityFlags, Command};
use mysql_common::io::ParseBuf;
use mysql_common::packets::{Column, ErrPacket, StmtPacket};

use super::errors;
use crate::db::error::DbError;
use crate::db::value::{Cells, Row};
use cells::Layout;
use stream::Wire;

/// First bytes of a packet.
const OK: u8 = 0x00;
const EOF: u8 = 0xfe;
const ERR: u8 = 0xff;

/// Calls `each` for every row of a statement without parameters; None, with nothing called, where no such
/// connection came about within `patience`.
pub(super) async fn query<F>(
    opts: &Opts,
    patience: Duration,
    name: &str,
    text: &str,
    each: F,
) -> Result<Option<u64>, DbError>
where
    F: FnMut(&Row<'_>) -> Result<(), DbError> + Send,
{
    let Ok(Ok(Some(mut wire))) = tokio::time::timeout(patience, login::login(opts)).await else {
        return Ok(None);
    };
    let rows = read(&mut wire, name, text, each).await?;
    // A server that is not told so counts the connection as aborted; it is of no more use either way.
    let _ = wire.command(Command::COM_QUIT, &[]).await;
    Ok(Some(rows))
}

async fn read<F>(wire: &mut Wire, name: &str, text: &str, mut each: F) -> Result<u64, DbError>
where
    F: FnMut(&Row<'_>) -> Result<(), DbError> + Send,
{
    let failed = |error: Error| errors::in_use(name, &error);
    let mut layout = begin(wire, text).await.map_err(failed)?;
    let mut rows = 0;
    loop {
        // Every packet that is there whole, without a wait between them.
        while let Some(packet) = wire.take().map_err(|error| failed(error.into()))? {
            match packet.first() {
                Some(&OK) => {
                    let cells = layout.row(packet).map_err(|error| failed(error.into()))?;
                    each(&Row {
                        cells: Cells::Wire(cells),
                    })?;
                    rows += 1;
                }
                Some(&EOF) if packet.len() < 9 => return Ok(rows),
                _ => return Err(failed(refusal(packet))),
            }
        }
        wire.more().await.map_err(|error| failed(error.into()))?;
    }
}

/// Prepares and executes a statement; the columns of its result.
async fn begin(wire: &mut Wire, text: &str) -> Result<Layout, Error> {
    wire.command(Command::COM_STMT_PREPARE, text.as_bytes()).await?;
    let packet = wire.packet().await?;
    if packet.first() != Some(&OK) {
        return Err(refusal(packet));
    }
    let prepared: StmtPacket = ParseBuf(packet).parse(())?;
    for described in [prepared.num_params(), prepared.num_columns()] {
        columns(wire, usize::from(described)).await?;
    }
    // No cursor, once.
    let mut execute = prepared.statement_id().to_le_bytes().to_vec();
    execute.extend([0, 1, 0, 0, 0]);
    wire.command(Command::COM_STMT_EXECUTE, &execute).await?;
    let packet = wire.packet().await?;
    // The number of columns, in one byte as long as it is below 251.
    let count = match packet {
        [count @ 1..=250] => usize::from(*count),
        _ => return Err(refusal(packet)),
    };
    Ok(Layout::of(&columns(wire, count).await?))
}

/// The definitions of so many columns, with the packet that ends them where there are any.
async fn columns(wire: &mut Wire, count: usize) -> Result<Vec<Column>, Error> {
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        columns.push(ParseBuf(wire.packet().await?).parse(())?);
    }
    if count > 0 {
        wire.packet().await?;
    }
    Ok(columns)
}

/// What a packet says that is not what was asked for.
fn refusal(packet: &[u8]) -> Error {
    let unexpected = || Error::Io(stream::broken("the server answered out of turn").into());
    if packet.first() != Some(&ERR) {
        return unexpected();
    }
    match ParseBuf(packet).parse::<ErrPacket<'_>>(CapabilityFlags::CLIENT_PROTOCOL_41) {
        Ok(ErrPacket::Error(error)) => Error::Server(error.into()),
        _ => unexpected(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(future)
    }

    #[test]
    fn a_refusal_is_the_servers_own_error_and_anything_else_is_out_of_turn() {
        let packet = [&[ERR, 0x7a, 4][..], b"#42S02Table 'x' doesn't exist"].concat();
        let error = errors::in_use("t", &refusal(&packet));
        assert!(matches!(&error, DbError::MissingSchema { .. }), "{error:?}");
        let error = errors::in_use("t", &refusal(&[7, 7]));
        assert!(matches!(&error, DbError::Transient { .. }), "{error:?}");
    }
}
