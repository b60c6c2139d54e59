//! Everything that parametrises a model, with DESIGN's defaults.
//!
//! Why: a model is reproduced from its parameters, its seed and its rows. They are stored as the
//! registry's `hyperparameters`, and a change of one of them is a reason to train again.
//!
//! Invariants: [`Params::check`] is what stands between a configuration file and `train`; after it,
//! every number is finite and in its range.
//!
//! Must not know: where the numbers were configured.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::features::Bounds;
use crate::time::WorkoutDate;
use crate::vocab::{Algorithm, Label};

/// The most clusters a `kmeans` model may have.
pub const MAX_CLUSTERS: usize = 16;

/// The parameters of one training. Every field may be left out of a stored or configured text; it
/// then has its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Which clustering.
    pub algorithm: Algorithm,
    /// `kmeans`: the number of clusters, 2 to [`MAX_CLUSTERS`].
    pub k: usize,
    /// `kmeans`: how many seeds are tried.
    pub restarts: u32,
    /// `kmeans`: the seeds are tried on a sample of this many rows where there are more.
    pub restart_sample: usize,
    /// Above this many valid rows a model is trained on a seeded sample of so many.
    pub max_training_rows: usize,
    /// `anchored-kmeans`: where the run and the walk centroid begin, in minutes per mile, ascending.
    pub anchors: [f64; 2],
    /// `anchored-kmeans`: as how many rows each anchor counts; above zero.
    pub anchor_weight: f64,
    /// A row whose winner has a posterior below this is `mixed`.
    pub mixed_band: f64,
    /// At most this share of the training rows lies beyond the typicality cut; at 0 there is no cut.
    pub outlier_share: f64,
    /// Which rows a model may speak on.
    pub bounds: Bounds,
    /// What the other rows are called.
    pub era: Era,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::AnchoredKmeans,
            k: 3,
            restarts: 10,
            restart_sample: 50_000,
            max_training_rows: 2_000_000,
            anchors: [9.5, 19.0],
            anchor_weight: 50.0,
            mixed_band: 0.6,
            outlier_share: 0.005,
            bounds: Bounds::default(),
            era: Era::default(),
        }
    }
}

/// The label of rows on which no model can speak, by when they were.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Era {
    /// The first day of the later era. Without one there is one era, and `before` names it.
    #[serde(with = "day", skip_serializing_if = "Option::is_none")]
    pub date: Option<NaiveDate>,
    /// The label of a workout before the start of `date`.
    pub before: Label,
    /// The label of a workout on or after `date`.
    pub after: Label,
    /// The confidence of either.
    pub confidence: f64,
}

impl Default for Era {
    /// One era, in which everything is a run, with confidence 0.4.
    fn default() -> Self {
        Self {
            date: None,
            before: Label::RealRun,
            after: Label::PupWalk,
            confidence: 0.4,
        }
    }
}

impl Era {
    /// The label of a workout at `at`.
    pub fn label(&self, at: WorkoutDate) -> Label {
        match self.date {
            Some(date) if at >= WorkoutDate::midnight(date) => self.after,
            _ => self.before,
        }
    }
}

/// A parameter out of its range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("parameter '{name}' is {found}; it must be {expected}")]
pub struct ParamsError {
    /// The parameter.
    pub name: &'static str,
    /// Its value.
    pub found: String,
    /// What it may be.
    pub expected: String,
}

impl Params {
    /// Refuses what no training can use.
    ///
    /// # Errors
    /// [`ParamsError`] on the first parameter out of its range.
    pub fn check(&self) -> Result<(), ParamsError> {
        let [run, walk] = self.anchors;
        let clusters = format!("from 2 to {MAX_CLUSTERS}");
        require((2..=MAX_CLUSTERS).contains(&self.k), "k", &self.k, &clusters)?;
        require(self.restarts >= 1, "restarts", &self.restarts, "at least 1")?;
        let rows = self.restart_sample;
        require(rows >= self.k, "restart_sample", &rows, "at least k")?;
        let rows = self.max_training_rows;
        require(rows >= self.k, "max_training_rows", &rows, "at least k")?;
        let ascending = positive(run) && positive(walk) && run < walk;
        require(
            ascending,
            "anchors",
            &format!("{:?}", self.anchors),
            "two paces above 0, ascending",
        )?;
        require(
            positive(self.anchor_weight),
            "anchor_weight",
            &self.anchor_weight,
            "above 0",
        )?;
        require(share(self.mixed_band), "mixed_band", &self.mixed_band, "from 0 to 1")?;
        require(
            share(self.outlier_share),
            "outlier_share",
            &self.outlier_share,
            "from 0 to 1",
        )?;
        check_domain(&self.bounds, &self.era)
    }

    /// The names of the parameters in which a model trained with `self` could differ from one
    /// trained with `other`, in the order of the fields. What the algorithm does not read (anchors
    /// under `kmeans`, k under `anchored-kmeans`) is not compared.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        if self.algorithm != other.algorithm {
            return vec!["algorithm"];
        }
        let classic = self.algorithm == Algorithm::Kmeans;
        [
            ("k", classic && self.k != other.k),
            ("restarts", classic && self.restarts != other.restarts),
            ("restart_sample", classic && self.restart_sample != other.restart_sample),
            ("max_training_rows", self.max_training_rows != other.max_training_rows),
            ("anchors", !classic && self.anchors != other.anchors),
            ("anchor_weight", !classic && self.anchor_weight != other.anchor_weight),
            ("mixed_band", self.mixed_band != other.mixed_band),
            ("outlier_share", self.outlier_share != other.outlier_share),
            ("bounds", self.bounds != other.bounds),
            ("era", self.era != other.era),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }
}

/// The part of [`Params::check`] that an artifact, which carries bounds and era, is held to as well.
pub(super) fn check_domain(bounds: &Bounds, era: &Era) -> Result<(), ParamsError> {
    let Bounds {
        max_pace,
        max_distance,
        max_duration,
    } = *bounds;
    require(share(era.confidence), "era.confidence", &era.confidence, "from 0 to 1")?;
    require(positive(max_pace), "bounds.max_pace", &max_pace, "above 0")?;
    require(positive(max_distance), "bounds.max_distance", &max_distance, "above 0")?;
    require(positive(max_duration), "bounds.max_duration", &max_duration, "above 0")
}

fn positive(x: f64) -> bool {
    x.is_finite() && x > 0.0
}

fn share(x: f64) -> bool {
    (0.0..=1.0).contains(&x)
}

fn require(holds: bool, name: &'static str, found: &dyn std::fmt::Display, expected: &str) -> Result<(), ParamsError> {
    if holds {
        return Ok(());
    }
    Err(ParamsError {
        name,
        found: found.to_string(),
        expected: expected.to_owned(),
    })
}

/// `YYYY-MM-DD` in a stored text.
mod day {
    use chrono::NaiveDate;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[allow(clippy::ref_option, reason = "serde passes the field by reference")]
    pub fn serialize<S: Serializer>(day: &Option<NaiveDate>, s: S) -> Result<S::Ok, S::Error> {
        match day {
            Some(day) => s.serialize_some(&day.format("%Y-%m-%d").to_string()),
            None => s.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<NaiveDate>, D::Error> {
        let Some(text) = Option::<String>::deserialize(d)? else {
            return Ok(None);
        };
        NaiveDate::parse_from_str(&text, "%Y-%m-%d")
            .map(Some)
            .map_err(|e| D::Error::custom(format!("'{text}' is no day, write it as YYYY-MM-DD: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_text_is_the_default_and_survives_its_own() {
        let params: Params = serde_json::from_str("{}").expect("all fields have defaults");
        assert_eq!(params, Params::default());
        let text = r#"{"k":4,"era":{"date":"2018-06-01"}}"#;
        let params: Params = serde_json::from_str(text).expect("two fields");
        let again = serde_json::to_string(&params).expect("a text");
        assert_eq!(serde_json::from_str::<Params>(&again).expect("its own text"), params);
        assert!(
            serde_json::from_str::<Params>(r#"{"kk":4}"#).is_err(),
            "a typing error is refused"
        );
    }

    #[test]
    fn the_era_turns_at_midnight() {
        let era = Era {
            date: NaiveDate::from_ymd_opt(2018, 6, 1),
            ..Era::default()
        };
        let at = |text: &str| era.label(text.parse().expect("a date"));
        assert_eq!(at("2018-05-31 23:59:59"), Label::RealRun);
        assert_eq!(at("2018-06-01"), Label::PupWalk);
        assert_eq!(Era::default().label(WorkoutDate::from_micros(i64::MAX)), Label::RealRun);
    }

    #[test]
    fn ranges_are_checked_by_name() {
        assert_eq!(Params::default().check(), Ok(()));
        let refused = |change: fn(&mut Params)| {
            let mut params = Params::default();
            change(&mut params);
            params.check().expect_err("out of range").name
        };
        assert_eq!(refused(|p| p.k = 1), "k");
        assert_eq!(refused(|p| p.anchors = [19.0, 9.5]), "anchors");
        assert_eq!(refused(|p| p.anchor_weight = 0.0), "anchor_weight");
        assert_eq!(refused(|p| p.mixed_band = f64::NAN), "mixed_band");
        assert_eq!(refused(|p| p.bounds.max_pace = f64::INFINITY), "bounds.max_pace");
    }

    #[test]
    fn only_what_the_algorithm_reads_makes_a_difference() {
        let anchored = Params::default();
        let other_k = Params {
            k: 5,
            ..anchored.clone()
        };
        assert!(anchored.differences(&other_k).is_empty());
        let band = Params {
            mixed_band: 0.7,
            ..other_k
        };
        assert_eq!(anchored.differences(&band), ["mixed_band"]);
        let classic = Params {
            algorithm: Algorithm::Kmeans,
            ..band
        };
        assert_eq!(anchored.differences(&classic), ["algorithm"]);
    }
}
