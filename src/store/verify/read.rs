//! The history, the stored state and what archives hold, read side by side and handed on in batches.
//!
//! Why: taking a row from the wire costs the most of all that verification does to it, so whoever reads does
//! nothing else; hashing goes on beside it.
//!
//! Invariants: at most [`QUEUE`] batches wait, so a slow hasher slows the reading and not the memory; each of the
//! two is one statement, so all its rows are of one moment; a history row is handed on as the bytes that are
//! hashed, and nothing else of it.
//!
//! Must not know: what becomes of a batch.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinSet;

use crate::audit::archive::file::{FileError, Filed};
use crate::audit::archive::snapshot;
use crate::audit::replay::StateOf;
use crate::db::Db;
use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row};
use crate::sql;
use crate::store::archive::{Archive, fact_of};
use crate::store::archived::{self, Shelf};
use crate::store::replay::row_of;

use super::record::put_stored;

static HISTORY: Statement = sql!("query/verify_history").large();
static STATE: Statement = sql!("query/verify_state").large();
static FACTS: Statement = sql!("query/snapshot_rows");

/// Batches that wait to be hashed.
const QUEUE: usize = 8;
/// A batch is handed on when it has so many bytes: it should fit the cache of one core.
const BATCH: usize = 192 << 10;

/// What was read. Of each piece of `bytes`, its end.
pub(super) enum Batch {
    /// History rows: encoded, with their number.
    Rows { bytes: Vec<u8>, rows: Vec<(i64, usize)> },
    /// As `Rows`, from the file of an archive.
    Filed { bytes: Vec<u8>, rows: Vec<(i64, usize)> },
    /// States after archives: as they are hashed, with the archive's number.
    Facts { bytes: Vec<u8>, facts: Vec<(i64, usize)> },
    /// Stored states: the workout, and behind it the state as `record::put_stored` has it.
    States { bytes: Vec<u8>, ends: Vec<(usize, usize)> },
    /// One of those who read has come to its end.
    End,
}

/// Those who read, what they hand on, and how many [`Batch::End`] there will be.
pub(super) type Reading = (JoinSet<Result<(), DbError>>, Receiver<Batch>, usize);

/// Reads everything, in tasks of their own: the tables, snapshots where there are any, and the files of `archives`. A
/// task that fails ends without [`Batch::End`]; one that nobody listens to any more ends at once.
pub(super) fn read(db: &Db, snapshots: bool, files: Option<(Arc<dyn Shelf>, Vec<Archive>)>) -> Reading {
    let (sender, receiver) = sync_channel(QUEUE);
    let mut readers = JoinSet::new();
    readers.spawn(read_history(db.clone(), sender.clone()));
    readers.spawn(read_states(db.clone(), sender.clone()));
    if snapshots {
        readers.spawn(read_facts(db.clone(), sender.clone()));
    }
    if let Some((shelf, archives)) = files {
        readers.spawn_blocking(move || read_files(shelf.as_ref(), &archives, &sender));
    }
    let ends = readers.len();
    (readers, receiver, ends)
}

async fn read_facts(db: Db, sender: SyncSender<Batch>) -> Result<(), DbError> {
    let (mut bytes, mut facts) = (Vec::with_capacity(BATCH), Vec::new());
    let mut heard = true;
    let each = |row: &Row<'_>| {
        snapshot::encode_into(&mut bytes, row.text(1)?, fact_of(row, 2)?.as_ref());
        facts.push((row.int(0)?, bytes.len()));
        if bytes.len() + BATCH / 16 > BATCH {
            let bytes = std::mem::replace(&mut bytes, Vec::with_capacity(BATCH));
            let facts = std::mem::take(&mut facts);
            send(&sender, Batch::Facts { bytes, facts }, &mut heard)?;
        }
        Ok(())
    };
    let read = db.query(&FACTS, &Params::none(), each).await;
    finish(read, &sender, Batch::Facts { bytes, facts }, heard)
}

/// What ended the reading of a file.
enum Ended {
    File(FileError),
    Db(DbError),
}

impl From<FileError> for Ended {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

fn read_files(shelf: &dyn Shelf, archives: &[Archive], sender: &SyncSender<Batch>) -> Result<(), DbError> {
    let failed = |archive: &Archive, detail: String| DbError::Other {
        statement: format!("read {}", archive.record.file_name),
        detail,
    };
    let mut heard = true;
    for archive in archives {
        // It was the right one a moment ago.
        let file = archived::open(Some(shelf), archive).map_err(|why| failed(archive, why.to_string()))?;
        let (mut bytes, mut rows) = (Vec::with_capacity(BATCH), Vec::new());
        file.each(|filed: Filed<'_>| -> Result<(), Ended> {
            filed.row.encode_into(&mut bytes);
            rows.push((filed.history_id, bytes.len()));
            if bytes.len() + BATCH / 16 > BATCH {
                let bytes = std::mem::replace(&mut bytes, Vec::with_capacity(BATCH));
                let rows = std::mem::take(&mut rows);
                send(sender, Batch::Filed { bytes, rows }, &mut heard).map_err(Ended::Db)?;
            }
            Ok(())
        })
        .map_err(|ended| match ended {
            Ended::File(error) => failed(archive, error.to_string()),
            Ended::Db(error) => error,
        })?;
        send(sender, Batch::Filed { bytes, rows }, &mut heard)?;
    }
    finish(
        Ok(0),
        sender,
        Batch::Filed {
            bytes: Vec::new(),
            rows: Vec::new(),
        },
        heard,
    )
}

async fn read_history(db: Db, sender: SyncSender<Batch>) -> Result<(), DbError> {
    let (mut bytes, mut rows) = (Vec::with_capacity(BATCH), Vec::new());
    let mut heard = true;
    let each = |row: &Row<'_>| {
        row_of(row)?.encode_into(&mut bytes);
        rows.push((row.int(0)?, bytes.len()));
        if bytes.len() + BATCH / 16 > BATCH {
            let bytes = std::mem::replace(&mut bytes, Vec::with_capacity(BATCH));
            let rows = std::mem::take(&mut rows);
            send(&sender, Batch::Rows { bytes, rows }, &mut heard)?;
        }
        Ok(())
    };
    let read = db.query(&HISTORY, &Params::none(), each).await;
    finish(read, &sender, Batch::Rows { bytes, rows }, heard)
}

async fn read_states(db: Db, sender: SyncSender<Batch>) -> Result<(), DbError> {
    let (mut bytes, mut ends) = (Vec::with_capacity(BATCH), Vec::new());
    let mut heard = true;
    let each = |row: &Row<'_>| {
        bytes.extend_from_slice(row.text(0)?.as_bytes());
        let workout = bytes.len();
        put_stored(&mut bytes, &state_of(row)?);
        ends.push((workout, bytes.len()));
        if bytes.len() + BATCH / 16 > BATCH {
            let bytes = std::mem::replace(&mut bytes, Vec::with_capacity(BATCH));
            let ends = std::mem::take(&mut ends);
            send(&sender, Batch::States { bytes, ends }, &mut heard)?;
        }
        Ok(())
    };
    let read = db.query(&STATE, &Params::none(), each).await;
    finish(read, &sender, Batch::States { bytes, ends }, heard)
}

/// The state that stands in a row of `verify_state`.
fn state_of<'r>(row: &'r Row<'_>) -> Result<StateOf<&'r str>, DbError> {
    Ok(StateOf {
        label: row.text(1)?,
        is_override: row.opt_int(2)?.unwrap_or(0) != 0,
        change_count: row.opt_int(3)?.unwrap_or(0),
        model_id: row.opt_text(4)?,
        run_id: row.opt_text(5)?,
        testimony: false,
    })
}

/// Hands the last batch and the end on.
fn finish(read: Result<u64, DbError>, sender: &SyncSender<Batch>, last: Batch, mut heard: bool) -> Result<(), DbError> {
    if heard {
        read?;
        // Where nobody listens now, the listener has its own reason and says it.
        let _ = send(sender, last, &mut heard).and_then(|()| send(sender, Batch::End, &mut heard));
    }
    Ok(())
}

/// Hands a batch on; waits, where it must, without holding up the other tasks of a multi-thread runtime.
fn send(sender: &SyncSender<Batch>, batch: Batch, heard: &mut bool) -> Result<(), DbError> {
    let sent = match sender.try_send(batch) {
        Err(TrySendError::Full(batch)) => blocking(|| sender.send(batch).is_ok()),
        sent => sent.is_ok(),
    };
    *heard = sent;
    sent.then_some(()).ok_or_else(|| DbError::Other {
        statement: "verify".to_owned(),
        detail: "nobody hashes what is read".to_owned(),
    })
}

fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
