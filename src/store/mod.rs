//! What the domain asks of a database, written once over the five primitives of `db`.
//!
//! Why: both servers run the same statements, so they cannot drift apart; a test of one is a test of
//! the question, and the conformance suite is a test of the answer.
//!
//! Invariants: every write of verdicts is one transaction that extends the audit chain, so two
//! writers that read the same state cannot both commit; statements live in `sql/`.
//!
//! Must not know: how verdicts are made, or who asks.

pub mod adopt;
pub mod archive;
pub mod archived;
pub mod archiving;
pub mod backfill;
pub mod chain;
pub mod classifications;
pub mod evaluations;
pub mod feedback;
pub mod findings;
pub mod history;
pub mod lease;
pub mod lifecycle;
pub mod measures;
pub mod models;
pub mod overrides;
pub mod pictures;
pub mod privileges;
pub mod probe;
pub mod quarantine;
pub mod repair;
pub mod replay;
pub mod report;
pub mod runs;
pub mod segments;
pub mod slices;
pub mod standings;
pub mod taught;
pub mod undo;
pub mod verify;
pub mod workouts;
pub mod write;

use std::time::Duration;

use crate::db::Db;
use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row};
use crate::stage::frame::FrameError;

/// The domain's view of one database.
#[derive(Clone)]
pub struct Store {
    db: Db,
    /// Where it is set, each write transaction checks it first.
    fence: Option<lease::Fence>,
}

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// What was read is no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A model that does not exist.
    #[error("there is no model '{0}'; `paceline model list` shows those there are")]
    NoSuchModel(String),
    /// A lifecycle step that its present status forbids.
    #[error("model {model_id} is {found}; only a model that is {needed} can be {verb}")]
    WrongStatus {
        /// The model.
        model_id: String,
        /// Its status now.
        found: String,
        /// The statuses that allow the step.
        needed: &'static str,
        /// The step.
        verb: &'static str,
    },
    /// The run's lease has passed to another run; nothing of the transaction was written.
    #[error("fenced out: lease {fence} of pipeline '{pipeline}' has been taken over by {by}; nothing was written")]
    Fenced {
        /// The pipeline.
        pipeline: String,
        /// The lease that this run held.
        fence: i64,
        /// Who took it.
        by: String,
    },
    /// The run's row in the ledger has been closed by another run, which took the pipeline over.
    #[error("{run_id} is {status} in the ledger already: {why}")]
    Closed {
        /// The run.
        run_id: String,
        /// What the ledger has it as.
        status: String,
        /// Why, as the ledger has it.
        why: String,
    },
    /// What does not fit into memory could not be put on the disk, or not be read back.
    #[error("cannot use a temporary file in '{}': {detail}", folder.display())]
    Spill {
        /// The folder.
        folder: std::path::PathBuf,
        /// The system's message.
        detail: String,
    },
    /// What was asked for is archived, and its file is not at hand.
    #[error("{what} is archived in {file}, {why}")]
    Archived {
        /// What was asked for.
        what: String,
        /// The file.
        file: String,
        /// Why it cannot be read.
        why: String,
    },
    /// A compare-and-swap lost to another writer.
    #[error(
        "{what}: {now} is active now, {seen} was when this command looked; another process was first, so nothing was changed"
    )]
    LostRace {
        /// The step that was tried.
        what: String,
        /// The model that this caller saw as active.
        seen: String,
        /// The one that is.
        now: String,
    },
}

/// How long after a lost answer the store is looked at: a server that has received a COMMIT may still be at it
/// when its client is gone.
const LOOKS: [Duration; 3] = [Duration::ZERO, Duration::from_millis(40), Duration::from_millis(160)];

/// The answer to a write whose COMMIT may or may not have taken effect, after a look at the store. Where that
/// cannot be told, the outcome stays unknown, which callers treat as a passing fault.
async fn settled<F>(written: Result<(), StoreError>, took_effect: impl Fn() -> F) -> Result<(), StoreError>
where
    F: Future<Output = Result<bool, StoreError>>,
{
    if !matches!(written, Err(StoreError::Db(DbError::CommitUnknown { .. }))) {
        return written;
    }
    for wait in LOOKS {
        tokio::time::sleep(wait).await;
        if matches!(took_effect().await, Ok(true)) {
            return Ok(());
        }
    }
    written
}

impl Store {
    /// Over an open database.
    pub fn new(db: Db) -> Self {
        Self { db, fence: None }
    }

    /// The database below, for probes and migrations.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Every row of the result in order, decoded.
    async fn rows<T: Send>(
        &self,
        statement: &Statement,
        params: &Params,
        mut decode: impl FnMut(&Row<'_>) -> Result<T, DbError> + Send,
    ) -> Result<Vec<T>, StoreError> {
        let mut rows = Vec::new();
        let each = |row: &Row<'_>| {
            rows.push(decode(row)?);
            Ok(())
        };
        self.db.query(statement, params, each).await?;
        Ok(rows)
    }

    /// The row of a result that has at most one, decoded; of more, the last.
    async fn row<T: Send>(
        &self,
        statement: &Statement,
        params: &Params,
        decode: impl FnMut(&Row<'_>) -> Result<T, DbError> + Send,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.rows(statement, params, decode).await?.pop())
    }
}
