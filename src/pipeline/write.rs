//! The verdicts of a prepared run, written chunk by chunk.
//!
//! Why: a chunk is what a crash can cost; the chain's head that each one extends is what keeps a second
//! writer out between them.
//!
//! Invariants: one transaction per chunk; each extends the head that the one before it left, the first the
//! head that was read before the state was.
//!
//! Must not know: why the run began, or what is retried.

use polars::prelude::{Float64Chunked, StringChunked};

use crate::config::Pipeline;
use crate::id::RunId;
use crate::stage::columns::Texts;
use crate::stage::diff::{Change, ChangeSet, Outcome};
use crate::stage::features::features_json;
use crate::stage::frame::{Classifications, Features, Frame, Predictions};
use crate::store::Store;
use crate::store::runs::OutcomeCounts;
use crate::store::write::{Verdict, VerdictChunk};
use crate::vocab::Source;

use super::gate::Gated;
use super::prepare::Prepared;
use super::report::{DecisionSummary, MatrixCell, RunReport};
use super::{Ambient, RunError};

/// What earlier attempts of this run have committed: a retry must neither lose nor recount it.
#[derive(Debug, Clone, Default)]
pub(super) struct Committed {
    /// By outcome.
    pub outcomes: OutcomeCounts,
    /// From-to matrix of new and changed.
    pub matrix: Vec<MatrixCell>,
    /// History rows and current rows.
    pub rows: u64,
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
    let mut head = prepared.head;
    let mut done = 0;
    let reason = reason(prepared, committed);
    let rows = Rows::of(&prepared.predictions, &prepared.features, &prepared.current);
    for changes in chunks_of(&prepared.changes, pipeline.chunk_rows) {
        let chunk = VerdictChunk {
            run: Some((run_id, committed.chunks)),
            model: prepared.model_ref(),
            changed_by: "system",
            reason: &reason,
            now: ambient.now(),
            log_refreshed: pipeline.log_refreshed,
            verdicts: changes.iter().map(|change| rows.verdict(change)).collect(),
        };
        ambient.stop.check("write", || committed.in_words())?;
        ambient.reached("before_chunk");
        let with_it = committed.with(changes, &chunk);
        let written = match store.write_verdicts(&chunk, &head).await {
            Ok(written) => written,
            Err(error) => {
                committed.in_doubt = Some(Box::new(with_it));
                return Err(RunError::store("write", error));
            }
        };
        ambient.reached("after_chunk");
        head = written.head;
        *committed = with_it;
        done += changes.len() as u64;
        ambient.progress.at(done);
    }
    ambient.progress.end();
    Ok(())
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

/// The columns that a verdict is read from, looked up by name once and not once per row.
pub(super) struct Rows<'p> {
    workout_id: &'p StringChunked,
    label: &'p StringChunked,
    method: Texts<'p>,
    confidence: &'p Float64Chunked,
    stored: Texts<'p>,
    avg_pace: &'p Float64Chunked,
    distance_mi: &'p Float64Chunked,
    duration_min: &'p Float64Chunked,
}

impl<'p> Rows<'p> {
    pub(super) fn of(
        predictions: &'p Frame<Predictions>,
        features: &'p Frame<Features>,
        current: &'p Frame<Classifications>,
    ) -> Self {
        Self {
            workout_id: predictions.ids(),
            label: predictions.text("label"),
            method: predictions.texts("method"),
            confidence: predictions.real("confidence"),
            stored: current.texts("current_classification"),
            avg_pace: features.real("avg_pace"),
            distance_mi: features.real("distance_mi"),
            duration_min: features.real("duration_min"),
        }
    }

    pub(super) fn verdict(&self, change: &Change) -> Verdict<'p> {
        let row = change.prediction as usize;
        let method = self.method.get(row);
        let source = match (method, change.outcome) {
            (Some("era_fallback"), _) => Source::EraFallback,
            (_, Outcome::New) => Source::MlPrediction,
            _ => Source::MlBatchUpdate,
        };
        Verdict {
            outcome: change.outcome,
            workout_id: self.workout_id.get(row).unwrap_or_default(),
            previous: change.current.and_then(|row| self.stored.get(row as usize)),
            label: self.label.get(row).unwrap_or_default(),
            confidence: self.confidence.get(row),
            method,
            source,
            features: features_json(
                self.avg_pace.get(row),
                self.distance_mi.get(row),
                self.duration_min.get(row),
            ),
        }
    }
}

impl Committed {
    /// What has been written, as a sentence.
    pub fn in_words(&self) -> String {
        match self.chunks {
            0 => "nothing was classified".to_owned(),
            chunks => format!("{} rows written in {chunks} transactions", self.rows),
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
    fn with(&self, changes: &[Change], chunk: &VerdictChunk<'_>) -> Self {
        let mut more = Self {
            in_doubt: None,
            ..self.clone()
        };
        more.add(changes, &chunk.verdicts, chunk.rows());
        more
    }

    pub(super) fn add(&mut self, changes: &[Change], verdicts: &[Verdict<'_>], rows: u64) {
        self.rows += rows;
        self.chunks += 1;
        for (change, verdict) in changes.iter().zip(verdicts) {
            match change.outcome {
                Outcome::New => self.outcomes.new += 1,
                Outcome::Changed => self.outcomes.changed += 1,
                Outcome::Refreshed => self.outcomes.refreshed += 1,
                Outcome::Protected | Outcome::Unchanged => {}
            }
            if matches!(change.outcome, Outcome::New | Outcome::Changed) {
                self.count_transition(verdict);
            }
        }
    }

    fn count_transition(&mut self, verdict: &Verdict<'_>) {
        let same = |cell: &MatrixCell| cell.from.as_deref() == verdict.previous && cell.to == verdict.label;
        if let Some(cell) = self.matrix.iter_mut().find(|cell| same(cell)) {
            cell.count += 1;
            return;
        }
        let from = verdict.previous.map(str::to_owned);
        self.matrix.push(MatrixCell {
            from,
            to: verdict.label.to_owned(),
            count: 1,
        });
    }
}

/// The last attempt's report, with what earlier attempts had committed already counted as done by
/// this run and not as unchanged.
pub(super) fn merge(mut report: RunReport, committed: &mut Committed) -> RunReport {
    let done = committed.outcomes;
    let protected = report.changes.protected;
    // A workout counts twice where a person corrected it between two attempts: it is new or changed by
    // this run, and protected now. So the sum may exceed the number of workouts; never so the rest.
    let accounted = protected + done.new + done.changed + done.refreshed;
    report.changes = OutcomeCounts {
        protected,
        unchanged: report.rows.classified.saturating_sub(accounted),
        ..done
    };
    committed.matrix.sort();
    report.matrix.clone_from(&committed.matrix);
    report.rows_written = committed.rows;
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
