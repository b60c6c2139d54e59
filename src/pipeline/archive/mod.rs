//! Archiving: history that is old enough leaves the table for files, and comes back when it is asked for.
//!
//! Why: the history only grows, and years of it are looked at once a year, if at all.
//!
//! For each file in turn (`make`): its rows are written and read back, and held against the roots that the chain has;
//! what they fold to is written as a snapshot; both are sealed in a segment of their own; then the rows leave the
//! table, portion by portion. Killed anywhere and given again, it goes on there.
//!
//! Invariants: only the oldest segments that are in no file are archived, without a hole; a row leaves only when the
//! file that has it was read back and is sealed. No run, backfill or undo goes on meanwhile: the chain is not moved
//! under one that holds its pipeline.
//!
//! Must not know: the command line; what a folder is ([`Shelf`] does).

pub mod age;
mod make;
pub mod restore;

use std::sync::Arc;

use serde::Serialize;

use crate::audit::archive::cut;
use crate::audit::chain::{self, Link, Segment};
use crate::id::RunId;
use crate::store::archive::{Archive, Archives, Status};
use crate::store::archived::Shelf;
use crate::store::lease::LeaseRow;
use crate::store::privileges::ARCHIVE;
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

use super::lease::{self, Lease, Refused};
use super::{Ambient, Kind, RETRIES, RunError, retrying};

/// History rows of one file, at most, unless a single segment has more.
pub const FILE_ROWS: u64 = 100_000;
/// Segments of one file, at most: each has a line in what the file says of itself.
const FILE_SEGMENTS: usize = 10_000;
/// The lease that keeps two of them apart. No pipeline file can take this name by accident.
const LEASE: &str = "(archive)";

/// What the caller may say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveOptions {
    /// Segments that were sealed before this instant are archived.
    pub before: Timestamp,
    /// The folder for new files, as the store remembers it.
    pub folder: String,
    /// History rows of one file, at most.
    pub file_rows: u64,
    /// Takes the lease from another archiving that is known to be dead.
    pub take_over: bool,
}

/// A file, made or planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArchivedFile {
    /// Its archive; None where it is only planned.
    pub archive_id: Option<i64>,
    /// The first of its segments.
    pub first_segment: i64,
    /// The last, inclusive.
    pub last_segment: i64,
    /// History rows in it.
    pub rows: u64,
    /// Its name.
    pub file: String,
    /// Its length; 0 where it is only planned.
    pub bytes: u64,
}

/// What was archived, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArchiveReport {
    /// `archived`, `nothing` or `planned`.
    pub status: &'static str,
    /// The cutoff.
    pub before: Timestamp,
    /// The folder.
    pub folder: String,
    /// The files, oldest rows first; one that an earlier attempt had begun is among them.
    pub files: Vec<ArchivedFile>,
    /// History rows in them.
    pub rows: u64,
    /// Why there is nothing, or not more.
    pub note: Option<String>,
}

impl ArchiveReport {
    fn of(status: &'static str, options: &ArchiveOptions, files: Vec<ArchivedFile>) -> Self {
        let nothing = "no sealed segment that is in the table is older; the age of a segment is that of its sealing";
        Self {
            status: if files.is_empty() { "nothing" } else { status },
            before: options.before,
            folder: options.folder.clone(),
            rows: files.iter().map(|file| file.rows).sum(),
            note: files.is_empty().then(|| nothing.to_owned()),
            files,
        }
    }
}

impl From<&Archive> for ArchivedFile {
    fn from(archive: &Archive) -> Self {
        let record = &archive.record;
        Self {
            archive_id: Some(record.archive_id),
            first_segment: record.first_segment,
            last_segment: record.last_segment,
            rows: record.row_count,
            file: record.file_name.clone(),
            bytes: record.file_bytes,
        }
    }
}

fn failed(error: StoreError) -> RunError {
    RunError::store("archive", error)
}

/// A question or a step, asked again where it fails in passing.
async fn tried<T, F>(work: impl Fn() -> F) -> Result<T, RunError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    retrying(RETRIES, || async { work().await.map_err(failed) }).await
}

/// The chain, whose links hold.
async fn chain_of(store: &Store) -> Result<Vec<Segment>, RunError> {
    let segments = tried(|| store.segments()).await?;
    let mut link = Link::genesis();
    for segment in &segments {
        link = chain::check_link(&link, segment).map_err(|error| {
            let hint = "only what is sealed and sound is archived; `paceline verify` says what is not";
            RunError::new("archive", Kind::Data, error, hint)
        })?;
    }
    Ok(segments)
}

/// The stretches that would go into a file each.
async fn stretches(
    store: &Store,
    archives: &Archives,
    segments: &[Segment],
    options: &ArchiveOptions,
) -> Result<Vec<Vec<Segment>>, RunError> {
    let until = tried(|| store.first_sealed_since(options.before)).await?;
    let old = segments
        .iter()
        .filter(|s| s.segment_id > archives.covered() && until.is_none_or(|until| s.segment_id < until));
    let old: Vec<Segment> = old.copied().collect();
    let cut = cut(&old, options.file_rows.max(1), FILE_SEGMENTS);
    Ok(cut.into_iter().map(<[Segment]>::to_vec).collect())
}

/// What would be archived; writes nothing.
///
/// # Errors
/// [`RunError`] of the store; of kind data where the chain does not hold.
pub async fn plan_archive(store: &Store, options: &ArchiveOptions) -> Result<ArchiveReport, RunError> {
    let segments = chain_of(store).await?;
    let archives = tried(|| store.archives()).await?;
    let planned = |stretch: Vec<Segment>| {
        let last = stretch.last()?;
        let first_segment = stretch.first()?.segment_id;
        Some(ArchivedFile {
            archive_id: None,
            first_segment,
            last_segment: last.segment_id,
            rows: stretch.iter().map(Segment::history_rows).sum(),
            file: crate::audit::archive::file_name(first_segment, last),
            bytes: 0,
        })
    };
    let files = stretches(store, &archives, &segments, options).await?;
    let files = files.into_iter().filter_map(planned).collect();
    Ok(ArchiveReport::of("planned", options, files))
}

/// Archives what is old enough, and first finishes what an earlier attempt has begun.
///
/// # Errors
/// [`RunError`]: of kind lease held while a pipeline is held, or another archiving goes on; of kind data where the
/// history is not what was sealed, or an archive is on its way back.
pub async fn archive(
    store: &Store,
    options: &ArchiveOptions,
    shelf: &Arc<dyn Shelf>,
    ambient: &Ambient,
) -> Result<ArchiveReport, RunError> {
    tried(|| store.require(&ARCHIVE)).await?;
    let lease = hold(store, options.take_over, ambient).await?;
    let result = under(&lease.store(), options, shelf, ambient).await;
    lease.release(ambient.now()).await;
    result
}

/// The lease of who moves history.
async fn hold(store: &Store, take_over: bool, ambient: &Ambient) -> Result<Lease, RunError> {
    let own = RunId::generate(ambient.now(), (ambient.entropy)());
    match Lease::acquire(store, LEASE, &own, take_over, ambient).await {
        Ok(lease) => Ok(lease),
        Err(Refused::Failed(error)) => Err(error),
        Err(Refused::Held(row)) => {
            let found = format!("history is being moved already: {}", lease::held_sentence(LEASE, &row));
            let hint = "wait for it, or, if it is known to be dead, give --take-over";
            Err(RunError::new("lease", Kind::LeaseHeld, found, hint))
        }
    }
}

/// Refuses while a pipeline is held: each file moves the chain's head, and a run that has read it would have to begin
/// again each time.
async fn idle(store: &Store, ambient: &Ambient) -> Result<(), RunError> {
    let held = tried(|| store.leases_held()).await?;
    let is_gone = |row: &LeaseRow| row.process.as_deref().is_some_and(|p| (ambient.process.is_gone)(p));
    let live =
        |(pipeline, row): &&(String, LeaseRow)| pipeline != LEASE && !row.is_free(ambient.now()) && !is_gone(row);
    match held.iter().find(live) {
        None => Ok(()),
        Some((pipeline, row)) => {
            let hint = "what is archived stays so; give it again when the run is over";
            let found = lease::held_sentence(pipeline, row);
            Err(RunError::new("archive", Kind::LeaseHeld, found, hint))
        }
    }
}

async fn under(
    store: &Store,
    options: &ArchiveOptions,
    shelf: &Arc<dyn Shelf>,
    ambient: &Ambient,
) -> Result<ArchiveReport, RunError> {
    let segments = chain_of(store).await?;
    let archives = tried(|| store.archives()).await?;
    if let Some(archive) = archives.all.iter().find(|a| a.status == Status::Restoring) {
        let id = archive.record.archive_id;
        let found = format!("archive {id} is on its way back into the table");
        let hint = format!("finish that first: `paceline archive restore {id}`");
        return Err(RunError::new("archive", Kind::Data, found, hint));
    }
    let mut files = Vec::new();
    for archive in archives.all.iter().filter(|a| a.status == Status::Archiving) {
        make::finish(store, archive, shelf, ambient).await?;
        files.push(ArchivedFile::from(archive));
    }
    let next = archives.all.last().map_or(1, |archive| archive.record.archive_id + 1);
    let stretches = stretches(store, &archives, &segments, options).await?;
    for (archive_id, stretch) in (next..).zip(stretches) {
        let stop = || format!("{} files are archived", files.len());
        ambient.stop.check("archive", stop)?;
        idle(store, ambient).await?;
        let making = make::Making {
            store,
            archive_id,
            stretch: &stretch,
            folder: &options.folder,
            shelf,
            ambient,
        };
        files.push(ArchivedFile::from(&making.make().await?));
    }
    Ok(ArchiveReport::of("archived", options, files))
}
