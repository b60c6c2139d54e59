//! A digest over the rows that a model would be trained on, computed without training.
//!
//! Why: with the same parameters, seed and rows, training gives the same artifact; so a run that
//! finds the digest unchanged knows that there is nothing to learn.
//!
//! Invariants: only rows within the bounds count; each is hashed as the length of its id (8 bytes,
//! little-endian), the id, the bits of pace, distance and duration, and the microseconds of its
//! date, in key order. Two different sets of rows never hash the same bytes.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::features::Bounds;
use super::frame::{Features, Frame};
use super::model::hex;
use super::table::Table;

/// How many valid rows there are, and which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fingerprint {
    /// Rows within the bounds.
    pub rows: u64,
    /// SHA-256 over them; 64 hexadecimal digits in lower case.
    pub data_sha256: String,
}

impl Fingerprint {
    /// The fingerprint of the rows of `features` within `bounds`.
    pub fn of(features: &Frame<Features>, bounds: &Bounds) -> Self {
        let mut digester = Digester::default();
        digester.add(features, bounds);
        digester.finish()
    }
}

/// Bytes that are hashed at a time: a call for each number would cost more than its hash. No result depends on it.
const BUFFER: usize = 16_384;

/// A fingerprint in the making, of rows that do not fit into memory together.
#[derive(Debug, Clone, Default)]
pub struct Digester {
    digest: Sha256,
    rows: u64,
}

impl Digester {
    /// Goes on with the rows of `features` within `bounds`, which follow in key order those that were added
    /// before.
    pub fn add(&mut self, features: &Frame<Features>, bounds: &Bounds) {
        let table = Table::of(features);
        let mut bytes = Vec::with_capacity(2 * BUFFER);
        for (i, id) in features.ids().downcast_as_array().values_iter().enumerate() {
            let row = table.row(i);
            if !row.admitted(bounds) {
                continue;
            }
            self.rows += 1;
            bytes.extend_from_slice(&(id.len() as u64).to_le_bytes());
            bytes.extend_from_slice(id.as_bytes());
            for number in [row.pace, row.distance, row.duration] {
                bytes.extend_from_slice(&number.to_bits().to_le_bytes());
            }
            bytes.extend_from_slice(&row.date.micros().to_le_bytes());
            if bytes.len() >= BUFFER {
                self.digest.update(&bytes);
                bytes.clear();
            }
        }
        self.digest.update(&bytes);
    }

    /// The fingerprint of all that was added.
    pub fn finish(self) -> Fingerprint {
        Fingerprint {
            rows: self.rows,
            data_sha256: hex(&self.digest.finalize()),
        }
    }
}
