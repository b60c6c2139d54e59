//! Two processes at once, for every writing command: one after the other, or one is refused; never half of each.

use std::process::Child;

use paceline::db::statement::Dialect;

use super::acts::{nightly, rows};
use super::children::{assert_clean, ended, tables_of};
use super::lab::{Lab, assert_sound, fresh};
use super::matrix::{is_full, tried};
use crate::support::block_on;
use crate::support::cli::{Outcome, Paceline, file};

const NOW: &str = "2026-03-04T05:06:07Z";

/// What two of a kind may leave different from one: their runs.
const RUNS: &[(&str, &str, &str)] = &[
    ("pipeline_runs", "run_id", "drawn anew"),
    ("audit_segments", "merkle_root", "over the rows' run"),
    ("audit_segments", "prev_head", "follows from the root"),
    ("audit_segments", "head", "follows from the root"),
];

/// A command that two processes give at once.
struct Race {
    name: &'static str,
    before: &'static [&'static str],
    line: &'static [&'static str],
    /// How the slower one may end, besides well, and what it says then.
    refusals: &'static [(i32, &'static str)],
    /// False where two in turn differ from one.
    same_as_one: bool,
}

const IMPORT: &str = "import {rows}";
const NIGHT: &str = "run {night}";
const AGAIN: &str = "run {night} --retrain always --accept-churn";
const ARCHIVE: &str = "archive --before 2026-02-20 --to {archive} --file-rows 20";
const SAID: &str = "feedback add w04 --type correct --label pup_walk --user anna";

fn races() -> Vec<Race> {
    let race = |name, before, line, refusals, same_as_one| Race {
        name,
        before,
        line,
        refusals,
        same_as_one,
    };
    vec![
        race("migrate", &[], &["migrate"], &[], true),
        race("import", &[], &["import", "{rows}", "--record-labels"], &[], true),
        race("run", &[IMPORT], &["run", "{night}"], &[(75, "is held by")], false),
        race(
            "run (retrain)",
            &[IMPORT, NIGHT, SAID, "import {more}"],
            &["run", "{night}", "--retrain", "always", "--accept-churn"],
            &[(75, "is held by")],
            false,
        ),
        race(
            "backfill",
            &[IMPORT, NIGHT, "import {more}"],
            &["backfill", "{night}", "--window", "7d", "--resume"],
            &[(75, "is held by")],
            false,
        ),
        race(
            "feedback add",
            &[IMPORT, NIGHT],
            &[
                "feedback", "add", "w04", "--type", "correct", "--label", "pup_walk", "--user", "anna",
            ],
            &[],
            true,
        ),
        race(
            "override set",
            &[IMPORT, NIGHT],
            &["override", "set", "w05", "real_run", "--user", "anna"],
            &[],
            true,
        ),
        race(
            "override clear",
            &[IMPORT, NIGHT, SAID],
            &["override", "clear", "w04", "--reason", "a mistake", "--user", "anna"],
            &[(1, "no person has set it")],
            true,
        ),
        race(
            "model activate",
            &[IMPORT, NIGHT, "import {more}", AGAIN],
            &["model", "activate", "workout_classifier_20260202_000000"],
            &[(1, "another process was first"), (1, "only a model that is archived")],
            true,
        ),
        race(
            "model rollback",
            &[IMPORT, NIGHT, "import {more}", AGAIN],
            &["model", "rollback", "--no-reclassify"],
            &[(1, "another process was first"), (1, "only a model that is archived")],
            false,
        ),
        race(
            "archive",
            &[IMPORT, NIGHT, SAID],
            &[
                "archive",
                "--before",
                "2026-02-20",
                "--to",
                "{archive}",
                "--file-rows",
                "20",
            ],
            &[(75, "history is being moved already")],
            true,
        ),
        race(
            "archive restore",
            &[IMPORT, NIGHT, SAID, ARCHIVE],
            &["archive", "restore", "--all"],
            &[(75, "history is being moved already")],
            true,
        ),
    ]
}

impl Race {
    fn both(&self, paceline: &Paceline, line: &[&str]) -> [Outcome; 2] {
        let children: [Child; 2] = [0, 1].map(|_| paceline.command(line).spawn().expect("the binary starts"));
        children.map(ended)
    }

    /// `rounds` times two at once.
    fn run(&self, dialect: Dialect, rounds: usize) {
        let folder = tempfile::tempdir().expect("a folder");
        file(&folder, "{night}", nightly());
        file(&folder, "{rows}", rows(0..36) + "w99,no date,Run,3,1800,10,\n");
        file(&folder, "{more}", rows(30..48));
        let real = |arg: &str| match arg.starts_with('{') {
            true => folder.path().join(arg).display().to_string(),
            false => arg.to_owned(),
        };
        let line: Vec<String> = self.line.iter().map(|arg| real(arg)).collect();
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let base = block_on(fresh(dialect));
        for (day, before) in (1..).zip(self.before) {
            let now = format!("2026-02-{day:02}T00:00:00Z");
            let before: Vec<String> = before.split(' ').map(real).collect();
            let before: Vec<&str> = before.iter().map(String::as_str).collect();
            Paceline::new(&base.url).at(&now).ok(&before);
        }
        let mut lab = block_on(Lab::over(base));
        let store = block_on(lab.store());
        Paceline::new(&store.url).at(NOW).ok(&line);
        let clean = tables_of(store, RUNS);
        for round in 0..rounds {
            let what = format!("two of {} at once, round {round} on {dialect:?}", self.name);
            let store = block_on(lab.store());
            let paceline = Paceline::new(&store.url).at(NOW);
            let outcomes = self.both(&paceline, &line);
            assert!(
                outcomes.iter().any(|o| o.code == 0),
                "{what}: {} {}",
                outcomes[0],
                outcomes[1]
            );
            for outcome in outcomes.iter().filter(|o| o.code != 0) {
                let known = |(code, text): &(i32, &str)| outcome.code == *code && outcome.stderr.contains(text);
                assert!(self.refusals.iter().any(known), "{what}: {outcome}");
            }
            block_on(assert_sound(store, &what));
            if self.same_as_one {
                assert_clean(store, RUNS, &clean, &what);
            }
            if self.line[0] == "run" {
                // Whoever came second found nothing left to do.
                let done = "SELECT COUNT(*) FROM pipeline_runs WHERE rows_written > 0 AND started_at > '2026-03-01'";
                assert_eq!(block_on(store.rows(done)), [["1"]], "{what}");
                assert_eq!(paceline.json(&line)["rows_written"], 0, "{what}");
            }
        }
    }
}

fn race_all(dialect: Dialect, name: &str) {
    let rounds = if is_full() { 20 } else { 3 };
    for race in races() {
        race.run(dialect, rounds);
        tried(name, race.name, "two processes at once", rounds);
    }
}

#[test]
fn two_processes_at_once_on_sqlite() {
    race_all(Dialect::Sqlite, "SQLite");
}

#[test]
fn two_processes_at_once_on_mariadb() {
    race_all(Dialect::MySql, "MariaDB");
}

#[test]
fn an_empty_store_may_be_migrated_by_many_at_once() {
    for mariadb in [false, true] {
        for _ in 0..3 {
            let (folder, paceline) = crate::support::cli::on_new_sqlite();
            let paceline = match mariadb {
                true => Paceline::new(&crate::support::mariadb::fresh_database()),
                false => paceline,
            };
            let children: Vec<Child> = (0..4)
                .map(|_| paceline.command(&["migrate"]).spawn().expect("the binary starts"))
                .collect();
            for outcome in children.into_iter().map(ended) {
                assert_eq!(outcome.code, 0, "{outcome}");
            }
            let again = paceline.json(&["migrate"]);
            assert_eq!(again["applied"], serde_json::json!([]), "{again}");
            assert_eq!(paceline.json(&["verify"])["ok"], true);
            drop(folder);
        }
    }
}

#[test]
fn everything_at_once_ends_in_a_sound_store() {
    for dialect in [Dialect::Sqlite, Dialect::MySql] {
        let folder = tempfile::tempdir().expect("a folder");
        let night = file(&folder, "night.toml", nightly());
        let (first, more) = (
            file(&folder, "a.csv", rows(0..36)),
            file(&folder, "b.csv", rows(30..48)),
        );
        let store = block_on(fresh(dialect));
        let paceline = Paceline::new(&store.url).at(NOW);
        paceline.at("2026-02-01T00:00:00Z").ok(&["import", &first]);
        paceline.at("2026-02-02T00:00:00Z").ok(&["run", &night]);
        let lines: [&[&str]; 6] = [
            &["run", &night, "--retrain", "always", "--accept-churn"],
            &["import", &more],
            &[
                "feedback", "add", "w04", "--type", "correct", "--label", "pup_walk", "--user", "anna",
            ],
            &["feedback", "add", "w06", "--type", "accept", "--user", "ben"],
            &["override", "set", "w08", "pup_walk", "--user", "anna"],
            &["override", "set", "w14", "pup_walk", "--user", "anna"],
        ];
        let children: Vec<Child> = lines
            .map(|line| paceline.command(line).spawn().expect("the binary starts"))
            .into();
        let outcomes: Vec<Outcome> = children.into_iter().map(ended).collect();
        // Whether the corrections come before the training or after it, and so what the gate says, is open.
        let (night_run, others) = outcomes.split_first().expect("six of them");
        assert!([0, 4].contains(&night_run.code), "{dialect:?}: {night_run}");
        for outcome in others {
            assert_eq!(outcome.code, 0, "{dialect:?}: {outcome}");
        }
        block_on(assert_sound(&store, "everything at once"));
        let set = "SELECT workout_id FROM workout_ml_classifications WHERE is_user_override = 1 ORDER BY workout_id";
        assert_eq!(block_on(store.rows(set)), [["w04"], ["w08"], ["w14"]]);
        let said = block_on(store.rows("SELECT COUNT(*) FROM user_classification_feedback"));
        assert_eq!(said, [["4"]]);
        // What came too late for the run is done by the next.
        let next = ["run", night.as_str(), "--retrain", "never", "--accept-churn"];
        paceline.ok(&next);
        assert_eq!(paceline.json(&next)["rows_written"], 0);
    }
}
