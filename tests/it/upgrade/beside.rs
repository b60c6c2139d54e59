//! The older tool goes on beside Paceline: its statements work, what it writes is reported and adopted.

use super::older::{MODELS, SMALL, id};
use crate::support::cli::Paceline;
use crate::support::{TestStore, admin_text, block_on};

const NIGHTLY: &str = "pipelines/nightly.toml";

/// What the older tool sends, in a session of its own: the server's settings, and a zone that is not UTC.
fn older_tool(store: &TestStore, statements: &[&str]) {
    let session = [
        "SET SESSION time_zone = '+09:30'",
        "SET SESSION sql_mode = ''",
        "SET NAMES utf8mb4",
    ];
    admin_text(&store.url, &[&session, statements].concat());
}

fn history(workout: &str, label: &str) -> String {
    format!(
        "INSERT INTO workout_classification_history (workout_id, new_classification, classification_source, \
         classification_confidence, classification_method, model_id, model_version, features_used) \
         VALUES ('{workout}', '{label}', 'ml_batch_update', 0.75, 'kmeans', '{}', '1.0.0', '{{\"pace\": 9.5}}')",
        MODELS[2]
    )
}

/// Its upsert: the count is raised whatever happened.
fn current(workout: &str, label: &str) -> String {
    format!(
        "INSERT INTO workout_ml_classifications (workout_id, current_classification, classification_source, \
         classification_confidence, classification_method, model_id, model_version, features_snapshot) \
         VALUES ('{workout}', '{label}', 'ml_batch_update', 0.75, 'kmeans', '{}', '1.0.0', '{{\"pace\": 9.5}}') \
         ON DUPLICATE KEY UPDATE current_classification = VALUES(current_classification), is_user_override = FALSE, \
         classification_change_count = classification_change_count + 1",
        MODELS[2]
    )
}

/// An upgraded database that Paceline has run on.
fn upgraded() -> (TestStore, Paceline) {
    let store = block_on(async {
        let store = TestStore::mariadb().await;
        SMALL.build(&store).await;
        store
    });
    let paceline = Paceline::new(&store.url);
    paceline.ok(&["migrate", "--yes"]);
    paceline.ok(&["run", NIGHTLY, "--accept-churn"]);
    paceline.ok(&["verify"]);
    (store, paceline)
}

fn one(store: &TestStore, query: &str) -> String {
    block_on(store.rows(query))[0][0].clone()
}

#[test]
fn its_statements_work_and_the_next_run_adopts_what_it_wrote() {
    let (store, paceline) = upgraded();
    let new = "INSERT INTO workout_summary (workout_id, workout_date, activity_type, distance_mi, duration_sec, avg_pace) \
               VALUES ('brand new', '2024-05-06', 'Run', 3.1, 1674, 9.0)";
    let feedback = format!(
        "INSERT INTO user_classification_feedback (workout_id, ai_classification, user_classification, feedback_type, \
         user_certainty, user_id) VALUES ('{}', 'real_run', 'real_run', 'accept', 4, 'anna')",
        id(2)
    );
    let model = "INSERT INTO ml_model_registry (model_id, model_name, model_version, n_clusters, algorithm_type) \
                 VALUES ('run_classifier_2025', 'run classifier', '1.0.0', 3, 'kmeans')";
    let texts = [
        new.to_owned(),
        model.to_owned(),
        feedback,
        history(&id(1), "mixed"),
        current(&id(1), "mixed"),
        history("brand new", "unknown"),
        current("brand new", "unknown"),
    ];
    older_tool(&store, &texts.iter().map(String::as_str).collect::<Vec<_>>());
    // An instant that fills itself is UTC, whatever the zone of the session that left it out.
    for (table, column) in [
        ("workout_classification_history", "changed_at"),
        ("workout_ml_classifications", "classified_at"),
        ("user_classification_feedback", "submitted_at"),
        ("ml_model_registry", "created_at"),
    ] {
        let age = format!("SELECT MIN(ABS(TIMESTAMPDIFF(SECOND, {column}, UTC_TIMESTAMP()))) < 600 FROM {table}");
        assert_eq!(one(&store, &age), "1", "{table}.{column}");
    }
    assert_eq!(
        one(
            &store,
            "SELECT status FROM ml_model_registry WHERE model_id = 'run_classifier_2025'"
        ),
        "training"
    );

    let outcome = paceline.run(&["verify"]);
    outcome.expect(1, &["2 findings"]);
    for part in ["unsealed", "written by others", "brand new", &id(1)] {
        assert!(outcome.stdout.contains(part), "no '{part}' in {outcome}");
    }
    paceline.ok(&["run", NIGHTLY, "--accept-churn"]);
    let verified = paceline.json(&["verify"]);
    assert_eq!(
        verified["adopted"].as_u64(),
        Some(SMALL.history as u64 + 2),
        "{verified}"
    );
}

#[test]
fn an_update_of_a_current_row_is_found() {
    let (store, paceline) = upgraded();
    let workout = id(4);
    older_tool(
        &store,
        &[&format!(
            "UPDATE workout_ml_classifications SET current_classification = 'mixed', \
             classification_change_count = classification_change_count + 1 WHERE workout_id = '{workout}'"
        )],
    );
    let verified = paceline.run(&["--output", "json", "verify"]);
    assert_eq!(verified.code, 1, "{verified}");
    let findings = verified.json()["findings"].clone();
    assert_eq!(findings.as_array().map(Vec::len), Some(1), "{findings}");
    assert_eq!(
        (findings[0]["kind"].as_str(), findings[0]["workout_id"].as_str()),
        (Some("label"), Some(workout.as_str()))
    );
}

#[test]
fn what_the_trail_must_not_lose_is_refused_to_it_as_well() {
    let (store, _) = upgraded();
    block_on(async {
        for refused in [
            // It may not take the history along with a workout any more.
            format!("DELETE FROM workout_summary WHERE workout_id = '{}'", id(1)),
            // Nor rewrite it.
            "UPDATE workout_classification_history SET new_classification = 'x'".to_owned(),
            // One model is in production.
            "UPDATE ml_model_registry SET is_production = 1 WHERE status = 'archived'".to_owned(),
        ] {
            store.refused(&refused).await;
        }
    });
}
