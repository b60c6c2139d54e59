//! The chain of segments: one per transaction, each naming the head before it.
//!
//! Why: a Merkle root shows that the rows of one transaction are unchanged; the chain shows that no
//! transaction was removed, added or swapped. Whoever wrote down one head can check all before it.
//!
//! ```text
//! genesis = SHA-256("paceline audit genesis 1")
//! head    = SHA-256("paceline audit segment 1" || encoding_version u32 || segment_id i64
//!                   || row_count u64 || merkle_root 32 bytes || prev_head 32 bytes)
//! ```
//!
//! Integers are little-endian; texts are their ASCII bytes, without an end mark. Every part behind the
//! text has a fixed length, so no two segments are hashed from the same bytes.
//!
//! A segment of version [`ARCHIVE_VERSION`] has no history rows: its one leaf is the record of an archive (see
//! `archive`), so that nobody can change unnoticed what became of rows that left the table.
//!
//! Invariants: segment ids are consecutive from 1; the leaves of a segment are its rows in the order of
//! their `history_id`, each encoded with the segment's id.
//!
//! Must not know: stores, transactions.

use sha2::{Digest, Sha256};

use super::Hash;
use super::encoding::{ENCODING_VERSION, HistoryRowRef};
use super::merkle::Merkle;

/// The version of a segment whose leaf is the record of an archive.
pub const ARCHIVE_VERSION: u32 = 2;

const GENESIS: &str = "paceline audit genesis 1";
const SEGMENT: &str = "paceline audit segment 1";

/// Where the chain ends: what the next segment is tied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The last segment; 0 before the first.
    pub segment_id: i64,
    /// Its head.
    pub head: Hash,
}

/// The sealed rows of one transaction: a row of `audit_segments`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Its number, from 1.
    pub segment_id: i64,
    /// How many history rows it seals.
    pub row_count: u64,
    /// The root over their leaf hashes.
    pub merkle_root: Hash,
    /// The head of the segment before; the genesis head for the first.
    pub prev_head: Hash,
    /// The hash of everything above.
    pub head: Hash,
    /// The version of the row encoding, or [`ARCHIVE_VERSION`].
    pub encoding_version: u32,
}

/// Why a segment does not follow from what came before or from its rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A segment is missing, or stands twice.
    #[error("segment {found} follows segment {after}; a segment was removed, added or renumbered")]
    Gap {
        /// The segment that was looked at.
        found: i64,
        /// The one before it.
        after: i64,
    },
    /// The segment names another head than the one before it has.
    #[error("segment {segment_id} follows head {named}, but the segment before it has {actual}")]
    Broken {
        /// The segment.
        segment_id: i64,
        /// The head it names.
        named: Hash,
        /// The head before it.
        actual: Hash,
    },
    /// The segment's own head is not the hash of its fields.
    #[error("segment {segment_id} has head {found}, but its fields hash to {computed}; a field was changed")]
    Head {
        /// The segment.
        segment_id: i64,
        /// The stored head.
        found: Hash,
        /// The head of its fields.
        computed: Hash,
    },
    /// The segment was sealed by a version that this program does not know.
    #[error(
        "segment {segment_id} has row encoding {found}; this program knows {ENCODING_VERSION} and {ARCHIVE_VERSION}: \
         use a newer one"
    )]
    Version {
        /// The segment.
        segment_id: i64,
        /// Its version.
        found: u32,
    },
    /// Rows were removed or added.
    #[error("segment {segment_id} seals {sealed} rows, but {found} were found; rows were removed or added")]
    Count {
        /// The segment.
        segment_id: i64,
        /// The number it was sealed with.
        sealed: u64,
        /// The number there is.
        found: u64,
    },
    /// The rows are as many as they were, but not the same.
    #[error("segment {segment_id} seals rows with root {sealed}, but they hash to {computed}; a row was changed")]
    Root {
        /// The segment.
        segment_id: i64,
        /// The root it was sealed with.
        sealed: Hash,
        /// The root of the rows there are.
        computed: Hash,
    },
}

impl ChainError {
    /// The segment in question.
    pub fn segment_id(&self) -> i64 {
        match self {
            Self::Gap { found, .. } => *found,
            Self::Broken { segment_id, .. }
            | Self::Head { segment_id, .. }
            | Self::Version { segment_id, .. }
            | Self::Count { segment_id, .. }
            | Self::Root { segment_id, .. } => *segment_id,
        }
    }

    /// One word for programs: `gap`, `broken`, `head`, `version`, `count` or `root`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Gap { .. } => "gap",
            Self::Broken { .. } => "broken",
            Self::Head { .. } => "head",
            Self::Version { .. } => "version",
            Self::Count { .. } => "count",
            Self::Root { .. } => "root",
        }
    }
}

impl Link {
    /// The end of a chain without segments.
    pub fn genesis() -> Self {
        Self {
            segment_id: 0,
            head: Hash(Sha256::digest(GENESIS).into()),
        }
    }

    /// The number of the segment that will follow; its rows must carry it.
    pub fn next_segment_id(&self) -> i64 {
        self.segment_id + 1
    }
}

impl Segment {
    /// How many history rows it seals: none where its leaf is the record of an archive.
    pub fn history_rows(&self) -> u64 {
        if self.encoding_version == ARCHIVE_VERSION {
            return 0;
        }
        self.row_count
    }

    /// The head that these fields hash to, whatever `self.head` says.
    pub fn computed_head(&self) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(SEGMENT);
        hasher.update(self.encoding_version.to_le_bytes());
        hasher.update(self.segment_id.to_le_bytes());
        hasher.update(self.row_count.to_le_bytes());
        hasher.update(self.merkle_root.0);
        hasher.update(self.prev_head.0);
        Hash(hasher.finalize().into())
    }

    /// The chain's end after this segment.
    pub fn link(&self) -> Link {
        Link {
            segment_id: self.segment_id,
            head: self.head,
        }
    }
}

/// Seals a segment row by row, for rows that do not stand in memory together.
#[derive(Debug, Clone)]
pub struct Sealer {
    prev: Link,
    tree: Merkle,
    scratch: Vec<u8>,
}

impl Sealer {
    /// A segment after `prev`, so far without rows.
    pub fn new(prev: &Link) -> Self {
        Self {
            prev: *prev,
            tree: Merkle::new(),
            scratch: Vec::new(),
        }
    }

    /// Adds a row, in the order of `history_id`; returns its leaf hash. Its `segment_id` is hashed as the
    /// segment's own, whatever the row says, because that is what must be stored with it.
    pub fn push(&mut self, row: HistoryRowRef<'_>) -> Hash {
        self.add(HistoryRowRef {
            segment_id: Some(self.prev.next_segment_id()),
            ..row
        })
    }

    /// Adds a row that others wrote, in the order of `history_id`; returns its leaf hash. Such a row is
    /// stored without a segment and hashed so, so that no row of ours can later be passed off as theirs.
    pub fn push_adopted(&mut self, row: HistoryRowRef<'_>) -> Hash {
        self.add(HistoryRowRef {
            segment_id: None,
            ..row
        })
    }

    fn add(&mut self, row: HistoryRowRef<'_>) -> Hash {
        let leaf = row.leaf_hash(&mut self.scratch);
        self.tree.push(leaf);
        leaf
    }

    /// The sealed segment. One without rows is allowed.
    pub fn finish(self) -> Segment {
        let mut segment = Segment {
            segment_id: self.prev.next_segment_id(),
            row_count: self.tree.len(),
            merkle_root: self.tree.root(),
            prev_head: self.prev.head,
            head: self.prev.head,
            encoding_version: ENCODING_VERSION,
        };
        segment.head = segment.computed_head();
        segment
    }
}

/// Seals `rows`, in the order of `history_id`, as the segment after `prev`; see [`Sealer::push`].
pub fn seal<'a>(prev: &Link, rows: impl IntoIterator<Item = HistoryRowRef<'a>>) -> Segment {
    let mut sealer = Sealer::new(prev);
    for row in rows {
        sealer.push(row);
    }
    sealer.finish()
}

/// Checks that `segment` follows `prev` and that its head is its own; returns the new end of the chain.
///
/// # Errors
/// The first [`ChainError`] of: gap, version, broken, head. To look for more after one, go on from
/// [`Segment::link`].
pub fn check_link(prev: &Link, segment: &Segment) -> Result<Link, ChainError> {
    let segment_id = segment.segment_id;
    if Some(segment_id) != prev.segment_id.checked_add(1) {
        return Err(ChainError::Gap {
            found: segment_id,
            after: prev.segment_id,
        });
    }
    if !matches!(segment.encoding_version, ENCODING_VERSION | ARCHIVE_VERSION) {
        return Err(ChainError::Version {
            segment_id,
            found: segment.encoding_version,
        });
    }
    if segment.prev_head != prev.head {
        return Err(ChainError::Broken {
            segment_id,
            named: segment.prev_head,
            actual: prev.head,
        });
    }
    let computed = segment.computed_head();
    if segment.head != computed {
        return Err(ChainError::Head {
            segment_id,
            found: segment.head,
            computed,
        });
    }
    Ok(segment.link())
}

/// Checks that `leaves`, a tree over the leaf hashes of the rows that are stored for `segment` (in the
/// order of `history_id`, each hashed as it is stored), is what the segment seals.
///
/// # Errors
/// [`ChainError::Count`] or [`ChainError::Root`].
pub fn check_rows(segment: &Segment, leaves: &Merkle) -> Result<(), ChainError> {
    let segment_id = segment.segment_id;
    if leaves.len() != segment.row_count {
        return Err(ChainError::Count {
            segment_id,
            sealed: segment.row_count,
            found: leaves.len(),
        });
    }
    let computed = leaves.root();
    if computed != segment.merkle_root {
        return Err(ChainError::Root {
            segment_id,
            sealed: segment.merkle_root,
            computed,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
