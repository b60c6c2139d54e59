//! `config show`: the value that holds, and who said so.

use serde_json::Value;

use super::NIGHTLY;
use crate::support::cli::{Paceline, file, on_new_sqlite};

fn setting<'s>(settings: &'s Value, name: &str) -> &'s Value {
    let all = settings.as_array().expect("a list");
    let found = all.iter().find(|it| it["setting"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {settings:#}"))
}

#[track_caller]
fn assert_from(settings: &Value, name: &str, value: &str, source: &str, at: Option<&str>) {
    let found = setting(settings, name);
    let shown = (found["value"].as_str(), found["source"].as_str(), found["at"].as_str());
    assert_eq!(shown, (Some(value), Some(source), at), "{name}");
}

#[test]
fn flags_win_over_the_environment_and_the_file_over_defaults() {
    let (folder, paceline) = on_new_sqlite();
    let path = file(
        &folder,
        "p.toml",
        "name = 'mine'\n\n[model]\nseed = 7\nmixed_band = 0.5\n\n[gate]\nmax_churn = 0.5\n",
    );
    let shown = paceline.json(&["config", "show", &path]);
    assert_from(
        &shown,
        "database_url",
        paceline.url(),
        "environment",
        Some("DATABASE_URL"),
    );
    assert_from(&shown, "now", "2026-01-02T03:04:05Z", "flag", Some("--now"));
    assert_from(&shown, "name", "mine", "file", Some(&format!("{path}:1")));
    assert_from(&shown, "model.seed", "7", "file", Some(&format!("{path}:4")));
    assert_from(&shown, "gate.max_churn", "0.5", "file", Some(&format!("{path}:8")));
    assert_from(&shown, "write.chunk_rows", "5000", "default", None);
    assert_eq!(setting(&shown, "limits.max_memory")["value"], Value::Null);

    let flags = [
        "--seed",
        "9",
        "--retrain",
        "always",
        "--algorithm",
        "kmeans",
        "--max-memory",
        "64MB",
    ];
    let more = ["--from", "2024-01-01", "--database-url", "sqlite://other.db"];
    let shown = paceline.json(&[&["config", "show", &path], &flags[..], &more].concat());
    assert_from(
        &shown,
        "database_url",
        "sqlite://other.db",
        "flag",
        Some("--database-url"),
    );
    assert_from(&shown, "model.seed", "9", "flag", Some("--seed"));
    assert_from(&shown, "retrain.mode", "always", "flag", Some("--retrain"));
    assert_from(&shown, "model.algorithm", "kmeans", "flag", Some("--algorithm"));
    assert_from(&shown, "limits.max_memory", "64 MB", "flag", Some("--max-memory"));
    assert_from(&shown, "source.from", "2024-01-01 00:00:00", "flag", Some("--from"));
    assert_from(&shown, "source.to", "open", "flag", Some("--to"));
}

#[test]
fn every_key_of_the_shipped_file_has_its_line() {
    let (_folder, paceline) = on_new_sqlite();
    let text = std::fs::read_to_string(NIGHTLY).expect("the file");
    let shown = paceline.json(&["config", "show", NIGHTLY]);
    let mut of_file = 0;
    for it in shown
        .as_array()
        .expect("a list")
        .iter()
        .filter(|it| it["source"] == "file")
    {
        let (name, at) = (it["setting"].as_str().expect("text"), it["at"].as_str().expect("text"));
        let line: usize = at.rsplit(':').next().expect("a line").parse().expect("a number");
        let key = name.rsplit('.').next().expect("a key");
        assert!(text.lines().nth(line - 1).expect("a line").starts_with(key), "{it}");
        of_file += 1;
    }
    assert_eq!(
        of_file,
        text.lines()
            .filter(|line| line.contains('=') && !line.starts_with('#'))
            .count()
    );
}

#[test]
fn variables_are_shown_and_no_password_is() {
    let paceline = Paceline::new("mysql://u:s3cret@db.example/d?ssl-mode=REQUIRED").with_env("RUST_LOG", "warn");
    for output in ["json", "table", "csv", "ndjson"] {
        let outcome = paceline.ok(&["--output", output, "config", "show"]);
        assert!(outcome.stdout.contains("mysql://u@db.example:3306/d"), "{outcome}");
        assert!(outcome.stdout.contains("RUST_LOG"), "{outcome}");
        assert!(!outcome.stdout.contains("s3cret"), "{outcome}");
    }
    let malformed = Paceline::new("mysql://u:s3cret@db.example:x/d");
    let outcome = malformed.ok(&["config", "show"]);
    assert!(outcome.stdout.contains("database URL mysql://***@"), "{outcome}");
    assert!(!outcome.stdout.contains("s3cret"), "{outcome}");
}
