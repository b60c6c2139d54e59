//! What the benchmarks work on: the generated sample, taken through every stage once.
//!
//! Invariants: made once for each number of rows and kept; the same on every machine.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use paceline::audit::Hash;
use paceline::audit::encoding::HistoryRow;
use paceline::ingest::{self, Record, Workout};
use paceline::stage::classify::classify;
use paceline::stage::features::{Activities, featurize};
use paceline::stage::feedback::Feedback;
use paceline::stage::frame::{Classifications, Features, Frame, Predictions, Workouts};
use paceline::stage::model::Model;
use paceline::stage::params::Params;
use paceline::stage::train::train;
use paceline::time::Timestamp;
use polars::prelude::*;

#[allow(dead_code, reason = "the examples write more of it")]
#[path = "../../examples/sample/mod.rs"]
mod sample;

/// The model under which everything is stored.
pub const MODEL: &str = "0197f2a0-0000-7000-8000-000000000001";

/// A run's id.
const RUN: &str = "0197f2a0-0000-7000-8000-000000000002";

/// 2025-01-01.
const NOW: Timestamp = Timestamp::from_micros(1_735_689_600_000_000);

/// A history, and what the stages make of it.
pub struct History {
    pub workouts: Frame<Workouts>,
    pub features: Frame<Features>,
    pub model: Model,
    pub predictions: Frame<Predictions>,
    /// The state after a first night.
    pub stored: Frame<Classifications>,
    /// The history rows of that night.
    pub rows: Vec<HistoryRow>,
    pub leaves: Vec<Hash>,
}

/// The history of an export of `rows` workouts.
pub fn history(rows: u64) -> &'static History {
    static MADE: Mutex<BTreeMap<u64, &'static History>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(rows)
        .or_insert_with(|| Box::leak(Box::new(History::of(rows))))
}

impl History {
    fn of(rows: u64) -> Self {
        let workouts = workouts(rows);
        let features = featurize(&workouts, &Activities::default()).expect("features").features;
        let trained = train(&features, &Feedback::none(), &Params::default(), 1).expect("it never fails");
        let predictions = classify(&features, &trained.model).expect("predictions");
        let rows = history_rows(&features, &predictions);
        let mut scratch = Vec::new();
        Self {
            stored: stored(&predictions),
            leaves: rows.iter().map(|row| row.borrowed().leaf_hash(&mut scratch)).collect(),
            workouts,
            features,
            model: trained.model,
            predictions,
            rows,
        }
    }
}

fn workouts(rows: u64) -> Frame<Workouts> {
    let mut export = Vec::new();
    sample::workouts(&mut export, rows, sample::SEED).expect("memory takes everything");
    let mut workouts: BTreeMap<String, Workout> = BTreeMap::new();
    for record in ingest::read(export.as_slice()).expect("a known layout") {
        if let Record::Accepted(row) = record.expect("memory does not fail") {
            workouts.insert(row.workout.id.clone(), row.workout);
        }
    }
    let workouts: Vec<Workout> = workouts.into_values().collect();
    let text = |name: &str, of: fn(&Workout) -> Option<&str>| {
        Column::new(name.into(), workouts.iter().map(of).collect::<Vec<_>>())
    };
    let real = |name: &str, of: fn(&Workout) -> Option<f64>| {
        Column::new(name.into(), workouts.iter().map(of).collect::<Vec<_>>())
    };
    let dates = Int64Chunked::from_vec(
        "workout_date".into(),
        workouts.iter().map(|w| w.date.micros()).collect(),
    );
    let columns = vec![
        text("workout_id", |w| Some(&w.id)),
        dates.into_datetime(TimeUnit::Microseconds, None).into_column(),
        text("activity_type", |w| w.activity_type.as_deref()),
        real("avg_pace", |w| w.avg_pace),
        real("distance_mi", |w| w.distance_mi),
        real("duration_sec", |w| w.duration_sec),
    ];
    Frame::parse(DataFrame::new(workouts.len(), columns).expect("equal heights")).expect("the schema")
}

fn stored(predictions: &Frame<Predictions>) -> Frame<Classifications> {
    let rows = predictions.height();
    let columns = vec![
        predictions.ids().clone().into_column(),
        predictions
            .text("label")
            .clone()
            .with_name("current_classification".into())
            .into_column(),
        predictions
            .real("confidence")
            .clone()
            .with_name("classification_confidence".into())
            .into_column(),
        Column::new("model_id".into(), vec![MODEL; rows]),
        Column::new("is_user_override".into(), vec![false; rows]),
        Column::new("original_ml_classification".into(), vec![None::<&str>; rows]),
        Column::new("classification_id".into(), (1..=rows as i64).collect::<Vec<_>>()),
        Column::new("classification_change_count".into(), vec![0_i64; rows]),
    ];
    Frame::parse(DataFrame::new(rows, columns).expect("equal heights")).expect("the schema")
}

fn history_rows(features: &Frame<Features>, predictions: &Frame<Predictions>) -> Vec<HistoryRow> {
    let text = |column: &str, i: usize| predictions.text(column).get(i).unwrap_or_default().to_owned();
    let measured = |column: &str, i: usize| features.real(column).get(i);
    (0..predictions.height())
        .map(|i| HistoryRow {
            workout_id: text("workout_id", i),
            previous_classification: None,
            new_classification: text("label", i),
            classification_source: "ml_batch_update".to_owned(),
            classification_confidence: predictions.real("confidence").get(i),
            classification_method: Some(text("method", i)),
            model_id: Some(MODEL.to_owned()),
            model_version: Some("1.0.0".to_owned()),
            changed_by: "system".to_owned(),
            changed_at: NOW,
            reason: Some("first classification".to_owned()),
            features_used: Some(paceline::stage::features::features_json(
                measured("avg_pace", i),
                measured("distance_mi", i),
                measured("duration_min", i),
            )),
            metadata: None,
            run_id: Some(RUN.to_owned()),
            segment_id: Some(1),
        })
        .collect()
}
