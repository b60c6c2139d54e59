//! The stretch of the chain that this backfill has written by itself.
//!
//! Why: slices are prepared side by side and written one after the other. A slice that was prepared before
//! its predecessor was written has seen an older head; it is still right where all that came since are
//! slices of this backfill, which touch other workouts. Where anybody else has written, it is not, and the
//! compare-and-swap on the head it has seen fails as it must.
//!
//! Invariants: a head is only ever exchanged for a newer one of ours when no workout is touched by both.
//!
//! Must not know: the database.

use std::collections::{HashSet, VecDeque};

use crate::audit::chain::Link;

/// One transaction of ours.
#[derive(Debug)]
struct Step {
    slice: usize,
    before: Link,
    ids: HashSet<String>,
}

/// Our own latest transactions, without a stranger's between them.
#[derive(Debug, Default)]
pub(super) struct OwnStretch {
    steps: VecDeque<Step>,
    tip: Option<Link>,
}

/// A workout stands in two slices: its date was changed while they were prepared.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Moved;

impl OwnStretch {
    /// The head from which what was prepared on `seen` is to be written.
    ///
    /// # Errors
    /// [`Moved`] where a workout of `ids` was written since.
    pub fn head_for<'i>(&self, seen: Link, ids: impl IntoIterator<Item = &'i str>) -> Result<Link, Moved> {
        let Some(tip) = self.tip else { return Ok(seen) };
        let Some(first) = self.steps.iter().position(|step| step.before == seen) else {
            return Ok(seen);
        };
        let since = self.steps.range(first..);
        let touched = |id: &str| since.clone().any(|step| step.ids.contains(id));
        if ids.into_iter().any(touched) {
            return Err(Moved);
        }
        Ok(tip)
    }

    /// A transaction of slice number `slice` was committed on `before`, and the head is `after` now.
    pub fn wrote<'i>(&mut self, slice: usize, before: Link, after: Link, ids: impl Iterator<Item = &'i str>) {
        if self.tip != Some(before) {
            self.steps.clear();
        }
        self.tip = Some(after);
        self.steps.push_back(Step {
            slice,
            before,
            ids: ids.map(str::to_owned).collect(),
        });
    }

    /// Forgets the slices before number `slice`: no prepared slice has seen the head before those.
    pub fn forget_before(&mut self, slice: usize) {
        while self.steps.front().is_some_and(|step| step.slice < slice) {
            self.steps.pop_front();
        }
    }

    /// Forgets everything: the outcome of a transaction is not known.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(n: i64) -> Link {
        Link {
            segment_id: n,
            ..Link::genesis()
        }
    }

    #[test]
    fn an_older_head_of_ours_becomes_the_newest() {
        let mut own = OwnStretch::default();
        assert_eq!(own.head_for(link(5), ["x"]), Ok(link(5)));
        own.wrote(0, link(5), link(6), ["a", "b"].into_iter());
        own.wrote(1, link(6), link(7), ["c"].into_iter());
        assert_eq!(own.head_for(link(5), ["d"]), Ok(link(7)));
        assert_eq!(own.head_for(link(6), ["a"]), Ok(link(7)), "a was written before 6");
        assert_eq!(own.head_for(link(6), ["c"]), Err(Moved));
        assert_eq!(own.head_for(link(7), ["a"]), Ok(link(7)));
    }

    #[test]
    fn a_stranger_between_ends_the_stretch() {
        let mut own = OwnStretch::default();
        own.wrote(0, link(5), link(6), ["a"].into_iter());
        // Somebody wrote segment 7; we wrote 8 after having seen it.
        own.wrote(1, link(7), link(8), ["b"].into_iter());
        assert_eq!(own.head_for(link(5), ["c"]), Ok(link(5)), "which collides, as it must");
        assert_eq!(own.head_for(link(7), ["c"]), Ok(link(8)));
    }

    #[test]
    fn what_is_forgotten_is_not_exchanged() {
        let mut own = OwnStretch::default();
        own.wrote(0, link(1), link(2), ["a"].into_iter());
        own.wrote(1, link(2), link(3), ["b"].into_iter());
        own.forget_before(1);
        assert_eq!(own.head_for(link(1), ["c"]), Ok(link(1)));
        assert_eq!(own.head_for(link(2), ["c"]), Ok(link(3)));
        own.forget();
        assert_eq!(own.head_for(link(2), ["c"]), Ok(link(2)));
    }
}
