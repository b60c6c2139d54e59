//! `verify --anchor`: a head that is kept elsewhere finds what the database alone cannot tell.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::triggers_dropped;
use crate::support::cli::{Paceline, file, on_both_stores, on_new_sqlite};

const NIGHTLY: &str = "pipelines/nightly.toml";

fn workouts(folder: &TempDir) -> String {
    let rows = "workout_id,workout_date,activity_type,distance_mi,duration_sec,avg_pace\n\
                a,2024-01-01,Run,3.1,1674,9.0\nb,2024-01-02,Walk,1.0,1200,20.0\n";
    file(folder, "in.csv", rows)
}

fn correct(paceline: &Paceline, label: &str) {
    paceline.ok(&[
        "feedback", "add", "a", "--type", "correct", "--label", label, "--user", "anna",
    ]);
}

/// Verifies against an anchor; the report, whatever the exit code.
fn verify(paceline: &Paceline, anchor: &str, code: i32) -> Value {
    let outcome = paceline.run(&["--output", "json", "verify", "--anchor", anchor]);
    assert_eq!(outcome.code, code, "{outcome}");
    outcome.json()
}

fn tamper(paceline: &Paceline, statements: &[&str]) {
    let dropped = triggers_dropped();
    let all: Vec<&str> = dropped
        .iter()
        .map(String::as_str)
        .chain(statements.iter().copied())
        .collect();
    paceline.tamper(&all);
}

/// Removes the last segment with all its traces and puts the state back to what it was before it: what is
/// left is a chain that holds.
const CUT: [&str; 4] = [
    "DELETE FROM workout_classification_history WHERE segment_id = 2",
    "DELETE FROM audit_segments WHERE segment_id = 2",
    "DELETE FROM audit_leaves WHERE segment_id = 2",
    "UPDATE workout_ml_classifications SET current_classification = 'real_run', is_user_override = 0, \
     classification_change_count = 0, \
     label_model_id = (SELECT model_id FROM ml_model_registry), run_id = (SELECT MIN(run_id) FROM pipeline_runs) \
     WHERE workout_id = 'a'",
];

#[test]
fn a_cut_tail_is_seen_by_the_anchor_alone() {
    on_both_stores(|paceline, folder| {
        let anchor = folder.path().join("anchor-of.json").display().to_string();
        let _ = fs::remove_file(&anchor);
        paceline.ok(&["run", NIGHTLY, "--import", &workouts(folder)]);
        let first = verify(paceline, &anchor, 0);
        assert_eq!(first["anchor"]["status"], "written");
        let text = fs::read_to_string(&anchor).expect("written");
        let head = first["head"].as_str().expect("a head");
        let golden = format!(
            "{{\n  \"format\": \"paceline anchor 1\",\n  \"segment_id\": 1,\n  \"head\": \"{head}\",\n  \"rows\": 2,\n  \
             \"written_at\": \"2026-01-02T03:04:05.000000Z\"\n}}\n"
        );
        assert_eq!(text, golden);
        assert_eq!(
            verify(&paceline.at("2026-01-05"), &anchor, 0)["anchor"]["status"],
            "held"
        );
        assert_eq!(fs::read_to_string(&anchor).expect("there"), text, "not even its time");

        correct(paceline, "mixed");
        let moved = verify(paceline, &anchor, 0);
        assert_eq!(moved["anchor"]["status"], "extended");
        assert_eq!(moved["anchor"]["segment_id"], 2);
        let text = fs::read_to_string(&anchor).expect("there");

        tamper(paceline, &CUT);
        let alone = paceline.json(&["verify"]);
        assert_eq!(alone["ok"], true, "without the anchor nothing is to be seen: {alone}");
        let cut = verify(paceline, &anchor, 1);
        assert_eq!(cut["findings"][0]["kind"], "anchor_cut");
        assert_eq!(
            (&cut["findings"][0]["segment_id"], &cut["found"]),
            (&json!(2), &json!(1))
        );
        assert_eq!(cut["anchor"]["status"], "left");
        assert_eq!(
            fs::read_to_string(&anchor).expect("there"),
            text,
            "the witness is left alone"
        );

        // Another segment grows in the place of the one that was cut.
        correct(&paceline.at("2026-01-06"), "pup_walk");
        assert_eq!(paceline.json(&["verify"])["ok"], true);
        let other = verify(paceline, &anchor, 1);
        assert_eq!(other["findings"][0]["kind"], "anchor_mismatch");
        assert_eq!(other["findings"][0]["segment_id"], 2);
        assert_eq!(fs::read_to_string(&anchor).expect("there"), text);
        let page = paceline.run(&["verify", "--anchor", &anchor]);
        page.expect(1, &["1 finding", "compare with a backup"]);
        assert!(page.stdout.contains("left as it was"), "{page}");
    });
}

#[test]
fn nothing_is_anchored_while_something_does_not_hold() {
    on_both_stores(|paceline, folder| {
        let anchor = folder.path().join("never.json");
        paceline.ok(&["run", NIGHTLY, "--import", &workouts(folder)]);
        tamper(
            paceline,
            &["UPDATE workout_ml_classifications SET classification_change_count = 7 WHERE workout_id = 'a'"],
        );
        let report = verify(paceline, &anchor.display().to_string(), 1);
        assert_eq!(report["anchor"]["status"], "left");
        assert!(!anchor.exists());
    });
}

#[test]
fn an_anchor_that_cannot_be_read_is_refused_and_never_overwritten() {
    let (folder, paceline) = on_new_sqlite();
    paceline.ok(&["run", NIGHTLY, "--import", &workouts(&folder)]);
    let good = folder.path().join("good.json").display().to_string();
    verify(&paceline, &good, 0);
    let good = fs::read_to_string(&good).expect("written");
    for (text, part) in [
        (String::new(), "it is empty"),
        (good[..40].to_owned(), "it is no anchor"),
        (
            good.replace("anchor 1", "anchor 2"),
            "its format is 'paceline anchor 2'",
        ),
        (good.replace("\"rows\": 2", "\"rows\": \"2\""), "it is no anchor"),
    ] {
        let path = file(&folder, "garbled.json", &text);
        paceline.refused(
            &["verify", "--anchor", &path],
            1,
            &["cannot use the anchor", part, "left as it is"],
        );
        assert_eq!(fs::read_to_string(&path).expect("there"), text);
    }
    let bytes = file(&folder, "bytes.json", [0xff, 0xfe]);
    paceline.refused(&["verify", "--anchor", &bytes], 1, &["cannot use the anchor"]);
    let here = folder.path().display().to_string();
    paceline.refused(&["verify", "--anchor", &here], 1, &["cannot use the anchor"]);
    let nowhere = folder.path().join("no/such/folder.json").display().to_string();
    paceline.refused(&["verify", "--anchor", &nowhere], 1, &["cannot write"]);
    let left: Vec<String> = fs::read_dir(folder.path())
        .expect("readable")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains(".json."))
        .collect();
    assert!(left.is_empty(), "no half-written file stays: {left:?}");
}

#[test]
fn the_anchor_of_another_database_does_not_fit() {
    let (folder, paceline) = on_new_sqlite();
    let (_other_folder, other) = on_new_sqlite();
    let anchor = folder.path().join("anchor.json").display().to_string();
    paceline.ok(&["run", NIGHTLY, "--import", &workouts(&folder)]);
    verify(&paceline, &anchor, 0);
    other.ok(&["migrate"]);
    assert_eq!(verify(&other, &anchor, 1)["findings"][0]["kind"], "anchor_cut");
    other
        .at("2026-02-02")
        .ok(&["run", NIGHTLY, "--import", &workouts(&folder)]);
    assert_eq!(verify(&other, &anchor, 1)["findings"][0]["kind"], "anchor_mismatch");
}
