//! `model_evaluations`: the gate's evidence, and who forced what.
//!
//! Why: a model that relabels years of workouts must be able to say for ever why it was let in.
//!
//! Invariants: a row is never changed or deleted, which triggers see to; it is written in the transaction
//! that registers or activates the model it is about.
//!
//! Must not know: how models are compared.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::db::error::DbError;
use crate::db::statement::{Batch, Insert, Statement};
use crate::db::value::{Params, Row};
use crate::id::RunId;
use crate::sql;
use crate::stage::gate::{Evaluation, Verdict};
use crate::time::Timestamp;

use super::models::json;
use super::{Store, StoreError};

static BY_MODEL: Statement = sql!("query/evaluations_by_model");
static REFUSED: Statement = sql!("query/refused_against");

pub(super) static INSERT: Insert = Insert {
    table: "model_evaluations",
    columns: &[
        "model_id",
        "compared_with",
        "run_id",
        "verdict",
        "reason",
        "labelled",
        "better",
        "worse",
        "p_value",
        "churn",
        "evidence",
        "forced",
        "forced_by",
        "forced_reason",
        "evaluated_at",
    ],
    mysql_tail: "",
    sqlite_tail: "",
};

/// Who activates against the gate's word, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Force {
    /// The person.
    pub by: String,
    /// The reason.
    pub reason: String,
}

/// A comparison, ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvaluation {
    /// The model that was compared.
    pub model_id: String,
    /// The model that was active; None where none was.
    pub compared_with: Option<String>,
    /// The run that did it; None for a person at the command line.
    pub run_id: Option<RunId>,
    /// The comparison.
    pub evaluation: Evaluation,
    /// Set where somebody overrules it.
    pub force: Option<Force>,
    /// When.
    pub evaluated_at: Timestamp,
}

impl NewEvaluation {
    pub(super) fn batch(&self) -> Batch {
        let evaluation = &self.evaluation;
        // Numbers, texts and lists: nothing in it can fail to be JSON.
        let evidence = serde_json::to_string(evaluation).unwrap_or_else(|_| "{}".to_owned());
        let force = self.force.as_ref();
        Batch::new(1)
            .same(self.model_id.as_str())
            .same(self.compared_with.as_deref())
            .same(self.run_id.as_ref().map(RunId::as_str))
            .same(evaluation.verdict.as_str())
            .same(evaluation.reason.as_str())
            .same(evaluation.all.labelled as i64)
            .same(evaluation.all.b as i64)
            .same(evaluation.all.c as i64)
            .same(evaluation.all.p)
            .same(evaluation.churn)
            .same(evidence)
            .same(force.is_some())
            .same(force.map(|f| f.by.as_str()))
            .same(force.map(|f| f.reason.as_str()))
            .same(self.evaluated_at)
    }
}

/// A stored comparison.
#[derive(Debug, Clone, Serialize)]
pub struct StoredEvaluation {
    /// Its number.
    pub evaluation_id: i64,
    /// The model that was compared.
    pub model_id: String,
    /// The model that was active; None where none was.
    pub compared_with: Option<String>,
    /// The run that did it.
    pub run_id: Option<String>,
    /// `pass`, `fail` or `insufficient`.
    pub verdict: String,
    /// Why, in a sentence.
    pub reason: String,
    /// Labelled workouts.
    pub labelled: i64,
    /// On which only the candidate was right.
    pub better: i64,
    /// On which only the active model was right.
    pub worse: i64,
    /// Of the exact McNemar test.
    pub p_value: f64,
    /// The share of classified workouts that it would relabel.
    pub churn: Option<f64>,
    /// The whole comparison.
    pub evidence: Option<Box<RawValue>>,
    /// True where somebody overruled it.
    pub forced: bool,
    /// Who.
    pub forced_by: Option<String>,
    /// Why.
    pub forced_reason: Option<String>,
    /// When, UTC.
    pub evaluated_at: String,
}

impl StoredEvaluation {
    /// True where the gate refused.
    pub fn refuses(&self) -> bool {
        self.verdict == Verdict::Fail.as_str()
    }

    /// The comparison itself; None where it cannot be read.
    pub fn evaluation(&self) -> Option<Evaluation> {
        serde_json::from_str(self.evidence.as_ref()?.get()).ok()
    }
}

fn decode(row: &Row<'_>) -> Result<StoredEvaluation, DbError> {
    Ok(StoredEvaluation {
        evaluation_id: row.int(0)?,
        model_id: row.text(1)?.to_owned(),
        compared_with: row.opt_string(2)?,
        run_id: row.opt_string(3)?,
        verdict: row.text(4)?.to_owned(),
        reason: row.text(5)?.to_owned(),
        labelled: row.int(6)?,
        better: row.int(7)?,
        worse: row.int(8)?,
        p_value: row.opt_real(9)?.unwrap_or(1.0),
        churn: row.opt_real(10)?,
        evidence: json(row, 11)?,
        forced: row.flag(12)?,
        forced_by: row.opt_string(13)?,
        forced_reason: row.opt_string(14)?,
        evaluated_at: row.instant(15)?.to_string(),
    })
}

impl Store {
    /// What the gate said of a model, newest first.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn evaluations(&self, model_id: &str) -> Result<Vec<StoredEvaluation>, StoreError> {
        let params = Params::none().with("model_id", model_id);
        self.rows(&BY_MODEL, &params, decode).await
    }

    /// The candidates that were held against `active` and refused, newest first.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn refused_against(&self, active: &str) -> Result<Vec<StoredEvaluation>, StoreError> {
        let params = Params::none().with("compared_with", active);
        self.rows(&REFUSED, &params, decode).await
    }
}
