//! `backfill` as a person and a supervisor see it: exit codes, refusals, and a process that dies anywhere.

use tempfile::TempDir;

use super::{named, workouts};
use crate::support::cli::{Paceline, file, on_both_stores};
use crate::support::{TestStore, block_on, connect};

/// A process can die at each of these; some come before the windows are entered, some in a window's middle.
const POINTS: &[&str] = &[
    "after_train",
    "after_activate",
    "after_windows",
    "before_window",
    "after_window_load:2",
    "after_window_diff:3",
    "before_chunk",
    "after_chunk",
    "before_chunk:4",
    "after_chunk:4",
    "after_window:2",
    "after_window:5",
];

/// A pipeline file with small transactions, and a store with 600 workouts: 75 days, three months.
fn prepared(paceline: &Paceline, folder: &TempDir) -> String {
    let export = file(folder, "workouts.csv", workouts(600, 3));
    paceline.ok(&["import", &export]);
    file(folder, "nightly.toml", named("nightly", 30))
}

fn query(paceline: &Paceline, text: &str) -> Vec<Vec<String>> {
    block_on(async {
        let db = connect(paceline.url()).await.expect("connect");
        let rows = TestStore::rows_of(&db, text).await;
        db.close().await.expect("close");
        rows
    })
}

/// What verdicts and history say, without what names the runs that wrote them.
fn told(paceline: &Paceline) -> Vec<Vec<String>> {
    let state = "SELECT workout_id, current_classification, classification_confidence, classification_method, \
                 model_version, classification_change_count FROM workout_ml_classifications ORDER BY workout_id";
    let history = "SELECT workout_id, previous_classification, new_classification, classification_confidence, \
                   model_version FROM workout_classification_history ORDER BY workout_id, history_id";
    [query(paceline, state), query(paceline, history)].concat()
}

fn clean() -> Vec<Vec<String>> {
    let (folder, paceline) = crate::support::cli::on_new_sqlite();
    let pipeline = prepared(&paceline, &folder);
    paceline.ok(&["run", &pipeline]);
    told(&paceline)
}

#[test]
fn killed_at_any_point_and_resumed_it_ends_as_one_clean_run() {
    let clean = clean();
    for point in POINTS {
        let (folder, sqlite) = crate::support::cli::on_new_sqlite();
        let mariadb = Paceline::new(&crate::support::mariadb::fresh_database());
        for paceline in [sqlite, mariadb] {
            paceline.ok(&["migrate"]);
            let pipeline = prepared(&paceline, &folder);
            let args = ["backfill", &pipeline, "--window", "2w"];
            let killed = paceline.with_env("PACELINE_CRASH_AT", point).run(&args);
            assert_eq!(killed.code, -1, "{point}: {killed}");
            let done = paceline.json(&[&args[..], &["--resume", "--concurrency", "3"]].concat());
            assert_eq!(done["windows"]["left"], 0, "{point}: {done}");
            assert_eq!(told(&paceline), clean, "{point}");
            assert_eq!(paceline.json(&["verify"])["ok"], true, "{point}");
            assert_eq!(paceline.json(&["run", &pipeline])["rows_written"], 0, "{point}");
        }
    }
    eprintln!("backfill: killed at {} points on each of two stores", POINTS.len());
}

#[test]
fn the_exit_code_says_partial_and_the_page_says_what_to_do() {
    on_both_stores(|paceline, folder| {
        let pipeline = prepared(paceline, folder);
        let planned = paceline.json(&["backfill", &pipeline, "--dry-run"]);
        assert_eq!(
            (&planned["status"], &planned["windows"]["left"]),
            (&"planned".into(), &3.into())
        );
        assert_eq!(planned["planned"].as_array().map(Vec::len), Some(3));
        let id = &query(
            paceline,
            "SELECT workout_id FROM workout_summary WHERE workout_date >= '2015-02-10' ORDER BY workout_date LIMIT 1",
        )[0][0];
        let broken = if paceline.url().starts_with("sqlite") {
            format!(
                "CREATE TRIGGER broken BEFORE INSERT ON workout_ml_classifications WHEN NEW.workout_id = '{id}' BEGIN SELECT RAISE(ABORT, 'not this one'); END"
            )
        } else {
            format!(
                "CREATE TRIGGER broken BEFORE INSERT ON workout_ml_classifications FOR EACH ROW IF NEW.workout_id = '{id}' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF"
            )
        };
        paceline.tamper(&[&broken]);
        let partial = paceline.run(&["backfill", &pipeline]);
        partial.expect(3, &["partial: of 3 windows, 1 failed and 0 are left"]);
        for part in [
            "[2015-02-01, 2015-03-01) failed",
            "not this one",
            "--window 28d",
            "--resume --reprocess failed",
        ] {
            assert!(partial.stdout.contains(part), "no '{part}' in {partial}");
        }
        paceline.refused(
            &["backfill", &pipeline],
            2,
            &["say --resume to go on with it or --restart"],
        );
        let listed = paceline.json(&["runs", "list"]);
        assert_eq!(
            (&listed[0]["trigger"], &listed[0]["status"]),
            (&"backfill".into(), &"partial".into())
        );
        // Three windows of 248, 224 and 128 workouts; what the broken one had committed stays.
        paceline.tamper(&["DROP TRIGGER broken"]);
        let mended = paceline.json(&["backfill", &pipeline, "--reprocess", "failed"]);
        assert_eq!(
            (&mended["windows"]["completed"], &mended["windows"]["already"]),
            (&1.into(), &2.into())
        );
        assert_eq!(paceline.json(&["verify"])["ok"], true);
    });
}

#[test]
fn what_means_nothing_is_refused_before_anything_is_done() {
    on_both_stores(|paceline, folder| {
        let pipeline = prepared(paceline, folder);
        let refused = |args: &[&str], parts: &[&str]| {
            paceline.refused(&[&["backfill", pipeline.as_str()], args].concat(), 2, parts);
        };
        refused(&["--window", "1m"], &["1mo, 2w or 30d"]);
        refused(&["--window", "0d"], &["is no window"]);
        refused(&["--from", "2020-01-01", "--to", "2020-01-01"], &["is not before"]);
        refused(&["--resume", "--restart"], &["cannot be used with"]);
        refused(&["--concurrency", "9"], &["1..=8"]);
        refused(
            &["--from", "0001-01-01", "--window", "1d"],
            &["more than 11000 windows"],
        );
        paceline.tamper(&["INSERT INTO pipeline_lease (pipeline, fence, holder, run_id, acquired_at, heartbeat_at, expires_at) \
             VALUES ('nightly', 1, 'process 7 on host', 'run_x', '2026-01-02 03:04:00', '2026-01-02 03:04:00', '2026-01-02 03:05:00')"]);
        paceline.refused(&["backfill", &pipeline], 75, &["is held by run_x", "--take-over"]);
    });
}
