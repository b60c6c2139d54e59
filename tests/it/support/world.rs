//! A store, a clock that stands where it is put, and entropy that counts: a whole Paceline in a test.
//!
//! Why: two stores can only be equal to the last cell when time and ids are the same on both.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use paceline::config::Pipeline;
use paceline::db::statement::Dialect;
use paceline::pipeline::import::{ImportOptions, ImportReport, ImportSource, import};
use paceline::pipeline::people::Said;
use paceline::pipeline::plan::{Plan, plan};
use paceline::pipeline::prepare::Options;
use paceline::pipeline::report::RunReport;
use paceline::pipeline::run::run;
use paceline::pipeline::{Ambient, RunError, Silent};
use paceline::store::Store;
use paceline::time::Timestamp;
use paceline::vocab::{FeedbackType, Label, Trigger};

use super::TestStore;

/// The nightly pipeline that ships.
pub const NIGHTLY: &str = include_str!("../../../pipelines/nightly.toml");
/// The classic pipeline that ships.
pub const CLASSIC: &str = include_str!("../../../pipelines/classic.toml");
/// The sample that ships.
pub const SAMPLE: &str = include_str!("../../../data/workouts_sample.csv");

/// Every table that Paceline writes, with an order that both stores share.
pub const TABLES: &[(&str, &str)] = &[
    ("workout_summary", "workout_id"),
    ("workout_ml_classifications", "workout_id"),
    ("workout_classification_history", "history_id"),
    ("ml_model_registry", "registry_id"),
    ("audit_segments", "segment_id"),
    ("audit_adopted", "first_history_id"),
    ("audit_leaves", "segment_id, part_no"),
    ("pipeline_runs", "run_id"),
    ("pipeline_chunks", "run_id, chunk_no"),
    ("quarantined_rows", "quarantine_id"),
    ("user_classification_feedback", "feedback_id"),
    ("backfill_windows", "backfill_id, window_no"),
    ("model_evaluations", "evaluation_id"),
    ("model_feedback", "model_id, first_id"),
];

/// One store and the world around it.
pub struct World {
    /// The raw store, for SQL.
    pub raw: TestStore,
    /// The domain's view of it.
    pub store: Store,
    clock: Arc<AtomicI64>,
    entropy: Arc<AtomicU32>,
    points: Arc<Mutex<Vec<&'static str>>>,
}

/// What a person who is sure says of a workout that the model has wrong.
pub fn correction(id: &str, label: Label, user: &str) -> Said {
    Said {
        workout_id: id.to_owned(),
        feedback_type: FeedbackType::Correct,
        label: Some(label),
        certainty: 5,
        comment: None,
        user: user.to_owned(),
        admin: false,
    }
}

/// A pipeline from its text.
pub fn pipeline(text: &str) -> Pipeline {
    Pipeline::parse(text, "test.toml").expect("a valid pipeline")
}

impl World {
    /// Over a migrated store; the clock stands at 2026-02-03 04:05:06.
    pub fn new(raw: TestStore) -> Self {
        let start: Timestamp = "2026-02-03T04:05:06Z".parse().expect("an instant");
        Self {
            store: Store::new(raw.db.clone()),
            raw,
            clock: Arc::new(AtomicI64::new(start.micros())),
            entropy: Arc::new(AtomicU32::new(0)),
            points: Arc::default(),
        }
    }

    /// Where the clock stands.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.clock.load(Ordering::SeqCst))
    }

    /// Moves the clock on.
    pub fn wait_days(&self, days: i64) {
        self.clock.fetch_add(days * 86_400_000_000, Ordering::SeqCst);
    }

    /// What `app` would pass down.
    pub fn ambient(&self) -> Ambient {
        let (clock, entropy, points) = (self.clock.clone(), self.entropy.clone(), self.points.clone());
        Ambient {
            clock: Arc::new(move || Timestamp::from_micros(clock.load(Ordering::SeqCst))),
            entropy: Arc::new(move || entropy.fetch_add(1, Ordering::SeqCst)),
            progress: Arc::new(Silent),
            process: paceline::pipeline::lease::Process::default(),
            stop: paceline::pipeline::stop::Stop::default(),
            at_point: Arc::new(move |point| points.lock().expect("not poisoned").push(point)),
        }
    }

    /// The named points that have been reached, in order.
    pub fn points(&self) -> Vec<&'static str> {
        self.points.lock().expect("not poisoned").clone()
    }

    /// Imports a text under the name `export.csv`.
    pub async fn import(&self, text: &str) -> ImportReport {
        self.import_with(text, ImportOptions::default()).await
    }

    /// Imports a text under the name `export.csv`.
    pub async fn import_with(&self, text: &str, options: ImportOptions) -> ImportReport {
        let input = std::io::Cursor::new(text.as_bytes().to_vec());
        let source = ImportSource::open("export.csv", input).expect("a header");
        import(&self.store, source, options, &self.ambient())
            .await
            .expect("import")
    }

    /// Runs a pipeline text with default options, a day after whatever happened last.
    pub async fn run(&self, text: &str) -> RunReport {
        self.try_run(text, &Options::default()).await.expect("run")
    }

    /// Runs a pipeline text, a day after whatever happened last.
    pub async fn try_run(&self, text: &str, options: &Options) -> Result<RunReport, RunError> {
        self.wait_days(1);
        run(&self.store, &pipeline(text), options, Trigger::Manual, &self.ambient()).await
    }

    /// Plans a run a day after whatever happened last, and puts the clock back.
    pub async fn plan(&self, text: &str, options: &Options) -> Plan {
        self.wait_days(1);
        let planned = plan(&self.store, &pipeline(text), options, &self.ambient())
            .await
            .expect("plan");
        self.wait_days(-1);
        planned
    }

    /// Every cell of every table, as text that is the same on both stores for the same value.
    pub async fn dump(&self) -> Vec<(&'static str, Vec<Vec<String>>)> {
        let mut tables = Vec::new();
        for (table, order) in TABLES {
            let mut rows = self.raw.rows(&format!("SELECT * FROM {table} ORDER BY {order}")).await;
            for row in &mut rows {
                // The generated column that holds the one-active rule on servers; SQLite has an index.
                if *table == "ml_model_registry" && self.raw.dialect == Dialect::MySql {
                    row.pop();
                }
                row.iter_mut().for_each(|cell| *cell = whole_second(cell));
            }
            tables.push((*table, rows));
        }
        tables
    }

    /// The number of rows of a table.
    pub async fn count(&self, table: &str) -> u64 {
        self.raw.rows(&format!("SELECT COUNT(*) FROM {table}")).await[0][0]
            .parse()
            .expect("a count")
    }
}

/// An instant on a whole second is text with six zeros on SQLite and a date without them on a server.
fn whole_second(cell: &str) -> String {
    cell.strip_suffix(".000000").unwrap_or(cell).to_owned()
}

/// Says where two dumps differ, by table, row and both texts; None where they are equal.
pub fn difference(a: &[(&'static str, Vec<Vec<String>>)], b: &[(&'static str, Vec<Vec<String>>)]) -> Option<String> {
    for ((table, rows_a), (_, rows_b)) in a.iter().zip(b) {
        if rows_a.len() != rows_b.len() {
            return Some(format!("{table}: {} rows and {} rows", rows_a.len(), rows_b.len()));
        }
        for (number, (row_a, row_b)) in rows_a.iter().zip(rows_b).enumerate() {
            if row_a != row_b {
                return Some(format!("{table}, row {number}:\n  {row_a:?}\n  {row_b:?}"));
            }
        }
    }
    None
}
