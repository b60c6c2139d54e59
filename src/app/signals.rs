//! SIGTERM and SIGINT as messages.
//!
//! Why: a loop that is to end in good order has to be told, not killed.
//!
//! Invariants: once asked for, the signals no longer end the process by themselves; each one is passed on.
//!
//! Must not know: what is done about them.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::scheduler::Signal;

/// Every SIGTERM and SIGINT from now on.
///
/// # Errors
/// Where the system does not let them be caught.
pub fn signals() -> Result<mpsc::Receiver<Signal>> {
    let (sender, receiver) = mpsc::channel(4);
    for (kind, meaning) in [
        (SignalKind::terminate(), Signal::Terminate),
        (SignalKind::interrupt(), Signal::Interrupt),
    ] {
        let mut stream = signal(kind).with_context(|| format!("cannot watch for {meaning:?}"))?;
        let sender = sender.clone();
        tokio::spawn(async move { while stream.recv().await.is_some() && sender.send(meaning).await.is_ok() {} });
    }
    Ok(receiver)
}
