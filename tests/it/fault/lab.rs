//! A prepared store that can be had again and again, a clock that stands, and the tables as text.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use paceline::db::statement::Dialect;
use paceline::pipeline::lease::Process;
use paceline::pipeline::stop::Stop;
use paceline::pipeline::{Ambient, Silent};
use paceline::store::Store;
use paceline::time::Timestamp;

use super::acts::Act;
use crate::support::{TestStore, mariadb, now};

/// The rows of each table, in the order in which they were written.
pub type Tables = BTreeMap<&'static str, Vec<Vec<String>>>;

/// Each table that is compared, with its order.
const TABLES: [(&str, &str); 15] = [
    ("workout_summary", "workout_id"),
    ("workout_ml_classifications", "workout_id"),
    ("workout_classification_history", "history_id"),
    ("ml_model_registry", "registry_id"),
    ("audit_segments", "segment_id"),
    ("audit_archives", "archive_id"),
    ("audit_snapshot", "archive_id, row_no"),
    ("archive_status", "archive_id"),
    ("pipeline_runs", "run_id"),
    ("pipeline_chunks", "segment_id"),
    ("pipeline_lease", "pipeline"),
    ("quarantined_rows", "quarantine_id"),
    ("user_classification_feedback", "feedback_id"),
    ("model_evaluations", "evaluation_id"),
    ("model_feedback", "model_id, first_id"),
];

/// What is never compared: table, column, why.
pub const NEVER: &[(&str, &str, &str)] = &[
    (
        "workout_classification_history",
        "history_id",
        "a server leaves a gap where an insert was rolled back",
    ),
    (
        "workout_ml_classifications",
        "classification_id",
        "as above; the order of the rows is compared",
    ),
    ("ml_model_registry", "registry_id", "as above"),
    ("quarantined_rows", "quarantine_id", "as above"),
    ("user_classification_feedback", "feedback_id", "as above"),
    ("model_evaluations", "evaluation_id", "as above"),
    (
        "pipeline_lease",
        "fence",
        "counts acquisitions, those of a failed run too",
    ),
    (
        "pipeline_lease",
        "writes",
        "counts transactions, those that were tried again too",
    ),
];

/// What differs besides where a run has failed and another one has finished its work.
pub const AFTER_A_RERUN: &[(&str, &str, &str)] = &[
    ("workout_classification_history", "run_id", "the run that wrote the row"),
    (
        "workout_classification_history",
        "reason",
        "the rerun finds the failed run's model active: it reuses it",
    ),
    ("workout_ml_classifications", "run_id", "the run that set the label"),
    ("audit_segments", "run_id", "the run that sealed it"),
    (
        "audit_segments",
        "merkle_root",
        "over the rows' run and reason; `verify` checks it",
    ),
    ("audit_segments", "prev_head", "follows from the root"),
    ("audit_segments", "head", "follows from the root"),
    ("pipeline_chunks", "run_id", "the run that committed it"),
    ("pipeline_chunks", "chunk_no", "each run counts its own"),
    ("pipeline_runs", "decision", "as `reason` of the history"),
    (
        "pipeline_runs",
        "new_count",
        "what the failed run committed is not done again",
    ),
    ("pipeline_runs", "changed_count", "as above"),
    ("pipeline_runs", "refreshed_count", "as above"),
    ("pipeline_runs", "unchanged_count", "as above"),
    (
        "pipeline_runs",
        "rows_written",
        "as above; the sum over both runs is compared",
    ),
    ("pipeline_runs", "matrix", "as above"),
    ("quarantined_rows", "run_id", "the run that met the row first"),
    ("model_evaluations", "run_id", "the run that compared"),
];

/// A store on which an act can be performed time and again.
pub struct Lab {
    /// Prepared for the act, and never touched after.
    base: TestStore,
    /// Where copies are made: the same database each time on a server, a new file on SQLite.
    desk: Option<TestStore>,
}

impl Lab {
    /// Prepares a store for `act`.
    pub async fn new(act: Act, dialect: Dialect) -> Self {
        let raw = fresh(dialect).await;
        Self::over(act.prepare(raw).await).await
    }

    /// Over a store that is prepared already.
    pub async fn over(base: TestStore) -> Self {
        let desk = match base.dialect {
            Dialect::Sqlite => None,
            Dialect::MySql => Some(fresh(base.dialect).await),
        };
        Self { base, desk }
    }

    /// The prepared store again, as if nothing had ever happened to it.
    pub async fn store(&mut self) -> &TestStore {
        match &self.desk {
            Some(desk) if desk.dialect == Dialect::MySql => mariadb::copy_tables(&self.base.url, &desk.url),
            _ => self.desk = Some(self.base.sqlite_copy().await),
        }
        self.desk.as_ref().expect("just made")
    }
}

/// A migrated store.
pub async fn fresh(dialect: Dialect) -> TestStore {
    let store = match dialect {
        Dialect::Sqlite => TestStore::sqlite().await,
        Dialect::MySql => TestStore::mariadb().await,
    };
    store.db.migrate(now()).await.expect("migrate");
    store
}

/// A world whose clock stands, in which every other process is known to be dead, and whose first run has
/// the number `entropy`.
pub fn ambient(entropy: u32) -> Ambient {
    let entropy = AtomicU32::new(entropy);
    let at: Timestamp = "2026-03-04T05:06:07Z".parse().expect("an instant");
    Ambient {
        clock: Arc::new(move || at),
        entropy: Arc::new(move || entropy.fetch_add(1, Ordering::SeqCst)),
        progress: Arc::new(Silent),
        at_point: Arc::new(|_| {}),
        process: Process {
            identity: Some("a process".to_owned()),
            is_gone: Arc::new(|_| true),
            ..Process::default()
        },
        stop: Stop::default(),
    }
}

/// Every table without the columns of `excluded`.
pub async fn tables(store: &TestStore, excluded: &[&[(&str, &str, &str)]]) -> Tables {
    let mut tables = Tables::new();
    for (table, order) in TABLES {
        let columns = columns(store, table).await;
        let is_excluded = |column: &String| {
            let mut all = excluded.iter().copied().flatten();
            all.any(|(t, c, _)| *t == table && c == column)
        };
        let kept: Vec<String> = columns.into_iter().filter(|column| !is_excluded(column)).collect();
        let query = format!("SELECT {} FROM {table} ORDER BY {order}", kept.join(", "));
        tables.insert(table, store.rows(&query).await);
    }
    tables
}

async fn columns(store: &TestStore, table: &str) -> Vec<String> {
    let query = match store.dialect {
        Dialect::Sqlite => format!("SELECT name FROM pragma_table_info('{table}') ORDER BY cid"),
        Dialect::MySql => format!(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() \
             AND table_name = '{table}' AND extra NOT LIKE '%GENERATED%' ORDER BY ordinal_position"
        ),
    };
    store.rows(&query).await.concat()
}

/// Where two sets of tables differ; None where they are equal.
pub fn difference(found: &Tables, clean: &Tables) -> Option<String> {
    for (table, rows) in found {
        let expected = &clean[table];
        if rows.len() != expected.len() {
            return Some(format!(
                "{table}: {} rows, clean {}:\n{rows:?}\n{expected:?}",
                rows.len(),
                expected.len()
            ));
        }
        for (number, (row, clean)) in rows.iter().zip(expected).enumerate() {
            if row != clean {
                return Some(format!("{table}, row {number}:\n  {row:?}\n  clean:\n  {clean:?}"));
            }
        }
    }
    None
}

/// Panics where the history does not verify, a run is still open, a lease is held, or not exactly one
/// model is active where there is any that was.
pub async fn assert_sound(store: &TestStore, what: &str) {
    let verified = Store::new(store.db.clone()).verify(|_| {}).await.expect("verify");
    assert!(verified.ok, "{what}: {:?}", verified.findings);
    let open = store
        .rows("SELECT run_id FROM pipeline_runs WHERE status IN ('running', 'queued')")
        .await;
    assert!(open.is_empty(), "{what}: still open in the ledger: {open:?}");
    let active = store
        .rows("SELECT COUNT(*) FROM ml_model_registry WHERE status = 'active'")
        .await;
    assert!(
        ["0", "1"].contains(&active[0][0].as_str()),
        "{what}: {active:?} active models"
    );
}
