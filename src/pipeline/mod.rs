//! Pipelines: one run from top to bottom, its plan, and imports.
//!
//! Why: stages are pure and stores are dumb; this is where they meet, in one order, with one error
//! policy: only transient faults are retried, only here, and only a bounded number of times.
//!
//! Invariants: nothing is written before the diff is complete and the gate has passed; every run is
//! in the ledger from before its first stage.
//!
//! Must not know: the command line, the environment, the clock ([`Ambient`] carries what it needs).

pub mod activate;
pub mod adopt;
pub mod answers;
pub mod archive;
pub mod backfill;
pub mod choose;
pub mod compare;
pub mod gate;
pub mod import;
pub mod labels;
mod lanes;
pub mod lease;
pub mod lessons;
mod line;
pub mod measures;
pub mod memory;
pub mod people;
pub mod plan;
pub mod prepare;
pub mod register;
pub mod repair;
pub mod report;
pub mod review;
pub mod run;
pub mod session;
pub mod spans;
pub mod stop;
pub mod undo;
pub mod waiting;
mod write;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};

use crate::db::error::DbError;
use crate::store::StoreError;
use crate::store::runs::RunFailure;
use crate::time::Timestamp;

/// What a run takes from the world outside: all of it passed in by `app`.
#[derive(Clone)]
pub struct Ambient {
    /// The current instant; a fixed one with `--now`.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Fresh randomness for run ids.
    pub entropy: Arc<dyn Fn() -> u32 + Send + Sync>,
    /// Where progress is shown.
    pub progress: Arc<dyn Progress>,
    /// Called at each named point; tests stop the process there.
    pub at_point: Arc<dyn Fn(&'static str) + Send + Sync>,
    /// This process, for the lease.
    pub process: lease::Process,
    /// Whether it is to end before it is done.
    pub stop: stop::Stop,
}

impl Ambient {
    /// The current instant.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Marks a point between two stages (`after_load`, `after_train`, ..).
    pub(crate) fn reached(&self, point: &'static str) {
        (self.at_point)(point);
    }
}

/// Shows how far a long step is. Implementations must be cheap: they are called thousands of times.
pub trait Progress: Send + Sync {
    /// A step begins; `total` is its length in rows where it is known.
    fn begin(&self, step: &'static str, total: Option<u64>);
    /// `done` rows of the step are through.
    fn at(&self, done: u64);
    /// The step is over.
    fn end(&self);
}

/// Shows nothing.
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _step: &'static str, _total: Option<u64>) {}
    fn at(&self, _done: u64) {}
    fn end(&self) {}
}

/// The kinds of failure, which decide retry and exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// May pass by itself; retried.
    Transient,
    /// The store cannot be reached.
    Unreachable,
    /// The input is at fault.
    Data,
    /// The configuration is at fault (login, privileges, schema, pipeline file).
    Config,
    /// A gate stopped it on purpose.
    Gate,
    /// Another run holds the pipeline.
    LeaseHeld,
    /// Another run has taken the pipeline from this one.
    Fenced,
    /// It was told to stop.
    Stopped(stop::Signal),
    /// Paceline is at fault.
    Bug,
}

impl Kind {
    /// The word the ledger keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Unreachable => "unreachable",
            Self::Data => "data",
            Self::Config => "config",
            Self::Gate => "gate",
            Self::LeaseHeld => "lease_held",
            Self::Fenced => "fenced",
            Self::Stopped(_) => "interrupted",
            Self::Bug => "bug",
        }
    }
}

/// Why a run failed: where, of what kind, and the cause.
#[derive(Debug)]
pub struct RunError {
    /// The stage: load, decide, train, classify, diff, gate, register, write, import.
    pub stage: &'static str,
    /// The kind.
    pub kind: Kind,
    /// The cause.
    pub source: Box<dyn std::error::Error + Send + Sync>,
    /// What to do next.
    pub hint: String,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.stage, self.source)?;
        if !self.hint.is_empty() {
            write!(f, "\n  next: {}", self.hint)?;
        }
        Ok(())
    }
}

impl From<&RunError> for RunFailure {
    fn from(error: &RunError) -> Self {
        Self {
            stage: error.stage.to_owned(),
            kind: error.kind.as_str().to_owned(),
            message: error.source.to_string(),
        }
    }
}

// The display holds the whole cause already; naming it as source too would print it twice.
impl std::error::Error for RunError {}

impl RunError {
    /// A failure of a kind that the caller knows.
    pub fn new(
        stage: &'static str,
        kind: Kind,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            stage,
            kind,
            source: source.into(),
            hint: hint.into(),
        }
    }

    /// A failure that only a fault of Paceline itself explains.
    pub fn bug(stage: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let hint = "this is a bug in Paceline; please report it with this message";
        Self::new(stage, Kind::Bug, source, hint)
    }

    /// A failure of the store during `stage`.
    pub fn store(stage: &'static str, error: StoreError) -> Self {
        let hint = store_hint(&error);
        Self::new(stage, store_kind(&error), error, hint)
    }
}

/// How often a short piece of work is tried again.
pub(crate) const RETRIES: usize = 6;
/// No try begins later than this after the first: each may have to wait for a lock that does not come free.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pauses between tries: 50 ms, growing to 5 s, with jitter, so that two which collided do not collide
/// again in step.
pub(crate) fn pauses(times: usize) -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(times)
}

/// Does a short piece of work again, at most `times` more and with jittered pauses, while it fails of a
/// passing fault. A race that was lost stays lost: who asked had another state in mind.
pub(crate) async fn retrying<T, F>(times: usize, work: impl FnMut() -> F) -> Result<T, RunError>
where
    F: Future<Output = Result<T, RunError>>,
{
    let began = Instant::now();
    let may_pass = |error: &RunError| {
        let lost = matches!(error.source.downcast_ref(), Some(StoreError::LostRace { .. }));
        error.kind == Kind::Transient && !lost && began.elapsed() < PATIENCE
    };
    work.retry(pauses(times)).when(may_pass).await
}

/// What a store error means for retry and exit code.
pub fn store_kind(error: &StoreError) -> Kind {
    match error {
        StoreError::Db(db) => match db {
            DbError::Unreachable { .. } => Kind::Unreachable,
            DbError::Transient { .. } | DbError::CommitUnknown { .. } | DbError::Conflict { .. } => Kind::Transient,
            DbError::BadUrl { .. }
            | DbError::Denied { .. }
            | DbError::Privilege { .. }
            | DbError::MissingSchema { .. }
            | DbError::Migration { .. } => Kind::Config,
            DbError::Duplicate { .. }
            | DbError::Constraint { .. }
            | DbError::Decode { .. }
            | DbError::Unwritable { .. }
            | DbError::Other { .. } => Kind::Data,
        },
        StoreError::Fenced { .. } | StoreError::Closed { .. } => Kind::Fenced,
        StoreError::LostRace { .. } => Kind::Transient,
        StoreError::Frame(_)
        | StoreError::NoSuchModel(_)
        | StoreError::WrongStatus { .. }
        | StoreError::Archived { .. }
        | StoreError::Spill { .. } => Kind::Data,
    }
}

/// What to do about a store error; empty where its message already says so.
pub fn store_hint(error: &StoreError) -> &'static str {
    match error {
        StoreError::Db(db) => db.hint(),
        StoreError::Frame(_) => "correct the named rows in the database",
        StoreError::Fenced { .. } | StoreError::Closed { .. } => {
            "the other run finishes the work; `paceline runs list` shows it"
        }
        StoreError::Spill { .. } => {
            "free some space there, or name another folder in TMPDIR: 40 bytes for each history row are enough"
        }
        StoreError::Archived { .. } => {
            "name its folder with --archive DIR, or put the rows back into the table with `paceline archive restore`"
        }
        StoreError::LostRace { .. } => "look at `paceline model list`, then decide again",
        StoreError::NoSuchModel(_) | StoreError::WrongStatus { .. } => "",
    }
}
