//! The wish that a run ends before it is done, and why.
//!
//! Why: a supervisor that stops a process at night wants it to end soon and in good order: the transaction
//! at hand is finished, the ledger is closed, the lease is given back, and the next run does the rest.
//!
//! Invariants: the first wish stands; a run looks only between two of its transactions.
//!
//! Must not know: how signals arrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::{Kind, RunError};

/// Why a process is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// By a supervisor (SIGTERM).
    Terminate,
    /// From the terminal (SIGINT).
    Interrupt,
}

impl Signal {
    /// `SIGTERM` or `SIGINT`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }
}

/// Whether a stop is wished for. Clones share the wish.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicU8>);

impl Stop {
    /// Wishes for a stop.
    pub fn ask(&self, signal: Signal) {
        let code = match signal {
            Signal::Terminate => 1,
            Signal::Interrupt => 2,
        };
        // Where a wish stands already, it stays.
        let _ = self.0.compare_exchange(0, code, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// The wish, or None.
    pub fn asked(&self) -> Option<Signal> {
        match self.0.load(Ordering::SeqCst) {
            1 => Some(Signal::Terminate),
            2 => Some(Signal::Interrupt),
            _ => None,
        }
    }

    /// # Errors
    /// [`Kind::Stopped`] where a stop is wished for; `done` says in words what has been written so far.
    pub(crate) fn check(&self, stage: &'static str, done: impl FnOnce() -> String) -> Result<(), RunError> {
        let Some(signal) = self.asked() else { return Ok(()) };
        let found = format!("stopped by {}: {}", signal.name(), done());
        let hint = "run it again: what was written stays, the rest follows";
        Err(RunError::new(stage, Kind::Stopped(signal), found, hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wish_stands() {
        let stop = Stop::default();
        assert!(stop.check("write", String::new).is_ok());
        stop.ask(Signal::Interrupt);
        stop.clone().ask(Signal::Terminate);
        assert_eq!(stop.asked(), Some(Signal::Interrupt));
        let error = stop
            .check("write", || "7 rows written".to_owned())
            .expect_err("stopped");
        assert_eq!(error.kind, Kind::Stopped(Signal::Interrupt));
        assert!(
            error
                .to_string()
                .starts_with("write: stopped by SIGINT: 7 rows written"),
            "{error}"
        );
    }
}
