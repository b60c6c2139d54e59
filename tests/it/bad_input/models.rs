//! A registry that was tampered with: a model is used only while its artifact is the one that was
//! registered, and in a format that this program reads.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{NIGHTLY, count, csv, six_workouts, texts};
use crate::support::cli::{Paceline, file, on_both_stores};

/// Changes one number of every artifact and leaves the checksums.
const ALTER: &str =
    "UPDATE ml_model_registry SET artifact = REPLACE(artifact, '\"mixed_band\":0.6', '\"mixed_band\":0.7')";

/// Six classified workouts; returns the active model's id.
fn classify_six(paceline: &Paceline, folder: &tempfile::TempDir) -> String {
    let path = file(folder, "in.csv", six_workouts());
    paceline.json(&["import", &path]);
    let report = paceline.json(&["run", NIGHTLY]);
    report["model"]["model_id"].as_str().expect("a model").to_owned()
}

/// Puts `artifact` with its own, correct checksum in the place of every artifact.
fn replace_artifact(paceline: &Paceline, artifact: &str) {
    let sha256: String = Sha256::digest(artifact).iter().map(|b| format!("{b:02x}")).collect();
    let update = format!("UPDATE ml_model_registry SET artifact = '{artifact}', artifact_sha256 = '{sha256}'");
    paceline.tamper(&[&update]);
}

/// The text of the one artifact there is.
fn artifact(paceline: &Paceline) -> String {
    let registry = &paceline.tables()["ml_model_registry"];
    let cell = registry[0].iter().find(|cell| cell.contains("format_version"));
    cell.expect("an artifact").clone()
}

/// A run, a plan and an explanation need the artifact and are refused with `parts`; what is stored
/// can still be read; doctor and `model show` point at it.
fn assert_unusable(paceline: &Paceline, model_id: &str, parts: &[&str]) {
    paceline.failed_run(&["run", NIGHTLY], 1, parts);
    paceline.refused(&["plan", NIGHTLY], 1, parts);
    paceline.refused(&["run", NIGHTLY, "--retrain", "never", "--dry-run"], 1, parts);
    paceline.refused(&["explain", "r1"], 1, parts);
    paceline.refused(&["model", "compare", model_id, "active"], 1, parts);
    let listed = paceline.json(&["classifications"]);
    assert_eq!(texts(&listed, "classification")[0], "real_run");
    assert_eq!(listed[0]["posterior"], Value::Null, "a posterior of an unusable model");
    assert_eq!(paceline.json(&["history", "r1"])[0]["new_classification"], "real_run");
    let page = paceline.ok(&["model", "show", "active"]).stdout;
    assert!(page.contains("PROBLEM") && page.contains(parts[0]), "{page}");
    let doctor = paceline.refused(&["doctor"], 1, &["1 finding needs attention"]);
    assert!(
        doctor.stdout.contains("active model") && doctor.stdout.contains("ERROR"),
        "{doctor}"
    );
}

#[test]
fn an_artifact_whose_checksum_no_longer_matches() {
    on_both_stores(|paceline, folder| {
        let model_id = classify_six(paceline, folder);
        let before = artifact(paceline);
        paceline.tamper(&[ALTER]);
        assert_ne!(artifact(paceline), before, "the tampering found nothing to change");
        let advice = format!("paceline model fail {model_id} --reason");
        assert_unusable(paceline, &model_id, &["SHA-256", &model_id, &advice]);

        // The advice works, and the verdicts come from a model that can be proved again.
        paceline.ok(&["model", "fail", &model_id, "--reason", "damaged"]);
        paceline.refused(&["model", "activate", &model_id], 1, &["SHA-256"]);
        let report = paceline.json(&["run", NIGHTLY]);
        assert_eq!(count(&report, "changes.changed"), 0, "{report}");
        assert_eq!(count(&report, "changes.refreshed"), 6, "{report}");
        assert_ne!(report["model"]["model_id"], model_id.as_str());
        assert_ne!(paceline.json(&["classifications"])[0]["posterior"], Value::Null);
        paceline.ok(&["doctor"]);
    });
}

#[test]
fn an_active_model_of_an_unknown_artifact_version() {
    on_both_stores(|paceline, folder| {
        let model_id = classify_six(paceline, folder);
        let newer = artifact(paceline).replace("\"format_version\":1", "\"format_version\":9");
        replace_artifact(paceline, &newer);
        assert_unusable(
            paceline,
            &model_id,
            &["format version 9", "use the program that wrote it"],
        );
    });
}

#[test]
fn an_artifact_that_is_no_model_or_not_there() {
    on_both_stores(|paceline, folder| {
        let model_id = classify_six(paceline, folder);
        replace_artifact(paceline, r#"{"format_version":1}"#);
        assert_unusable(paceline, &model_id, &["the artifact cannot be used"]);
        paceline.tamper(&["UPDATE ml_model_registry SET artifact = NULL, artifact_sha256 = NULL"]);
        assert_unusable(paceline, &model_id, &["the registry holds none"]);
    });
}

#[test]
fn a_damaged_model_is_not_put_in_production() {
    on_both_stores(|paceline, folder| {
        let first = classify_six(paceline, folder);
        let more = file(folder, "more.csv", csv(&["r9,2024-02-01,Run,3,1800,10.0"]));
        paceline.json(&["import", &more]);
        paceline.json(&["run", NIGHTLY, "--retrain", "always"]);
        paceline.tamper(&[ALTER]);
        paceline.refused(&["model", "activate", &first], 1, &["SHA-256", &first]);
        paceline.refused(&["model", "rollback"], 1, &["SHA-256", &first]);
    });
}

#[test]
fn a_new_model_does_not_need_the_damaged_one() {
    on_both_stores(|paceline, folder| {
        let first = classify_six(paceline, folder);
        paceline.tamper(&[ALTER]);
        let report = paceline.json(&["run", NIGHTLY, "--retrain", "always", "--seed", "7"]);
        assert_eq!(report["status"], "succeeded");
        assert_eq!(paceline.json(&["model", "show", &first])["model_id"], first.as_str());
        paceline.json(&["plan", NIGHTLY]);
    });
}
