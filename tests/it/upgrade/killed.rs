//! An upgrade that fails, or is killed, after each of its statements: the next one ends the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use paceline::db::error::DbError;
use paceline::db::watch::{Moment, Watch};

use super::older::SMALL;
use super::picture::{Lens, Values, lenses, schema, values};
use crate::fault::matrix::is_full;
use crate::support::cli::Paceline;
use crate::support::{TestStore, block_on, now};

/// Where a statement of an upgrade fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// It is not sent.
    Before,
    /// It is done, and the process does not live to know.
    After,
}

/// Fails at the `at`-th statement of an upgrade, from 0, and at everything after it: as a process that is gone.
fn gone_at(side: Side, at: usize) -> (Watch, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let watch = move |moment: Moment<'_>| {
        let name = match (side, moment) {
            (Side::Before, Moment::Statement(name)) | (Side::After, Moment::Committed(name)) => name,
            _ if count.load(Ordering::SeqCst) > at => "gone",
            _ => return Ok(()),
        };
        let counts = name.starts_with("upgrade ");
        let number = if counts {
            count.fetch_add(1, Ordering::SeqCst)
        } else {
            count.load(Ordering::SeqCst)
        };
        let is_gone = if counts { number >= at } else { number > at };
        if !is_gone {
            return Ok(());
        }
        Err(DbError::Other {
            statement: name.to_owned(),
            detail: "killed on purpose".to_owned(),
        })
    };
    (Arc::new(watch), seen)
}

/// What a clean upgrade ends in.
struct Clean {
    lenses: Vec<Lens>,
    values: Values,
    schema: Vec<String>,
}

async fn clean() -> Clean {
    let store = TestStore::mariadb().await;
    SMALL.build(&store).await;
    let lenses = lenses(&store).await;
    store.db.migrate(now()).await.expect("migrate");
    Clean {
        values: values(&store, &lenses).await,
        schema: schema(&store).await,
        lenses,
    }
}

impl Clean {
    async fn assert_same(&self, store: &TestStore, what: &str) {
        assert_eq!(values(store, &self.lenses).await, self.values, "{what}");
        assert_eq!(schema(store).await, self.schema, "{what}");
        let plan = store.db.migration_plan().await.expect("plan");
        assert!(
            plan.upgrade.statements.is_empty() && plan.pending.is_empty(),
            "{what}: {plan:?}"
        );
    }
}

#[test]
fn an_upgrade_that_fails_at_any_statement_is_finished_by_the_next() {
    block_on(async {
        let clean = clean().await;
        // Each point is a database of its own, and what the catalogue is asked takes longer with each: without
        // PACELINE_FAULTS=full every fourth is tried.
        let step = if is_full() { 1 } else { 4 };
        let mut points = 0;
        for (side, from) in [(Side::Before, 0), (Side::After, step / 2)] {
            for at in (from..).step_by(step) {
                let what = format!("{side:?} {at}");
                let store = TestStore::mariadb().await;
                SMALL.build(&store).await;
                let (watch, seen) = gone_at(side, at);
                let result = store.db.clone().watched(watch).migrate(now()).await;
                if seen.load(Ordering::SeqCst) <= at {
                    result.expect("nothing was in its way");
                    break;
                }
                let error = result.expect_err(&what);
                assert!(error.to_string().contains("on purpose"), "{what}: {error}");
                store.db.migrate(now()).await.expect(&what);
                clean.assert_same(&store, &what).await;
                points += 1;
            }
        }
        assert!(points >= 40 / step, "{points} points");
    });
}

#[test]
fn a_passing_fault_is_got_over_by_the_upgrade_itself() {
    block_on(async {
        let clean = clean().await;
        for at in [0, 3, 9, 14] {
            let store = TestStore::mariadb().await;
            SMALL.build(&store).await;
            let seen = AtomicUsize::new(0);
            let watch = move |moment: Moment<'_>| match moment {
                Moment::Committed(name)
                    if name.starts_with("upgrade ") && seen.fetch_add(1, Ordering::SeqCst) == at =>
                {
                    Err(DbError::Transient {
                        statement: name.to_owned(),
                        detail: "the connection is gone".to_owned(),
                    })
                }
                _ => Ok(()),
            };
            store
                .db
                .clone()
                .watched(Arc::new(watch))
                .migrate(now())
                .await
                .expect("it goes on");
            clean.assert_same(&store, &format!("at {at}")).await;
        }
    });
}

#[test]
fn a_process_that_is_killed_midway_is_finished_by_the_next() {
    let clean = block_on(clean());
    for point in [
        "after_commit:2",
        "before_commit:6",
        "after_commit:11",
        "after_commit:17",
        "after_commit:24",
    ] {
        let store = block_on(async {
            let store = TestStore::mariadb().await;
            SMALL.build(&store).await;
            store
        });
        let paceline = Paceline::new(&store.url);
        let killed = paceline.with_env("PACELINE_CRASH_AT", point).run(&["migrate", "--yes"]);
        assert_eq!(killed.code, -1, "{point}: {killed}");
        paceline.ok(&["migrate", "--yes"]);
        block_on(clean.assert_same(&store, point));
        paceline.ok(&["verify"]);
        assert_eq!(paceline.json(&["migrate"])["upgraded"], serde_json::json!([]));
    }
}

#[test]
fn two_that_upgrade_at_once_do_not_break_each_other() {
    block_on(async {
        let clean = clean().await;
        let store = TestStore::mariadb().await;
        SMALL.build(&store).await;
        let other = crate::support::connect(&store.url).await.expect("connect");
        let (a, b) = tokio::join!(store.db.migrate(now()), other.migrate(now()));
        a.expect("the one");
        b.expect("the other");
        clean.assert_same(&store, "two at once").await;
    });
}
