//! The real binary, run as a person or a supervisor runs it.
//!
//! Why: exit codes, the split of standard output and standard error, and what a crash leaves behind
//! are seen only from outside the process.
//!
//! Every run asserts by itself that no output shows the URL's password, and that nothing panicked; a
//! test need not repeat that.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::mariadb::fresh_database;
use super::{block_on, connect, shown, sql};
use paceline::db::Db;
use paceline::db::error::DbError;
use paceline::db::statement::Dialect;
use paceline::db::value::Params;

/// The instant of every command that is not given another one.
pub const NOW: &str = "2026-01-02T03:04:05Z";

/// The table of runs.
const LEDGER: &str = "pipeline_runs";
/// The table of who holds which pipeline.
const LEASE: &str = "pipeline_lease";

/// What would change a command behind a test's back.
const INHERITED: [&str; 5] = [
    "RUST_LOG",
    "PACELINE_CRASH_AT",
    "PACELINE_PANIC_AT",
    "PACELINE_HOLD_AT",
    "PACELINE_HOLD_FILE",
];

/// No command of a test may take longer.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The rows of every table by its name, each row as text, in a fixed order.
pub type Tables = BTreeMap<String, Vec<Vec<String>>>;

/// The binary with a store of its own.
#[derive(Debug, Clone)]
pub struct Paceline {
    url: String,
    now: String,
    env: Vec<(String, String)>,
}

/// What a command did.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The exit code; -1 where a signal ended the process (a crash point aborts).
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Paceline {
    /// Commands get `url` as `DATABASE_URL` and [`NOW`] as `--now`. Nothing is created or connected to.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            now: NOW.to_owned(),
            env: Vec::new(),
        }
    }

    /// The same with another instant.
    pub fn at(&self, now: &str) -> Self {
        Self {
            now: now.to_owned(),
            ..self.clone()
        }
    }

    /// The same with one environment variable more, such as `PACELINE_CRASH_AT`.
    pub fn with_env(&self, name: &str, value: &str) -> Self {
        let mut other = self.clone();
        other.env.push((name.to_owned(), value.to_owned()));
        other
    }

    /// The store's URL, with the password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The command, ready to be started with pipes for its outputs.
    pub fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_paceline"));
        command.args(["--now", &self.now]).args(args);
        for inherited in INHERITED {
            command.env_remove(inherited);
        }
        command.env("DATABASE_URL", &self.url).env("NO_COLOR", "1");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(std::process::Stdio::null());
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        command
    }

    /// Runs the binary in the package's folder (`pipelines/nightly.toml` is a path) with an empty
    /// standard input that is no terminal. Panics where an output shows the password or a panic.
    pub fn run(&self, args: &[&str]) -> Outcome {
        let mut command = assert_cmd::Command::from_std(self.command(args));
        let output = command.timeout(TIMEOUT).output().expect("the binary starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output in UTF-8");
        let outcome = Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        outcome.check(args, &secrets(&self.url));
        outcome
    }

    /// Runs a command that must succeed.
    pub fn ok(&self, args: &[&str]) -> Outcome {
        let outcome = self.run(args);
        assert_eq!(outcome.code, 0, "{args:?}: {outcome}");
        outcome
    }

    /// Runs a command that must succeed with `--output json`; returns the document.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        self.ok(&[&["--output", "json"], args].concat()).json()
    }

    /// Runs a command that must fail with `code`, with each of `parts` on standard error, and leave
    /// every table as it was (an SQLite file that was not there is still not there).
    pub fn refused(&self, args: &[&str], code: i32, parts: &[&str]) -> Outcome {
        let before = self.tables();
        let outcome = self.run(args);
        outcome.expect(code, parts);
        assert_eq!(self.tables(), before, "{args:?} changed the store: {outcome}");
        outcome
    }

    /// As [`Paceline::refused`], for a run that fails after it was entered into the ledger: the ledger
    /// has one row more, which is closed as failed, and nothing else has changed.
    pub fn failed_run(&self, args: &[&str], code: i32, parts: &[&str]) -> Outcome {
        let mut before = self.tables();
        let outcome = self.run(args);
        outcome.expect(code, parts);
        let mut after = self.tables();
        // Holding the pipeline leaves its mark, whatever became of the run.
        before.remove(LEASE);
        after.remove(LEASE);
        let (old, new) = (before.remove(LEDGER), after.remove(LEDGER));
        assert_eq!(after, before, "{args:?} wrote: {outcome}");
        let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
        let added: Vec<&Vec<String>> = new.iter().filter(|row| !old.contains(row)).collect();
        assert_eq!((added.len(), new.len()), (1, old.len() + 1), "{new:?}");
        assert!(added[0].contains(&"failed".to_owned()), "{added:?}");
        outcome
    }

    /// Every table of the store with its rows; no table where an SQLite file is not there.
    pub fn tables(&self) -> Tables {
        let absent = |path: &str| !std::path::Path::new(path).exists();
        if self.url.strip_prefix("sqlite://").is_some_and(absent) {
            return Tables::new();
        }
        block_on(async {
            let db = connect(&self.url).await.expect("connect");
            let tables = read_tables(&db).await;
            db.close().await.expect("close");
            tables
        })
    }

    /// Runs statements on the store behind the program's back.
    pub fn tamper(&self, statements: &[&str]) {
        block_on(async {
            let db = connect(&self.url).await.expect("connect");
            for text in statements {
                let done = db.execute(sql(text), &Params::none()).await;
                done.unwrap_or_else(|e| panic!("{text}: {e}"));
            }
            db.close().await.expect("close");
        });
    }
}

impl Outcome {
    /// Standard output as one JSON document.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {self}"))
    }

    /// Asserts the exit code and that standard error holds each of `parts`.
    pub fn expect(&self, code: i32, parts: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{self}");
        for part in parts {
            assert!(self.stderr.contains(part), "no '{part}' in: {self}");
        }
        self
    }

    fn check(&self, args: &[&str], secrets: &[String]) {
        for secret in secrets {
            let shown = self.stdout.contains(secret) || self.stderr.contains(secret);
            assert!(!shown, "{args:?} shows the password: {self}");
        }
        assert!(!self.stderr.contains("panicked at"), "{args:?}: {self}");
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, stdout, stderr } = self;
        write!(f, "exit {code}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

/// A folder that goes with the value, and the binary on an SQLite file in it that is not there yet.
pub fn on_new_sqlite() -> (TempDir, Paceline) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("paceline.db").display());
    (folder, Paceline::new(&url))
}

/// Runs `case` on a migrated SQLite file, then on a migrated MariaDB database, each with a folder for
/// its files.
pub fn on_both_stores(case: impl Fn(&Paceline, &TempDir)) {
    let (folder, paceline) = on_new_sqlite();
    let mariadb = Paceline::new(&fresh_database());
    for (name, paceline) in [("SQLite", paceline), ("MariaDB", mariadb)] {
        eprintln!("on {name}");
        paceline.ok(&["migrate"]);
        case(&paceline, &folder);
    }
}

/// Writes a file into `folder`; returns its path as an argument.
pub fn file(folder: &TempDir, name: &str, contents: impl AsRef<[u8]>) -> String {
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, contents).expect("write a file");
    path.display().to_string()
}

/// The password of a URL, as it stands there and decoded; nothing where it has none.
fn secrets(url: &str) -> Vec<String> {
    let Some((_, rest)) = url.split_once("://") else {
        return Vec::new();
    };
    let Some((_, password)) = rest.rsplit_once('@').and_then(|(login, _)| login.split_once(':')) else {
        return Vec::new();
    };
    let encoded = format!("s={}", password.replace('+', "%2B"));
    let decoded = url::form_urlencoded::parse(encoded.as_bytes()).map(|(_, value)| value.into_owned());
    let both = decoded.chain([password.to_owned()]);
    both.filter(|secret| !secret.is_empty()).collect()
}

async fn read_tables(db: &Db) -> Tables {
    let names = match db.dialect() {
        Dialect::Sqlite => "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        Dialect::MySql => "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
    };
    let mut tables = Tables::new();
    for name in rows(db, names).await.concat() {
        let mut found = rows(db, &format!("SELECT * FROM {name}")).await;
        found.sort();
        tables.insert(name, found);
    }
    tables
}

/// All cells of a row as text. One that cannot be read is shown by its error: what a bad cell does to
/// a command is what some tests are about.
fn cells(row: &paceline::db::value::Row<'_>) -> Result<Vec<String>, DbError> {
    let mut cells = Vec::new();
    loop {
        match row.cell(cells.len()) {
            Ok(cell) => cells.push(shown(cell)),
            Err(DbError::Decode { column, .. }) if column.starts_with('#') => return Ok(cells),
            Err(error) => cells.push(error.to_string()),
        }
    }
}

async fn rows(db: &Db, text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let each = |row: &paceline::db::value::Row<'_>| {
        rows.push(cells(row)?);
        Ok(())
    };
    let read = db.query(sql(text), &Params::none(), each).await;
    read.unwrap_or_else(|e| panic!("{text}: {e}"));
    rows
}
