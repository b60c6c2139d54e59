//! The closed vocabularies of the schema: labels, sources, methods, statuses.
//!
//! Why: each of these words is stored, printed and compared; one enum each keeps them spelled one
//! way. They are parsed where data enters and trusted after that.
//!
//! Invariants: `as_str` and `FromStr` are inverse; the text is what the schema's CHECK or ENUM
//! accepts.
//!
//! Must not know: anything but the words.

use std::fmt;
use std::str::FromStr;

/// A text outside one of the vocabularies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{found}' is not a {what}; it must be one of {allowed}")]
pub struct UnknownWord {
    /// What was read.
    pub found: String,
    /// The vocabulary it was read for.
    pub what: &'static str,
    /// All words of that vocabulary.
    pub allowed: String,
}

macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every word, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as stored and printed.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(UnknownWord {
                        found: text.to_owned(),
                        what: $what,
                        allowed: [$($text),+].join(", "),
                    }),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

vocabulary! {
    /// What a workout is.
    Label, "label" {
        /// A run.
        RealRun = "real_run",
        /// A walk, whatever the export calls it.
        PupWalk = "pup_walk",
        /// Between the two: the model's best guess is below the artifact's band.
        Mixed = "mixed",
        /// Unlike anything the model was trained on.
        Outlier = "outlier",
    }
}

vocabulary! {
    /// Where a classification came from (`classification_source`).
    Source, "classification source" {
        /// A label that stood in an imported file.
        CsvImport = "csv_import",
        /// A model's first word on a workout.
        MlPrediction = "ml_prediction",
        /// A model's later word that replaced an earlier one.
        MlBatchUpdate = "ml_batch_update",
        /// A person's word.
        UserOverride = "user_override",
        /// An administrator's word.
        AdminCorrection = "admin_correction",
        /// The configured label of the era, where no model can speak.
        EraFallback = "era_fallback",
    }
}

vocabulary! {
    /// What a person says of a classification.
    FeedbackType, "feedback type" {
        /// It is right.
        Accept = "accept",
        /// It is wrong; what is right was not said.
        Reject = "reject",
        /// It is wrong, and this is right.
        Correct = "correct",
        /// The person cannot tell, or takes an earlier answer back.
        Uncertain = "uncertain",
    }
}

vocabulary! {
    /// The clustering algorithm of a model; for a prediction, with `era_fallback`, its method.
    Algorithm, "algorithm" {
        /// z-scored pace, distance and duration, k clusters.
        Kmeans = "kmeans",
        /// Two clusters on log pace, anchored by pseudo-observations.
        AnchoredKmeans = "anchored-kmeans",
    }
}

vocabulary! {
    /// What started a run.
    Trigger, "trigger" {
        /// A person at the command line.
        Manual = "manual",
        /// The scheduler.
        Schedule = "schedule",
        /// A backfill window.
        Backfill = "backfill",
        /// Enough unprocessed corrections.
        Feedback = "feedback",
    }
}

vocabulary! {
    /// Where a run stands in the ledger.
    RunStatus, "run status" {
        /// Accepted, not begun.
        Queued = "queued",
        /// Begun; a crashed run stays here until another one finds it.
        Running = "running",
        /// Everything written.
        Succeeded = "succeeded",
        /// Some chunks written, some not.
        Partial = "partial",
        /// Stopped by an error or a gate.
        Failed = "failed",
        /// Not begun, because another run held the pipeline.
        Skipped = "skipped",
    }
}

vocabulary! {
    /// Where a model version stands in its lifecycle.
    ModelStatus, "model status" {
        /// Registered, not finished.
        Training = "training",
        /// In production: at most one.
        Active = "active",
        /// Kept, may be activated again.
        Archived = "archived",
        /// Withdrawn from production for good.
        Deprecated = "deprecated",
        /// Known to be bad.
        Failed = "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_their_text() {
        for label in Label::ALL {
            assert_eq!(label.as_str().parse(), Ok(*label));
        }
        for source in Source::ALL {
            assert_eq!(source.as_str().parse(), Ok(*source));
        }
    }

    #[test]
    fn an_unknown_word_names_the_known_ones() {
        let error = "jog".parse::<Label>().expect_err("jog is no label");
        assert_eq!(
            error.to_string(),
            "'jog' is not a label; it must be one of real_run, pup_walk, mixed, outlier"
        );
    }
}
