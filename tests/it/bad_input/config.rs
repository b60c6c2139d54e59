//! Pipeline files, options and ids that are wrong.

use super::{NIGHTLY, six_workouts};
use crate::support::cli::{Paceline, file, on_both_stores, on_new_sqlite};

#[test]
fn a_pipeline_file_is_refused_with_file_line_and_nearest_key() {
    let (folder, paceline) = on_new_sqlite();
    for (text, parts) in [
        (
            "nmae = 'n'",
            &["p.toml, line 1", "unknown field `nmae`", "did you mean 'name'?"][..],
        ),
        (
            "name = 'n'\n\n[gate]\nmax_chrun = 0.1\n",
            &["p.toml, line 4", "did you mean 'max_churn'?"],
        ),
        ("name = 'n'\n[modle]\n", &["p.toml, line 2", "did you mean 'model'?"]),
        (
            "name = 'n'\r\n[model]\r\nalgorithm = 'kmaens'\r\n",
            &["p.toml, line 3", "kmaens", "kmeans"],
        ),
        (
            "name = 'n'\n[model]\nclusters = 1\n",
            &["p.toml, line 3", "1 is outside 2 to 10"],
        ),
        ("name = 'n'\n[model]\nclusters = -3\n", &["p.toml, line 3", "-3"]),
        (
            "name = 'n'\n[model]\nmixed_band = nan\n",
            &["p.toml, line 3", "outside 0 to 1"],
        ),
        (
            "name = 'n'\n[model]\nanchor_weight = inf\n",
            &["p.toml, line 3", "outside"],
        ),
        (
            "name = 'n'\n[model]\nanchors = [19.0, 9.5]\n",
            &["p.toml, line 3", "run pace below a walk pace"],
        ),
        ("name = 'n'\n[model]\nanchors = [9.5]\n", &["p.toml, line 3"]),
        (
            "name = 'n'\n[source]\nfrom = '2024-02-30'\n",
            &["p.toml, line 3", "'2024-02-30' is not a date"],
        ),
        (
            "name = 'n'\n[source]\nfrom = 2024-02-01\nto = 2024-01-01\n",
            &["p.toml", "is not before"],
        ),
        (
            "name = 'n'\n[retrain]\nmode = 'alwyas'\n",
            &["p.toml, line 3", "did you mean 'always'?"],
        ),
        ("name = 'n'\nname = 'm'\n", &["p.toml, line 2", "duplicate"]),
        ("name = 'n\n", &["p.toml, line 1"]),
        ("name = ''\n", &["p.toml", "1 to 100 characters"]),
        ("[model]\nseed = 1\n", &["p.toml", "missing field `name`"]),
        ("", &["p.toml", "missing field `name`"]),
    ] {
        let path = file(&folder, "p.toml", text);
        for command in ["validate", "plan", "run"] {
            let outcome = paceline.refused(&[command, &path], 78, parts);
            assert!(outcome.stderr.contains("next: "), "{outcome}");
            // All that is wrong is what `validate` was asked for.
            assert_eq!(outcome.stdout.is_empty(), command != "validate", "{text}");
        }
    }
}

#[test]
fn a_pipeline_file_that_cannot_be_read() {
    let (folder, paceline) = on_new_sqlite();
    let binary = file(&folder, "p.toml", [b'n', 0xff, 0xfe, b'=']);
    let missing = folder.path().join("absent.toml").display().to_string();
    let directory = folder.path().display().to_string();
    for path in [binary, missing, directory] {
        paceline.refused(&["run", &path], 78, &["pipeline file: cannot read", &path, "next: "]);
    }
}

#[test]
fn what_an_editor_adds_to_a_pipeline_file_does_no_harm() {
    let (folder, paceline) = on_new_sqlite();
    let path = file(&folder, "p.toml", "\u{feff}name = 'n'\r\n[model]\r\nseed = 7\r\n");
    assert_eq!(paceline.json(&["validate", &path])["seed"], 7);
}

#[test]
fn a_window_that_ends_before_it_begins_is_a_usage_error() {
    let (_folder, paceline) = on_new_sqlite();
    for (from, to) in [("2024-02-01", "2024-01-01"), ("2024-02-01", "2024-02-01")] {
        let window = ["--from", from, "--to", to];
        for command in [&["run", NIGHTLY][..], &["plan", NIGHTLY], &["classifications"]] {
            paceline.refused(&[command, &window].concat(), 2, &["is not before --to", "exclusive"]);
        }
    }
}

#[test]
fn a_command_line_that_means_nothing_is_a_usage_error() {
    let (_folder, paceline) = on_new_sqlite();
    for (args, part) in [
        (
            &["run", NIGHTLY, "--retrain", "sometimes"][..],
            "[possible values: auto, always, never]",
        ),
        (&["run", NIGHTLY, "--algorithm", "dbscan"], "dbscan"),
        (&["run", NIGHTLY, "--seed", "-1"], "-1"),
        (&["run", NIGHTLY, "--from", "yesterday"], "'yesterday' is not a date"),
        (
            &["run", NIGHTLY, "--dry-run", "--import", "x.csv"],
            "cannot be used with",
        ),
        (&["run"], "PIPELINE.toml"),
        (&["runs", "list", "--limit", "0"], "0"),
        (&["classifications", "--label", "jog"], "jog"),
        (&["import"], "FILE"),
        (&["reclassify"], "unrecognized subcommand"),
        (&["--output", "xml", "runs", "list"], "xml"),
    ] {
        paceline.refused(args, 2, &[part]);
    }
    paceline
        .at("yesterday")
        .refused(&["runs", "list"], 2, &["'yesterday' is not a UTC instant"]);
}

#[test]
fn csv_output_of_what_is_no_list_is_refused_before_anything_is_done() {
    on_both_stores(|paceline, folder| {
        let six = file(folder, "in.csv", six_workouts());
        for args in [
            &["run", NIGHTLY][..],
            &["run", NIGHTLY, "--import", &six],
            &["plan", NIGHTLY],
            &["import", &six],
            &["migrate"],
            &["validate", NIGHTLY],
            &["explain", "r1"],
            &["runs", "show", "x"],
            &["model", "show", "active"],
            &["model", "fail", "x", "--reason", "y"],
        ] {
            paceline.refused(&[&["--output", "csv"], args].concat(), 2, &["csv is for lists"]);
        }
        for args in [
            &["classifications"][..],
            &["runs", "list"],
            &["model", "list"],
            &["plan", NIGHTLY, "--rows"],
        ] {
            paceline.ok(&[&["--output", "csv"], args].concat());
        }
    });
}

#[test]
fn ids_that_do_not_exist() {
    on_both_stores(|paceline, folder| {
        let six = file(folder, "in.csv", six_workouts());
        paceline.json(&["import", &six]);
        paceline.json(&["run", NIGHTLY]);
        for (args, part) in [
            (&["history", "nope"][..], "there is no workout 'nope'"),
            (&["explain", "nope"], "there is no workout 'nope'"),
            (&["explain", "r1", "--model", "nope"], "there is no model 'nope'"),
            (&["runs", "show", "nope"], "there is no run 'nope'"),
            (&["model", "show", "nope"], "there is no model 'nope'"),
            (&["model", "activate", "nope"], "there is no model 'nope'"),
            (
                &["model", "deprecate", "nope", "--reason", "r"],
                "there is no model 'nope'",
            ),
            (&["model", "fail", "nope", "--reason", "r"], "there is no model 'nope'"),
            (&["model", "lineage", "nope"], "there is no model 'nope'"),
            (&["model", "compare", "active", "nope"], "there is no model 'nope'"),
            (&["model", "rollback"], "no archived model was ever active"),
        ] {
            let outcome = paceline.refused(args, 1, &[part, "paceline "]);
            assert_eq!(outcome.stdout, "", "{args:?}");
        }
    });
}

#[test]
fn never_retraining_without_a_model_is_a_matter_of_configuration() {
    on_both_stores(|paceline, folder| {
        let six = file(folder, "in.csv", six_workouts());
        paceline.json(&["import", &six]);
        let parts = ["no model is active", "--retrain auto", "paceline model activate"];
        paceline.failed_run(&["run", NIGHTLY, "--retrain", "never"], 78, &parts);
        paceline.refused(&["plan", NIGHTLY, "--retrain", "never"], 78, &parts);
        let pipeline = file(folder, "p.toml", "name = 'n'\n[retrain]\nmode = 'never'\n");
        paceline.failed_run(&["run", &pipeline], 78, &parts);
        paceline.refused(&["model", "show", "active"], 1, &["no model is active"]);
        paceline.refused(&["explain", "r1"], 1, &["no model is active"]);
    });
}

#[test]
fn a_malformed_database_url_is_named_without_its_password() {
    // The helper knows the password of a URL that has the form of one; here most have not.
    let secret = "s3cr3t";
    for url in [
        "mysql://u:s3cr3t@/x",
        "mysql://u:s3cr3t@h",
        "mysql://u:s3cr3t@h/",
        "mysql://u:s3cr3t@h:port/x",
        "mysql://u:s3cr3t@h:99999/x",
        "mysql://u:s3cr3t#1@h/x",
        "mysql://u:s3cr3t/1@h/x",
        "mysql://u:s3cr3t@h/x?sslmode=REQUIRED",
        "mysql://u:s3cr3t@h/x?ssl-mode=s3cr3t",
        "mysql://u:s3cr3t@h/x?ssl-mode=DISABLED&ssl-ca=/ca.pem",
        "mysql//u:s3cr3t@h/x",
        "postgres://u:s3cr3t@h/x",
        "u:s3cr3t@h/x",
        "s3cr3t",
        "sqlite://",
        "",
    ] {
        let outcome = Paceline::new(url).run(&["runs", "list"]);
        outcome.expect(78, &["database URL", "next: write it as sqlite://FILE or mysql://"]);
        assert!(!outcome.stderr.contains(secret), "{url}: {outcome}");
        assert_eq!(outcome.stdout, "");
    }
}
