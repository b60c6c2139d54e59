//! The bytes of a history row: what the audit hashes.
//!
//! Why: a hash is only as good as the agreement on what was hashed. These bytes depend on the row
//! alone, not on a store, a driver, a JSON library or a version of this program.
//!
//! # Layout, version 1
//!
//! All integers are little-endian. A row is its version followed by its fifteen fields, in this order:
//!
//! | # | field | bytes of a value |
//! |---|---|---|
//! | | version | u32 = 1, without tag and length |
//! | 1 | `workout_id` | UTF-8 |
//! | 2 | `previous_classification` | UTF-8, may be null |
//! | 3 | `new_classification` | UTF-8 |
//! | 4 | `classification_source` | UTF-8 |
//! | 5 | `classification_confidence` | 8: the bits of the IEEE 754 double, may be null |
//! | 6 | `classification_method` | UTF-8, may be null |
//! | 7 | `model_id` | UTF-8, may be null |
//! | 8 | `model_version` | UTF-8, may be null |
//! | 9 | `changed_by` | UTF-8 |
//! | 10 | `changed_at` | 8: i64, microseconds since 1970-01-01 00:00:00 UTC |
//! | 11 | `reason` | UTF-8, may be null |
//! | 12 | `features_used` | UTF-8, the JSON text as stored, may be null |
//! | 13 | `metadata` | UTF-8, the JSON text as stored, may be null |
//! | 14 | `run_id` | UTF-8, may be null |
//! | 15 | `segment_id` | 8: i64; null in a row that was adopted (see `adopted`), as it is stored |
//!
//! A null field is the single byte 0x00. Any other field is the byte 0x01, the length of its value as
//! u32, and the value. A leaf of the segment's Merkle tree is SHA-256(0x00 || these bytes).
//! `history_id` is no part of a row: stores number rows as they like; the order of the leaves is that
//! of the numbers.
//!
//! Invariants: two rows have the same bytes only when they are the same field by field; null and the
//! empty text differ; text is not normalised.
//!
//! Must not know: stores; how JSON is written.

use super::{Hash, merkle};
use crate::time::Timestamp;

/// The version of the layout above; a row begins with it, and a segment carries it.
pub const ENCODING_VERSION: u32 = 1;
/// The fields of a row.
pub const FIELDS: usize = 15;

/// A row of `workout_classification_history`, owned. JSON columns are their text.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryRow {
    /// The workout.
    pub workout_id: String,
    /// Its label before; `None` when it had none.
    pub previous_classification: Option<String>,
    /// Its label after.
    pub new_classification: String,
    /// Where the new label came from.
    pub classification_source: String,
    /// How sure the model was, 0 to 1.
    pub classification_confidence: Option<f64>,
    /// By which method.
    pub classification_method: Option<String>,
    /// By which model.
    pub model_id: Option<String>,
    /// In which version.
    pub model_version: Option<String>,
    /// Who changed it.
    pub changed_by: String,
    /// When.
    pub changed_at: Timestamp,
    /// Why.
    pub reason: Option<String>,
    /// The features the model saw, as JSON text.
    pub features_used: Option<String>,
    /// Anything else, as JSON text.
    pub metadata: Option<String>,
    /// The run that wrote the row.
    pub run_id: Option<String>,
    /// The segment that seals the row, as it is stored with it: None in a row that others wrote.
    pub segment_id: Option<i64>,
}

/// A [`HistoryRow`] that borrows its text, so that a million rows are hashed without a copy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistoryRowRef<'a> {
    /// The workout.
    pub workout_id: &'a str,
    /// Its label before; `None` when it had none.
    pub previous_classification: Option<&'a str>,
    /// Its label after.
    pub new_classification: &'a str,
    /// Where the new label came from.
    pub classification_source: &'a str,
    /// How sure the model was, 0 to 1.
    pub classification_confidence: Option<f64>,
    /// By which method.
    pub classification_method: Option<&'a str>,
    /// By which model.
    pub model_id: Option<&'a str>,
    /// In which version.
    pub model_version: Option<&'a str>,
    /// Who changed it.
    pub changed_by: &'a str,
    /// When.
    pub changed_at: Timestamp,
    /// Why.
    pub reason: Option<&'a str>,
    /// The features the model saw, as JSON text.
    pub features_used: Option<&'a str>,
    /// Anything else, as JSON text.
    pub metadata: Option<&'a str>,
    /// The run that wrote the row.
    pub run_id: Option<&'a str>,
    /// The segment that seals the row, as it is stored with it: None in a row that others wrote.
    pub segment_id: Option<i64>,
}

impl HistoryRow {
    /// The row, borrowed.
    pub fn borrowed(&self) -> HistoryRowRef<'_> {
        HistoryRowRef {
            workout_id: &self.workout_id,
            previous_classification: self.previous_classification.as_deref(),
            new_classification: &self.new_classification,
            classification_source: &self.classification_source,
            classification_confidence: self.classification_confidence,
            classification_method: self.classification_method.as_deref(),
            model_id: self.model_id.as_deref(),
            model_version: self.model_version.as_deref(),
            changed_by: &self.changed_by,
            changed_at: self.changed_at,
            reason: self.reason.as_deref(),
            features_used: self.features_used.as_deref(),
            metadata: self.metadata.as_deref(),
            run_id: self.run_id.as_deref(),
            segment_id: self.segment_id,
        }
    }
}

impl HistoryRowRef<'_> {
    /// Appends the row's bytes in the layout of the module's documentation to `out`.
    ///
    /// # Panics
    /// When a text is 4 GiB or longer, which no store can hold in a column.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&ENCODING_VERSION.to_le_bytes());
        let bits = self.classification_confidence.map(|c| c.to_bits().to_le_bytes());
        put(out, Some(self.workout_id));
        put(out, self.previous_classification);
        put(out, Some(self.new_classification));
        put(out, Some(self.classification_source));
        put(out, bits);
        put(out, self.classification_method);
        put(out, self.model_id);
        put(out, self.model_version);
        put(out, Some(self.changed_by));
        put(out, Some(self.changed_at.micros().to_le_bytes()));
        put(out, self.reason);
        put(out, self.features_used);
        put(out, self.metadata);
        put(out, self.run_id);
        put(out, self.segment_id.map(i64::to_le_bytes));
    }

    /// The row with its own text.
    pub fn into_row(self) -> HistoryRow {
        let text = |text: Option<&str>| text.map(str::to_owned);
        HistoryRow {
            workout_id: self.workout_id.to_owned(),
            previous_classification: text(self.previous_classification),
            new_classification: self.new_classification.to_owned(),
            classification_source: self.classification_source.to_owned(),
            classification_confidence: self.classification_confidence,
            classification_method: text(self.classification_method),
            model_id: text(self.model_id),
            model_version: text(self.model_version),
            changed_by: self.changed_by.to_owned(),
            changed_at: self.changed_at,
            reason: text(self.reason),
            features_used: text(self.features_used),
            metadata: text(self.metadata),
            run_id: text(self.run_id),
            segment_id: self.segment_id,
        }
    }

    /// The row's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(&mut out);
        out
    }

    /// The row's leaf hash. `scratch` is overwritten; passing the same one again saves its allocation.
    pub fn leaf_hash(&self, scratch: &mut Vec<u8>) -> Hash {
        scratch.clear();
        self.encode_into(scratch);
        merkle::leaf_hash(scratch)
    }
}

/// The bytes of the fields of an encoded row, in order; None for a null. What they mean is not looked at.
/// None at all where `row` is not one whole row of this version.
pub fn fields(row: &[u8]) -> Option<[Option<&[u8]>; FIELDS]> {
    let (version, rest) = row.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != ENCODING_VERSION {
        return None;
    }
    taken::<FIELDS>(rest)
}

/// The values of the `N` fields that [`put`] appended; None for a null. None at all where `rest` is not just those.
pub(super) fn taken<const N: usize>(mut rest: &[u8]) -> Option<[Option<&[u8]>; N]> {
    let mut fields = [None; N];
    for field in &mut fields {
        let (tag, after) = rest.split_first()?;
        rest = after;
        if *tag == 1 {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let (value, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            *field = Some(value);
            rest = after;
        }
    }
    rest.is_empty().then_some(fields)
}

/// Appends a field: 0x00 for a null, else 0x01, the length and the value.
///
/// # Panics
/// As [`HistoryRowRef::encode_into`].
pub(super) fn put(out: &mut Vec<u8>, value: Option<impl AsRef<[u8]>>) {
    let Some(value) = value else {
        out.push(0);
        return;
    };
    let bytes = value.as_ref();
    let length = u32::try_from(bytes.len()).expect("a column holds less than 4 GiB");
    out.push(1);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests;
