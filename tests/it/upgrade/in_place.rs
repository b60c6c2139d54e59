//! `migrate` on the older tool's database: every row and value stays, the schema is a new one's, twice is once.

use paceline::store::Store;

use super::older::{MODELS, Older, YEARS};
use super::picture::{differences, lenses, schema, values};
use crate::support::cli::{Paceline, file};
use crate::support::private::PrivateServer;
use crate::support::world::NIGHTLY as RECIPE;
use crate::support::{TestStore, block_on, now};

/// Columns that fill themselves where the older tool says nothing; in a new database they have no default.
const FILLED: [(&str, &str, &str); 7] = [
    ("ml_model_registry", "status", "'training'"),
    ("ml_model_registry", "created_at", "utc_timestamp(6)"),
    ("ml_model_registry", "updated_at", "utc_timestamp(6)"),
    ("workout_classification_history", "changed_at", "utc_timestamp(6)"),
    ("workout_ml_classifications", "classified_at", "utc_timestamp(6)"),
    ("workout_ml_classifications", "last_updated", "utc_timestamp(6)"),
    ("user_classification_feedback", "submitted_at", "utc_timestamp(6)"),
];

/// The definition of `workout_summary`.
async fn workouts(store: &TestStore) -> String {
    store.rows("SHOW CREATE TABLE workout_summary").await[0][1].clone()
}

/// The schema that a migration makes beside the same `workout_summary`, with what is filled filled.
async fn fresh_schema(store: &TestStore) -> Vec<String> {
    let fresh = TestStore::mariadb().await;
    fresh.run(&workouts(store).await).await;
    fresh.db.migrate(now()).await.expect("migrate");
    let mut lines = schema(&fresh).await;
    for (table, column, default) in FILLED {
        let begins = format!("{table} | ");
        let holds = format!(" | {column} | ");
        let line = lines
            .iter_mut()
            .find(|l| l.starts_with(&begins) && l.contains(&holds) && l.contains(" | NO | - |"));
        let line = line.unwrap_or_else(|| panic!("{table}.{column} has no default"));
        *line = line.replace(" | NO | - |", &format!(" | NO | {default} |"));
    }
    lines
}

/// Upgrades an older database and looks at everything.
async fn upgraded(store: &TestStore, older: Older) {
    older.build(store).await;
    let lenses = lenses(store).await;
    let (before, definition) = (values(store, &lenses).await, workouts(store).await);
    assert_eq!(before["workout_classification_history"].len(), older.history);
    let plan = store.db.migration_plan().await.expect("plan");
    assert!(!plan.upgrade.statements.is_empty() && !plan.upgrade.guards.is_empty());
    store.db.check_upgrade(&plan).await.expect("nothing is in the way");
    assert_eq!(values(store, &lenses).await, before, "a plan changed something");

    let report = store.db.migrate(now()).await.expect("migrate");
    let created = report.tables.iter().filter(|t| t.created).count();
    assert_eq!(created, report.tables.len() - 5, "{report:?}");
    let after = values(store, &lenses).await;
    let changed = differences(&lenses, &before, &after);
    // The one thing that cannot stay: two models in production.
    let archived = MODELS[1];
    assert_eq!(
        changed,
        [
            format!("ml_model_registry {archived} status: active -> archived"),
            format!("ml_model_registry {archived} is_production: 1 -> 0"),
        ]
    );
    let told: Vec<&String> = report.upgraded.iter().flat_map(|done| &done.told).collect();
    assert!(
        told.len() == 1 && told[0].contains(archived) && told[0].contains("archived"),
        "{told:?}"
    );
    assert_eq!(workouts(store).await, definition, "workout_summary was altered");

    let (found, wanted) = (schema(store).await, fresh_schema(store).await);
    for (found, wanted) in found.iter().zip(&wanted) {
        assert_eq!(found, wanted);
    }
    assert_eq!(found.len(), wanted.len());
    // The server made one for the foreign key to the models, which is gone.
    let over_models = "SELECT index_name FROM information_schema.statistics WHERE table_schema = DATABASE() \
                       AND table_name = 'workout_ml_classifications' AND column_name = 'model_id'";
    assert_eq!(store.rows(over_models).await, Vec::<Vec<String>>::new());

    let again = store.db.migrate(now()).await.expect("migrate again");
    assert!(again.upgraded.is_empty() && again.applied.is_empty(), "{again:?}");
    assert_eq!(values(store, &lenses).await, after);
    let plan = store.db.migration_plan().await.expect("plan");
    assert!(plan.upgrade.statements.is_empty() && plan.pending.is_empty() && plan.foreign_tables.is_empty());
}

#[test]
fn years_of_an_older_tool_stay_to_the_last_value() {
    block_on(async {
        let store = TestStore::mariadb().await;
        upgraded(&store, YEARS).await;
        let domain = Store::new(store.db.clone());
        let models = domain.models().await.expect("models");
        assert_eq!(models.len(), 3);
        assert!(
            models
                .iter()
                .all(|m| m.model_version == "1.0.0" && m.artifact_sha256.is_none())
        );
        assert_eq!(
            domain
                .active_model()
                .await
                .expect("active")
                .map(|m| m.model_id)
                .as_deref(),
            Some(MODELS[2])
        );
    });
}

#[test]
fn a_server_in_another_zone_keeps_every_instant() {
    let server = PrivateServer::start(&["--default-time-zone=-05:00", "--character-set-server=latin1"]);
    block_on(async {
        let store = server.store().await;
        assert_eq!(server.ask("SELECT @@global.time_zone"), ["-05:00"]);
        let older = Older {
            collation: "utf8mb4_general_ci",
            history: 700,
            workouts: 90,
            loose: false,
        };
        upgraded(&store, older).await;
    });
}

/// Where the workouts have another character set than the older tool's tables, no foreign key could be made.
#[test]
fn tables_that_refer_to_no_workout_refer_to_them_afterwards() {
    block_on(async {
        for collation in ["latin1_swedish_ci", "utf8mb4_general_ci", "utf8mb4_unicode_ci"] {
            let older = Older {
                collation,
                loose: true,
                ..super::older::SMALL
            };
            upgraded(&TestStore::mariadb().await, older).await;
        }
    });
}

#[test]
fn the_command_asks_shows_and_says_table_by_table() {
    let store = block_on(async {
        let store = TestStore::mariadb().await;
        YEARS.build(&store).await;
        store
    });
    let paceline = Paceline::new(&store.url);
    let parts = [
        "5 tables that are not Paceline's",
        "workout_classification_history, workout_ml_classifications are of an older tool",
        "--dry-run",
    ];
    paceline.refused(&["migrate"], 78, &parts);
    let lenses = block_on(lenses(&store));
    let before = block_on(values(&store, &lenses));
    let shown = paceline.ok(&["migrate", "--dry-run"]).stdout;
    for part in [
        "SET SESSION time_zone = '+00:00';",
        "-- upgrade of workout_classification_history",
        "--   changed_at: timestamp becomes datetime(6), in UTC; fills itself in UTC",
        "ON DELETE CASCADE becomes RESTRICT",
        "ON DELETE SET NULL would change what was written",
        "MODIFY COLUMN history_id BIGINT NOT NULL AUTO_INCREMENT",
        "-- 7 workout_classification_history",
        "-- 35 idx_classifications_model\n-- workout_ml_classifications has no index",
    ] {
        assert!(shown.contains(part), "no '{part}' in:\n{shown}");
    }
    assert_eq!(block_on(values(&store, &lenses)), before, "a dry run changed something");
    let page = paceline.ok(&["migrate", "--yes"]).stdout;
    for part in [
        "Upgraded in place; no row was dropped",
        "workout_ml_classifications\n",
        "history_id: int becomes bigint",
        "1 row: one model is in production",
        "model run_classifier_2023 (registry_id 2, status active, is_production 1) is archived: a newer one is active",
        "Adopted 5,000 history rows that others wrote",
        "upgraded",
    ] {
        assert!(page.contains(part), "no '{part}' in:\n{page}");
    }
    let again = paceline.json(&["migrate", "--yes"]);
    assert_eq!(again["upgraded"], serde_json::json!([]));
    assert_eq!(again["adopted"], serde_json::Value::Null);
    let verified = paceline.json(&["verify"]);
    assert_eq!(
        (verified["ok"].as_bool(), verified["adopted"].as_u64()),
        (Some(true), Some(5_000))
    );
    let after = block_on(values(&store, &lenses));
    assert_eq!(differences(&lenses, &before, &after).len(), 2);
}

/// Models without an artifact are shown, replaced, and never needed.
#[test]
fn models_of_the_older_tool_break_nothing() {
    let store = block_on(async {
        let store = TestStore::mariadb().await;
        YEARS.build(&store).await;
        store
    });
    let paceline = Paceline::new(&store.url);
    paceline.ok(&["migrate", "--yes"]);
    let listed = paceline.json(&["model", "list"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(3));
    let shown = paceline.json(&["model", "show", "active"]);
    assert_eq!(shown["model_id"], MODELS[2]);
    assert_eq!(shown["cluster_to_activity_map"]["1"], "pup_walk");
    assert_eq!(paceline.json(&["report", "models"]).as_array().map(Vec::len), Some(3));
    let doctor = paceline.ok(&["doctor"]).stdout;
    assert!(
        doctor.contains("without an artifact") && doctor.contains("trains one in its place"),
        "{doctor}"
    );

    let pipeline = "pipelines/nightly.toml";
    let report = paceline.json(&["run", pipeline, "--accept-churn"]);
    let fresh = report["model"]["model_id"].as_str().expect("an id").to_owned();
    assert!(fresh.starts_with("workout_classifier_"), "{report}");
    let version = report["model"]["model_version"].as_str().expect("a version");
    assert_ne!(version, "1.0.0", "past those that are there");
    let listed = paceline.json(&["model", "list"]);
    let statuses: Vec<(&str, &str)> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|m| {
            (
                m["model_id"].as_str().expect("an id"),
                m["status"].as_str().expect("a status"),
            )
        })
        .collect();
    assert!(statuses.contains(&(MODELS[2], "archived")), "{statuses:?}");
    assert!(statuses.contains(&(fresh.as_str(), "active")), "{statuses:?}");
    paceline.ok(&["verify"]);
    paceline.ok(&["doctor"]);
    paceline.ok(&["explain", &super::older::id(1)]);
    assert_eq!(paceline.json(&["run", pipeline])["rows_written"], 0, "once is enough");
    // Nothing without an artifact is gone back to.
    paceline
        .run(&["model", "rollback", "--pipeline", pipeline])
        .expect(1, &["no archived model was ever active"]);
    paceline
        .run(&["model", "activate", MODELS[1]])
        .expect(1, &["the registry holds none for it"]);
}

/// Where the policy forbids training, a run says what to do.
#[test]
fn a_pipeline_that_never_trains_says_that_there_is_no_artifact() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = block_on(async {
        let store = TestStore::mariadb().await;
        super::older::SMALL.build(&store).await;
        store
    });
    let paceline = Paceline::new(&store.url);
    paceline.ok(&["migrate", "--yes"]);
    let recipe = file(&folder, "nightly.toml", RECIPE);
    paceline
        .run(&["run", &recipe, "--retrain", "never"])
        .expect(1, &[MODELS[2], "the registry holds none for it", "next:"]);
}
