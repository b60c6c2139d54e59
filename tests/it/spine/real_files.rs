//! The reference figures on real exports, through the whole program and on both stores.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::cli::Paceline;
use crate::support::{TestStore, block_on, now};

/// The folder of shared files, or None after saying loudly that the test is skipped.
fn shared(test: &str) -> Option<PathBuf> {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = std::env::var_os("PACELINE_SHARED")
        .map_or(default, PathBuf::from)
        .join("data");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED {test}: PACELINE_SHARED not found at {}", folder.display());
    None
}

fn reference(folder: &std::path::Path) -> Value {
    let text = std::fs::read_to_string(folder.join("reference.json")).expect("reference.json");
    serde_json::from_str(&text).expect("JSON")
}

fn stores() -> Vec<TestStore> {
    block_on(async {
        let stores = vec![TestStore::sqlite().await, TestStore::mariadb().await];
        for store in &stores {
            store.db.migrate(now()).await.expect("migrate");
        }
        stores
    })
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[track_caller]
fn close(found: &Value, expected: &Value) {
    let (found, expected) = (number(found), number(expected));
    assert!((found / expected - 1.0).abs() < 1e-6, "{found} is not {expected}");
}

/// What must be equal on both stores: every classification with its confidence, bit for bit (JSON
/// floats are written to the last digit), and the artifact's checksum.
fn verdicts(paceline: &Paceline) -> (Value, Value) {
    let mut rows = paceline.json(&["classifications"]);
    for row in rows.as_array_mut().expect("a list") {
        row.as_object_mut().expect("an object").remove("model_id");
    }
    (
        rows,
        paceline.json(&["model", "show", "active"])["artifact_sha256"].clone(),
    )
}

#[test]
fn the_classic_recipe_gives_the_reference_figures_on_both_stores() {
    let Some(folder) = shared("the classic recipe") else {
        return;
    };
    let file = folder.join("mapmyrun_history_2025.csv");
    let reference = reference(&folder);
    let mut seen = Vec::new();
    for store in stores() {
        let paceline = Paceline::new(&store.url);
        let imported = paceline.json(&["import", &file.display().to_string()]);
        assert_eq!(imported["read"], 2774);
        assert_eq!(
            imported["new"]
                .as_u64()
                .zip(imported["quarantined"].as_u64())
                .map(|(n, q)| n + q),
            Some(2774)
        );
        let stored = block_on(store.rows("SELECT COUNT(*) FROM workout_summary"));
        assert_eq!(stored[0][0], imported["new"].to_string(), "none is lost");
        let report = paceline.json(&["run", "pipelines/classic.toml"]);
        assert_eq!(report["model"]["training_rows"], 2685);
        let model = paceline.json(&["model", "show", "active"]);
        close(&model["inertia"], &reference["inertia"]);
        close(&model["silhouette_score"], &reference["silhouette"]);
        for (index, label) in ["real_run", "mixed", "pup_walk"].iter().enumerate() {
            assert_eq!(
                model["cluster_distribution"][label], reference["sizes"][index],
                "{label}"
            );
            let centroid = &report["model"]["clusters"][index]["centroid"];
            for (at, name) in ["avg_pace", "distance_mi", "duration_min"].iter().enumerate() {
                close(&centroid[name], &reference["centroids_original_units"][index][at]);
            }
        }
        seen.push(verdicts(&paceline));
    }
    assert!(seen[0] == seen[1], "SQLite and MariaDB classify alike, bit for bit");
}

#[test]
fn the_nightly_recipe_gives_the_reference_figures_on_both_stores() {
    let Some(folder) = shared("the nightly recipe") else {
        return;
    };
    let file = folder.join("mapmyrun_history_2025.csv");
    let reference = &reference(&folder)["anchored"];
    let mut seen = Vec::new();
    for store in stores() {
        let paceline = Paceline::new(&store.url);
        paceline.ok(&["import", &file.display().to_string()]);
        let report = paceline.json(&["run", "pipelines/nightly.toml"]);
        assert_eq!(report["rows"]["skipped"], 20);
        assert_eq!(report["model"]["training_rows"], reference["n_valid_foot"]);
        for index in 0..2 {
            close(
                &report["model"]["clusters"][index]["centroid"]["avg_pace"],
                &reference["centroids_min_per_mi"][index],
            );
        }
        let again = paceline.json(&["run", "pipelines/nightly.toml"]);
        assert_eq!(
            (&again["rows_written"], &again["decision"]["action"]),
            (&Value::from(0), &Value::from("reused"))
        );
        seen.push(verdicts(&paceline));
    }
    assert!(seen[0] == seen[1], "SQLite and MariaDB classify alike, bit for bit");
}

/// Forced run-or-walk agreement, and strict agreement (`mixed` and `outlier` count as wrong), over the
/// valid workouts that have a true label.
fn agreement(folder: &std::path::Path, name: &str) -> (f64, f64) {
    let text = std::fs::read_to_string(folder.join(name)).expect("a labelled file");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().expect("headers").clone();
    let column = |wanted: &str| headers.iter().position(|h| h == wanted).expect("a column");
    let (id, label) = (column("workout_id"), column("label"));
    let truth: std::collections::HashMap<String, String> = reader
        .records()
        .map(|r| r.expect("a record"))
        .filter(|r| !r[label].is_empty())
        .map(|r| (r[id].to_owned(), r[label].to_owned()))
        .collect();
    let store = block_on(TestStore::sqlite());
    let paceline = Paceline::new(&store.url);
    paceline.ok(&[
        "run",
        "pipelines/nightly.toml",
        "--import",
        &folder.join(name).display().to_string(),
    ]);
    let (mut rows, mut forced, mut strict) = (0.0, 0.0, 0.0);
    for row in paceline.json(&["classifications"]).as_array().expect("a list") {
        let Some(truth) = truth.get(row["workout_id"].as_str().expect("an id")) else {
            continue;
        };
        // A fallback has no posterior: the model did not speak, as the reference does not count it.
        let Some(posterior) = row["posterior"].as_object() else {
            continue;
        };
        let run = number(&posterior["real_run"]) > number(&posterior["pup_walk"]);
        let word = if truth == "run" { "real_run" } else { "pup_walk" };
        rows += 1.0;
        forced += f64::from(u8::from(run == (truth == "run")));
        strict += f64::from(u8::from(row["classification"] == word));
    }
    eprintln!(
        "{name}: {rows} rows, forced {:.4}, strict {:.4}",
        forced / rows,
        strict / rows
    );
    (forced / rows, strict / rows)
}

#[test]
fn people_with_true_labels_are_classified_rightly_without_feedback() {
    let Some(folder) = shared("labelled people") else {
        return;
    };
    let (forced, strict) = agreement(&folder, "labelled_a.csv");
    assert!(forced >= 0.997 && strict >= 0.99, "labelled_a: {forced} {strict}");
    let (forced, strict) = agreement(&folder, "labelled_b.csv");
    assert!(forced >= 0.95 && strict >= 0.93, "labelled_b: {forced} {strict}");
}

#[test]
fn exports_in_kilometres_end_in_miles() {
    let Some(folder) = shared("kilometres") else { return };
    for name in ["mapmyrun_km_td.csv", "mapmyrun_km_jam.csv"] {
        let store = block_on(TestStore::sqlite());
        let paceline = Paceline::new(&store.url);
        let report = paceline.json(&[
            "run",
            "pipelines/nightly.toml",
            "--import",
            &folder.join(name).display().to_string(),
        ]);
        let imported = &report["imports"][0];
        assert_eq!(imported["read"], imported["new"], "{name}: {imported}");
        // Runners: read as miles, a kilometre pace of 7 would be twice too fast for the distance.
        let share = number(&report["labels"]["real_run"]) / number(&report["rows"]["classified"]);
        assert!(share > 0.9, "{name}: {report}");
    }
}
