//! Named points at which the environment may stop this process: for tests of what a crash leaves behind.
//!
//! Why: a power cut, a `kill -9` or a long pause comes between any two statements. A test brings a real
//! process to the very place, and then does it.
//!
//! Invariants: without the variables nothing is watched and nothing stops; a setting that cannot be read is an
//! error, because a crash test that does not crash would pass for nothing.
//!
//! Must not know: what happens between the points.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::db::watch::{Moment, Watch};

/// Environment variable that names a point at which the process aborts: `POINT` or `POINT:N` for the
/// N-th time it is reached.
pub const CRASH_AT: &str = "PACELINE_CRASH_AT";
/// As [`CRASH_AT`]; the process makes the file of [`HOLD_FILE`] there, and goes on when it is removed.
pub const HOLD_AT: &str = "PACELINE_HOLD_AT";
/// The file that says that a process holds.
pub const HOLD_FILE: &str = "PACELINE_HOLD_FILE";
/// As [`CRASH_AT`]; what is at work there panics, as a bug would make it.
pub const PANIC_AT: &str = "PACELINE_PANIC_AT";

/// How often a process that holds looks whether it may go on.
const LOOK: Duration = Duration::from_millis(5);

/// What is done at named points. The points of a run have names of their own (`after_load`, `before_chunk`, ..);
/// of every command there are `before_statement`, `before_commit` and `after_commit`.
#[derive(Clone)]
pub(super) struct Points {
    traps: Arc<[Trap]>,
}

struct Trap {
    point: String,
    nth: u64,
    reached: AtomicU64,
    kind: TrapKind,
}

/// What happens in a trap.
enum TrapKind {
    Abort,
    Panic,
    /// Waits until the file is removed.
    Hold(PathBuf),
}

impl Points {
    /// As `setting` has the variables.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub(super) fn new(setting: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut traps = Vec::new();
        if let Some(at) = setting(CRASH_AT) {
            traps.push(trap(CRASH_AT, &at, TrapKind::Abort)?);
        }
        if let Some(at) = setting(PANIC_AT) {
            traps.push(trap(PANIC_AT, &at, TrapKind::Panic)?);
        }
        if let Some(at) = setting(HOLD_AT) {
            let file = setting(HOLD_FILE).with_context(|| format!("{HOLD_AT} needs {HOLD_FILE}"))?;
            traps.push(trap(HOLD_AT, &at, TrapKind::Hold(file.into()))?);
        }
        Ok(Self { traps: traps.into() })
    }

    /// The process is at `point`.
    pub(super) fn reached(&self, point: &str) {
        for trap in self.traps.iter().filter(|trap| trap.point == point) {
            if trap.reached.fetch_add(1, Ordering::SeqCst) + 1 == trap.nth {
                trap.spring();
            }
        }
    }

    /// For the store; None where there is nothing to watch for.
    pub(super) fn watch(&self) -> Option<Watch> {
        if self.traps.is_empty() {
            return None;
        }
        let points = self.clone();
        Some(Arc::new(move |moment| {
            points.reached(match moment {
                Moment::Statement(_) => "before_statement",
                Moment::Commit(_) => "before_commit",
                Moment::Committed(_) => "after_commit",
            });
            Ok(())
        }))
    }
}

fn trap(variable: &str, setting: &str, kind: TrapKind) -> Result<Trap> {
    let (point, nth) = match setting.split_once(':') {
        Some((point, nth)) => (point, nth.parse().with_context(|| format!("{variable}={setting}"))?),
        None => (setting, 1),
    };
    Ok(Trap {
        point: point.to_owned(),
        nth,
        reached: AtomicU64::new(0),
        kind,
    })
}

impl Trap {
    fn spring(&self) {
        let file = match &self.kind {
            // Abort, not exit: no destructor runs and no buffer is flushed, as with a power cut.
            TrapKind::Abort => std::process::abort(),
            TrapKind::Panic => panic!("{PANIC_AT}={}", self.point),
            TrapKind::Hold(file) => file,
        };
        // Who asked for it waits for the file; where it cannot be made, that wait fails and says so.
        if std::fs::write(file, &self.point).is_ok() {
            while file.exists() {
                std::thread::sleep(LOOK);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_cannot_be_read_is_an_error() {
        let only =
            |name: &'static str, value: &'static str| move |asked: &str| (asked == name).then(|| value.to_owned());
        assert!(Points::new(only(CRASH_AT, "after_load:often")).is_err());
        assert!(Points::new(only(HOLD_AT, "after_load")).is_err());
        assert!(Points::new(only(PANIC_AT, "after_load:twice")).is_err());
        let points = Points::new(only(CRASH_AT, "after_load:2")).expect("readable");
        points.reached("after_load");
        assert!(points.watch().is_some());
        assert!(Points::new(|_| None).expect("nothing").watch().is_none());
    }
}
