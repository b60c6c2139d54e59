//! Pipeline files: TOML in, one checked value out.
//!
//! Why: a misspelt key that is silently ignored runs a whole night with the wrong setting. Every key
//! is known, every value is checked where it is read, and what is wrong is reported with file, line
//! and the nearest valid key.
//!
//! Invariants: a [`Pipeline`] that exists is valid; nothing downstream checks it again.
//!
//! Must not know: the file system (the caller reads the file) and the database.

mod check;
mod schedule;
mod settings;
mod size;

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::stage::decide::{Retrain, ReusePolicy};
use crate::stage::features::Activities;
use crate::stage::params::{Era, Params};
use crate::time::WorkoutDate;
use crate::vocab::{Algorithm, Label};

pub use check::{Checked, check};
pub use schedule::{Catchup, CronText, Schedule, parse_zone};
pub use settings::{Setting, key_lines};
pub use size::{Size, SizeError};

/// The most rows that one write transaction may touch; above that a rollback takes minutes.
const MAX_CHUNK_ROWS: usize = 100_000;

/// A checked pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// Its name in the ledger.
    pub name: String,
    /// First instant of the source window, inclusive.
    pub from: Option<WorkoutDate>,
    /// End of the source window, exclusive.
    pub to: Option<WorkoutDate>,
    /// Which activities are classified; others are skipped and counted.
    pub activities: Activities,
    /// What parametrises training.
    pub params: Params,
    /// Seed of restarts and samples.
    pub seed: u64,
    /// When a new model is trained.
    pub reuse: ReusePolicy,
    /// The largest share of already classified workouts that a run may relabel unasked.
    pub max_churn: f64,
    /// Changes per write transaction.
    pub chunk_rows: usize,
    /// True where refreshed rows also get a history row (`audit.log = "all"`).
    pub log_refreshed: bool,
    /// The memory that it may use; None: as much as it takes.
    pub max_memory: Option<Size>,
    /// When it runs by itself; None: only when it is told to.
    pub schedule: Option<Schedule>,
}

/// What is wrong with a pipeline file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file as the caller named it.
    pub file: String,
    /// Line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// The nearest valid key or word.
    pub suggestion: Option<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, "; did you mean '{suggestion}'?")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    /// One that is of no line.
    fn of_file(file: &str, message: String) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            message,
            suggestion: None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default)]
    source: Source,
    #[serde(default)]
    model: Model,
    #[serde(default)]
    fallback: Fallback,
    #[serde(default)]
    retrain: RetrainPolicy,
    #[serde(default)]
    gate: Gate,
    #[serde(default)]
    write: Write,
    #[serde(default)]
    audit: Audit,
    #[serde(default)]
    limits: Limits,
    schedule: Option<Schedule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    #[serde(default, deserialize_with = "date")]
    from: Option<WorkoutDate>,
    #[serde(default, deserialize_with = "date")]
    to: Option<WorkoutDate>,
    #[serde(default, deserialize_with = "activities")]
    activities: Option<Activities>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    #[serde(default)]
    algorithm: Option<Algorithm>,
    #[serde(default, deserialize_with = "clusters")]
    clusters: Option<usize>,
    #[serde(default, deserialize_with = "restarts")]
    restarts: Option<u32>,
    #[serde(default, deserialize_with = "anchors")]
    anchors: Option<[f64; 2]>,
    #[serde(default, deserialize_with = "weight")]
    anchor_weight: Option<f64>,
    #[serde(default, deserialize_with = "share")]
    mixed_band: Option<f64>,
    #[serde(default, deserialize_with = "share")]
    outlier_share: Option<f64>,
    #[serde(default)]
    seed: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fallback {
    #[serde(default, deserialize_with = "date")]
    era_date: Option<WorkoutDate>,
    before: Option<Label>,
    after: Option<Label>,
    #[serde(default, deserialize_with = "share")]
    confidence: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetrainPolicy {
    mode: Option<Mode>,
    #[serde(default, deserialize_with = "days")]
    max_age_days: Option<u32>,
    #[serde(default, deserialize_with = "positive")]
    new_share: Option<f64>,
    #[serde(default, deserialize_with = "threshold")]
    feedback_threshold: Option<u64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gate {
    #[serde(default, deserialize_with = "share")]
    max_churn: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Write {
    #[serde(default, deserialize_with = "chunk_rows")]
    chunk_rows: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Audit {
    log: Option<Log>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    max_memory: Option<Size>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Log {
    Changes,
    All,
}

/// A value within `range`, or an error that says the range.
fn within<'de, D, T>(d: D, low: T, high: T) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + PartialOrd + fmt::Display + Copy,
{
    let value = T::deserialize(d)?;
    if value >= low && value <= high {
        return Ok(Some(value));
    }
    Err(D::Error::custom(format!("{value} is outside {low} to {high}")))
}

fn share<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    within(d, 0.0, 1.0)
}

fn positive<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    within(d, 1e-6, 1e6)
}

fn weight<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    within(d, 1e-3, 1e6)
}

fn days<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u32>, D::Error> {
    within(d, 1, 36_500)
}

fn threshold<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    within(d, 1, 1_000_000)
}

fn clusters<'de, D: Deserializer<'de>>(d: D) -> Result<Option<usize>, D::Error> {
    within(d, 2, 10)
}

fn restarts<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u32>, D::Error> {
    within(d, 1, 1_000)
}

fn chunk_rows<'de, D: Deserializer<'de>>(d: D) -> Result<Option<usize>, D::Error> {
    within(d, 1, MAX_CHUNK_ROWS)
}

fn anchors<'de, D: Deserializer<'de>>(d: D) -> Result<Option<[f64; 2]>, D::Error> {
    let [run, walk] = <[f64; 2]>::deserialize(d)?;
    if run > 0.0 && run < walk && walk <= 60.0 {
        return Ok(Some([run, walk]));
    }
    Err(D::Error::custom(format!(
        "anchors [{run}, {walk}] must be a run pace below a walk pace, both in (0, 60] min/mi"
    )))
}

/// A TOML date, date-time, or a string of either.
fn date<'de, D: Deserializer<'de>>(d: D) -> Result<Option<WorkoutDate>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Toml(toml::value::Datetime),
        Text(String),
    }
    let text = match Either::deserialize(d)? {
        Either::Toml(value) => value.to_string(),
        Either::Text(text) => text,
    };
    text.parse().map(Some).map_err(D::Error::custom)
}

/// `"foot"`, `"all"`, or a list of words.
fn activities<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Activities>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Word(String),
        List(Vec<String>),
    }
    match Either::deserialize(d)? {
        Either::Word(word) if word == "all" => Ok(Some(Activities::All)),
        Either::Word(word) if word == "foot" => Ok(Some(Activities::default())),
        Either::Word(word) => Err(D::Error::custom(format!(
            "activities = \"{word}\": write \"foot\", \"all\", or a list of words"
        ))),
        Either::List(words) if words.is_empty() => {
            Err(D::Error::custom("activities: an empty list classifies nothing"))
        }
        Either::List(words) => Ok(Some(Activities::Foot(words))),
    }
}

impl Pipeline {
    /// Reads a pipeline from the text of a TOML file; `file` is its name for messages.
    ///
    /// # Errors
    /// [`ConfigError`] for the first thing that is wrong: syntax, an unknown key, a bad value.
    pub fn parse(text: &str, file: &str) -> Result<Self, ConfigError> {
        let parsed: File = toml::from_str(text).map_err(|error| located(&error, text, file))?;
        let pipeline = Self::from_file(parsed);
        match pipeline.contradictions().into_iter().next() {
            None => Ok(pipeline),
            Some(message) => Err(ConfigError::of_file(file, message)),
        }
    }

    /// What is wrong with values that are right each for itself.
    fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.name.is_empty() || self.name.chars().count() > 100 {
            found.push("name must have 1 to 100 characters".to_owned());
        }
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            found.push(format!("source.from {from} is not before source.to {to}"));
        }
        let watches = self.schedule.as_ref().is_some_and(|schedule| schedule.on_feedback);
        if watches && self.reuse.retrain != Retrain::Auto {
            let message =
                "schedule.on_feedback runs what is to learn from corrections, which retrain.mode = \"auto\" does";
            found.push(message.to_owned());
        }
        found
    }

    fn from_file(file: File) -> Self {
        let defaults = Params::default();
        let era = Era {
            date: file.fallback.era_date.map(WorkoutDate::day),
            before: file.fallback.before.unwrap_or(defaults.era.before),
            after: file.fallback.after.unwrap_or(defaults.era.after),
            confidence: file.fallback.confidence.unwrap_or(defaults.era.confidence),
        };
        let params = Params {
            algorithm: file.model.algorithm.unwrap_or(defaults.algorithm),
            k: file.model.clusters.unwrap_or(defaults.k),
            restarts: file.model.restarts.unwrap_or(defaults.restarts),
            anchors: file.model.anchors.unwrap_or(defaults.anchors),
            anchor_weight: file.model.anchor_weight.unwrap_or(defaults.anchor_weight),
            mixed_band: file.model.mixed_band.unwrap_or(defaults.mixed_band),
            outlier_share: file.model.outlier_share.unwrap_or(defaults.outlier_share),
            era,
            ..defaults
        };
        let retrain = match file.retrain.mode.unwrap_or(Mode::Auto) {
            Mode::Auto => Retrain::Auto,
            Mode::Always => Retrain::Always,
            Mode::Never => Retrain::Never,
        };
        Self {
            name: file.name,
            from: file.source.from,
            to: file.source.to,
            activities: file.source.activities.unwrap_or_default(),
            params,
            seed: u64::from(file.model.seed.unwrap_or(42)),
            reuse: ReusePolicy {
                retrain,
                max_age_days: file.retrain.max_age_days,
                new_share: file.retrain.new_share,
                feedback_threshold: file
                    .retrain
                    .feedback_threshold
                    .or(ReusePolicy::default().feedback_threshold),
            },
            max_churn: file.gate.max_churn.unwrap_or(0.25),
            chunk_rows: file.write.chunk_rows.unwrap_or(5_000),
            log_refreshed: file.audit.log == Some(Log::All),
            max_memory: file.limits.max_memory,
            schedule: file.schedule,
        }
    }
}

/// Turns toml's message into ours: line, and the nearest of the words it lists.
fn located(error: &toml::de::Error, text: &str, file: &str) -> ConfigError {
    let line = error
        .span()
        .map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let message = error.message().to_owned();
    ConfigError {
        file: file.to_owned(),
        line,
        suggestion: nearest(&message),
        message,
    }
}

/// serde writes "unknown field `x`, expected one of `a`, `b`"; the nearest of those to `x`.
fn nearest(message: &str) -> Option<String> {
    let is_unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let mut quoted = message.split('`').skip(1).step_by(2);
    let found = if is_unknown { quoted.next()? } else { return None };
    let scored = quoted.map(|word| (strsim::jaro_winkler(found, word), word));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.7).then(|| best.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> ConfigError {
        Pipeline::parse(text, "p.toml").expect_err("must be refused")
    }

    #[test]
    fn an_empty_pipeline_is_the_default_one() {
        let pipeline = Pipeline::parse("name = 'n'", "p.toml").expect("valid");
        assert_eq!(pipeline.params, Params::default());
        assert_eq!(pipeline.chunk_rows, 5_000);
    }

    #[test]
    fn an_unknown_key_names_line_and_nearest_key() {
        let error = error("name = 'n'\n\n[model]\nalgoritm = 'kmeans'\n");
        assert_eq!(error.line, Some(4));
        assert_eq!(error.suggestion.as_deref(), Some("algorithm"));
        assert!(
            error
                .to_string()
                .starts_with("p.toml, line 4: unknown field `algoritm`"),
            "{error}"
        );
    }

    #[test]
    fn bad_values_are_refused_with_their_line() {
        for (text, expected) in [
            ("name='n'\n[model]\nmixed_band = 1.5", "1.5 is outside 0 to 1"),
            (
                "name='n'\n[model]\nanchors = [19.0, 9.5]",
                "must be a run pace below a walk pace",
            ),
            ("name='n'\n[model]\nalgorithm = 'dbscan'", "'dbscan' is not a algorithm"),
            ("name='n'\n[source]\nactivities = 'feet'", "write \"foot\""),
            ("name='n'\n[source]\nfrom = '2024-02-31'", "is not a date"),
            ("name='n'\n[write]\nchunk_rows = 0", "outside 1 to 100000"),
            ("name='n'\n[retrain]\nmode = 'sometimes'", "unknown variant `sometimes`"),
            ("name='n'\n[schedule]\ncron = '30 25 * * *'", "cron '30 25 * * *'"),
        ] {
            let error = error(text);
            assert_eq!(error.line, Some(3), "{error}");
            assert!(error.message.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_schedule_is_checked_where_it_stands() {
        let text = "name='n'\n[schedule]\ncron = '30 2 * * *'\ntimezone = 'Europe/Berlin'\ncatchup = 'none'";
        let schedule = Pipeline::parse(text, "p.toml")
            .expect("valid")
            .schedule
            .expect("a schedule");
        assert_eq!((schedule.pattern(), schedule.on_feedback), (Some("30 2 * * *"), false));
        assert_eq!(
            (schedule.zone.name(), schedule.catchup),
            ("Europe/Berlin", Catchup::None)
        );
        let misspelt = error(&text.replace("Berlin", "Berlim"));
        assert_eq!(misspelt.line, Some(4));
        assert!(misspelt.message.contains("did you mean 'Europe/Berlin'?"), "{misspelt}");
        let unknown = error(&text.replace("catchup =", "catch_up ="));
        assert_eq!(
            (unknown.line, unknown.suggestion.as_deref()),
            (Some(5), Some("catchup"))
        );
    }

    #[test]
    fn a_window_that_ends_before_it_begins_is_refused() {
        let error = error("name='n'\n[source]\nfrom = 2024-02-01\nto = 2024-01-01");
        assert!(error.to_string().contains("not before"), "{error}");
    }
}
