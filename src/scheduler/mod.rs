//! Runs pipelines when they are due, or when people have taught enough, for as long as it is let.
//!
//! Why: a nightly run must not depend on somebody being awake. The loop looks once a minute; whether
//! something is due is decided by the rule of [`due`] from the ledger, and whether enough corrections wait
//! by that of [`watch`], so a scheduler has no memory that a restart could lose, and two of them on one
//! store agree.
//!
//! Invariants: one run at a time in this process, others wait in line; each run is a task of its own,
//! so a panic or a store that is away ends that run and not the loop; an occurrence that comes while
//! the pipeline's last scheduled run still goes on is skipped, and the ledger says so once. One that comes
//! during a run for feedback waits for its end: a night is never given up for a correction.
//!
//! Must not know: signals' numbers, files, the command line; what a run does.

mod attend;
pub mod due;
pub mod health;
pub mod ticks;
pub mod watch;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::{Id, JoinError, JoinSet};

use crate::config::{Pipeline, Schedule};
use crate::id::RunId;
use crate::pipeline::prepare::Options;
use crate::pipeline::report::RunReport;
use crate::pipeline::run::skip;
pub use crate::pipeline::stop::Signal;
use crate::pipeline::{Ambient, RunError};
use crate::store::Store;
use crate::store::runs::ScheduledRun;
use crate::time::Timestamp;
use crate::vocab::{RunStatus, Trigger};

use attend::{Cause, World, attend, panicked};
use due::{Due, next_n};
use health::{Health, PipelineHealth, State};
use ticks::Ticks;

/// A pipeline with its schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// When it runs.
    pub schedule: Schedule,
}

impl Entry {
    /// How many waiting corrections begin a run; None where it does not watch them.
    pub fn watches(&self) -> Option<u64> {
        let threshold = self.pipeline.reuse.enough_corrections();
        threshold.filter(|_| self.schedule.on_feedback)
    }
}

/// What became of a pipeline when it was looked at.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing to do now.
    NotDue,
    /// Another run has done it between the look and the grasp.
    DoneElsewhere,
    /// It ran.
    Succeeded(Box<RunReport>),
    /// It did not run, because another run of it goes on; the ledger says so.
    Skipped {
        /// The ledger row.
        run_id: String,
        /// Who was in the way.
        why: String,
    },
    /// It is held by a run of which nothing was heard since it came due: looked at again at the next tick.
    Waiting {
        /// Who is in the way.
        why: String,
    },
    /// Enough corrections wait, and another run of it goes on: looked at again at the next tick.
    Busy {
        /// Who holds it.
        why: String,
    },
    /// It failed, or it could not be told whether it is due.
    Failed(RunError),
    /// It waited in line when the scheduler was told to stop.
    Stopped,
}

/// The loop's state.
pub struct Scheduler {
    world: Arc<World>,
    slots: Vec<Slot>,
    flights: JoinSet<Outcome>,
    slot_of: HashMap<Id, (usize, Cause)>,
    started_at: Timestamp,
    last_tick: Option<Timestamp>,
    stopping: bool,
}

/// One pipeline as the loop sees it.
struct Slot {
    entry: Arc<Entry>,
    /// The occurrence that is being run, or waits in line.
    in_flight: Option<Timestamp>,
    /// Since when a run for feedback goes on, or waits in line.
    learning: Option<Timestamp>,
    /// When a run for feedback failed last; the ledger does not know of one that could not be entered.
    not_learnt: Option<Timestamp>,
    /// How many corrections waited when they were counted last.
    waiting: Option<u64>,
    last: Option<ScheduledRun>,
    last_feedback: Option<ScheduledRun>,
    next: Option<Timestamp>,
    /// Why it could not be told whether it is due, where that is so.
    unseen: Option<RunError>,
    outcome: Option<Outcome>,
}

enum Event {
    Told(Signal),
    Landed(Result<(Id, Outcome), JoinError>),
    Tick,
}

impl Slot {
    fn name(&self) -> &str {
        &self.entry.pipeline.name
    }
}

impl Scheduler {
    /// A scheduler of these pipelines, whose names must differ.
    pub fn new(store: Store, ambient: Ambient, entries: Vec<Entry>) -> Self {
        let slot = |entry| Slot {
            entry: Arc::new(entry),
            in_flight: None,
            learning: None,
            not_learnt: None,
            waiting: None,
            last: None,
            last_feedback: None,
            next: None,
            unseen: None,
            outcome: None,
        };
        Self {
            started_at: ambient.now(),
            world: Arc::new(World {
                store,
                ambient,
                turn: Semaphore::new(1),
            }),
            slots: entries.into_iter().map(slot).collect(),
            flights: JoinSet::new(),
            slot_of: HashMap::new(),
            last_tick: None,
            stopping: false,
        }
    }

    /// Looks at once, then at each tick, until a signal comes; then lets the run that goes on finish. A
    /// second signal ends the waiting. `report` is called after each event.
    pub async fn run(
        &mut self,
        mut ticks: Ticks,
        signals: &mut mpsc::Receiver<Signal>,
        report: &(dyn Fn(&Health) + Send + Sync),
    ) -> Signal {
        for slot in &self.slots {
            let next = shown_time(next_n(&slot.entry.schedule, self.started_at, 1).pop());
            let on_feedback = slot.entry.watches();
            tracing::info!(pipeline = slot.name(), next, on_feedback, "watching");
        }
        let mut event = Event::Tick;
        loop {
            let told = match event {
                Event::Told(signal) => Some(signal),
                Event::Landed(landing) => {
                    self.landed(landing).await;
                    None
                }
                // A store that is away makes a look long; a signal must not have to wait for it.
                Event::Tick => tokio::select! {
                    biased;
                    Some(signal) = signals.recv() => Some(signal),
                    () = self.tick() => None,
                },
            };
            report(&self.health());
            if let Some(signal) = told {
                self.drain(Some(signal), signals, report).await;
                return signal;
            }
            event = tokio::select! {
                biased;
                Some(signal) = signals.recv() => Event::Told(signal),
                Some(landing) = self.flights.join_next_with_id() => Event::Landed(landing),
                () = ticks.next() => Event::Tick,
            };
        }
    }

    /// Looks once, runs what is due, and comes back when that is done. The outcomes are in the order of
    /// the entries; with a signal, those that had not begun are [`Outcome::Stopped`].
    pub async fn once(
        &mut self,
        signals: &mut mpsc::Receiver<Signal>,
        report: &(dyn Fn(&Health) + Send + Sync),
    ) -> (Vec<Outcome>, Option<Signal>) {
        self.tick().await;
        report(&self.health());
        let told = self.drain(None, signals, report).await;
        let outcome = |slot: &mut Slot| match (slot.unseen.take(), slot.outcome.take()) {
            (Some(error), _) => Outcome::Failed(error),
            (None, Some(outcome)) => outcome,
            (None, None) => Outcome::NotDue,
        };
        (self.slots.iter_mut().map(outcome).collect(), told)
    }

    /// Waits until every run has landed, or for a signal that comes after the first one; returns the
    /// first.
    async fn drain(
        &mut self,
        mut told: Option<Signal>,
        signals: &mut mpsc::Receiver<Signal>,
        report: &(dyn Fn(&Health) + Send + Sync),
    ) -> Option<Signal> {
        self.stop_queue(told);
        while !self.flights.is_empty() {
            tokio::select! {
                biased;
                Some(signal) = signals.recv() => {
                    if told.is_some() {
                        tracing::warn!("stopped at once; the run that goes on is cut off and its lease is left to the next one");
                        return told;
                    }
                    told = Some(signal);
                    self.stop_queue(told);
                }
                Some(landing) = self.flights.join_next_with_id() => self.landed(landing).await,
            }
            report(&self.health());
        }
        told
    }

    /// What waits in line does not begin any more.
    fn stop_queue(&mut self, told: Option<Signal>) {
        if let Some(signal) = told {
            let running = self.flights.len();
            tracing::info!(?signal, running, "told to stop; a run that goes on is finished first");
            self.world.turn.close();
            self.stopping = true;
        }
    }

    /// Looks at every pipeline.
    async fn tick(&mut self) {
        let now = self.world.ambient.now();
        self.last_tick = Some(now);
        for index in 0..self.slots.len() {
            if let Err(error) = self.look(index, now).await {
                let slot = &mut self.slots[index];
                tracing::error!(pipeline = slot.name(), %error, "cannot tell whether it is due");
                slot.unseen = Some(error);
            }
        }
    }

    async fn look(&mut self, index: usize, now: Timestamp) -> Result<(), RunError> {
        let slot = &mut self.slots[index];
        let last = self.world.store.last_scheduled(slot.name()).await;
        slot.last = last.map_err(|error| RunError::store("schedule", error))?;
        slot.unseen = None;
        let at = match due::due(&slot.entry.schedule, slot.last.as_ref().map(|run| run.started_at), now) {
            Due::Due { at } => at,
            Due::NotDue { next } => {
                slot.next = next;
                return self.look_at_feedback(index, now).await;
            }
        };
        match slot.in_flight {
            // This very occurrence: it waits in line, or is about to be entered.
            Some(flying) if flying >= at => Ok(()),
            Some(flying) => self.overlapped(index, flying, at).await,
            None => {
                tracing::info!(pipeline = slot.name(), since = %at, "due");
                slot.in_flight = Some(at);
                slot.next = next_n(&slot.entry.schedule, at, 1).pop();
                self.take_off(index, Cause::Due(at));
                Ok(())
            }
        }
    }

    /// Counts the corrections that wait, for a pipeline that watches them and is not running.
    async fn look_at_feedback(&mut self, index: usize, now: Timestamp) -> Result<(), RunError> {
        let slot = &mut self.slots[index];
        if slot.in_flight.is_some() || slot.learning.is_some() {
            return Ok(());
        }
        let seen = watch::look(&self.world.store, &slot.entry, slot.not_learnt, now).await?;
        let Some(seen) = seen else { return Ok(()) };
        (slot.waiting, slot.last_feedback) = (Some(seen.waiting), seen.last);
        if seen.enough {
            tracing::info!(
                pipeline = slot.name(),
                waiting = seen.waiting,
                "enough corrections wait"
            );
            slot.learning = Some(now);
            self.take_off(index, Cause::Feedback);
        }
        Ok(())
    }

    fn take_off(&mut self, index: usize, cause: Cause) {
        let flight = attend(Arc::clone(&self.world), Arc::clone(&self.slots[index].entry), cause);
        self.slot_of.insert(self.flights.spawn(flight).id(), (index, cause));
    }

    /// Enters into the ledger that an occurrence came while the pipeline's last run still goes on.
    async fn overlapped(&mut self, index: usize, flying: Timestamp, at: Timestamp) -> Result<(), RunError> {
        let (slot, ambient) = (&mut self.slots[index], &self.world.ambient);
        let run_id = RunId::generate(ambient.now(), (ambient.entropy)());
        let why = format!(
            "due at {at} UTC; the run of pipeline '{}' that was due at {flying} UTC has not ended yet",
            slot.name()
        );
        let (options, trigger, pipeline) = (Options::default(), Trigger::Schedule, &slot.entry.pipeline);
        skip(&self.world.store, &run_id, pipeline, &options, trigger, &why, ambient).await?;
        slot.last = Some(ScheduledRun {
            run_id: run_id.to_string(),
            status: RunStatus::Skipped.to_string(),
            started_at: ambient.now(),
        });
        Ok(())
    }

    async fn landed(&mut self, landing: Result<(Id, Outcome), JoinError>) {
        let (id, outcome) = match landing {
            Ok(landed) => landed,
            Err(error) => (error.id(), Outcome::Failed(panicked(error))),
        };
        let Some((index, cause)) = self.slot_of.remove(&id) else {
            return;
        };
        let slot = &mut self.slots[index];
        let (store, name) = (&self.world.store, &slot.entry.pipeline.name);
        match cause {
            Cause::Due(_) => {
                slot.in_flight = None;
                if let Ok(last) = store.last_scheduled(name).await {
                    slot.last = last;
                }
            }
            Cause::Feedback => {
                let began = slot.learning.take();
                slot.not_learnt = began.filter(|_| matches!(outcome, Outcome::Failed(_)));
                if let Ok(last) = store.last_begun(name, Trigger::Feedback).await {
                    slot.last_feedback = last;
                }
            }
        }
        slot.tell(&outcome);
        slot.outcome = Some(outcome);
    }

    /// How things stand.
    pub fn health(&self) -> Health {
        Health {
            process: self.world.ambient.process.name.clone(),
            state: if self.stopping {
                State::Stopping
            } else {
                State::Watching
            },
            started_at: self.started_at.to_string(),
            last_tick: self.last_tick.map(|at| at.to_string()),
            pipelines: self.slots.iter().map(Slot::health).collect(),
        }
    }
}

fn shown_time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "at no time".to_owned(), |at| at.to_string())
}

impl Slot {
    /// One line for what became of it.
    fn tell(&self, outcome: &Outcome) {
        let pipeline = self.name();
        let next = shown_time(self.next);
        match outcome {
            Outcome::Succeeded(report) => {
                let run_id = report.run_id.as_deref().unwrap_or_default();
                tracing::info!(pipeline, run_id, rows_written = report.rows_written, next, "succeeded");
            }
            Outcome::Failed(error) => tracing::error!(pipeline, kind = error.kind.as_str(), %error, next, "failed"),
            Outcome::Waiting { why } => tracing::warn!(pipeline, why, "waiting"),
            Outcome::Busy { why } => tracing::info!(pipeline, why, "corrections wait until it is free"),
            Outcome::DoneElsewhere => tracing::info!(pipeline, next, "another run has done it meanwhile"),
            Outcome::Stopped => tracing::info!(pipeline, "not begun, because the scheduler stops"),
            // `skip` has said it; nothing is worth a line about the other.
            Outcome::Skipped { .. } | Outcome::NotDue => {}
        }
    }

    fn health(&self) -> PipelineHealth {
        let last_error = match (&self.unseen, &self.outcome) {
            (Some(error), _) | (None, Some(Outcome::Failed(error))) => Some(error.to_string()),
            (None, Some(Outcome::Waiting { why })) => Some(why.clone()),
            _ => None,
        };
        let last = [&self.last, &self.last_feedback].into_iter().flatten();
        let last = last.max_by_key(|run| run.started_at);
        PipelineHealth {
            pipeline: self.name().to_owned(),
            cron: self.entry.schedule.pattern().map(str::to_owned),
            timezone: self.entry.schedule.zone.name(),
            on_feedback: self.entry.watches(),
            waiting: self.waiting,
            running: self.in_flight.is_some() || self.learning.is_some(),
            last_run_id: last.map(|run| run.run_id.clone()),
            last_status: last.map(|run| run.status.clone()),
            last_started_at: last.map(|run| run.started_at.to_string()),
            last_error,
            next_due: self.next.map(|at| at.to_string()),
        }
    }
}
