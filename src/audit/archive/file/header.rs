//! What a file says of itself: its version, how many rows it has, and the segments that they are of.
//!
//! Why: with it a file proves its rows to whoever has a head of the chain, and no database.
//!
//! Invariants: what is written reads back the same.
//!
//! Must not know: Parquet.

use serde::{Deserialize, Serialize};

use crate::audit::HashError;
use crate::audit::chain::Segment;

use super::{FORMAT, FileError};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderText {
    format: String,
    rows: u64,
    segments: Vec<SegmentText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SegmentText {
    segment_id: i64,
    row_count: u64,
    merkle_root: String,
    prev_head: String,
    head: String,
    encoding_version: u32,
}

impl From<&Segment> for SegmentText {
    fn from(segment: &Segment) -> Self {
        Self {
            segment_id: segment.segment_id,
            row_count: segment.row_count,
            merkle_root: segment.merkle_root.to_string(),
            prev_head: segment.prev_head.to_string(),
            head: segment.head.to_string(),
            encoding_version: segment.encoding_version,
        }
    }
}

impl SegmentText {
    fn read(&self) -> Result<Segment, HashError> {
        Ok(Segment {
            segment_id: self.segment_id,
            row_count: self.row_count,
            merkle_root: self.merkle_root.parse()?,
            prev_head: self.prev_head.parse()?,
            head: self.head.parse()?,
            encoding_version: self.encoding_version,
        })
    }
}

/// The text for a file of `segments`, in order.
///
/// # Errors
/// [`FileError::Write`], which no segments are known to cause.
pub(super) fn text(segments: &[Segment]) -> Result<String, FileError> {
    let text = HeaderText {
        format: FORMAT.to_owned(),
        rows: segments.iter().map(Segment::history_rows).sum(),
        segments: segments.iter().map(SegmentText::from).collect(),
    };
    serde_json::to_string(&text).map_err(|error| FileError::Write(error.to_string()))
}

/// The segments that a text speaks of, of a file with so many rows.
///
/// # Errors
/// [`FileError::Format`].
pub(super) fn read(said: &str, rows: u64) -> Result<Vec<Segment>, FileError> {
    let header: HeaderText = serde_json::from_str(said).map_err(|e| FileError::Format(e.to_string()))?;
    if header.format != FORMAT {
        let found = header.format;
        return Err(FileError::Format(format!(
            "its format is '{found}', this program knows '{FORMAT}'"
        )));
    }
    if header.rows != rows {
        let said = header.rows;
        return Err(FileError::Format(format!("it says {said} rows, and has {rows}")));
    }
    let segments: Result<Vec<Segment>, HashError> = header.segments.iter().map(SegmentText::read).collect();
    segments.map_err(|error| FileError::Format(error.to_string()))
}
