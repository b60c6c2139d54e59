//! Can somebody who has only the program find out what is wrong? Each fault is brought about for real, and the
//! program must name it, say what to do, and never say the password.

mod faults;
mod logs;
mod metrics;
mod places;
mod secrets;
mod servers;
mod settings;
mod trace;
mod validate;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::cli::{Outcome, Paceline, file};

/// The default recipe.
const NIGHTLY: &str = "pipelines/nightly.toml";

/// Three runs and three walks that every recipe can tell apart.
const SIX: &str = "workout_id,workout_date,activity_type,distance_mi,duration_sec,avg_pace\n\
                   r1,2024-01-01,Run,3.1,1674,9.0\nr2,2024-01-02,Run,4.0,2256,9.4\nr3,2024-01-03,Run,5.0,2700,9.0\n\
                   w1,2024-01-04,Walk,1.0,1200,20.0\nw2,2024-01-05,Walk,1.5,1890,21.0\nw3,2024-01-06,Walk,2.0,2280,19.0\n";

/// Somebody says that the first of the six is a walk: a correction that waits for a run.
const ANSWER: [&str; 9] = [
    "feedback",
    "add",
    "r1",
    "--type",
    "correct",
    "--label",
    "pup_walk",
    "--certainty",
    "5",
];

/// What `doctor` said.
struct Diagnosis {
    outcome: Outcome,
    findings: Vec<Value>,
}

impl Diagnosis {
    /// As JSON, and as a table, which must say the same.
    fn of(paceline: &Paceline) -> Self {
        let outcome = paceline.run(&["--output", "json", "doctor"]);
        let findings: Vec<Value> = serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{e}: {outcome}"));
        let table = paceline.run(&["doctor"]);
        assert_eq!(table.code, outcome.code, "{table}");
        let documentation = include_str!("../../../docs/diagnosis.md");
        for found in &findings {
            let check = found["check"].as_str().expect("a check");
            let row = format!("| `{check}` |");
            assert!(
                documentation.contains(&row),
                "docs/diagnosis.md does not name '{check}'"
            );
            assert!(table.stdout.contains(check), "{check} is not in the table: {table}");
        }
        Self { outcome, findings }
    }

    /// The findings of one check.
    fn all(&self, check: &str) -> impl Iterator<Item = &Value> {
        self.findings.iter().filter(move |found| found["check"] == check)
    }

    /// Asserts that a check found `severity` with each of `evidence`, and names each of `next`.
    #[track_caller]
    fn names(&self, check: &str, severity: &str, evidence: &[&str], next: &[&str]) -> &Self {
        let fits = |found: &&Value| {
            let has = |key: &str, parts: &[&str]| {
                let text = found[key].as_str().unwrap_or_default();
                parts.iter().all(|part| text.contains(part))
            };
            found["severity"] == severity && has("evidence", evidence) && has("next", next)
        };
        let found = self.all(check).find(fits);
        assert!(
            found.is_some(),
            "no {severity} of '{check}' with {evidence:?} and {next:?}: {}",
            self.outcome
        );
        self
    }

    #[track_caller]
    fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.outcome.code, code, "{}", self.outcome);
        self
    }
}

/// Six workouts, imported and classified.
fn classify(paceline: &Paceline, folder: &tempfile::TempDir) {
    paceline.ok(&["migrate", "--yes"]);
    let six = file(folder, "six.csv", SIX);
    paceline.ok(&["import", &six]);
    paceline.ok(&["run", NIGHTLY]);
}

/// Starts a command with pipes; without `--now`, which a service does not take.
fn start(url: &str, args: &[&str], variables: &[(&str, &str)]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    command
        .args(args)
        .env("DATABASE_URL", url)
        .env("NO_COLOR", "1")
        .env_remove("RUST_LOG");
    command.envs(variables.iter().copied());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("the binary starts")
}

fn ended(child: Child) -> Outcome {
    let output = child.wait_with_output().expect("a child of ours");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Waits until `done` gives something.
fn until<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = done() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Ends a child of ours in good order.
fn terminate(child: &Child) {
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(sent.expect("kill").success());
}
