//! Chunks of verdicts, sealed one ahead of the one that is being written.
//!
//! Why: hashing, sealing and laying out a chunk takes the client a tenth of the time that the server takes to
//! write it. What a chunk is does not depend on the server: the head that it extends is that of the chunk
//! before it, which is known before that one is written. So the two happen side by side, on two threads.
//!
//! Invariants: the chunks come in the order of the changes, each sealed to the head that the one before it will
//! leave; at most two are in memory, the one that is being written and the next. A chunk's instant is that at
//! which its making began: when the chunk before it was handed out, or the line was set up.
//!
//! Must not know: stores; whether a chunk was written.

use std::slice::Chunks;
use std::sync::Arc;

use polars::prelude::{Float64Chunked, Int64Chunked, StringChunked};
use tokio::task::JoinHandle;

use crate::audit::chain::Link;
use crate::id::RunId;
use crate::stage::columns::Texts;
use crate::stage::diff::{Change, Outcome};
use crate::stage::features::features_json;
use crate::stage::frame::{Classifications, Features, Frame, Predictions};
use crate::store::runs::OutcomeCounts;
use crate::store::write::{SealedChunk, Verdict, VerdictChunk};
use crate::time::Timestamp;
use crate::vocab::Source;

use super::report::MatrixCell;
use super::{Ambient, spans};

/// What the chunks of one stretch are made of.
pub(super) struct Stock {
    /// The rows, which the changes point into.
    pub predictions: Frame<Predictions>,
    /// Row by row what `predictions` was said on.
    pub features: Frame<Features>,
    /// The stored state, which the changes point into.
    pub current: Frame<Classifications>,
    /// The run.
    pub run_id: RunId,
    /// The model's id and version.
    pub model: Option<(String, String)>,
    /// Why, for the history.
    pub reason: String,
    /// True where refreshed rows get a history row too.
    pub log_refreshed: bool,
}

/// What writing a chunk adds to the run's counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// By outcome; without `protected` and `unchanged`.
    pub outcomes: OutcomeCounts,
    /// From-to matrix of new and changed, in the order in which they were first seen.
    pub matrix: Vec<MatrixCell>,
    /// History rows and current rows.
    pub rows: u64,
}

/// A chunk that only has to be sent.
pub(super) struct ReadyChunk {
    /// The transaction.
    pub sealed: SealedChunk,
    /// What it adds.
    pub tally: Tally,
}

/// The chunks to come.
pub(super) struct Line<'c> {
    stock: Arc<Stock>,
    waiting: Chunks<'c, Change>,
    chunk_no: u32,
    ambient: Ambient,
    coming: Option<JoinHandle<ReadyChunk>>,
}

impl<'c> Line<'c> {
    /// Sets up a line and begins with its first chunk: number `chunk_no` of the run, which extends `head`.
    pub fn new(stock: Stock, waiting: Chunks<'c, Change>, chunk_no: u32, head: Link, ambient: &Ambient) -> Self {
        let mut line = Self {
            stock: Arc::new(stock),
            waiting,
            chunk_no,
            ambient: ambient.clone(),
            coming: None,
        };
        line.begin(head);
        line
    }

    /// The next chunk, None after the last; the one after it is begun.
    ///
    /// # Panics
    /// Where making it panicked: a panic is a bug here as it is anywhere.
    pub async fn next(&mut self) -> Option<ReadyChunk> {
        let ready = match self.coming.take()?.await {
            Ok(ready) => ready,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        self.begin(ready.sealed.written.head);
        Some(ready)
    }

    fn begin(&mut self, head: Link) {
        let Some(changes) = self.waiting.next().map(<[Change]>::to_vec) else {
            return;
        };
        let (stock, number, now) = (self.stock.clone(), self.chunk_no, self.ambient.now());
        self.chunk_no += 1;
        let seal = move || tracing::info_span!("seal").in_scope(|| stock.make(&changes, number, &head, now));
        self.coming = Some(tokio::task::spawn_blocking(spans::carried(seal)));
    }
}

impl Stock {
    fn make(&self, changes: &[Change], chunk_no: u32, head: &Link, now: Timestamp) -> ReadyChunk {
        let rows = Rows::of(self);
        let chunk = VerdictChunk {
            run: Some((&self.run_id, chunk_no)),
            model: self.model.as_ref().map(|(id, version)| (id.as_str(), version.as_str())),
            changed_by: "system",
            reason: &self.reason,
            now,
            log_refreshed: self.log_refreshed,
            verdicts: changes.iter().map(|change| rows.verdict(change)).collect(),
        };
        let mut tally = Tally {
            rows: chunk.rows(),
            ..Tally::default()
        };
        for verdict in &chunk.verdicts {
            tally.count(verdict);
        }
        ReadyChunk {
            sealed: chunk.seal(head),
            tally,
        }
    }
}

impl Tally {
    fn count(&mut self, verdict: &Verdict<'_>) {
        match verdict.outcome {
            Outcome::New => self.outcomes.new += 1,
            Outcome::Changed => self.outcomes.changed += 1,
            Outcome::Refreshed => self.outcomes.refreshed += 1,
            Outcome::Protected | Outcome::Unchanged => {}
        }
        if matches!(verdict.outcome, Outcome::New | Outcome::Changed) {
            self.transition(verdict.previous, verdict.label, 1);
        }
    }

    fn transition(&mut self, from: Option<&str>, to: &str, count: u64) {
        let same = |cell: &MatrixCell| cell.from.as_deref() == from && cell.to == to;
        match self.matrix.iter_mut().find(|cell| same(cell)) {
            Some(cell) => cell.count += count,
            None => self.matrix.push(MatrixCell {
                from: from.map(str::to_owned),
                to: to.to_owned(),
                count,
            }),
        }
    }

    /// Adds what another chunk adds.
    pub fn add(&mut self, more: &Self) {
        self.rows += more.rows;
        self.outcomes.new += more.outcomes.new;
        self.outcomes.changed += more.outcomes.changed;
        self.outcomes.refreshed += more.outcomes.refreshed;
        for cell in &more.matrix {
            self.transition(cell.from.as_deref(), &cell.to, cell.count);
        }
    }
}

/// The columns that a verdict is read from, looked up by name once a chunk and not once a row.
struct Rows<'p> {
    workout_id: &'p StringChunked,
    label: &'p StringChunked,
    method: Texts<'p>,
    confidence: &'p Float64Chunked,
    classification_id: &'p Int64Chunked,
    stored: Texts<'p>,
    stored_confidence: &'p Float64Chunked,
    avg_pace: &'p Float64Chunked,
    distance_mi: &'p Float64Chunked,
    duration_min: &'p Float64Chunked,
}

impl<'p> Rows<'p> {
    fn of(stock: &'p Stock) -> Self {
        let Stock {
            predictions,
            features,
            current,
            ..
        } = stock;
        Self {
            workout_id: predictions.ids(),
            label: predictions.text("label"),
            method: predictions.texts("method"),
            confidence: predictions.real("confidence"),
            classification_id: current.int("classification_id"),
            stored: current.texts("current_classification"),
            stored_confidence: current.real("classification_confidence"),
            avg_pace: features.real("avg_pace"),
            distance_mi: features.real("distance_mi"),
            duration_min: features.real("duration_min"),
        }
    }

    fn verdict(&self, change: &Change) -> Verdict<'p> {
        let row = change.prediction as usize;
        let method = self.method.get(row);
        let confidence = self.confidence.get(row);
        let stored = change.current.map(|row| self.stored_confidence.get(row as usize));
        let source = match (method, change.outcome) {
            (Some("era_fallback"), _) => Source::EraFallback,
            (_, Outcome::New) => Source::MlPrediction,
            _ => Source::MlBatchUpdate,
        };
        Verdict {
            outcome: change.outcome,
            workout_id: self.workout_id.get(row).unwrap_or_default(),
            classification_id: change.current.and_then(|row| self.classification_id.get(row as usize)),
            previous: change.current.and_then(|row| self.stored.get(row as usize)),
            label: self.label.get(row).unwrap_or_default(),
            confidence,
            same_confidence: stored.map(|stored| stored.map(f64::to_bits)) == Some(confidence.map(f64::to_bits)),
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
