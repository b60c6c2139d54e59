//! The first stage: which workouts a model is asked about, and the three numbers it sees of each.
//!
//! Why: a ride or a swim has a pace too, and one of them in a training set moves every run. Other
//! sports are left out here, once, and counted by name so that nothing vanishes.
//!
//! Invariants: every workout is either in [`Featurized::features`] or counted in
//! [`Featurized::skipped`]. A row outside the [`Bounds`] stays in: it is classified by the era
//! fallback, and only `train` leaves it out.
//!
//! Must not know: models.

use std::collections::BTreeMap;

use polars::prelude::*;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::columns::Memo;
use super::frame::{Features, Frame, FrameError, Schema, Workouts};

/// Words that make an activity one on foot.
const FOOT_WORDS: &[&str] = &[
    "run",
    "runs",
    "running",
    "trailrun",
    "parkrun",
    "jog",
    "jogs",
    "jogging",
    "treadmill",
    "walk",
    "walks",
    "walking",
    "stroll",
    "hike",
    "hikes",
    "hiking",
    "trek",
    "trekking",
];

/// Which activities are classified at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activities {
    /// Every one: the classic recipe.
    All,
    /// Those with one of these words in their name, upper and lower case alike.
    Foot(Vec<String>),
}

impl Default for Activities {
    /// Running, walking and hiking, in the words of the exports seen so far.
    fn default() -> Self {
        Self::Foot(FOOT_WORDS.iter().map(|w| (*w).to_owned()).collect())
    }
}

impl Activities {
    /// True where a workout of this activity is classified. A missing or blank activity is: an
    /// unknown sport is not another sport.
    ///
    /// A name is split into words where a character is no letter and where a lower-case letter
    /// meets an upper-case one (`TrailRun`, `EBikeRide`); one word of the list is enough.
    pub fn admits(&self, activity: Option<&str>) -> bool {
        let Self::Foot(list) = self else { return true };
        let Some(name) = activity.map(str::trim).filter(|n| !n.is_empty()) else {
            return true;
        };
        words(name)
            .iter()
            .any(|word| list.iter().any(|w| w.to_lowercase() == *word))
    }
}

/// The words of an activity's name in lower case; see [`Activities::admits`].
fn words(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (i, c) in chars.iter().enumerate() {
        let after_lower = i > 0 && chars[i - 1].is_lowercase();
        // `EBike`: the last capital of a row of capitals opens the next word.
        let before_lower = i > 0 && chars[i - 1].is_uppercase() && chars.get(i + 1).is_some_and(|n| n.is_lowercase());
        if !c.is_alphabetic() || (c.is_uppercase() && (after_lower || before_lower)) {
            words.push(String::new());
        }
        if c.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

/// The largest values a model is asked about; the smallest is always just above zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bounds {
    /// Minutes per mile, inclusive.
    pub max_pace: f64,
    /// Miles, inclusive.
    pub max_distance: f64,
    /// Minutes, inclusive.
    pub max_duration: f64,
}

impl Default for Bounds {
    /// An hour a mile, fifty miles, one day.
    fn default() -> Self {
        Self {
            max_pace: 60.0,
            max_distance: 50.0,
            max_duration: 1_440.0,
        }
    }
}

impl Bounds {
    /// True where all three are in `(0, max]`. NaN, which stands for an absent value, never is.
    pub fn admits(&self, pace: f64, distance: f64, duration_min: f64) -> bool {
        let within = |x: f64, max: f64| x.is_finite() && x > 0.0 && x <= max;
        within(pace, self.max_pace) && within(distance, self.max_distance) && within(duration_min, self.max_duration)
    }
}

/// What [`featurize`] returns.
#[derive(Debug, Clone)]
pub struct Featurized {
    /// The workouts to classify.
    pub features: Frame<Features>,
    /// How many workouts of each other activity were left out.
    pub skipped: BTreeMap<String, u64>,
}

/// Keeps the workouts of `activities` and computes their features, in the order of the input.
///
/// `duration_min` is `duration_sec / 60` to one decimal, as numpy rounds: the value times ten, to
/// the nearest whole number and to the even one of two equally near (63 s are 1.0 min, 69 s 1.2),
/// over ten. The reference figures were made with that rounding; Python's own `round` differs.
///
/// # Errors
/// [`FrameError::Polars`] when Polars refuses to filter, which no input is known to cause.
pub fn featurize(workouts: &Frame<Workouts>, activities: &Activities) -> Result<Featurized, FrameError> {
    featurize_all(workouts.clone(), activities)
}

/// As [`featurize`], of workouts that nobody needs afterwards: each of their columns is given back as soon as
/// the features have theirs.
///
/// # Errors
/// As [`featurize`].
pub fn featurize_all(workouts: Frame<Workouts>, activities: &Activities) -> Result<Featurized, FrameError> {
    let polars = |source| FrameError::Polars {
        frame: Features::NAME,
        source,
    };
    let (keep, skipped) = select(workouts.text("activity_type"), activities);
    let mut columns = workouts.into_columns();
    columns.retain(|column| column.name() != "activity_type");
    if !skipped.is_empty() {
        let mask = BooleanChunked::from_slice("keep".into(), &keep);
        let filter = |column: &mut Column| {
            *column = column.filter(&mask)?;
            Ok(())
        };
        columns.par_iter_mut().try_for_each(filter).map_err(polars)?;
    }
    for column in &mut columns {
        if column.name() == "duration_sec" {
            let minutes = column.f64().map_err(polars)?.apply_values(duration_min);
            *column = minutes.with_name("duration_min".into()).into_column();
        }
    }
    Ok(Featurized {
        features: Frame::made(columns)?,
        skipped,
    })
}

/// Minutes of `seconds`, to one decimal; see [`featurize`] for the rounding.
pub fn duration_min(seconds: f64) -> f64 {
    (seconds / 60.0 * 10.0).round_ties_even() / 10.0
}

/// The features of one row as history keeps them: `{"avg_pace":..,"distance_mi":..,"duration_min":..}` with
/// shortest round-trip numbers, and null for what is absent or no number.
pub fn features_json(avg_pace: Option<f64>, distance_mi: Option<f64>, duration_min: Option<f64>) -> String {
    let number = |value: Option<f64>| value.map_or(serde_json::Value::Null, serde_json::Value::from);
    format!(
        r#"{{"avg_pace":{},"distance_mi":{},"duration_min":{}}}"#,
        number(avg_pace),
        number(distance_mi),
        number(duration_min)
    )
}

/// Row by row, whether it stays; and how many of each activity do not.
fn select(activity: &StringChunked, activities: &Activities) -> (Vec<bool>, BTreeMap<String, u64>) {
    // Years of workouts hold a handful of names: each is split once.
    let mut counts: Memo<Option<&str>, (bool, u64)> = Memo::new();
    let keep = activity
        .iter()
        .map(|name| {
            let seen = counts.of(name, || (activities.admits(name), 0));
            seen.1 += 1;
            seen.0
        })
        .collect();
    let skipped = counts
        .sorted()
        .into_iter()
        .filter(|(_, (kept, _))| !kept)
        .map(|(name, (_, count))| (name.unwrap_or_default().to_owned(), count))
        .collect();
    (keep, skipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_split_at_non_letters_and_capitals() {
        let cases: [(&str, &[&str]); 7] = [
            ("Indoor Run / Jog", &["indoor", "run", "jog"]),
            ("TrailRun", &["trail", "run"]),
            ("EBikeRide", &["e", "bike", "ride"]),
            ("treadmill_running", &["treadmill", "running"]),
            ("RUN", &["run"]),
            ("5kRun2", &["k", "run"]),
            ("ÉtéRun", &["été", "run"]),
        ];
        for (name, expected) in cases {
            assert_eq!(words(name), expected, "{name}");
        }
    }

    #[test]
    fn foot_is_foot_and_nothing_else() {
        let foot = Activities::default();
        for name in [
            "Run",
            "Indoor Run / Jog",
            "TrailRun",
            "VirtualRun",
            "WALKING",
            "Hike",
            "Treadmill",
        ] {
            assert!(foot.admits(Some(name)), "{name}");
        }
        for name in [
            "Bike Ride",
            "VirtualRide",
            "Machine Workout",
            "Rowing",
            "AlpineSki",
            "Swim",
            "Crunches",
            "Trunk",
        ] {
            assert!(!foot.admits(Some(name)), "{name}");
        }
        assert!(foot.admits(None) && foot.admits(Some(" ")));
        assert!(Activities::All.admits(Some("Swim")));
    }

    #[test]
    fn minutes_round_half_to_even_like_numpy() {
        for (seconds, expected) in [(63.0, 1.0), (69.0, 1.2), (3_263.0, 54.4), (0.0, 0.0)] {
            assert_eq!(duration_min(seconds), expected, "{seconds}");
        }
        assert!(duration_min(f64::NAN).is_nan() && duration_min(f64::INFINITY).is_infinite());
    }

    #[test]
    fn bounds_are_open_below_and_closed_above() {
        let bounds = Bounds::default();
        assert!(bounds.admits(60.0, 50.0, 1_440.0));
        for (p, d, t) in [
            (0.0, 1.0, 1.0),
            (1.0, -1.0, 1.0),
            (1.0, 1.0, f64::NAN),
            (f64::INFINITY, 1.0, 1.0),
            (60.1, 1.0, 1.0),
            (1.0, 50.1, 1.0),
            (1.0, 1.0, 1_440.1),
        ] {
            assert!(!bounds.admits(p, d, t), "{p} {d} {t}");
        }
    }
}
