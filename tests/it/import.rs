//! Imports of files of more than one batch: what is looked up, what is written, where one stops.

use std::sync::Arc;

use paceline::ingest::Workout;
use paceline::pipeline::import::{ImportOptions, ImportReport, ImportSource, import};
use paceline::pipeline::stop::Signal;
use paceline::pipeline::{Ambient, Kind, RunError};
use paceline::store::standings::{Lookup, Standing};
use paceline::time::WorkoutDate;

use crate::support::world::World;
use crate::support::{TestStore, block_on, now, on_both_stores};

const HEADER: &str = "workout_id,workout_date,activity_type,distance_mi\n";
/// Rows of one transaction.
const BATCH: usize = 20_000;

fn workout(id: impl ToString, miles: f64) -> Workout {
    Workout {
        id: id.to_string(),
        date: "2024-01-01".parse::<WorkoutDate>().expect("a date"),
        activity_type: Some("Run".to_owned()),
        kcal_burned: None,
        distance_mi: Some(miles),
        duration_sec: None,
        avg_pace: None,
        max_pace: None,
        steps: None,
        link: None,
    }
}

/// A file with a row for each id, all of one day and so many miles.
fn export(ids: impl IntoIterator<Item = usize>, miles: f64) -> String {
    let rows = ids.into_iter().map(|id| format!("{id},2024-01-01,Run,{miles}\n"));
    HEADER.to_owned() + &rows.collect::<String>()
}

fn counts(report: &ImportReport) -> [u64; 5] {
    assert_eq!(
        report.read,
        report.new + report.changed + report.unchanged + report.quarantined,
        "{report:?}"
    );
    [
        report.read,
        report.new,
        report.changed,
        report.unchanged,
        report.quarantined,
    ]
}

/// `batches` times the rows of a transaction, in no order of their ids, and a few of them wrong.
fn scattered(batches: usize) -> String {
    let rows = batches * BATCH;
    // 7,919 is a prime and no divisor of the number of rows: every id comes once.
    let mut text = export((0..rows).map(|n| 1_000_000 + n * 7_919 % rows), 3.0);
    text.push_str("x,never,Run,1\n,2024-01-01,Run,1\n");
    text
}

#[test]
fn a_file_of_several_batches_is_written_once_and_then_found_unchanged() {
    block_on(async {
        let raw = TestStore::sqlite().await;
        raw.db.migrate(now()).await.expect("migrate");
        let world = World::new(raw);
        for text in [export(0..2 * BATCH + 7, 3.0), scattered(2)] {
            let rows = text.lines().count() as u64 - 1;
            let refused = text.matches("never").count() as u64 * 2;
            let first = world.import(&text).await;
            assert_eq!(counts(&first), [rows, rows - refused, 0, 0, refused]);
            let before = world.dump().await;
            let again = world.import(&text).await;
            assert_eq!(counts(&again), [rows, 0, 0, rows - refused, refused]);
            assert!(before == world.dump().await, "a second import changes nothing");
        }
        // Every third mile is another one now; the rest is as it was.
        let newer = export((0..2 * BATCH + 7).step_by(3), 4.5);
        let changed = world.import(&newer).await;
        let rows = newer.lines().count() as u64 - 1;
        assert_eq!(counts(&changed), [rows, 0, rows, 0, 0]);
        let longer = world
            .raw
            .rows("SELECT COUNT(*) FROM workout_summary WHERE distance_mi = 4.5");
        assert_eq!(longer.await, [[rows.to_string()]]);
        assert_eq!(
            world.count("workout_summary").await,
            (4 * BATCH + 7) as u64,
            "nothing is deleted"
        );
    });
}

#[test]
fn a_workout_that_stands_in_a_file_again_counts_as_what_it_was_to_the_row_before() {
    on_both_stores(|raw| async {
        let world = World::new(raw);
        let rows = |rows: &[(u64, f64)]| {
            let rows = rows.iter().map(|(id, miles)| format!("{id},2024-01-01,Run,{miles}\n"));
            HEADER.to_owned() + &rows.collect::<String>()
        };
        // New; the same again; another distance; that again.
        let first = world
            .import(&rows(&[(7, 1.0), (7, 1.0), (8, 5.0), (7, 2.0), (7, 2.0)]))
            .await;
        assert_eq!(counts(&first), [5, 2, 1, 2, 0]);
        // As stored; another; back to what is stored, which counts although nothing has to be written for it.
        let second = world.import(&rows(&[(7, 2.0), (7, 9.0), (7, 2.0)])).await;
        assert_eq!(counts(&second), [3, 0, 2, 1, 0]);
        let third = world.import(&rows(&[(7, 4.0), (7, 4.0), (8, 5.0)])).await;
        assert_eq!(counts(&third), [3, 0, 1, 2, 0]);
        let stored = world
            .raw
            .rows("SELECT workout_id, distance_mi FROM workout_summary ORDER BY workout_id");
        assert_eq!(stored.await, [["7", "4.0"], ["8", "5.0"]]);
    });
}

#[test]
fn a_range_of_keys_and_the_keys_one_by_one_give_the_same_answer() {
    on_both_stores(|raw| async {
        let world = World::new(raw);
        world.import(&export((1_000..3_000).chain(70_000..70_700), 3.0)).await;
        let batches = [
            // A stretch of keys: some stored, one of them otherwise, some not.
            (2_990..3_010)
                .map(|id| workout(id, if id == 2_995 { 8.0 } else { 3.0 }))
                .collect::<Vec<_>>(),
            // A dozen from all over: their range holds far more rows than they are.
            [500, 1_000, 1_001, 2_500, 2_999, 3_000, 70_000]
                .map(|id| workout(id, 3.0))
                .into_iter()
                .collect(),
            // No numbers, and one that a collation might take for another.
            ["2000", "2000a", "a", "A"]
                .map(|id| workout(id, 3.0))
                .into_iter()
                .collect(),
            Vec::new(),
        ];
        for (mut batch, scattered) in batches.into_iter().zip([false, true, false, false]) {
            batch.sort_by(|a, b| a.id.cmp(&b.id));
            let batch: Vec<&Workout> = batch.iter().collect();
            let mut lookup = Lookup::default();
            let standings = world.store.standings(&batch, &mut lookup).await.expect("standings");
            assert_eq!(lookup.is_scattered(), scattered);
            let mut one_by_one = Vec::new();
            for workout in &batch {
                let stored = world.store.workout(&workout.id).await.expect("a workout");
                one_by_one.push(match stored {
                    None => Standing::New,
                    Some(stored) if stored == **workout => Standing::Same,
                    Some(_) => Standing::Different,
                });
            }
            assert_eq!(standings, one_by_one);
            // From then on the same batch is asked for by its keys.
            let again = world.store.standings(&batch, &mut lookup).await.expect("standings");
            assert_eq!(again, standings);
        }
    });
}

#[test]
fn a_wish_to_stop_is_obeyed_between_two_batches_and_the_rest_follows() {
    block_on(async {
        let raw = TestStore::sqlite().await;
        raw.db.migrate(now()).await.expect("migrate");
        let world = World::new(raw);
        let text = export(0..BATCH + 10, 3.0);
        let ambient = world.ambient();
        let stop = ambient.stop.clone();
        let ambient = Ambient {
            at_point: Arc::new(move |point| {
                if point == "after_import_batch" {
                    stop.ask(Signal::Terminate);
                }
            }),
            ..ambient
        };
        let source = ImportSource::open("export.csv", std::io::Cursor::new(text.clone().into_bytes()));
        let source = source.expect("a header");
        let stopped: RunError = import(&world.store, source, ImportOptions::default(), &ambient)
            .await
            .expect_err("stopped");
        assert_eq!(stopped.kind, Kind::Stopped(Signal::Terminate));
        assert!(
            stopped.to_string().contains("20000 rows of export.csv are imported"),
            "{stopped}"
        );
        assert_eq!(world.count("workout_summary").await, BATCH as u64);
        assert_eq!(
            counts(&world.import(&text).await),
            [BATCH as u64 + 10, 10, 0, BATCH as u64, 0]
        );
    });
}
