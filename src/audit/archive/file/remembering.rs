//! A writer that remembers why it failed.
//!
//! Why: the library that writes through it says "transport error", and whoever has to make room needs to read that the
//! disk is full.
//!
//! Invariants: passes every byte on as it comes.
//!
//! Must not know: what is written.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// The last failure's message, shared.
#[derive(Debug, Clone, Default)]
pub(super) struct Told(Arc<Mutex<Option<String>>>);

impl Told {
    /// The writer's message; `otherwise` where it has not failed.
    pub(super) fn or(&self, otherwise: impl ToString) -> String {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        told.unwrap_or_else(|| otherwise.to_string())
    }
}

/// A writer, and where it leaves word.
pub(super) struct Remembering<W> {
    out: W,
    told: Told,
}

impl<W> Remembering<W> {
    pub(super) fn new(out: W, told: &Told) -> Self {
        Self {
            out,
            told: told.clone(),
        }
    }

    fn tell<T>(&self, done: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &done {
            *self.told.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        }
        done
    }
}

impl<W: Write> Write for Remembering<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        self.tell(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.tell(flushed)
    }
}
