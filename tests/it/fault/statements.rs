//! A store that fails statement k, for every k of every writing command.
//!
//! A failure that does not pass ends the command, and the command given again ends in the tables of the
//! clean run. One that passes, and a COMMIT whose answer is lost, are got over by the command itself, down
//! to the last cell.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use paceline::db::error::DbError;
use paceline::db::statement::Dialect;
use paceline::db::watch::{Moment, Watch};
use paceline::store::Store;

use super::acts::Act;
use super::lab::{Lab, ambient};
use super::matrix::{is_full, tried};
use super::trial::{Clean, FAILING};
use crate::support::block_on;

/// What befalls a store, at one point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// A statement fails for good.
    Refused,
    /// A statement fails in passing.
    Passing,
    /// The connection is lost before the server has seen COMMIT.
    LostBeforeCommit,
    /// The connection is lost before the answer to COMMIT arrives.
    LostAfterCommit,
}

impl Fault {
    const ALL: [Self; 4] = [
        Self::Refused,
        Self::Passing,
        Self::LostBeforeCommit,
        Self::LostAfterCommit,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Refused => "statement fails for good, rerun",
            Self::Passing => "statement fails in passing",
            Self::LostBeforeCommit => "connection lost before COMMIT",
            Self::LostAfterCommit => "answer to COMMIT lost",
        }
    }

    /// The error, where the fault belongs to this moment.
    fn error(self, moment: Moment<'_>) -> Option<DbError> {
        let detail = "on purpose".to_owned();
        match (self, moment) {
            (Self::Refused, Moment::Statement(name)) => Some(DbError::Other {
                statement: name.to_owned(),
                detail,
            }),
            (Self::Passing, Moment::Statement(name)) => Some(DbError::Transient {
                statement: name.to_owned(),
                detail,
            }),
            (Self::LostBeforeCommit, Moment::Commit(name)) | (Self::LostAfterCommit, Moment::Committed(name)) => {
                Some(DbError::CommitUnknown {
                    transaction: name.to_owned(),
                    detail,
                })
            }
            _ => None,
        }
    }
}

/// The fault at the `at`-th of its moments, from 0; and whether it has come to that.
fn once(fault: Fault, at: usize) -> (Watch, Arc<AtomicBool>) {
    let (seen, struck) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
    let has_struck = Arc::clone(&struck);
    let watch = move |moment: Moment<'_>| {
        let Some(error) = fault.error(moment) else {
            return Ok(());
        };
        if seen.fetch_add(1, Ordering::SeqCst) != at {
            return Ok(());
        }
        struck.store(true, Ordering::SeqCst);
        Err(error)
    };
    (Arc::new(watch), has_struck)
}

/// One case; false where the act is over before the fault's turn comes.
async fn befallen(lab: &mut Lab, act: Act, clean: &Clean, fault: Fault, at: usize) -> bool {
    let what = format!("{act:?}, {fault:?} at {at}");
    let store = lab.store().await;
    let (watch, struck) = once(fault, at);
    let faulty = Store::new(store.db.clone().watched(watch));
    let entropy = if fault == Fault::Refused { FAILING } else { 0 };
    let result = act.perform(&faulty, &ambient(entropy)).await;
    if !struck.load(Ordering::SeqCst) {
        result.unwrap_or_else(|e| panic!("{what}: nothing befell it, and yet: {e}"));
        return false;
    }
    if fault == Fault::Refused {
        clean.assert_after_rerun(store, result, "on purpose", &what).await;
    } else {
        clean.assert_got_over(store, result, &what).await;
    }
    true
}

/// Every `step`-th point of every command, beginning with the first.
fn try_all(dialect: Dialect, store: &str, step: usize) -> usize {
    block_on(async {
        let mut points = 0;
        for act in Act::ALL {
            let mut lab = Lab::new(act, dialect).await;
            let clean = Clean::of(act, lab.store().await).await;
            for fault in Fault::ALL {
                // A candidate that is asked for again is another candidate.
                if act == Act::Candidate && fault == Fault::Refused {
                    continue;
                }
                let mut at = 0;
                while befallen(&mut lab, act, &clean, fault, at).await {
                    at += step;
                }
                let here = at / step;
                tried(store, act.name(), fault.name(), here);
                points += here;
            }
        }
        points
    })
}

#[test]
fn every_statement_of_every_command_may_fail_on_sqlite() {
    assert!(try_all(Dialect::Sqlite, "SQLite", 1) >= 200);
}

#[test]
fn every_statement_of_every_command_may_fail_on_mariadb() {
    let step = if is_full() { 1 } else { 5 };
    assert!(try_all(Dialect::MySql, "MariaDB", step) >= 1_000 / (step * 2));
}
