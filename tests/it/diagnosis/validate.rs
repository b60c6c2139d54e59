//! `validate` says everything that is wrong with a file at once, for people and for programs.

use serde_json::Value;

use super::NIGHTLY;
use crate::support::cli::{file, on_new_sqlite};

const WRONG: &str = "name = 'n'\n\n[model]\nalgoritm = 'kmeans'\nmixed_band = 2\n\n[gate]\nmax_churn = 'much'\n\n\
                     [schedule]\ncron = '30 25 * * *'\n";

#[test]
fn several_errors_are_listed_with_line_evidence_and_next_step() {
    let (folder, paceline) = on_new_sqlite();
    let path = file(&folder, "p.toml", WRONG);
    let outcome = paceline.run(&["--output", "json", "validate", &path]);
    outcome.expect(78, &["p.toml, line", "(and 3 more)", "next: "]);
    let answer = outcome.json();
    assert_eq!(answer["valid"], false);
    let findings = answer["findings"].as_array().expect("a list");
    let lines: Vec<u64> = findings.iter().filter_map(|found| found["line"].as_u64()).collect();
    assert_eq!(lines, [4, 5, 8, 11], "{answer:#}");
    assert!(findings.iter().all(|found| found["severity"] == "error"), "{answer:#}");
    assert_eq!(findings[0]["next"], "write 'algorithm'");
    let has_next = |found: &Value| !found["next"].as_str().expect("text").is_empty();
    assert!(findings.iter().all(has_next), "{answer:#}");

    let table = paceline.run(&["validate", &path]);
    table.expect(78, &["(and 3 more)"]);
    for part in [
        "algoritm",
        "write 'algorithm'",
        "2 is outside 0 to 1",
        "much",
        "30 25 * * *",
    ] {
        assert!(table.stdout.contains(part), "no '{part}': {table}");
    }
}

#[test]
fn the_shipped_files_are_without_findings() {
    let (_folder, paceline) = on_new_sqlite();
    for path in [NIGHTLY, "pipelines/classic.toml", "pipelines/retrain.toml"] {
        let answer = paceline.json(&["validate", path]);
        assert_eq!(answer["valid"], true, "{path}");
        assert_eq!(answer["findings"], serde_json::json!([]), "{path}");
    }
}

#[test]
fn a_key_that_says_nothing_is_a_warning_and_no_error() {
    let (folder, paceline) = on_new_sqlite();
    let path = file(&folder, "p.toml", "name = 'n'\n[model]\nclusters = 4\n");
    let answer = paceline.json(&["validate", &path]);
    assert_eq!(answer["valid"], true);
    assert_eq!(answer["findings"][0]["severity"], "warning");
    assert_eq!(answer["findings"][0]["line"], 3);
    assert!(
        paceline
            .ok(&["validate", &path])
            .stdout
            .contains("model.clusters has no effect")
    );
}
