//! Whether a file or folder can be written, and how much room there is.
//!
//! Why: "unable to open database file" has a dozen causes; who is to mend it needs the one.
//!
//! Invariants: only asks. The system is asked whether this process may write (`access`), which knows of
//! permissions, read-only file systems and immutable files alike; nothing is opened, made or changed.
//!
//! Must not know: what is kept there.

use std::path::Path;

use rustix::fs::{Access, access, statvfs};
use rustix::io::Errno;

/// What can be done at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nothing is there.
    Absent,
    /// It can be written.
    Writable,
    /// It cannot, for this reason: permissions, a read-only file system, an immutable file.
    ReadOnly(String),
}

/// Asks what this process can do at a path.
pub fn place(path: &Path) -> Place {
    match access(path, Access::WRITE_OK) {
        Ok(()) => Place::Writable,
        Err(Errno::NOENT | Errno::NOTDIR) => Place::Absent,
        Err(Errno::ROFS) => Place::ReadOnly("it is on a read-only file system".to_owned()),
        Err(Errno::ACCESS | Errno::PERM) => Place::ReadOnly("this user may not write it".to_owned()),
        Err(other) => Place::ReadOnly(other.to_string()),
    }
}

/// Bytes that this process may still write on the file system of a path; None where that cannot be told.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let found = statvfs(path).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

/// Bytes of a file; 0 where there is none.
pub fn file_bytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |about| about.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_and_what_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(place(folder.path()), Place::Writable);
        assert_eq!(place(&folder.path().join("nothing")), Place::Absent);
        assert!(free_bytes(folder.path()).is_some_and(|bytes| bytes > 0));
        assert_eq!(free_bytes(&folder.path().join("nothing")), None);
        assert_eq!(file_bytes(&folder.path().join("nothing")), 0);
    }
}
