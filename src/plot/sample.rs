//! The workouts that a picture has room for.
//!
//! Why: ten thousand dots are a blot, and a file that no viewer opens. Which workouts are left out must not
//! depend on their order, and must not change with every night, or the picture would flicker.
//!
//! Invariants: at most [`MAX_DOTS`] are kept, in memory that does not grow with what is offered; those that a
//! person has set come first, then those whose ids have the lowest hashes, so the same workouts give the same
//! sample in any order, and a workout that is kept stays kept while few are added.
//!
//! Must not know: how dots are drawn.

use std::collections::BinaryHeap;

/// The most workouts in one picture.
pub const MAX_DOTS: usize = 5_000;

/// One workout.
#[derive(Debug, Clone, PartialEq)]
pub struct Dot {
    /// Its id, which decides whether it is drawn where there are too many.
    pub workout_id: String,
    /// Minutes per mile.
    pub avg_pace: f64,
    /// Miles.
    pub distance_mi: f64,
    /// What stands.
    pub label: String,
    /// True where a person set it.
    pub by_person: bool,
}

/// Up to [`MAX_DOTS`] workouts of any number.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    kept: BinaryHeap<Ranked>,
    offered: u64,
}

/// A dot, ordered by what keeps it: the smallest is kept longest.
#[derive(Debug, Clone)]
struct Ranked {
    hash: u64,
    dot: Dot,
}

impl Ranked {
    fn key(&self) -> (bool, u64, &str) {
        (!self.dot.by_person, self.hash, &self.dot.workout_id)
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

impl Sample {
    /// Offers a workout.
    pub fn push(&mut self, dot: Dot) {
        self.offered += 1;
        self.kept.push(Ranked {
            hash: hash(&dot.workout_id),
            dot,
        });
        if self.kept.len() > MAX_DOTS {
            self.kept.pop();
        }
    }

    /// How many were offered.
    pub fn offered(&self) -> u64 {
        self.offered
    }

    /// Those that are kept, the same ones in the same order whatever the order was in which they were offered.
    pub(super) fn dots(&self) -> Vec<&Dot> {
        let mut ranked: Vec<&Ranked> = self.kept.iter().collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|ranked| &ranked.dot).collect()
    }
}

/// FNV-1a, and the last steps of SplitMix64, because ids in sequence differ in their last letters only.
fn hash(id: &str) -> u64 {
    let fnv = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let z = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(i: usize) -> Dot {
        Dot {
            workout_id: format!("{i:06}"),
            avg_pace: 10.0,
            distance_mi: 3.0,
            label: "real_run".to_owned(),
            by_person: i.is_multiple_of(1_000),
        }
    }

    fn ids(dots: impl Iterator<Item = usize>) -> Vec<String> {
        let mut sample = Sample::default();
        dots.for_each(|i| sample.push(dot(i)));
        sample.dots().iter().map(|dot| dot.workout_id.clone()).collect()
    }

    #[test]
    fn a_sample_does_not_depend_on_the_order_and_keeps_what_people_set() {
        let found = ids(0..20_000);
        assert_eq!(found.len(), MAX_DOTS);
        assert_eq!(found, ids((0..20_000).rev()));
        for i in (0..20_000).step_by(1_000) {
            assert!(found.contains(&format!("{i:06}")), "{i}");
        }
    }

    #[test]
    fn a_sample_is_spread_over_the_history_and_stays_when_a_night_is_added() {
        let before = ids(0..20_000);
        let early = before.iter().filter(|id| id.as_str() < "010000").count();
        assert!((2_300..2_700).contains(&early), "{early} of 5,000 from the first half");
        let after = ids(0..20_020);
        let stayed = before.iter().filter(|id| after.contains(id)).count();
        assert!(stayed > 4_980, "{stayed}");
    }
}
