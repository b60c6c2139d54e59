//! The stages and the audit on their own: `cargo bench` (or `cargo bench -- train` for some of them).
//!
//! Why: when a night has become slow, this says which part, without a database in the way. Whole
//! processes against other tools are another measurement.
//!
//! Each figure is rows a second on 10 thousand, 100 thousand and 1 million rows of the generated
//! sample, on all processors where a stage uses them. A benchmark stops after three seconds; `--help`
//! lists what changes that.

use std::time::Duration;

use divan::counter::ItemsCount;
use divan::{Bencher, Divan};
use paceline::audit::merkle;
use paceline::audit::replay::{Entry, Replay};
use paceline::stage::classify;
use paceline::stage::diff;
use paceline::stage::features;
use paceline::stage::feedback::Feedback;
use paceline::stage::fingerprint::Fingerprint;
use paceline::stage::params::Params;
use paceline::stage::train;
use paceline::vocab::Algorithm;

mod data;

use data::{History, MODEL};

/// Rows of the export; other sports and what cannot be stored are left out of what is measured.
const ROWS: &[u64] = &[10_000, 100_000, 1_000_000];

/// Fixed: a figure is only comparable with itself.
const SEED: u64 = 42;

fn main() {
    Divan::default()
        .max_time(Duration::from_secs(3))
        .config_with_args()
        .main();
}

/// Measures `work` on the history of `rows`; `counted` of its rows are what it works on.
fn measure<T>(
    bencher: Bencher<'_, '_>,
    rows: u64,
    counted: fn(&History) -> usize,
    work: impl Fn(&History) -> T + Sync,
) {
    let history = data::history(rows);
    bencher
        .counter(ItemsCount::new(counted(history)))
        .bench(|| work(history));
}

fn on_foot(history: &History) -> usize {
    history.features.height()
}

#[divan::bench(args = ROWS)]
fn featurize(bencher: Bencher<'_, '_>, rows: u64) {
    let counted = |history: &History| history.workouts.height();
    measure(bencher, rows, counted, |history| {
        features::featurize(&history.workouts, &features::Activities::default())
    });
}

#[divan::bench(args = ROWS)]
fn fingerprint(bencher: Bencher<'_, '_>, rows: u64) {
    measure(bencher, rows, on_foot, |history| {
        Fingerprint::of(&history.features, &Params::default().bounds)
    });
}

#[divan::bench(args = ROWS)]
fn train_anchored(bencher: Bencher<'_, '_>, rows: u64) {
    measure(bencher, rows, on_foot, |history| {
        train_with(history, &Params::default())
    });
}

/// Ten restarts of three clusters on pace, distance and duration.
#[divan::bench(args = ROWS)]
fn train_kmeans(bencher: Bencher<'_, '_>, rows: u64) {
    let params = Params {
        algorithm: Algorithm::Kmeans,
        ..Params::default()
    };
    measure(bencher, rows, on_foot, |history| train_with(history, &params));
}

fn train_with(history: &History, params: &Params) -> train::Trained {
    train::train(&history.features, &Feedback::none(), params, SEED).expect("the sample can be clustered")
}

#[divan::bench(args = ROWS)]
fn classify_rows(bencher: Bencher<'_, '_>, rows: u64) {
    measure(bencher, rows, on_foot, |history| {
        classify::classify(&history.features, &history.model)
    });
}

/// A night on which nothing has changed.
#[divan::bench(args = ROWS)]
fn diff_quiet(bencher: Bencher<'_, '_>, rows: u64) {
    measure(bencher, rows, on_foot, |history| {
        diff::diff(&history.stored, &history.predictions, Some(MODEL))
    });
}

/// A night with a new model: every stored row is to be written.
#[divan::bench(args = ROWS)]
fn diff_retrained(bencher: Bencher<'_, '_>, rows: u64) {
    measure(bencher, rows, on_foot, |history| {
        diff::diff(&history.stored, &history.predictions, Some("another model"))
    });
}

/// The bytes of history rows, and nothing done with them.
#[divan::bench(args = ROWS)]
fn encoding(bencher: Bencher<'_, '_>, rows: u64) {
    let history = data::history(rows);
    let mut bytes = Vec::new();
    bencher.counter(ItemsCount::new(on_foot(history))).bench_local(|| {
        for row in &history.rows {
            bytes.clear();
            row.borrowed().encode_into(&mut bytes);
            divan::black_box(&bytes);
        }
    });
}

/// From history rows to the root that seals them.
#[divan::bench(args = ROWS)]
fn merkle_seal(bencher: Bencher<'_, '_>, rows: u64) {
    measure(bencher, rows, on_foot, |history| {
        let mut scratch = Vec::new();
        let mut tree = merkle::Merkle::new();
        for row in &history.rows {
            tree.push(row.borrowed().leaf_hash(&mut scratch));
        }
        tree.root()
    });
}

/// From leaf hashes to the root.
#[divan::bench(args = ROWS)]
fn merkle_root(bencher: Bencher<'_, '_>, rows: u64) {
    measure(bencher, rows, on_foot, |history| merkle::root(&history.leaves));
}

/// Folds a history with a row for each workout.
#[divan::bench(args = ROWS)]
fn replay(bencher: Bencher<'_, '_>, rows: u64) {
    measure(bencher, rows, on_foot, |history| {
        let mut replay = Replay::default();
        for row in &history.rows {
            let entry = Entry {
                workout_id: &row.workout_id,
                previous: row.previous_classification.as_deref(),
                new: &row.new_classification,
                source: &row.classification_source,
                model_id: row.model_id.as_deref(),
                run_id: row.run_id.as_deref(),
                metadata: row.metadata.as_deref(),
                testimony: false,
            };
            replay.push(&entry).expect("the history follows itself");
        }
        replay
    });
}
