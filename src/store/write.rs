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
use crate::db::statement::{Batch, Insert, Transaction};
use crate::id::RunId;
use crate::stage::diff::Outcome;
use crate::time::Timestamp;
use crate::vocab::Source;

use super::chain::SealedSegment;
use super::{Store, StoreError};

pub(super) static INSERT_HISTORY: Insert = Insert {
    table: "workout_classification_history",
    columns: &[
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
    ],
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

macro_rules! current_insert {
    ($name:ident, $mysql:expr, $sqlite:expr) => {
        static $name: Insert = Insert {
            table: "workout_ml_classifications",
            columns: CURRENT_COLUMNS,
            mysql_tail: $mysql,
            sqlite_tail: $sqlite,
        };
    };
}

current_insert!(INSERT_CURRENT, "", "");
current_insert!(
    UPSERT_CHANGED,
    include_str!("../../sql/mysql/upsert_changed.sql"),
    include_str!("../../sql/sqlite/upsert_changed.sql")
);
current_insert!(
    UPSERT_REFRESHED,
    include_str!("../../sql/mysql/upsert_refreshed.sql"),
    include_str!("../../sql/sqlite/upsert_refreshed.sql")
);
current_insert!(
    UPSERT_PROTECTED,
    include_str!("../../sql/mysql/upsert_protected.sql"),
    include_str!("../../sql/sqlite/upsert_protected.sql")
);

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
    /// The label before.
    pub previous: Option<&'a str>,
    /// The label after; for a protected workout, what the model would have said.
    pub label: &'a str,
    /// Its confidence; None for imported labels.
    pub confidence: Option<f64>,
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

    fn current_batch(&self, outcome: Outcome) -> Batch {
        let rows: Vec<&Verdict<'_>> = self.verdicts.iter().filter(|v| v.outcome == outcome).collect();
        // The tail of a protected upsert touches nothing but this column; the label beside it is the
        // one that an insert would need and that no update uses.
        let original = |v: &&Verdict<'_>| (outcome == Outcome::Protected).then(|| v.label.to_owned());
        Batch::new(rows.len())
            .each(rows.iter().map(|v| v.workout_id))
            .each(rows.iter().map(|v| v.label))
            .each(rows.iter().map(|v| v.source.as_str()))
            .each(rows.iter().map(|v| v.confidence))
            .each(rows.iter().map(|v| v.method))
            .same(self.model.map(|(id, _)| id))
            .same(self.model.map(|(_, version)| version))
            .same(false)
            .each(rows.iter().map(original))
            .same(self.now)
            .same(self.now)
            .same(0i64)
            .each(rows.iter().map(|v| v.features.as_str()))
            .same(self.run.map(|(id, _)| id.as_str()))
            .same(self.model.map(|(id, _)| id))
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
            .insert_many(&INSERT_HISTORY, self.history_batch(sealed.segment.segment_id));
        (transaction, sealed.segment.link())
    }

    /// The whole transaction that extends the chain from `head`, and what it will have done.
    pub(super) fn transaction(&self, head: &Link) -> (Transaction, Written) {
        let (transaction, end) = self.begin(head);
        let mut transaction = transaction
            .insert_many(&INSERT_CURRENT, self.current_batch(Outcome::New))
            .insert_many(&UPSERT_CHANGED, self.current_batch(Outcome::Changed))
            .insert_many(&UPSERT_REFRESHED, self.current_batch(Outcome::Refreshed))
            .insert_many(&UPSERT_PROTECTED, self.current_batch(Outcome::Protected));
        if let Some((run_id, chunk_no)) = self.run {
            transaction = transaction.insert_many(&INSERT_CHUNK, self.marker(run_id, chunk_no, end.segment_id));
        }
        let written = Written {
            head: end,
            rows: self.rows(),
        };
        (transaction, written)
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
        let (transaction, written) = chunk.transaction(head);
        self.transact_sealed(transaction, &written.head).await?;
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
