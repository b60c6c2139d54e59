//! Too little to learn from: the anchored recipe still classifies, because its anchors are the model,
//! and the classic one falls back to the era rule and says so.

use serde_json::{Value, json};

use super::{CLASSIC, NIGHTLY, count, csv, six_workouts, texts};
use crate::support::cli::{Paceline, file, on_both_stores};

fn classified(paceline: &Paceline, contents: &str, folder: &tempfile::TempDir, recipe: &str) -> (Value, Value) {
    let path = file(folder, "in.csv", contents);
    paceline.json(&["import", &path]);
    let report = paceline.json(&["run", recipe]);
    let read = count(&report, "rows.read");
    let parts = ["rows.classified", "rows.skipped", "rows.quarantined"].map(|part| count(&report, part));
    assert_eq!(read, parts.iter().sum::<u64>(), "{report}");
    (report, paceline.json(&["classifications"]))
}

/// Every verdict is the era rule's and no model was registered.
fn assert_era_rule_alone(paceline: &Paceline, report: &Value, listed: &Value) {
    assert_eq!(
        count(report, "rows.fallback"),
        count(report, "rows.classified"),
        "{report}"
    );
    assert_eq!(report["model"]["model_id"], Value::Null, "{report}");
    for row in listed.as_array().expect("a list") {
        assert_eq!(
            (
                &row["source"],
                &row["method"],
                &row["confidence"],
                &row["model_id"],
                &row["posterior"]
            ),
            (
                &json!("era_fallback"),
                &json!("era_fallback"),
                &json!(0.4),
                &Value::Null,
                &Value::Null
            )
        );
    }
    assert_eq!(paceline.json(&["model", "list"]), json!([]));
}

#[test]
fn an_empty_table_is_a_run_of_nothing() {
    on_both_stores(|paceline, _| {
        let classic = paceline.json(&["run", CLASSIC]);
        assert_eq!((count(&classic, "rows.read"), count(&classic, "rows_written")), (0, 0));
        assert_era_rule_alone(paceline, &classic, &paceline.json(&["classifications"]));
        let nightly = paceline.json(&["run", NIGHTLY]);
        assert_eq!((count(&nightly, "rows.read"), count(&nightly, "rows_written")), (0, 0));
        assert_eq!(nightly["status"], "succeeded");
        assert_eq!(
            paceline.json(&["model", "show", "active"])["training_workouts_count"],
            0
        );
    });
}

#[test]
fn fewer_rows_than_clusters() {
    let two = csv(&["r1,2024-01-01,Run,3.1,1674,9.0", "w1,2024-01-04,Walk,1.0,1200,20.0"]);
    on_both_stores(|paceline, folder| {
        let (report, listed) = classified(paceline, &two, folder, CLASSIC);
        assert_era_rule_alone(paceline, &report, &listed);
        let said = report["decision"].to_string();
        assert!(
            said.contains("at least 3 different rows") && said.contains("era rule"),
            "{said}"
        );
    });
    on_both_stores(|paceline, folder| {
        let (report, listed) = classified(paceline, &two, folder, NIGHTLY);
        assert_eq!(count(&report, "rows.fallback"), 0);
        assert_eq!(texts(&listed, "classification"), ["real_run", "pup_walk"]);
        assert_eq!(texts(&listed, "method"), ["anchored-kmeans"; 2]);
    });
}

#[test]
fn all_rows_invalid_get_the_era_rule_from_either_recipe() {
    let invalid = csv(&[
        "a,2017-06-01,Run,3.1,1674,0",
        "b,2017-06-02,Run,,,",
        "c,2019-06-01,Walk,0,0,42554500",
        "d,2019-06-02,Walk,-1,-60,-9",
    ]);
    let recipe = "name = 'n'\n[fallback]\nera_date = 2018-06-01\nbefore = 'real_run'\nafter = 'pup_walk'\n";
    for algorithm in ["anchored-kmeans", "kmeans"] {
        on_both_stores(|paceline, folder| {
            let recipe = format!("{recipe}[model]\nalgorithm = '{algorithm}'\n");
            let recipe = file(folder, "p.toml", recipe);
            let (report, listed) = classified(paceline, &invalid, folder, &recipe);
            assert_eq!((count(&report, "rows.fallback"), count(&report, "changes.new")), (4, 4));
            assert_eq!(
                texts(&listed, "classification"),
                ["real_run", "real_run", "pup_walk", "pup_walk"]
            );
            assert_eq!(texts(&listed, "method"), ["era_fallback"; 4]);
            let again = paceline.json(&["run", &recipe]);
            assert_eq!(count(&again, "rows_written"), 0, "{again}");
        });
    }
}

#[test]
fn all_rows_identical() {
    let rows: Vec<String> = (0..30)
        .map(|i| format!("i{i:02},2024-01-01,Run,3.1,1674,9.0"))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    on_both_stores(|paceline, folder| {
        let (report, listed) = classified(paceline, &csv(&rows), folder, CLASSIC);
        assert_era_rule_alone(paceline, &report, &listed);
        assert!(
            report["decision"]
                .to_string()
                .contains("found 30 rows, 1 of them different")
        );
    });
    on_both_stores(|paceline, folder| {
        let (report, listed) = classified(paceline, &csv(&rows), folder, NIGHTLY);
        assert_eq!(count(&report, "rows.fallback"), 0);
        assert_eq!(texts(&listed, "classification"), ["real_run"; 30]);
        let confidences: Vec<&Value> = listed
            .as_array()
            .expect("a list")
            .iter()
            .map(|r| &r["confidence"])
            .collect();
        assert!(confidences.windows(2).all(|pair| pair[0] == pair[1]), "{confidences:?}");
    });
}

#[test]
fn the_classic_recipe_trains_as_soon_as_it_can() {
    on_both_stores(|paceline, folder| {
        let (report, listed) = classified(paceline, &csv(&["r1,2024-01-01,Run,3.1,1674,9.0"]), folder, CLASSIC);
        assert_era_rule_alone(paceline, &report, &listed);
        let (report, listed) = classified(paceline, &six_workouts(), folder, CLASSIC);
        assert_eq!(count(&report, "rows.fallback"), 0, "{report}");
        assert_eq!(texts(&listed, "method"), ["kmeans"; 6]);
        // Back to too little: the model that there is stays, and goes on speaking.
        let narrow = ["--from", "2024-01-01", "--to", "2024-01-02", "--retrain", "always"];
        let report = paceline.json(&[&["run", CLASSIC], &narrow[..]].concat());
        assert_eq!(count(&report, "rows.read"), 1);
        assert_eq!(count(&report, "rows.fallback"), 0, "{report}");
    });
}
