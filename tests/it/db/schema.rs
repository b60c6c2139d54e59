//! What the schema itself refuses, and that it is one schema on both stores.

use std::collections::BTreeMap;

use paceline::db::error::DbError;
use paceline::vocab::{ModelStatus, RunStatus, Source, Trigger};

use crate::support::{TestStore, on_both_stores};

const WORKOUT: &str = "INSERT INTO workout_summary (workout_id, workout_date) VALUES ('w1', '2024-01-02 03:04:05')";
const HISTORY: &str = "INSERT INTO workout_classification_history \
    (workout_id, new_classification, classification_source, changed_at) \
    VALUES ('w1', 'real_run', 'ml_prediction', '2026-01-02 03:04:05.000006')";
const SEGMENT: &str = "INSERT INTO audit_segments \
    (segment_id, row_count, merkle_root, prev_head, head, encoding_version, sealed_at) \
    VALUES (1, 1, 'r1', 'h0', 'h1', 1, '2026-01-02 03:04:05')";
const ADOPTED: &str = "INSERT INTO audit_adopted (first_history_id, last_history_id, segment_id) VALUES (1, 1, 1)";
const LEAVES: &str = "INSERT INTO audit_leaves (segment_id, part_no, leaves) VALUES (1, 0, '[]')";

fn classification(workout: &str) -> String {
    format!(
        "INSERT INTO workout_ml_classifications (workout_id, current_classification, classification_source, \
         classified_at, last_updated) VALUES ('{workout}', 'real_run', 'ml_prediction', '2026-01-02', '2026-01-02')"
    )
}

fn model(id: &str, status: &str, is_production: i64) -> String {
    format!(
        "INSERT INTO ml_model_registry (model_id, model_name, model_version, status, is_production, created_at, \
         updated_at) VALUES ('{id}', 'workout_classifier', '1.0.0', '{status}', {is_production}, '2026-01-02', \
         '2026-01-02')"
    )
}

fn feedback(kind: &str, certainty: &str) -> String {
    format!(
        "INSERT INTO user_classification_feedback (workout_id, feedback_type, user_certainty, submitted_at) \
         VALUES ('w1', '{kind}', {certainty}, '2026-01-02')"
    )
}

fn assert_constraint(error: &DbError) {
    assert!(matches!(error, DbError::Constraint { .. }), "{error:?}");
}

#[test]
fn history_and_segments_are_append_only() {
    on_both_stores(|store| async move {
        for text in [WORKOUT, HISTORY, SEGMENT, ADOPTED, LEAVES] {
            assert_eq!(store.run(text).await, 1);
        }
        let history = store.rows("SELECT * FROM workout_classification_history").await;
        let segments = store.rows("SELECT * FROM audit_segments").await;
        assert_eq!(history[0][9], "system", "changed_by has a default");
        for (text, table, operation) in [
            (
                "UPDATE workout_classification_history SET reason = 'x'",
                "workout_classification_history",
                "UPDATE",
            ),
            (
                "DELETE FROM workout_classification_history",
                "workout_classification_history",
                "DELETE",
            ),
            (
                "REPLACE INTO workout_classification_history (history_id, workout_id, new_classification, \
                 classification_source, changed_at) VALUES (1, 'w1', 'pup_walk', 'ml_prediction', '2026-01-02')",
                "workout_classification_history",
                "DELETE",
            ),
            ("UPDATE audit_segments SET row_count = 2", "audit_segments", "UPDATE"),
            ("DELETE FROM audit_segments", "audit_segments", "DELETE"),
            ("UPDATE audit_adopted SET segment_id = 2", "audit_adopted", "UPDATE"),
            ("DELETE FROM audit_adopted", "audit_adopted", "DELETE"),
            ("UPDATE audit_leaves SET part_no = 2", "audit_leaves", "UPDATE"),
            ("DELETE FROM audit_leaves", "audit_leaves", "DELETE"),
        ] {
            let error = store.refused(text).await;
            assert_constraint(&error);
            let said = error.to_string();
            assert!(
                said.contains(&format!("{table} is append-only: {operation} refused")),
                "{text}: {said}"
            );
        }
        assert_eq!(
            store.rows("SELECT * FROM workout_classification_history").await,
            history
        );
        assert_eq!(store.rows("SELECT * FROM audit_segments").await, segments);
    });
}

#[test]
fn a_workout_with_history_cannot_go() {
    on_both_stores(|store| async move {
        store.run(WORKOUT).await;
        store
            .run("INSERT INTO workout_summary (workout_id) VALUES ('w2'), ('w3'), ('free')")
            .await;
        store.run(HISTORY).await;
        store.run(&classification("w2")).await;
        store.run(&feedback("accept", "5").replace("'w1'", "'w3'")).await;
        for id in ["w1", "w2", "w3"] {
            let delete = format!("DELETE FROM workout_summary WHERE workout_id = '{id}'");
            assert_constraint(&store.refused(&delete).await);
            let rename = format!("UPDATE workout_summary SET workout_id = 'new' WHERE workout_id = '{id}'");
            assert_constraint(&store.refused(&rename).await);
        }
        assert_eq!(
            store.run("DELETE FROM workout_summary WHERE workout_id = 'free'").await,
            1
        );
        assert_constraint(&store.refused(&HISTORY.replace("'w1'", "'nobody'")).await);
        assert_constraint(&store.refused(&classification("nobody")).await);
    });
}

#[test]
fn one_model_is_active_and_status_and_flag_agree() {
    on_both_stores(|store| async move {
        store.run(&model("m1", "active", 1)).await;
        let second = store.refused(&model("m2", "active", 1)).await;
        assert!(matches!(second, DbError::Duplicate { .. }), "{second:?}");
        for (status, flag) in [("active", 0), ("archived", 1), ("training", 1), ("active", 2)] {
            assert_constraint(&store.refused(&model("m3", status, flag)).await);
        }
        assert_constraint(&store.refused(&model("m3", "retired", 0)).await);
        for status in ["training", "archived", "deprecated", "failed", "archived"] {
            store
                .run(&model(
                    &format!(
                        "m-{}",
                        store.rows("SELECT registry_id FROM ml_model_registry").await.len()
                    ),
                    status,
                    0,
                ))
                .await;
        }
        let twice = store.refused(&model("m1", "archived", 0)).await;
        assert!(matches!(twice, DbError::Duplicate { .. }), "{twice:?}");
        let promote = store
            .refused("UPDATE ml_model_registry SET status = 'active', is_production = 1 WHERE model_id = 'm-1'")
            .await;
        assert!(matches!(promote, DbError::Duplicate { .. }), "{promote:?}");
        assert_constraint(
            &store
                .refused("UPDATE ml_model_registry SET parent_model_id = 'nobody'")
                .await,
        );
        assert_eq!(
            store.run("UPDATE ml_model_registry SET parent_model_id = 'm1'").await,
            6
        );
        assert_constraint(
            &store
                .refused("DELETE FROM ml_model_registry WHERE model_id = 'm1'")
                .await,
        );
    });
}

#[test]
fn words_ranges_json_and_lengths_are_checked() {
    on_both_stores(|store| async move {
        store.run(WORKOUT).await;
        for certainty in ["1", "5", "NULL"] {
            store.run(&feedback("correct", certainty)).await;
        }
        for certainty in ["0", "6", "-1", "1000"] {
            assert_constraint(&store.refused(&feedback("correct", certainty)).await);
        }
        assert_constraint(&store.refused(&feedback("maybe", "3")).await);
        assert_constraint(&store.refused(&HISTORY.replace("ml_prediction", "ML_PREDICTION")).await);
        store.run(&HISTORY.replace("real_run", "unknown")).await;
        let with_json = |json: &str| {
            HISTORY
                .replace("changed_at)", "changed_at, features_used)")
                .replace("000006')", &format!("000006', '{json}')"))
        };
        store.run(&with_json(r#"{"b": 1.50, "a": [true, null]}"#)).await;
        assert_constraint(&store.refused(&with_json("{not json}")).await);
        let kept = store
            .rows("SELECT features_used FROM workout_classification_history WHERE features_used IS NOT NULL")
            .await;
        assert_eq!(
            kept,
            [[r#"{"b": 1.50, "a": [true, null]}"#]],
            "JSON text is kept byte for byte"
        );
        assert_constraint(&store.refused(&HISTORY.replace("real_run", &"x".repeat(51))).await);
        store.run(&HISTORY.replace("real_run", &"é".repeat(50))).await;
        let long = format!("INSERT INTO workout_summary (workout_id) VALUES ('{}')", "w".repeat(21));
        assert_constraint(&store.refused(&long).await);
        assert_constraint(&store.refused(&HISTORY.replace("'real_run'", "NULL")).await);
        assert_constraint(
            &store
                .refused("INSERT INTO workout_summary (workout_id, steps) VALUES ('w9', 'many')")
                .await,
        );
        let twice = classification("w1");
        store.run(&twice).await;
        let error = store.refused(&twice).await;
        assert!(matches!(error, DbError::Duplicate { .. }), "{error:?}");
    });
}

#[test]
fn the_vocabularies_are_what_the_schema_takes() {
    on_both_stores(|store| async move {
        store.run(WORKOUT).await;
        for source in Source::ALL {
            store.run(&HISTORY.replace("ml_prediction", source.as_str())).await;
        }
        for status in ModelStatus::ALL {
            let active = i64::from(*status == ModelStatus::Active);
            store.run(&model(status.as_str(), status.as_str(), active)).await;
        }
        let run = |status: &str, trigger: &str| {
            format!(
                "INSERT INTO pipeline_runs (run_id, pipeline, trigger_kind, status, started_at) \
                 VALUES ('{status}-{trigger}', 'nightly', '{trigger}', '{status}', '2026-01-02')"
            )
        };
        for status in RunStatus::ALL {
            for trigger in Trigger::ALL {
                store.run(&run(status.as_str(), trigger.as_str())).await;
            }
        }
        assert_constraint(&store.refused(&run("done", "manual")).await);
        assert_constraint(&store.refused(&run("failed", "cron")).await);
    });
}

#[test]
fn the_ledger_and_the_chain_hold_together() {
    on_both_stores(|store| async move {
        let chunk = "INSERT INTO pipeline_chunks (run_id, chunk_no, rows_written, committed_at) \
                     VALUES ('r1', 0, 0, '2026-01-02')";
        assert_constraint(&store.refused(chunk).await);
        store
            .run(
                "INSERT INTO pipeline_runs (run_id, pipeline, trigger_kind, status, started_at) \
                 VALUES ('r1', 'nightly', 'manual', 'running', '2026-01-02')",
            )
            .await;
        store.run(chunk).await;
        let twice = store.refused(chunk).await;
        assert!(matches!(twice, DbError::Duplicate { .. }), "{twice:?}");
        assert_eq!(
            store
                .rows("SELECT rows_read, unchanged_count, matrix FROM pipeline_runs")
                .await,
            [["0", "0", "NULL"]]
        );
        store.run(SEGMENT).await;
        let fork = SEGMENT.replace("(1, 1,", "(2, 1,").replace("'h1'", "'h2'");
        let error = store.refused(&fork).await;
        assert!(
            matches!(error, DbError::Duplicate { .. }),
            "two segments after h0: {error:?}"
        );
        store.run(&fork.replace("'h0'", "'h1'")).await;
    });
}

/// Tables with their columns in order, from what each store says of itself.
async fn columns(store: &TestStore) -> BTreeMap<String, Vec<String>> {
    let text = match store.dialect {
        paceline::db::statement::Dialect::MySql => {
            "SELECT table_name, column_name FROM information_schema.columns \
             WHERE table_schema = DATABASE() AND COALESCE(generation_expression, '') = '' \
             ORDER BY table_name, ordinal_position"
        }
        paceline::db::statement::Dialect::Sqlite => {
            "SELECT m.name, p.name FROM sqlite_schema m, pragma_table_info(m.name) p \
             WHERE m.type = 'table' AND m.name <> 'sqlite_sequence' ORDER BY m.name, p.cid"
        }
    };
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in store.rows(text).await {
        tables.entry(row[0].clone()).or_default().push(row[1].clone());
    }
    tables
}

#[test]
fn tables_and_columns_are_the_same_on_both() {
    let found = std::sync::Mutex::new(Vec::new());
    on_both_stores(|store| {
        let found = &found;
        async move {
            let columns = columns(&store).await;
            found.lock().expect("no panic").push(columns);
        }
    });
    let found = found.into_inner().expect("no panic");
    assert_eq!(found[0].len(), 19);
    assert_eq!(found[0], found[1]);
    let history = &found[0]["workout_classification_history"];
    assert_eq!(history.join(" "), HISTORY_COLUMNS);
    assert_eq!(found[0]["workout_ml_classifications"].join(" "), CLASSIFICATION_COLUMNS);
    assert_eq!(found[0]["ml_model_registry"].join(" "), MODEL_COLUMNS);
    assert_eq!(found[0]["user_classification_feedback"].join(" "), FEEDBACK_COLUMNS);
}

/// The columns of the four audit tables as existing tools query them (section 4 of the design).
const HISTORY_COLUMNS: &str = "history_id workout_id previous_classification new_classification \
    classification_source classification_confidence classification_method model_id model_version changed_by \
    changed_at reason features_used metadata run_id segment_id";
const CLASSIFICATION_COLUMNS: &str = "classification_id workout_id current_classification classification_source \
    classification_confidence classification_method model_id model_version is_user_override \
    original_ml_classification override_reason classified_at last_updated classification_change_count \
    features_snapshot metadata run_id label_model_id";
const MODEL_COLUMNS: &str = "registry_id model_id model_name model_version status is_production trained_at \
    activated_at archived_at training_duration_sec training_workouts_count training_date_start training_date_end \
    training_features silhouette_score inertia cluster_distribution confidence_stats n_clusters algorithm_type \
    hyperparameters cluster_to_activity_map activity_type_stats model_file_path metadata_file_path parent_model_id \
    created_by created_at updated_at training_notes performance_notes artifact artifact_sha256 training_data_sha256";
const FEEDBACK_COLUMNS: &str = "feedback_id workout_id ai_classification ai_confidence user_classification \
    feedback_type user_certainty comments model_id classification_method user_id submitted_at ip_address processed \
    processed_at incorporated_in_model";
