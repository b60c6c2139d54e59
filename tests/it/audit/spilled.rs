//! Verification in bounded memory finds what one plain fold in memory finds, whatever was done to the store.

use std::sync::Arc;

use paceline::audit::adopted::FoundState;
use paceline::db::watch::Moment;
use paceline::pipeline::adopt::adopt;
use paceline::pipeline::people::say;
use paceline::store::adopt::Scope;
use paceline::store::verify::{Spill, Verification};
use paceline::store::{Store, StoreError};
use paceline::vocab::Label;
use proptest::test_runner::{Config, TestRunner};

use super::reference::{assert_expected, expected};
use super::{healthy, triggers_dropped};
use crate::support::world::{NIGHTLY, SAMPLE, World, correction};
use crate::support::{TestStore, block_on, connect, now, on_both_stores};

const HISTORY: &str = "workout_classification_history";
const CURRENT: &str = "workout_ml_classifications";

/// So little that every partition goes to the disk, some, and none.
const BUDGETS: [usize; 3] = [0, 16_000, Spill::BUDGET];

/// A store with a first night of 500 workouts, people's words, rows of others (some adopted, some not), and a
/// second model over it; without triggers.
async fn eventful(store: TestStore) -> World {
    let world = World::new(store);
    let some: String = SAMPLE.lines().take(501).map(|line| format!("{line}\r\n")).collect();
    world.import(&some).await;
    world
        .run(&NIGHTLY.replace("chunk_rows = 5000", "chunk_rows = 70"))
        .await;
    let ids = classified(&world).await;
    for id in &ids[..3] {
        let said = correction(id, Label::Mixed, "anna");
        say(&world.store, &said, &world.ambient()).await.expect("say");
    }
    for id in ids[1..40].iter().step_by(3) {
        theirs(&world, id, "pup_walk").await;
        theirs(&world, id, "unknown").await;
    }
    adopt(&world.store, Scope::Openly, &world.ambient())
        .await
        .expect("adopt")
        .expect("there was something");
    theirs(&world, &ids[5], "mixed").await;
    for statement in triggers_dropped() {
        world.raw.run(&statement).await;
    }
    world
}

async fn classified(world: &World) -> Vec<String> {
    let query = format!("SELECT workout_id FROM {CURRENT} ORDER BY workout_id");
    world
        .raw
        .rows(&query)
        .await
        .into_iter()
        .map(|mut row| row.remove(0))
        .collect()
}

/// A history row as another tool writes it.
async fn theirs(world: &World, workout: &str, label: &str) {
    let insert = format!(
        "INSERT INTO {HISTORY} (workout_id, new_classification, classification_source, changed_at) \
         VALUES ('{workout}', '{label}', 'ml_batch_update', '2026-02-05 00:00:00')"
    );
    world.raw.run(&insert).await;
}

/// One thing that is done by hand: which, and three numbers to choose rows and values by.
type Act = (usize, usize, usize, usize);

/// The kinds of acts below.
const ACTS: usize = 20;

/// The statement of an act, on history rows 1 to `rows` and these workouts.
fn statement((kind, a, b, c): Act, rows: usize, ids: &[String]) -> String {
    let (id, workout, other) = (1 + a % rows, &ids[b % ids.len()], &ids[c % ids.len()]);
    let row = format!("WHERE history_id = {id}");
    let current = format!("WHERE workout_id = '{workout}'");
    let label = ["real_run", "mixed", "pup_walk"][c % 3];
    let found = |present: bool| {
        let state = FoundState {
            present,
            is_user_override: c % 2 == 0,
            classification_change_count: b as i64,
            label_model_id: None,
            run_id: None,
        };
        state.metadata()
    };
    match kind {
        0 => format!("UPDATE {HISTORY} SET new_classification = '{label}' {row}"),
        1 => format!("UPDATE {HISTORY} SET previous_classification = '{label}' {row}"),
        2 => format!("UPDATE {HISTORY} SET classification_source = 'user_override' {row}"),
        3 => format!("UPDATE {HISTORY} SET model_id = 'm{c}', run_id = NULL {row}"),
        4 => format!("UPDATE {HISTORY} SET workout_id = '{workout}' {row}"),
        5 => format!("UPDATE {HISTORY} SET segment_id = {} {row}", c % 12),
        6 => format!("UPDATE {HISTORY} SET segment_id = NULL {row}"),
        7 => format!("UPDATE {HISTORY} SET history_id = {} {row}", 100_000 + c),
        8 => format!("UPDATE {HISTORY} SET metadata = '{}' {row}", found(a % 2 == 0)),
        9 => format!("DELETE FROM {HISTORY} WHERE history_id BETWEEN {id} AND {}", id + c % 5),
        10 => format!(
            "INSERT INTO {HISTORY} (workout_id, previous_classification, new_classification, classification_source, \
             changed_at, segment_id) VALUES ('{workout}', '{label}', 'mixed', 'admin_correction', '2026-02-05 00:00:00', {})",
            if a % 3 == 0 {
                "NULL".to_owned()
            } else {
                (a % 12).to_string()
            }
        ),
        11 => format!("UPDATE {CURRENT} SET current_classification = '{label}' {current}"),
        12 => format!("UPDATE {CURRENT} SET is_user_override = 1 - is_user_override {current}"),
        13 => format!("UPDATE {CURRENT} SET classification_change_count = {a}, label_model_id = 'm{c}' {current}"),
        14 => format!("DELETE FROM {CURRENT} WHERE workout_id IN ('{workout}', '{other}')"),
        15 => format!("DELETE FROM audit_segments WHERE segment_id = {}", 1 + a % 10),
        16 => format!(
            "UPDATE audit_segments SET row_count = row_count + 1 WHERE segment_id = {}",
            1 + a % 10
        ),
        17 => format!("UPDATE audit_adopted SET last_history_id = last_history_id + {}", a % 3),
        18 => format!(
            "INSERT INTO audit_adopted VALUES ({}, {}, {})",
            200_000 + a,
            200_100 + a + b,
            c % 12
        ),
        // More findings than are listed.
        _ => format!("UPDATE {CURRENT} SET run_id = 'r{a}', current_classification = '{label}'"),
    }
}

/// Verifies with every budget; all must say the same, and what they must.
async fn assert_all_agree(world: &World, about: &str) -> Verification {
    let folder = tempfile::tempdir().expect("a folder");
    let expected = expected(world).await;
    let plain = world.store.verify(|_| {}).await.expect("verify");
    assert_expected(&plain, &expected, about);
    for budget in BUDGETS {
        let folder = Some(folder.path().to_owned());
        let spill = Spill { folder, budget };
        let spilled = world.store.verify_against(None, spill, |_| {}).await.expect("verify");
        assert_eq!(spilled, plain, "budget {budget}, {about}");
    }
    plain
}

#[test]
fn what_is_put_on_the_disk_is_found_all_the_same() {
    on_both_stores(|store| async {
        let world = eventful(store).await;
        let ids = classified(&world).await;
        let before = assert_all_agree(&world, "untouched").await;
        assert!(before.noted > 13 && before.found == 1, "{before:?}");
        for kind in 0..ACTS {
            let act = statement((kind, 37 * kind + 70, 3 * kind + 1, 5 * kind + 2), 480, &ids);
            world.raw.run(&act).await;
            assert!(!assert_all_agree(&world, &act).await.ok);
        }
        let last = assert_all_agree(&world, "all of it").await;
        assert!(last.found > last.findings.len() as u64, "more than are listed");
    });
}

#[test]
fn a_healthy_store_is_healthy_on_the_disk_too() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let verified = assert_all_agree(&world, "healthy").await;
        assert!(verified.ok && verified.noted == 0, "{verified:?}");
    });
}

/// More cases than a quick run takes: `PACELINE_STORIES=500`.
fn stories(usual: u32) -> u32 {
    let asked = std::env::var("PACELINE_STORIES").ok().and_then(|n| n.parse().ok());
    asked.unwrap_or(usual)
}

#[test]
fn whatever_is_done_the_findings_are_those_of_one_fold() {
    let mut runner = TestRunner::new(Config {
        cases: stories(24),
        max_shrink_iters: 60,
        failure_persistence: None,
        ..Config::default()
    });
    let (world, ids) = block_on(async {
        let store = TestStore::sqlite().await;
        store.db.migrate(now()).await.expect("migrate");
        let world = eventful(store).await;
        let ids = classified(&world).await;
        (world, ids)
    });
    let act = (0..ACTS, 0usize..600, 0usize..600, 0usize..600);
    let story = proptest::collection::vec(act, 1..12);
    let done = runner.run(&story, |acts| {
        block_on(async {
            let copy = World::new(world.raw.sqlite_copy().await);
            let acts: Vec<String> = acts.into_iter().map(|act| statement(act, 480, &ids)).collect();
            for act in &acts {
                // Some are refused by a key: then they have not happened.
                let _ = copy.raw.db.execute(crate::support::sql(act), &Default::default()).await;
            }
            assert_all_agree(&copy, &acts.join(";\n")).await;
        });
        Ok(())
    });
    done.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn a_folder_that_cannot_be_used_is_said_and_nothing_is_verified() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let folder = tempfile::tempdir().expect("a folder").path().join("gone");
        let spill = Spill {
            folder: Some(folder.clone()),
            budget: 0,
        };
        let error = world
            .store
            .verify_against(None, spill, |_| {})
            .await
            .expect_err("no folder");
        let StoreError::Spill { folder: named, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(*named, folder);
        // The store is as usable as before.
        assert!(world.store.verify(|_| {}).await.expect("verify").ok);
    });
}

#[test]
fn rows_are_told_of_while_they_are_read_and_a_row_that_cannot_be_read_is_an_error() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let mut told = Vec::new();
        let verified = world.store.verify(|rows| told.push(rows)).await.expect("verify");
        assert!(told.is_sorted() && told.last() == Some(&verified.rows), "{told:?}");
        for statement in triggers_dropped() {
            world.raw.run(&statement).await;
        }
        if world.raw.dialect == paceline::db::statement::Dialect::Sqlite {
            world
                .raw
                .run(&format!("UPDATE {HISTORY} SET changed_at = 'never'"))
                .await;
            let error = world.store.verify(|_| {}).await.expect_err("no instant");
            assert!(error.to_string().contains("changed_at"), "{error}");
        }
    });
}

#[test]
fn what_others_commit_while_it_reads_is_no_finding() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let before = world.store.chain_head().await.expect("head");
        let workout = classified(&world).await.remove(0);
        let (url, ambient) = (world.raw.url.clone(), world.ambient());
        let once = std::sync::Mutex::new(Some(move || {
            let said = correction(&workout, Label::Mixed, "anna");
            block_on(async {
                let other = Store::new(connect(&url).await.expect("connect"));
                say(&other, &said, &ambient).await.expect("say");
            });
        }));
        // The chain has been read by then, the history or the state not.
        let watch = move |moment: Moment<'_>| {
            if moment == Moment::Statement("query/verify_state.sql")
                && let Some(write) = once.lock().expect("sound").take()
            {
                std::thread::spawn(write).join().expect("written");
            }
            Ok(())
        };
        let watched = Store::new(world.raw.db.clone().watched(Arc::new(watch)));
        let verified = watched.verify(|_| {}).await.expect("verify");
        assert!(verified.ok, "{:?}", verified.findings);
        assert_eq!(verified.segment_id, before.segment_id + 1);
    });
}
