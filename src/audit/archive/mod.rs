//! Archives: history that left the table for a file, and what of it stays behind.
//!
//! Why: history only grows. Years of it can lie in files, as long as nobody can change unnoticed what the files
//! say, and replay does not need them.
//!
//! An archive is a stretch of segments, one file (`file`) and one snapshot (`snapshot`): the state of each workout
//! that has a row in it, after its last segment. Its [`Record`] names them all with their hashes, and is the one
//! leaf of a segment of its own ([`chain::ARCHIVE_VERSION`]). The archived segments stay in the chain.
//!
//! ```text
//! leaf data = "paceline archive 1", then as fields of a row (0x00 for null, or 0x01, length u32, value):
//!             archive_id i64, first_segment i64, last_segment i64, head 32 bytes, row_count u64, newest_at i64,
//!             file_name UTF-8, file_bytes u64, file_sha256 32 bytes, snapshot_rows u64, snapshot_root 32 bytes,
//!             made_at i64
//! ```
//!
//! Integers are little-endian, instants microseconds since 1970-01-01 00:00:00 UTC.
//!
//! Invariants: an archive holds whole segments; the rows of a sealed record's file hash to the roots of its
//! segments, and fold to its snapshot.
//!
//! Must not know: stores, folders.

pub mod check;
pub mod chunks;
pub mod file;
pub mod snapshot;

use super::chain::{self, Link, Segment};
use super::encoding::put;
use super::{Hash, merkle};
use crate::time::Timestamp;

const TAG: &str = "paceline archive 1";

/// What is sealed of an archive: a row of `audit_archives`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number, from 1.
    pub archive_id: i64,
    /// The first of its segments.
    pub first_segment: i64,
    /// The last of them, inclusive.
    pub last_segment: i64,
    /// The head of the last segment.
    pub head: Hash,
    /// History rows in the file.
    pub row_count: u64,
    /// The newest `changed_at` of its rows.
    pub newest_at: Timestamp,
    /// The file, without a folder.
    pub file_name: String,
    /// Its length.
    pub file_bytes: u64,
    /// Its SHA-256.
    pub file_sha256: Hash,
    /// States in the snapshot.
    pub snapshot_rows: u64,
    /// The root over their leaf hashes, in order of workout (bytes).
    pub snapshot_root: Hash,
    /// When it was made; says nothing about the history.
    pub made_at: Timestamp,
}

impl Record {
    /// The bytes of the leaf.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = TAG.as_bytes().to_vec();
        for number in [self.archive_id, self.first_segment, self.last_segment] {
            put(&mut out, Some(number.to_le_bytes()));
        }
        put(&mut out, Some(self.head.as_bytes()));
        put(&mut out, Some(self.row_count.to_le_bytes()));
        put(&mut out, Some(self.newest_at.micros().to_le_bytes()));
        put(&mut out, Some(&self.file_name));
        put(&mut out, Some(self.file_bytes.to_le_bytes()));
        put(&mut out, Some(self.file_sha256.as_bytes()));
        put(&mut out, Some(self.snapshot_rows.to_le_bytes()));
        put(&mut out, Some(self.snapshot_root.as_bytes()));
        put(&mut out, Some(self.made_at.micros().to_le_bytes()));
        out
    }

    /// The segment after `prev` that seals it.
    pub fn seal(&self, prev: &Link) -> Segment {
        let mut segment = Segment {
            segment_id: prev.next_segment_id(),
            row_count: 1,
            merkle_root: merkle::leaf_hash(&self.encode()),
            prev_head: prev.head,
            head: prev.head,
            encoding_version: chain::ARCHIVE_VERSION,
        };
        segment.head = segment.computed_head();
        segment
    }

    /// True where `segment` seals this record, whatever came before it.
    pub fn is_sealed_by(&self, segment: &Segment) -> bool {
        segment.encoding_version == chain::ARCHIVE_VERSION
            && segment.row_count == 1
            && segment.merkle_root == merkle::leaf_hash(&self.encode())
    }

    /// True for its segments.
    pub fn holds(&self, segment_id: i64) -> bool {
        (self.first_segment..=self.last_segment).contains(&segment_id)
    }

    /// `segments 1 to 12`.
    pub fn span(&self) -> String {
        match self.first_segment == self.last_segment {
            true => format!("segment {}", self.first_segment),
            false => format!("segments {} to {}", self.first_segment, self.last_segment),
        }
    }
}

/// The name of the file of `segments`, which no other stretch of any chain has: their numbers and the beginning of
/// the last head.
pub fn file_name(first_segment: i64, last: &Segment) -> String {
    let head = last.head.to_string();
    format!("paceline-{first_segment}-{}-{}.parquet", last.segment_id, &head[..12])
}

/// Cuts segments, in order, into stretches of at most `max_rows` history rows and `max_segments` segments; one segment
/// that has more is a stretch by itself. What is left at the end without any row is in none.
pub fn cut(segments: &[Segment], max_rows: u64, max_segments: usize) -> Vec<&[Segment]> {
    let (mut stretches, mut begin, mut rows) = (Vec::new(), 0, 0u64);
    for (at, segment) in segments.iter().enumerate() {
        let more = rows.saturating_add(segment.history_rows());
        if rows > 0 && (more > max_rows || at - begin >= max_segments) {
            stretches.push(&segments[begin..at]);
            (begin, rows) = (at, segment.history_rows());
        } else {
            rows = more;
        }
    }
    if rows > 0 {
        stretches.push(&segments[begin..]);
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            archive_id: 3,
            first_segment: 4,
            last_segment: 9,
            head: merkle::leaf_hash(b"head"),
            row_count: 70,
            newest_at: Timestamp::from_micros(-5),
            file_name: "paceline-4-9-abc.parquet".to_owned(),
            file_bytes: 1_234,
            file_sha256: merkle::leaf_hash(b"file"),
            snapshot_rows: 60,
            snapshot_root: merkle::leaf_hash(b"snapshot"),
            made_at: Timestamp::from_micros(77),
        }
    }

    #[test]
    fn a_record_is_sealed_in_every_field() {
        let prev = Link {
            segment_id: 11,
            head: merkle::leaf_hash(b"before"),
        };
        let segment = record().seal(&prev);
        assert!(record().is_sealed_by(&segment) && chain::check_link(&prev, &segment).is_ok());
        assert_eq!((segment.segment_id, segment.history_rows()), (12, 0));
        let other = merkle::leaf_hash(b"other");
        let edits: [fn(&mut Record, Hash); 12] = [
            |r, _| r.archive_id += 1,
            |r, _| r.first_segment += 1,
            |r, _| r.last_segment += 1,
            |r, hash| r.head = hash,
            |r, _| r.row_count += 1,
            |r, _| r.newest_at = Timestamp::from_micros(0),
            |r, _| r.file_name.push('x'),
            |r, _| r.file_bytes += 1,
            |r, hash| r.file_sha256 = hash,
            |r, _| r.snapshot_rows += 1,
            |r, hash| r.snapshot_root = hash,
            |r, _| r.made_at = Timestamp::from_micros(0),
        ];
        for (number, edit) in edits.iter().enumerate() {
            let mut edited = record();
            edit(&mut edited, other);
            assert!(!edited.is_sealed_by(&segment), "field {number}");
        }
        let as_rows = Segment {
            encoding_version: 1,
            ..segment
        };
        assert!(!record().is_sealed_by(&as_rows), "no segment of rows passes for it");
    }

    #[test]
    fn a_record_is_hashed_as_it_always_was() {
        // Computed apart, in Python, from the layout above.
        let expected = "e4c2b5ebfc0356f35c40f1e827e4bc187c9804d27f38e59b1e1eb940ef799fe9";
        assert_eq!(merkle::leaf_hash(&record().encode()).to_string(), expected);
    }

    #[test]
    fn stretches_hold_whole_segments_and_together_all_with_rows() {
        let segment = |(n, rows): (usize, &u64)| Segment {
            segment_id: n as i64 + 1,
            // 0 stands for the record of an archive.
            encoding_version: if *rows == 0 { 2 } else { 1 },
            row_count: (*rows).max(1),
            ..record().seal(&Link::genesis())
        };
        let cut_of = |rows: &[u64], max_rows, max_segments| {
            let segments: Vec<Segment> = rows.iter().enumerate().map(segment).collect();
            cut(&segments, max_rows, max_segments)
                .iter()
                .map(|s| s.len())
                .collect::<Vec<_>>()
        };
        assert_eq!(cut_of(&[5, 5, 5], 10, 9), [2, 1]);
        assert_eq!(cut_of(&[50, 5, 5], 10, 9), [1, 2]);
        assert_eq!(cut_of(&[5, 0, 5, 6], 10, 9), [3, 1]);
        assert_eq!(cut_of(&[1, 1, 1, 1, 1], 10, 2), [2, 2, 1]);
        assert_eq!(cut_of(&[5, 5, 0, 0], 9, 9), [1, 3]);
        assert_eq!(cut_of(&[0, 0], 10, 9), [0usize; 0]);
        assert_eq!(cut_of(&[], 10, 9), [0usize; 0]);
    }
}
