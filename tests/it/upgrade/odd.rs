//! What the older tool's tables may hold besides: each is put right and told, or named before anything is changed.

use paceline::db::error::DbError;

use super::older::{MODELS, SMALL};
use crate::support::cli::Paceline;
use crate::support::{TestStore, admin_text, block_on, now};

async fn older() -> TestStore {
    let store = TestStore::mariadb().await;
    SMALL.build(&store).await;
    store
}

/// What keeps the database from being upgraded; nothing has been changed.
async fn refused(statements: &[&str]) -> String {
    let store = older().await;
    let unchecked = [
        &["SET SESSION foreign_key_checks = 0", "SET SESSION sql_mode = ''"][..],
        statements,
    ]
    .concat();
    admin_text(&store.url, &unchecked);
    let before = store
        .rows(
            "SELECT table_name, column_name, column_type FROM information_schema.columns \
                             WHERE table_schema = DATABASE() ORDER BY 1, 2",
        )
        .await;
    let error = store.db.migrate(now()).await.expect_err("it must not go on");
    assert!(matches!(error, DbError::Migration { version: 0, .. }), "{error:?}");
    let after = store
        .rows(
            "SELECT table_name, column_name, column_type FROM information_schema.columns \
                            WHERE table_schema = DATABASE() ORDER BY 1, 2",
        )
        .await;
    assert_eq!(before, after, "something was changed");
    error.to_string()
}

#[test]
fn what_only_a_person_can_decide_is_named_before_anything_is_changed() {
    block_on(async {
        let twice = "INSERT INTO workout_ml_classifications (workout_id, current_classification, classification_source) \
                     SELECT workout_id, 'mixed', 'ml_prediction' FROM workout_ml_classifications LIMIT 1";
        let said = refused(&[
            "ALTER TABLE workout_ml_classifications DROP FOREIGN KEY workout_ml_classifications_ibfk_1",
            "ALTER TABLE workout_ml_classifications DROP INDEX workout_id",
            twice,
            "ALTER TABLE user_classification_feedback DROP CONSTRAINT CONSTRAINT_1",
            "UPDATE user_classification_feedback SET user_certainty = 9 WHERE feedback_id = 2",
            "ALTER TABLE workout_classification_history MODIFY classification_source VARCHAR(30)",
            "UPDATE workout_classification_history SET classification_source = 'manual' WHERE history_id = 7",
            "UPDATE workout_classification_history SET workout_id = 'gone' WHERE history_id = 9",
        ])
        .await;
        for part in [
            "nothing was changed",
            "only one of each can stay",
            "classification_id 1, ",
            "user_certainty BETWEEN 1 AND 5",
            "feedback_id 2",
            "history_id 7: classification_source manual",
            "history_id 9: workout_id gone",
            "names a row of workout_summary that is not there",
        ] {
            assert!(said.contains(part), "no '{part}' in {said}");
        }
        let said = refused(&[
            "ALTER TABLE ml_model_registry DROP PRIMARY KEY, MODIFY registry_id INT, ADD KEY k (registry_id), \
             ADD PRIMARY KEY (model_id)",
        ])
        .await;
        assert!(
            said.contains("the primary key of ml_model_registry must be (registry_id)"),
            "{said}"
        );
        let said = refused(&[
            "CREATE TABLE theirs (m VARCHAR(100) COLLATE utf8mb4_unicode_ci, CONSTRAINT theirs_fk FOREIGN KEY (m) \
             REFERENCES ml_model_registry (model_id)) COLLATE utf8mb4_unicode_ci",
        ])
        .await;
        assert!(said.contains("theirs_fk of theirs"), "{said}");
    });
}

#[test]
fn what_can_be_put_right_is_put_right_and_told() {
    block_on(async {
        let store = older().await;
        admin_text(
            &store.url,
            &[
                "SET SESSION sql_mode = ''",
                "ALTER TABLE ml_model_registry MODIFY hyperparameters TEXT, MODIFY updated_at TIMESTAMP NULL",
                "UPDATE ml_model_registry SET hyperparameters = \"{'k': 3}\", updated_at = NULL WHERE registry_id = 1",
                "UPDATE ml_model_registry SET status = 'archived' WHERE registry_id = 3",
                "UPDATE ml_model_registry SET archived_at = '0000-00-00 00:00:00' WHERE registry_id = 1",
                "UPDATE workout_ml_classifications SET is_user_override = NULL WHERE classification_id = 2",
            ],
        );
        let report = store.db.migrate(now()).await.expect("migrate");
        let told: Vec<&str> = report
            .upgraded
            .iter()
            .flat_map(|d| &d.told)
            .map(String::as_str)
            .collect();
        assert_eq!(told.len(), 2, "{told:?}");
        let rows = store
            .rows("SELECT model_id, status, is_production, hyperparameters, archived_at FROM ml_model_registry ORDER BY registry_id")
            .await;
        let row = |n: usize| rows[n].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(row(0), [MODELS[0], "archived", "0", "\"{'k': 3}\"", "NULL"]);
        assert_eq!(row(1), [MODELS[1], "archived", "0", "{}", "NULL"]);
        assert_eq!(
            row(2),
            [MODELS[2], "active", "1", "{}", "NULL"],
            "the newest that says so"
        );
        let flags = store
            .rows("SELECT is_user_override FROM workout_ml_classifications WHERE classification_id = 2")
            .await;
        assert_eq!(flags, [["0"]]);
        let updated = store
            .rows("SELECT updated_at = activated_at FROM ml_model_registry WHERE registry_id = 1")
            .await;
        assert_eq!(updated, [["1"]], "the nearest thing to an instant that the row says");
    });
}

/// What somebody added for himself stays, as far as it lets Paceline write.
#[test]
fn what_is_somebodys_own_stays() {
    let store = block_on(async {
        let store = older().await;
        for statement in [
            "ALTER TABLE ml_model_registry ADD INDEX idx_status (status), ADD COLUMN batch VARCHAR(9) NOT NULL, \
             MODIFY model_file_path VARCHAR(900)",
            "ALTER TABLE workout_classification_history ADD UNIQUE own (workout_id, changed_at, classification_source, history_id), \
             ADD CHECK (new_classification <> 'outlier')",
            "ALTER TABLE workout_ml_classifications ADD INDEX by_model (model_id)",
        ] {
            admin_text(&store.url, &["SET SESSION sql_mode = ''", statement]);
        }
        store
    });
    let paceline = Paceline::new(&store.url);
    paceline.ok(&["migrate", "--yes"]);
    let one = |query: &str| block_on(store.rows(query)).concat().join(" ");
    let column = |name: &str| {
        one(&format!(
            "SELECT column_type, is_nullable FROM information_schema.columns WHERE table_schema = DATABASE() AND column_name = '{name}'"
        ))
    };
    assert_eq!(column("batch"), "varchar(9) YES");
    assert_eq!(column("model_file_path"), "varchar(900) YES");
    let keys = "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name IN ('idx_status', 'own')";
    assert_eq!(one(keys), "1", "an index that could refuse rows does not stay");
    let by_model = "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name = 'by_model'";
    assert_eq!(
        one(by_model),
        "1",
        "a new database has none on this column, somebody may"
    );
    paceline.ok(&["run", "pipelines/nightly.toml", "--accept-churn"]);
    paceline.ok(&["verify"]);
    assert_eq!(paceline.json(&["migrate"])["upgraded"], serde_json::json!([]));
}

#[test]
fn a_server_without_the_workouts_is_not_upgraded() {
    block_on(async {
        let store = older().await;
        admin_text(
            &store.url,
            &["SET SESSION foreign_key_checks = 0", "DROP TABLE workout_summary"],
        );
        let error = store.db.migrate(now()).await.expect_err("there are no workouts");
        assert!(
            error
                .to_string()
                .contains("workout_summary, which they refer to, is not there"),
            "{error}"
        );
    });
}

#[test]
fn a_login_that_may_not_alter_is_told_so() {
    block_on(async {
        let store = older().await;
        let user = crate::support::mariadb::restricted_user(&store.url, "SELECT, INSERT, UPDATE, CREATE");
        let db = crate::support::connect(&user).await.expect("connect");
        let error = db.migrate(now()).await.expect_err("no ALTER");
        assert!(matches!(error, DbError::Privilege { .. }), "{error:?}");
        assert!(error.to_string().contains("ALTER"), "{error}");
        let enough = "SELECT, INSERT, UPDATE, CREATE, ALTER, INDEX, REFERENCES, TRIGGER";
        let user = crate::support::mariadb::restricted_user(&store.url, enough);
        let db = crate::support::connect(&user).await.expect("connect");
        let report = db.migrate(now()).await.expect("that is all it needs");
        assert!(!report.upgraded.is_empty());
    });
}
