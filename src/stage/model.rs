//! The artifact: everything that is needed to classify a row, as canonical JSON with a SHA-256.
//!
//! Why: a model that is a pickle, a path or a set of defaults in the code cannot be proved to be
//! the one that spoke. This one is a short text; two models are the same when their texts are.
//!
//! Invariants: the text has sorted keys, no white space and the shortest floats that read back to
//! the same bits, so loading and storing again gives the same bytes; every number in a [`Model`] is
//! finite and every variance above zero; the clusters are in ascending order of pace.
//!
//! Must not know: how a model was trained, and where its text is kept.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use super::clustering::{Cluster, Clustering, Feature, MAX_FEATURES, Measure, Transform};
use super::features::Bounds;
use super::head::Head;
use super::params::{Era, Params, check_domain};
use crate::vocab::Algorithm;

/// The version of the artifact's format that this program writes, and the only one it reads.
pub const FORMAT_VERSION: u64 = 1;

/// Everything that a verdict depends on beside the row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    format_version: u64,
    algorithm: Algorithm,
    bounds: Bounds,
    era: Era,
    mixed_band: f64,
    clustering: Option<Clustering>,
}

/// Why a stored text is no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    /// The text is not the one that was stored.
    #[error("the artifact's SHA-256 is {found}, the registry says {expected}; restore the row or train a new model")]
    ChecksumMismatch {
        /// The stored checksum.
        expected: String,
        /// The text's.
        found: String,
    },
    /// Another program wrote it.
    #[error("the artifact has format version {found}, this program reads {known}; use the program that wrote it")]
    UnknownVersion {
        /// The text's version.
        found: String,
        /// The version that can be read.
        known: u64,
    },
    /// The text has the right checksum and is no artifact.
    #[error("the artifact cannot be used: {reason}; train a new model")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
}

impl Model {
    /// A model of `params` with `clustering`, which may be absent.
    pub(super) fn new(params: &Params, clustering: Option<Clustering>) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            algorithm: params.algorithm,
            bounds: params.bounds,
            era: params.era,
            mixed_band: params.mixed_band,
            clustering,
        }
    }

    /// A model without clusters, which gives every row the era fallback: what a `kmeans` pipeline
    /// runs on until it has enough rows to train.
    pub fn fallback_only(params: &Params) -> Self {
        Self::new(params, None)
    }

    /// The artifact's text; see the module's invariants.
    pub fn to_canonical_json(&self) -> String {
        let value = serde_json::to_value(self).expect("a model holds only finite numbers and text keys");
        let mut text = String::new();
        write_canonical(&value, &mut text);
        text
    }

    /// The SHA-256 of [`Self::to_canonical_json`], as 64 hexadecimal digits in lower case.
    pub fn sha256(&self) -> String {
        sha256_hex(self.to_canonical_json().as_bytes())
    }

    /// Reads a stored text and proves that it is the one of `sha256` (upper and lower case alike).
    ///
    /// # Errors
    /// [`ArtifactError`]: in this order, another text, another format, a text that is no model.
    pub fn from_stored(json: &str, sha256: &str) -> Result<Self, ArtifactError> {
        let found = sha256_hex(json.as_bytes());
        if !found.eq_ignore_ascii_case(sha256.trim()) {
            return Err(ArtifactError::ChecksumMismatch {
                expected: sha256.to_owned(),
                found,
            });
        }
        let malformed = |reason: String| ArtifactError::Malformed { reason };
        let value: Value = serde_json::from_str(json).map_err(|e| malformed(e.to_string()))?;
        let version = value.get("format_version").cloned().unwrap_or(Value::Null);
        if version.as_u64() != Some(FORMAT_VERSION) {
            return Err(ArtifactError::UnknownVersion {
                found: version.to_string(),
                known: FORMAT_VERSION,
            });
        }
        let model: Self = serde_json::from_value(value.clone()).map_err(|e| malformed(e.to_string()))?;
        match model.fault().or_else(|| model.left_out(&value)) {
            Some(reason) => Err(malformed(reason)),
            None => Ok(model),
        }
    }

    /// Parameters have defaults where people write them; an artifact must not depend on today's.
    fn left_out(&self, stored: &Value) -> Option<String> {
        let whole = serde_json::to_value(self).ok()?;
        missing_key(&whole, stored).map(|key| format!("'{key}' is missing"))
    }

    fn fault(&self) -> Option<String> {
        if let Err(e) = check_domain(&self.bounds, &self.era) {
            return Some(e.to_string());
        }
        if !(0.0..=1.0).contains(&self.mixed_band) {
            return Some(format!("mixed_band is {}; it must be from 0 to 1", self.mixed_band));
        }
        self.clustering.as_ref().and_then(Clustering::fault)
    }

    /// Which clustering this is; for its predictions, their method.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The clustering; absent where every row gets the era fallback.
    pub fn clustering(&self) -> Option<&Clustering> {
        self.clustering.as_ref()
    }

    /// The clusters in ascending order of pace; none where every row gets the era fallback.
    pub fn clusters(&self) -> &[Cluster] {
        self.clustering.as_ref().map_or(&[], |c| &c.clusters)
    }

    /// What people's answers taught; absent where they taught nothing.
    pub fn head(&self) -> Option<&Head> {
        self.clustering.as_ref()?.head.as_ref()
    }

    /// The same model with another head, or without one.
    pub(super) fn with_head(mut self, head: Option<Head>) -> Self {
        if let Some(clustering) = &mut self.clustering {
            clustering.head = head;
        }
        self
    }

    /// The features' names, in the order of the centroids' numbers.
    pub fn feature_names(&self) -> Vec<&'static str> {
        let features = self.clustering.iter().flat_map(|c| &c.features);
        features.map(Feature::name).collect()
    }

    /// Which rows the model may speak on.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// What the others are called.
    pub fn era(&self) -> &Era {
        &self.era
    }

    /// A row whose winner has a posterior below this is `mixed`.
    pub fn mixed_band(&self) -> f64 {
        self.mixed_band
    }
}

/// The first key of `whole`'s objects that `part` lacks.
fn missing_key<'a>(whole: &'a Value, part: &Value) -> Option<&'a str> {
    let Value::Object(map) = whole else { return None };
    map.iter().find_map(|(key, value)| match part.get(key) {
        None => Some(key.as_str()),
        Some(part) => missing_key(value, part),
    })
}

/// Writes `value` with sorted keys and no white space.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (i, (key, value)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(values) => {
            out.push('[');
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_canonical(value, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// SHA-256 as lower-case hexadecimal digits.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Label;

    fn model() -> Model {
        let clustering = Clustering {
            features: vec![Feature {
                measure: Measure::AvgPace,
                transform: Transform::Ln,
            }],
            clusters: vec![
                Cluster {
                    label: Label::RealRun,
                    centroid: vec![0.1 + 0.2],
                },
                Cluster {
                    label: Label::PupWalk,
                    centroid: vec![3.0],
                },
            ],
            sigma2: 1e-7,
            cut: Some(0.5),
            head: None,
        };
        Model::new(&Params::default(), Some(clustering))
    }

    #[test]
    fn the_text_is_canonical_and_reads_back_to_the_same_bits() {
        let text = model().to_canonical_json();
        assert!(
            text.starts_with(r#"{"algorithm":"anchored-kmeans","bounds":{"max_distance":50.0,"#),
            "{text}"
        );
        assert!(text.contains("0.30000000000000004") && !text.contains(' '), "{text}");
        let again = Model::from_stored(&text, &model().sha256()).expect("its own text");
        assert_eq!(again, model());
        assert_eq!(again.to_canonical_json(), text);
    }

    #[test]
    fn a_changed_text_another_format_and_a_broken_model_are_told_apart() {
        let text = model().to_canonical_json();
        let sha = model().sha256();
        let changed = text.replace("3.0", "3.5");
        assert!(matches!(
            Model::from_stored(&changed, &sha),
            Err(ArtifactError::ChecksumMismatch { .. })
        ));
        let load = |text: &str| Model::from_stored(text, &sha256_hex(text.as_bytes()));
        let newer = text.replace(r#""format_version":1"#, r#""format_version":2"#);
        let error = load(&newer).expect_err("version 2");
        assert_eq!(
            error,
            ArtifactError::UnknownVersion {
                found: "2".to_owned(),
                known: 1
            }
        );
        for broken in [
            text.replace(r#""sigma2":1e-7"#, r#""sigma2":0.0"#),
            text.replace(r#""centroid":[3.0]"#, r#""centroid":[3.0,4.0]"#),
            text.replace("pup_walk", "outlier"),
            text.replace("pup_walk", "cat_walk"),
            text.replace(r#""cut""#, r#""cutt""#),
            text.replace(r#""max_distance":50.0,"#, ""),
        ] {
            assert_ne!(broken, text);
            assert!(
                matches!(load(&broken), Err(ArtifactError::Malformed { .. })),
                "{broken}"
            );
        }
    }
}
