//! One file: written, read back, sealed, and its rows taken out of the table.
//!
//! Invariants: what is sealed was read back from the file, never from what was to be written; a step that was done
//! may be done again.
//!
//! Must not know: which segments are old enough.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use crate::audit::Hash;
use crate::audit::archive::check::check;
use crate::audit::archive::chunks::portions;
use crate::audit::archive::file::{File, FileError, Filed, Writer};
use crate::audit::archive::snapshot::{Folding, leaf_hash};
use crate::audit::archive::{Record, file_name};
use crate::audit::chain::{ARCHIVE_VERSION, Segment};
use crate::audit::merkle::Merkle;
use crate::audit::replay::{Entry, State};
use crate::db::error::DbError;
use crate::store::archive::{Archive, Status};
use crate::store::archived::{Shelf, needed, sha256};
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

use super::super::{Ambient, Kind, RETRIES, RunError, retrying};
use super::{failed, tried};

/// Rows that leave the table in one transaction, and states that are written in one.
pub(super) const PORTION: usize = 5_000;

/// A file in the making.
pub(super) struct Making<'a> {
    pub(super) store: &'a Store,
    pub(super) archive_id: i64,
    /// Its segments, in order; at least one has rows.
    pub(super) stretch: &'a [Segment],
    pub(super) folder: &'a str,
    pub(super) shelf: &'a Arc<dyn Shelf>,
    pub(super) ambient: &'a Ambient,
}

/// The states of a snapshot, in order of workout.
type States = std::collections::BTreeMap<String, Option<State>>;

fn unwritten(file: &str, what: impl std::fmt::Display) -> RunError {
    let hint = "nothing has left the table; make room there or name another folder with --to, then give it again";
    RunError::new("archive", Kind::Data, format!("cannot write {file}: {what}"), hint)
}

fn unreadable(file: &str, what: impl std::fmt::Display) -> RunError {
    let hint = "nothing has left the table; check the folder's disk, then give it again";
    RunError::new(
        "archive",
        Kind::Data,
        format!("{file} does not read back as it was written: {what}"),
        hint,
    )
}

/// The rows of the table are not what was sealed.
fn unsound(what: impl std::fmt::Display) -> RunError {
    let hint = "only what is sealed and sound is archived; `paceline verify` says what is not";
    RunError::new("archive", Kind::Data, what.to_string(), hint)
}

impl Making<'_> {
    /// Makes it, from its first row to its last step.
    pub(super) async fn make(&self) -> Result<Archive, RunError> {
        let (Some(first), Some(last)) = (self.stretch.first(), self.stretch.last()) else {
            return Err(RunError::bug("archive", "a file without segments"));
        };
        let name = file_name(first.segment_id, last);
        let (file_bytes, file_sha256) = retrying(RETRIES, || self.write(&name)).await?;
        self.ambient.reached("archive_written");
        let bytes = self.shelf.read(self.folder, &name).map_err(|e| unreadable(&name, e))?;
        if sha256(&bytes) != file_sha256 {
            return Err(unreadable(&name, "its hash is another"));
        }
        let file = File::open(bytes).map_err(|e| unreadable(&name, e))?;
        let checked = check(&file, self.stretch).map_err(|e| unreadable(&name, e))?;
        if !checked.holds() {
            return Err(unsound(checked.detail()));
        }
        let (states, newest_at) = self.fold(&file, first.segment_id - 1).await?;
        let record = Record {
            archive_id: self.archive_id,
            first_segment: first.segment_id,
            last_segment: last.segment_id,
            head: last.head,
            row_count: file.rows(),
            newest_at,
            file_name: name,
            file_bytes,
            file_sha256,
            snapshot_rows: states.len() as u64,
            snapshot_root: root_of(&states),
            made_at: self.ambient.now(),
        };
        retrying(RETRIES, || self.write_snapshot(&states)).await?;
        self.ambient.reached("archive_snapshot");
        let archive = retrying(RETRIES, || self.seal(&record)).await?;
        self.ambient.reached("archive_sealed");
        take_out(self.store, &archive, &file, self.ambient).await?;
        Ok(archive)
    }

    /// Writes the rows of the table to the file; returns its length and hash.
    async fn write(&self, name: &str) -> Result<(u64, Hash), RunError> {
        let out: Box<dyn Write + Send> = self.shelf.create(self.folder, name).map_err(|e| unwritten(name, e))?;
        let mut writer = Writer::new(out, self.stretch).map_err(|e| unwritten(name, e))?;
        let (mut scratch, mut refused) = (Vec::new(), None);
        for segment in self.stretch.iter().filter(|s| s.encoding_version != ARCHIVE_VERSION) {
            let each = |history_id, row: crate::audit::encoding::HistoryRowRef<'_>| {
                let filed = Filed {
                    history_id,
                    row,
                    sealed_by: segment.segment_id,
                    leaf: row.leaf_hash(&mut scratch),
                };
                writer.push(&filed).map_err(|error| {
                    let detail = error.to_string();
                    refused = Some(error);
                    DbError::Other {
                        statement: name.to_owned(),
                        detail,
                    }
                })
            };
            let read = self.store.rows_of_segment(segment.segment_id, each).await;
            if let Some(error) = refused.take() {
                return Err(unwritten(name, error));
            }
            let rows = read.map_err(failed)?;
            // Before a file of many segments is written in vain.
            if rows != segment.row_count {
                let (id, sealed) = (segment.segment_id, segment.row_count);
                return Err(unsound(format!(
                    "segment {id} seals {sealed} rows, and the table has {rows}"
                )));
            }
        }
        let written = writer.finish().map_err(|e| unwritten(name, e))?;
        self.shelf.keep(self.folder, name).map_err(|e| unwritten(name, e))?;
        Ok(written)
    }

    /// What the rows of the file fold to, from the states after segment `before`; and the newest of them.
    async fn fold(&self, file: &File, before: i64) -> Result<(States, Timestamp), RunError> {
        let mut workouts = BTreeSet::new();
        let mut newest = None;
        let seen = file.each(|filed: Filed<'_>| -> Result<(), FileError> {
            newest = newest.max(Some(filed.row.changed_at));
            if !workouts.contains(filed.row.workout_id) {
                workouts.insert(filed.row.workout_id.to_owned());
            }
            Ok(())
        });
        seen.map_err(|e| unreadable("the file", e))?;
        let mut folding = Folding::default();
        for (workout, state) in tried(|| self.store.states_at_of(before, &workouts)).await? {
            folding.begin(&workout, state);
        }
        let folded = file.each(|filed: Filed<'_>| -> Result<(), FileError> {
            folding.push(&Entry::from(&filed.row));
            Ok(())
        });
        folded.map_err(|e| unreadable("the file", e))?;
        if let Some((workout, detail)) = folding.unjoined() {
            return Err(unsound(format!(
                "the history of workout {workout} does not join up: {detail}"
            )));
        }
        Ok((folding.into_states(), newest.unwrap_or(self.ambient.now())))
    }

    async fn write_snapshot(&self, states: &States) -> Result<(), RunError> {
        self.store.clear_snapshot(self.archive_id).await.map_err(failed)?;
        let states: Vec<(&str, Option<&State>)> = states.iter().map(|(id, s)| (id.as_str(), s.as_ref())).collect();
        let mut first_no = 0;
        for part in states.chunks(PORTION) {
            let written = self.store.write_snapshot(self.archive_id, first_no, part).await;
            written.map_err(failed)?;
            first_no += part.len() as i64;
        }
        Ok(())
    }

    /// Seals it behind whatever is the head now. Where the answer to an earlier try was lost, it may be sealed.
    async fn seal(&self, record: &Record) -> Result<Archive, RunError> {
        let head = self.store.chain_head().await.map_err(failed)?;
        let find = || async {
            let archives = self.store.archives().await.map_err(failed)?;
            let own = |archive: &Archive| archive.record.archive_id == self.archive_id;
            Ok::<_, RunError>(archives.all.into_iter().find(own))
        };
        if let Some(sealed) = find().await? {
            return Ok(sealed);
        }
        let now = self.ambient.now();
        let sealed = self.store.seal_archive(record, self.folder, &head, now).await;
        sealed.map_err(failed)?;
        let sealed = find().await?;
        sealed.ok_or_else(|| RunError::bug("archive", "an archive that was sealed is not there"))
    }
}

fn root_of(states: &States) -> Hash {
    let (mut tree, mut scratch) = (Merkle::new(), Vec::new());
    for (workout, state) in states {
        tree.push(leaf_hash(&mut scratch, workout, state.as_ref()));
    }
    tree.root()
}

/// Finishes an archive that is sealed, and whose rows have not all left the table.
pub(super) async fn finish(
    store: &Store,
    archive: &Archive,
    shelf: &Arc<dyn Shelf>,
    ambient: &Ambient,
) -> Result<(), RunError> {
    let id = archive.record.archive_id;
    let file = needed(Some(shelf.as_ref()), archive, &format!("the rest of archive {id}")).map_err(|error| {
        let hint = "its rows leave the table only beside their file: put it back, or undo the archive with \
                    `paceline archive restore`";
        RunError::new("archive", Kind::Data, error, hint)
    })?;
    take_out(store, archive, &file, ambient).await
}

async fn take_out(store: &Store, archive: &Archive, file: &File, ambient: &Ambient) -> Result<(), RunError> {
    let id = archive.record.archive_id;
    let portions = portions(file, PORTION).map_err(|e| failed(StoreError::from(e)))?;
    let mut rows = 0;
    ambient.progress.begin("archiving", Some(archive.record.row_count));
    for portion in &portions {
        let stop = || format!("archive {id} is sealed, and {rows} of its rows have left the table");
        ambient.stop.check("archive", stop)?;
        ambient.reached("before_portion");
        tried(|| store.take_out(id, portion, ambient.now())).await?;
        rows += portion.rows;
        ambient.progress.at(rows as u64);
    }
    ambient.progress.end();
    tried(|| store.move_archive(id, Status::Archiving, Status::Archived, ambient.now())).await
}
