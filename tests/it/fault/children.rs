//! Real processes of the binary, brought to a named point and held there.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::lab::{NEVER, Tables, difference, tables};
use crate::support::cli::{Outcome, Paceline};
use crate::support::{TestStore, block_on};

/// No process of these tests takes longer, or holds later.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that may hold at a point.
pub struct Held {
    child: Child,
    file: PathBuf,
    said: Vec<u8>,
    _folder: TempDir,
}

/// Where a process is.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// At its point.
    Holding,
    /// Over, without having come to its point.
    Over,
}

impl Held {
    /// Starts a command that holds at `point` (`before_commit:3`).
    pub fn start(paceline: &Paceline, args: &[&str], point: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("held");
        let name = file.to_str().expect("UTF-8");
        let mut command = paceline
            .with_env("PACELINE_HOLD_AT", point)
            .with_env("PACELINE_HOLD_FILE", name)
            .command(args);
        Self {
            child: command.spawn().expect("the binary starts"),
            file,
            said: Vec::new(),
            _folder: folder,
        }
    }

    /// Waits until it holds or is over.
    pub fn place(&mut self) -> Place {
        let began = Instant::now();
        loop {
            if self.file.exists() {
                return Place::Holding;
            }
            if self.child.try_wait().expect("a child of ours").is_some() {
                return Place::Over;
            }
            assert!(began.elapsed() < PATIENCE, "it neither holds nor ends");
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// Starts a command that comes to its point.
    pub fn at(paceline: &Paceline, args: &[&str], point: &str) -> Self {
        let mut held = Self::start(paceline, args, point);
        if held.place() == Place::Over {
            panic!("{args:?} was over before {point}: {}", held.end());
        }
        held
    }

    /// `kill -SIGNAL` of it.
    pub fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{signal}"), &id]).status();
        assert!(sent.expect("kill").success(), "kill -{signal} {id}");
    }

    /// `kill -9`, and waits for its end.
    pub fn kill(mut self) {
        self.signal("KILL");
        let status = self.child.wait().expect("a child of ours");
        assert_eq!(status.code(), None, "it died of the signal");
    }

    /// Lets it go on from its point.
    pub fn go_on(&self) {
        std::fs::remove_file(&self.file).expect("it holds");
    }

    /// Waits until it has said `text` on standard error.
    pub fn says(&mut self, text: &str) {
        let pipe = self.child.stderr.as_mut().expect("a pipe");
        while !String::from_utf8_lossy(&self.said).contains(text) {
            let mut byte = [0];
            let read = pipe.read(&mut byte).expect("a pipe");
            assert_eq!(read, 1, "it ended and said: {}", String::from_utf8_lossy(&self.said));
            self.said.push(byte[0]);
        }
    }

    /// Waits for its end.
    pub fn end(self) -> Outcome {
        let outcome = ended(self.child);
        let before = String::from_utf8_lossy(&self.said);
        Outcome {
            stderr: format!("{before}{}", outcome.stderr),
            ..outcome
        }
    }
}

/// What a process said and did.
pub fn ended(child: Child) -> Outcome {
    let output = child.wait_with_output().expect("a child of ours");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output in UTF-8");
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// What two processes that did the same at different times leave equal.
const BESIDE_PROCESSES: &[(&str, &str, &str)] = &[
    (
        "pipeline_lease",
        "run_id",
        "none, or that of a run that was killed before it gave it back",
    ),
    ("pipeline_lease", "holder", "as above"),
    ("pipeline_lease", "process", "as above"),
    ("pipeline_lease", "expires_at", "as above"),
];

/// The tables after a command that may have been tried more than once: run ids are drawn anew by each
/// process, and of the ledger only the runs that succeeded are compared.
pub fn tables_of(store: &TestStore, excluded: &[(&str, &str, &str)]) -> Tables {
    let mut found = block_on(tables(store, &[NEVER, BESIDE_PROCESSES, excluded]));
    if let Some(runs) = found.get_mut("pipeline_runs") {
        runs.retain(|row| row.iter().any(|cell| cell == "succeeded"));
    }
    for cell in found.values_mut().flatten().flatten() {
        if cell.len() == "run_20260304_050607_00000000".len() && cell.starts_with("run_2") {
            cell.truncate("run_".len());
        }
    }
    found
}

/// Panics where tables are not those of the clean run.
pub fn assert_clean(store: &TestStore, excluded: &[(&str, &str, &str)], clean: &Tables, what: &str) {
    assert_eq!(difference(&tables_of(store, excluded), clean), None, "{what}");
}
