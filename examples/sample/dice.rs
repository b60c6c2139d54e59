//! Chance: numbers drawn from tables.
//!
//! Invariants: the numbers depend on the seed alone; see the parent module.

use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

/// A distribution as points (share of draws below, value), ascending, from share 0 to share 1; draws
/// between two points are spread evenly.
pub type Table = [(f64, f64)];

/// A stream of chance.
pub struct Dice(Xoshiro256Plus);

impl Dice {
    /// A stream; `stream` keeps several of one seed apart.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(Xoshiro256Plus::seed_from_u64(
            seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        ))
    }

    /// Evenly from 0 up to but not including 1.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Evenly between two numbers.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Evenly from the whole numbers from `low` to `high`, both included.
    pub fn whole(&mut self, low: u64, high: u64) -> u64 {
        low + self.0.next_u64() % (high - low + 1)
    }

    /// True in a share of draws.
    pub fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// One draw from a table.
    pub fn draw(&mut self, table: &Table) -> f64 {
        interpolate(table, self.unit())
    }

    /// One of several things.
    pub fn pick<'a, T: ?Sized>(&mut self, things: &[&'a T]) -> &'a T {
        things[self.whole(0, things.len() as u64 - 1) as usize]
    }
}

/// The value at `at` on the line through the points of a table; held to its ends outside.
pub fn interpolate(table: &Table, at: f64) -> f64 {
    for pair in table.windows(2) {
        let ((left, low), (right, high)) = (pair[0], pair[1]);
        if at < right {
            return low + (high - low) * ((at - left) / (right - left)).max(0.0);
        }
    }
    table[table.len() - 1].1
}
