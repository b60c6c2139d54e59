//! Faults of the login, the tables, the models and the runs, on the shared server; on SQLite too where it has them.

use super::{Diagnosis, NIGHTLY, classify, ended, start};
use crate::support::cli::{NOW, Paceline, on_both_stores, on_new_sqlite};
use crate::support::mariadb::{admin, database_of, fresh_database, restricted_user, server, url_with_password};

/// A migrated database with six classified workouts.
fn full() -> (tempfile::TempDir, Paceline) {
    let folder = tempfile::tempdir().expect("a folder");
    let paceline = Paceline::new(&fresh_database());
    classify(&paceline, &folder);
    (folder, paceline)
}

#[test]
fn a_store_in_good_order_has_nothing_to_attend_to() {
    let (_folder, paceline) = full();
    let diagnosis = Diagnosis::of(&paceline);
    diagnosis.exits(0);
    for check in [
        "connection",
        "server",
        "writable",
        "time zone",
        "max_allowed_packet",
        "tls",
        "local_infile",
    ] {
        diagnosis.names(check, "ok", &[], &[]);
    }
    for check in [
        "schema",
        "triggers",
        "character set",
        "privileges",
        "active model",
        "audit trail",
    ] {
        diagnosis.names(check, "ok", &[], &[]);
    }
    let well =
        |found: &serde_json::Value| found["severity"] == "ok" || !found["next"].as_str().expect("text").is_empty();
    assert!(diagnosis.findings.iter().all(well), "{}", diagnosis.outcome);
}

#[test]
fn a_wrong_password_is_told_from_an_unknown_database() {
    let (_folder, paceline) = full();
    let wrong = Paceline::new(&url_with_password(paceline.url(), "hunter2"));
    Diagnosis::of(&wrong).exits(78).names(
        "connection",
        "error",
        &["refuses the login", "1045"],
        &["wrong user or password"],
    );
    let absent = paceline.url().replace(database_of(paceline.url()), "no_such_database");
    Diagnosis::of(&Paceline::new(&absent)).exits(78).names(
        "connection",
        "error",
        &["no_such_database"],
        &["does not exist", "GRANT"],
    );
    // To one who may see every database the server says more.
    admin(&["GRANT SELECT ON *.* TO 'sees_all'@'127.0.0.1' IDENTIFIED BY 'secret'"]);
    let all = format!("mysql://sees_all:secret@127.0.0.1:{}/no_such_database", server().port);
    Diagnosis::of(&Paceline::new(&all))
        .exits(78)
        .names("connection", "error", &["1049"], &["CREATE DATABASE"]);
}

#[test]
fn a_url_that_cannot_be_read_is_a_finding_too() {
    let diagnosis = Diagnosis::of(&Paceline::new("mysql://u:s3cret@h:port/x"));
    diagnosis.exits(78).names(
        "connection",
        "error",
        &["database URL"],
        &["mysql://USER:PASSWORD@HOST"],
    );
    assert!(!diagnosis.outcome.stdout.contains("s3cret"), "{}", diagnosis.outcome);
}

#[test]
fn missing_privileges_are_named_select_among_them() {
    let (_folder, paceline) = full();
    for (granted, missing) in [
        ("SELECT", "UPDATE on pipeline_runs"),
        ("SELECT, INSERT", "UPDATE on ml_model_registry"),
        ("INSERT, UPDATE", "SELECT on workout_summary"),
    ] {
        let login = Paceline::new(&restricted_user(paceline.url(), granted));
        Diagnosis::of(&login)
            .exits(1)
            .names("privileges", "error", &[missing], &["GRANT"]);
    }
    let one = Paceline::new(&restricted_user(paceline.url(), "CREATE TEMPORARY TABLES"));
    let user = one.url().split(['/', ':']).nth(3).expect("a user").to_owned();
    let database = database_of(paceline.url()).to_owned();
    for table in paceline.tables().keys().filter(|table| *table != "audit_leaves") {
        admin(&[&format!(
            "GRANT SELECT, INSERT, UPDATE ON {database}.{table} TO '{user}'@'127.0.0.1'"
        )]);
    }
    let diagnosis = Diagnosis::of(&one);
    let parts = ["SELECT on audit_leaves", "INSERT on audit_leaves"];
    diagnosis.exits(1).names("privileges", "error", &parts, &["GRANT"]);
    let evidence = diagnosis.all("privileges").next().expect("a finding")["evidence"].to_string();
    assert!(!evidence.contains("workout_summary"), "{evidence}");
}

#[test]
fn a_table_in_another_character_set_is_named_with_its_columns() {
    let (_folder, paceline) = full();
    let database = format!("USE {}", database_of(paceline.url()));
    admin(&[
        &database,
        "ALTER TABLE quarantined_rows CONVERT TO CHARACTER SET latin1",
    ]);
    Diagnosis::of(&paceline).exits(1).names(
        "character set",
        "error",
        &["quarantined_rows", "latin1", "fingerprint"],
        &["ALTER TABLE quarantined_rows CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"],
    );
    let remedy = "ALTER TABLE quarantined_rows CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";
    admin(&[&database, "SET foreign_key_checks = 0", remedy]);
    Diagnosis::of(&paceline).exits(0);
}

#[test]
fn ids_that_are_not_compared_like_those_of_workout_summary_are_named() {
    let (_folder, paceline) = full();
    let database = format!("USE {}", database_of(paceline.url()));
    admin(&[
        &database,
        "ALTER TABLE workout_ml_classifications DROP FOREIGN KEY fk_classifications_workout",
        "ALTER TABLE workout_ml_classifications MODIFY workout_id VARCHAR(20) CHARACTER SET latin1 NOT NULL",
    ]);
    Diagnosis::of(&paceline).exits(1).names(
        "character set",
        "error",
        &["workout_ml_classifications.workout_id is latin1", "utf8mb4_bin"],
        &["MODIFY workout_id VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"],
    );
}

#[test]
fn somebody_elses_narrow_workout_ids_are_a_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let paceline = Paceline::new(&fresh_database());
    paceline.tamper(&[
        "CREATE TABLE workout_summary (workout_id VARCHAR(20) NOT NULL PRIMARY KEY, workout_date DATETIME, \
         activity_type VARCHAR(50), kcal_burned BIGINT, distance_mi FLOAT, duration_sec FLOAT, avg_pace FLOAT, \
         max_pace FLOAT, steps BIGINT, link VARCHAR(100)) CHARACTER SET latin1",
    ]);
    classify(&paceline, &folder);
    Diagnosis::of(&paceline).exits(0).names(
        "character set",
        "warning",
        &["workout_summary.workout_id is latin1"],
        &["utf8mb4"],
    );
}

#[test]
fn half_migrated_tables_are_told_from_empty_ones() {
    let empty = Paceline::new(&fresh_database());
    Diagnosis::of(&empty).exits(1).names(
        "schema",
        "error",
        &["35 of 35 migrations are not applied"],
        &["run `paceline migrate`"],
    );

    on_both_stores(|paceline, _| {
        // What a migration leaves that was killed between a statement and its record, and a table lost to a restore.
        paceline.tamper(&[
            "DELETE FROM paceline_migrations WHERE version >= 22",
            "DROP TABLE audit_leaves",
        ]);
        Diagnosis::of(paceline).exits(1).names(
            "schema",
            "error",
            &[
                "14 of 35 migrations are not applied",
                "V022__audit_leaves",
                "half-migrated",
                "backfill_windows",
            ],
            &["run `paceline migrate`, which goes on"],
        );
        paceline.ok(&["migrate", "--yes"]);
        Diagnosis::of(paceline).names("schema", "ok", &["35 migrations applied"], &[]);
        Diagnosis::of(paceline).names("triggers", "ok", &[], &[]);
    });
}

#[test]
fn everything_that_is_wrong_with_the_tables_is_listed_at_once() {
    on_both_stores(|paceline, _| {
        paceline.tamper(&[
            "DROP TABLE backfill_windows",
            "ALTER TABLE quarantined_rows DROP COLUMN reason",
            "DROP TRIGGER model_evaluations_no_update",
        ]);
        Diagnosis::of(paceline)
            .exits(1)
            .names(
                "schema",
                "error",
                &["its table backfill_windows is gone"],
                &["restore it from a backup"],
            )
            .names(
                "schema",
                "error",
                &["quarantined_rows lacks the columns reason"],
                &["add them again"],
            )
            .names("triggers", "error", &["model_evaluations_no_update"], &["verify"]);
    });
}

#[test]
fn a_trigger_that_is_gone_is_named_and_its_remedy_brings_it_back() {
    on_both_stores(|paceline, folder| {
        classify(paceline, folder);
        paceline.tamper(&["DROP TRIGGER workout_classification_history_unarchived"]);
        let diagnosis = Diagnosis::of(paceline);
        diagnosis.exits(1).names(
            "triggers",
            "error",
            &["gone: workout_classification_history_unarchived"],
            &[
                "paceline verify",
                "delete row 33 of paceline_migrations",
                "paceline migrate",
            ],
        );
        paceline.tamper(&["DELETE FROM paceline_migrations WHERE version = 33"]);
        paceline.ok(&["migrate", "--yes"]);
        Diagnosis::of(paceline).exits(0).names("triggers", "ok", &[], &[]);
    });
}

#[test]
fn a_login_that_may_not_see_triggers_is_not_told_that_they_are_gone() {
    let (_folder, paceline) = full();
    let writer = Paceline::new(&restricted_user(paceline.url(), "SELECT, INSERT, UPDATE"));
    Diagnosis::of(&writer).exits(0).names("triggers", "ok", &[], &[]);
    paceline.tamper(&["DROP TRIGGER audit_segments_no_update"]);
    Diagnosis::of(&writer)
        .exits(1)
        .names("triggers", "error", &["audit_segments_no_update"], &[]);
}

#[test]
fn a_broken_artifact_is_named_of_the_active_model_and_of_those_before_it() {
    on_both_stores(|paceline, folder| {
        classify(paceline, folder);
        // Whatever the gate says of it, it is kept.
        let other = ["model", "train", NIGHTLY, "--algorithm", "kmeans"];
        paceline.at("2026-01-09T00:00:00Z").run(&other);
        let models = paceline.json(&["model", "list"]);
        assert_eq!(models.as_array().expect("a list").len(), 2, "{models:#}");
        let older = "UPDATE ml_model_registry SET artifact = REPLACE(artifact, '\"format_version\":1', \
                     '\"format_version\":2') WHERE status <> 'active'";
        paceline.tamper(&[older]);
        Diagnosis::of(paceline)
            .exits(0)
            .names("models", "warning", &["do not match"], &["from a backup"]);
        let active = "UPDATE ml_model_registry SET artifact = REPLACE(artifact, '\"mixed_band\":', '\"mixed_band\": ') \
                      WHERE status = 'active'";
        paceline.tamper(&[active]);
        Diagnosis::of(paceline).exits(1).names(
            "active model",
            "error",
            &["SHA-256"],
            &["restore the artifact", "paceline model fail"],
        );
    });
}

#[test]
fn clocks_that_differ_are_named() {
    on_both_stores(|paceline, _| {
        // The server's clock is the system's; ours is years behind.
        Diagnosis::of(&paceline.at("2019-01-01T00:00:00Z")).names(
            "clock",
            "warning",
            &["differ by", "--now"],
            &["NTP"],
        );
        let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
        Diagnosis::of(&paceline.at(&now)).names("clock", "ok", &["within 5 s"], &[]);
    });
}

#[test]
fn rows_of_others_that_nothing_seals_are_counted() {
    on_both_stores(|paceline, folder| {
        classify(paceline, folder);
        paceline.tamper(&[
            "INSERT INTO workout_classification_history (workout_id, new_classification, classification_source, \
             changed_at) VALUES ('r1', 'pup_walk', 'ml_batch_update', '2026-01-01 00:00:00')",
        ]);
        Diagnosis::of(paceline).exits(0).names(
            "audit trail",
            "warning",
            &["1 history rows that others wrote"],
            &["the next run adopts them"],
        );
        paceline.ok(&["run", NIGHTLY]);
        Diagnosis::of(paceline).names("audit trail", "ok", &[], &[]);
    });
}

#[test]
fn a_lease_that_a_dead_run_left_behind_is_named() {
    on_both_stores(|paceline, folder| {
        let six = crate::support::cli::file(folder, "six.csv", super::SIX);
        paceline.ok(&["import", &six]);
        let args = ["--now", NOW, "run", NIGHTLY];
        let crashed = ended(start(paceline.url(), &args, &[("PACELINE_CRASH_AT", "after_load")]));
        assert_eq!(crashed.code, -1, "{crashed}");
        let next = ["takes it over by itself", "paceline runs show run_"];
        Diagnosis::of(paceline).exits(0).names(
            "lease",
            "warning",
            &["'nightly' is held by run_", "whose process is gone"],
            &next,
        );
        Diagnosis::of(&paceline.at("2026-01-03T00:00:00Z")).names(
            "lease",
            "warning",
            &["whose lease expired at"],
            &next,
        );
        paceline.ok(&["run", NIGHTLY]);
        let diagnosis = Diagnosis::of(paceline);
        assert_eq!(diagnosis.all("lease").count(), 0, "{}", diagnosis.outcome);
    });
}

#[test]
fn whether_the_connection_is_encrypted_is_shown() {
    let (_folder, paceline) = full();
    if server().ca.is_none() {
        eprintln!("skipped: no openssl to make a certificate with");
        return;
    }
    Diagnosis::of(&paceline).names("tls", "ok", &["not encrypted", "on this machine"], &[]);
    let encrypted = Paceline::new(&format!("{}?ssl-mode=REQUIRED", paceline.url()));
    Diagnosis::of(&encrypted).names("tls", "ok", &["TLS"], &[]);
}

#[test]
fn a_pipeline_file_is_looked_at_too() {
    let (folder, paceline) = full();
    let good = paceline.run(&["doctor", NIGHTLY]);
    assert_eq!(good.code, 0, "{good}");
    assert!(good.stdout.contains("pipelines/nightly.toml is valid"), "{good}");
    let bad = crate::support::cli::file(&folder, "p.toml", "name = 'n'\n[gate]\nmax_chrun = 0.1\n");
    let outcome = paceline.run(&["doctor", &bad]);
    outcome.expect(78, &["1 finding needs attention"]);
    assert!(
        outcome.stdout.contains("line 3") && outcome.stdout.contains("max_churn"),
        "{outcome}"
    );
    let (_none, nowhere) = on_new_sqlite();
    let outcome = nowhere.run(&["doctor", NIGHTLY]);
    outcome.expect(69, &["there is no store at"]);
    assert!(
        outcome.stdout.contains("is valid"),
        "the rest is told all the same: {outcome}"
    );
}
