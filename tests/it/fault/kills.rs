//! `kill -9` before and after each commit of each writing command, and the command given again.

use paceline::db::statement::Dialect;
use paceline::store::privileges::{ARCHIVE as MOVES, IMPORT, RUN, VERDICTS};

use super::acts::{nightly, rows};
use super::children::{Held, Place, assert_clean, tables_of};
use super::lab::{AFTER_A_RERUN, Lab, Tables, assert_sound, difference, fresh};
use super::matrix::{is_full, tried};
use crate::support::block_on;
use crate::support::cli::{Paceline, file};

/// When the command is given that is killed.
const NOW: &str = "2026-03-04T05:06:07Z";

/// What is done before, in this order, and what is killed. `{night}` stands for the pipeline file, `{rows}`
/// and `{more}` for exports.
struct Kill {
    name: &'static str,
    before: &'static [&'static [&'static str]],
    line: &'static [&'static str],
    /// Questions about privileges, which a server is asked first, and how many of them at least it answers
    /// without finding fault: each is a transaction that writes nothing.
    questions: (usize, usize),
}

const FIRST: &[&str] = &["import", "{rows}"];
const NIGHT: &[&str] = &["run", "{night}"];
const MORE: &[&str] = &["import", "{more}"];
const AGAIN: &[&str] = &["run", "{night}", "--retrain", "always", "--accept-churn"];
const SAID: &[&str] = &[
    "feedback", "add", "w04", "--type", "correct", "--label", "pup_walk", "--user", "anna",
];

const ARCHIVE: &[&str] = &[
    "archive",
    "--before",
    "2026-02-20",
    "--to",
    "{archive}",
    "--file-rows",
    "20",
];

/// The model of the first night: it is the second command, and each has a day.
const CHILDS_FIRST_MODEL: &str = "workout_classifier_20260202_000000";

/// Every writing command that is to bear a kill. One more is one line more.
fn kills() -> Vec<Kill> {
    let (none, import, run) = ((0, 0), (IMPORT.len(), 2), (RUN.len() + VERDICTS.len(), 5));
    let moves = (MOVES.len(), 4);
    let kill = |name, before, line, questions| Kill {
        name,
        before,
        line,
        questions,
    };
    vec![
        kill("import", &[], FIRST, import),
        kill("run (first night)", &[FIRST], NIGHT, run),
        kill("run (retrain)", &[FIRST, NIGHT, SAID, MORE], AGAIN, run),
        kill("feedback add", &[FIRST, NIGHT], SAID, none),
        kill(
            "override clear",
            &[FIRST, NIGHT, SAID],
            &["override", "clear", "w04", "--reason", "a mistake", "--user", "anna"],
            none,
        ),
        kill(
            "model activate",
            &[FIRST, NIGHT, MORE, AGAIN],
            &["model", "activate", CHILDS_FIRST_MODEL],
            none,
        ),
        kill(
            "model rollback",
            &[FIRST, NIGHT, MORE, AGAIN],
            &["model", "rollback", "--no-reclassify"],
            none,
        ),
        kill("archive", &[FIRST, NIGHT, SAID], ARCHIVE, moves),
        kill(
            "archive restore",
            &[FIRST, NIGHT, SAID, ARCHIVE],
            &["archive", "restore", "--all"],
            moves,
        ),
    ]
}

/// A folder with the files that command lines name.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        file(&folder, "{night}", nightly());
        file(&folder, "{rows}", rows(0..36) + "w99,no date,Run,3,1800,10,\n");
        file(&folder, "{more}", rows(30..48));
        Self { folder }
    }

    fn line(&self, args: &[&str]) -> Vec<String> {
        let real = |arg: &&str| match arg.starts_with('{') {
            true => self.folder.path().join(arg).display().to_string(),
            false => (*arg).to_owned(),
        };
        args.iter().map(real).collect()
    }
}

impl Kill {
    /// A store on which everything before has been done, a day each.
    async fn lab(&self, files: &Files, dialect: Dialect) -> Lab {
        let base = fresh(dialect).await;
        for (day, line) in (1..).zip(self.before) {
            let now = format!("2026-02-{day:02}T00:00:00Z");
            Paceline::new(&base.url).at(&now).ok(&strs(&files.line(line)));
        }
        Lab::over(base).await
    }

    /// One kill; false where the command is over before its turn.
    fn at(&self, files: &Files, lab: &mut Lab, clean: &Tables, point: &str) -> bool {
        let what = format!("{} killed at {point}", self.name);
        let line = files.line(self.line);
        let store = block_on(lab.store());
        let paceline = Paceline::new(&store.url).at(NOW);
        let mut held = Held::start(&paceline, &strs(&line), point);
        if held.place() == Place::Over {
            let outcome = held.end();
            assert_eq!(outcome.code, 0, "{what}: {outcome}");
            return false;
        }
        held.kill();
        // Where the kill came after the last commit that matters, there is nothing left to do.
        if difference(&tables_of(store, AFTER_A_RERUN), clean).is_some() {
            paceline.ok(&strs(&line));
        }
        assert_clean(store, AFTER_A_RERUN, clean, &what);
        block_on(assert_sound(store, &what));
        true
    }

    /// Every `step`-th commit, killed before and after; returns the points.
    fn everywhere(&self, dialect: Dialect, step: usize) -> usize {
        let files = Files::new();
        let mut lab = block_on(self.lab(&files, dialect));
        let store = block_on(lab.store());
        Paceline::new(&store.url).at(NOW).ok(&strs(&files.line(self.line)));
        let clean = tables_of(store, AFTER_A_RERUN);
        let (asked, answered) = match dialect {
            Dialect::Sqlite => (0, 0),
            Dialect::MySql => self.questions,
        };
        let mut points = 0;
        for (side, first) in [("before_commit", asked), ("after_commit", answered)] {
            for commit in (first + 1..).step_by(step) {
                if !self.at(&files, &mut lab, &clean, &format!("{side}:{commit}")) {
                    assert!(commit > first + 1, "{}: it commits nothing", self.name);
                    break;
                }
                points += 1;
            }
        }
        points
    }
}

fn strs(line: &[String]) -> Vec<&str> {
    line.iter().map(String::as_str).collect()
}

fn kill_all(dialect: Dialect, name: &str, step: usize) {
    for kill in kills() {
        tried(
            name,
            kill.name,
            "kill -9 before and after each commit, rerun",
            kill.everywhere(dialect, step),
        );
    }
}

#[test]
fn a_process_may_be_killed_at_any_commit_on_sqlite() {
    kill_all(Dialect::Sqlite, "SQLite", 1);
}

#[test]
fn a_process_may_be_killed_at_any_commit_on_mariadb() {
    kill_all(Dialect::MySql, "MariaDB", if is_full() { 1 } else { 3 });
}
