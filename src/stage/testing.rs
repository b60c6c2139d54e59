//! What the unit tests of several stages need: small histories and answers.

use polars::prelude::*;

use super::feedback::{Answer, Feedback};
use super::frame::{Features, Frame};
use crate::time::Timestamp;
use crate::vocab::Label;

/// Rows `w000`, `w001`, .. of (pace in min/mi, distance in mi).
pub(super) fn history(rows: &[(f64, f64)]) -> Frame<Features> {
    let ids: Vec<String> = (0..rows.len()).map(|i| format!("w{i:03}")).collect();
    let dates = Int64Chunked::from_vec("workout_date".into(), vec![0; rows.len()]);
    let dates = dates.into_datetime(TimeUnit::Microseconds, None);
    let column =
        |name: &str, of: fn(&(f64, f64)) -> f64| Column::new(name.into(), rows.iter().map(of).collect::<Vec<_>>());
    Frame::made(vec![
        Column::new("workout_id".into(), ids),
        dates.into_column(),
        column("avg_pace", |r| r.0),
        column("distance_mi", |r| r.1),
        column("duration_min", |r| r.0 * r.1),
    ])
    .expect("features")
}

/// A hundred and twenty runs around 9 min/mi at even places, as many walks around 19 at odd ones.
pub(super) fn runs_and_walks() -> Vec<(f64, f64)> {
    (0..120)
        .flat_map(|i| {
            let spread = f64::from(i % 12) / 12.0;
            [
                (8.5 + spread, 3.0 + f64::from(i % 7) / 3.0),
                (18.0 + 2.0 * spread, 1.5 + f64::from(i % 5) / 4.0),
            ]
        })
        .collect()
}

/// A certain answer; `id` is also its instant.
pub(super) fn answer(workout: &str, user: &str, id: i64, label: Label) -> Answer {
    Answer {
        workout_id: workout.to_owned(),
        user: user.to_owned(),
        submitted_at: Timestamp::from_micros(id),
        feedback_id: id,
        label: Some(label),
        certainty: 5,
    }
}

/// Certain answers of one person on the workouts of [`history`] with these numbers.
pub(super) fn answers(said: &[(usize, Label)]) -> Feedback {
    let answers = said
        .iter()
        .enumerate()
        .map(|(id, (workout, label))| answer(&format!("w{workout:03}"), "ann", id as i64, *label));
    Feedback::of(answers.collect()).expect("certainties in range")
}
