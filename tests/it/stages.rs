//! Stage fixtures: `tests/fixtures/<stage>/<case>/{in.csv, expect.csv, ..}`, all driven by one loop;
//! a new case is a new folder and adds no Rust.
//!
//! `expect.csv` is compared with what the stage returns, line by line and by the columns it names:
//! numbers to a relative 1e-9, everything else as text. Beside it, where a stage needs them:
//! - `params.json`: the parameters (`train`, or `classify` and `diff` with a model trained on in.csv);
//!   for `featurize`, the activities
//! - `feedback.csv`: what people said, where a model is trained (`train`, `classify`, `diff`)
//! - `model.json`: an artifact (`classify`, `diff`)
//! - `current.csv`: the stored state (`diff`); a confidence of `=` is the prediction's own

pub mod tables;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use paceline::id::ModelId;
use paceline::stage::classify::{classify, explain, verdicts};
use paceline::stage::decide::{ActiveModel, Decision, Fingerprint, ReusePolicy, decide};
use paceline::stage::diff::diff;
use paceline::stage::features::{Activities, featurize, featurize_all};
use paceline::stage::feedback::{Answer, Feedback};
use paceline::stage::frame::{Features, Frame, Predictions};
use paceline::stage::model::Model;
use paceline::stage::params::Params;
use paceline::stage::train::{TrainError, Trained, train};
use paceline::time::{Timestamp, WorkoutDate};
use sha2::{Digest, Sha256};
use tables::{Record, cell, features, number, read_csv, show_real, show_text, workouts};

/// The seed of every fixture.
const SEED: u64 = 42;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Runs every case of a stage and compares; names all that differ before it fails.
fn drive(stage: &str, run: fn(&Path) -> Vec<Record>) {
    let folder = root().join("fixtures").join(stage);
    let mut cases: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.expect("a folder entry").path())
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "{}: no cases", folder.display());
    let faults: Vec<String> = cases
        .iter()
        .flat_map(|case| {
            differences(&read_csv(&case.join("expect.csv")), &run(case))
                .into_iter()
                .map(|d| format!("{}: {d}", case.display()))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn differences(expected: &[Record], found: &[Record]) -> Vec<String> {
    let mut faults = Vec::new();
    if expected.len() != found.len() {
        faults.push(format!(
            "{} lines expected, found {}: {found:#?}",
            expected.len(),
            found.len()
        ));
    }
    for (line, (want, have)) in expected.iter().zip(found).enumerate() {
        for (column, want) in want {
            let have = have.get(column).map_or("", String::as_str);
            if !same(want, have) {
                faults.push(format!(
                    "line {}, {column}: expected '{want}', found '{have}'",
                    line + 1
                ));
            }
        }
    }
    faults
}

fn same(want: &str, have: &str) -> bool {
    if want == have {
        return true;
    }
    match (want.parse::<f64>(), have.parse::<f64>()) {
        (Ok(want), Ok(have)) => (want - have).abs() <= 1e-9 * want.abs().max(1e-3),
        _ => false,
    }
}

fn record<const N: usize>(cells: [(&str, String); N]) -> Record {
    cells
        .into_iter()
        .map(|(column, text)| (column.to_owned(), text))
        .collect()
}

fn json<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    let text = fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

/// An artifact from a file, which need not be canonical.
fn artifact(path: &Path) -> Option<Model> {
    let text = fs::read_to_string(path).ok()?;
    let sha = format!("{:x}", Sha256::digest(&text));
    Some(Model::from_stored(&text, &sha).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

fn trained(case: &Path, rows: &Frame<Features>) -> Result<Trained, TrainError> {
    let params: Params = json(&case.join("params.json")).unwrap_or_default();
    train(rows, &feedback(case), &params, SEED)
}

/// What people said in `feedback.csv` (workout_id, user, label, certainty), the later line later and an empty label none; nobody
/// said anything without it.
fn feedback(case: &Path) -> Feedback {
    let path = case.join("feedback.csv");
    let lines = if path.exists() { read_csv(&path) } else { Vec::new() };
    let answer = |(place, line): (usize, &Record)| Answer {
        workout_id: line["workout_id"].clone(),
        user: line["user"].clone(),
        submitted_at: Timestamp::from_micros(place as i64),
        feedback_id: place as i64,
        label: cell(line, "label").map(|label| label.parse().expect("a label")),
        certainty: number(line, "certainty").expect("a certainty") as u8,
    };
    Feedback::of(lines.iter().enumerate().map(answer).collect()).expect("certainties in range")
}

/// The case's artifact, or one trained on its rows.
fn model(case: &Path, rows: &Frame<Features>) -> Model {
    artifact(&case.join("model.json")).unwrap_or_else(|| trained(case, rows).expect("a model").model)
}

#[test]
fn featurize_fixtures() {
    drive("featurize", |case| {
        let activities: Activities = json(&case.join("params.json")).unwrap_or_default();
        let input = workouts(&read_csv(&case.join("in.csv")));
        let found = featurize(&input, &activities).expect("features");
        let height = input.height();
        assert!(
            height >= found.features.height() && input.ids().len() == height,
            "it is only read"
        );
        let same = featurize_all(input, &activities).expect("features");
        assert!(same.features.df().equals_missing(found.features.df()) && same.skipped == found.skipped);
        let rows = &found.features;
        let kept = (0..rows.height()).map(|i| {
            record([
                ("workout_id", show_text(rows.ids(), i)),
                ("avg_pace", show_real(rows.real("avg_pace"), i)),
                ("distance_mi", show_real(rows.real("distance_mi"), i)),
                ("duration_min", show_real(rows.real("duration_min"), i)),
            ])
        });
        let skipped = found
            .skipped
            .iter()
            .map(|(activity, count)| record([("skipped", activity.clone()), ("count", count.to_string())]));
        kept.chain(skipped).collect()
    });
}

#[test]
fn train_fixtures() {
    drive("train", |case| {
        let rows = features(&read_csv(&case.join("in.csv")));
        match trained(case, &rows) {
            Err(error) => vec![record([("error", error.to_string())])],
            Ok(trained) => clusters(&trained),
        }
    });
}

/// One line per cluster; the model's own figures stand in each.
fn clusters(trained: &Trained) -> Vec<Record> {
    let Trained { model, stats } = trained;
    let clustering = model.clustering().expect("a trained model has clusters");
    let lines = clustering.clusters.iter().zip(&stats.cluster_sizes);
    lines
        .map(|(cluster, size)| {
            let mut line = record([
                ("label", cluster.label.to_string()),
                ("size", size.to_string()),
                ("rows", stats.rows.to_string()),
                ("valid_rows", stats.valid_rows.to_string()),
                ("inertia", stats.inertia.to_string()),
                ("sigma2", clustering.sigma2.to_string()),
                ("cut", clustering.cut.map(|cut| cut.to_string()).unwrap_or_default()),
                (
                    "silhouette",
                    stats.silhouette.map(|s| s.to_string()).unwrap_or_default(),
                ),
                ("silhouette_method", stats.silhouette_method.clone()),
                (
                    "date_start",
                    stats.date_start.map(|d| d.to_string()).unwrap_or_default(),
                ),
                ("date_end", stats.date_end.map(|d| d.to_string()).unwrap_or_default()),
                ("notes", stats.notes.join("; ")),
            ]);
            let centre = clustering.features.iter().zip(clustering.measured(cluster));
            line.extend(centre.map(|(feature, value)| (feature.name().to_owned(), value.to_string())));
            line.extend(learnt(trained));
            line
        })
        .collect()
}

/// The head and how it came about; nothing without one.
fn learnt(trained: &Trained) -> Record {
    let (Some(head), Some(learning)) = (trained.model.head(), &trained.stats.learning) else {
        return Record::new();
    };
    let pace = head.boundary_pace(3.0).map(|pace| pace.to_string());
    record([
        ("head_log_pace", head.log_pace.to_string()),
        ("head_log_distance", head.log_distance.to_string()),
        ("boundary_pace_3mi", pace.unwrap_or_default()),
        (
            "prior_weight",
            learning.prior_weight.map(|w| w.to_string()).unwrap_or_default(),
        ),
    ])
}

#[test]
fn classify_fixtures() {
    drive("classify", |case| {
        let input = read_csv(&case.join("in.csv"));
        let rows = features(&input);
        let model = model(case, &rows);
        let found = classify(&rows, &model).expect("predictions");
        let lean = verdicts(&rows, &model).expect("predictions");
        for column in ["workout_id", "label", "method"] {
            assert!(found.text(column).iter().eq(lean.text(column).iter()), "{column}");
        }
        assert!(found.real("confidence").iter().eq(lean.real("confidence").iter()));
        assert_eq!(lean.real("posterior_real_run").null_count(), rows.height());
        (0..found.height()).map(|i| verdict(&rows, &found, &model, i)).collect()
    });
}

/// A prediction, with what `explain` adds; both must agree.
fn verdict(rows: &Frame<Features>, found: &Frame<Predictions>, model: &Model, i: usize) -> Record {
    let date = WorkoutDate::from_micros(rows.micros("workout_date").get(i).expect("a date"));
    let value = |column: &str| rows.real(column).get(i);
    let why = explain(
        model,
        date,
        value("avg_pace"),
        value("distance_mi"),
        value("duration_min"),
    );
    assert_eq!(show_text(found.text("label"), i), why.label.as_str());
    assert_eq!(
        found.real("confidence").get(i).map(f64::to_bits),
        Some(why.confidence.to_bits())
    );
    assert_eq!(show_text(found.text("method"), i), why.method);
    let rule = serde_json::to_value(why.rule).expect("a word");
    record([
        ("workout_id", show_text(found.ids(), i)),
        ("label", show_text(found.text("label"), i)),
        ("confidence", show_real(found.real("confidence"), i)),
        ("posterior_real_run", show_real(found.real("posterior_real_run"), i)),
        ("posterior_mixed", show_real(found.real("posterior_mixed"), i)),
        ("posterior_pup_walk", show_real(found.real("posterior_pup_walk"), i)),
        ("method", show_text(found.text("method"), i)),
        ("rule", rule.as_str().unwrap_or_default().to_owned()),
        ("forced", why.forced_label.map(|l| l.to_string()).unwrap_or_default()),
    ])
}

#[test]
fn diff_fixtures() {
    drive("diff", |case| {
        let rows = features(&read_csv(&case.join("in.csv")));
        let predictions = classify(&rows, &model(case, &rows)).expect("predictions");
        let own: BTreeMap<String, String> = (0..predictions.height())
            .map(|i| {
                (
                    show_text(predictions.ids(), i),
                    show_real(predictions.real("confidence"), i),
                )
            })
            .collect();
        let mut stored = read_csv(&case.join("current.csv"));
        for line in &mut stored {
            if cell(line, "classification_confidence") == Some("=") {
                let confidence = own[&line["workout_id"]].clone();
                line.insert("classification_confidence".to_owned(), confidence);
            }
        }
        let current = tables::classifications(&stored);
        let set = diff(&current, &predictions, Some("m"));
        let changes = set.changes.iter().map(|change| {
            let from = change
                .current
                .map(|at| show_text(current.text("current_classification"), at as usize));
            record([
                ("workout_id", show_text(predictions.ids(), change.prediction as usize)),
                ("outcome", change.outcome.as_str().to_owned()),
                ("from", from.unwrap_or_default()),
                ("to", show_text(predictions.text("label"), change.prediction as usize)),
            ])
        });
        let moves = set.matrix.iter().map(|t| {
            record([
                ("outcome", "moved".to_owned()),
                ("from", t.from.clone().unwrap_or_default()),
                ("to", t.to.clone()),
                ("count", t.count.to_string()),
            ])
        });
        let c = set.counts;
        let counts = [
            ("new", c.new),
            ("changed", c.changed),
            ("refreshed", c.refreshed),
            ("protected", c.protected),
            ("unchanged", c.unchanged),
        ]
        .map(|(outcome, count)| record([("outcome", outcome.to_owned()), ("count", count.to_string())]));
        changes.chain(moves).chain(counts).collect()
    });
}

#[test]
fn decide_fixtures() {
    drive("decide", |case| {
        read_csv(&case.join("in.csv")).iter().map(decision).collect()
    });
}

/// One line of a `decide` case. `active` empty: no active model. `active_params` and `params` are
/// JSON objects laid over the defaults.
fn decision(line: &Record) -> Record {
    let params = |column: &str| -> Params {
        serde_json::from_str(cell(line, column).unwrap_or("{}")).unwrap_or_else(|e| panic!("{column}: {e}"))
    };
    let instant = |column: &str| -> Timestamp {
        cell(line, column)
            .unwrap_or("2026-01-01")
            .parse()
            .unwrap_or_else(|e| panic!("{column}: {e}"))
    };
    let active = cell(line, "active").map(|id| ActiveModel {
        model_id: ModelId::new(id),
        hyperparameters: Some(params("active_params")),
        trained_at: instant("trained_at"),
        training_rows: number(line, "training_rows").unwrap_or(0.0) as u64,
        data_sha256: cell(line, "training_sha").map(str::to_owned),
    });
    let data = Fingerprint {
        rows: number(line, "rows").unwrap_or(0.0) as u64,
        data_sha256: cell(line, "sha").unwrap_or("other").to_owned(),
    };
    let policy: ReusePolicy =
        serde_json::from_str(cell(line, "policy").unwrap_or("{}")).unwrap_or_else(|e| panic!("policy: {e}"));
    let unprocessed = number(line, "unprocessed").unwrap_or(0.0) as u64;
    let found = decide(
        active.as_ref(),
        &data,
        unprocessed,
        &params("params"),
        &policy,
        instant("now"),
    );
    let value = serde_json::to_value(&found).expect("a decision");
    let text = |v: &serde_json::Value| v.as_str().unwrap_or_default().to_owned();
    if let Decision::Reuse { model_id, .. } = &found {
        assert_eq!(text(&value["model_id"]), model_id.as_str());
    }
    record([
        ("case", line["case"].clone()),
        ("action", text(&value["action"])),
        ("reason", text(&value["reason"]["kind"])),
        ("text", found.to_string()),
    ])
}

/// Format 1 must load for ever and read back to the same bytes; and the fixtures it was trained on
/// must still give it, or the same history would get another model after an update.
#[test]
fn golden_artifacts_load_and_are_reproduced() {
    for (name, algorithm) in [
        ("anchored-kmeans", "anchored-kmeans"),
        ("kmeans", "kmeans"),
        ("taught", "anchored-kmeans"),
    ] {
        let path = root().join("golden").join(format!("{name}-v1.json"));
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let text = text.trim_end();
        let sha = fs::read_to_string(path.with_extension("sha256")).expect("its checksum");
        let golden = Model::from_stored(text, sha.trim()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(golden.to_canonical_json(), text, "{name}");
        assert_eq!(golden.sha256(), sha.trim(), "{name}");
        assert_eq!(golden.algorithm().as_str(), algorithm);
        let case = root().join("fixtures/train").join(format!("{name}_synthetic"));
        let rows = features(&read_csv(&case.join("in.csv")));
        let again = trained(&case, &rows).expect("a model").model;
        assert_eq!(again.to_canonical_json(), text, "{name}");
    }
}
