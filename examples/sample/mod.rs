//! Three invented people and their workouts.
//!
//! Why: a sample must show what real exports do, and be nobody's.
//!
//! Invariants: the same seed and number of rows give the same bytes on every machine. So: no logarithm,
//! no cosine, whose last bit differs between platforms; only arithmetic that IEEE 754 fixes.

use std::io::{self, Write};

mod calendar;
mod dice;
mod export;
mod labelled;
mod runner;

/// Rows of the committed sample.
pub const ROWS: u64 = 3000;
/// The seed of the committed sample.
pub const SEED: u64 = 20_250_930;

/// Writes a MapMyRun export in miles of `rows` workouts, newest first, with the dirt of real ones.
/// Four rows cannot be stored, if there are a thousand or more. Ids are apart for up to ten million.
pub fn workouts(out: &mut impl Write, rows: u64, seed: u64) -> io::Result<()> {
    export::write(out, rows, seed)
}

/// Writes the second person's workouts as canonical CSV with true labels, newest first.
pub fn labelled(out: &mut impl Write, seed: u64) -> io::Result<()> {
    labelled::write(out, &labelled::SECOND, seed)
}

/// Writes the workouts of a third person, who runs slowly, in the same form.
pub fn slow(out: &mut impl Write, seed: u64) -> io::Result<()> {
    labelled::write(out, &labelled::SLOW, seed)
}
