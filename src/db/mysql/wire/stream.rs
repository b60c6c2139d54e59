//! Packets on a stream: four bytes of length and number, and what follows.
//!
//! Invariants: packets are numbered, and one that is out of order ends the reading; the buffer holds one packet
//! whole, and grows to the largest, at most [`MAX_PACKET`].
//!
//! Must not know: what a packet says.

use std::io;

use mysql_common::constants::Command;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes read at a time: what a server has sent meanwhile, in few calls.
const READ: usize = 128 << 10;
/// Longer ones come in pieces, which no row of ours has.
const MAX_PACKET: usize = 0xff_ffff;
const HEADER: usize = 4;

/// What a server can be reached by.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection, and what has come of it that is not taken yet.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    /// What is in the buffer and not taken: from, to.
    start: usize,
    end: usize,
    /// The number of the next packet.
    number: u8,
}

pub(super) fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            buffer: vec![0; READ],
            start: 0,
            end: 0,
            number: 0,
        }
    }

    /// The next packet, where it has come whole.
    pub(super) fn take(&mut self) -> io::Result<Option<&[u8]>> {
        let Some(size) = self.whole()? else { return Ok(None) };
        let from = self.start + HEADER;
        if self.buffer[self.start + 3] != self.number {
            return Err(broken("a packet is out of order"));
        }
        self.number = self.number.wrapping_add(1);
        self.start = from + size;
        Ok(Some(&self.buffer[from..from + size]))
    }

    /// The size of the next packet, as soon as its header has come.
    fn size(&self) -> io::Result<Option<usize>> {
        match self.buffer[self.start..self.end] {
            [low, middle, high, _, ..] => match usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16 {
                MAX_PACKET => Err(broken("a packet of 16 MiB or more")),
                size => Ok(Some(size)),
            },
            _ => Ok(None),
        }
    }

    /// Waits for more to come.
    pub(super) async fn more(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let wanted = self.size()?.map_or(READ, |size| (HEADER + size).max(READ));
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        let read = self.stream.read(&mut self.buffer[self.end..]).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.end += read;
        Ok(())
    }

    /// Waits for the next packet.
    pub(super) async fn packet(&mut self) -> io::Result<&[u8]> {
        while self.whole()?.is_none() {
            self.more().await?;
        }
        Ok(self.take()?.unwrap_or_default())
    }

    /// The size of the next packet, as soon as all of it has come.
    fn whole(&self) -> io::Result<Option<usize>> {
        let size = self.size()?;
        Ok(size.filter(|size| self.end - self.start >= HEADER + size))
    }

    /// Sends a packet that answers the last one.
    pub(super) async fn answer(&mut self, packet: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(HEADER + packet.len());
        let size = u32::try_from(packet.len())
            .ok()
            .filter(|size| (*size as usize) < MAX_PACKET);
        let size = size.ok_or_else(|| broken("a statement of 16 MiB or more"))?;
        bytes.extend(&size.to_le_bytes()[..3]);
        bytes.push(self.number);
        bytes.extend(packet);
        self.number = self.number.wrapping_add(1);
        self.stream.write_all(&bytes).await
    }

    /// Sends a command, with which packets are numbered anew.
    pub(super) async fn command(&mut self, command: Command, payload: &[u8]) -> io::Result<()> {
        self.number = 0;
        self.answer(&[&[command as u8], payload].concat()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::mysql::wire::tests::block_on;

    /// What a server sends: packets of these sizes, each filled with its number.
    fn sent(sizes: &[usize]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, size) in sizes.iter().enumerate() {
            bytes.extend(&(*size as u32).to_le_bytes()[..3]);
            bytes.push(number as u8);
            bytes.extend(vec![number as u8; *size]);
        }
        bytes
    }

    /// A wire on which those bytes come, `at_once` at a time, and then the end.
    fn wire(bytes: Vec<u8>, at_once: usize) -> Wire {
        let (ours, mut theirs) = tokio::io::duplex(at_once);
        tokio::spawn(async move { theirs.write_all(&bytes).await });
        Wire::new(Box::new(ours))
    }

    #[test]
    fn packets_come_whole_however_the_bytes_do() {
        let sizes = [0, 1, 300, READ - HEADER, READ, 3 * READ + 7, 5];
        for at_once in [1, 7, READ, 1 << 20] {
            block_on(async {
                let mut wire = wire(sent(&sizes), at_once);
                for (number, size) in sizes.iter().enumerate() {
                    let packet = wire.packet().await.expect("a packet");
                    assert_eq!(packet.len(), *size);
                    assert!(packet.iter().all(|byte| usize::from(*byte) == number));
                }
                let end = wire.packet().await.expect_err("no more");
                assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
            });
        }
    }

    #[test]
    fn what_is_cut_out_of_order_or_too_long_is_an_error() {
        let whole = sent(&[3, 3]);
        let mut swapped = whole.clone();
        swapped[3] = 1;
        let cut = whole[..whole.len() - 1].to_vec();
        for (bytes, kind) in [
            (swapped, io::ErrorKind::InvalidData),
            (cut, io::ErrorKind::UnexpectedEof),
            (vec![0xff, 0xff, 0xff, 0, 1], io::ErrorKind::InvalidData),
        ] {
            block_on(async {
                let mut wire = wire(bytes, 64);
                let mut error = None;
                for _ in 0..2 {
                    if let Err(found) = wire.packet().await {
                        error.get_or_insert(found.kind());
                    }
                }
                assert_eq!(error, Some(kind));
            });
        }
    }
}
