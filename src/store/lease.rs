//! `pipeline_lease`: which run holds a pipeline, and the fence that keeps others from writing.
//!
//! Why: two runs of one pipeline at once would each write what the other has made stale. A lease that
//! expires lets the work go on after a crash; but a process that was merely asleep does not know that
//! its lease is gone. So each acquisition has a number, the fence, and each write transaction of a run
//! begins with a guarded update of the row under that number: who wakes up late writes nothing.
//!
//! Invariants: for one pipeline the fence only grows; a [`Store::fenced`] store makes no write
//! transaction without the check; all times are the caller's.
//!
//! Must not know: how long a lease is good for, and which holders are known to be dead.

use crate::db::error::DbError;
use crate::db::statement::{Batch, Expect, Insert, Statement, Step, Transaction};
use crate::db::turn::Turn;
use crate::db::value::{Params, Row};
use crate::id::RunId;
use crate::sql;
use crate::time::Timestamp;

use super::{Store, StoreError};

static READ: Statement = sql!("query/lease_read");
static HELD: Statement = sql!("query/leases_held");
static CREATE: Statement = sql!("query/lease_create");
static TAKE: Statement = sql!("query/lease_take");
static BEAT: Statement = sql!("query/lease_beat");
static RELEASE: Statement = sql!("query/lease_release");
static CHECK: Statement = sql!("query/lease_check");

/// How often an acquisition looks again after the row changed between its look and its grasp.
const ATTEMPTS: usize = 5;

/// One acquisition of one pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The pipeline.
    pub pipeline: String,
    /// The acquisition's number, from 1.
    pub number: i64,
}

/// A lease as the table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    /// The last acquisition's number.
    pub fence: i64,
    /// Who holds it, in words; None: nobody.
    pub holder: Option<String>,
    /// The run that it is held for.
    pub run_id: Option<String>,
    /// The holder's process, where it could be told.
    pub process: Option<String>,
    /// The holder's last sign of life.
    pub heartbeat_at: Timestamp,
    /// From this instant on anybody may take it.
    pub expires_at: Timestamp,
}

/// A wish to hold a pipeline.
#[derive(Debug, Clone)]
pub struct Claim<'a> {
    /// The pipeline.
    pub pipeline: &'a str,
    /// The run that it is for.
    pub run_id: &'a RunId,
    /// Who asks, in words.
    pub holder: &'a str,
    /// The asking process, where it can be told.
    pub process: Option<&'a str>,
    /// The instant.
    pub now: Timestamp,
    /// From this instant on anybody else may take it.
    pub expires_at: Timestamp,
}

/// The answer to a [`Claim`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The pipeline is the caller's.
    Granted {
        /// To write under.
        fence: Fence,
        /// The lease that was taken from a run which had not given it back.
        taken_from: Option<LeaseRow>,
    },
    /// Another run holds it.
    Held(LeaseRow),
}

impl LeaseRow {
    /// True where nobody holds it at `now`: given back, or expired.
    pub fn is_free(&self, now: Timestamp) -> bool {
        self.run_id.is_none() || self.expires_at <= now
    }

    /// `run_20260102_030405_0000002a (process 7 on host)`.
    pub fn describe(&self) -> String {
        match (&self.run_id, &self.holder) {
            (Some(run), Some(holder)) => format!("{run} ({holder})"),
            (Some(run), None) => run.clone(),
            (None, _) => "nobody".to_owned(),
        }
    }
}

fn decode(row: &Row<'_>) -> Result<LeaseRow, DbError> {
    Ok(LeaseRow {
        fence: row.int(0)?,
        holder: row.opt_string(1)?,
        run_id: row.opt_string(2)?,
        process: row.opt_string(3)?,
        heartbeat_at: row.instant(4)?,
        expires_at: row.instant(5)?,
    })
}

impl Store {
    /// The lease of a pipeline, or None where it was never held.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn lease(&self, pipeline: &str) -> Result<Option<LeaseRow>, StoreError> {
        let params = Params::none().with("pipeline", pipeline);
        self.row(&READ, &params, decode).await
    }

    /// The pipelines that are held, and by whom, whether or not the lease has expired.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn leases_held(&self) -> Result<Vec<(String, LeaseRow)>, StoreError> {
        let named = |row: &Row<'_>| Ok((row.text(6)?.to_owned(), decode(row)?));
        self.rows(&HELD, &Params::none(), named).await
    }

    /// Takes the lease where it is free, where it is this run's already, or where `may_take` says so of
    /// the lease that is in the way.
    ///
    /// # Errors
    /// [`StoreError::Db`]. After a lost connection it is safe to ask again.
    pub async fn acquire_lease(
        &self,
        claim: &Claim<'_>,
        may_take: impl Fn(&LeaseRow) -> bool,
    ) -> Result<Claimed, StoreError> {
        let mut seen = self.lease(claim.pipeline).await?;
        for _ in 0..ATTEMPTS {
            let granted = match &seen {
                None => self.create_lease(claim).await?,
                Some(row) if row.run_id.as_deref() == Some(claim.run_id.as_str()) => Some(row.fence),
                Some(row) if row.is_free(claim.now) || may_take(row) => self.take_lease(claim, row).await?,
                Some(row) => return Ok(Claimed::Held(row.clone())),
            };
            if let Some(number) = granted {
                let taken_from =
                    seen.filter(|row| row.run_id.as_deref().is_some_and(|run| run != claim.run_id.as_str()));
                let fence = Fence {
                    pipeline: claim.pipeline.to_owned(),
                    number,
                };
                return Ok(Claimed::Granted { fence, taken_from });
            }
            seen = self.lease(claim.pipeline).await?;
        }
        match seen {
            Some(row) => Ok(Claimed::Held(row)),
            None => Err(contended()),
        }
    }

    /// The fence of a pipeline's first acquisition; None where another process was first.
    async fn create_lease(&self, claim: &Claim<'_>) -> Result<Option<i64>, StoreError> {
        match self.db.execute(&CREATE, &claim.params()).await {
            Ok(_) => Ok(Some(1)),
            Err(DbError::Duplicate { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The fence of a later one; None where the row is no longer as it was seen.
    async fn take_lease(&self, claim: &Claim<'_>, seen: &LeaseRow) -> Result<Option<i64>, StoreError> {
        let params = claim
            .params()
            .with("fence", seen.fence)
            .with("seen_heartbeat", seen.heartbeat_at);
        let taken = self.db.execute(&TAKE, &params).await?;
        Ok((taken == 1).then_some(seen.fence + 1))
    }

    /// Shows that the holder is alive and puts off the expiry. False: the lease has passed to another run.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn beat_lease(&self, fence: &Fence, now: Timestamp, expires_at: Timestamp) -> Result<bool, StoreError> {
        let params = fence.params().with("now", now).with("expires_at", expires_at);
        Ok(self.db.execute(&BEAT, &params).await? == 1)
    }

    /// Gives the lease back; nothing happens where it has passed to another run.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn release_lease(&self, fence: &Fence, now: Timestamp) -> Result<(), StoreError> {
        self.db.execute(&RELEASE, &fence.params().with("now", now)).await?;
        Ok(())
    }

    /// The same store, with every write transaction under `fence`.
    #[must_use]
    pub fn fenced(&self, fence: Fence) -> Self {
        Self {
            db: self.db.clone(),
            fence: Some(fence),
        }
    }

    /// Runs a write transaction, under the fence where there is one.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] where the lease has passed to another run; nothing was written then.
    pub(super) async fn transact(&self, mut transaction: Transaction) -> Result<(), StoreError> {
        if let Some(fence) = &self.fence {
            transaction.steps.insert(0, fence.check());
        }
        let written = self.db.transact(&transaction).await;
        self.under_the_fence(written.map(|_| ())).await
    }

    /// [`Store::transact`] in a line. The fence is checked last and not first: the check holds the lease's row
    /// until the transaction is over, so at the beginning it would make each one wait for the one before it.
    ///
    /// # Errors
    /// As [`Store::transact`]; [`DbError::Transient`] where one before it in the line failed.
    pub(super) async fn transact_in_turn(&self, transaction: Transaction, turn: Turn) -> Result<(), StoreError> {
        let mut last = Transaction::new(transaction.name);
        last.steps.extend(self.fence.as_ref().map(Fence::check));
        let written = self.db.transact_in_turn(&transaction, &last, turn).await;
        if let (Err(DbError::Duplicate { .. } | DbError::Conflict { .. }), Some(fence)) = (&written, &self.fence) {
            // Whoever took the lease has written since, and what was written is met before the fence is.
            let now_held = self.lease(&fence.pipeline).await?;
            if now_held.is_none_or(|row| row.fence != fence.number) {
                return Err(self.shut_out(fence).await);
            }
        }
        self.under_the_fence(written).await
    }

    /// Says who holds the lease where its check failed.
    async fn under_the_fence(&self, written: Result<(), DbError>) -> Result<(), StoreError> {
        match (written, &self.fence) {
            (Err(DbError::Conflict { statement, .. }), Some(fence)) if statement == CHECK.name => {
                Err(self.shut_out(fence).await)
            }
            (written, _) => Ok(written?),
        }
    }

    /// [`Store::transact`] of one multi-row insert.
    pub(super) async fn insert_all(&self, insert: &'static Insert, rows: Batch) -> Result<(), StoreError> {
        self.transact(Transaction::new(insert.table).insert_many(insert, rows))
            .await
    }

    /// The error of a run whose fence no longer stands, with the name of the run that holds it now.
    async fn shut_out(&self, fence: &Fence) -> StoreError {
        let now_held = match self.lease(&fence.pipeline).await {
            Ok(row) => row,
            Err(error) => return error,
        };
        StoreError::Fenced {
            pipeline: fence.pipeline.clone(),
            fence: fence.number,
            by: match now_held {
                Some(row) if row.run_id.is_some() => format!("{}, lease {}", row.describe(), row.fence),
                Some(row) => format!("a run that is over by now, lease {}", row.fence),
                None => "somebody who deleted its row".to_owned(),
            },
        }
    }
}

impl Fence {
    fn check(&self) -> Step {
        Step::Execute {
            statement: &CHECK,
            params: self.params(),
            expect: Expect::Rows(1),
        }
    }

    fn params(&self) -> Params {
        Params::none()
            .with("pipeline", self.pipeline.as_str())
            .with("fence", self.number)
    }
}

impl Claim<'_> {
    fn params(&self) -> Params {
        Params::none()
            .with("pipeline", self.pipeline)
            .with("run_id", self.run_id.as_str())
            .with("holder", self.holder)
            .with("process", self.process)
            .with("now", self.now)
            .with("expires_at", self.expires_at)
    }
}

/// The row was there, then not, time and again: somebody deletes leases.
fn contended() -> StoreError {
    StoreError::Db(DbError::Conflict {
        statement: CREATE.name.to_owned(),
        expected: 1,
        found: 0,
    })
}
