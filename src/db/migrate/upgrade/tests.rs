//! The planner, without a server.

use super::shape::{Key, Kind, Reference, Standard, TextRule};
use super::*;

fn fresh() -> Found {
    let tables = all_targets().into_iter().map(|table| (table.name.clone(), table));
    Found {
        tables: tables.collect(),
        from_others: Vec::new(),
    }
}

/// As a server shows a fresh table that an older tool's program made: see the brief of each field.
fn older() -> Found {
    let mut found = fresh();
    let unicode = TextRule {
        charset: "utf8mb4".to_owned(),
        collation: "utf8mb4_unicode_ci".to_owned(),
    };
    for table in found.tables.values_mut() {
        table.text = Some(unicode.clone());
        table.checks.clear();
        let ours = [
            "run_id",
            "segment_id",
            "label_model_id",
            "artifact",
            "artifact_sha256",
            "active_slot",
        ];
        table.columns.retain(|c| !ours.contains(&c.name.as_str()));
        for column in &mut table.columns {
            if column.text.is_some() {
                column.text = Some(unicode.clone());
            }
            if column.auto_increment {
                column.kind = Kind::new("int(11)");
            }
            if column.kind.word() == "datetime" && !column.nullable {
                column.kind = Kind::new("timestamp");
                column.default = Some(Standard::Now);
                column.on_update = column.name.contains("update");
            }
        }
        for reference in &mut table.references {
            reference.restricts = false;
            reference.on_delete = "CASCADE".to_owned();
        }
    }
    found
}

fn planned(found: &Found) -> Vec<(String, &'static str)> {
    let statements = plan(found, &all_targets()).statements;
    statements.into_iter().map(|s| (s.table, s.what)).collect()
}

#[test]
fn a_new_database_has_nothing_to_upgrade() {
    assert_eq!(all_targets().len(), 4);
    assert_eq!(plan(&fresh(), &all_targets()), Upgrade::default());
}

#[test]
fn foreign_keys_go_first_and_come_back_last() {
    let planned = planned(&older());
    let whats: Vec<&str> = planned.iter().map(|(_, what)| *what).collect();
    assert!(whats.iter().take(4).all(|what| *what == "foreign keys"), "{planned:?}");
    assert!(
        whats.iter().rev().take(4).all(|what| *what == "foreign keys"),
        "{planned:?}"
    );
    let of_models: Vec<&str> = planned
        .iter()
        .filter(|(t, _)| t == "ml_model_registry")
        .map(|(_, w)| *w)
        .collect();
    assert_eq!(
        of_models,
        [
            "foreign keys",
            "rows",
            "rows",
            "rows",
            "columns",
            "indexes and checks",
            "foreign keys"
        ]
    );
}

#[test]
fn every_statement_says_why_and_touches_no_workout() {
    let upgrade = plan(&older(), &all_targets());
    for statement in &upgrade.statements {
        assert!(!statement.why.is_empty() && statement.why.iter().all(|why| !why.is_empty()));
        assert!(statement.sql.contains(&statement.table), "{statement:?}");
        assert!(!statement.sql.contains("ALTER TABLE workout_summary"), "{statement:?}");
        for word in ["DROP COLUMN", "DROP TABLE", "DELETE FROM", "TRUNCATE"] {
            assert!(!statement.sql.contains(word), "{statement:?}");
        }
    }
    assert!(upgrade.guards.iter().all(|guard| guard.sql.starts_with("SELECT ")));
}

#[test]
fn an_instant_that_filled_itself_fills_itself_in_utc() {
    let upgrade = plan(&older(), &all_targets());
    let columns = upgrade
        .statements
        .iter()
        .find(|s| s.what == "columns" && s.table == "ml_model_registry");
    let columns = &columns.expect("a statement").sql;
    for part in [
        "MODIFY COLUMN registry_id BIGINT NOT NULL AUTO_INCREMENT",
        "MODIFY COLUMN updated_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6))",
        "ADD COLUMN artifact LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL",
        "ADD COLUMN active_slot TINYINT GENERATED ALWAYS AS (NULLIF(is_production, 0)) STORED",
    ] {
        assert!(columns.contains(part), "{part} in {columns}");
    }
}

#[test]
fn rows_are_put_right_without_moving_an_instant() {
    let upgrade = plan(&older(), &all_targets());
    let rows = upgrade
        .statements
        .iter()
        .filter(|s| s.what == "rows" && s.table == "ml_model_registry");
    for statement in rows {
        assert!(statement.sql.contains("updated_at = "), "{}", statement.sql);
    }
}

#[test]
fn an_index_that_a_later_migration_drops_is_not_made_first() {
    let mut found = older();
    let current = found.tables.get_mut("workout_ml_classifications").expect("a table");
    let over_models = |name: &str| Key {
        name: name.to_owned(),
        unique: false,
        columns: vec!["model_id".to_owned()],
        whole: true,
    };
    current
        .keys
        .extend([over_models("model_id"), over_models("somebodys_own")]);
    current.references.push(Reference {
        name: "workout_ml_classifications_ibfk_2".to_owned(),
        table: current.name.clone(),
        columns: vec!["model_id".to_owned()],
        to_table: "ml_model_registry".to_owned(),
        to_columns: vec!["model_id".to_owned()],
        restricts: false,
        on_delete: "SET NULL".to_owned(),
    });
    let statements = plan(&found, &all_targets()).statements;
    let of_current = statements.iter().filter(|s| s.table == "workout_ml_classifications");
    let sql: Vec<&str> = of_current.map(|s| s.sql.as_str()).collect();
    let sql = sql.join("\n");
    assert!(
        sql.contains("DROP FOREIGN KEY `workout_ml_classifications_ibfk_2`,\n    DROP INDEX `model_id`"),
        "the server made it for the foreign key: {sql}"
    );
    for name in ["somebodys_own", "idx_classifications_model"] {
        assert!(!sql.contains(name), "{name} in {sql}");
    }
    let history = found.tables.get_mut("workout_classification_history").expect("a table");
    history.keys.retain(|key| key.columns != ["model_id"]);
    let sql = plan(&found, &all_targets()).statements.into_iter().map(|s| s.sql);
    assert!(sql.collect::<String>().contains("ADD KEY idx_history_model (model_id)"));
}

#[test]
fn what_others_hang_on_a_column_that_changes_is_an_obstacle() {
    let mut found = older();
    found.from_others.push(Reference {
        name: "theirs".to_owned(),
        table: "their_table".to_owned(),
        columns: vec!["model".to_owned()],
        to_table: "ml_model_registry".to_owned(),
        to_columns: vec!["model_id".to_owned()],
        restricts: true,
        on_delete: "RESTRICT".to_owned(),
    });
    let said = obstacles(&found, &all_targets(), true);
    assert!(said.len() == 1 && said[0].contains("theirs of their_table"), "{said:?}");
    assert_eq!(obstacles(&fresh(), &all_targets(), true), Vec::<String>::new());
    assert!(obstacles(&fresh(), &all_targets(), false)[0].contains("workout_summary"));
    let models = found.tables.get_mut("ml_model_registry").expect("a table");
    models.keys.retain(|key| !key.is_primary());
    assert!(
        obstacles(&found, &all_targets(), true)[0].contains("primary key"),
        "{said:?}"
    );
}

#[test]
fn only_a_table_with_the_older_tools_columns_is_its() {
    let columns = |list: &[&str]| list.iter().map(|&c| c.to_owned()).collect::<Vec<_>>();
    let history = columns(&[
        "history_id",
        "workout_id",
        "new_classification",
        "classification_source",
        "CHANGED_AT",
    ]);
    assert!(is_older("workout_classification_history", &history, Dialect::MySql));
    assert!(!is_older("workout_classification_history", &history, Dialect::Sqlite));
    assert!(!is_older(
        "workout_classification_history",
        &history[1..],
        Dialect::MySql
    ));
    assert!(!is_older("pipeline_runs", &history, Dialect::MySql));
}
