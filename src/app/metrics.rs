//! Metrics for Prometheus: as a file for the node exporter, and as an endpoint of a scheduler.
//!
//! Why: a night that did not happen logs nothing; a monitor that knows when the last one succeeded sees it.
//!
//! Invariants: a file is replaced whole, also where the command failed; figures of the store come from the store,
//! so that a restart forgets none; no figure or label holds anything of the URL.
//!
//! Must not know: what a run does.

mod exposition;
mod serve;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::Notify;

use crate::pipeline::measures::Measures;
use crate::scheduler::health::Health;
use crate::store::Store;
use crate::time::Timestamp;

use super::replace_file;
use super::telemetry::{RunStages, Telemetry};

pub use exposition::exposition;
pub use serve::Endpoint;

/// Between two looks at the store there is at least this much time.
const PAUSE: Duration = Duration::from_secs(1);
/// A scheduler looks once a minute. One that has not for so long hangs.
const STALE: Duration = Duration::from_secs(300);

/// What a command that has ended says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Its name, `run` or `model train`.
    pub command: String,
    /// Its exit code.
    pub code: u8,
    /// How long it took.
    pub seconds: f64,
    /// When it ended.
    pub at: Timestamp,
}

/// Everything that is shown at one moment.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The store's figures; None where they could not be had.
    pub measures: Option<Measures>,
    /// The command, once it has ended.
    pub ended: Option<Ended>,
    /// The scheduler.
    pub health: Option<Health>,
    /// The stages of the runs of this process.
    pub stages: Vec<RunStages>,
}

impl Facts {
    /// Replaces a file with them.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        replace_file(path, &exposition(self, None)?)
    }
}

/// What a scheduler shows while it lives. Clones are the same board.
#[derive(Clone)]
pub struct Board {
    shown: Arc<Mutex<Shown>>,
    news: Arc<Notify>,
    telemetry: Telemetry,
}

#[derive(Default)]
struct Shown {
    facts: Facts,
    seen: Option<Instant>,
}

impl Board {
    /// An empty one.
    pub fn new(telemetry: Telemetry) -> Self {
        Self {
            shown: Arc::default(),
            news: Arc::default(),
            telemetry,
        }
    }

    /// The scheduler has looked, or a run of it has ended.
    pub fn saw(&self, health: &Health) {
        let mut shown = self.lock();
        shown.facts.health = Some(health.clone());
        shown.seen = Some(Instant::now());
        drop(shown);
        self.news.notify_one();
    }

    /// What is shown now.
    pub fn facts(&self) -> Facts {
        let facts = self.lock().facts.clone();
        Facts {
            stages: self.telemetry.stages(),
            ..facts
        }
    }

    /// The scheduler's health; None before its first look and where the last one was too long ago.
    pub fn health(&self) -> Option<Health> {
        let shown = self.lock();
        let is_fresh = shown.seen.is_some_and(|seen| seen.elapsed() < STALE);
        shown.facts.health.clone().filter(|_| is_fresh)
    }

    /// Keeps the store's figures up to date, and the file where there is one, until it is dropped.
    pub async fn keep(self, store: Store, file: Option<PathBuf>) {
        loop {
            self.news.notified().await;
            let before = self.lock().facts.measures.clone();
            let taken = Measures::take(&store, before.as_ref()).await;
            if let Err(error) = &taken {
                tracing::warn!(%error, "no metrics of the store");
            }
            self.lock().facts.measures = taken.ok();
            if let Some(path) = &file
                && let Err(error) = self.facts().write(path)
            {
                tracing::warn!(error = format!("{error:#}"), "no metrics file");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
