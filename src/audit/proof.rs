//! Proofs: one history row is in the chain, shown to somebody who has no database.
//!
//! Why: who is told "this is what we said of the workout, then" can check it with nothing but a head
//! that they, or anybody they trust, wrote down.
//!
//! A proof of a row is its bytes, its place among the leaves of its segment, the hashes beside its way
//! up to the root, the segment, and the segments after it up to the head. `docs/check_proof.py` checks
//! one in another language.
//!
//! Invariants: what [`Proof::check`] accepts was sealed under the head, or SHA-256 is broken.
//!
//! Must not know: stores, what the bytes say.

use super::Hash;
use super::chain::{self, ChainError, Segment};
use super::merkle;

/// That one row is among the rows of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The row's bytes (see `encoding`).
    pub leaf: Vec<u8>,
    /// Its place among the segment's rows, from 0.
    pub leaf_index: u64,
    /// How many rows the segment seals.
    pub tree_size: u64,
    /// The neighbours' hashes, from the leaf up to the root (RFC 6962).
    pub audit_path: Vec<Hash>,
    /// The segment.
    pub segment: Segment,
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The row is not under the segment's root.
    #[error("the row is not row {index} of {size} under the root of segment {segment_id}")]
    Path {
        /// The place that was claimed.
        index: u64,
        /// Among how many.
        size: u64,
        /// Of which segment.
        segment_id: i64,
    },
    /// The segment, or one after it, does not follow.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The chain leads to another head.
    #[error("the chain leads to head {reached}, and {wanted} was asked for")]
    Head {
        /// Where it leads.
        reached: Hash,
        /// Where it must lead.
        wanted: Hash,
    },
}

impl Proof {
    /// The proof of the row with these bytes at `index` (from 0) among `leaves`; None where there is no such
    /// row, or where the leaves are not what the segment seals.
    pub fn new(leaf: Vec<u8>, index: usize, leaves: &[Hash], segment: &Segment) -> Option<Self> {
        let proof = Self {
            leaf_index: index as u64,
            tree_size: leaves.len() as u64,
            audit_path: merkle::prove(leaves, index)?,
            segment: *segment,
            leaf,
        };
        proof.is_in_segment().then_some(proof)
    }

    fn is_in_segment(&self) -> bool {
        let leaf = merkle::leaf_hash(&self.leaf);
        self.tree_size == self.segment.row_count
            && merkle::check_proof(
                &leaf,
                self.leaf_index,
                self.tree_size,
                &self.audit_path,
                &self.segment.merkle_root,
            )
    }

    /// Checks the proof against `head`: the row is in its segment, the segment's head is its own, and
    /// `later`, the segments after it in order, lead from it to `head`.
    ///
    /// # Errors
    /// The first [`ProofError`].
    pub fn check(&self, later: &[Segment], head: &Hash) -> Result<(), ProofError> {
        if !self.is_in_segment() {
            return Err(ProofError::Path {
                index: self.leaf_index,
                size: self.tree_size,
                segment_id: self.segment.segment_id,
            });
        }
        // What came before the segment is not asked: its head names it, and that is what is checked.
        let before = chain::Link {
            segment_id: self.segment.segment_id.saturating_sub(1),
            head: self.segment.prev_head,
        };
        let mut link = chain::check_link(&before, &self.segment)?;
        for segment in later {
            link = chain::check_link(&link, segment)?;
        }
        if link.head != *head {
            return Err(ProofError::Head {
                reached: link.head,
                wanted: *head,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::chain::{Link, Sealer};
    use crate::audit::encoding::HistoryRow;
    use crate::time::Timestamp;

    fn row(n: i64) -> HistoryRow {
        HistoryRow {
            workout_id: format!("w{n}"),
            previous_classification: None,
            new_classification: "real_run".to_owned(),
            classification_source: "ml_prediction".to_owned(),
            classification_confidence: Some(0.5),
            classification_method: None,
            model_id: None,
            model_version: None,
            changed_by: "system".to_owned(),
            changed_at: Timestamp::from_micros(n),
            reason: None,
            features_used: None,
            metadata: None,
            run_id: None,
            segment_id: None,
        }
    }

    fn sealed(prev: &Link, rows: i64) -> (Segment, Vec<Hash>, Vec<Vec<u8>>) {
        let mut sealer = Sealer::new(prev);
        let rows: Vec<HistoryRow> = (0..rows).map(row).collect();
        let leaves = rows.iter().map(|r| sealer.push_adopted(r.borrowed())).collect();
        let bytes = rows.iter().map(|r| r.borrowed().encode()).collect();
        (sealer.finish(), leaves, bytes)
    }

    #[test]
    fn every_row_is_proved_and_nothing_else() {
        let (first, leaves, bytes) = sealed(&Link::genesis(), 7);
        let (second, ..) = sealed(&first.link(), 0);
        let (third, ..) = sealed(&second.link(), 2);
        for (index, leaf) in bytes.iter().enumerate() {
            let proof = Proof::new(leaf.clone(), index, &leaves, &first).expect("it is there");
            assert_eq!(proof.check(&[second, third], &third.head), Ok(()));
            let mut other = proof.clone();
            other.leaf[9] ^= 1;
            assert!(matches!(
                other.check(&[second, third], &third.head),
                Err(ProofError::Path { .. })
            ));
            let mut other = proof.clone();
            other.segment.row_count = 8;
            assert!(other.check(&[second, third], &third.head).is_err());
            assert!(matches!(proof.check(&[third], &third.head), Err(ProofError::Chain(_))));
            assert!(matches!(
                proof.check(&[second], &third.head),
                Err(ProofError::Head { .. })
            ));
        }
        assert_eq!(Proof::new(bytes[1].clone(), 2, &leaves, &first), None);
        assert_eq!(Proof::new(bytes[0].clone(), 7, &leaves, &first), None);
        assert_eq!(Proof::new(bytes[1].clone(), 1, &leaves[..6], &first), None);
    }
}
