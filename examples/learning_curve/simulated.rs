//! People with known truths, and a reviewer who answers with it.
//!
//! A file with a `label` column (`run` or anything else) knows its own truth, and its rows without a
//! label are left out; in any other file a pace below 13 min/mi is a run.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use paceline::ingest::{self, Accepted, Record};
use paceline::stage::classify::classify;
use paceline::stage::features::{Activities, featurize};
use paceline::stage::feedback::{Answer, Feedback};
use paceline::stage::frame::{Features, Frame, Predictions, Workouts};
use paceline::stage::params::Params;
use paceline::stage::review::{review, words};
use paceline::stage::train::train;
use paceline::time::Timestamp;
use paceline::vocab::Label;
use polars::prelude::*;
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

/// Slower than this many min/mi is a walk in a file without labels.
const WALK_PACE: f64 = 13.0;

/// A history whose truth is known.
pub struct Person {
    pub name: String,
    pub features: Frame<Features>,
    pub truth: BTreeMap<String, Label>,
}

/// How well a history is told apart after some answers.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    pub answers: usize,
    /// The share of valid rows whose likelier label, run or walk, is the true one.
    pub forced: f64,
    /// The same of the stored label; `mixed` and `outlier` are wrong.
    pub strict: f64,
    /// The share of valid rows more likely a walk than a run.
    pub walks: f64,
    /// As how many rows the clusters counted.
    pub prior_weight: Option<f64>,
}

impl Person {
    /// The workouts on foot of an export.
    pub fn read(path: &Path) -> Result<Self, String> {
        let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let file = File::open(path).map_err(|e| failed(&e))?;
        let mut accepted = Vec::new();
        for record in ingest::read(BufReader::new(file)).map_err(|e| failed(&e))? {
            if let Record::Accepted(row) = record.map_err(|e| failed(&e))? {
                accepted.push(row);
            }
        }
        let name = path
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        if accepted.iter().any(|row| row.label.is_some()) {
            accepted.retain(|row| row.label.is_some());
        }
        Self::of(name, &accepted)
    }

    /// A hundred and eighty runs between 12 and 17 min/mi and not one walk.
    pub fn slow_runner(seed: u64) -> Result<Self, String> {
        let mut rng = Xoshiro256Plus::seed_from_u64(seed);
        let rows: Vec<Accepted> = (0..180)
            .map(|i| {
                let pace = draw(
                    &mut rng,
                    &[(0.0, 12.0), (0.1, 12.9), (0.5, 14.2), (0.9, 15.8), (1.0, 17.0)],
                );
                let miles = draw(&mut rng, &[(0.0, 0.9), (0.3, 2.4), (0.6, 3.2), (0.9, 5.5), (1.0, 13.1)]);
                row(format!("slow{i:03}"), pace, miles)
            })
            .collect();
        Self::of(format!("slow runner, seed {seed}"), &rows)
    }

    fn of(name: String, rows: &[Accepted]) -> Result<Self, String> {
        let truth = rows
            .iter()
            .map(|row| {
                let run = match &row.label {
                    Some(label) => label == "run",
                    None => row.workout.avg_pace.is_some_and(|pace| pace < WALK_PACE),
                };
                let label = if run { Label::RealRun } else { Label::PupWalk };
                (row.workout.id.clone(), label)
            })
            .collect();
        let features = featurize(&frame(rows)?, &Activities::default())
            .map_err(|e| e.to_string())?
            .features;
        Ok(Self { name, features, truth })
    }

    /// The person's true answer on a workout.
    pub fn answer(&self, workout_id: &str, number: usize, certainty: u8) -> Answer {
        Answer {
            workout_id: workout_id.to_owned(),
            user: "reviewer".to_owned(),
            submitted_at: Timestamp::from_micros(number as i64),
            feedback_id: number as i64,
            label: Some(self.truth[workout_id]),
            certainty,
        }
    }

    /// Asks `rounds` times about the next `limit` of the review queue, and trains after each.
    pub fn curve(&self, limit: usize, rounds: usize, certainty: u8) -> Vec<Point> {
        let mut answers: Vec<Answer> = Vec::new();
        let mut points = Vec::new();
        for round in 0..=rounds {
            let feedback = Feedback::of(answers.clone()).expect("certainties in range");
            let trained = train(&self.features, &feedback, &Params::default(), 42).expect("it never fails");
            let predictions = classify(&self.features, &trained.model).expect("predictions");
            let learning = trained.stats.learning;
            points.push(self.point(answers.len(), &predictions, learning.and_then(|l| l.prior_weight)));
            if round < rounds {
                let queue = review(&self.features, &predictions, &words(&feedback, []), limit);
                for item in queue {
                    answers.push(self.answer(&item.workout_id, answers.len(), certainty));
                }
            }
        }
        points
    }

    /// How well `predictions` tell this history apart.
    pub fn point(&self, answers: usize, predictions: &Frame<Predictions>, prior_weight: Option<f64>) -> Point {
        let (mut valid, mut forced, mut strict, mut walks) = (0, 0, 0, 0);
        for (i, id) in predictions.ids().iter().enumerate() {
            let posterior = |column: &str| predictions.real(column).get(i);
            let (Some(run), Some(walk)) = (posterior("posterior_real_run"), posterior("posterior_pup_walk")) else {
                continue;
            };
            let label = if run >= walk { Label::RealRun } else { Label::PupWalk };
            let truth = self.truth[id.unwrap_or_default()];
            valid += 1;
            forced += usize::from(label == truth);
            walks += usize::from(label == Label::PupWalk);
            strict += usize::from(predictions.text("label").get(i) == Some(truth.as_str()));
        }
        let share = |n: usize| n as f64 / valid as f64;
        Point {
            answers,
            forced: share(forced),
            strict: share(strict),
            walks: share(walks),
            prior_weight,
        }
    }
}

/// A draw from a distribution given as points (share of draws below, value), both ascending, from share 0
/// to share 1; draws between two points are spread evenly.
fn draw(rng: &mut Xoshiro256Plus, points: &[(f64, f64)]) -> f64 {
    let at = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let pair = points.windows(2).find(|pair| at < pair[1].0).expect("shares end at 1");
    let ((left, low), (right, high)) = (pair[0], pair[1]);
    low + (high - low) * (at - left) / (right - left)
}

fn row(id: String, pace: f64, miles: f64) -> Accepted {
    Accepted {
        line: 0,
        workout: ingest::Workout {
            id,
            date: paceline::time::WorkoutDate::from_micros(0),
            activity_type: Some("Run".to_owned()),
            kcal_burned: None,
            distance_mi: Some(miles),
            duration_sec: Some(pace * miles * 60.0),
            avg_pace: Some(pace),
            max_pace: None,
            steps: None,
            link: None,
        },
        label: Some("run".to_owned()),
        unreadable_cells: 0,
    }
}

fn frame(rows: &[Accepted]) -> Result<Frame<Workouts>, String> {
    // An export may hold a workout twice; the later row is the newer.
    let rows: BTreeMap<&str, &ingest::Workout> = rows.iter().map(|r| (r.workout.id.as_str(), &r.workout)).collect();
    let rows: Vec<&ingest::Workout> = rows.into_values().collect();
    let texts = |name: &str, of: fn(&ingest::Workout) -> Option<&str>| {
        Column::new(name.into(), rows.iter().map(|w| of(w)).collect::<Vec<_>>())
    };
    let numbers = |name: &str, of: fn(&ingest::Workout) -> Option<f64>| {
        Column::new(name.into(), rows.iter().map(|w| of(w)).collect::<Vec<_>>())
    };
    let dates = Int64Chunked::from_vec("workout_date".into(), rows.iter().map(|w| w.date.micros()).collect());
    let columns = vec![
        texts("workout_id", |w| Some(&w.id)),
        dates.into_datetime(TimeUnit::Microseconds, None).into_column(),
        texts("activity_type", |w| w.activity_type.as_deref()),
        numbers("avg_pace", |w| w.avg_pace),
        numbers("distance_mi", |w| w.distance_mi),
        numbers("duration_sec", |w| w.duration_sec),
    ];
    let df = DataFrame::new(rows.len(), columns).map_err(|e| e.to_string())?;
    Frame::parse(df).map_err(|e| e.to_string())
}
