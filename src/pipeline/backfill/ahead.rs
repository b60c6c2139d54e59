//! Windows prepared ahead of their turn, handed out in order.
//!
//! Why: loading and classifying several windows side by side uses the cores and hides the round trips;
//! writing stays one after the other.
//!
//! Invariants: at most `concurrency` windows are in memory; they come out in the order they went in; what is
//! still being prepared when the value is dropped is given up.
//!
//! Must not know: what becomes of a window.

use std::collections::{BTreeMap, VecDeque};

use tokio::task::JoinSet;

use super::super::RunError;
use super::window::{Preparer, Ready};
use super::windows::DateWindow;

type Prepared = Result<Ready, RunError>;

/// The windows to come.
pub(super) struct Ahead {
    preparer: Preparer,
    waiting: VecDeque<DateWindow>,
    concurrency: usize,
    running: JoinSet<(usize, Prepared)>,
    done: BTreeMap<usize, Prepared>,
    begun: usize,
    handed_out: usize,
}

impl Ahead {
    /// Of `windows` in this order.
    pub fn new(preparer: Preparer, windows: impl IntoIterator<Item = DateWindow>, concurrency: usize) -> Self {
        Self {
            preparer,
            waiting: windows.into_iter().collect(),
            concurrency: concurrency.max(1),
            running: JoinSet::new(),
            done: BTreeMap::new(),
            begun: 0,
            handed_out: 0,
        }
    }

    /// The next window; None after the last.
    ///
    /// # Panics
    /// Where preparing it panicked: a panic is a bug here as it is anywhere.
    pub async fn next(&mut self) -> Option<Prepared> {
        self.fill();
        let wanted = self.handed_out;
        loop {
            if let Some(ready) = self.done.remove(&wanted) {
                self.handed_out += 1;
                return Some(ready);
            }
            match self.running.join_next().await? {
                Ok((number, ready)) => {
                    self.done.insert(number, ready);
                }
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
    }

    fn fill(&mut self) {
        while self.begun - self.handed_out < self.concurrency
            && let Some(window) = self.waiting.pop_front()
        {
            let (number, preparer) = (self.begun, self.preparer.clone());
            self.begun += 1;
            self.running
                .spawn(async move { (number, preparer.prepare(window).await) });
        }
    }
}
