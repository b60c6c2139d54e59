//! Transactions in a line: their statements may overlap, their commits may not.
//!
//! Why: a server works on one statement of a connection at a time, so one connection leaves its other cores
//! idle. Two transactions side by side on two connections take a third less time, and a reader must
//! not be able to tell: what is committed is always a beginning of the line.
//!
//! Invariants: a transaction begins when the one before it has handed on, and commits after it has committed;
//! where one fails, or is dropped, none behind it commits.
//!
//! Must not know: what is written.

use tokio::sync::watch::{Receiver, Sender, channel};

use super::error::DbError;

/// How far a transaction has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Waiting,
    HandedOn,
    Committed,
    Failed,
}

/// A place in a line. Dropped before its transaction is committed, it tells those behind it to give up.
#[derive(Debug)]
pub struct Turn {
    before: Option<Receiver<Stage>>,
    own: Sender<Stage>,
}

impl Turn {
    /// The first place of a new line.
    pub fn first() -> Self {
        Self {
            before: None,
            own: channel(Stage::Waiting).0,
        }
    }

    /// The place behind this one.
    pub fn behind(&self) -> Self {
        Self {
            before: Some(self.own.subscribe()),
            own: channel(Stage::Waiting).0,
        }
    }

    /// Waits until the one before has handed on.
    ///
    /// # Errors
    /// [`DbError::Transient`] where it failed.
    pub(super) async fn may_begin(&mut self, name: &str) -> Result<(), DbError> {
        self.until(Stage::HandedOn, name).await
    }

    /// Lets the next one begin.
    pub(super) fn hand_on(&self) {
        self.own.send_replace(Stage::HandedOn);
    }

    /// Waits until the one before is committed.
    ///
    /// # Errors
    /// [`DbError::Transient`] where it failed.
    pub(super) async fn may_commit(&mut self, name: &str) -> Result<(), DbError> {
        self.until(Stage::Committed, name).await
    }

    /// Lets the next one commit.
    pub(super) fn committed(self) {
        self.own.send_replace(Stage::Committed);
    }

    async fn until(&mut self, stage: Stage, name: &str) -> Result<(), DbError> {
        let Some(before) = &mut self.before else { return Ok(()) };
        let seen = before.wait_for(|seen| *seen >= stage).await.map(|seen| *seen);
        match seen {
            Ok(Stage::HandedOn | Stage::Committed) => Ok(()),
            Ok(Stage::Waiting | Stage::Failed) | Err(_) => Err(DbError::Transient {
                statement: name.to_owned(),
                detail: "the transaction before it in line failed; it was rolled back with it".to_owned(),
            }),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.own.send_if_modified(|stage| {
            let failed = *stage != Stage::Committed;
            if failed {
                *stage = Stage::Failed;
            }
            failed
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it may (true), may not (false), or has to wait (None).
    fn poll_once(future: impl Future<Output = Result<(), DbError>>) -> Option<bool> {
        let mut future = std::pin::pin!(future);
        match future
            .as_mut()
            .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
        {
            std::task::Poll::Ready(done) => Some(done.is_ok()),
            std::task::Poll::Pending => None,
        }
    }

    #[test]
    fn one_begins_when_the_one_before_hands_on_and_commits_after_it() {
        let mut first = Turn::first();
        let mut second = first.behind();
        assert_eq!(poll_once(first.may_begin("t")), Some(true));
        assert_eq!(poll_once(second.may_begin("t")), None);
        first.hand_on();
        assert_eq!(poll_once(second.may_begin("t")), Some(true));
        assert_eq!(poll_once(second.may_commit("t")), None);
        first.committed();
        assert_eq!(poll_once(second.may_commit("t")), Some(true));
    }

    #[test]
    fn where_one_fails_all_behind_it_give_up() {
        let first = Turn::first();
        let mut second = first.behind();
        let mut third = second.behind();
        first.hand_on();
        assert_eq!(poll_once(second.may_begin("t")), Some(true));
        second.hand_on();
        drop(first);
        assert_eq!(poll_once(second.may_commit("t")), Some(false));
        assert_eq!(poll_once(third.may_commit("t")), None);
        drop(second);
        assert_eq!(poll_once(third.may_commit("t")), Some(false));
    }
}
