//! `prove`: what it prints holds, in another language too, and nothing else passes.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::triggers_dropped;
use crate::support::cli::{Paceline, file, on_both_stores};

const NIGHTLY: &str = "pipelines/nightly.toml";
const CHECKER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/check_proof.py");

/// A store with five rows in three segments; workout `a` has three of them.
fn three_segments(paceline: &Paceline, folder: &TempDir) {
    let rows = "workout_id,workout_date,activity_type,distance_mi,duration_sec,avg_pace\n\
                a,2024-01-01,Run,3.1,1674,9.0\nb,2024-01-02,Walk,1.0,1200,20.0\nc,2024-01-03,Walk,1.0,1200,20.0\n";
    paceline.ok(&["run", NIGHTLY, "--import", &file(folder, "in.csv", rows)]);
    for (day, label) in [("2026-01-03", "mixed"), ("2026-01-04T00:00:00.000001Z", "pup_walk")] {
        let correct = [
            "feedback", "add", "a", "--type", "correct", "--label", label, "--user", "anna",
        ];
        paceline.at(day).ok(&correct);
    }
}

/// Asked once. Said past the test harness, which shows nothing of a test that passes.
fn has_python() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let found = Command::new("python3").arg("--version").output();
        let found = found.is_ok_and(|output| output.status.success());
        if !found {
            let said = "\nSKIPPED: docs/check_proof.py was NOT run, there is no python3 on this machine\n";
            let _ = std::io::stderr().write_all(said.as_bytes());
        }
        found
    })
}

/// What the checker says: true for OK; None where this machine has no Python.
fn checked(folder: &TempDir, proof: &Value, more: &[&str]) -> Option<(bool, String)> {
    if !has_python() {
        return None;
    }
    let path = file(folder, "proof.json", proof.to_string());
    let output = Command::new("python3").arg(CHECKER).arg(path).args(more).output();
    let output = output.expect("python3 starts");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let ok = output.status.success();
    assert_eq!(ok, text.lines().any(|line| line.starts_with("OK")), "{text}");
    assert_eq!(ok, !text.contains("NOT PROVED: "), "{text}");
    Some((ok, text))
}

#[track_caller]
fn accepted(folder: &TempDir, proof: &Value, more: &[&str]) {
    if let Some((ok, text)) = checked(folder, proof, more) {
        assert!(ok, "{text}");
    }
}

#[track_caller]
fn refused(folder: &TempDir, proof: &Value, more: &[&str], what: &str) {
    if let Some((ok, text)) = checked(folder, proof, more) {
        assert!(!ok, "{what} was changed and it is {text}");
    }
}

/// The document with one value changed, for each value in it, with the value's path.
fn changed(value: &Value) -> Vec<(String, Value)> {
    match value {
        Value::Object(fields) => {
            let mut all = Vec::new();
            for (key, field) in fields {
                for (path, other) in changed(field) {
                    let mut copy = fields.clone();
                    copy[key] = other;
                    all.push((format!("/{key}{path}"), Value::Object(copy)));
                }
            }
            all
        }
        Value::Array(items) => {
            let mut all = Vec::new();
            for (index, item) in items.iter().enumerate() {
                let mut without = items.clone();
                without.remove(index);
                all.push((format!("/{index} removed"), Value::Array(without)));
                for (path, other) in changed(item) {
                    let mut copy = items.clone();
                    copy[index] = other;
                    all.push((format!("/{index}{path}"), Value::Array(copy)));
                }
            }
            all
        }
        Value::String(text) => {
            let last = if text.ends_with('0') { '1' } else { '0' };
            let other = text
                .chars()
                .take(text.chars().count() - 1)
                .chain([last])
                .collect::<String>();
            vec![(String::new(), json!(other))]
        }
        Value::Number(_) => vec![(String::new(), json!(value.as_f64().expect("a number") + 1.0))],
        Value::Null => vec![(String::new(), json!("x"))],
        Value::Bool(_) => Vec::new(),
    }
}

#[test]
fn every_row_of_a_workout_is_proved_and_checked_in_another_language() {
    on_both_stores(|paceline, folder| {
        three_segments(paceline, folder);
        let proof = paceline.json(&["prove", "a"]);
        let verified = paceline.json(&["verify"]);
        assert_eq!(proof["head"], verified["head"]);
        assert_eq!(proof["proofs"].as_array().map(Vec::len), Some(3));
        assert_eq!(proof["links"].as_array().map(Vec::len), Some(2));
        assert_eq!(proof["proofs"][0]["tree_size"], 3);
        assert_eq!(proof["proofs"][0]["audit_path"].as_array().map(Vec::len), Some(2));
        accepted(folder, &proof, &[]);
        let head = proof["head"].as_str().expect("a head");
        accepted(folder, &proof, &[head]);
        refused(folder, &proof, &[&"0".repeat(64)], "the head that was written down");

        let id = proof["proofs"][1]["history_id"].to_string();
        let one = paceline.json(&["prove", "a", "--history-id", &id]);
        assert_eq!(one["proofs"], json!([proof["proofs"][1]]));
        assert_eq!(one["links"].as_array().map(Vec::len), Some(1));
        accepted(folder, &one, &[head]);
        accepted(folder, &paceline.json(&["prove", "b"]), &[head]);

        let page = paceline.ok(&["prove", "a"]).stdout;
        for part in [
            "Workout a",
            "real_run -> mixed  by anna",
            "row 1 of 1 in segment 2",
            head,
        ] {
            assert!(page.contains(part), "no '{part}' in:\n{page}");
        }
        let other = paceline.run(&["prove", "a", "--history-id", "999"]);
        other.expect(1, &["workout a has no history row 999"]);
        paceline
            .run(&["prove", "nobody"])
            .expect(1, &["workout nobody has no history"]);
    });
}

#[test]
fn an_anchor_that_was_kept_is_a_head_to_check_against() {
    on_both_stores(|paceline, folder| {
        let anchor = folder.path().join("kept.json").display().to_string();
        let _ = std::fs::remove_file(&anchor);
        three_segments(paceline, folder);
        paceline.ok(&["verify", "--anchor", &anchor]);
        let correct = [
            "feedback", "add", "b", "--type", "correct", "--label", "mixed", "--user", "anna",
        ];
        paceline.at("2026-01-06").ok(&correct);
        accepted(folder, &paceline.json(&["prove", "a"]), &[&anchor]);
        refused(
            folder,
            &paceline.json(&["prove", "b"]),
            &[&anchor],
            "the row came after the anchor, nothing",
        );
        assert!(Path::new(&anchor).exists());
    });
}

/// Any value of the document, any entry of a list: the checker says no.
#[test]
fn a_proof_with_anything_changed_is_refused() {
    on_both_stores(|paceline, folder| {
        three_segments(paceline, folder);
        let proof = paceline.json(&["prove", "a"]);
        // What proves nothing and is not claimed to: the number that the store gave the row, and how many
        // rows are not sealed. A proof without one of its rows still proves the others.
        let harmless = |path: &str| {
            path == "/unsealed"
                || path.ends_with("/history_id")
                || (path.starts_with("/proofs/") && path.matches('/').count() == 2)
        };
        let mut tried = 0;
        for (path, other) in changed(&proof).iter().filter(|(path, _)| !harmless(path)) {
            refused(folder, other, &[], path);
            tried += 1;
        }
        assert!(tried > 60, "{tried}");
        let mut none = proof.clone();
        none["proofs"] = json!([]);
        refused(folder, &none, &[], "every row");
    });
}

#[test]
fn what_was_tampered_with_is_not_proved() {
    on_both_stores(|paceline, folder| {
        three_segments(paceline, folder);
        let mut statements = triggers_dropped();
        statements.push(
            "UPDATE workout_classification_history SET classification_confidence = 0.1 WHERE workout_id = 'b'"
                .to_owned(),
        );
        paceline.tamper(&statements.iter().map(String::as_str).collect::<Vec<_>>());
        for workout in ["a", "b", "c"] {
            let refused = paceline.run(&["--output", "json", "prove", workout]);
            refused.expect(1, &["is not what segment 1 seals", "paceline verify"]);
            assert!(refused.stdout.is_empty(), "{refused}");
        }
    });
}
