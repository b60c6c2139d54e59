//! Two chunks side by side: a reader cannot tell, and a fault in either leaves a beginning of the run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use paceline::db::error::DbError;
use paceline::db::watch::{Moment, Watch};
use paceline::pipeline::prepare::Options;
use paceline::stage::decide::Retrain;
use paceline::store::Store;
use paceline::vocab::Algorithm;

use crate::backfill::workouts;
use crate::support::world::{NIGHTLY, World, difference};
use crate::support::{TestStore, block_on, now};

/// Enough changes for two lanes.
const ROWS: usize = 21_000;

fn small_chunks() -> String {
    NIGHTLY.replace("chunk_rows = 5000", "chunk_rows = 2500")
}

async fn world(mariadb: bool) -> World {
    let store = if mariadb {
        TestStore::mariadb().await
    } else {
        TestStore::sqlite().await
    };
    store.db.migrate(now()).await.expect("migrate");
    let world = World::new(store);
    world.import(&workouts(ROWS, 5)).await;
    world
}

/// A first night, and one that relabels and confirms many.
async fn two_nights(world: &World) {
    world.run(&small_chunks()).await;
    let options = Options {
        retrain: Some(Retrain::Always),
        algorithm: Some(Algorithm::Kmeans),
        accept_churn: true,
        ..Options::default()
    };
    let report = world
        .try_run(&small_chunks(), &options)
        .await
        .expect("the second night");
    assert!(report.changes.changed > 0 && report.changes.refreshed > 0, "{report:?}");
}

/// The most chunks that were under way at once.
fn most_under_way(points: &[&str]) -> i32 {
    let (mut under_way, mut most) = (0, 0);
    for point in points {
        under_way += i32::from(*point == "before_chunk") - i32::from(*point == "after_chunk");
        most = most.max(under_way);
    }
    most
}

#[test]
fn two_lanes_write_what_one_writes_to_the_last_cell() {
    block_on(async {
        let (one, two) = (world(false).await, world(true).await);
        for world in [&one, &two] {
            two_nights(world).await;
            assert!(world.store.verify(|_| {}).await.expect("verify").ok);
        }
        assert_eq!((most_under_way(&one.points()), most_under_way(&two.points())), (1, 2));
        assert_eq!(difference(&one.dump().await, &two.dump().await), None);
    });
}

/// Fails the `at`-th moment that `strikes`, from 0, with `error`.
fn once(
    strikes: impl Fn(Moment<'_>) -> bool + Send + Sync + 'static,
    at: usize,
    error: impl Fn() -> DbError + Send + Sync + 'static,
) -> (Watch, Arc<AtomicBool>) {
    let (seen, struck) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
    let has_struck = struck.clone();
    let watch = move |moment: Moment<'_>| {
        if !strikes(moment) || seen.fetch_add(1, Ordering::SeqCst) != at {
            return Ok(());
        }
        has_struck.store(true, Ordering::SeqCst);
        Err(error())
    };
    (Arc::new(watch), struck)
}

fn passing() -> DbError {
    DbError::Transient {
        statement: "on purpose".to_owned(),
        detail: "on purpose".to_owned(),
    }
}

fn unknown() -> DbError {
    DbError::CommitUnknown {
        transaction: "on purpose".to_owned(),
        detail: "on purpose".to_owned(),
    }
}

fn lasting() -> DbError {
    DbError::Other {
        statement: "on purpose".to_owned(),
        detail: "on purpose".to_owned(),
    }
}

/// What is committed must be a beginning: segments and chunks without a gap, and a state that replay gives.
async fn assert_a_beginning(world: &World, what: &str) {
    let verified = world.store.verify(|_| {}).await.expect("verify");
    assert!(verified.ok, "{what}: {verified:?}");
    let chunks = world
        .raw
        .rows("SELECT chunk_no FROM pipeline_chunks ORDER BY chunk_no")
        .await;
    for (number, row) in chunks.iter().enumerate() {
        assert_eq!(row[0], number.to_string(), "{what}");
    }
}

#[test]
fn a_fault_in_either_lane_leaves_a_beginning_and_is_got_over() {
    type Strikes = fn(Moment<'_>) -> bool;
    type Error = fn() -> DbError;
    let history: Strikes = |m| m == Moment::Statement("workout_classification_history");
    let current: Strikes = |m| m == Moment::Statement("workout_ml_classifications");
    let fence: Strikes = |m| matches!(m, Moment::Statement(name) if name.contains("lease_check"));
    let commit: Strikes = |m| m == Moment::Commit("write verdicts");
    let committed: Strikes = |m| m == Moment::Committed("write verdicts");
    let cases: [(&str, Strikes, usize, Error, bool); 8] = [
        ("the history of the second chunk", history, 1, passing, true),
        ("the current rows of the first chunk", current, 0, passing, true),
        ("the current rows of the fourth chunk", current, 3, passing, true),
        ("a fence", fence, 4, passing, true),
        ("a COMMIT that is not sent", commit, 1, unknown, true),
        ("a COMMIT whose answer is lost", committed, 2, unknown, true),
        ("a COMMIT whose answer is lost, the last", committed, 8, unknown, true),
        ("current rows, for good", current, 2, lasting, false),
    ];
    block_on(async {
        let clean = world(true).await;
        clean.run(&small_chunks()).await;
        let query = "SELECT workout_id, current_classification, classification_change_count, model_version \
                     FROM workout_ml_classifications ORDER BY workout_id";
        let expected = clean.raw.rows(query).await;
        for (what, strikes, at, error, passes) in cases {
            let mut world = world(true).await;
            let (watch, struck) = once(strikes, at, error);
            world.store = Store::new(world.raw.db.clone().watched(watch));
            let result = world.try_run(&small_chunks(), &Options::default()).await;
            assert!(struck.load(Ordering::SeqCst), "{what}: nothing befell it");
            assert_eq!(result.is_ok(), passes, "{what}: {:?}", result.err());
            assert_a_beginning(&world, what).await;
            if !passes {
                world.run(&small_chunks()).await;
                assert!(world.store.verify(|_| {}).await.expect("verify").ok, "{what}");
            }
            assert_eq!(world.raw.rows(query).await, expected, "{what}");
            let doubled =
                "SELECT workout_id FROM workout_classification_history GROUP BY workout_id HAVING COUNT(*) > 1";
            assert!(world.raw.rows(doubled).await.is_empty(), "{what}");
        }
    });
}
