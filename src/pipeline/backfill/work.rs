//! A window at work: how often it was tried, what was read of it, and what is committed.
//!
//! Why: a window is read and written in slices, and what is said of it is the sum of them, whichever of them
//! had to begin again.
//!
//! Invariants: a slice that is read again counts once; what was committed counts once, though the slice it was
//! committed for is read again.
//!
//! Must not know: the database.

use std::collections::BTreeMap;

use backon::{BackoffBuilder, ExponentialBackoff};

use crate::store::backfill::WindowDone;
use crate::store::runs::{OutcomeCounts, RowCounts};
use crate::time::Timestamp;

use super::super::pauses;
use super::super::run::MAX_RETRIES;
use super::super::write::Committed;
use super::report::Totals;
use super::window::Ready;

/// What was read of a window, in the slices that are written.
#[derive(Debug, Clone, Default)]
pub(super) struct Sum {
    pub rows: RowCounts,
    pub skipped: BTreeMap<String, u64>,
    protected: u64,
}

impl Sum {
    fn add(&mut self, ready: &Ready) {
        let mut totals = Totals {
            rows: self.rows,
            skipped: std::mem::take(&mut self.skipped),
            ..Totals::default()
        };
        totals.add_read(&ready.rows, &ready.skipped);
        (self.rows, self.skipped) = (totals.rows, totals.skipped);
        self.protected += ready.changes.counts.protected;
    }

    /// The outcomes of what was read: those that are committed, and the rest.
    fn outcomes(&self, committed: &Committed) -> OutcomeCounts {
        let done = committed.tally.outcomes;
        let accounted = self.protected + done.new + done.changed + done.refreshed;
        OutcomeCounts {
            protected: self.protected,
            unchanged: self.rows.classified.saturating_sub(accounted),
            ..done
        }
    }
}

/// A window at work.
pub(super) struct Work {
    /// Pauses that are left for passing faults.
    pub pauses: ExponentialBackoff,
    /// From 1.
    pub attempts: u32,
    pub read: Sum,
    pub committed: Committed,
}

impl Work {
    /// At the first slice.
    pub fn begin() -> Self {
        Self {
            pauses: pauses(MAX_RETRIES as usize).build(),
            attempts: 1,
            read: Sum::default(),
            committed: Committed::default(),
        }
    }

    /// A slice is written.
    pub fn wrote(&mut self, ready: &Ready) {
        self.read.add(ready);
    }

    /// The outcomes of the slices that are written.
    pub fn outcomes(&self) -> OutcomeCounts {
        self.read.outcomes(&self.committed)
    }

    /// What the window's mark says with its last slice, when `committed` is all that was.
    pub fn done(&self, last: &Ready, committed: &Committed, now: Timestamp) -> WindowDone {
        let mut read = self.read.clone();
        read.add(last);
        WindowDone {
            attempts: self.attempts,
            rows: read.rows,
            changes: read.outcomes(committed),
            rows_written: committed.tally.rows,
            now,
        }
    }
}
