//! The anchor: one head of the chain, kept where whoever owns the database cannot reach it.
//!
//! Why: who cuts the end of the chain and puts the state back leaves a chain that holds. Only somebody
//! who remembers a later head can tell.
//!
//! ```json
//! {
//!   "format": "paceline anchor 1",
//!   "segment_id": 12,
//!   "head": "64 hexadecimal digits",
//!   "rows": 5944,
//!   "written_at": "2026-01-02T03:04:05.000000Z"
//! }
//! ```
//!
//! Invariants: nothing in it depends on the store; `rows` counts the rows that segments 1 to
//! `segment_id` seal; segment 0 is the chain before its first segment.
//!
//! Must not know: files.

use serde::{Deserialize, Serialize};

use super::Hash;
use super::chain::{Link, Segment};
use crate::time::Timestamp;

/// The `format` of the texts that this program writes and reads.
pub const FORMAT: &str = "paceline anchor 1";

/// One head of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The last segment when it was written; 0 before the first.
    pub segment_id: i64,
    /// That segment's head.
    pub head: Hash,
    /// How many rows were sealed.
    pub rows: u64,
    /// When it was written; says nothing about the chain.
    pub written_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    format: String,
    segment_id: i64,
    head: String,
    rows: u64,
    written_at: String,
}

/// A text that is no anchor of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// No JSON, or not these fields.
    #[error("it is no anchor: {0}")]
    Garbled(String),
    /// Another version wrote it.
    #[error("its format is '{0}', this program knows '{FORMAT}'")]
    Format(String),
}

/// How the chain fails an anchor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanchored {
    /// The anchored segment is not there any more.
    #[error(
        "segment {anchored} was anchored with head {head}, and the chain ends at segment {last}: its end was cut, or \
         this is another database"
    )]
    Cut {
        /// The anchored segment.
        anchored: i64,
        /// Its head.
        head: Hash,
        /// Where the chain ends.
        last: i64,
    },
    /// The anchored segment is another one.
    #[error(
        "segment {segment_id} was anchored with head {anchored}, and has {found}: the chain was rewritten, or this is \
         another database"
    )]
    Mismatch {
        /// The segment.
        segment_id: i64,
        /// The anchored head.
        anchored: Hash,
        /// The head there is.
        found: Hash,
    },
    /// The head is the same and the rows before it are not as many: the anchor itself was changed.
    #[error(
        "{anchored} rows were anchored up to segment {segment_id}, and its segments seal {found}: the anchor was \
         changed"
    )]
    Rows {
        /// The segment.
        segment_id: i64,
        /// The anchored number.
        anchored: u64,
        /// The number there is.
        found: u64,
    },
}

impl Unanchored {
    /// One word for programs: `anchor_cut` or `anchor_mismatch`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Cut { .. } => "anchor_cut",
            Self::Mismatch { .. } | Self::Rows { .. } => "anchor_mismatch",
        }
    }

    /// The anchored segment.
    pub fn segment_id(&self) -> i64 {
        match self {
            Self::Cut { anchored, .. } => *anchored,
            Self::Mismatch { segment_id, .. } | Self::Rows { segment_id, .. } => *segment_id,
        }
    }
}

impl Anchor {
    /// The end of a chain, at an instant.
    pub fn of(segments: &[Segment], written_at: Timestamp) -> Self {
        let link = segments.last().map_or_else(Link::genesis, Segment::link);
        Self {
            segment_id: link.segment_id,
            head: link.head,
            rows: sealed(segments, link.segment_id),
            written_at,
        }
    }

    /// The text of the file, with a line end.
    pub fn text(&self) -> String {
        let text = Text {
            format: FORMAT.to_owned(),
            segment_id: self.segment_id,
            head: self.head.to_string(),
            rows: self.rows,
            written_at: self.written_at.naive().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        };
        let mut text = serde_json::to_string_pretty(&text).expect("texts and numbers are JSON");
        text.push('\n');
        text
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`AnchorError`]; nothing is guessed: a field too many is refused as one too few is.
    pub fn read(text: &str) -> Result<Self, AnchorError> {
        let garbled = |what: String| AnchorError::Garbled(what);
        if text.trim().is_empty() {
            return Err(garbled("it is empty".to_owned()));
        }
        let value: serde_json::Value = serde_json::from_str(text).map_err(|e| garbled(e.to_string()))?;
        if let Some(format) = value.get("format").and_then(|f| f.as_str())
            && format != FORMAT
        {
            return Err(AnchorError::Format(format.chars().take(80).collect()));
        }
        let text: Text = serde_json::from_value(value).map_err(|e| garbled(e.to_string()))?;
        let head: Hash = text.head.parse().map_err(|e| garbled(format!("head: {e}")))?;
        let written_at = text.written_at.parse();
        let genesis = Link::genesis();
        if text.segment_id < 0 || (text.segment_id == 0 && (head != genesis.head || text.rows != 0)) {
            return Err(garbled(format!(
                "segment {} with {} rows cannot have that head",
                text.segment_id, text.rows
            )));
        }
        Ok(Self {
            segment_id: text.segment_id,
            head,
            rows: text.rows,
            written_at: written_at.map_err(|_| garbled(format!("written_at '{}' is no instant", text.written_at)))?,
        })
    }

    /// Checks that the chain of `segments`, in order, still holds the anchored head. That the chain is
    /// sound up to there is `chain::check_link`'s to say.
    ///
    /// # Errors
    /// [`Unanchored`].
    pub fn check(&self, segments: &[Segment]) -> Result<(), Unanchored> {
        let genesis = Link::genesis();
        let anchored = segments.iter().find(|s| s.segment_id == self.segment_id);
        let found = match anchored {
            Some(segment) => segment.head,
            None if self.segment_id == genesis.segment_id => genesis.head,
            None => {
                return Err(Unanchored::Cut {
                    anchored: self.segment_id,
                    head: self.head,
                    last: segments.last().map_or(0, |s| s.segment_id),
                });
            }
        };
        if found != self.head {
            return Err(Unanchored::Mismatch {
                segment_id: self.segment_id,
                anchored: self.head,
                found,
            });
        }
        let rows = sealed(segments, self.segment_id);
        if rows != self.rows {
            return Err(Unanchored::Rows {
                segment_id: self.segment_id,
                anchored: self.rows,
                found: rows,
            });
        }
        Ok(())
    }
}

/// How many rows the segments up to `last` seal. Saturating: the counts of a tampered chain may be any.
fn sealed(segments: &[Segment], last: i64) -> u64 {
    let counted = segments.iter().filter(|s| s.segment_id <= last);
    counted.fold(0, |rows, s| rows.saturating_add(s.row_count))
}

#[cfg(test)]
mod tests;
