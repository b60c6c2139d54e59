//! A process that dies at a named point: before the first write it leaves nothing but its ledger row,
//! after it a second run leaves the same tables as one clean run.

use crate::support::cli::Paceline;
use crate::support::{TestStore, block_on, now};

/// The points of a run before its first write of a model or a verdict.
const BEFORE_WRITES: &[&str] = &[
    "after_load",
    "after_featurize",
    "after_train",
    "after_classify",
    "after_diff",
];
/// The points between writes.
const BETWEEN_WRITES: &[&str] = &[
    "after_activate",
    "before_chunk:1",
    "after_chunk:1",
    "before_chunk:3",
    "after_chunk:3",
];

/// What verdicts and models say, without what names the run that wrote them (ids and instants of a
/// rerun differ from those of a clean run, and must).
const STATE: &[&str] = &[
    "SELECT workout_id, current_classification, classification_source, classification_confidence, \
     classification_method, model_version, is_user_override, classification_change_count, features_snapshot \
     FROM workout_ml_classifications ORDER BY workout_id",
    "SELECT workout_id, previous_classification, new_classification, classification_source, \
     classification_confidence, classification_method, model_version, features_used \
     FROM workout_classification_history ORDER BY workout_id, history_id",
    "SELECT model_version, status, artifact_sha256 FROM ml_model_registry ORDER BY registry_id",
];

async fn state(store: &TestStore) -> Vec<Vec<Vec<String>>> {
    let mut all = Vec::new();
    for query in STATE {
        all.push(store.rows(query).await);
    }
    all
}

/// A store with the sample in it, and a pipeline file whose chunks are small.
fn prepared(store: &TestStore, folder: &std::path::Path) -> (Paceline, String) {
    let paceline = Paceline::new(&store.url);
    paceline.ok(&["import", "data/workouts_sample.csv"]);
    let file = folder.join("small_chunks.toml");
    let text = include_str!("../../../pipelines/nightly.toml").replace("chunk_rows = 5000", "chunk_rows = 700");
    std::fs::write(&file, text).expect("write");
    (paceline, file.display().to_string())
}

fn on_each_store(case: impl Fn(TestStore)) {
    for mariadb in [false, true] {
        let store = block_on(async {
            let store = if mariadb {
                TestStore::mariadb().await
            } else {
                TestStore::sqlite().await
            };
            store.db.migrate(now()).await.expect("migrate");
            store
        });
        case(store);
    }
}

#[test]
fn killed_between_two_stages_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    on_each_store(|store| {
        let (paceline, pipeline) = prepared(&store, folder.path());
        for point in BEFORE_WRITES {
            let killed = paceline.with_env("PACELINE_CRASH_AT", point).run(&["run", &pipeline]);
            assert_eq!(killed.code, -1, "{point}: {killed}");
            let left = block_on(state(&store));
            assert!(left.iter().all(Vec::is_empty), "{point}: {left:?}");
            let segments = block_on(store.rows("SELECT COUNT(*) FROM audit_segments"));
            assert_eq!(segments, [["0"]], "{point}");
        }
        // Each run found the one before it dead and said so in the ledger.
        let ledger =
            block_on(store.rows("SELECT status, COUNT(*) FROM pipeline_runs GROUP BY status ORDER BY COUNT(*)"));
        let abandoned = (BEFORE_WRITES.len() - 1).to_string();
        assert_eq!(ledger, [["running", "1"], ["failed", abandoned.as_str()]]);
    });
}

#[test]
fn killed_between_two_writes_a_second_run_ends_as_one_clean_run() {
    let folder = tempfile::tempdir().expect("a folder");
    for point in BETWEEN_WRITES {
        on_each_store(|store| {
            let (paceline, pipeline) = prepared(&store, folder.path());
            let killed = paceline.with_env("PACELINE_CRASH_AT", point).run(&["run", &pipeline]);
            assert_eq!(killed.code, -1, "{point}: {killed}");
            paceline.ok(&["run", &pipeline]);
            let clean = block_on(TestStore::sqlite());
            block_on(clean.db.migrate(now())).expect("migrate");
            let (other, _) = prepared(&clean, folder.path());
            other.ok(&["run", &pipeline]);
            assert_eq!(
                block_on(state(&store)),
                block_on(state(&clean)),
                "{point} on {:?}",
                store.dialect
            );
            let again = paceline.json(&["run", &pipeline]);
            assert_eq!(again["rows_written"], 0, "{point}");
        });
    }
}
