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
use super::lab::{AFTER_A_RERUN, Lab, NEVER, Tables, ambient, assert_sound, difference, tables};
use super::matrix::{is_full, tried};
use crate::support::{TestStore, block_on};

/// The run that fails; the clean one and the rerun have number 0.
const FAILING: u32 = 0xfa11;
const FAILING_RUN: &str = "run_20260304_050607_0000fa11";
const CLEAN_RUN: &str = "run_20260304_050607_00000000";

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

/// What the clean run leaves behind, compared in two ways.
struct Clean {
    whole: Tables,
    after_a_rerun: Tables,
    rows_written: String,
}

async fn rows_written(store: &TestStore) -> String {
    store.rows("SELECT SUM(rows_written) FROM pipeline_runs").await[0][0].clone()
}

async fn clean(lab: &mut Lab, act: Act) -> Clean {
    let store = lab.store().await;
    let done = act.perform(&Store::new(store.db.clone()), &ambient(0)).await;
    done.unwrap_or_else(|e| panic!("{act:?}: the clean run: {e}"));
    assert_sound(store, &format!("{act:?}, clean")).await;
    Clean {
        whole: tables(store, &[NEVER]).await,
        after_a_rerun: tables(store, &[NEVER, AFTER_A_RERUN]).await,
        rows_written: rows_written(store).await,
    }
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
    if fault != Fault::Refused {
        result.unwrap_or_else(|e| panic!("{what}: it should have got over it: {e}"));
        assert_sound(store, &what).await;
        let found = tables(store, &[NEVER]).await;
        assert_eq!(difference(&found, &clean.whole), None, "{what}");
        return true;
    }
    let mut found = match result {
        // What is only good to have, such as giving a lease back, is let go.
        Ok(()) => renamed(tables(store, &[NEVER, AFTER_A_RERUN]).await),
        Err(error) => {
            assert!(error.to_string().contains("on purpose"), "{what}: {error}");
            let again = act.perform(&Store::new(store.db.clone()), &ambient(0)).await;
            again.unwrap_or_else(|e| panic!("{what}: the rerun: {e}"));
            without_failed_run(tables(store, &[NEVER, AFTER_A_RERUN]).await)
        }
    };
    assert_sound(store, &what).await;
    assert_eq!(rows_written(store).await, clean.rows_written, "{what}");
    // Where it could not be given back, the lease is the next run's, which finds its holder gone.
    found.insert("pipeline_lease", clean.after_a_rerun["pipeline_lease"].clone());
    assert_eq!(difference(&found, &clean.after_a_rerun), None, "{what}");
    true
}

/// As if the failing run had been given the clean one's number.
fn renamed(mut tables: Tables) -> Tables {
    for cell in tables.values_mut().flatten().flatten() {
        *cell = cell.replace(FAILING_RUN, CLEAN_RUN);
    }
    tables
}

/// The ledger has one row more, of the run that failed.
fn without_failed_run(mut tables: Tables) -> Tables {
    if let Some(runs) = tables.get_mut("pipeline_runs") {
        runs.retain(|row| row[0] != FAILING_RUN);
    }
    tables
}

/// Every `step`-th point of every command, beginning with the first.
fn try_all(dialect: Dialect, store: &str, step: usize) -> usize {
    block_on(async {
        let mut points = 0;
        for act in Act::ALL {
            let mut lab = Lab::new(act, dialect).await;
            let clean = clean(&mut lab, act).await;
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
