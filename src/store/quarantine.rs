//! `quarantined_rows`: what was refused, whole, with the reason.
//!
//! Why: a row that is dropped with a log line is lost; one that is kept can be corrected and imported.
//!
//! Invariants: the same row of the same source is kept once, however often it is read (its
//! fingerprint is unique); nothing is ever removed here.
//!
//! Must not know: why rows are refused.

use sha2::{Digest, Sha256};

use crate::db::error::DbError;
use crate::db::statement::{Batch, Insert, Statement};
use crate::db::value::{Params, Row};
use crate::id::RunId;
use crate::sql;
use crate::time::Timestamp;

use super::{Store, StoreError};

static LIST: Statement = sql!("query/list_quarantined");

pub(super) static INSERT: Insert = Insert {
    table: "quarantined_rows",
    columns: &[
        "fingerprint",
        "run_id",
        "source",
        "line",
        "reason",
        "raw",
        "quarantined_at",
    ],
    mysql_tail: include_str!("../../sql/mysql/ignore_duplicate.sql"),
    sqlite_tail: include_str!("../../sql/sqlite/ignore_duplicate.sql"),
};

/// The longest source name that is kept, in characters; longer ones keep their end.
const MAX_SOURCE_CHARS: usize = 500;

/// A refused row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The file, or the table.
    pub source: String,
    /// The physical line in the file, header = 1.
    pub line: Option<u64>,
    /// Why it was refused.
    pub reason: String,
    /// The row as it stood.
    pub raw: String,
}

/// A refused row as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRow {
    /// Its number in the store.
    pub quarantine_id: i64,
    /// When it was first refused.
    pub quarantined_at: Timestamp,
    /// The row.
    pub row: Quarantined,
}

/// Who refuses rows, and when.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// The run, if a run does.
    pub run_id: Option<&'a RunId>,
    /// The instant.
    pub now: Timestamp,
}

impl Quarantined {
    /// SHA-256 over the length-prefixed source, line and raw text: one row of one source.
    fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for part in [self.source.as_bytes(), self.raw.as_bytes()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.update(self.line.unwrap_or(0).to_le_bytes());
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

pub(super) fn batch(rows: &[Quarantined], stamp: Stamp<'_>) -> Batch {
    let source = |row: &Quarantined| {
        let skip = row.source.chars().count().saturating_sub(MAX_SOURCE_CHARS);
        row.source.chars().skip(skip).collect::<String>()
    };
    Batch::new(rows.len())
        .each(rows.iter().map(Quarantined::fingerprint))
        .same(stamp.run_id.map(RunId::as_str))
        .each(rows.iter().map(source))
        .each(rows.iter().map(|row| row.line.map(|line| line as i64)))
        .each(rows.iter().map(|row| row.reason.as_str()))
        .each(rows.iter().map(|row| row.raw.as_str()))
        .same(stamp.now)
}

fn decode(row: &Row<'_>) -> Result<KeptRow, DbError> {
    Ok(KeptRow {
        quarantine_id: row.int(0)?,
        quarantined_at: row.instant(5)?,
        row: Quarantined {
            source: row.text(1)?.to_owned(),
            line: row.opt_int(2)?.map(|line| line as u64),
            reason: row.text(3)?.to_owned(),
            raw: row.text(4)?.to_owned(),
        },
    })
}

impl Store {
    /// Keeps refused rows; those already kept stay as they are.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn quarantine(&self, rows: &[Quarantined], stamp: Stamp<'_>) -> Result<(), StoreError> {
        if !rows.is_empty() {
            self.insert_all(&INSERT, batch(rows, stamp)).await?;
        }
        Ok(())
    }

    /// Every refused row, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn quarantined(&self) -> Result<Vec<KeptRow>, StoreError> {
        self.rows(&LIST, &Params::none(), decode).await
    }
}
