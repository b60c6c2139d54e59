//! Loading: what comes out of a store, in which order, over how many connections, and what a quiet night asks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use paceline::db::watch::Moment;
use paceline::db::{ConnectOptions, Db};
use paceline::pipeline::prepare::{Options, prepare};
use paceline::pipeline::waiting::Waiting;
use paceline::store::Store;
use paceline::store::workouts::Window;
use paceline::vocab::Label;

use crate::support::world::{NIGHTLY, SAMPLE, World, correction, pipeline};
use crate::support::{TestStore, block_on, now, on_both_stores};

/// Names every statement that a store is asked from now on.
fn listen(world: &mut World) -> Arc<Mutex<Vec<String>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let watched = world.raw.db.clone().watched(Arc::new(move |moment| {
        if let Moment::Statement(name) = moment {
            hears.lock().expect("not poisoned").push(name.to_owned());
        }
        Ok(())
    }));
    world.store = Store::new(watched);
    heard
}

#[test]
fn the_state_is_in_key_order_whatever_order_it_was_written_in() {
    on_both_stores(|raw| async move {
        let world = World::new(raw);
        world.import(SAMPLE).await;
        let written = world.run(NIGHTLY).await.changes.new;
        // Coprime to the prime, so every row gets a place of its own, far from its neighbours'.
        let shuffle =
            "UPDATE workout_ml_classifications SET classification_id = 1000000 + (classification_id * 7919) % 100003";
        world.raw.run(shuffle).await;
        let stored = world
            .raw
            .rows(
                "SELECT workout_id, current_classification, classification_confidence, model_id \
                   FROM workout_ml_classifications ORDER BY workout_id",
            )
            .await;
        let current = world
            .store
            .load_classifications(Window::default())
            .await
            .expect("the state");
        assert_eq!(current.height() as u64, written);
        for (row, cells) in stored.iter().enumerate() {
            let confidence = current.real("classification_confidence").get(row);
            let found = [
                current.ids().get(row),
                current.text("current_classification").get(row),
                current.text("model_id").get(row),
            ];
            assert_eq!(
                found,
                [&cells[0], &cells[1], &cells[3]].map(|cell| Some(cell.as_str())),
                "row {row}"
            );
            assert_eq!(confidence, cells[2].parse().ok(), "row {row}");
        }
        let again = world.run(NIGHTLY).await;
        assert_eq!((again.rows_written, again.changes.unchanged), (0, written));
    });
}

#[test]
fn a_table_of_four_byte_floats_with_gaps_and_another_order_loads_exactly() {
    block_on(async {
        let raw = TestStore::mariadb().await;
        raw.run(
            "CREATE TABLE workout_summary (workout_id VARCHAR(20) PRIMARY KEY, workout_date DATETIME NULL, \
             activity_type VARCHAR(50) NULL, kcal_burned BIGINT NULL, distance_mi FLOAT NULL, duration_sec FLOAT NULL, \
             avg_pace FLOAT NULL, max_pace FLOAT NULL, steps BIGINT NULL, link VARCHAR(100) NULL) \
             ENGINE = InnoDB DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_general_ci",
        )
        .await;
        raw.run(
            "INSERT INTO workout_summary (workout_id, workout_date, activity_type, avg_pace, distance_mi, duration_sec) \
             VALUES ('a', '2024-01-01', 'Run', 1/3, 0.1, 61), ('B', '2024-01-02 03:04:05', NULL, NULL, 2.5, NULL), \
             ('c', '2024-01-03', 'Run', 9.3, NULL, 1)",
        )
        .await;
        let loaded = Store::new(raw.db.clone())
            .load_workouts(Window::default(), |_| {})
            .await;
        let frame = loaded.expect("workouts").frame;
        assert!(frame.ids().iter().flatten().eq(["B", "a", "c"]), "by bytes");
        let sports = frame.text("activity_type").iter();
        assert!(sports.eq([None, Some("Run"), Some("Run")]));
        let reals = |name: &str| frame.real(name).iter().collect::<Vec<_>>();
        let wide = |v: f32| Some(f64::from(v));
        assert_eq!(reals("avg_pace"), [None, wide(1.0 / 3.0), wide(9.3)]);
        assert_eq!(reals("distance_mi"), [wide(2.5), wide(0.1), None]);
        assert_eq!(reals("duration_sec"), [None, wide(61.0), wide(1.0)]);
        assert_eq!(frame.micros("workout_date").get(0), Some(1_704_164_645_000_000));
    });
}

#[test]
fn one_connection_is_asked_one_after_the_other() {
    block_on(async {
        let raw = TestStore::mariadb().await;
        raw.db.migrate(now()).await.expect("migrate");
        let mut world = World::new(raw);
        world.import(SAMPLE).await;
        let expected = prepare(&world.store, &pipeline(NIGHTLY), &Options::default(), &world.ambient()).await;
        let expected = expected.expect("with many connections");
        let options = ConnectOptions {
            pool_max: 1,
            retries: 0,
            connect_timeout: Duration::from_secs(2),
            ..ConnectOptions::default()
        };
        let url = world.raw.url.parse().expect("a URL");
        let db = Db::connect(&url, &options).await.expect("connect");
        assert_eq!(db.connections(), 1);
        world.store = Store::new(db);
        let found = prepare(&world.store, &pipeline(NIGHTLY), &Options::default(), &world.ambient()).await;
        let found = found.expect("with one");
        assert_eq!((found.rows, &found.changes), (expected.rows, &expected.changes));
    });
}

#[test]
fn a_quiet_night_reads_no_answers_and_one_that_may_learn_reads_them_once() {
    on_both_stores(|raw| async move {
        let mut world = World::new(raw);
        world.import(SAMPLE).await;
        world.run(NIGHTLY).await;
        let heard = listen(&mut world);
        let asked = |name: &str| {
            let heard = heard.lock().expect("not poisoned");
            heard.iter().filter(|statement| statement.contains(name)).count()
        };
        world.run(NIGHTLY).await;
        assert_eq!((asked("list_feedback"), asked("feedback_where_any_waits")), (0, 1));
        assert_eq!((asked("load_all_workouts"), asked("load_classifications")), (1, 1));

        let id = world
            .raw
            .rows("SELECT MIN(workout_id) FROM workout_ml_classifications")
            .await[0][0]
            .clone();
        let said = correction(&id, Label::Mixed, "anna");
        paceline::pipeline::people::say(&world.store, &said, &world.ambient())
            .await
            .expect("said");
        heard.lock().expect("not poisoned").clear();
        assert_eq!(Waiting::read(&world.store).await.expect("waiting").count(), 1);
        assert_eq!((asked("list_feedback"), asked("feedback_where_any_waits")), (0, 1));
        heard.lock().expect("not poisoned").clear();
        let options = Options {
            retrain: Some(paceline::stage::decide::Retrain::Always),
            ..Options::default()
        };
        world.try_run(NIGHTLY, &options).await.expect("run");
        assert_eq!((asked("list_feedback"), asked("feedback_where_any_waits")), (0, 1));
        assert_eq!(Waiting::read(&world.store).await.expect("waiting").count(), 0, "learnt");
    });
}
