//! A writer that remembers what went through it, and why it failed.
//!
//! Why: a file is read again only where it is, byte for byte, what was written; and where it cannot be written, the
//! library says "transport error", and whoever has to make room needs to read that the disk is full.
//!
//! Invariants: passes every byte on as it comes; hashes those that were taken.
//!
//! Must not know: what is written.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::audit::Hash;

#[derive(Debug, Default)]
struct Memory {
    error: Option<String>,
    bytes: u64,
    hasher: Sha256,
}

/// What a writer remembers, shared with it.
#[derive(Debug, Clone, Default)]
pub(super) struct Told(Arc<Mutex<Memory>>);

impl Told {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer's message; `otherwise` where it has not failed.
    pub(super) fn or(&self, otherwise: impl ToString) -> String {
        let told = self.memory().error.take();
        told.unwrap_or_else(|| otherwise.to_string())
    }

    /// How many bytes were written, and their SHA-256.
    pub(super) fn written(&self) -> (u64, Hash) {
        let memory = self.memory();
        (memory.bytes, Hash(memory.hasher.clone().finalize().into()))
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
            self.told.memory().error = Some(error.to_string());
        }
        done
    }
}

impl<W: Write> Write for Remembering<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        let taken = self.tell(written)?;
        let mut memory = self.told.memory();
        memory.bytes += taken as u64;
        memory.hasher.update(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.tell(flushed)
    }
}
