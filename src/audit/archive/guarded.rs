//! Reading a file that may be anything.
//!
//! Why: a file that somebody has changed is no longer what the library was written to read, and where it gives up by
//! a panic, that must be an answer about the file and not the end of the program.
//!
//! Invariants: only work that holds no state outlives a panic of it.
//!
//! Must not know: what is read.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Does work that reads foreign bytes and nothing else; None where it panics.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    // Nothing that the work has touched is looked at afterwards.
    catch_unwind(AssertUnwindSafe(work)).ok()
}
