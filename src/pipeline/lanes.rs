//! Chunks under way: sent side by side, landed in order.
//!
//! Why: while the server is at the current rows of one chunk it can be at the history of the next, on
//! another core. What is committed stays a beginning of the chunks (see `db::turn`).
//!
//! Invariants: at most as many chunks are under way as there are lanes; they land in the order in which they
//! were sent, and after one that failed none does; when [`Lanes::land`] has failed, nothing is under way.
//!
//! Must not know: what is in a chunk.

use std::collections::VecDeque;

use tokio::task::JoinHandle;
use tracing::{Instrument, info_span};

use crate::db::turn::Turn;
use crate::store::write::{SealedChunk, Written};
use crate::store::{Store, StoreError};

/// A chunk under way, with what is to be remembered when it lands.
struct Flying<T> {
    task: JoinHandle<Result<Written, StoreError>>,
    load: T,
}

impl<T> Drop for Flying<T> {
    /// A caller that is gone must not leave a writer behind.
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A chunk that did not land, and what was to be remembered of it.
pub(super) struct Lost<T> {
    pub error: StoreError,
    pub load: T,
}

/// The lanes of a store.
pub(super) struct Lanes<'s, T> {
    store: &'s Store,
    wide: usize,
    next: Turn,
    flying: VecDeque<Flying<T>>,
}

impl<'s, T: Clone> Lanes<'s, T> {
    /// `wide` lanes, at least one.
    pub fn new(store: &'s Store, wide: usize) -> Self {
        Self {
            store,
            wide: wide.max(1),
            next: Turn::first(),
            flying: VecDeque::new(),
        }
    }

    /// True where a chunk must land before another is sent.
    pub fn are_full(&self) -> bool {
        self.flying.len() == self.wide
    }

    /// True where none is under way.
    pub fn are_empty(&self) -> bool {
        self.flying.is_empty()
    }

    /// What is to be remembered of the chunk that was sent last, while it is under way.
    pub fn last(&self) -> Option<&T> {
        self.flying.back().map(|flying| &flying.load)
    }

    /// Sends a chunk behind those under way.
    pub fn send(&mut self, chunk: SealedChunk, load: T) {
        let behind = self.next.behind();
        let turn = std::mem::replace(&mut self.next, behind);
        let (store, alone) = (self.store.clone(), self.wide == 1);
        let write = async move {
            match alone {
                true => store.write_sealed(chunk).await,
                false => store.write_sealed_in_turn(chunk, turn).await,
            }
        };
        let task = tokio::spawn(write.instrument(info_span!("chunk")));
        self.flying.push_back(Flying { task, load });
    }

    /// Waits for the chunk that was sent first; None where none is under way.
    ///
    /// # Errors
    /// [`Lost`]: all behind it are rolled back, and over, by then.
    ///
    /// # Panics
    /// Where writing panicked: a panic is a bug here as it is anywhere.
    pub async fn land(&mut self) -> Option<Result<T, Box<Lost<T>>>> {
        let mut flying = self.flying.pop_front()?;
        let written = match (&mut flying.task).await {
            Ok(written) => written,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let load = flying.load.clone();
        let Err(error) = written else { return Some(Ok(load)) };
        for mut behind in self.flying.drain(..) {
            // It fails because this one did; that it is over is what matters.
            let _ = (&mut behind.task).await;
        }
        Some(Err(Box::new(Lost { error, load })))
    }
}
