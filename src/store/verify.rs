//! Verification: the chain's links, each segment's rows, and the state that the history folds to.
//!
//! Why: "the classifications are exactly what the history says" is a claim that anyone can check.
//!
//! How: history and state are each read once, side by side (`read`), in the order in which they lie on the
//! server's disk. What is read is hashed into the tree of its segment, and what replay needs of it is sorted
//! into partitions of whole workouts (`gather`), on the disk where they do not fit; then partition by
//! partition is replayed and compared (`settle`).
//!
//! Invariants: only reads; memory grows with segments, never with workouts or history rows (but for the
//! segments that are broken, whose rows are read again to name the one); every break is reported, not only
//! the first.
//!
//! Must not know: what to do about a finding.

mod gather;
mod partitions;
mod read;
mod record;
mod settle;
mod shelved;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use tokio::task::JoinError;
use tracing::{Instrument, info_span};

use crate::audit::anchor::Anchor;
use crate::audit::chain::{self, Link, Segment};
use crate::audit::encoding::ENCODING_VERSION;
use crate::audit::leaves::{self, StoredLeaf};
use crate::audit::merkle::Merkle;
use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row};
use crate::sql;

use super::archive::Archives;
use super::archived::Shelf;
use super::findings::{Finding, Findings};
use super::{Store, StoreError};

use gather::{Adopted, Broken, Gathered};
pub use partitions::Spill;
use settle::{Settled, settle};
use shelved::{Covering, Shelved};

static ORPHANS: Statement = sql!("query/orphan_segments");
static ADOPTED: Statement = sql!("query/adopted_ranges");

/// Of more broken segments than this the rows are not named: reading them all again would take memory
/// that grows with the history.
const MAX_NAMED: usize = 20;
/// So often is looked again where something was found while others wrote.
const TRIES: u32 = 3;

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// True without findings.
    pub ok: bool,
    /// Segments of the chain.
    pub segments: u64,
    /// History rows that were read, in the table and in files.
    pub rows: u64,
    /// The rows that are in files alone.
    pub archived: u64,
    /// Those of them that were not checked, because their files are not at hand or not the ones that were sealed.
    pub unchecked: u64,
    /// Those of them that others wrote and a segment adopted.
    pub adopted: u64,
    /// Workouts with a verdict.
    pub workouts: u64,
    /// The last segment; 0 before the first.
    pub segment_id: i64,
    /// The rows that the segments say they seal.
    pub sealed: u64,
    /// The chain's head.
    pub head: String,
    /// What is not as it must be; of one kind at most [`super::findings::MAX_OF_KIND`].
    pub findings: Vec<Finding>,
    /// How many there were in all.
    pub found: u64,
    /// What a reader should know and what breaks nothing, bounded as the findings are.
    pub notes: Vec<Finding>,
    /// How many there were in all.
    pub noted: u64,
    /// The chain's end.
    #[serde(skip)]
    pub end: Link,
}

/// How a store is verified.
#[derive(Clone)]
pub struct Scrutiny {
    /// A head that was written down elsewhere.
    pub anchor: Option<Anchor>,
    /// Where what replay needs is put.
    pub spill: Spill,
    /// Where the files of archives are; None: they are not looked at.
    pub shelf: Option<Arc<dyn Shelf>>,
}

/// Follows the chain and compares each segment with the rows that are stored for it, but for those `unchecked`.
/// Returns the segments whose rows are not what they seal.
fn check_segments(
    segments: &[Segment],
    trees: &HashMap<i64, Merkle>,
    unchecked: &BTreeSet<i64>,
    findings: &mut Findings,
) -> Vec<Segment> {
    let mut link = Link::genesis();
    let (empty, mut broken) = (Merkle::new(), Vec::new());
    for segment in segments {
        if let Err(error) = chain::check_link(&link, segment) {
            findings.add(error.kind(), Some(error.segment_id()), None, error.to_string());
        }
        link = segment.link();
        let rows = trees.get(&segment.segment_id).unwrap_or(&empty);
        if segment.encoding_version == chain::ARCHIVE_VERSION && !rows.is_empty() {
            let detail = format!(
                "{} rows name segment {}, which seals an archive",
                rows.len(),
                segment.segment_id
            );
            findings.add("count", Some(segment.segment_id), None, detail);
        }
        // Rows of another encoding cannot be re-hashed; the link above has said so.
        if segment.encoding_version == ENCODING_VERSION
            && !unchecked.contains(&segment.segment_id)
            && let Err(error) = chain::check_rows(segment, rows)
        {
            findings.add(error.kind(), Some(error.segment_id()), None, error.to_string());
            broken.push(*segment);
        }
    }
    broken
}

/// Names the segments that rows and lists know of and the chain does not. A list whose segment is not in the
/// chain and has rows all the same is told of by those.
fn check_gaps(unknown: &BTreeMap<i64, u64>, orphans: &[i64], findings: &mut Findings) {
    for (segment_id, rows) in unknown {
        let detail = format!("{rows} history rows name segment {segment_id}, which is not in the chain");
        findings.add("gap", Some(*segment_id), None, detail);
    }
    for segment_id in orphans.iter().filter(|id| !unknown.contains_key(id)) {
        let detail =
            format!("the list of its leaves is there, and neither segment {segment_id} nor its rows are: it was cut");
        findings.add("gap", Some(*segment_id), None, detail);
    }
}

impl Store {
    /// Re-hashes the whole history, follows the chain, replays, and compares, all in memory. `on_rows` is told
    /// how many history rows are through, now and then.
    ///
    /// # Errors
    /// [`StoreError::Db`]. What is wrong with the data is a finding, not an error.
    pub async fn verify(&self, on_rows: impl FnMut(u64) + Send) -> Result<Verification, StoreError> {
        self.verify_against(None, Spill::never(), on_rows).await
    }

    /// As [`Store::verify`], with the files of archives.
    ///
    /// # Errors
    /// As [`Store::verify`].
    pub async fn verify_with_files(&self, shelf: Arc<dyn Shelf>) -> Result<Verification, StoreError> {
        let scrutiny = Scrutiny {
            anchor: None,
            spill: Spill::never(),
            shelf: Some(shelf),
        };
        self.scrutinize(&scrutiny, |_| {}).await
    }

    /// As [`Store::verify`]; holds the chain against a head that was written down elsewhere, and puts what
    /// replay needs where `spill` says.
    ///
    /// # Errors
    /// As [`Store::verify`]; [`StoreError::Spill`] where that place cannot be used.
    pub async fn verify_against(
        &self,
        anchor: Option<&Anchor>,
        spill: Spill,
        on_rows: impl FnMut(u64) + Send,
    ) -> Result<Verification, StoreError> {
        let scrutiny = Scrutiny {
            anchor: anchor.copied(),
            spill,
            shelf: None,
        };
        self.scrutinize(&scrutiny, on_rows).await
    }

    /// As [`Store::verify_against`], and looks at the files of archives, where `scrutiny` says so.
    ///
    /// # Errors
    /// As [`Store::verify_against`].
    #[tracing::instrument(name = "verify", skip_all)]
    pub async fn scrutinize(
        &self,
        scrutiny: &Scrutiny,
        mut on_rows: impl FnMut(u64) + Send,
    ) -> Result<Verification, StoreError> {
        let mut tries = 1;
        loop {
            let archives = self.archives().await?;
            let verified = self.verify_once(scrutiny, &archives, &mut on_rows).await?;
            // Chain, history and state are read by a statement each. What a writer has committed in between is
            // in one and not yet in another, which looks like tampering and is none. Neither are rows that came back
            // from a file meanwhile.
            if verified.ok
                || tries == TRIES
                || (self.chain_head().await? == verified.end && self.archives().await? == archives)
            {
                return Ok(verified);
            }
            tries += 1;
        }
    }

    async fn verify_once(
        &self,
        scrutiny: &Scrutiny,
        archives: &Archives,
        on_rows: &mut (impl FnMut(u64) + Send),
    ) -> Result<Verification, StoreError> {
        let segments = self.segments().await?;
        let orphans = self.orphan_segments().await?;
        let (mut findings, mut notes) = (Findings::default(), Findings::default());
        let shelved = look_at_files(archives, scrutiny, &segments, &mut findings, &mut notes).await?;
        let everything = self.read_everything(&segments, archives, &shelved, scrutiny, on_rows);
        let (gathered, settled) = everything.instrument(info_span!("read")).await?;

        let broken = check_segments(&segments, &gathered.trees, &shelved.unchecked, &mut findings);
        check_gaps(&gathered.unknown, &orphans, &mut findings);
        let both = (&mut findings, &mut notes);
        shelved::check_records(archives, &segments, &gathered.snapshots, &gathered.left, both);
        let in_table = |segment: &&Segment| archives.holding(segment.segment_id).is_none();
        let broken: Vec<Segment> = broken.iter().filter(in_table).copied().collect();
        self.name_rows(&broken, &mut findings).await?;
        if let Some(Err(error)) = scrutiny.anchor.map(|anchor| anchor.check(&segments)) {
            findings.add(error.kind(), Some(error.segment_id()), None, error.to_string());
        }
        for (segment_id, rows) in &gathered.adopted {
            let detail = format!("{rows} rows that others wrote were adopted as they were found");
            notes.add("adopted_rows", Some(*segment_id), None, detail);
        }
        let workouts = settled.workouts;
        settled.findings(&mut findings, &mut notes);
        let end = segments.last().map_or_else(Link::genesis, Segment::link);
        Ok(Verification {
            ok: findings.count == 0,
            segments: segments.len() as u64,
            rows: gathered.rows,
            archived: archives.in_force().map(|archive| archive.record.row_count).sum(),
            unchecked: shelved.unchecked_rows,
            adopted: gathered.adopted.values().sum(),
            workouts,
            segment_id: end.segment_id,
            sealed: segments.iter().fold(0, |rows, s| rows.saturating_add(s.row_count)),
            head: end.head.to_string(),
            findings: findings.listed,
            found: findings.count,
            notes: notes.listed,
            noted: notes.count,
            end,
        })
    }

    /// Reads history and state once, hashes and replays beside it.
    async fn read_everything(
        &self,
        segments: &[Segment],
        archives: &Archives,
        shelved: &Shelved,
        scrutiny: &Scrutiny,
        on_rows: &mut (impl FnMut(u64) + Send),
    ) -> Result<(Gathered, Settled), StoreError> {
        let ranges = self.rows(&ADOPTED, &Params::none(), adopted_of).await?;
        let spill = scrutiny.spill.clone();
        let folder = spill.folder.clone();
        let covering = Covering::new(archives, shelved.unchecked.is_empty());
        let mut gathered = Gathered::new(segments, ranges, covering, spill);
        let files = scrutiny.shelf.clone().filter(|_| !shelved.usable.is_empty());
        let files = files.map(|shelf| (shelf, shelved.usable.clone()));
        let (mut readers, batches, ends) = read::read(&self.db, !archives.all.is_empty(), files);
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let span = tracing::Span::current();
        let work = tokio::task::spawn_blocking(move || {
            let all = gathered.take_in(&batches, ends, |rows| {
                // Nobody listens where the caller has given up; then reading ends by itself.
                let _ = told.send(rows);
            });
            drop((told, batches));
            let settling = info_span!(parent: &span, "replay");
            let settled = settling.in_scope(|| all.and_then(|()| settle(&gathered)))?;
            Ok((gathered, settled))
        });
        while let Some(rows) = heard.recv().await {
            on_rows(rows);
        }
        while let Some(reader) = readers.join_next().await {
            joined(reader)?;
        }
        let done: Result<Result<_, Broken>, JoinError> = work.await;
        joined(done.map(|done| done.map_err(|broken| broken.named(folder.unwrap_or_default()))))
    }

    /// Names the rows of broken segments in the table, where the segment's list of leaves is there to tell.
    async fn name_rows(&self, broken: &[Segment], findings: &mut Findings) -> Result<(), StoreError> {
        for segment in broken.iter().take(MAX_NAMED) {
            let stored = self.stored_leaves(segment.segment_id).await?;
            self.name_changed(segment, &stored, findings).await?;
        }
        Ok(())
    }

    async fn name_changed(
        &self,
        segment: &Segment,
        stored: &[StoredLeaf],
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let segment_id = segment.segment_id;
        let sealed = self.segment_leaves(segment_id).await?;
        if leaves::is_sealed(&sealed, &segment.merkle_root) {
            for row in leaves::breaks(&sealed, stored) {
                findings.add(row.kind(), Some(segment_id), Some(row.workout_id()), row.detail());
            }
        }
        Ok(())
    }

    async fn orphan_segments(&self) -> Result<Vec<i64>, StoreError> {
        self.rows(&ORPHANS, &Params::none(), |row| row.int(0)).await
    }
}

/// Looks at the files on a thread of its own.
async fn look_at_files(
    archives: &Archives,
    scrutiny: &Scrutiny,
    segments: &[Segment],
    findings: &mut Findings,
    notes: &mut Findings,
) -> Result<Shelved, StoreError> {
    if archives.in_force().next().is_none() {
        return Ok(Shelved::default());
    }
    let (archives, shelf, segments) = (archives.clone(), scrutiny.shelf.clone(), segments.to_vec());
    let look = move || {
        let (mut findings, mut notes) = (Findings::default(), Findings::default());
        let shelved = shelved::look(&archives, shelf.as_deref(), &segments, &mut findings, &mut notes);
        Ok::<_, StoreError>((shelved, findings, notes))
    };
    let (shelved, found, noted) = joined(tokio::task::spawn_blocking(look).await)?;
    (*findings, *notes) = (found, noted);
    Ok(shelved)
}

fn adopted_of(row: &Row<'_>) -> Result<Adopted, DbError> {
    Ok(Adopted {
        first: row.int(0)?,
        last: row.int(1)?,
        segment_id: row.int(2)?,
    })
}

impl Broken {
    /// As the store's error; `folder` is where records went.
    fn named(self, folder: PathBuf) -> StoreError {
        match self {
            Self::Spilling(error) => StoreError::Spill {
                folder,
                detail: error.to_string(),
            },
            Self::Reading => failed("the reading ended before its end"),
        }
    }
}

fn failed(detail: impl ToString) -> StoreError {
    StoreError::Db(DbError::Other {
        statement: "verify".to_owned(),
        detail: detail.to_string(),
    })
}

/// What a task returned; a panic of it goes on here.
fn joined<T, E: Into<StoreError>>(ended: Result<Result<T, E>, JoinError>) -> Result<T, StoreError> {
    match ended {
        Ok(result) => result.map_err(Into::into),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(failed(error)),
        },
    }
}
