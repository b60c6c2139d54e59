//! One write transaction: history rows, current rows, the segment that seals them, the chunk marker.
//!
//! Why: they commit together or not at all, so a crash at any instant leaves a state that the
//! history explains.
//!
//! Invariants: the segment goes first and collides with any other writer that saw the same head;
//! a new workout is inserted (never upserted), so it cannot be written twice; a protected workout's
//! label is in no statement that touches it.
//!
//! Must not know: how verdicts are made or why they are written.

use crate::audit::chain::Link;
use crate::audit::encoding::HistoryRowRef;
use crate::db::error::DbError;
use crate::db::statement::{Batch, Insert, Transaction, Update};
use crate::db::turn::Turn;
use crate::id::RunId;
use crate::stage::diff::Outcome;
use crate::time::Timestamp;
use crate::vocab::Source;

use super::chain::SealedSegment;
use super::{Store, StoreError};

/// The columns of a history row, its number first.
pub(super) const HISTORY_COLUMNS: &[&str] = &[
    "history_id",
    "workout_id",
    "previous_classification",
    "new_classification",
    "classification_source",
    "classification_confidence",
    "classification_method",
    "model_id",
    "model_version",
    "changed_by",
    "changed_at",
    "reason",
    "features_used",
    "metadata",
    "run_id",
    "segment_id",
];

/// A new history row: the store gives it its number.
pub(super) static INSERT_HISTORY: Insert = Insert {
    table: "workout_classification_history",
    columns: HISTORY_COLUMNS.split_at(1).1,
    mysql_tail: "",
    sqlite_tail: "",
};

const CURRENT_COLUMNS: &[&str] = &[
    "workout_id",
    "current_classification",
    "classification_source",
    "classification_confidence",
    "classification_method",
    "model_id",
    "model_version",
    "is_user_override",
    "original_ml_classification",
    "classified_at",
    "last_updated",
    "classification_change_count",
    "features_snapshot",
    "run_id",
    "label_model_id",
];

static INSERT_CURRENT: Insert = Insert {
    table: "workout_ml_classifications",
    columns: CURRENT_COLUMNS,
    mysql_tail: "",
    sqlite_tail: "",
};

static UPSERT_CHANGED: Insert = Insert {
    table: "workout_ml_classifications",
    columns: CURRENT_COLUMNS,
    mysql_tail: include_str!("../../sql/mysql/upsert_changed.sql"),
    sqlite_tail: include_str!("../../sql/sqlite/upsert_changed.sql"),
};

/// A refreshed workout: the same label, confirmed by another model or with another confidence. The run and the
/// model that set the label (run_id, label_model_id) stay.
static REFRESH: Update = Update {
    table: "workout_ml_classifications",
    key: "classification_id",
    columns: &[
        "classification_source",
        "classification_confidence",
        "classification_method",
        "model_id",
        "model_version",
        "last_updated",
    ],
};

/// A refreshed workout whose confidence is the stored one: nothing differs from row to row, which a server
/// updates in two thirds of the time.
static CONFIRM: Update = Update {
    table: "workout_ml_classifications",
    key: "classification_id",
    columns: &[
        "classification_source",
        "classification_method",
        "model_id",
        "model_version",
        "last_updated",
    ],
};

/// A protected workout: a person's label stands; what the model would have said is recorded beside it.
static PROTECT: Update = Update {
    table: "workout_ml_classifications",
    key: "workout_id",
    columns: &["original_ml_classification", "last_updated"],
};

static INSERT_CHUNK: Insert = Insert {
    table: "pipeline_chunks",
    columns: &[
        "run_id",
        "chunk_no",
        "first_workout_id",
        "last_workout_id",
        "rows_written",
        "segment_id",
        "committed_at",
    ],
    mysql_tail: "",
    sqlite_tail: "",
};

/// A verdict that needs a write.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict<'a> {
    /// What the diff said of it.
    pub outcome: Outcome,
    /// The workout.
    pub workout_id: &'a str,
    /// The number of its current row; None where that is not there yet, or was not read.
    pub classification_id: Option<i64>,
    /// The label before.
    pub previous: Option<&'a str>,
    /// The label after; for a protected workout, what the model would have said.
    pub label: &'a str,
    /// Its confidence; None for imported labels.
    pub confidence: Option<f64>,
    /// True where the stored confidence is this one, bit for bit: then it need not be written again.
    pub same_confidence: bool,
    /// Algorithm or `era_fallback`; None for imported labels.
    pub method: Option<&'a str>,
    /// Where it came from.
    pub source: Source,
    /// The features it was said on, as JSON.
    pub features: String,
}

/// The verdicts of one transaction, and who writes them.
#[derive(Debug, Clone)]
pub struct VerdictChunk<'a> {
    /// The run, and the chunk's number in it; None for an import.
    pub run: Option<(&'a RunId, u32)>,
    /// The model's id and version; None where no model spoke.
    pub model: Option<(&'a str, &'a str)>,
    /// Who writes ('system' unless a person does).
    pub changed_by: &'a str,
    /// Why, for the history.
    pub reason: &'a str,
    /// The instant.
    pub now: Timestamp,
    /// True where refreshed rows get a history row too.
    pub log_refreshed: bool,
    /// The verdicts, ascending by workout.
    pub verdicts: Vec<Verdict<'a>>,
}

/// What a chunk's transaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The chain's new head.
    pub head: Link,
    /// History rows and current rows.
    pub rows: u64,
}

/// A chunk that only has to be sent.
#[derive(Debug, Clone)]
pub struct SealedChunk {
    pub(super) transaction: Transaction,
    /// What writing it will have done.
    pub written: Written,
}

impl VerdictChunk<'_> {
    fn is_logged(&self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::New | Outcome::Changed => true,
            Outcome::Refreshed => self.log_refreshed,
            Outcome::Protected | Outcome::Unchanged => false,
        }
    }

    fn logged(&self) -> Vec<&Verdict<'_>> {
        self.verdicts.iter().filter(|v| self.is_logged(v.outcome)).collect()
    }

    /// How many rows writing this chunk touches: history rows and current rows.
    pub fn rows(&self) -> u64 {
        (self.logged().len() + self.verdicts.len()) as u64
    }

    fn history_row<'v>(&'v self, verdict: &'v Verdict<'_>, segment_id: i64) -> HistoryRowRef<'v> {
        HistoryRowRef {
            workout_id: verdict.workout_id,
            previous_classification: verdict.previous,
            new_classification: verdict.label,
            classification_source: verdict.source.as_str(),
            classification_confidence: verdict.confidence,
            classification_method: verdict.method,
            model_id: self.model.map(|(id, _)| id),
            model_version: self.model.map(|(_, version)| version),
            changed_by: self.changed_by,
            changed_at: self.now,
            reason: Some(self.reason),
            features_used: Some(&verdict.features),
            metadata: None,
            run_id: self.run.map(|(id, _)| id.as_str()),
            segment_id: Some(segment_id),
        }
    }

    fn history_batch(&self, segment_id: i64) -> Batch {
        let rows = self.logged();
        Batch::new(rows.len())
            .each(rows.iter().map(|v| v.workout_id))
            .each(rows.iter().map(|v| v.previous))
            .each(rows.iter().map(|v| v.label))
            .each(rows.iter().map(|v| v.source.as_str()))
            .each(rows.iter().map(|v| v.confidence))
            .each(rows.iter().map(|v| v.method))
            .same(self.model.map(|(id, _)| id))
            .same(self.model.map(|(_, version)| version))
            .same(self.changed_by)
            .same(self.now)
            .same(self.reason)
            .each(rows.iter().map(|v| v.features.as_str()))
            .same(None::<&str>)
            .same(self.run.map(|(id, _)| id.as_str()))
            .same(segment_id)
    }

    fn of(&self, outcome: Outcome) -> Vec<&Verdict<'_>> {
        self.verdicts.iter().filter(|v| v.outcome == outcome).collect()
    }

    /// The current rows of new or changed workouts, whole.
    fn current_batch(&self, outcome: Outcome) -> Batch {
        let rows = self.of(outcome);
        Batch::new(rows.len())
            .each(rows.iter().map(|v| v.workout_id))
            .each(rows.iter().map(|v| v.label))
            .each(rows.iter().map(|v| v.source.as_str()))
            .each(rows.iter().map(|v| v.confidence))
            .each(rows.iter().map(|v| v.method))
            .same(self.model.map(|(id, _)| id))
            .same(self.model.map(|(_, version)| version))
            .same(false)
            .same(None::<&str>)
            .same(self.now)
            .same(self.now)
            .same(0i64)
            .each(rows.iter().map(|v| v.features.as_str()))
            .same(self.run.map(|(id, _)| id.as_str()))
            .same(self.model.map(|(id, _)| id))
    }

    /// What is refreshed, by source and method: then the confidence alone differs from row to row, or nothing.
    fn refreshes(&self) -> Vec<(&'static Update, Batch)> {
        type Kind<'k> = (Source, Option<&'k str>, bool);
        let mut kinds: Vec<(Kind<'_>, Vec<&Verdict<'_>>)> = Vec::new();
        for verdict in self.of(Outcome::Refreshed) {
            let kind = (verdict.source, verdict.method, verdict.same_confidence);
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, rows)) => rows.push(verdict),
                None => kinds.push((kind, vec![verdict])),
            }
        }
        let refresh = |((source, method, same), rows): (Kind<'_>, Vec<&Verdict<'_>>)| {
            let batch = Batch::new(rows.len())
                .each(rows.iter().map(|v| v.classification_id))
                .same(source.as_str());
            let (update, batch) = match same {
                true => (&CONFIRM, batch),
                false => (&REFRESH, batch.each(rows.iter().map(|v| v.confidence))),
            };
            let batch = batch
                .same(method)
                .same(self.model.map(|(id, _)| id))
                .same(self.model.map(|(_, version)| version))
                .same(self.now);
            (update, batch)
        };
        kinds.into_iter().map(refresh).collect()
    }

    fn protect_batch(&self) -> Batch {
        let rows = self.of(Outcome::Protected);
        Batch::new(rows.len())
            .each(rows.iter().map(|v| v.workout_id))
            .each(rows.iter().map(|v| v.label))
            .same(self.now)
    }

    /// The history rows that a segment of this number seals, in the order in which they are written.
    fn sealed_rows(&self, segment_id: i64) -> impl Iterator<Item = HistoryRowRef<'_>> {
        self.logged().into_iter().map(move |v| self.history_row(v, segment_id))
    }

    /// The transaction that writes the segment after `head`, which collides with any other writer's, and
    /// then the history rows that it seals; and that segment's end of the chain.
    pub(super) fn begin(&self, head: &Link) -> (Transaction, Link) {
        let sealed = SealedSegment::of(head, self.sealed_rows(head.next_segment_id()));
        let run_id = self.run.map(|(id, _)| id);
        let transaction = sealed
            .write(Transaction::new("write verdicts"), run_id, self.now)
            .insert_many(&INSERT_HISTORY, self.history_batch(sealed.segment.segment_id))
            // History rows are numbered in the order of the chain; the current rows of two chunks are apart.
            .hand_on();
        (transaction, sealed.segment.link())
    }

    /// Does all of the writing that needs no database: hashes, seals and lays out the transaction that extends
    /// the chain from `head`. The result borrows nothing, so it can be made while an earlier one is written.
    pub fn seal(&self, head: &Link) -> SealedChunk {
        let (transaction, end) = self.begin(head);
        let mut transaction = transaction
            .insert_many(&INSERT_CURRENT, self.current_batch(Outcome::New))
            .insert_many(&UPSERT_CHANGED, self.current_batch(Outcome::Changed));
        for (update, batch) in self.refreshes() {
            transaction = transaction.update_many(update, batch);
        }
        transaction = transaction.update_many(&PROTECT, self.protect_batch());
        if let Some((run_id, chunk_no)) = self.run {
            transaction = transaction.insert_many(&INSERT_CHUNK, self.marker(run_id, chunk_no, end.segment_id));
        }
        let written = Written {
            head: end,
            rows: self.rows(),
        };
        SealedChunk { transaction, written }
    }

    fn marker(&self, run_id: &RunId, chunk_no: u32, segment_id: i64) -> Batch {
        Batch::new(1)
            .same(run_id.as_str())
            .same(chunk_no)
            .same(self.verdicts.first().map(|v| v.workout_id))
            .same(self.verdicts.last().map(|v| v.workout_id))
            .same(self.rows() as i64)
            .same(segment_id)
            .same(self.now)
    }
}

impl Store {
    /// Writes one chunk in one transaction that extends the chain from `head`.
    ///
    /// # Errors
    /// [`StoreError::Db`]; a [`DbError::Conflict`] where another writer has extended the chain since
    /// `head` was read. Nothing is written then.
    pub async fn write_verdicts(&self, chunk: &VerdictChunk<'_>, head: &Link) -> Result<Written, StoreError> {
        self.write_sealed(chunk.seal(head)).await
    }

    /// [`Store::write_verdicts`] of a chunk that is sealed already, to the head that it extends.
    ///
    /// # Errors
    /// As [`Store::write_verdicts`].
    pub async fn write_sealed(&self, chunk: SealedChunk) -> Result<Written, StoreError> {
        let SealedChunk { transaction, written } = chunk;
        self.transact_sealed(transaction, &written.head).await?;
        Ok(written)
    }
}

impl Store {
    /// How many chunks may be written side by side.
    pub fn lanes(&self) -> usize {
        self.db.connections().min(2)
    }

    /// [`Store::write_sealed`] in a line of chunks, each sealed to the head that the one before it leaves.
    ///
    /// # Errors
    /// As [`Store::write_sealed`]; [`DbError::Transient`] where one before it in the line failed.
    pub async fn write_sealed_in_turn(&self, chunk: SealedChunk, turn: Turn) -> Result<Written, StoreError> {
        let SealedChunk { transaction, written } = chunk;
        self.transact_sealed_in_turn(transaction, &written.head, turn).await?;
        Ok(written)
    }
}

/// A duplicate segment, or a duplicate new workout, is another writer's: the state that this chunk
/// was computed from is no longer the state.
pub(super) fn as_conflict(error: StoreError) -> StoreError {
    match error {
        StoreError::Db(DbError::Duplicate { statement, .. }) => StoreError::Db(DbError::Conflict {
            statement,
            expected: 1,
            found: 0,
        }),
        other => other,
    }
}
