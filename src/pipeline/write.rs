//! The verdicts of a prepared run, written chunk by chunk.
//!
//! Why: a chunk is what a crash can cost; the chain's head that each one extends is what keeps a second
//! writer out between them.
//!
//! Invariants: one transaction per chunk; each extends the head that the one before it left, the first the
//! head that was read before the state was.
//!
//! Must not know: why the run began, or what is retried.

use crate::config::Pipeline;
use crate::id::RunId;
use crate::stage::diff::{Change, ChangeSet, Outcome};
use crate::store::Store;
use crate::store::runs::OutcomeCounts;

use super::gate::Gated;
use super::lanes::Lanes;
use super::line::{Line, Stock, Tally};
use super::prepare::Prepared;
use super::report::{DecisionSummary, RunReport};
use super::{Ambient, RunError};

/// What earlier attempts of this run have committed: a retry must neither lose nor recount it.
#[derive(Debug, Clone, Default)]
pub(super) struct Committed {
    /// Outcomes, from-to matrix, rows.
    pub tally: Tally,
    /// Transactions.
    pub chunks: u32,
    /// The first attempt's report of its decision: the retry finds the model active already.
    pub trained: Option<(String, DecisionSummary, Option<Gated>)>,
    /// All of this with the chunk whose transaction failed last: its COMMIT may have taken effect.
    in_doubt: Option<Box<Committed>>,
}

/// The chunks of a change set: consecutive changes, at most `chunk_rows` each.
pub(super) fn chunks_of(changes: &ChangeSet, chunk_rows: usize) -> std::slice::Chunks<'_, Change> {
    changes.changes.chunks(chunk_rows.max(1))
}

/// How many history rows and current rows writing `changes` touches.
pub(super) fn rows_of(changes: &ChangeSet, log_refreshed: bool) -> u64 {
    let rows = |change: &Change| match change.outcome {
        Outcome::New | Outcome::Changed => 2,
        Outcome::Refreshed => 1 + u64::from(log_refreshed),
        Outcome::Protected => 1,
        Outcome::Unchanged => 0,
    };
    changes.changes.iter().map(rows).sum()
}

/// Writes what has to be written, chunk by chunk, and tells `committed` after each.
///
/// # Errors
/// [`RunError`] of the store; the chunks before it stay.
pub(super) async fn write(
    store: &Store,
    pipeline: &Pipeline,
    run_id: &RunId,
    prepared: &Prepared,
    committed: &mut Committed,
    ambient: &Ambient,
) -> Result<(), RunError> {
    let total = prepared.changes.changes.len() as u64;
    ambient.progress.begin("writing", Some(total));
    let mut sent = 0;
    let stock = stock(prepared, pipeline, run_id, reason(prepared, committed));
    let chunks = chunks_of(&prepared.changes, pipeline.chunk_rows);
    let mut line = Line::new(stock, chunks.clone(), committed.chunks, prepared.head, ambient);
    let mut lanes = Lanes::new(store, lanes_for(store, prepared.changes.changes.len()));
    for changes in chunks {
        let Some(chunk) = line.next().await else { break };
        if lanes.are_full() {
            land(&mut lanes, committed, ambient).await?;
        }
        if ambient.stop.asked().is_some() {
            // What is under way is let to its end, and counted.
            land_all(&mut lanes, committed, ambient).await?;
            ambient.stop.check("write", || committed.in_words())?;
        }
        ambient.reached("before_chunk");
        sent += changes.len() as u64;
        let before = lanes.last().map_or(&*committed, |(before, _)| before);
        let with_it = before.with(&chunk.tally);
        lanes.send(chunk.sealed, (with_it, sent));
    }
    land_all(&mut lanes, committed, ambient).await?;
    ambient.progress.end();
    Ok(())
}

/// A chunk's place in the run: all that is committed with it, and the changes that are sent with it.
type Landed = (Committed, u64);

/// Few changes are written before a second lane would pay; and with one, whoever looks on sees statement
/// after statement.
const TWO_LANES_FROM: usize = 20_000;

fn lanes_for(store: &Store, changes: usize) -> usize {
    if changes < TWO_LANES_FROM { 1 } else { store.lanes() }
}

async fn land(lanes: &mut Lanes<'_, Landed>, committed: &mut Committed, ambient: &Ambient) -> Result<(), RunError> {
    match lanes.land().await {
        None => {}
        Some(Ok((with_it, done))) => {
            *committed = with_it;
            ambient.reached("after_chunk");
            ambient.progress.at(done);
        }
        Some(Err(lost)) => {
            committed.in_doubt = Some(Box::new(lost.load.0));
            return Err(RunError::store("write", lost.error));
        }
    }
    Ok(())
}

async fn land_all(lanes: &mut Lanes<'_, Landed>, committed: &mut Committed, ambient: &Ambient) -> Result<(), RunError> {
    while !lanes.are_empty() {
        land(lanes, committed, ambient).await?;
    }
    Ok(())
}

/// What the chunks are made of; the frames share their columns with the prepared run's.
fn stock(prepared: &Prepared, pipeline: &Pipeline, run_id: &RunId, reason: String) -> Stock {
    let model = prepared.model_ref();
    Stock {
        predictions: prepared.predictions.clone(),
        features: prepared.features.clone(),
        current: prepared.current.clone(),
        run_id: run_id.clone(),
        model: model.map(|(id, version)| (id.to_owned(), version.to_owned())),
        reason,
        log_refreshed: pipeline.log_refreshed,
    }
}

/// Why the history rows of this run were written.
fn reason(prepared: &Prepared, committed: &Committed) -> String {
    match (prepared.model_ref(), &committed.trained) {
        (Some((id, version)), Some((trained, decision, _))) if trained == id => {
            format!("model {version}, trained because {}", decision.reason)
        }
        (Some((_, version)), _) => format!("model {version}"),
        (None, _) => "era rule: no model".to_owned(),
    }
}

impl Committed {
    /// What has been written, as a sentence.
    pub fn in_words(&self) -> String {
        match self.chunks {
            0 => "nothing was classified".to_owned(),
            chunks => format!("{} rows written in {chunks} transactions", self.tally.rows),
        }
    }

    /// Settles whether the chunk that failed last was committed after all, by its marker in the ledger.
    ///
    /// # Errors
    /// [`RunError`] of the store.
    pub async fn settle(&mut self, store: &Store, run_id: &RunId) -> Result<(), RunError> {
        let Some(with_it) = &self.in_doubt else { return Ok(()) };
        let marked = store.chunks(run_id.as_str()).await;
        let marked = marked.map_err(|e| RunError::store("write", e))?.len();
        if marked == with_it.chunks as usize {
            *self = Self::clone(with_it);
        }
        self.in_doubt = None;
        Ok(())
    }

    /// With one more chunk.
    pub fn with(&self, chunk: &Tally) -> Self {
        let mut more = Self {
            in_doubt: None,
            ..self.clone()
        };
        more.tally.add(chunk);
        more.chunks += 1;
        more
    }
}

/// The last attempt's report, with what earlier attempts had committed already counted as done by
/// this run and not as unchanged.
pub(super) fn merge(mut report: RunReport, committed: &mut Committed) -> RunReport {
    let done = committed.tally.outcomes;
    let protected = report.changes.protected;
    // A workout counts twice where a person corrected it between two attempts: it is new or changed by
    // this run, and protected now. So the sum may exceed the number of workouts; never so the rest.
    let accounted = protected + done.new + done.changed + done.refreshed;
    report.changes = OutcomeCounts {
        protected,
        unchanged: report.rows.classified.saturating_sub(accounted),
        ..done
    };
    committed.tally.matrix.sort();
    report.matrix.clone_from(&committed.tally.matrix);
    report.rows_written = committed.tally.rows;
    report.chunks = committed.chunks;
    report.status = "succeeded";
    if let Some((model_id, decision, gate)) = &committed.trained
        && report.model.model_id.as_ref() == Some(model_id)
    {
        report.decision.clone_from(decision);
        report.gate.clone_from(gate);
    }
    report
}
