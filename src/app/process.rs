//! This process, told apart from any other one there ever was on this machine.
//!
//! Why: after a crash the lease of a dead run would keep its pipeline for a minute. Where the next run
//! can see that the holder's process has ended, it need not wait.
//!
//! Invariants: "gone" is only said of a process of the same boot, process namespace and user as this
//! one, whose number is free or belongs to a process that began at another time; where any of that
//! cannot be read, nothing is said. A wrong answer would still lose no write: the fence sees to that.
//!
//! Must not know: leases.

use std::fs;
use std::io;
use std::sync::Arc;

use crate::pipeline::lease::Process;

/// The running process.
pub(super) fn this() -> Process {
    let id = std::process::id();
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let place = if host.is_empty() {
        String::new()
    } else {
        format!(" on {host}")
    };
    Process {
        name: format!("process {id}{place}"),
        identity: world()
            .zip(began(id).ok().flatten())
            .map(|(world, began)| format!("{world}/{id}/{began}")),
        is_gone: Arc::new(|identity| is_gone(identity).unwrap_or(false)),
    }
}

/// What must agree before a process number means anything: boot, process namespace, user.
fn world() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    let user = user.split_whitespace().next()?;
    Some(format!("{}/{}/{user}", boot.trim(), namespace.display()))
}

/// When a process began, in clock ticks since boot; None where there is none of that number, or it has
/// ended and only waits for its parent to notice.
///
/// # Errors
/// Where that cannot be told.
fn began(id: u32) -> io::Result<Option<u64>> {
    let stat = match fs::read_to_string(format!("/proc/{id}/stat")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        stat => stat?,
    };
    // "7 (a name (with) brackets) S 1 ..": state is the first field after the name, the start the 20th.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    match (fields.first(), fields.get(19).and_then(|start| start.parse().ok())) {
        (Some(&("Z" | "X")), _) => Ok(None),
        (Some(_), Some(start)) => Ok(Some(start)),
        _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
    }
}

/// None where it cannot be told.
fn is_gone(identity: &str) -> Option<bool> {
    let rest = identity.strip_prefix(&world()?)?.strip_prefix('/')?;
    let (id, then) = rest.split_once('/')?;
    let (id, then): (u32, u64) = (id.parse().ok()?, then.parse().ok()?);
    Some(began(id).ok()? != Some(then))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_an_ended_one_is_gone() {
        let this = this();
        let Some(own) = this.identity else {
            // A system without /proc: nothing may be said of anybody.
            assert_eq!(is_gone("x/y/1/7/9"), None);
            return;
        };
        assert_eq!(is_gone(&own), Some(false));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        let id = child.id();
        let began = began(id).expect("readable").expect("alive");
        let of_child = format!("{}/{id}/{began}", world().expect("a world"));
        assert_eq!(is_gone(&of_child), Some(false));
        child.kill().expect("our own child");
        child.wait().expect("ended");
        assert_eq!(is_gone(&of_child), Some(true));
    }

    #[test]
    fn nothing_is_said_of_other_machines() {
        for identity in ["", "another-boot/pid:[4026531836]/0/1/7", "nonsense"] {
            assert_eq!(is_gone(identity), None, "{identity}");
        }
        // The number of this process, at another time.
        if let Some(world) = world() {
            assert_eq!(is_gone(&format!("{world}/{}/1", std::process::id())), Some(true));
        }
    }
}
