//! The way back: archived rows come into the table again, as they were.
//!
//! Why: whoever has to look at old history closely wants it where the queries are; and what cannot be undone is not
//! done lightly.
//!
//! Invariants: a row comes back with its number and every value; an archive is `restored` only when the table's rows
//! hash to the roots of its segments.
//!
//! Must not know: what a folder is.

use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::Serialize;

use crate::audit::archive::check::check;
use crate::audit::archive::file::{File, Filed};
use crate::audit::chain::{self, ARCHIVE_VERSION, Segment};
use crate::audit::encoding::HistoryRow;
use crate::audit::merkle::Merkle;
use crate::store::archive::{Archive, Status};
use crate::store::archived::{Shelf, needed};
use crate::store::privileges::ARCHIVE;
use crate::store::{Store, StoreError};

use super::super::{Ambient, Kind, RunError};
use super::make::PORTION;
use super::{ArchivedFile, chain_of, failed, hold, tried};

/// Which archives come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// Those of these numbers.
    Numbers(Vec<i64>),
    /// Those that hold any of these segments.
    Segments(RangeInclusive<i64>),
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestoreReport {
    /// `restored` or `nothing`.
    pub status: &'static str,
    /// The files whose rows are in the table again.
    pub files: Vec<ArchivedFile>,
    /// History rows in them.
    pub rows: u64,
}

impl Which {
    fn takes(&self, archive: &Archive) -> bool {
        let record = &archive.record;
        match self {
            Self::All => true,
            Self::Numbers(numbers) => numbers.contains(&record.archive_id),
            Self::Segments(range) => *range.start() <= record.last_segment && *range.end() >= record.first_segment,
        }
    }
}

/// Puts archived rows back into the table. The files stay where they are.
///
/// # Errors
/// [`RunError`]: of kind data where there is no such archive, or a file is not the one that was sealed; of kind lease
/// held while history is being moved.
pub async fn restore(
    store: &Store,
    which: &Which,
    take_over: bool,
    shelf: &Arc<dyn Shelf>,
    ambient: &Ambient,
) -> Result<RestoreReport, RunError> {
    tried(|| store.require(&ARCHIVE)).await?;
    let lease = hold(store, take_over, ambient).await?;
    let result = under(&lease.store(), which, shelf, ambient).await;
    lease.release(ambient.now()).await;
    result
}

async fn under(
    store: &Store,
    which: &Which,
    shelf: &Arc<dyn Shelf>,
    ambient: &Ambient,
) -> Result<RestoreReport, RunError> {
    let segments = chain_of(store).await?;
    let archives = tried(|| store.archives()).await?;
    if let Which::Numbers(numbers) = which
        && let Some(unknown) = numbers
            .iter()
            .find(|n| !archives.all.iter().any(|a| a.record.archive_id == **n))
    {
        let hint = "`paceline archive list` shows those there are";
        return Err(RunError::new(
            "archive",
            Kind::Data,
            format!("there is no archive {unknown}"),
            hint,
        ));
    }
    let mut files = Vec::new();
    for archive in archives.in_force().filter(|archive| which.takes(archive)) {
        let restoring = Restoring {
            store,
            archive,
            segments: &segments,
            ambient,
        };
        restoring.restore(shelf).await?;
        files.push(ArchivedFile::from(archive));
    }
    Ok(RestoreReport {
        status: if files.is_empty() { "nothing" } else { "restored" },
        rows: files.iter().map(|file| file.rows).sum(),
        files,
    })
}

struct Restoring<'a> {
    store: &'a Store,
    archive: &'a Archive,
    segments: &'a [Segment],
    ambient: &'a Ambient,
}

impl Restoring<'_> {
    fn stretch(&self) -> Vec<Segment> {
        let own = |segment: &&Segment| self.archive.record.holds(segment.segment_id);
        self.segments.iter().filter(own).copied().collect()
    }

    async fn restore(&self, shelf: &Arc<dyn Shelf>) -> Result<(), RunError> {
        let (id, stretch) = (self.archive.record.archive_id, self.stretch());
        let refused = |what: &dyn std::fmt::Display| {
            let hint = "put the file back from a copy, or name its folder with --archive; nothing has come back of it";
            RunError::new("archive", Kind::Data, what.to_string(), hint)
        };
        let file = needed(Some(shelf.as_ref()), self.archive, &format!("archive {id}")).map_err(|e| refused(&e))?;
        let checked = check(&file, &stretch).map_err(|e| refused(&e))?;
        if !checked.holds() {
            return Err(refused(&checked.detail()));
        }
        self.move_on(self.archive.status, Status::Restoring).await?;
        self.put_back(&file).await?;
        self.hold_against(&stretch).await?;
        self.move_on(Status::Restoring, Status::Restored).await
    }

    async fn move_on(&self, seen: Status, next: Status) -> Result<(), RunError> {
        let (id, now) = (self.archive.record.archive_id, self.ambient.now());
        tried(|| self.store.move_archive(id, seen, next, now)).await
    }

    /// Puts the rows back, portion by portion.
    async fn put_back(&self, file: &File) -> Result<(), RunError> {
        let progress = &self.ambient.progress;
        progress.begin("restoring", Some(file.rows()));
        let mut offset = 0;
        while offset < file.rows() {
            let rows = portion_of(file, offset).map_err(failed)?;
            let stop = || format!("{offset} of {} rows are back in the table", file.rows());
            self.ambient.stop.check("archive", stop)?;
            self.ambient.reached("before_portion");
            offset += rows.len() as u64;
            let (id, now) = (self.archive.record.archive_id, self.ambient.now());
            tried(|| self.store.put_back(id, rows.clone(), now)).await?;
            progress.at(offset);
        }
        progress.end();
        Ok(())
    }

    /// Holds the rows of the table against what the chain seals.
    async fn hold_against(&self, stretch: &[Segment]) -> Result<(), RunError> {
        for segment in stretch.iter().filter(|s| s.encoding_version != ARCHIVE_VERSION) {
            let tree = tried(|| async {
                let (mut tree, mut scratch) = (Merkle::new(), Vec::new());
                let each = |_, row: crate::audit::encoding::HistoryRowRef<'_>| {
                    tree.push(row.leaf_hash(&mut scratch));
                    Ok(())
                };
                self.store.rows_of_segment(segment.segment_id, each).await?;
                Ok(tree)
            });
            if let Err(error) = chain::check_rows(segment, &tree.await?) {
                let hint = "rows of the segment were in the table already, and are not those that were sealed";
                return Err(RunError::new("archive", Kind::Data, error, hint));
            }
        }
        Ok(())
    }
}

/// The rows of a file from `offset` on, as many as one transaction takes.
fn portion_of(file: &File, offset: u64) -> Result<Vec<(i64, HistoryRow)>, StoreError> {
    let mut rows = Vec::new();
    file.part(offset, PORTION, |filed: Filed<'_>| -> Result<(), StoreError> {
        rows.push((filed.history_id, filed.row.into_row()));
        Ok(())
    })?;
    Ok(rows)
}
