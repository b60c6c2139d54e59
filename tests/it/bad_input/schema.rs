//! Stores whose tables are not the ones that this program needs.

use super::{NIGHTLY, six_workouts};
use crate::support::cli::{Paceline, file, on_both_stores, on_new_sqlite};
use crate::support::mariadb::{admin, database_of, fresh_database};

/// Every command that needs the tables.
fn commands(csv: &str) -> Vec<Vec<&str>> {
    let fixed = [
        &["run", NIGHTLY][..],
        &["plan", NIGHTLY],
        &["classifications"],
        &["history", "r1"],
        &["model", "list"],
        &["runs", "list"],
        &["quarantine", "list"],
    ];
    let mut all: Vec<Vec<&str>> = fixed.iter().map(|args| args.to_vec()).collect();
    all.push(vec!["import", csv]);
    all
}

/// Runs DDL in a way that foreign keys do not stop, as an administrator or a careless person would.
fn break_schema(paceline: &Paceline, statement: &str) {
    match paceline.url().strip_prefix("sqlite://") {
        Some(path) => {
            let db = rusqlite::Connection::open(path).expect("open");
            db.execute_batch(&format!("PRAGMA foreign_keys = OFF; {statement}"))
                .expect(statement);
        }
        None => {
            let database = format!("USE {}", database_of(paceline.url()));
            admin(&["SET SESSION foreign_key_checks = 0", &database, statement]);
        }
    }
}

#[test]
fn a_table_that_is_gone_is_named_before_anything_is_written() {
    for table in [
        "workout_summary",
        "pipeline_runs",
        "ml_model_registry",
        "audit_segments",
    ] {
        on_both_stores(|paceline, folder| {
            let six = file(folder, "in.csv", six_workouts());
            paceline.json(&["import", &six]);
            break_schema(paceline, &format!("DROP TABLE {table}"));
            let parts = [&format!("its table {table} is gone"), "restore it from a backup"];
            for args in commands(&six) {
                paceline.refused(&args, 78, &parts);
            }
            paceline.refused(&["migrate", "--yes"], 78, &parts);
            let doctor = paceline.refused(&["doctor"], 1, &["1 finding needs attention"]);
            assert!(doctor.stdout.contains(table), "{doctor}");
        });
    }
}

#[test]
fn a_table_that_lost_columns_is_named_before_anything_is_written() {
    on_both_stores(|paceline, folder| {
        let six = file(folder, "in.csv", six_workouts());
        paceline.json(&["import", &six]);
        break_schema(paceline, "ALTER TABLE workout_summary DROP COLUMN avg_pace");
        break_schema(paceline, "ALTER TABLE workout_summary DROP COLUMN link");
        for args in commands(&six) {
            paceline.refused(&args, 78, &["workout_summary", "lacks the columns avg_pace, link"]);
        }
        paceline.refused(&["migrate", "--yes"], 78, &["lacks the columns avg_pace, link"]);
    });
}

/// A `workout_summary` of somebody else, without the columns that stages need.
const POOR: &str = "CREATE TABLE workout_summary (workout_id VARCHAR(20) NOT NULL PRIMARY KEY, workout_date DATETIME, \
                    distance_mi FLOAT)";

#[test]
fn a_workout_table_of_somebody_else_without_the_columns() {
    let (_folder, on_sqlite) = on_new_sqlite();
    for paceline in [on_sqlite, Paceline::new(&fresh_database())] {
        paceline.tamper(&[POOR, "INSERT INTO workout_summary VALUES ('a', '2024-01-01', 1.5)"]);
        let parts = [
            "workout_summary is already there without the columns",
            "activity_type",
            "avg_pace",
        ];
        paceline.refused(&["migrate", "--yes"], 78, &parts);
        paceline.refused(&["migrate", "--dry-run"], 78, &parts);
        paceline.refused(&["run", NIGHTLY], 78, &parts);
        let doctor = paceline.refused(&["doctor"], 1, &[]);
        assert!(doctor.stdout.contains("avg_pace"), "{doctor}");
    }
}

#[test]
fn a_table_of_our_name_that_is_not_ours() {
    let (_folder, on_sqlite) = on_new_sqlite();
    for paceline in [on_sqlite, Paceline::new(&fresh_database())] {
        paceline.tamper(&["CREATE TABLE pipeline_runs (id VARCHAR(20))"]);
        let parts = [
            "a table pipeline_runs is already there without the columns",
            "rename it",
        ];
        paceline.refused(&["migrate", "--yes"], 78, &parts);
    }
}

#[test]
fn a_store_of_a_newer_paceline() {
    on_both_stores(|paceline, folder| {
        let six = file(folder, "in.csv", six_workouts());
        let checksum = "a".repeat(64);
        paceline.tamper(&[&format!(
            "INSERT INTO paceline_migrations (version, name, checksum, applied_at) \
             VALUES (999, 'tomorrow', '{checksum}', '2026-01-01 00:00:00')"
        )]);
        for args in commands(&six) {
            paceline.refused(&args, 78, &["'tomorrow' was applied", "by a newer Paceline"]);
        }
        paceline.refused(&["migrate"], 78, &["by a newer Paceline"]);
    });
}

#[test]
fn an_unmigrated_database_is_not_migrated_in_passing() {
    let (folder, _) = on_new_sqlite();
    let six = file(&folder, "in.csv", six_workouts());
    let paceline = Paceline::new(&fresh_database());
    for args in commands(&six) {
        let outcome = paceline.refused(
            &args,
            78,
            &["migrations of", "are not applied", "run `paceline migrate`"],
        );
        assert_eq!(outcome.stdout, "", "{args:?}");
    }
    let doctor = paceline.refused(&["doctor"], 1, &["1 finding needs attention"]);
    assert!(doctor.stdout.contains("run `paceline migrate`"), "{doctor}");
    paceline.ok(&["migrate", "--dry-run"]);
    assert!(paceline.tables().is_empty());
    paceline.ok(&["migrate"]);
    paceline.json(&["import", &six]);
}

#[test]
fn foreign_tables_are_not_joined_without_being_asked() {
    let paceline = Paceline::new(&fresh_database());
    paceline.tamper(&[
        "CREATE TABLE invoices (id INT PRIMARY KEY)",
        "INSERT INTO invoices VALUES (7)",
    ]);
    let parts = ["1 table that is not Paceline's", "invoices", "--dry-run", "--yes"];
    paceline.refused(&["migrate"], 78, &parts);
    paceline.refused(&["run", NIGHTLY], 78, &["run `paceline migrate`"]);
    paceline.ok(&["migrate", "--dry-run"]);
    assert_eq!(paceline.tables().len(), 1, "a dry run created tables");
    paceline.ok(&["migrate", "--yes"]);
    assert_eq!(paceline.tables()["invoices"], [["7"]]);
    // Once it lives beside them, nobody is asked again.
    paceline.ok(&["migrate"]);
    paceline.json(&["run", NIGHTLY]);
}
