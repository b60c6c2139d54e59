//! A person's word, written: history row, current row, and the feedback it came with, together.
//!
//! Why: a correction that is half written is a correction that is lost.
//!
//! Invariants: one transaction, sealed in a segment of its own, that extends the chain from the head
//! which was read before the state; the current row must still be what was seen.
//!
//! Must not know: who may correct what.

use crate::audit::chain::Link;
use crate::db::error::DbError;
use crate::db::statement::{Expect, Statement, Transaction};
use crate::db::value::{Params, Row};
use crate::sql;
use crate::stage::diff::Outcome;
use crate::time::{Timestamp, WorkoutDate};
use crate::vocab::Source;

use super::feedback::{self, NewFeedback};
use super::write::{Verdict, VerdictChunk};
use super::{Store, StoreError};

static SET: Statement = sql!("query/set_override");
static CLEAR: Statement = sql!("query/clear_override");
static LIST: Statement = sql!("query/list_overrides");

/// What is to become of one workout's label, and on what it was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelChange<'a> {
    /// The workout.
    pub workout_id: &'a str,
    /// The label that was seen.
    pub previous: &'a str,
    /// The change count that was seen; guards the write.
    pub seen_count: i64,
    /// The label after.
    pub label: &'a str,
    /// Who.
    pub changed_by: &'a str,
    /// Why.
    pub reason: &'a str,
    /// When.
    pub now: Timestamp,
    /// The features it was said on, JSON.
    pub features: String,
}

/// The model's opinion that a cleared workout returns to.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion<'a> {
    /// The model; None where the era rule speaks without one.
    pub model: Option<(&'a str, &'a str)>,
    /// Its confidence.
    pub confidence: f64,
    /// Algorithm or `era_fallback`.
    pub method: &'a str,
}

/// A workout whose label a person set.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedOverride {
    /// The workout.
    pub workout_id: String,
    /// Its date.
    pub workout_date: Option<WorkoutDate>,
    /// The person's label.
    pub label: String,
    /// What the model says.
    pub original: Option<String>,
    /// `user_override` or `admin_correction`.
    pub source: String,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub since: Option<Timestamp>,
}

impl LabelChange<'_> {
    fn chunk<'c>(
        &'c self,
        source: Source,
        confidence: f64,
        method: &'c str,
        model: Option<(&'c str, &'c str)>,
    ) -> VerdictChunk<'c> {
        VerdictChunk {
            run: None,
            model,
            changed_by: self.changed_by,
            reason: self.reason,
            now: self.now,
            log_refreshed: false,
            verdicts: vec![Verdict {
                outcome: Outcome::Changed,
                workout_id: self.workout_id,
                classification_id: None,
                previous: Some(self.previous),
                label: self.label,
                confidence: Some(confidence),
                same_confidence: false,
                method: Some(method),
                source,
                features: self.features.clone(),
            }],
        }
    }

    fn params(&self, source: Source) -> Params {
        Params::none()
            .with("workout_id", self.workout_id)
            .with("label", self.label)
            .with("source", source.as_str())
            .with("now", self.now)
            .with("changed", i64::from(self.previous != self.label))
            .with("seen_count", self.seen_count)
    }
}

fn decode(row: &Row<'_>) -> Result<ListedOverride, DbError> {
    Ok(ListedOverride {
        workout_id: row.text(0)?.to_owned(),
        workout_date: row.opt_micros(1)?.map(WorkoutDate::from_micros),
        label: row.text(2)?.to_owned(),
        original: row.opt_string(3)?,
        source: row.opt_string(4)?.unwrap_or_default(),
        reason: row.opt_string(5)?,
        since: row.opt_instant(6)?,
    })
}

impl Store {
    /// Sets a person's label. `original` is what the model says of the workout.
    ///
    /// # Errors
    /// [`StoreError::Db`]; a conflict where another writer came between. Nothing is written then.
    pub async fn set_override(
        &self,
        change: &LabelChange<'_>,
        source: Source,
        original: Option<&str>,
        said: Option<&NewFeedback>,
        head: &Link,
    ) -> Result<(), StoreError> {
        let chunk = change.chunk(source, 1.0, "person", None);
        let params = change
            .params(source)
            .with("original", original)
            .with("reason", change.reason);
        let (transaction, end) = chunk.begin(head);
        let transaction = transaction.execute(&SET, params, Expect::Rows(1));
        self.transact_sealed(with_feedback(transaction, said), &end).await
    }

    /// Returns a workout to the model's opinion.
    ///
    /// # Errors
    /// As [`Store::set_override`].
    pub async fn clear_override(
        &self,
        change: &LabelChange<'_>,
        opinion: &Opinion<'_>,
        said: Option<&NewFeedback>,
        head: &Link,
    ) -> Result<(), StoreError> {
        let source = if opinion.method == "era_fallback" {
            Source::EraFallback
        } else {
            Source::MlBatchUpdate
        };
        let chunk = change.chunk(source, opinion.confidence, opinion.method, opinion.model);
        let params = change
            .params(source)
            .with("confidence", opinion.confidence)
            .with("method", opinion.method)
            .with("model_id", opinion.model.map(|(id, _)| id))
            .with("model_version", opinion.model.map(|(_, version)| version));
        let (transaction, end) = chunk.begin(head);
        let transaction = transaction.execute(&CLEAR, params, Expect::Rows(1));
        self.transact_sealed(with_feedback(transaction, said), &end).await
    }

    /// Every workout whose label a person set, by date.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn overrides(&self) -> Result<Vec<ListedOverride>, StoreError> {
        self.rows(&LIST, &Params::none(), decode).await
    }
}

fn with_feedback(transaction: Transaction, said: Option<&NewFeedback>) -> Transaction {
    match said {
        Some(said) => transaction.insert_many(&feedback::INSERT, said.batch()),
        None => transaction,
    }
}
