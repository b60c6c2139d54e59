//! Disks that cannot be written. The administrator may write everywhere, so where these tests are run by one the
//! program is run as nobody.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::classify;
use crate::support::cli::{NOW, Outcome, Paceline};

/// `nobody`, on every system.
const NOBODY: u32 = 65_534;

/// Findings of `doctor`, run by somebody who has no more rights than the permissions of the files give.
fn doctor(binary: &Path, url: &str) -> (Outcome, Vec<Value>) {
    let mut command = Command::new(binary);
    command.args(["--now", NOW, "--output", "json", "doctor"]);
    command
        .env("DATABASE_URL", url)
        .env_remove("RUST_LOG")
        .env("TMPDIR", "/tmp");
    if is_administrator() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().expect("the binary starts");
    let outcome = Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    };
    let findings = serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{e}: {outcome}"));
    (outcome, findings)
}

fn is_administrator() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    id.stdout.trim_ascii() == b"0"
}

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
}

fn finding<'f>(findings: &'f [Value], check: &str) -> &'f Value {
    let found = findings.iter().find(|found| found["check"] == check);
    found.unwrap_or_else(|| panic!("no {check} in {findings:?}"))
}

#[test]
fn a_file_or_folder_that_may_not_be_written_is_named_with_the_reason() {
    // The way to the binary may be closed to nobody, so there is a copy where everybody may go.
    let folder = tempfile::Builder::new()
        .prefix("paceline-read-only-")
        .tempdir_in("/tmp")
        .expect("a folder");
    let binary = folder.path().join("paceline");
    fs::copy(env!("CARGO_BIN_EXE_paceline"), &binary).expect("a copy");
    permit(&binary, 0o755);
    permit(folder.path(), 0o755);
    let store = folder.path().join("store");
    fs::create_dir(&store).expect("a folder");
    let file = store.join("paceline.db");
    let url = format!("sqlite://{}", file.display());
    classify(&Paceline::new(&url), &folder);

    permit(&store, 0o777);
    permit(&file, 0o666);
    let (outcome, findings) = doctor(&binary, &url);
    assert_eq!(outcome.code, 0, "{outcome}");
    assert_eq!(finding(&findings, "writable")["severity"], "ok", "{outcome}");

    for (file_mode, folder_mode, named) in [(0o444, 0o777, &file), (0o666, 0o555, &store), (0o444, 0o555, &file)] {
        permit(&file, file_mode);
        permit(&store, folder_mode);
        let (outcome, findings) = doctor(&binary, &url);
        assert_ne!(outcome.code, 0, "{outcome}");
        let found = finding(&findings, "writable");
        assert_eq!(found["severity"], "error", "{outcome}");
        let evidence = found["evidence"].as_str().expect("text");
        let parts = [
            &format!("{} cannot be written", named.display()),
            "this user may not write it",
        ];
        assert!(parts.iter().all(|part| evidence.contains(*part)), "{evidence}");
        assert!(found["next"].as_str().expect("text").contains("chown"), "{found}");
    }
    permit(&store, 0o755);
    permit(&file, 0o644);
}

#[test]
fn a_temporary_folder_that_is_not_there_is_a_warning() {
    let (_folder, paceline) = crate::support::cli::on_new_sqlite();
    paceline.ok(&["migrate"]);
    let outcome = paceline
        .with_env("TMPDIR", "/no/such/folder")
        .run(&["--output", "json", "doctor"]);
    let findings: Vec<Value> = serde_json::from_str(&outcome.stdout).expect("JSON");
    let found = finding(&findings, "temporary folder");
    assert_eq!(found["severity"], "warning", "{outcome}");
    assert!(found["next"].as_str().expect("text").contains("TMPDIR"), "{found}");
}
