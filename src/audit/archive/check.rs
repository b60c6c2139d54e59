//! A file held against the chain: are its rows those that were sealed?
//!
//! Why: rows leave the table only when this has said yes of the file that stays, and come back only then.
//!
//! Invariants: nothing of the file is believed, neither what it says of its segments nor its leaf hashes; memory
//! grows with segments.
//!
//! Must not know: where the file came from.

use std::collections::BTreeMap;

use crate::audit::chain::{self, ChainError, Segment};
use crate::audit::merkle::Merkle;

use super::file::{File, FileError, Filed};

/// What a file's rows are to the segments that they should be of.
#[derive(Debug, Default)]
pub struct Checked {
    /// Segments whose rows are not what they seal, with what is wrong.
    pub broken: Vec<(Segment, ChainError)>,
    /// Rows of other segments.
    pub stray: u64,
    /// Rows whose leaf hash is not what the file says, or that stand out of order.
    pub odd: u64,
}

impl Checked {
    /// True where the rows are just those that were sealed.
    pub fn holds(&self) -> bool {
        self.broken.is_empty() && self.stray == 0 && self.odd == 0
    }

    /// A sentence on what does not hold.
    pub fn detail(&self) -> String {
        match self.broken.first() {
            Some((_, error)) => error.to_string(),
            None => format!(
                "{} of its rows are of other segments, {} have another hash or place",
                self.stray, self.odd
            ),
        }
    }
}

/// Holds a file against `segments`, the stretch of the chain that it is to hold, in order.
///
/// # Errors
/// [`FileError`] where it cannot be read.
pub fn check(file: &File, segments: &[Segment]) -> Result<Checked, FileError> {
    let mut trees: BTreeMap<i64, Merkle> = segments.iter().map(|s| (s.segment_id, Merkle::new())).collect();
    let (mut checked, mut scratch, mut last) = (Checked::default(), Vec::new(), None);
    file.each(|filed: Filed<'_>| -> Result<(), FileError> {
        let leaf = filed.row.leaf_hash(&mut scratch);
        let at = Some((filed.sealed_by, filed.history_id));
        let own = filed.row.segment_id.is_none_or(|own| own == filed.sealed_by);
        checked.odd += u64::from(leaf != filed.leaf || at <= last || !own);
        last = at;
        match trees.get_mut(&filed.sealed_by) {
            Some(tree) => tree.push(leaf),
            None => checked.stray += 1,
        }
        Ok(())
    })?;
    for segment in segments.iter().filter(|s| s.encoding_version != chain::ARCHIVE_VERSION) {
        if let Err(error) = chain::check_rows(segment, &trees[&segment.segment_id]) {
            checked.broken.push((*segment, error));
        }
    }
    Ok(checked)
}
