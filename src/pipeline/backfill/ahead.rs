//! Windows prepared ahead of their turn, slice by slice, handed out in order.
//!
//! Why: loading and classifying several slices side by side uses the cores and hides the round trips;
//! writing stays one after the other. A window may hold any number of workouts, memory may not.
//!
//! Invariants: at most `concurrency` slices are in memory, the one in the caller's hands among them; a slice
//! holds at most [`Cutting::slice_rows`] workouts, as many as there were when its window was cut; slices come out in
//! the order of the windows and within a window by date and key; what is still being prepared when the value is
//! dropped is given up.
//!
//! Must not know: what becomes of a slice.

use std::collections::{BTreeMap, VecDeque};

use tokio::task::{AbortHandle, JoinSet};
use tracing::{Instrument, info_span};

use crate::store::slices::Stretch;

use super::super::{RETRIES, RunError, retrying};
use super::window::{Preparer, Ready};
use super::windows::DateWindow;

/// The most workouts of a window that are in memory at once, for each window that is prepared side by side. A
/// workout takes about a kilobyte from its loading to its writing, so this is some ten megabytes; below it the
/// round trips show.
pub const SLICE_ROWS: usize = 10_000;

type Prepared = Result<Ready, RunError>;

/// How windows are taken apart, and how far ahead of their writing.
#[derive(Debug, Clone, Copy)]
pub(in crate::pipeline) struct Cutting {
    /// Slices in memory at once.
    pub concurrency: usize,
    /// Workouts in a slice.
    pub slice_rows: usize,
}

/// Part of a window.
pub(super) struct Slice {
    /// Its number, counted over all windows.
    pub number: usize,
    /// Which workouts it is; None where its window could not be cut, which [`Slice::prepared`] says.
    pub stretch: Option<Stretch>,
    /// The slice, or why there is none.
    pub prepared: Prepared,
    /// True for the last of its window.
    pub is_last: bool,
}

/// A slice whose turn has not come.
struct Begun {
    window: usize,
    stretch: Option<Stretch>,
    is_last: bool,
    /// None where there is nothing to prepare.
    task: Option<AbortHandle>,
}

/// The slices to come.
pub(super) struct Ahead {
    preparer: Preparer,
    cutting: Cutting,
    windows: VecDeque<DateWindow>,
    /// Windows that have been cut.
    cut: usize,
    /// Of cut windows, what is not begun; with the number of the window.
    waiting: VecDeque<(usize, Stretch, bool)>,
    /// In the order of their numbers, the first of which is `handed_out`.
    begun: VecDeque<Begun>,
    running: JoinSet<(usize, Prepared)>,
    done: BTreeMap<usize, Prepared>,
    handed_out: usize,
}

impl Ahead {
    /// Of `windows` in this order.
    pub fn new(preparer: Preparer, windows: impl IntoIterator<Item = DateWindow>, cutting: Cutting) -> Self {
        Self {
            preparer,
            cutting,
            windows: windows.into_iter().collect(),
            cut: 0,
            waiting: VecDeque::new(),
            begun: VecDeque::new(),
            running: JoinSet::new(),
            done: BTreeMap::new(),
            handed_out: 0,
        }
    }

    /// The next slice; None after the last of the last window.
    ///
    /// # Panics
    /// Where preparing it panicked: a panic is a bug here as it is anywhere.
    pub async fn next(&mut self) -> Option<Slice> {
        self.fill().await;
        let Begun { stretch, is_last, .. } = self.begun.pop_front()?;
        let number = self.handed_out;
        self.handed_out += 1;
        loop {
            if let Some(prepared) = self.done.remove(&number) {
                return Some(Slice {
                    number,
                    stretch,
                    prepared,
                    is_last,
                });
            }
            match self.running.join_next().await? {
                // One that came to its end before it was given up is passed over.
                Ok((done, _)) if done < number => {}
                Ok((done, prepared)) => {
                    self.done.insert(done, prepared);
                }
                Err(error) if error.is_cancelled() => {}
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
    }

    /// Passes over what is left of window number `window`, from 0, of which a slice has failed.
    pub fn skip_rest_of(&mut self, window: usize) {
        self.waiting.retain(|(of, ..)| *of != window);
        while let Some(begun) = self.begun.pop_front_if(|begun| begun.window == window) {
            self.done.remove(&self.handed_out);
            self.handed_out += 1;
            if let Some(task) = begun.task {
                task.abort();
            }
        }
    }

    async fn fill(&mut self) {
        while self.begun.len() < self.cutting.concurrency.max(1) {
            if self.waiting.is_empty() && !self.cut_next().await {
                return;
            }
            let Some((window, stretch, is_last)) = self.waiting.pop_front() else {
                continue;
            };
            let (number, preparer) = (self.handed_out + self.begun.len(), self.preparer.clone());
            let prepared = stretch.clone();
            let prepare = async move { (number, preparer.prepare(&prepared).await) };
            let task = self.running.spawn(prepare.instrument(info_span!("prepare")));
            self.begun.push_back(Begun {
                window,
                stretch: Some(stretch),
                is_last,
                task: Some(task),
            });
        }
    }

    /// Cuts the next window; false where there is none. A window that cannot be cut is a slice that has failed.
    async fn cut_next(&mut self) -> bool {
        let Some(window) = self.windows.pop_front() else {
            return false;
        };
        let (store, rows) = (&self.preparer.store, self.cutting.slice_rows);
        let cut = retrying(RETRIES, || async {
            let stretches = store.stretches(window.from, window.to, rows).await;
            stretches.map_err(|error| RunError::store("load", error))
        });
        let number = self.cut;
        self.cut += 1;
        match cut.await {
            Ok(stretches) => {
                let last = stretches.len() - 1;
                let slices = stretches.into_iter().enumerate();
                self.waiting
                    .extend(slices.map(|(at, stretch)| (number, stretch, at == last)));
            }
            Err(error) => {
                self.done.insert(self.handed_out + self.begun.len(), Err(error));
                self.begun.push_back(Begun {
                    window: number,
                    stretch: None,
                    is_last: true,
                    task: None,
                });
            }
        }
        true
    }
}
