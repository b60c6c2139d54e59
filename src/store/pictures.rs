//! What the pictures of reports count; their SQL is beside that of the reports, in `sql/report/`.
//!
//! Why: a picture needs more numbers than its table has rows, and must not tell another story: each of these
//! counts the very rows that its report counts.
//!
//! Invariants: only reads; a time range is half-open, and an open end is None; the answers grow with months and
//! labels, never with the history.
//!
//! Must not know: how a picture looks.

use crate::db::statement::Statement;
use crate::db::value::{Params, Row};
use crate::report_sql;
use crate::time::Timestamp;

use super::{Store, StoreError};

static CHANGES_BY_MONTH: Statement = report_sql!("report/changes_by_month");
static CONFIDENCES: Statement = report_sql!("report/confidences");

/// Changes of one month to one label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthlyChanges {
    /// `YYYY-MM` (UTC).
    pub month: Option<String>,
    /// The label after.
    pub label: String,
    /// How many.
    pub changes: i64,
}

/// Verdicts of one label with about the same confidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confidences {
    /// The label.
    pub label: String,
    /// The whole part of twenty times the confidence; None without one.
    pub twentieth: Option<i64>,
    /// History rows.
    pub changes: i64,
}

impl Store {
    /// The rows of [`Store::report_changes`] by month and label after, ascending.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn changes_by_month(
        &self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<Vec<MonthlyChanges>, StoreError> {
        let params = Params::none().with("from", from).with("to", to);
        let decode = |row: &Row<'_>| {
            Ok(MonthlyChanges {
                month: row.opt_string(0)?,
                label: row.text(1)?.to_owned(),
                changes: row.int(2)?,
            })
        };
        self.rows(&CHANGES_BY_MONTH, &params, decode).await
    }

    /// The rows of [`Store::report_stats`] by label and twentieth of the confidence, ascending.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn confidences(&self, from: Option<Timestamp>) -> Result<Vec<Confidences>, StoreError> {
        let params = Params::none().with("from", from);
        let decode = |row: &Row<'_>| {
            Ok(Confidences {
                label: row.text(0)?.to_owned(),
                twentieth: row.opt_int(1)?,
                changes: row.int(2)?,
            })
        };
        self.rows(&CONFIDENCES, &params, decode).await
    }
}
