//! Looking on while statements are sent and transactions commit, and interfering.
//!
//! Why: "crash anywhere, run again: the same tables" is a claim about every single statement and every
//! commit. A test can only make it good where it is able to stand between any two of them.
//!
//! Invariants: without a watch nothing is called; what a watch refuses before COMMIT is rolled back like any
//! failure of the server; what it refuses after COMMIT is committed all the same.
//!
//! Must not know: what the watch is for.

use std::sync::Arc;

use super::error::DbError;

/// A moment in the life of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment<'a> {
    /// Before the statement, or the multi-row insert, of this name is sent.
    Statement(&'a str),
    /// All statements of the transaction of this name have been sent, COMMIT has not. A statement that is
    /// a transaction by itself comes here before it is sent.
    Commit(&'a str),
    /// The server has said that the transaction of this name is committed.
    Committed(&'a str),
}

/// Called at each [`Moment`]; its error takes the place of the store's answer.
pub type Watch = Arc<dyn Fn(Moment<'_>) -> Result<(), DbError> + Send + Sync>;

/// A watch, or none.
#[derive(Clone, Default)]
pub(super) struct Watcher(Option<Watch>);

impl Watcher {
    pub(super) fn new(watch: Watch) -> Self {
        Self(Some(watch))
    }

    pub(super) fn at(&self, moment: Moment<'_>) -> Result<(), DbError> {
        match &self.0 {
            Some(watch) => watch(moment),
            None => Ok(()),
        }
    }
}
