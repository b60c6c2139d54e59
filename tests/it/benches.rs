//! The end-to-end benchmark still runs: its scripts compile, its arithmetic holds, its inputs fit. Nothing is timed.
//!
//! Why: a benchmark that nobody runs between two releases is broken at the second one.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use paceline::config::Pipeline;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs Python from the project's folder; None, said aloud, where there is none.
fn python(arguments: &[&str]) -> Option<Output> {
    let done = Command::new("python3")
        .args(arguments)
        .current_dir(root())
        // Nothing is left beside the sources.
        .env("PYTHONPYCACHEPREFIX", env!("CARGO_TARGET_TMPDIR"))
        // Help on a narrow terminal breaks words.
        .env("COLUMNS", "400")
        .output();
    if done.is_err() {
        eprintln!("SKIPPED: there is no python3 on the PATH, so the benchmark's scripts are not checked");
    }
    done.ok()
}

fn scripts(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(scripts(&path));
        } else if path.extension().is_some_and(|e| e == "py") {
            found.push(path);
        }
    }
    found
}

fn assert_success(output: &Output) {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}{err}");
}

#[test]
fn every_script_compiles() {
    let found = scripts(&root().join("benches"));
    assert!(found.len() > 15, "only {found:?}");
    let paths: Vec<&str> = found.iter().map(|p| p.to_str().expect("UTF-8")).collect();
    let arguments = [&["-m", "py_compile", "benches/run"], &paths[..]].concat();
    if let Some(output) = python(&arguments) {
        assert_success(&output);
    }
}

#[test]
fn its_own_arithmetic_holds() {
    if let Some(output) = python(&["benches/run", "--self-test"]) {
        assert_success(&output);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("\nOK") && !told.contains("Ran 0 tests"), "{told}");
    }
}

#[test]
fn every_scenario_and_flag_is_documented() {
    let readme = std::fs::read_to_string(root().join("benches/README.md")).expect("benches/README.md");
    let Some(output) = python(&["benches/run", "--help"]) else {
        return;
    };
    assert_success(&output);
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    let flags: Vec<&str> = help
        .split(|c: char| !c.is_ascii_alphabetic() && c != '-')
        .filter(|word| word.starts_with("--") && word.len() > 3 && *word != "--help")
        .collect();
    assert!(flags.contains(&"--rows") && flags.contains(&"--scenario"), "{help}");
    for flag in flags {
        assert!(readme.contains(flag), "benches/README.md does not mention {flag}");
    }
}

#[test]
fn the_retrain_night_differs_from_the_nightly_pipeline_in_one_key() {
    let text = |path: &str| std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    let read = |path: &str| Pipeline::parse(&text(path), path).unwrap_or_else(|e| panic!("{e}"));
    let (nightly, retrain) = (read("pipelines/nightly.toml"), read("benches/pipelines/retrain.toml"));
    assert_eq!(nightly.params.differences(&retrain.params), ["mixed_band"]);
    assert_eq!(nightly.chunk_rows, retrain.chunk_rows);
}
