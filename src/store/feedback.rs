//! `user_classification_feedback`: what people said, kept for ever.
//!
//! Why: it is what the next model learns from, and the evidence of what it learned.
//!
//! Invariants: a row is never changed once it is written.
//!
//! Must not know: how answers teach.

use crate::db::error::DbError;
use crate::db::statement::{Batch, Insert, Statement};
use crate::db::value::{Params, Row};
use crate::sql;
use crate::time::Timestamp;
use crate::vocab::FeedbackType;

use super::{Store, StoreError, settled};

static LIST: Statement = sql!("query/list_feedback");
static WHERE_ANY_WAITS: Statement = sql!("query/feedback_where_any_waits");
static LATEST: Statement = sql!("query/latest_feedback");

pub(super) static INSERT: Insert = Insert {
    table: "user_classification_feedback",
    columns: &[
        "workout_id",
        "ai_classification",
        "ai_confidence",
        "user_classification",
        "feedback_type",
        "user_certainty",
        "comments",
        "model_id",
        "classification_method",
        "user_id",
        "submitted_at",
    ],
    mysql_tail: "",
    sqlite_tail: "",
};

/// One thing that a person said, ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewFeedback {
    /// The workout.
    pub workout_id: String,
    /// What stood there.
    pub ai_classification: String,
    /// With what confidence.
    pub ai_confidence: Option<f64>,
    /// What the person says it is; None for `reject` and `uncertain`.
    pub user_classification: Option<String>,
    /// Accept, reject, correct, uncertain.
    pub feedback_type: FeedbackType,
    /// 1 (a guess) to 5 (sure).
    pub certainty: u8,
    /// Free text.
    pub comments: Option<String>,
    /// The model whose verdict it is about.
    pub model_id: Option<String>,
    /// That verdict's method.
    pub method: Option<String>,
    /// The person.
    pub user: String,
    /// When.
    pub submitted_at: Timestamp,
}

/// One thing that a person said, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredFeedback {
    /// Its number.
    pub feedback_id: i64,
    /// The workout.
    pub workout_id: String,
    /// What stood there.
    pub ai_classification: Option<String>,
    /// With what confidence.
    pub ai_confidence: Option<f64>,
    /// What the person says it is.
    pub user_classification: Option<String>,
    /// Accept, reject, correct, uncertain.
    pub feedback_type: String,
    /// 1 to 5.
    pub certainty: Option<i64>,
    /// Free text.
    pub comments: Option<String>,
    /// The model whose verdict it is about.
    pub model_id: Option<String>,
    /// The person; older tools may not have stored one.
    pub user: Option<String>,
    /// When.
    pub submitted_at: Timestamp,
    /// True once a model that learned from it was activated.
    pub processed: bool,
    /// That model.
    pub incorporated_in_model: Option<String>,
}

impl StoredFeedback {
    /// True where `new` says nothing that this does not.
    pub fn says(&self, new: &NewFeedback) -> bool {
        self.workout_id == new.workout_id
            && self.user.as_deref() == Some(&new.user)
            && self.feedback_type == new.feedback_type.as_str()
            && self.user_classification == new.user_classification
            && self.certainty == Some(i64::from(new.certainty))
            && self.comments == new.comments
    }
}

impl NewFeedback {
    pub(super) fn batch(&self) -> Batch {
        Batch::new(1)
            .same(self.workout_id.as_str())
            .same(self.ai_classification.as_str())
            .same(self.ai_confidence)
            .same(self.user_classification.as_deref())
            .same(self.feedback_type.as_str())
            .same(i64::from(self.certainty))
            .same(self.comments.as_deref())
            .same(self.model_id.as_deref())
            .same(self.method.as_deref())
            .same(self.user.as_str())
            .same(self.submitted_at)
    }
}

fn decode(row: &Row<'_>) -> Result<StoredFeedback, DbError> {
    Ok(StoredFeedback {
        feedback_id: row.int(0)?,
        workout_id: row.text(1)?.to_owned(),
        ai_classification: row.opt_string(2)?,
        ai_confidence: row.opt_real(3)?,
        user_classification: row.opt_string(4)?,
        feedback_type: row.text(5)?.to_owned(),
        certainty: row.opt_int(6)?,
        comments: row.opt_string(7)?,
        model_id: row.opt_string(8)?,
        user: row.opt_string(9)?,
        submitted_at: row.instant(10)?,
        processed: row.opt_int(11)?.unwrap_or(0) != 0,
        incorporated_in_model: row.opt_string(12)?,
    })
}

impl Store {
    /// What people said, oldest first; with `unprocessed`, only what no model has learned from.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn feedback(&self, unprocessed: bool) -> Result<Vec<StoredFeedback>, StoreError> {
        let params = Params::none().with("unprocessed", unprocessed);
        self.rows(&LIST, &params, decode).await
    }

    /// All that people said, oldest first, where no model has learnt from some of it; nothing where they have
    /// learnt from all.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn feedback_where_any_waits(&self) -> Result<Vec<StoredFeedback>, StoreError> {
        self.rows(&WHERE_ANY_WAITS, &Params::none(), decode).await
    }

    /// A person's latest word on a workout, or None.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn latest_feedback(&self, workout_id: &str, user: &str) -> Result<Option<StoredFeedback>, StoreError> {
        let params = Params::none().with("workout_id", workout_id).with("user_id", user);
        self.row(&LATEST, &params, decode).await
    }

    /// Keeps an answer that changes no label.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn add_feedback(&self, feedback: &NewFeedback) -> Result<(), StoreError> {
        let kept = self.insert_all(&INSERT, feedback.batch()).await;
        settled(kept, || async {
            let latest = self.latest_feedback(&feedback.workout_id, &feedback.user).await?;
            Ok(latest.is_some_and(|latest| latest.submitted_at == feedback.submitted_at && latest.says(feedback)))
        })
        .await
    }
}
