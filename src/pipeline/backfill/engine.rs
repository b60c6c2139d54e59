//! The windows of a backfill, written one after the other.
//!
//! Why: preparing may happen side by side; writing is where the history gets its one order.
//!
//! Invariants: a window is written slice by slice, and each slice is dropped before the next is taken; one
//! transaction per chunk, never more than `write.chunk_rows` changes of one slice; the last one of a window
//! marks it; a passing fault begins its slice again and no other; a window that fails is recorded and does not
//! stop the others; what would fail every window stops the backfill.
//!
//! Must not know: what was there before, or why a window is done at all.

use tracing::Instrument;

use crate::config::Pipeline;
use crate::id::RunId;
use crate::store::backfill::WindowKey;
use crate::store::quarantine::Stamp;
use crate::store::runs::{OutcomeCounts, RunFailure};
use crate::store::slices::Stretch;
use crate::store::{Store, StoreError};

use super::super::line::{Line, Stock};
use super::super::write::chunks_of;
use super::super::{Ambient, Kind, RunError};
use super::ahead::{Ahead, Cutting, Slice};
use super::own::OwnStretch;
use super::report::{FailedWindow, Totals};
use super::start::{Job, command};
use super::window::{Preparer, Ready};
use super::windows::shown;
use super::work::Work;

/// What writing windows needs.
pub(super) struct Setup<'a> {
    pub pipeline: &'a Pipeline,
    pub ambient: &'a Ambient,
    pub run_id: &'a RunId,
    pub backfill_id: &'a str,
    /// Id and version of the model.
    pub model: Option<(String, String)>,
    /// Its store is under the run's fence.
    pub preparer: Preparer,
    pub cutting: Cutting,
    /// For the commands that try windows again.
    pub command: &'a str,
}

/// The setup, and what has been done so far.
pub(super) struct Engine<'a> {
    with: Setup<'a>,
    pub totals: Totals,
    pub completed: u64,
    pub failed: Vec<FailedWindow>,
    own: OwnStretch,
    next_chunk: u32,
    recount: bool,
    rows_seen: u64,
}

/// How a window ended that is not done.
enum Ended {
    /// The others go on.
    Failed(RunError, u32),
    /// The others would fail likewise.
    Stop(RunError),
}

/// True where the other windows would fail likewise: the store is gone or full, the lease is lost, another
/// model is in production, the process is to end.
fn stops(error: &RunError) -> bool {
    use crate::db::error::DbError;
    let fatal = matches!(
        error.source.downcast_ref(),
        Some(StoreError::LostRace { .. } | StoreError::Db(DbError::Unwritable { .. }))
    );
    fatal || !matches!(error.kind, Kind::Transient | Kind::Data | Kind::Gate | Kind::Bug)
}

impl<'a> Engine<'a> {
    /// Ready to begin.
    pub fn new(with: Setup<'a>) -> Self {
        Self {
            with,
            totals: Totals::default(),
            completed: 0,
            failed: Vec::new(),
            own: OwnStretch::default(),
            next_chunk: 0,
            recount: false,
            rows_seen: 0,
        }
    }

    fn store(&self) -> &Store {
        &self.with.preparer.store
    }

    /// Does the windows of `jobs` in this order; `rows` is how many workouts they hold, where it is known.
    ///
    /// # Errors
    /// What stopped it; what was done before is in the fields.
    pub async fn work(&mut self, jobs: &[Job], rows: Option<u64>) -> Result<(), RunError> {
        self.with.ambient.progress.begin("backfilling", rows);
        let windows = jobs.iter().map(|job| job.window);
        let mut ahead = Ahead::new(self.with.preparer.clone(), windows, self.with.cutting);
        let mut stopped = Ok(());
        for (position, job) in jobs.iter().enumerate() {
            self.with.ambient.reached("before_window");
            if let Err(error) = self.with.ambient.stop.check("backfill", || self.in_words()) {
                stopped = Err(error);
                break;
            }
            let span = tracing::info_span!("window", window = %job.window);
            match self.window(job, &mut ahead).instrument(span).await {
                Ok(()) => self.completed += 1,
                Err(Ended::Failed(error, attempts)) => {
                    ahead.skip_rest_of(position);
                    self.record_failure(job, &error, attempts).await;
                }
                Err(Ended::Stop(error)) => {
                    stopped = Err(error);
                    break;
                }
            }
            self.with.ambient.reached("after_window");
        }
        self.with.ambient.progress.end();
        self.count_again().await;
        stopped
    }

    fn in_words(&self) -> String {
        format!("{} windows are done", self.completed)
    }

    /// Writes a window, slice by slice.
    async fn window(&mut self, job: &Job, ahead: &mut Ahead) -> Result<(), Ended> {
        let mut work = Work::begin();
        loop {
            let Some(slice) = ahead.next().await else {
                return Err(Ended::Stop(RunError::bug("write", "a window has no slice")));
            };
            let is_last = slice.is_last;
            self.own
                .forget_before(slice.number.saturating_sub(self.with.cutting.concurrency));
            if let Err(ended) = self.slice(job, slice, &mut work).await {
                // What a window that has failed has written all the same.
                self.count_written(&work, &work.committed.tally.outcomes);
                return Err(ended);
            }
            self.with.ambient.reached("after_slice");
            self.with.ambient.progress.at(self.rows_seen);
            if is_last {
                self.totals.add_read(&work.read.rows, &work.read.skipped);
                self.count_written(&work, &work.outcomes());
                return Ok(());
            }
        }
    }

    /// Writes a slice, and does it again from its loading after a passing fault.
    async fn slice(&mut self, job: &Job, slice: Slice, work: &mut Work) -> Result<(), Ended> {
        let Slice {
            number,
            stretch,
            mut prepared,
            is_last,
        } = slice;
        loop {
            let error = match prepared {
                Ok(ready) => match self.write(number, job, &ready, is_last, work).await {
                    Ok(()) => {
                        self.rows_seen += ready.rows.read;
                        work.wrote(&ready);
                        return Ok(());
                    }
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let again = stretch
                .as_ref()
                .filter(|_| error.kind == Kind::Transient && !stops(&error));
            let Some((stretch, wait)) = again.and_then(|stretch| Some((stretch, work.pauses.next()?))) else {
                return Err(if stops(&error) {
                    Ended::Stop(error)
                } else {
                    Ended::Failed(error, work.attempts)
                });
            };
            tracing::warn!(window = %job.window, attempts = work.attempts, %error, "passing fault: its part of the window begins again");
            tokio::time::sleep(wait).await;
            work.attempts += 1;
            prepared = self.again(stretch).await;
        }
    }

    /// What a window has written; `outcomes` is what became of its workouts.
    fn count_written(&mut self, work: &Work, outcomes: &OutcomeCounts) {
        self.totals.add_changes(outcomes);
        self.totals.add_matrix(&work.committed.tally.matrix);
        self.totals.rows_written += work.committed.tally.rows;
    }

    /// Prepares a slice once more. After a fault it may be that a transaction was committed all the same.
    async fn again(&mut self, stretch: &Stretch) -> Result<Ready, RunError> {
        self.own.forget();
        self.recount = true;
        let chunks = self.store().chunks(self.with.run_id.as_str()).await;
        let chunks = chunks.map_err(|error| RunError::store("write", error))?;
        self.next_chunk = chunks.len() as u32;
        self.with.preparer.prepare(stretch).await
    }

    async fn write(
        &mut self,
        number: usize,
        job: &Job,
        ready: &Ready,
        is_last: bool,
        work: &mut Work,
    ) -> Result<(), RunError> {
        let failed = |error: StoreError| RunError::store("write", error);
        let stamp = Stamp {
            run_id: Some(self.with.run_id),
            now: self.with.ambient.now(),
        };
        self.store().quarantine(&ready.refused, stamp).await.map_err(failed)?;
        let model = self.with.model.clone();
        let key = self.key(job, model.as_ref().map(|(id, _)| id.as_str()));
        let chunks = chunks_of(&ready.changes, self.with.pipeline.chunk_rows);
        let Some(last) = chunks.len().checked_sub(1) else {
            if !is_last {
                return Ok(());
            }
            let done = work.done(ready, &work.committed, self.with.ambient.now());
            return self.store().complete_window(&key, &done).await.map_err(failed);
        };
        let ids = ready.predictions.ids();
        let touched = ready
            .changes
            .changes
            .iter()
            .filter_map(|change| ids.get(change.prediction as usize));
        let mut head = self.own.head_for(ready.head, touched).map_err(|_| moved())?;
        let ambient = self.with.ambient;
        let mut line = Line::new(self.stock(ready), chunks.clone(), self.next_chunk, head, ambient);
        for (nth, changes) in chunks.enumerate() {
            let Some(chunk) = line.next().await else { break };
            ambient.stop.check("write", || self.in_words())?;
            let after = work.committed.with(&chunk.tally);
            let done = (is_last && nth == last).then(|| work.done(ready, &after, ambient.now()));
            ambient.reached("before_chunk");
            let written = self.store().write_window(&key, chunk.sealed, done.as_ref()).await;
            let written = written.map_err(failed)?;
            self.next_chunk += 1;
            work.committed = after;
            let written_ids = changes.iter().filter_map(|change| ids.get(change.prediction as usize));
            self.own.wrote(number, head, written.head, written_ids);
            head = written.head;
            ambient.reached("after_chunk");
        }
        Ok(())
    }

    fn stock(&self, ready: &Ready) -> Stock {
        let model = self.with.model.clone();
        Stock {
            predictions: ready.predictions.clone(),
            features: ready.features.clone(),
            current: ready.current.clone(),
            run_id: self.with.run_id.clone(),
            reason: match &model {
                Some((_, version)) => format!("model {version}"),
                None => "era rule: no model".to_owned(),
            },
            model,
            log_refreshed: self.with.pipeline.log_refreshed,
        }
    }

    fn key<'k>(&self, job: &Job, model_id: Option<&'k str>) -> WindowKey<'k>
    where
        'a: 'k,
    {
        WindowKey {
            backfill_id: self.with.backfill_id,
            window_no: job.window_no,
            run_id: self.with.run_id,
            model_id,
        }
    }

    async fn record_failure(&mut self, job: &Job, error: &RunError, attempts: u32) {
        tracing::warn!(window = %job.window, attempts, %error, "the window failed; the others go on");
        let failure = RunFailure::from(error);
        let key = self.key(job, None);
        let marked = self
            .store()
            .fail_window(&key, attempts, &failure, self.with.ambient.now());
        if let Err(error) = marked.await {
            // It is pending then, which is as good for whoever goes on.
            tracing::warn!(window = %job.window, %error, "the window could not be marked as failed");
        }
        self.failed.push(FailedWindow {
            window_no: job.window_no,
            from: shown(job.window.from),
            to: shown(job.window.to),
            attempts: job.attempts + u64::from(attempts),
            failure,
            retry: retry_one(self.with.command, job),
        });
    }

    /// Transactions and rows as the ledger has them: after a fault a commit may have been counted as none.
    async fn count_again(&mut self) {
        self.totals.chunks = self.next_chunk;
        if !self.recount {
            return;
        }
        match self.store().chunks(self.with.run_id.as_str()).await {
            Ok(chunks) => {
                self.totals.chunks = chunks.len() as u32;
                self.totals.rows_written = chunks.iter().map(|chunk| chunk.rows_written.max(0) as u64).sum();
            }
            Err(error) => tracing::warn!(%error, "the transactions could not be counted; the sum may be too low"),
        }
    }
}

/// The command that does one window and nothing else.
pub(super) fn retry_one(base: &str, job: &Job) -> String {
    let days = (job.window.to.micros() - job.window.from.micros())
        .unsigned_abs()
        .div_ceil(86_400_000_000);
    command(
        base,
        job.window.from,
        job.window.to,
        &format!("{}d", days.clamp(1, 65_535)),
    )
}

fn moved() -> RunError {
    let found = "a workout's date was changed while its windows were being prepared";
    RunError::new("write", Kind::Transient, found, "run it again")
}
