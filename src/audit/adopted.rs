//! Rows that others wrote: which segment took them in, and the state they were found beside.
//!
//! Why: an older tool that writes to the same tables knows of no segments. Its rows cannot be given one,
//! because the history refuses UPDATE; so they stay as they are, a table of ranges says which segment
//! seals them, and a row of ours after them says what the current row looked like at that instant. From
//! then on replay is exact again: what others wrote is their word, what changes after it is found.
//!
//! Invariants: a range holds only numbers of rows that were there when it was made; a [`FoundState`]
//! counts only in a row of a segment of our own.
//!
//! Must not know: stores, who the others are.

use serde::{Deserialize, Serialize};

/// The adopted rows from `first` to `last`, both inclusive, without a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first `history_id`.
    pub first: i64,
    /// The last.
    pub last: i64,
}

/// The maximal ranges without a hole of `ids`, which ascend.
pub fn ranges(ids: impl IntoIterator<Item = i64>) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    for id in ids {
        match ranges.last_mut() {
            Some(range) if range.last.checked_add(1) == Some(id) => range.last = id,
            _ => ranges.push(Range { first: id, last: id }),
        }
    }
    ranges
}

/// What stood in `workout_ml_classifications` for a workout when rows of others on it were adopted, as
/// far as a history row has no column for it. The row's label is its `new_classification`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundState {
    /// False where there was no current row.
    pub present: bool,
    /// The override flag.
    pub is_user_override: bool,
    /// The change count, however others counted.
    pub classification_change_count: i64,
    /// The model of the label.
    pub label_model_id: Option<String>,
    /// The run of the label.
    pub run_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    adopted_state: FoundState,
}

/// How the metadata of a row with a [`FoundState`] begins.
pub const BEGINNING: &str = r#"{"adopted_state":"#;

impl FoundState {
    /// The text for a history row's `metadata`.
    pub fn metadata(&self) -> String {
        let metadata = Metadata {
            adopted_state: self.clone(),
        };
        serde_json::to_string(&metadata).expect("texts, numbers and booleans are JSON")
    }

    /// What a history row's `metadata` says; None where it is about something else.
    pub fn read(metadata: &str) -> Option<Self> {
        // Looked at before it is parsed: a replay asks this of every row that has any metadata.
        if !metadata.starts_with(BEGINNING) {
            return None;
        }
        let metadata: Metadata = serde_json::from_str(metadata).ok()?;
        Some(metadata.adopted_state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_ends_a_range() {
        let range = |first, last| Range { first, last };
        assert_eq!(ranges([]), []);
        assert_eq!(ranges([5]), [range(5, 5)]);
        assert_eq!(ranges([1, 2, 3, 7, 9, 10]), [range(1, 3), range(7, 7), range(9, 10)]);
        assert_eq!(ranges([i64::MAX - 1, i64::MAX]), [range(i64::MAX - 1, i64::MAX)]);
    }

    #[test]
    fn a_found_state_survives_its_text_and_nothing_else_passes_for_one() {
        let found = FoundState {
            present: true,
            is_user_override: false,
            classification_change_count: 17,
            label_model_id: Some("m".to_owned()),
            run_id: None,
        };
        assert_eq!(FoundState::read(&found.metadata()), Some(found.clone()));
        for other in [
            "",
            "{}",
            "[]",
            r#"{"adopted_state":{}}"#,
            r#"{"adopted_state":{"present":true}}"#,
            &found.metadata().replace("17", "17.5"),
            &format!(" {}", found.metadata()),
        ] {
            assert_eq!(FoundState::read(other), None, "{other}");
        }
    }
}
