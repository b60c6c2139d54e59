//! `model_feedback`: which answers a model was taught by.
//!
//! Why: the gate must judge a model on answers that it was not taught by, and an activation must mark
//! exactly the answers that the model has seen, not those that came while it was trained.
//!
//! Invariants: a range never spans a number that was missing at the time, because that row may have been
//! on its way; a model's ranges only grow, and only where training gave the same model again.
//!
//! Must not know: what the answers say.

use crate::db::error::DbError;
use crate::db::statement::{Batch, Expect, Insert, Statement, Transaction};
use crate::db::value::{Params, Row};
use crate::sql;
use crate::time::Timestamp;

use super::{Store, StoreError};

static RANGES: Statement = sql!("query/model_feedback");
static MARK: Statement = sql!("query/mark_processed");

static INSERT: Insert = Insert {
    table: "model_feedback",
    columns: &["model_id", "first_id", "last_id"],
    mysql_tail: "",
    sqlite_tail: "",
};

/// A set of feedback numbers, as ranges that include both ends, ascending and apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answered(Vec<(i64, i64)>);

impl Answered {
    /// Exactly these numbers.
    pub fn of(ids: impl IntoIterator<Item = i64>) -> Self {
        let mut ids: Vec<i64> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for id in ids {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == id => *last = id,
                _ => ranges.push((id, id)),
            }
        }
        Self(ranges)
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True where `id` is one of them.
    pub fn contains(&self, id: i64) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= id);
        after > 0 && self.0[after - 1].1 >= id
    }

    fn batch(&self, model_id: &str) -> Batch {
        Batch::new(self.0.len())
            .same(model_id)
            .each(self.0.iter().map(|(first, _)| *first))
            .each(self.0.iter().map(|(_, last)| *last))
    }
}

/// Adds what a model was taught by.
pub(super) fn taught(transaction: Transaction, model_id: &str, answers: &Answered) -> Transaction {
    transaction.insert_many(&INSERT, answers.batch(model_id))
}

/// Marks what a model was taught by as learnt.
pub(super) fn learnt(transaction: Transaction, model_id: &str, now: Timestamp) -> Transaction {
    let params = Params::none().with("model_id", model_id).with("now", now);
    transaction.execute(&MARK, params, Expect::Any)
}

fn decode(row: &Row<'_>) -> Result<(i64, i64), DbError> {
    Ok((row.int(0)?, row.int(1)?))
}

impl Store {
    /// The answers that a model was taught by.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn taught_by(&self, model_id: &str) -> Result<Answered, StoreError> {
        let params = Params::none().with("model_id", model_id);
        Ok(Answered(self.rows(&RANGES, &params, decode).await?))
    }

    /// Notes that training on `more` answers as well, none of which it was taught by, gave a model again,
    /// and marks them as learnt.
    ///
    /// # Errors
    /// [`StoreError::Db`], [`StoreError::Fenced`].
    pub async fn learn_again(&self, model_id: &str, more: &Answered, now: Timestamp) -> Result<(), StoreError> {
        let transaction = taught(Transaction::new("learn again"), model_id, more);
        self.transact(learnt(transaction, model_id, now)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_exactly_the_numbers_they_were_made_of() {
        let ids = [7, 1, 2, 3, 9, 10, 3];
        let answered = Answered::of(ids);
        assert_eq!(answered.0, [(1, 3), (7, 7), (9, 10)]);
        for id in -1..12 {
            assert_eq!(answered.contains(id), ids.contains(&id), "{id}");
        }
        assert!(!Answered::default().contains(0));
    }
}
