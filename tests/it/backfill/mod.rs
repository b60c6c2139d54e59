//! Backfills: windows that come to the same as one run, whatever happens on the way.

mod cases;
mod command;
mod killed;
mod property;

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use paceline::pipeline::Ambient;
use paceline::pipeline::backfill::report::BackfillReport;
use paceline::pipeline::backfill::{BackfillOptions, Failure, Start, backfill};
use paceline::time::WorkoutDate;
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

use crate::support::TestStore;
use crate::support::world::{NIGHTLY, World, pipeline};

const HEADER: &str =
    "workout_id,workout_date,activity_type,kcal_burned,distance_mi,duration_sec,avg_pace,max_pace,steps,link,label\n";

/// `rows` invented workouts, some eight a day from 2015 on, as canonical CSV: runs around 9.5 min/mi, walks
/// around 20, a few without a pace and a few rides.
pub fn workouts(rows: usize, seed: u64) -> String {
    let mut rng = Xoshiro256Plus::seed_from_u64(seed);
    let mut unit = move || (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    let first: WorkoutDate = "2015-01-01".parse().expect("a date");
    let mut text = HEADER.to_owned();
    for n in 0..rows {
        let date = WorkoutDate::from_micros(first.micros() + n as i64 * 10_800_000_000);
        let pace = if unit() < 0.5 {
            8.0 + 3.0 * unit()
        } else {
            17.0 + 6.0 * unit()
        };
        let (miles, odd) = (1.0 + 5.0 * unit(), unit());
        let sport = if odd < 0.01 { "Bike Ride" } else { "Run" };
        let shown = if odd > 0.98 {
            String::new()
        } else {
            format!("{pace:.4}")
        };
        // Ids in another order than dates, so that every window touches the whole key range.
        let id = 100_000_000_000 + (n as u64).wrapping_mul(7_919) % 99_999_999_977;
        let _ = writeln!(
            text,
            "{id},{date},{sport},300,{miles:.3},{:.1},{shown},,4000,,",
            pace * miles * 60.0
        );
    }
    text
}

/// A migrated store with invented workouts in it.
pub async fn filled(raw: TestStore, rows: usize, seed: u64) -> World {
    let world = World::new(raw);
    let report = world.import(&workouts(rows, seed)).await;
    assert_eq!(report.new, rows as u64, "{report:?}");
    world
}

/// `NIGHTLY` under another name, with small transactions.
pub fn named(name: &str, chunk_rows: usize) -> String {
    NIGHTLY
        .replace("name = \"nightly\"", &format!("name = \"{name}\""))
        .replace("chunk_rows = 5000", &format!("chunk_rows = {chunk_rows}"))
}

/// Windows of `span`, begun anew.
pub fn by(span: &str) -> BackfillOptions {
    BackfillOptions {
        span: Some(span.parse().expect("a span")),
        command: "paceline backfill test.toml".to_owned(),
        ..BackfillOptions::default()
    }
}

/// The same, gone on with.
pub fn resumed(options: &BackfillOptions) -> BackfillOptions {
    BackfillOptions {
        start: Start::Resume,
        ..options.clone()
    }
}

/// A backfill of the nightly pipeline, a day after whatever happened last.
pub async fn run(world: &World, text: &str, options: &BackfillOptions) -> Result<BackfillReport, Failure> {
    world.wait_days(1);
    backfill(&world.store, &pipeline(text), options, &world.ambient()).await
}

/// Something to do when a point is reached for the n-th time (from 1).
pub fn at(ambient: Ambient, point: &'static str, nth: u32, act: impl Fn() + Send + Sync + 'static) -> Ambient {
    let reached = AtomicU32::new(0);
    let at_point = move |name| {
        if name == point && reached.fetch_add(1, Ordering::SeqCst) + 1 == nth {
            act();
        }
    };
    Ambient {
        at_point: Arc::new(at_point),
        ..ambient
    }
}

/// Does asynchronous work at a point, which is not asynchronous.
pub fn now_do<T>(work: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work))
}

/// What the tables say of workouts, without the names of the runs that wrote it.
pub async fn state(world: &World) -> Vec<Vec<String>> {
    let text = "SELECT workout_id, current_classification, classification_source, classification_confidence, \
                classification_method, model_version, is_user_override, original_ml_classification, \
                classification_change_count, features_snapshot FROM workout_ml_classifications ORDER BY workout_id";
    world.raw.rows(text).await
}

/// Every history row of every workout, likewise.
pub async fn history(world: &World) -> Vec<Vec<String>> {
    let text = "SELECT workout_id, previous_classification, new_classification, classification_source, \
                classification_confidence, classification_method, model_version, features_used \
                FROM workout_classification_history ORDER BY workout_id, history_id";
    world.raw.rows(text).await
}

/// The chain holds, and replay gives the state.
pub async fn assert_verified(world: &World) {
    let verified = world.store.verify(|_| {}).await.expect("verify");
    assert!(verified.ok, "{:?}", verified.findings);
}
