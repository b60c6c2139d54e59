//! Seeded randomness for training: the same seed gives the same choices on every machine.
//!
//! Invariants: Xoshiro256+ seeded by SplitMix64, both fixed algorithms; only the seed and the row
//! count decide, never the rows.

use rand::{RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256Plus;

/// What randomness is used for: one stream each, so that a change in one use leaves the others.
#[derive(Debug, Clone, Copy)]
#[repr(u64)]
pub(in crate::stage) enum Purpose {
    /// Which rows a model is trained on.
    TrainingRows = 0x7472_6169_6e69_6e67,
    /// Which rows the restarts see.
    RestartRows = 0x7265_7374_6172_7473,
    /// Where each restart begins.
    Restarts = 0x7365_6564_735f_6b6d,
    /// Which rows the silhouette is estimated on.
    Silhouette = 0x7369_6c68_6f75_6574,
}

/// The generator of `seed` for one purpose.
pub(in crate::stage) fn generator(seed: u64, purpose: Purpose) -> Xoshiro256Plus {
    Xoshiro256Plus::seed_from_u64(seed ^ purpose as u64)
}

/// `wanted` of the numbers `0..n`, ascending, each set equally likely; all of them where
/// `wanted >= n`. Selection sampling (Knuth, The Art of Computer Programming 2, algorithm 3.4.2 S).
pub(in crate::stage) fn indices(n: usize, wanted: usize, rng: &mut impl RngCore) -> Vec<usize> {
    if wanted >= n {
        return (0..n).collect();
    }
    let mut chosen = Vec::with_capacity(wanted);
    for i in 0..n {
        let uniform = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        if uniform * ((n - i) as f64) < (wanted - chosen.len()) as f64 {
            chosen.push(i);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_ascending_exact_in_size_and_repeatable() {
        let draw = |seed| indices(1_000, 100, &mut generator(seed, Purpose::TrainingRows));
        let first = draw(7);
        assert_eq!(first.len(), 100);
        assert!(first.is_sorted_by(|a, b| a < b) && first[99] < 1_000);
        assert_eq!(first, draw(7));
        assert_ne!(first, draw(8));
        assert_eq!(indices(3, 5, &mut generator(7, Purpose::Restarts)), [0, 1, 2]);
    }
}
