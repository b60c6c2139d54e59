//! Whether this login may do what a command is about to do, asked before it does any of it.
//!
//! Why: a server says no at the statement that lacks a GRANT, and that may be the last one: a run
//! that may insert and not update would write every verdict and then could not close its ledger row.
//!
//! Invariants: asking changes nothing, because each question is a write of no rows; SQLite has no
//! privileges and is not asked. The questions stand here and not in `sql/`: they are one text per table
//! and verb.
//!
//! Must not know: commands; the lists here are named after what is written.

use crate::db::error::DbError;
use crate::db::statement::{Dialect, Statement};
use crate::db::value::Params;

use super::{Store, StoreError};

/// A verb on a table that a command needs.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    /// `SELECT`, `INSERT`, `UPDATE` or `DELETE`.
    pub verb: &'static str,
    /// The table.
    pub table: &'static str,
    question: Statement,
}

/// The questions read nothing, so that a missing `SELECT` is not taken for a missing write.
macro_rules! need {
    (SELECT $table:literal) => {
        Need {
            verb: "SELECT",
            table: $table,
            question: Statement::portable(
                concat!("may read ", $table),
                concat!("SELECT 1 FROM ", $table, " WHERE 1 = 0"),
            ),
        }
    };
    (INSERT $table:literal $column:literal) => {
        Need {
            verb: "INSERT",
            table: $table,
            question: Statement::portable(
                concat!("may insert into ", $table),
                concat!(
                    "INSERT INTO ",
                    $table,
                    " (",
                    $column,
                    ") SELECT 1 FROM DUAL WHERE 1 = 0"
                ),
            ),
        }
    };
    (DELETE $table:literal) => {
        Need {
            verb: "DELETE",
            table: $table,
            question: Statement::portable(
                concat!("may delete from ", $table),
                concat!("DELETE FROM ", $table, " WHERE 1 = 0"),
            ),
        }
    };
    (UPDATE $table:literal $column:literal) => {
        Need {
            verb: "UPDATE",
            table: $table,
            question: Statement::portable(
                concat!("may update ", $table),
                concat!("UPDATE ", $table, " SET ", $column, " = '' WHERE 1 = 0"),
            ),
        }
    };
}

/// What every command reads.
pub static READ: [Need; 18] = [
    need!(SELECT "workout_summary"),
    need!(SELECT "workout_classification_history"),
    need!(SELECT "workout_ml_classifications"),
    need!(SELECT "ml_model_registry"),
    need!(SELECT "user_classification_feedback"),
    need!(SELECT "pipeline_runs"),
    need!(SELECT "pipeline_chunks"),
    need!(SELECT "pipeline_lease"),
    need!(SELECT "audit_segments"),
    need!(SELECT "audit_leaves"),
    need!(SELECT "audit_adopted"),
    need!(SELECT "model_evaluations"),
    need!(SELECT "model_feedback"),
    need!(SELECT "quarantined_rows"),
    need!(SELECT "backfill_windows"),
    need!(SELECT "audit_archives"),
    need!(SELECT "audit_snapshot"),
    need!(SELECT "archive_status"),
];

/// What an import writes.
pub static IMPORT: [Need; 4] = [
    need!(INSERT "workout_summary" "workout_id"),
    need!(UPDATE "workout_summary" "link"),
    need!(INSERT "quarantined_rows" "fingerprint"),
    // A refused row that is kept already is an update of nothing.
    need!(UPDATE "quarantined_rows" "fingerprint"),
];

/// What verdicts are written to.
pub static VERDICTS: [Need; 6] = [
    need!(INSERT "audit_segments" "segment_id"),
    need!(INSERT "audit_leaves" "segment_id"),
    need!(INSERT "audit_adopted" "segment_id"),
    need!(INSERT "workout_classification_history" "workout_id"),
    need!(INSERT "workout_ml_classifications" "workout_id"),
    need!(UPDATE "workout_ml_classifications" "metadata"),
];

/// What a run writes beside its verdicts.
pub static RUN: [Need; 12] = [
    need!(INSERT "pipeline_lease" "pipeline"),
    need!(UPDATE "pipeline_lease" "holder"),
    need!(INSERT "pipeline_runs" "run_id"),
    need!(UPDATE "pipeline_runs" "status"),
    need!(INSERT "pipeline_chunks" "run_id"),
    need!(INSERT "ml_model_registry" "model_id"),
    need!(UPDATE "ml_model_registry" "status"),
    need!(INSERT "model_evaluations" "model_id"),
    need!(INSERT "model_feedback" "model_id"),
    need!(UPDATE "user_classification_feedback" "comments"),
    need!(INSERT "quarantined_rows" "fingerprint"),
    need!(UPDATE "quarantined_rows" "fingerprint"),
];

/// What a backfill writes beside what a run does.
pub static BACKFILL: [Need; 2] = [
    need!(INSERT "backfill_windows" "backfill_id"),
    need!(UPDATE "backfill_windows" "status"),
];

/// What moving history into files and back writes.
pub static ARCHIVE: [Need; 10] = [
    need!(INSERT "pipeline_lease" "pipeline"),
    need!(UPDATE "pipeline_lease" "holder"),
    need!(INSERT "audit_segments" "segment_id"),
    need!(INSERT "audit_archives" "archive_id"),
    need!(INSERT "audit_snapshot" "archive_id"),
    need!(DELETE "audit_snapshot"),
    need!(INSERT "archive_status" "archive_id"),
    need!(UPDATE "archive_status" "folder"),
    need!(INSERT "workout_classification_history" "workout_id"),
    need!(DELETE "workout_classification_history"),
];

impl Store {
    /// Those of `needs` that this login lacks, as `UPDATE on pipeline_runs`; always none on SQLite.
    ///
    /// # Errors
    /// [`StoreError::Db`] where the store fails or takes no writes at all.
    pub async fn lacking(&self, needs: &'static [Need]) -> Result<Vec<String>, StoreError> {
        self.lacking_of(needs, false).await
    }

    /// As [`Store::lacking`], of those tables that are there.
    ///
    /// # Errors
    /// As [`Store::lacking`].
    pub async fn lacking_where_there(&self, needs: &'static [Need]) -> Result<Vec<String>, StoreError> {
        self.lacking_of(needs, true).await
    }

    async fn lacking_of(&self, needs: &'static [Need], may_be_absent: bool) -> Result<Vec<String>, StoreError> {
        let mut lacking = Vec::new();
        if self.db.dialect() == Dialect::Sqlite {
            return Ok(lacking);
        }
        for need in needs {
            match self.db.execute(&need.question, &Params::none()).await {
                // A server may find fault with the columns that the question leaves out, which it
                // looks at only after the privileges.
                Ok(_) | Err(DbError::Constraint { .. }) => {}
                Err(DbError::MissingSchema { .. }) if may_be_absent => {}
                Err(DbError::Privilege { .. }) => lacking.push(format!("{} on {}", need.verb, need.table)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(lacking)
    }

    /// Refuses where this login lacks any of `needs`.
    ///
    /// # Errors
    /// [`DbError::Privilege`] that names all that is missing; else as [`Store::lacking`].
    pub async fn require(&self, needs: &'static [Need]) -> Result<(), StoreError> {
        let lacking = self.lacking(needs).await?;
        if lacking.is_empty() {
            return Ok(());
        }
        Err(StoreError::Db(DbError::Privilege {
            statement: format!("write to {}", self.db.target()),
            detail: format!("{}; nothing was written", lacking.join(", ")),
        }))
    }
}
