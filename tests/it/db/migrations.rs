//! Migrations: once, again, after a crash, beside others, and around somebody else's tables.

use paceline::db::error::DbError;
use paceline::db::migrate::TableReport;
use paceline::db::statement::Dialect;

use crate::support::{TestStore, admin_text, block_on, connect, now, on_both_empty_stores, on_both_stores};

/// How many migrations there are.
const ALL: usize = 35;
/// How many tables Paceline has, the bookkeeping included.
const TABLES: usize = 19;

/// How the statement of a migration begins.
const BEGINNINGS: [&str; 3] = ["CREATE ", "DROP TRIGGER ", "DROP INDEX "];

#[test]
fn migrating_twice_is_migrating_once() {
    on_both_empty_stores(|store| async move {
        let plan = store.db.migration_plan().await.expect("plan");
        assert_eq!(plan.pending.len(), ALL + 1, "the bookkeeping and every migration");
        assert!(plan.applied.is_empty() && plan.foreign_tables.is_empty());
        assert!(
            plan.pending
                .iter()
                .all(|p| BEGINNINGS.iter().any(|begin| p.sql.starts_with(begin)) && !p.sql.contains("{{"))
        );
        assert!(
            store.db.migration_plan().await.expect("plan") == plan,
            "planning writes nothing"
        );

        let first = store.db.migrate(now()).await.expect("migrate");
        assert_eq!(first.applied.len(), ALL);
        assert_eq!(first.tables.len(), TABLES);
        assert!(first.tables.iter().all(|t| t.created));
        let history = TableReport {
            name: "workout_classification_history",
            columns: 16,
            created: true,
        };
        assert!(first.tables.contains(&history), "{first:?}");

        let second = store.db.migrate(now()).await.expect("migrate again");
        assert!(second.applied.is_empty());
        assert!(second.tables.iter().all(|t| !t.created));
        assert_eq!(second.tables.len(), TABLES);
        let plan = store.db.migration_plan().await.expect("plan");
        assert!(plan.pending.is_empty() && plan.foreign_tables.is_empty());
        assert_eq!(plan.applied.len(), ALL);
        assert_eq!(plan.applied[6].name, "workout_classification_history");
        assert_eq!(plan.applied[6].applied_at, now());
        assert_eq!(plan.applied[6].checksum.len(), 64);
    });
}

#[test]
fn a_crash_between_statement_and_record_is_made_good() {
    on_both_stores(|store| async move {
        store
            .run("INSERT INTO workout_summary (workout_id) VALUES ('w1')")
            .await;
        // As many records lost as there can be: from one to all, and the bookkeeping itself.
        for (lost, again) in [
            ("DELETE FROM paceline_migrations WHERE version = 13", 1),
            ("DELETE FROM paceline_migrations WHERE version > 6", ALL - 6),
            ("DELETE FROM paceline_migrations", ALL),
            ("DROP TABLE paceline_migrations", ALL),
        ] {
            store.run(lost).await;
            let report = store.db.migrate(now()).await.expect(lost);
            assert_eq!(report.applied.len(), again, "{lost}");
        }
        // A crash before the statement: the trigger is not there either.
        store.run("DROP TRIGGER workout_classification_history_no_update").await;
        store.run("DELETE FROM paceline_migrations WHERE version = 8").await;
        let report = store.db.migrate(now()).await.expect("migrate");
        assert_eq!(report.applied, [(8, "workout_classification_history_no_update")]);
        store
            .run(
                "INSERT INTO workout_classification_history (workout_id, new_classification, \
                 classification_source, changed_at) VALUES ('w1', 'mixed', 'csv_import', '2026-01-02')",
            )
            .await;
        store
            .refused("UPDATE workout_classification_history SET reason = 'x'")
            .await;
    });
}

/// The migration that drops the index on the model of a current row.
const NO_INDEX: (u32, &str) = (35, "idx_classifications_model");

/// The indexes of the current rows, but for the primary key.
async fn indexes(store: &TestStore) -> String {
    let rows = store
        .rows(match store.dialect {
            Dialect::MySql => {
                "SELECT DISTINCT index_name FROM information_schema.statistics WHERE table_schema = DATABASE() \
                 AND table_name = 'workout_ml_classifications' AND index_name <> 'PRIMARY' ORDER BY index_name"
            }
            Dialect::Sqlite => {
                "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'workout_ml_classifications' \
                 ORDER BY name"
            }
        })
        .await;
    rows.concat().join(" ")
}

#[test]
fn the_model_of_a_current_row_has_no_index_after_a_migration() {
    on_both_stores(|store| async move {
        let left = "idx_classifications_current uq_classifications_workout";
        assert_eq!(indexes(&store).await, left, "of a new database");
        // As an earlier Paceline left it.
        let forget = format!("DELETE FROM paceline_migrations WHERE version = {}", NO_INDEX.0);
        store
            .run("CREATE INDEX idx_classifications_model ON workout_ml_classifications (model_id)")
            .await;
        store.run(&forget).await;
        let plan = store.db.migration_plan().await.expect("plan");
        assert!(plan.pending[0].sql.starts_with("DROP INDEX "), "{plan:?}");
        assert_eq!(store.db.migrate(now()).await.expect("migrate").applied, [NO_INDEX]);
        assert_eq!(indexes(&store).await, left, "of an earlier one");
        // A crash between the statement and its record.
        store.run(&forget).await;
        assert_eq!(store.db.migrate(now()).await.expect("migrate").applied, [NO_INDEX]);
        assert!(store.db.migrate(now()).await.expect("again").applied.is_empty());
        assert_eq!(indexes(&store).await, left, "twice is once");
        // A table that is lost is made anew as `migrate` says: with the index that its own migration makes, and without.
        store.run("DROP TABLE workout_ml_classifications").await;
        let error = store.db.migrate(now()).await.expect_err("a table is gone");
        assert!(error.to_string().contains("delete row 10, 35 of"), "{error}");
        store
            .run("DELETE FROM paceline_migrations WHERE version IN (10, 35)")
            .await;
        assert_eq!(store.db.migrate(now()).await.expect("migrate").applied.len(), 2);
        assert_eq!(indexes(&store).await, left, "of a table that was made anew");
    });
}

#[test]
fn an_index_that_somebodys_foreign_key_needs_stays() {
    block_on(async {
        for foreign_key in [
            "ALTER TABLE workout_ml_classifications ADD CONSTRAINT own FOREIGN KEY (model_id) \
             REFERENCES ml_model_registry (model_id)",
            "CREATE TABLE theirs (model VARCHAR(100) COLLATE utf8mb4_bin, CONSTRAINT own FOREIGN KEY (model) \
             REFERENCES workout_ml_classifications (model_id))",
        ] {
            let store = TestStore::mariadb().await;
            store.db.migrate(now()).await.expect("migrate");
            store
                .run("CREATE INDEX idx_classifications_model ON workout_ml_classifications (model_id)")
                .await;
            store.run(foreign_key).await;
            store.run("DELETE FROM paceline_migrations WHERE version = 35").await;
            store
                .refused("DROP INDEX idx_classifications_model ON workout_ml_classifications")
                .await;
            let plan = store.db.migration_plan().await.expect("plan");
            assert!(plan.pending[0].sql.starts_with("-- "), "{plan:?}");
            assert_eq!(store.db.migrate(now()).await.expect(foreign_key).applied, [NO_INDEX]);
            assert!(indexes(&store).await.contains("idx_classifications_model"));
        }
    });
}

#[test]
fn several_at_once_do_not_break_each_other() {
    on_both_empty_stores(|store| async move {
        let mut tasks = Vec::new();
        for _ in 0..4 {
            let db = connect(&store.url).await.expect("connect");
            tasks.push(tokio::spawn(async move { db.migrate(now()).await }));
        }
        for task in tasks {
            task.await.expect("no panic").expect("migrate");
        }
        let counted = store.rows("SELECT COUNT(*) FROM paceline_migrations").await;
        assert_eq!(counted, [[ALL.to_string()]]);
        assert!(store.db.migrate(now()).await.expect("again").applied.is_empty());
    });
}

#[test]
fn an_edited_or_a_newer_migration_is_refused() {
    on_both_stores(|store| async move {
        let kept = store.rows("SELECT * FROM paceline_migrations").await;
        for (edit, undo, version, part) in [
            (
                "UPDATE paceline_migrations SET checksum = 'edited' WHERE version = 7"
                    .replace("edited", &"e".repeat(64)),
                format!(
                    "UPDATE paceline_migrations SET checksum = '{}' WHERE version = 7",
                    kept[6][2]
                ),
                7,
                "checksum",
            ),
            (
                format!(
                    "INSERT INTO paceline_migrations VALUES (99, 'later', '{}', '2027-01-02')",
                    "f".repeat(64)
                ),
                "DELETE FROM paceline_migrations WHERE version = 99".to_owned(),
                99,
                "newer Paceline",
            ),
        ] {
            store.run(&edit).await;
            let error = store.db.migrate(now()).await.expect_err(part);
            assert!(
                matches!(error, DbError::Migration { version: v, .. } if v == version),
                "{error}"
            );
            assert!(error.to_string().contains(part), "{error}");
            store.db.migration_plan().await.expect_err(part);
            store.run(&undo).await;
        }
        store.db.migrate(now()).await.expect("as before");
        store.run("DROP TABLE quarantined_rows").await;
        let error = store.db.migrate(now()).await.expect_err("a table is gone");
        assert!(error.to_string().contains("quarantined_rows is gone"), "{error}");
    });
}

#[test]
fn foreign_tables_are_named_and_left_alone() {
    on_both_empty_stores(|store| async move {
        store.run("CREATE TABLE someone_elses (id INT PRIMARY KEY)").await;
        store.run("CREATE VIEW a_view AS SELECT id FROM someone_elses").await;
        let plan = store.db.migration_plan().await.expect("plan");
        assert_eq!(plan.foreign_tables, ["a_view", "someone_elses"]);
        store.db.migrate(now()).await.expect("migrate");
        let plan = store.db.migration_plan().await.expect("plan");
        assert_eq!(plan.foreign_tables, ["a_view", "someone_elses"]);
    });
}

#[test]
fn a_table_of_our_name_that_is_not_ours_is_refused_before_anything_is_written() {
    on_both_empty_stores(|store| async move {
        store
            .run("CREATE TABLE workout_classification_history (history_id INT PRIMARY KEY, workout_id VARCHAR(20))")
            .await;
        let error = store.db.migrate(now()).await.expect_err("not our table");
        assert!(matches!(error, DbError::Migration { version: 7, .. }), "{error}");
        let said = error.to_string();
        assert!(
            said.contains("new_classification") && said.contains("segment_id"),
            "{said}"
        );
        assert!(!said.contains("columns history_id"), "{said}");
        let plan = store.db.migration_plan().await.expect_err("the plan says so too");
        assert_eq!(plan.to_string(), said);
        store.run("DROP TABLE workout_classification_history").await;
        let plan = store.db.migration_plan().await.expect("plan");
        assert_eq!(plan.pending.len(), ALL + 1, "nothing was written");
    });
}

/// The columns of somebody's `workout_summary` after the key, with FLOATs as the older tool made them.
const THEIR_COLUMNS: &str = "workout_date DATETIME, activity_type VARCHAR(50), kcal_burned BIGINT, \
    distance_mi FLOAT, duration_sec FLOAT, avg_pace FLOAT, max_pace FLOAT, steps BIGINT, link VARCHAR(100)";

async fn definition(store: &TestStore) -> Vec<Vec<String>> {
    store
        .rows(match store.dialect {
            Dialect::MySql => "SHOW CREATE TABLE workout_summary",
            Dialect::Sqlite => "SELECT type, sql FROM sqlite_schema WHERE tbl_name = 'workout_summary' ORDER BY name",
        })
        .await
}

/// Migrates around a `workout_summary` that is there, and uses it.
async fn works_around(store: &TestStore, what: &str) {
    store
        .run("INSERT INTO workout_summary (workout_id, distance_mi) VALUES ('w1', 0.1)")
        .await;
    let before = definition(store).await;
    let plan = store.db.migration_plan().await.expect(what);
    assert_eq!(plan.foreign_tables, ["workout_summary"], "{what}");
    assert!(plan.pending[1].sql.contains("stays as it is"), "{what}");
    let report = store.db.migrate(now()).await.expect(what);
    assert_eq!(
        (report.tables[0].name, report.tables[0].created),
        ("workout_summary", false)
    );
    assert_eq!(definition(store).await, before, "{what}: altered");
    for (table, columns, values) in [
        (
            "workout_classification_history",
            "new_classification, classification_source, changed_at",
            "'mixed', 'csv_import', '2026-01-02'",
        ),
        (
            "workout_ml_classifications",
            "current_classification, classification_source, classified_at, last_updated",
            "'mixed', 'csv_import', '2026-01-02', '2026-01-02'",
        ),
        (
            "user_classification_feedback",
            "feedback_type, submitted_at",
            "'accept', '2026-01-02'",
        ),
    ] {
        let insert = |id: &str| format!("INSERT INTO {table} (workout_id, {columns}) VALUES ('{id}', {values})");
        store.run(&insert("w1")).await;
        let error = store.refused(&insert("nobody")).await;
        assert!(matches!(error, DbError::Constraint { .. }), "{what}: {error}");
    }
    store.refused("DELETE FROM workout_summary").await;
    assert!(store.db.migrate(now()).await.expect(what).applied.is_empty());
    assert!(store.db.migration_plan().await.expect(what).foreign_tables.is_empty());
}

#[test]
fn somebody_elses_workouts_of_any_character_set_are_referred_to() {
    block_on(async {
        for collation in [
            "latin1_swedish_ci",
            "utf8mb3_general_ci",
            "utf8mb4_unicode_ci",
            "utf8mb4_general_ci",
            "ascii_bin",
        ] {
            let store = TestStore::mariadb().await;
            let charset = collation.split('_').next().expect("a character set");
            store
                .run(&format!(
                    "CREATE TABLE workout_summary (workout_id VARCHAR(20) PRIMARY KEY, {THEIR_COLUMNS}) ENGINE = InnoDB \
                     DEFAULT CHARACTER SET {charset} COLLATE {collation}"
                ))
                .await;
            works_around(&store, collation).await;
            let keys = "SELECT COUNT(*) FROM information_schema.key_column_usage \
                        WHERE table_schema = DATABASE() AND referenced_table_name = 'workout_summary'";
            assert_eq!(store.rows(keys).await, [["4"]], "{collation}");
            let child = "SELECT COUNT(DISTINCT collation_name), MAX(collation_name) FROM information_schema.columns \
                         WHERE table_schema = DATABASE() AND column_name = 'workout_id'";
            assert_eq!(store.rows(child).await, [["1", collation]]);
        }
    });
}

#[test]
fn somebody_elses_workouts_with_extra_columns_and_another_key_are_referred_to() {
    on_both_empty_stores(|store| async move {
        store
            .run(&format!(
                "CREATE TABLE workout_summary (id INTEGER PRIMARY KEY, workout_id VARCHAR(36) UNIQUE, {THEIR_COLUMNS}, \
                 notes TEXT)"
            ))
            .await;
        store
            .run("INSERT INTO workout_summary (id, workout_id) VALUES (7, 'w7')")
            .await;
        store.run("DELETE FROM workout_summary").await;
        if store.dialect == Dialect::MySql {
            store
                .run("ALTER TABLE workout_summary MODIFY id INTEGER AUTO_INCREMENT")
                .await;
        }
        works_around(&store, "another key").await;
    });
}

#[test]
fn workouts_that_cannot_be_referred_to_are_refused_with_what_is_wrong() {
    on_both_empty_stores(|store| async move {
        let keyed = "workout_id VARCHAR(20) PRIMARY KEY";
        let mut cases = vec![
            (
                format!("({keyed}, link VARCHAR(100))"),
                vec!["avg_pace", "steps", "workout_date"],
            ),
            (
                format!("(workout_id BIGINT PRIMARY KEY, {THEIR_COLUMNS})"),
                vec!["workout_id must be a VARCHAR", "bigint"],
            ),
            (
                format!("(id INT, workout_id VARCHAR(20), {THEIR_COLUMNS}, UNIQUE (id, workout_id))"),
                vec!["unique key"],
            ),
            (format!("(id INT PRIMARY KEY, {THEIR_COLUMNS})"), vec!["workout_id"]),
        ];
        if store.dialect == Dialect::MySql {
            cases.push((
                format!("({keyed}, {THEIR_COLUMNS}) ENGINE = MyISAM"),
                vec!["InnoDB", "MyISAM"],
            ));
            cases.push((
                format!("(workout_id VARCHAR(20), {THEIR_COLUMNS}, UNIQUE (workout_id(5)))"),
                vec!["unique key"],
            ));
        }
        for (definition, parts) in cases {
            store.run(&format!("CREATE TABLE workout_summary {definition}")).await;
            let error = store.db.migrate(now()).await.expect_err(&definition);
            assert!(
                matches!(error, DbError::Migration { .. } | DbError::MissingSchema { .. }),
                "{error:?}"
            );
            for part in parts {
                assert!(error.to_string().contains(part), "{part} in {error}");
            }
            store.run("DROP TABLE workout_summary").await;
        }
        store
            .run(&format!("CREATE TABLE base ({keyed}, {THEIR_COLUMNS})"))
            .await;
        store.run("CREATE VIEW workout_summary AS SELECT * FROM base").await;
        let error = store.db.migrate(now()).await.expect_err("a view");
        assert!(error.to_string().contains("view"), "{error}");
        assert!(store.db.migration_plan().await.is_err());
    });
}

#[test]
fn a_user_without_ddl_privileges_can_check_but_not_create() {
    block_on(async {
        let store = TestStore::mariadb().await;
        let user = crate::support::mariadb::restricted_user(&store.url, "SELECT, INSERT, UPDATE, DELETE");
        let db = connect(&user).await.expect("connect");
        let error = db.migrate(now()).await.expect_err("no CREATE");
        assert!(matches!(error, DbError::Privilege { .. }), "{error:?}");
        assert!(error.to_string().contains("CREATE"), "{error}");
        store.db.migrate(now()).await.expect("migrate");
        assert!(db.migrate(now()).await.expect("nothing to do").applied.is_empty());
    });
}

#[test]
fn a_legacy_float_reads_as_it_was_meant() {
    block_on(async {
        let store = TestStore::mariadb().await;
        store
            .run(&format!(
                "CREATE TABLE workout_summary (workout_id VARCHAR(20) PRIMARY KEY, {THEIR_COLUMNS})"
            ))
            .await;
        admin_text(
            &store.url,
            &["INSERT INTO workout_summary (workout_id, avg_pace) VALUES ('w', 9.87)"],
        );
        assert_eq!(store.rows("SELECT avg_pace FROM workout_summary").await, [["9.87"]]);
    });
}
