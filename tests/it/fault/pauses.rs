//! A process that is paused past its lease, and one that is told to end.

use paceline::db::statement::Dialect;

use super::acts::{nightly, rows};
use super::children::{Held, assert_clean, tables_of};
use super::lab::{AFTER_A_RERUN, Lab, Tables, assert_sound, fresh, tables};
use super::matrix::tried;
use crate::support::block_on;
use crate::support::cli::{Paceline, file};

/// When the first run begins.
const NOW: &str = "2026-03-04T05:06:07Z";
/// Two minutes later: its lease is good for one.
const LATER: &str = "2026-03-04T05:08:07Z";

/// A store with workouts, a pipeline file, and what a clean run makes of both.
struct Night {
    lab: Lab,
    file: String,
    clean: Tables,
    _folder: tempfile::TempDir,
}

impl Night {
    fn new(dialect: Dialect) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let night = file(&folder, "nightly.toml", nightly());
        let export = file(&folder, "rows.csv", rows(0..48));
        let base = block_on(fresh(dialect));
        Paceline::new(&base.url).ok(&["import", &export]);
        let mut lab = block_on(Lab::over(base));
        let store = block_on(lab.store());
        Paceline::new(&store.url).at(NOW).ok(&["run", &night]);
        let clean = tables_of(store, AFTER_A_RERUN);
        Self {
            lab,
            file: night,
            clean,
            _folder: folder,
        }
    }
}

const STORES: [(Dialect, &str); 2] = [(Dialect::Sqlite, "SQLite"), (Dialect::MySql, "MariaDB")];

#[test]
fn a_run_that_was_paused_past_its_lease_writes_nothing_more_and_says_so() {
    for (dialect, name) in STORES {
        let mut night = Night::new(dialect);
        // Overtaken because the lease has run out, and because a person says so; between two transactions of
        // verdicts, and before the model is put in production.
        for (point, now, how) in [
            ("after_chunk:2", LATER, &[][..]),
            ("after_chunk:2", NOW, &["--take-over"]),
            ("after_diff", LATER, &[]),
            ("after_activate", NOW, &["--take-over"]),
        ] {
            let what = format!("{point} on {name}");
            let store = block_on(night.lab.store());
            let paceline = Paceline::new(&store.url).at(NOW);
            let paused = Held::at(&paceline, &["run", &night.file], point);
            paused.signal("STOP");
            paused.go_on();
            if how.is_empty() {
                // Not a second before its time.
                paceline.refused(&["run", &night.file], 75, &["is held by", "--take-over"]);
            }
            let overtaking = paceline.at(now);
            overtaking.ok(&[&["run", night.file.as_str()], how].concat());
            let before = block_on(tables(store, &[]));

            paused.signal("CONT");
            let outcome = paused.end();
            outcome.expect(75, &["fenced out", "has been taken over by", "runs list"]);
            assert_eq!(
                block_on(tables(store, &[])),
                before,
                "{what}: it wrote after it was overtaken"
            );
            block_on(assert_sound(store, &what));

            let listed = paceline.json(&["runs", "list"]);
            let partial = if point.starts_with("after_chunk") {
                "partial"
            } else {
                "failed"
            };
            let of = |status: &str| {
                let runs = listed.as_array().expect("a list");
                runs.iter()
                    .find(|run| run["status"] == status)
                    .expect("it is listed")
                    .clone()
            };
            assert_eq!(of(partial)["failure"]["kind"], "taken_over", "{what}: {listed}");
            assert_eq!(of("succeeded")["failure"], serde_json::Value::Null);
            let shown = paceline.ok(&["runs", "list"]).stdout;
            assert!(shown.contains(&format!("{partial} (taken_over)")), "{shown}");
            assert_eq!(paceline.json(&["run", &night.file])["rows_written"], 0, "{what}");
            tried(name, "run", "SIGSTOP past the lease, overtaken, SIGCONT", 1);
        }
    }
}

#[test]
fn a_run_that_was_killed_is_listed_as_abandoned_until_the_next_one_closes_it() {
    for (dialect, _) in STORES {
        let mut night = Night::new(dialect);
        let store = block_on(night.lab.store());
        let paceline = Paceline::new(&store.url).at(NOW);
        let held = Held::at(&paceline, &["run", &night.file], "after_chunk:1");
        assert_eq!(paceline.json(&["runs", "list"])[0]["abandoned"], false, "it is at work");
        held.kill();
        assert_eq!(paceline.json(&["runs", "list"])[0]["abandoned"], true);
        let shown = paceline.ok(&["runs", "list"]).stdout;
        assert!(shown.contains("running (abandoned)"), "{shown}");
        paceline.at(LATER).ok(&["run", &night.file]);
        let shown = paceline.ok(&["runs", "list"]).stdout;
        assert!(
            shown.contains("partial (taken_over)") && !shown.contains("abandoned"),
            "{shown}"
        );
    }
}

#[test]
fn a_run_that_is_told_to_end_finishes_its_transaction_and_the_next_one_does_the_rest() {
    for (dialect, name) in STORES {
        let mut night = Night::new(dialect);
        for (signal, code, point, status, written) in [
            ("TERM", 143, "before_chunk:2", "partial", 2),
            ("INT", 130, "after_chunk:1", "partial", 1),
            ("TERM", 143, "after_train", "failed", 0),
            ("INT", 130, "after_activate", "failed", 0),
        ] {
            let what = format!("SIG{signal} at {point} on {name}");
            let store = block_on(night.lab.store());
            let paceline = Paceline::new(&store.url).at(NOW);
            let mut told = Held::at(&paceline, &["run", &night.file], point);
            told.signal(signal);
            told.says("finished first");
            told.go_on();
            let outcome = told.end();
            outcome.expect(code, &[&format!("stopped by SIG{signal}"), "run it again"]);
            assert_eq!(outcome.stdout, "", "{what}");

            let run = &paceline.json(&["runs", "list"])[0];
            let found = (run["status"].as_str(), run["failure"]["kind"].as_str());
            assert_eq!(found, (Some(status), Some("interrupted")), "{what}: {run}");
            let chunks = block_on(store.rows("SELECT COUNT(*) FROM pipeline_chunks"));
            assert_eq!(chunks, [[written.to_string()]], "{what}");
            let held = block_on(store.rows("SELECT holder FROM pipeline_lease"));
            assert_eq!(held, [["NULL"]], "{what}: the lease is given back");
            paceline.ok(&["run", &night.file]);
            assert_clean(store, AFTER_A_RERUN, &night.clean, &what);
            block_on(assert_sound(store, &what));
            tried(name, "run", "SIGTERM and SIGINT, rerun", 1);
        }
    }
}

#[test]
fn a_second_signal_ends_a_run_at_once() {
    for (dialect, name) in STORES {
        let mut night = Night::new(dialect);
        let store = block_on(night.lab.store());
        let paceline = Paceline::new(&store.url).at(NOW);
        let mut told = Held::at(&paceline, &["run", &night.file], "after_chunk:1");
        told.signal("INT");
        told.says("finished first");
        told.signal("TERM");
        // It still holds: it does not come to the end of its transaction, let alone of its run.
        told.end().expect(143, &["again: stopped at once"]);
        paceline.ok(&["run", &night.file]);
        assert_clean(store, AFTER_A_RERUN, &night.clean, name);
        block_on(assert_sound(store, name));
    }
}
