//! A `workout_summary` that belongs to somebody else, with rows that no stage can take: they are
//! refused with their reasons, and the others are classified all the same.

use super::{NIGHTLY, count, csv, texts};
use crate::support::cli::{Paceline, file, on_new_sqlite};
use crate::support::mariadb::fresh_database;

/// A table as an older tool makes it; `{id}` and `{end}` differ from case to case.
const TABLE: &str = "CREATE TABLE workout_summary ({id}, workout_date DATETIME NULL, activity_type VARCHAR(50) NULL, \
     kcal_burned BIGINT NULL, distance_mi FLOAT NULL, duration_sec FLOAT NULL, avg_pace FLOAT NULL, max_pace FLOAT NULL, \
     steps BIGINT NULL, link VARCHAR(100) NULL) {end}";

fn table(id: &str, end: &str) -> String {
    TABLE.replace("{id}", id).replace("{end}", end)
}

fn insert(values: &str) -> String {
    let columns = "workout_id, workout_date, activity_type, distance_mi, duration_sec, avg_pace";
    format!("INSERT INTO workout_summary ({columns}) VALUES {values}")
}

/// Runs twice: every row is accounted for, the second time nothing is written.
fn run(paceline: &Paceline, classified: u64, quarantined: u64) {
    paceline.ok(&["migrate", "--yes"]);
    let report = paceline.json(&["run", NIGHTLY]);
    let counted = ["read", "classified", "quarantined"].map(|part| count(&report, &format!("rows.{part}")));
    assert_eq!(counted, [classified + quarantined, classified, quarantined], "{report}");
    assert_eq!(count(&report, "changes.new"), classified, "{report}");
    let kept = paceline.tables()["quarantined_rows"].len();
    assert_eq!(kept as u64, quarantined);
    let again = paceline.json(&["run", NIGHTLY]);
    assert_eq!(count(&again, "rows_written"), 0, "{again}");
    assert_eq!(count(&again, "rows.quarantined"), quarantined, "{again}");
    assert_eq!(paceline.tables()["quarantined_rows"].len(), kept, "kept once");
}

#[test]
fn rows_that_sqlite_let_in_without_types() {
    let (_folder, paceline) = on_new_sqlite();
    let rows = "('good', '2024-01-01 00:00:00', 'Run', 3.1, 1674, 9.0),
                ('inf', '2024-01-02', 'Run', 9e999, 1674, 9.0),
                ('minus inf', '2024-01-02', 'Run', 3.1, 1674, -9e999),
                ('text', '2024-01-03', 'Run', 'far', 1674, 9.0),
                ('blob', '2024-01-04', 'Run', 3.1, x'0102', 9.0),
                ('no date', NULL, 'Run', 3.1, 1674, 9.0),
                ('no such day', '2024-02-30', 'Run', 3.1, 1674, 9.0),
                ('unix', 1704734895, 'Run', 3.1, 1674, 9.0),
                (x'6162', '2024-01-04', 'Run', 3.1, 1674, 9.0),
                ('an id of more than twenty characters', '2024-01-05', 'Run', 3.1, 1674, 9.0)";
    paceline.tamper(&[&table("workout_id TEXT PRIMARY KEY", ""), &insert(rows)]);
    run(&paceline, 3, 7);
    let listed = paceline.json(&["classifications"]);
    assert_eq!(texts(&listed, "workout_id"), ["good", "inf", "minus inf"]);
    assert_eq!(
        texts(&listed, "method"),
        ["anchored-kmeans", "era_fallback", "era_fallback"]
    );
    let refused = paceline.json(&["quarantine", "list"]);
    let mut reasons = texts(&refused, "reason");
    reasons.sort_unstable();
    for (reason, parts) in reasons.iter().zip([
        ["column 'distance_mi' should hold a number", "far"],
        ["column 'duration_sec' should hold", "a blob of 2 bytes"],
        ["column 'workout_date' should hold a date and time", "2024-02-30"],
        ["column 'workout_date' should hold a date and time", "1704734895"],
        ["column 'workout_id' should hold", "a blob of 2 bytes"],
        ["workout_date is NULL", ""],
        ["workout_id has 36 characters", "at most 20"],
    ]) {
        assert!(parts.iter().all(|part| reason.contains(part)), "{reason} {parts:?}");
    }
    let raw = texts(&refused, "raw").join("\n");
    assert!(
        raw.contains("\"workout_id\":\"text\"") && raw.contains("\"distance_mi\":\"far\""),
        "{raw}"
    );
}

#[test]
fn rows_that_a_server_let_in_without_strict_mode() {
    let paceline = Paceline::new(&fresh_database());
    let rows = "('good', '2024-01-01', 'Run', 3.1, 1674, 9.0),
                ('no date', NULL, 'Run', 3.1, 1674, 9.0),
                ('an id of more than twenty characters', '2024-01-05', 'Run', 3.1, 1674, 9.0)";
    let id = "workout_id VARCHAR(40) PRIMARY KEY";
    paceline.tamper(&[&table(id, "ENGINE = InnoDB DEFAULT CHARSET utf8mb4"), &insert(rows)]);
    crate::support::mariadb::admin(&[
        "SET SESSION sql_mode = ''",
        &format!("USE {}", crate::support::mariadb::database_of(paceline.url())),
        &insert("('zero', '0000-00-00', 'Run', 3.1, 1674, 9.0), ('partial', '2024-00-10', 'Run', 3.1, 1674, 9.0)"),
    ]);
    run(&paceline, 1, 4);
    let refused = paceline.json(&["quarantine", "list"]);
    let reasons = texts(&refused, "reason").join("\n");
    for part in [
        "0000-00-00",
        "2024-00-10",
        "workout_date is NULL",
        "workout_id has 36 characters",
    ] {
        assert!(reasons.contains(part), "{reasons}");
    }
}

#[test]
fn a_collation_that_ignores_case_and_accents_orders_other_than_by_bytes() {
    let paceline = Paceline::new(&fresh_database());
    let rows: Vec<String> = ["a1", "B1", "b2", "A2", "_3", "é4", "Z5", "z6", "e7"]
        .iter()
        .map(|id| format!("('{id}', '2024-01-01', 'Run', 3.1, 1674, 9.0)"))
        .collect();
    let end = "ENGINE = InnoDB DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_general_ci";
    let create = table("workout_id VARCHAR(20) PRIMARY KEY", end);
    paceline.tamper(&[&create, &insert(&rows.join(", "))]);
    run(&paceline, 9, 0);
}

#[test]
fn ids_that_a_table_takes_for_one_are_an_error_and_not_a_loss() {
    let (folder, _) = on_new_sqlite();
    let paceline = Paceline::new(&fresh_database());
    let end = "ENGINE = InnoDB DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_general_ci";
    let create = table("workout_id VARCHAR(20) PRIMARY KEY", end);
    paceline.tamper(&[&create, &insert("('abc', '2024-01-01', 'Run', 3.1, 1674, 9.0)")]);
    paceline.ok(&["migrate", "--yes"]);
    for id in ["ABC", "ábc"] {
        let other = file(&folder, "in.csv", csv(&[&format!("{id},2024-01-02,Run,3.1,1674,9.0")]));
        paceline.refused(&["import", &other], 1, &["duplicate", "takes two ids for one"]);
    }
}

#[test]
fn a_character_set_that_cannot_hold_an_id() {
    let (folder, _) = on_new_sqlite();
    let paceline = Paceline::new(&fresh_database());
    let create = table(
        "workout_id VARCHAR(20) PRIMARY KEY",
        "ENGINE = InnoDB DEFAULT CHARSET latin1",
    );
    paceline.tamper(&[&create, &insert("('abc', '2024-01-01', 'Run', 3.1, 1674, 9.0)")]);
    run(&paceline, 1, 0);
    let emoji = csv(&["plain,2024-01-01,Run,3.1,1674,9.0", "🏃,2024-01-02,Run,3.1,1674,9.0"]);
    let emoji = file(&folder, "in.csv", emoji);
    paceline.refused(
        &["import", &emoji],
        1,
        &["refused by the schema", "character set", "next: "],
    );
}

#[test]
fn an_import_repairs_a_row_that_could_not_be_read() {
    let (folder, on_sqlite) = on_new_sqlite();
    for paceline in [on_sqlite, Paceline::new(&fresh_database())] {
        let create = table("workout_id VARCHAR(20) NOT NULL PRIMARY KEY", "");
        paceline.tamper(&[&create, &insert("('r1', NULL, 'Run', 3.1, 1674, 9.0)")]);
        run(&paceline, 0, 1);
        let path = file(&folder, "in.csv", csv(&["r1,2024-01-01,Run,3.1,1674,9.0"]));
        let report = paceline.json(&["import", &path]);
        assert_eq!(count(&report, "changed"), 1, "{report}");
        let report = paceline.json(&["run", NIGHTLY]);
        assert_eq!(
            (count(&report, "rows.quarantined"), count(&report, "changes.new")),
            (0, 1),
            "{report}"
        );
    }
}
