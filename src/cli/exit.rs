//! Exit codes: what a supervisor needs to tell apart.
//!
//! Why: "try again later", "call somebody" and "you gave it the wrong file" are three different
//! nights.
//!
//! Invariants: the codes are those of DESIGN section 9 and never change meaning.
//!
//! Must not know: what the commands do.

use std::fmt;
use std::io;

use crate::db::error::DbError;
use crate::pipeline::stop::Signal;
use crate::pipeline::{Kind, RunError, store_kind};
use crate::store::StoreError;

/// Failed.
pub const FAILED: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 2;
/// Done in part: windows of a backfill failed or are left.
pub const PARTIAL: u8 = 3;
/// Stopped by a gate.
pub const GATE: u8 = 4;
/// The store cannot be reached.
pub const UNREACHABLE: u8 = 69;
/// Another run holds the pipeline, or has taken it over.
pub const LEASE_HELD: u8 = 75;
/// Bad configuration: login, privileges, schema, pipeline file.
pub const CONFIG: u8 = 78;

/// Ended by SIGINT.
pub const INTERRUPTED: u8 = 130;
/// Ended by SIGTERM.
pub const TERMINATED: u8 = 143;

/// Every code and what it tells a supervisor, in ascending order.
pub static MEANINGS: &[(u8, &str)] = &[
    (0, "done, or there was nothing to do"),
    (
        FAILED,
        "failed: the message says of what, and what to do; also where verify or doctor found something",
    ),
    (USAGE, "the command line means nothing"),
    (
        PARTIAL,
        "done in part: windows of a backfill failed or are left; --resume goes on",
    ),
    (
        GATE,
        "stopped by a gate before anything was written: too much would change, or a worse model",
    ),
    (UNREACHABLE, "the store cannot be reached: try again later"),
    (
        LEASE_HELD,
        "another run holds the pipeline, or has taken it over: try again later",
    ),
    (
        CONFIG,
        "bad configuration: login, privileges, tables not migrated, pipeline file, --max-memory",
    ),
    (
        INTERRUPTED,
        "ended by SIGINT (Ctrl-C), after the transaction at hand; the next run does the rest",
    ),
    (TERMINATED, "ended by SIGTERM, the same way"),
];

/// A command line that clap accepts and that means nothing.
#[derive(Debug)]
struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// A command that came to its end and did not do everything.
#[derive(Debug)]
struct Partial(String);

impl fmt::Display for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Partial {}

/// The end of a command that was told to end.
#[derive(Debug)]
struct Stopped(Signal);

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stopped by {}", self.0.name())
    }
}

impl std::error::Error for Stopped {}

/// The error of a command that a signal ended: 128 and the signal's number.
pub fn stopped(signal: Signal) -> anyhow::Error {
    Stopped(signal).into()
}

/// True for the end that a signal asked for, which nobody needs to be told of.
pub fn is_stopped(error: &anyhow::Error) -> bool {
    error.is::<Stopped>()
}

/// An error with exit code [`USAGE`].
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}

/// An error with exit code [`PARTIAL`].
pub fn partial(message: impl Into<String>) -> anyhow::Error {
    Partial(message.into()).into()
}

/// For commands that need an active model where there is none.
pub fn no_active_model() -> anyhow::Error {
    let hint = "`paceline run PIPELINE.toml` trains one, `paceline model activate ID` takes one from the registry";
    RunError::new("look up", Kind::Data, "no model is active", hint).into()
}

/// True where the reader of our output has gone away, which is no failure (`paceline .. | head`).
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
    io.is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

/// True where the store could not be reached, or refused the login.
pub fn is_no_store(error: &anyhow::Error) -> bool {
    let Some(error) = error.downcast_ref::<RunError>() else {
        return false;
    };
    let db = match error.source.downcast_ref::<StoreError>() {
        Some(StoreError::Db(db)) => Some(db),
        _ => None,
    };
    error.kind == Kind::Unreachable || matches!(db, Some(DbError::Denied { .. } | DbError::BadUrl { .. }))
}

/// 128 and the signal's number.
pub fn of_signal(signal: Signal) -> u8 {
    match signal {
        Signal::Interrupt => INTERRUPTED,
        Signal::Terminate => TERMINATED,
    }
}

/// The exit code of an error.
pub fn code(error: &anyhow::Error) -> u8 {
    if error.is::<Usage>() {
        return USAGE;
    }
    if error.is::<Partial>() {
        return PARTIAL;
    }
    if let Some(Stopped(signal)) = error.downcast_ref() {
        return of_signal(*signal);
    }
    let kind = error
        .downcast_ref::<RunError>()
        .map(|e| e.kind)
        .or_else(|| error.downcast_ref::<StoreError>().map(store_kind));
    match kind {
        Some(Kind::Gate) => GATE,
        Some(Kind::Unreachable) => UNREACHABLE,
        Some(Kind::LeaseHeld | Kind::Fenced) => LEASE_HELD,
        Some(Kind::Config) => CONFIG,
        Some(Kind::Stopped(signal)) => of_signal(signal),
        Some(Kind::Transient | Kind::Data | Kind::Bug) => FAILED,
        None => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meanings_are_in_order_and_none_stands_twice() {
        assert!(MEANINGS.windows(2).all(|pair| pair[0].0 < pair[1].0), "{MEANINGS:?}");
    }

    #[test]
    fn each_kind_has_its_code() {
        let run = |kind| RunError::new("stage", kind, "what", "").into();
        assert_eq!(code(&run(Kind::Gate)), 4);
        assert_eq!(code(&run(Kind::Unreachable)), 69);
        assert_eq!(code(&run(Kind::LeaseHeld)), 75);
        assert_eq!(code(&run(Kind::Fenced)), 75);
        assert_eq!(code(&run(Kind::Config)), 78);
        assert_eq!(code(&run(Kind::Data)), 1);
        assert_eq!(code(&run(Kind::Stopped(Signal::Terminate))), 143);
        assert_eq!(code(&usage("no")), 2);
        assert_eq!(code(&partial("half")), 3);
        assert_eq!(code(&stopped(Signal::Interrupt)), 130);
        assert_eq!(code(&stopped(Signal::Terminate)), 143);
        assert_eq!(code(&StoreError::NoSuchModel("m".to_owned()).into()), 1);
    }
}
