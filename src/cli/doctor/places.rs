//! The disk of this machine: the file of an embedded store, and the folder for temporary files.

use std::path::{Path, PathBuf};

use crate::app::{App, Place, file_bytes, free_bytes, place};
use crate::db::url::DatabaseUrl;

use super::{Finding, error, ok, warning};

/// Below this a disk is as good as full.
const LITTLE: u64 = 256 << 20;

/// The findings.
pub(super) fn findings(app: &App) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Ok(DatabaseUrl::Sqlite(path)) = app.database_url()
        && path.is_file()
    {
        findings.push(writable(&path));
        findings.extend(space("disk space", folder_of(&path), file_bytes(&path)));
    }
    findings.push(temporary(&app.temporary_folder()));
    findings
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// The file and what SQLite keeps beside it. Without a folder that can be written it cannot even be read while
/// its log is not there.
fn writable(path: &Path) -> Finding {
    let beside = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let all = [
        path.to_owned(),
        folder_of(path).to_owned(),
        beside("-wal"),
        beside("-shm"),
    ];
    for it in all {
        if let Place::ReadOnly(why) = place(&it) {
            let evidence = format!("{} cannot be written: {why}", it.display());
            let next = "give this user the file and its folder (chown, chmod), take an immutable flag off (chattr -i), \
                        or mount the disk for writing; or name a file elsewhere in DATABASE_URL";
            return error("writable", evidence, next);
        }
    }
    ok("writable", format!("{} and its folder", path.display()))
}

/// A disk that is nearly full; `needed` bytes are what the next change may take.
fn space(check: &'static str, folder: &Path, needed: u64) -> Option<Finding> {
    let free = free_bytes(folder)?;
    let evidence = format!("{} MB free in {}", free / 1_000_000, folder.display());
    if free >= LITTLE.max(needed) {
        return Some(ok(check, evidence));
    }
    let next = "free some space: a run that meets a full disk stops, and does the rest when it is run again";
    Some(warning(check, evidence, next))
}

fn temporary(folder: &Path) -> Finding {
    let next = "make it, or name another folder in TMPDIR: `paceline verify` of a long history needs it";
    match place(folder) {
        Place::Absent => warning("temporary folder", format!("{} does not exist", folder.display()), next),
        Place::ReadOnly(why) => {
            let evidence = format!("{} cannot be written: {why}", folder.display());
            warning("temporary folder", evidence, next)
        }
        Place::Writable => {
            space("temporary folder", folder, 0).unwrap_or_else(|| ok("temporary folder", folder.display().to_string()))
        }
    }
}
