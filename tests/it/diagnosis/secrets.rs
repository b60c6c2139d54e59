//! The password is in no output, log, trace, metric, health file, panic message or process title.
//!
//! Every command here is run with a password that can be recognised, as it stands in a URL and decoded.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{NIGHTLY, SIX, terminate, until};
use crate::support::cli::{Outcome, file};
use crate::support::mariadb::{admin, database_of, fresh_database, server};

/// Decoded, as it stands in a URL, and the user.
const PLAIN: (&str, &str, &str) = ("Sw0rdf1sh", "Sw0rdf1sh", "plain_secret");
const ODD: (&str, &str, &str) = ("Ze:bra@Crö/ss?#%x", "Ze%3Abra%40Cr%C3%B6%2Fss%3F%23%25x", "odd_secret");

/// A login with a password that is looked for.
struct Login {
    password: &'static str,
    encoded: &'static str,
    url: String,
}

impl Login {
    /// With every right in a new database.
    fn new((password, encoded, user): (&'static str, &'static str, &'static str)) -> Self {
        let database = database_of(&fresh_database()).to_owned();
        admin(&[
            "SET NAMES utf8mb4",
            &format!("CREATE OR REPLACE USER '{user}'@'127.0.0.1' IDENTIFIED BY '{password}'"),
            &format!("GRANT ALL PRIVILEGES ON {database}.* TO '{user}'@'127.0.0.1'"),
        ]);
        Self {
            password,
            encoded,
            url: format!("mysql://{user}:{encoded}@127.0.0.1:{}/{database}", server().port),
        }
    }

    fn assert_hidden(&self, text: &str, what: &str) {
        // Escaped in any way that a log, JSON or a debug print would.
        let debugged = format!("{:?}", self.password);
        let json = serde_json::to_string(self.password).expect("JSON");
        for secret in [
            self.password,
            self.encoded,
            debugged.trim_matches('"'),
            json.trim_matches('"'),
        ] {
            assert!(!text.contains(secret), "{what} shows {secret}: {text}");
        }
        let lossy = self.encoded.replace('%', "%25");
        assert!(self.encoded == lossy || !text.contains(&lossy), "{what}: {text}");
    }

    /// The binary with the URL as `how` gives it.
    fn command(&self, how: How, url: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
        command
            .env_remove("DATABASE_URL")
            .env_remove("RUST_LOG")
            .env("NO_COLOR", "1");
        match how {
            How::Environment => command.env("DATABASE_URL", url),
            How::Flag => command.args(["--database-url", url]),
            How::FlagAndEquals => command.arg(format!("--database-url={url}")),
        };
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end, and looks through what it said.
    fn run(&self, mut command: Command) -> Outcome {
        let output = command.output().expect("the binary starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let outcome = Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        };
        self.assert_hidden(&outcome.to_string(), "an output");
        outcome
    }
}

/// How the program is told of the URL.
#[derive(Debug, Clone, Copy)]
enum How {
    Environment,
    Flag,
    FlagAndEquals,
}

const WAYS: [How; 3] = [How::Environment, How::Flag, How::FlagAndEquals];

/// What `ps` shows of a process: its arguments.
fn title(id: u32) -> Option<String> {
    let bytes = std::fs::read(format!("/proc/{id}/cmdline")).ok()?;
    Some(String::from_utf8_lossy(&bytes).replace('\0', " "))
}

#[test]
fn no_command_shows_it_whether_it_succeeds_or_fails() {
    for secret in [PLAIN, ODD] {
        let login = Login::new(secret);
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (six, trace, prom, health) = (
            file(&folder, "six.csv", SIX),
            path("t.json"),
            path("m.prom"),
            path("h.json"),
        );
        let files = ["--trace", &trace, "--metrics-file", &prom];
        let wrong = login.url.replace(login.encoded, &format!("{}x", login.encoded));
        let down = login.url.replace(&format!(":{}/", server().port), ":1/");
        let absent = login.url.replace(database_of(&login.url), "no_such_database");
        let malformed = login.url.replace("127.0.0.1:", "127.0.0.1:x");
        for how in WAYS {
            for args in [
                &["migrate", "--yes"][..],
                &["import", &six],
                &["run", NIGHTLY],
                &["schedule", "--once", NIGHTLY, "--health-file", &health],
                &["doctor"],
                &["doctor", NIGHTLY],
                &["config", "show"],
                &["config", "show", NIGHTLY],
                &["verify"],
                &["runs", "list"],
                &["model", "show", "active"],
                &["plan", NIGHTLY, "--rows"],
                &["run", "no-such.toml"],
                &["reclassify"],
                &["--help"],
            ] {
                for output in ["table", "json"] {
                    let all = [&["-vv", "--output", output][..], &files, args].concat();
                    let outcome = login.run(login.command(how, &login.url, &all));
                    if args[0] == "run" && args[1] == NIGHTLY {
                        assert_eq!(outcome.code, 0, "{how:?}: {outcome}");
                    }
                }
            }
            for (url, code) in [(&wrong, 78), (&absent, 78), (&malformed, 78)] {
                for args in [
                    &["run", NIGHTLY][..],
                    &["doctor"],
                    &["config", "show"],
                    &["schedule", "--once", NIGHTLY],
                ] {
                    let mut command = login.command(how, url, &[&files, args].concat());
                    command.env("RUST_LOG", "trace");
                    let outcome = login.run(command);
                    let wanted = if args[0] == "config" { 0 } else { code };
                    assert_eq!(outcome.code, wanted, "{url} {args:?}: {outcome}");
                }
            }
            let doctor = login.run(login.command(how, &down, &[&files[..], &["doctor"]].concat()));
            assert_eq!(doctor.code, 69, "{doctor}");
            assert_files_hide_it(&login, folder.path());
        }
    }
}

fn assert_files_hide_it(login: &Login, folder: &Path) {
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).expect("a file")).into_owned();
        login.assert_hidden(&text, &path.display().to_string());
        seen.push(path.file_name().expect("a name").to_string_lossy().into_owned());
    }
    seen.sort();
    assert_eq!(seen, ["h.json", "m.prom", "six.csv", "t.json"]);
}

#[test]
fn a_title_does_not_show_it_though_the_flag_was_given_it() {
    for secret in [PLAIN, ODD] {
        let login = Login::new(secret);
        let folder = tempfile::tempdir().expect("a folder");
        login.run(login.command(How::Environment, &login.url, &["migrate", "--yes"]));
        let six = file(&folder, "six.csv", SIX);
        login.run(login.command(How::Flag, &login.url, &["import", &six]));
        for how in WAYS {
            let held = folder.path().join("held");
            let mut command = login.command(how, &login.url, &["run", NIGHTLY]);
            command
                .env("PACELINE_HOLD_AT", "after_load")
                .env("PACELINE_HOLD_FILE", &held);
            let child = command.spawn().expect("the binary starts");
            until("it holds", || held.exists().then_some(()));
            let shown = title(child.id()).expect("its title");
            login.assert_hidden(&shown, "the process title");
            assert!(shown.contains("run pipelines/nightly.toml"), "{shown}");
            assert!(
                !matches!(how, How::Flag) || shown.contains("--database-url mysql://***@127.0.0.1"),
                "{shown}"
            );
            std::fs::remove_file(&held).expect("it holds");
            let output = child.wait_with_output().expect("ended");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn a_service_keeps_its_process_its_signals_and_its_secret() {
    let login = Login::new(ODD);
    let folder = tempfile::tempdir().expect("a folder");
    login.run(login.command(How::Environment, &login.url, &["migrate", "--yes"]));
    let health = folder.path().join("health.json");
    let shown = health.display().to_string();
    let mut command = login.command(How::Flag, &login.url, &["schedule", NIGHTLY, "--health-file", &shown]);
    let child = command.spawn().expect("the binary starts");
    let text = until("a health file", || std::fs::read_to_string(&health).ok());
    login.assert_hidden(&text, "the health file");
    login.assert_hidden(&title(child.id()).expect("its title"), "the process title");
    terminate(&child);
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(143), "the signal reached it");
    login.assert_hidden(&String::from_utf8_lossy(&output.stderr), "its log");
}

#[test]
fn neither_a_panic_nor_a_crash_shows_it() {
    for secret in [PLAIN, ODD] {
        let login = Login::new(secret);
        let folder = tempfile::tempdir().expect("a folder");
        login.run(login.command(How::Environment, &login.url, &["migrate", "--yes"]));
        let six = file(&folder, "six.csv", SIX);
        login.run(login.command(How::Environment, &login.url, &["import", &six]));
        for how in WAYS {
            for (variable, point, code) in [
                ("PACELINE_PANIC_AT", "after_load", 101),
                ("PACELINE_PANIC_AT", "before_statement:9", 101),
                ("PACELINE_CRASH_AT", "after_load", -1),
                ("PACELINE_CRASH_AT", "before_commit:2", -1),
            ] {
                let mut command = login.command(how, &login.url, &["-vv", "run", NIGHTLY, "--take-over"]);
                command
                    .env(variable, point)
                    .env("RUST_LOG", "trace")
                    .env("RUST_BACKTRACE", "full");
                let outcome = login.run(command);
                assert_eq!(outcome.code, code, "{variable}={point}: {outcome}");
                assert_eq!(outcome.stderr.contains("panicked at"), code == 101, "{outcome}");
            }
            let args = ["--output", "json", "schedule", "--once", NIGHTLY];
            let mut command = login.command(how, &login.url, &args);
            command
                .env("PACELINE_PANIC_AT", "after_load")
                .env("RUST_BACKTRACE", "full");
            let outcome = login.run(command);
            // Run once already by another way: then nothing is due.
            assert!([0, 1].contains(&outcome.code), "{outcome}");
        }
    }
}
