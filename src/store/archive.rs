//! Archives in the store: what is sealed of them, and where their rows are.
//!
//! Why: whoever reads the history must know which part of it is not in the table, and what stands for it.
//!
//! An archive goes `archiving` (sealed, its file has been read back, rows leave the table) -> `archived` ->
//! `restoring` (rows come back) -> `restored`. Until it is restored it is *in force*: replay takes its snapshot in
//! the place of its rows, and whatever of them is in the table is not looked at.
//!
//! Invariants: archives in force do not overlap, and with the restored ones between them they cover the chain from
//! its first segment to [`Archives::covered`].
//!
//! Must not know: files; how rows are moved (`archiving` does).

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::Hash;
use crate::audit::archive::Record;
use crate::audit::encoding::HistoryRowRef;
use crate::audit::replay::State;
use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row, Value};
use crate::sql;
use crate::time::Timestamp;

use super::replay::row_of;
use super::segments::ROWS;
use super::{Store, StoreError};

static ARCHIVES: Statement = sql!("query/archives");
static CUTOFF: Statement = sql!("query/archive_cutoff");
static STATES: Statement = sql!("query/snapshot_states");
static STATES_OF: Statement = sql!("query/snapshot_states_of");

/// Workouts that are asked for in one statement.
const ASKED: usize = 512;

/// Where the rows of an archive are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// In the file, and those that have not left it yet in the table.
    Archiving,
    /// In the file alone.
    Archived,
    /// In the file, and those that have come back in the table.
    Restoring,
    /// In the table.
    Restored,
}

impl Status {
    /// The word of the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Archiving => "archiving",
            Self::Archived => "archived",
            Self::Restoring => "restoring",
            Self::Restored => "restored",
        }
    }

    /// Any other word leaves the rows in the file.
    fn read(word: &str) -> Self {
        match word {
            "archiving" => Self::Archiving,
            "restoring" => Self::Restoring,
            "restored" => Self::Restored,
            _ => Self::Archived,
        }
    }
}

/// An archive as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// What is sealed of it.
    pub record: Record,
    /// The segment that seals it.
    pub segment_id: i64,
    /// Where its rows are.
    pub status: Status,
    /// The folder that its file was written to.
    pub folder: String,
    /// The last step.
    pub updated_at: Option<Timestamp>,
}

impl Archive {
    /// True while replay takes the snapshot in the place of the rows.
    pub fn is_in_force(&self) -> bool {
        self.status != Status::Restored
    }
}

/// All archives of a store, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Archives {
    /// By number.
    pub all: Vec<Archive>,
}

impl Archives {
    /// Those in force, by number.
    pub fn in_force(&self) -> impl Iterator<Item = &Archive> {
        self.all.iter().filter(|archive| archive.is_in_force())
    }

    /// The last segment whose rows replay does not read from the table: it and all before it stand in snapshots.
    /// 0 where there are none.
    pub fn covered(&self) -> i64 {
        self.in_force().map(|a| a.record.last_segment).max().unwrap_or(0)
    }

    /// The archive in force that holds a segment.
    pub fn holding(&self, segment_id: i64) -> Option<&Archive> {
        self.in_force().find(|archive| archive.record.holds(segment_id))
    }
}

fn hash_of(row: &Row<'_>, index: usize) -> Result<Hash, DbError> {
    let text = row.text(index)?;
    text.parse().map_err(|_| DbError::Decode {
        column: format!("audit_archives column {index}"),
        expected: "SHA-256 in hexadecimal",
        found: text.to_owned(),
    })
}

fn archive_of(row: &Row<'_>) -> Result<Archive, DbError> {
    let count = |index| row.int(index).map(|n| n.max(0) as u64);
    Ok(Archive {
        record: Record {
            archive_id: row.int(0)?,
            first_segment: row.int(2)?,
            last_segment: row.int(3)?,
            head: hash_of(row, 4)?,
            row_count: count(5)?,
            newest_at: row.instant(6)?,
            file_name: row.text(7)?.to_owned(),
            file_bytes: count(8)?,
            file_sha256: hash_of(row, 9)?,
            snapshot_rows: count(10)?,
            snapshot_root: hash_of(row, 11)?,
            made_at: row.instant(12)?,
        },
        segment_id: row.int(1)?,
        status: Status::read(row.text(13)?),
        folder: row.text(14)?.to_owned(),
        updated_at: row.opt_micros(15)?.map(Timestamp::from_micros),
    })
}

/// A row of a snapshot, from its column `from` on: label, override, count, model, run, testimony.
pub(super) fn fact_of(row: &Row<'_>, from: usize) -> Result<Option<State>, DbError> {
    let Some(label) = row.opt_string(from)? else {
        return Ok(None);
    };
    Ok(Some(State {
        label,
        is_override: row.int(from + 1)? != 0,
        change_count: row.int(from + 2)?,
        model_id: row.opt_string(from + 3)?,
        run_id: row.opt_string(from + 4)?,
        testimony: row.int(from + 5)? != 0,
    }))
}

impl Store {
    /// Every archive.
    ///
    /// # Errors
    /// [`StoreError::Db`], with [`DbError::Decode`] where a hash is none.
    pub async fn archives(&self) -> Result<Archives, StoreError> {
        let all = self.rows(&ARCHIVES, &Params::none(), archive_of).await?;
        Ok(Archives { all })
    }

    /// The first segment that was sealed at `before` or later; None where all are older.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn first_sealed_since(&self, before: Timestamp) -> Result<Option<i64>, StoreError> {
        let params = Params::none().with("before", before);
        Ok(self.row(&CUTOFF, &params, |row| row.opt_int(0)).await?.flatten())
    }

    /// Calls `each` for every row of a segment with its number, in the order of sealing; returns how many there are.
    ///
    /// # Errors
    /// [`StoreError::Db`]; the first of `each`, which ends the reading.
    pub async fn rows_of_segment(
        &self,
        segment_id: i64,
        mut each: impl FnMut(i64, HistoryRowRef<'_>) -> Result<(), DbError> + Send,
    ) -> Result<u64, StoreError> {
        let params = Params::none().with("segment_id", segment_id);
        let each = |row: &Row<'_>| each(row.int(0)?, row_of(row)?);
        Ok(self.db.query(&ROWS, &params, each).await?)
    }

    /// The states after segment `upto` of workouts with rows in archives up to there; of one, or of all.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn states_at(
        &self,
        upto: i64,
        workout_id: Option<&str>,
    ) -> Result<BTreeMap<String, Option<State>>, StoreError> {
        let mut states = BTreeMap::new();
        if upto > 0 {
            let params = Params::none().with("upto", upto).with("workout_id", workout_id);
            self.take_states(&STATES, &params, &mut states).await?;
        }
        Ok(states)
    }

    /// As [`Store::states_at`], of some workouts.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn states_at_of(
        &self,
        upto: i64,
        workouts: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Option<State>>, StoreError> {
        let mut states = BTreeMap::new();
        if upto > 0 {
            let all: Vec<Value> = workouts.iter().map(|id| Value::from(id.as_str())).collect();
            for some in all.chunks(ASKED) {
                let params = Params::none().with("upto", upto).with_list("workouts", some.to_vec());
                self.take_states(&STATES_OF, &params, &mut states).await?;
            }
        }
        Ok(states)
    }

    async fn take_states(
        &self,
        statement: &Statement,
        params: &Params,
        states: &mut BTreeMap<String, Option<State>>,
    ) -> Result<(), StoreError> {
        let each = |row: &Row<'_>| {
            states.insert(row.text(1)?.to_owned(), fact_of(row, 2)?);
            Ok(())
        };
        self.db.query(statement, params, each).await?;
        Ok(())
    }

    /// The archives in force in which a workout has rows, by number.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn archives_of(&self, workout_id: &str) -> Result<Vec<Archive>, StoreError> {
        let archives = self.archives().await?;
        let covered = archives.covered();
        let mut ids = BTreeSet::new();
        if covered > 0 {
            let params = Params::none().with("upto", covered).with("workout_id", workout_id);
            let found = self.rows(&STATES, &params, |row| row.int(0)).await?;
            ids.extend(found);
        }
        let all = archives.all.into_iter();
        Ok(all
            .filter(|a| a.is_in_force() && ids.contains(&a.record.archive_id))
            .collect())
    }
}
