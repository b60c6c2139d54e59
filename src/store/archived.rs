//! The history where part of it lies in files: any past state, the rows of one workout, and what proves them.
//!
//! Why: what is archived has left the table and not the world. Who has the files gets the same answers as before;
//! who has not is told which one is missing, and never gets half an answer.
//!
//! Invariants: only reads; a file is used only where it is, byte for byte, the one that was sealed.
//!
//! Must not know: how files are stored ([`Shelf`] does).

use std::collections::BTreeMap;
use std::io;

use sha2::{Digest, Sha256};

use crate::audit::Hash;
use crate::audit::archive::file::{File, FileError, Filed};
use crate::audit::encoding::HistoryRow;
use crate::audit::replay::{Entry, Replay, State};
use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row};
use crate::sql;
use crate::time::Timestamp;

use super::archive::{Archive, Archives};
use super::{Store, StoreError};

static AS_OF: Statement = sql!("query/replay_history");

/// Where no segment stands in the order of sealing: behind everything.
const UNSEALED: i64 = i64::MAX;
/// So often is looked again where rows moved between table and files meanwhile.
const TRIES: u32 = 3;

/// Where the files of archives are.
pub trait Shelf: Send + Sync {
    /// The folder in which a file is looked for that was written to `remembered`.
    fn folder(&self, remembered: &str) -> String;
    /// True where the files must be there: a folder was named, or the remembered one is there.
    fn is_promised(&self, remembered: &str) -> bool;
    /// The file, whole.
    ///
    /// # Errors
    /// The system's.
    fn read(&self, remembered: &str, file: &str) -> io::Result<Vec<u8>>;
    /// Begins a file under a temporary name, in the place of what a killed attempt left there.
    ///
    /// # Errors
    /// The system's.
    fn create(&self, remembered: &str, file: &str) -> io::Result<Box<dyn io::Write + Send>>;
    /// Gives a file that was begun its name; after that it survives a power cut.
    ///
    /// # Errors
    /// The system's.
    fn keep(&self, remembered: &str, file: &str) -> io::Result<()>;
}

/// Why the file of an archive is not usable.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Nobody asked for it.
    #[error("which was not looked at")]
    Unseen,
    /// Nobody said where it is, and where it was written to is no folder here.
    #[error("which is not at hand: there is no folder {0} here")]
    Away(String),
    /// It is not there, or the system does not read it.
    #[error("which cannot be read in {folder}: {error}")]
    Unread {
        /// The folder.
        folder: String,
        /// The system's message.
        error: io::Error,
    },
    /// It is another file.
    #[error("which is not the file that was sealed: it has {bytes} bytes and SHA-256 {sha256}")]
    Changed {
        /// Its length.
        bytes: usize,
        /// Its hash.
        sha256: Hash,
    },
    /// It is the file that was sealed, and this program cannot read it.
    #[error("which was written by another version: {0}")]
    Unknown(FileError),
}

/// The SHA-256 of a file.
pub fn sha256(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

/// Opens the file of an archive, which is the one that was sealed.
///
/// # Errors
/// [`Unusable`].
pub fn open(shelf: Option<&dyn Shelf>, archive: &Archive) -> Result<File, Unusable> {
    let (record, remembered) = (&archive.record, &archive.folder);
    let Some(shelf) = shelf else {
        return Err(Unusable::Unseen);
    };
    if !shelf.is_promised(remembered) {
        return Err(Unusable::Away(shelf.folder(remembered)));
    }
    let bytes = shelf
        .read(remembered, &record.file_name)
        .map_err(|error| Unusable::Unread {
            folder: shelf.folder(remembered),
            error,
        })?;
    let found = sha256(&bytes);
    if found != record.file_sha256 || bytes.len() as u64 != record.file_bytes {
        return Err(Unusable::Changed {
            bytes: bytes.len(),
            sha256: found,
        });
    }
    File::open(bytes).map_err(Unusable::Unknown)
}

impl From<FileError> for StoreError {
    fn from(error: FileError) -> Self {
        Self::Db(DbError::Other {
            statement: "read an archive".to_owned(),
            detail: error.to_string(),
        })
    }
}

/// [`open`], for who needs it to answer `what`.
///
/// # Errors
/// [`StoreError::Archived`].
pub fn needed(shelf: Option<&dyn Shelf>, archive: &Archive, what: &str) -> Result<File, StoreError> {
    open(shelf, archive).map_err(|why| StoreError::Archived {
        what: what.to_owned(),
        file: archive.record.file_name.clone(),
        why: why.to_string(),
    })
}

/// The last segment at which snapshots give the state of `as_of` exactly: every row up to there is as old.
fn basis(archives: &Archives, as_of: Timestamp) -> i64 {
    let covered = archives.covered();
    let mut below: Vec<&Archive> = archives
        .all
        .iter()
        .filter(|a| a.record.last_segment <= covered)
        .collect();
    below.sort_by_key(|archive| archive.record.last_segment);
    let old = below.iter().take_while(|archive| archive.record.newest_at <= as_of);
    old.map(|archive| archive.record.last_segment).max().unwrap_or(0)
}

fn take(replay: &mut Replay, entry: &Entry<'_>) {
    // A row that does not join up is `verify`'s to report; the state is what the rows say.
    let _ = replay.push(entry);
}

impl Store {
    /// The classifications as they were at `as_of` (inclusive, to the microsecond), rebuilt from the history in the
    /// table alone; of one workout, or of all.
    ///
    /// # Errors
    /// [`StoreError::Db`]; [`StoreError::Archived`] where that takes rows which are archived.
    pub async fn state_as_of(
        &self,
        as_of: Timestamp,
        workout_id: Option<&str>,
    ) -> Result<BTreeMap<String, State>, StoreError> {
        self.state_as_of_with(as_of, workout_id, None).await
    }

    /// As [`Store::state_as_of`], with archived rows from their files where they are needed.
    ///
    /// # Errors
    /// [`StoreError::Db`]; [`StoreError::Archived`] where a file is needed and not at hand.
    pub async fn state_as_of_with(
        &self,
        as_of: Timestamp,
        workout_id: Option<&str>,
        shelf: Option<&dyn Shelf>,
    ) -> Result<BTreeMap<String, State>, StoreError> {
        let mut archives = self.archives().await?;
        for _ in 1..TRIES {
            let states = self.state_over(&archives, as_of, workout_id, shelf).await?;
            let now = self.archives().await?;
            // Rows that moved between two of the statements may be in neither answer.
            if now.covered() == archives.covered() {
                return Ok(states);
            }
            archives = now;
        }
        self.state_over(&archives, as_of, workout_id, shelf).await
    }

    async fn state_over(
        &self,
        archives: &Archives,
        as_of: Timestamp,
        workout_id: Option<&str>,
        shelf: Option<&dyn Shelf>,
    ) -> Result<BTreeMap<String, State>, StoreError> {
        let (covered, mut at) = (archives.covered(), basis(archives, as_of));
        let mut replay = Replay::default();
        for (workout, state) in self.states_at(at, workout_id).await? {
            replay.begin(&workout, state);
        }
        while at < covered {
            match archives.holding(at + 1) {
                Some(archive) => {
                    let file = needed(shelf, archive, &format!("the history before {as_of} UTC"))?;
                    file.each(|filed: Filed<'_>| -> Result<(), StoreError> {
                        let row = &filed.row;
                        let asked = workout_id.is_none_or(|id| id == row.workout_id);
                        if filed.sealed_by > at && row.changed_at <= as_of && asked {
                            take(&mut replay, &Entry::from(row));
                        }
                        Ok(())
                    })?;
                    at = archive.record.last_segment;
                }
                None => {
                    let later = archives
                        .in_force()
                        .map(|a| a.record.first_segment)
                        .filter(|first| *first > at);
                    let last = later.min().map_or(covered, |first| first - 1);
                    self.fold_table(&mut replay, (at + 1, last), as_of, workout_id).await?;
                    at = last;
                }
            }
        }
        self.fold_table(&mut replay, (covered + 1, UNSEALED), as_of, workout_id)
            .await?;
        Ok(replay.into_states())
    }

    /// Folds rows of the table in, of segments from the first to the last.
    async fn fold_table(
        &self,
        replay: &mut Replay,
        (first, last): (i64, i64),
        as_of: Timestamp,
        workout_id: Option<&str>,
    ) -> Result<(), StoreError> {
        let params = Params::none()
            .with("as_of", as_of)
            .with("workout_id", workout_id)
            .with("first", first)
            .with("last", last);
        let each = |row: &Row<'_>| {
            let entry = Entry {
                workout_id: row.text(0)?,
                previous: row.opt_text(1)?,
                new: row.text(2)?,
                source: row.text(3)?,
                model_id: row.opt_text(4)?,
                run_id: row.opt_text(5)?,
                metadata: row.opt_text(6)?,
                testimony: row.opt_int(7)?.is_none(),
            };
            take(replay, &entry);
            Ok(())
        };
        self.db.query(&AS_OF, &params, each).await?;
        Ok(())
    }
}

/// A history row that was read from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct ArchivedRow {
    /// Its number in the store.
    pub history_id: i64,
    /// The row.
    pub row: HistoryRow,
    /// The segment that seals it.
    pub sealed_by: i64,
}

/// The rows of a workout in the file of an archive, in the order of sealing.
///
/// # Errors
/// [`StoreError::Archived`] where the file is not at hand.
pub fn rows_in(shelf: Option<&dyn Shelf>, archive: &Archive, workout_id: &str) -> Result<Vec<ArchivedRow>, StoreError> {
    let file = needed(shelf, archive, &format!("history of workout {workout_id}"))?;
    let mut rows = Vec::new();
    file.each(|filed: Filed<'_>| -> Result<(), StoreError> {
        if filed.row.workout_id == workout_id {
            rows.push(ArchivedRow {
                history_id: filed.history_id,
                row: filed.row.into_row(),
                sealed_by: filed.sealed_by,
            });
        }
        Ok(())
    })?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::super::archive::Status;
    use super::*;
    use crate::audit::archive::Record;

    fn archive(id: i64, first: i64, last: i64, newest: i64, status: Status) -> Archive {
        Archive {
            record: Record {
                archive_id: id,
                first_segment: first,
                last_segment: last,
                head: sha256(b""),
                row_count: 1,
                newest_at: Timestamp::from_micros(newest),
                file_name: String::new(),
                file_bytes: 0,
                file_sha256: sha256(b""),
                snapshot_rows: 1,
                snapshot_root: sha256(b""),
                made_at: Timestamp::from_micros(0),
            },
            segment_id: last + 10,
            status,
            folder: String::new(),
            updated_at: None,
        }
    }

    #[test]
    fn a_snapshot_is_the_basis_where_no_row_under_it_is_newer() {
        use Status::{Archived, Restored, Restoring};
        let at = |all: &[Archive], as_of| basis(&Archives { all: all.to_vec() }, Timestamp::from_micros(as_of));
        let two = [archive(1, 1, 5, 100, Archived), archive(2, 6, 9, 200, Restoring)];
        assert_eq!([99, 100, 199, 200].map(|as_of| at(&two, as_of)), [0, 5, 5, 9]);
        let odd = [archive(1, 1, 5, 300, Archived), archive(2, 6, 9, 200, Archived)];
        assert_eq!(
            [250, 300].map(|as_of| at(&odd, as_of)),
            [0, 9],
            "rows of others may say they are newer"
        );
        let again = [archive(1, 1, 5, 100, Restored), archive(2, 1, 9, 200, Archived)];
        assert_eq!([100, 200].map(|as_of| at(&again, as_of)), [5, 9]);
        let back = [archive(1, 1, 5, 100, Archived), archive(2, 6, 9, 200, Restored)];
        assert_eq!(
            [100, 200].map(|as_of| at(&back, as_of)),
            [5, 5],
            "above it the table has everything"
        );
        assert_eq!(at(&[archive(1, 1, 5, 100, Restored)], 500), 0);
    }
}
