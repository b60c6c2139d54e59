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

use crate::pipeline::stop::{Signal, Stop};

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

/// From now on the first signal asks `stop`, and a second one ends the process with `code` of it, at once.
///
/// # Errors
/// As [`signals`].
pub fn stop_at_signals(stop: Stop, code: fn(Signal) -> u8) -> Result<()> {
    let mut signals = signals()?;
    // A task of its own: a run on the embedded store computes and writes without ever waiting.
    tokio::spawn(async move {
        let Some(first) = signals.recv().await else { return };
        stop.ask(first);
        tracing::warn!("{}: the transaction at hand is finished first", first.name());
        if let Some(second) = signals.recv().await {
            tracing::warn!("{} again: stopped at once; the next run closes this one", second.name());
            std::process::exit(i32::from(code(second)));
        }
    });
    Ok(())
}
