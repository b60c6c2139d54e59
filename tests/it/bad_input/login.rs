//! Servers that do not answer, refuse the login, or grant too little.

use std::net::TcpListener;

use super::{NIGHTLY, count, six_workouts};
use crate::support::cli::{Paceline, file, on_new_sqlite};
use crate::support::mariadb::{admin, database_of, fresh_database, restricted_user, url_with_password};

/// A migrated database with six classified workouts, and a file with them.
fn full() -> (tempfile::TempDir, Paceline, String) {
    let (folder, _) = on_new_sqlite();
    let six = file(&folder, "in.csv", six_workouts());
    let paceline = Paceline::new(&fresh_database());
    paceline.ok(&["migrate"]);
    paceline.json(&["import", &six]);
    paceline.json(&["run", NIGHTLY]);
    (folder, paceline, six)
}

#[test]
fn a_server_that_is_down_is_unreachable() {
    // Bound and closed again: nothing listens there.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    drop(listener);
    let paceline = Paceline::new(&format!("mysql://paceline:hunter2@127.0.0.1:{port}/workouts"));
    let target = format!("cannot reach mysql://paceline@127.0.0.1:{port}/workouts");
    let outcome = paceline.run(&["run", NIGHTLY]);
    outcome.expect(69, &[&target, "next: check that the server runs"]);
    assert_eq!(outcome.stdout, "");
}

#[test]
fn a_wrong_password_and_a_database_that_is_not_there() {
    let (_folder, paceline, six) = full();
    let before = paceline.tables();
    let wrong = Paceline::new(&url_with_password(paceline.url(), "hunter2"));
    let none = Paceline::new(&url_with_password(paceline.url(), ""));
    let absent = Paceline::new(&paceline.url().replace(database_of(paceline.url()), "no_such_database"));
    for args in [
        &["run", NIGHTLY][..],
        &["import", &six],
        &["classifications"],
        &["doctor"],
        &["migrate"],
    ] {
        for refused in [&wrong, &none, &absent] {
            let outcome = refused.run(args);
            outcome.expect(
                78,
                &[
                    "refuses the login",
                    "mysql://paceline@127.0.0.1",
                    "next: check user, password and",
                ],
            );
            // The list of findings is what was asked for.
            assert_eq!(outcome.stdout.is_empty(), args[0] != "doctor", "{args:?}");
        }
    }
    assert_eq!(paceline.tables(), before);
}

#[test]
fn no_log_shows_a_password() {
    let (_folder, paceline, _) = full();
    let wrong = Paceline::new(&url_with_password(paceline.url(), "hunter2"));
    // The helper looks through both streams of every command.
    for filter in ["trace", "paceline=trace,mysql_async=trace"] {
        paceline.with_env("RUST_LOG", filter).ok(&["-vv", "doctor"]);
        paceline.with_env("RUST_LOG", filter).ok(&["-vv", "run", NIGHTLY]);
        wrong
            .with_env("RUST_LOG", filter)
            .run(&["-vv", "run", NIGHTLY])
            .expect(78, &[]);
    }
}

#[test]
fn help_and_usage_errors_show_no_password() {
    let paceline = Paceline::new("mysql://paceline:hunter2@127.0.0.1:1/workouts");
    for command in ["migrate", "import", "run", "plan", "classifications", "model", "doctor"] {
        paceline.ok(&[command, "--help"]);
    }
    let help = paceline.ok(&["--help"]).stdout;
    assert!(help.contains("DATABASE_URL"), "{help}");
    paceline.run(&["reclassify"]).expect(2, &[]);
    paceline
        .run(&["--database-url", paceline.url(), "run"])
        .expect(2, &["PIPELINE.toml"]);
}

#[test]
fn a_login_that_may_only_read_reads() {
    let (_folder, paceline, six) = full();
    let reader = Paceline::new(&restricted_user(paceline.url(), "SELECT"));
    for args in [
        &["classifications"][..],
        &["history", "r1"],
        &["plan", NIGHTLY],
        &["model", "show", "active"],
    ] {
        reader.json(args);
    }
    let lacking = [
        "missing privilege",
        "INSERT on pipeline_runs",
        "UPDATE on pipeline_runs",
        "nothing was written",
    ];
    reader.refused(&["run", NIGHTLY], 78, &lacking);
    reader.refused(
        &["import", &six],
        78,
        &["missing privilege", "INSERT on workout_summary", "next: GRANT"],
    );
    let active = reader.json(&["model", "show", "active"])["model_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    reader.refused(
        &["model", "fail", &active, "--reason", "r"],
        78,
        &["missing privilege", "UPDATE command denied"],
    );
    let doctor = reader.refused(&["doctor"], 1, &["1 finding needs attention"]);
    assert!(
        doctor.stdout.contains("UPDATE on workout_ml_classifications"),
        "{doctor}"
    );
}

#[test]
fn a_login_that_may_insert_and_not_update_is_stopped_before_it_begins() {
    let (folder, paceline, _) = full();
    let more = file(
        &folder,
        "more.csv",
        six_workouts().replace("\nr", "\nx").replace("\nw", "\ny"),
    );
    paceline.json(&["import", &more]);
    let writer = Paceline::new(&restricted_user(paceline.url(), "SELECT, INSERT"));
    let outcome = writer.refused(
        &["run", NIGHTLY],
        78,
        &["UPDATE on pipeline_runs", "UPDATE on ml_model_registry"],
    );
    assert!(!outcome.stderr.contains("INSERT on"), "{outcome}");
    writer.refused(&["schedule", "--once", NIGHTLY], 78, &["UPDATE on pipeline_runs"]);
    writer.refused(
        &["import", &more, "--record-labels"],
        78,
        &["UPDATE on workout_summary"],
    );
}

#[test]
fn a_login_with_exactly_what_is_needed_is_enough() {
    let (folder, paceline, _) = full();
    let more = file(
        &folder,
        "more.csv",
        six_workouts().replace("\nr", "\nx").replace("\nw", "\ny"),
    );
    let writer = Paceline::new(&restricted_user(paceline.url(), "SELECT, INSERT, UPDATE"));
    writer.json(&["import", &more]);
    let report = writer.json(&["run", NIGHTLY]);
    assert_eq!(count(&report, "changes.new"), 6, "{report}");
    writer.ok(&["doctor"]);
}

#[test]
fn a_table_that_may_not_be_read_is_not_reported_as_lost() {
    let (_folder, paceline, _) = full();
    let database = database_of(paceline.url()).to_owned();
    for hidden in [
        "workout_summary",
        "workout_classification_history",
        "paceline_migrations",
    ] {
        let url = restricted_user(paceline.url(), "CREATE TEMPORARY TABLES");
        let user = url
            .split("//")
            .nth(1)
            .and_then(|rest| rest.split(':').next())
            .expect("a user");
        for table in paceline.tables().keys().filter(|table| *table != hidden) {
            admin(&[&format!(
                "GRANT SELECT, INSERT, UPDATE ON {database}.{table} TO '{user}'@'127.0.0.1'"
            )]);
        }
        let login = Paceline::new(&url);
        let before = paceline.tables();
        for args in [
            &["run", NIGHTLY][..],
            &["plan", NIGHTLY],
            &["classifications"],
            &["migrate", "--yes"],
        ] {
            let outcome = login.run(args);
            outcome.expect(
                78,
                &[hidden, "missing privilege", "SELECT command denied", "next: GRANT"],
            );
            assert!(!outcome.stderr.contains("is gone"), "{outcome}");
        }
        assert_eq!(paceline.tables(), before);
    }
}

#[test]
fn migrating_without_the_privileges_creates_nothing_or_goes_on_later() {
    let paceline = Paceline::new(&fresh_database());
    let reader = Paceline::new(&restricted_user(paceline.url(), "SELECT, INSERT, UPDATE"));
    reader.refused(
        &["migrate"],
        78,
        &["missing privilege", "CREATE command denied", "next: GRANT"],
    );
    assert!(paceline.tables().is_empty());

    let no_trigger = restricted_user(paceline.url(), "SELECT, INSERT, UPDATE, CREATE, REFERENCES");
    let no_trigger = Paceline::new(&no_trigger);
    no_trigger
        .run(&["migrate"])
        .expect(78, &["missing privilege", "TRIGGER command denied"]);
    // A server cannot undo a CREATE TABLE: what was made is recorded, and the next call goes on.
    no_trigger.refused(&["migrate", "--yes"], 78, &["TRIGGER command denied"]);
    no_trigger.refused(&["run", NIGHTLY], 78, &["are not applied", "run `paceline migrate`"]);
    let no_index = restricted_user(paceline.url(), "SELECT, INSERT, UPDATE, CREATE, REFERENCES, TRIGGER");
    Paceline::new(&no_index)
        .run(&["migrate"])
        .expect(78, &["missing privilege", "INDEX command denied"]);
    let enough = "SELECT, INSERT, UPDATE, CREATE, INDEX, REFERENCES, TRIGGER";
    Paceline::new(&restricted_user(paceline.url(), enough)).ok(&["migrate"]);
    paceline.json(&["run", NIGHTLY]);
    let fresh = fresh_database();
    Paceline::new(&restricted_user(&fresh, enough)).ok(&["migrate"]);
}
