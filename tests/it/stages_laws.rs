//! Laws that hold for any rows: a verdict depends on the row alone, training on the rows alone, and
//! a change set, once written, leaves nothing to write.

use std::collections::BTreeMap;

use paceline::stage::classify::{classify, explain};
use paceline::stage::diff::{ChangeSet, Outcome, diff};
use paceline::stage::feedback::Feedback;
use paceline::stage::frame::{Classifications, Frame, Predictions};
use paceline::stage::model::Model;
use paceline::stage::params::Params;
use paceline::stage::train::{Trained, train};
use paceline::time::WorkoutDate;
use paceline::vocab::{Algorithm, Label};
use proptest::prelude::*;

use crate::stages::tables::{Record, classifications, features, show_real, show_text};

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// What exports hold now and then.
const ODD: &[&str] = &["", "NaN", "inf", "-inf", "0", "-0.0", "-3", "1e-300", "1e300"];

/// Mostly what people do, now and then something odd.
fn measure(usual: std::ops::Range<f64>) -> impl Strategy<Value = String> {
    prop_oneof![
        12 => usual.prop_map(|x| x.to_string()),
        1 => prop::sample::select(ODD).prop_map(str::to_owned),
    ]
}

prop_compose! {
    fn workout()(
        pace in measure(5.0..32.0),
        distance in measure(0.2..16.0),
        duration in measure(300.0..9_000.0),
        day in 1..28u32,
        year in 2010..2026u32,
    ) -> Record {
        Record::from([
            ("workout_date".to_owned(), format!("{year}-06-{day:02}")),
            ("avg_pace".to_owned(), pace),
            ("distance_mi".to_owned(), distance),
            ("duration_sec".to_owned(), duration),
        ])
    }
}

/// Workouts under ids that are not in the order of their rows.
fn history(rows: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Record>> {
    prop::collection::vec(workout(), rows).prop_map(|mut records| {
        for (i, record) in records.iter_mut().enumerate() {
            let id = (i as u64).wrapping_mul(7_919) % 10_007;
            record.insert("workout_id".to_owned(), id.to_string());
        }
        records
    })
}

fn params(algorithm: Algorithm) -> Params {
    Params {
        algorithm,
        restarts: 2,
        ..Params::default()
    }
}

fn trained(records: &[Record], algorithm: Algorithm) -> Option<Trained> {
    train(&features(records), &Feedback::none(), &params(algorithm), 7).ok()
}

/// Both algorithms' models on these rows; `kmeans` only where there are enough.
fn models(records: &[Record]) -> Vec<Model> {
    let both = [Algorithm::AnchoredKmeans, Algorithm::Kmeans];
    both.into_iter()
        .filter_map(|a| trained(records, a))
        .map(|t| t.model)
        .collect()
}

/// Everything that a prediction says, floats as bits.
type Said = (String, String, [Option<u64>; 4]);

fn said(predictions: &Frame<Predictions>) -> BTreeMap<String, Said> {
    let bits = |column: &str, i: usize| predictions.real(column).get(i).map(f64::to_bits);
    (0..predictions.height())
        .map(|i| {
            let numbers = [
                "confidence",
                "posterior_real_run",
                "posterior_mixed",
                "posterior_pup_walk",
            ];
            let said = (
                show_text(predictions.text("label"), i),
                show_text(predictions.text("method"), i),
                numbers.map(|column| bits(column, i)),
            );
            (show_text(predictions.ids(), i), said)
        })
        .collect()
}

fn predict(records: &[Record], model: &Model) -> BTreeMap<String, Said> {
    said(&classify(&features(records), model).expect("predictions"))
}

proptest! {
    #![proptest_config(config())]

    /// Invariant 6.
    #[test]
    fn a_verdict_depends_on_the_row_and_the_artifact_alone(
        records in history(0..60),
        keep in prop::collection::vec(any::<bool>(), 60),
    ) {
        for model in models(&records) {
            let whole = predict(&records, &model);
            prop_assert_eq!(whole.len(), records.len());
            let kept = records.iter().zip(&keep).filter(|(_, kept)| **kept);
            let subset: Vec<Record> = kept.map(|(record, _)| record.clone()).collect();
            let batches = records.iter().map(std::slice::from_ref).chain([subset.as_slice()]);
            for batch in batches {
                for (id, said) in predict(batch, &model) {
                    prop_assert_eq!(&whole[&id], &said, "{}", id);
                }
            }
        }
    }

    /// `explain` is `classify`, spelled out; and what either says is a probability.
    #[test]
    fn an_explanation_is_the_verdict(records in history(1..40)) {
        let rows = features(&records);
        for model in models(&records) {
            let found = classify(&rows, &model).expect("predictions");
            for i in 0..rows.height() {
                let value = |column: &str| rows.real(column).get(i);
                let date = WorkoutDate::from_micros(rows.micros("workout_date").get(i).expect("a date"));
                let why = explain(&model, date, value("avg_pace"), value("distance_mi"), value("duration_min"));
                prop_assert_eq!(show_text(found.text("label"), i), why.label.as_str());
                prop_assert_eq!(found.real("confidence").get(i).map(f64::to_bits), Some(why.confidence.to_bits()));
                prop_assert!((0.0..=1.0).contains(&why.confidence));
                let total = why.posterior.map(|p| p.real_run + p.mixed.unwrap_or(0.0) + p.pup_walk);
                prop_assert!(total.is_none_or(|t| (t - 1.0).abs() < 1e-12));
                prop_assert_eq!(total, why.forced_label.and(total));
            }
        }
    }

    /// Invariant 8, and that clusters are numbered by pace: a retrain never permutes labels.
    #[test]
    fn training_depends_on_the_rows_and_not_on_their_order(
        (records, shuffled) in history(0..80).prop_flat_map(|r| (Just(r.clone()), Just(r).prop_shuffle())),
    ) {
        for algorithm in [Algorithm::AnchoredKmeans, Algorithm::Kmeans] {
            let (one, two) = (trained(&records, algorithm), trained(&shuffled, algorithm));
            prop_assert_eq!(one.is_some(), two.is_some());
            let (Some(one), Some(two)) = (one, two) else { continue };
            prop_assert_eq!(one.model.to_canonical_json(), two.model.to_canonical_json());
            prop_assert_eq!(&one.stats, &two.stats);
            let clustering = one.model.clustering().expect("clusters");
            let paces: Vec<f64> = clustering.clusters.iter().map(|c| clustering.measured(c)[0]).collect();
            prop_assert!(paces.is_sorted(), "{:?}", paces);
            let labels: Vec<Label> = clustering.clusters.iter().map(|c| c.label).collect();
            let canonical: &[Label] = match algorithm {
                Algorithm::Kmeans => &[Label::RealRun, Label::Mixed, Label::PupWalk],
                Algorithm::AnchoredKmeans => &[Label::RealRun, Label::PupWalk],
            };
            prop_assert_eq!(labels, canonical);
            let stored = one.model.to_canonical_json();
            prop_assert_eq!(Model::from_stored(&stored, &one.model.sha256()), Ok(one.model));
        }
    }

    /// Invariants 3 and 5: what a change set writes leaves nothing to write, and never touches the
    /// label of an overridden workout.
    #[test]
    fn a_written_change_set_leaves_nothing_to_write(
        records in history(0..50),
        stored in prop::collection::vec(stored(), 50),
    ) {
        let model = trained(&records, Algorithm::AnchoredKmeans).expect("it never fails").model;
        let predictions = classify(&features(&records), &model).expect("predictions");
        let mut state: BTreeMap<String, Record> = records.iter().zip(stored).filter_map(|(r, s)| {
            let mut line = s?;
            line.insert("workout_id".to_owned(), r["workout_id"].clone());
            Some((r["workout_id"].clone(), line))
        }).collect();
        let overridden = |state: &BTreeMap<String, Record>| -> Vec<(String, String)> {
            let lines = state.values().filter(|l| l["is_user_override"] == "true");
            lines.map(|l| (l["workout_id"].clone(), l["current_classification"].clone())).collect()
        };
        let before = overridden(&state);
        let current = frame(&state);
        let set = diff(&current, &predictions, Some("new"));
        let c = set.counts;
        prop_assert_eq!((c.new + c.changed + c.refreshed + c.protected + c.unchanged) as usize, records.len());
        prop_assert_eq!(set.matrix.iter().map(|t| t.count).sum::<u64>(), c.new + c.changed);
        prop_assert!(set.changes.is_sorted_by_key(|c| c.prediction));
        apply(&set, &predictions, &mut state);
        prop_assert_eq!(overridden(&state), before);
        let again = diff(&frame(&state), &predictions, Some("new"));
        prop_assert!(again.changes.is_empty(), "{:?}", again);
        prop_assert_eq!(again.counts.protected, c.protected);
        prop_assert_eq!(again.counts.unchanged, records.len() as u64 - c.protected);
    }
}

prop_compose! {
    /// A stored line without its id, or none.
    fn stored()(
        label in prop::sample::select(vec!["real_run", "pup_walk", "mixed", "outlier", "unknown"]),
        confidence in prop::sample::select(vec!["", "0.4", "1", "0.999"]),
        model in prop::sample::select(vec!["", "new", "old"]),
        overridden in prop::bool::weighted(0.3),
        original in prop::sample::select(vec!["", "real_run", "pup_walk"]),
        exists in prop::bool::weighted(0.8),
    ) -> Option<Record> {
        exists.then(|| Record::from([
            ("current_classification".to_owned(), label.to_owned()),
            ("classification_confidence".to_owned(), confidence.to_owned()),
            ("model_id".to_owned(), model.to_owned()),
            ("is_user_override".to_owned(), overridden.to_string()),
            ("original_ml_classification".to_owned(), original.to_owned()),
        ]))
    }
}

fn frame(state: &BTreeMap<String, Record>) -> Frame<Classifications> {
    classifications(&state.values().cloned().collect::<Vec<_>>())
}

/// Writes a change set as a store would.
fn apply(set: &ChangeSet, predictions: &Frame<Predictions>, state: &mut BTreeMap<String, Record>) {
    for change in &set.changes {
        let id = show_text(predictions.ids(), change.prediction as usize);
        let label = show_text(predictions.text("label"), change.prediction as usize);
        let line = state.entry(id.clone()).or_default();
        let mut put = |column: &str, text: String| line.insert(column.to_owned(), text);
        if change.outcome == Outcome::Protected {
            put("original_ml_classification", label);
            continue;
        }
        put("workout_id", id);
        put("current_classification", label);
        put(
            "classification_confidence",
            show_real(predictions.real("confidence"), change.prediction as usize),
        );
        put("model_id", "new".to_owned());
        line.entry("is_user_override".to_owned())
            .or_insert_with(|| "false".to_owned());
    }
}

/// More rows than a partial sum and the restarts' sample take: one thread and four give the same
/// bytes.
#[test]
fn the_number_of_threads_changes_nothing() {
    let records: Vec<Record> = (0..9_000u32)
        .map(|i| {
            let spread = f64::from(i.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
            let (pace, miles) = if i % 3 == 0 {
                (8.0 + 3.0 * spread, 5.0 + spread)
            } else {
                (19.0 + 5.0 * spread, 2.0 + spread)
            };
            Record::from([
                ("workout_id".to_owned(), format!("{i:06}")),
                ("avg_pace".to_owned(), pace.to_string()),
                ("distance_mi".to_owned(), miles.to_string()),
                ("duration_sec".to_owned(), (pace * miles * 60.0).to_string()),
            ])
        })
        .collect();
    let rows = features(&records);
    for algorithm in [Algorithm::AnchoredKmeans, Algorithm::Kmeans] {
        let params = Params {
            restarts: 1,
            restart_sample: 2_000,
            ..params(algorithm)
        };
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("a pool");
            pool.install(|| {
                let trained = train(&rows, &Feedback::none(), &params, 3).expect("a model");
                let said = said(&classify(&rows, &trained.model).expect("predictions"));
                (trained.model.to_canonical_json(), trained.stats, said)
            })
        };
        let (one, four) = (on(1), on(4));
        assert_eq!(one.0, four.0);
        assert_eq!(one.1, four.1);
        assert_eq!(one.2, four.2);
        assert!(one.1.converged);
    }
}
