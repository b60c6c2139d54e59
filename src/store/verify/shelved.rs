//! What of the chain is archived: held against what is sealed, and the files against what the chain seals.
//!
//! Why: rows that are not in the table are either proved by a file, or said not to be checked; never passed over.
//!
//! Invariants: a file that is not the one that was sealed is a finding, and no row of it is replayed; where files
//! are away, that is a note, and replay goes on from the snapshot.
//!
//! Must not know: what the rows fold to.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::chain::{ARCHIVE_VERSION, Segment};
use crate::audit::merkle::Merkle;
use crate::store::archive::{Archive, Archives, Status};
use crate::store::archived::{Shelf, Unusable, open};

use super::Findings;
use super::gather::Left;

/// A stretch of the chain that an archive holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) archive_id: i64,
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Span {
    pub(super) fn holds(&self, segment_id: i64) -> bool {
        (self.first..=self.last).contains(&segment_id)
    }
}

/// Which rows replay takes, and which snapshots stand for the others.
#[derive(Debug, Clone, Default)]
pub(super) struct Covering {
    /// Every archive, by number.
    pub(super) spans: Vec<Span>,
    /// Those whose rows are in files, by first segment.
    filed: Vec<Span>,
    /// The last segment that snapshots stand for.
    pub(super) covered: i64,
    /// True where every row is at hand, so that replay begins with the first.
    pub(super) whole: bool,
}

impl Covering {
    /// `whole`: every file is usable.
    pub(super) fn new(archives: &Archives, whole: bool) -> Self {
        let span = |archive: &Archive| Span {
            archive_id: archive.record.archive_id,
            first: archive.record.first_segment,
            last: archive.record.last_segment,
        };
        let mut filed: Vec<Span> = archives.in_force().map(span).collect();
        filed.sort_by_key(|span| span.first);
        Self {
            spans: archives.all.iter().map(span).collect(),
            filed,
            covered: archives.covered(),
            whole,
        }
    }

    /// The archive whose file has the rows of a segment.
    pub(super) fn filed(&self, segment_id: i64) -> Option<i64> {
        if segment_id > self.covered {
            return None;
        }
        let after = self.filed.partition_point(|span| span.first <= segment_id);
        let span = self.filed[..after].last()?;
        span.holds(segment_id).then_some(span.archive_id)
    }

    /// True for a segment whose rows are not replayed.
    pub(super) fn stands_for(&self, segment_id: i64) -> bool {
        !self.whole && segment_id <= self.covered
    }

    /// An archive's place among [`Covering::spans`].
    pub(super) fn place_of(&self, archive_id: i64) -> Option<usize> {
        self.spans
            .binary_search_by_key(&archive_id, |span| span.archive_id)
            .ok()
    }
}

/// What became of the files.
#[derive(Default)]
pub(super) struct Shelved {
    /// Those to read.
    pub(super) usable: Vec<Archive>,
    /// Segments whose rows are not checked.
    pub(super) unchecked: BTreeSet<i64>,
    /// How many rows that are.
    pub(super) unchecked_rows: u64,
}

fn range<'s>(segments: &'s [Segment], archive: &Archive) -> &'s [Segment] {
    let from = segments.partition_point(|s| s.segment_id < archive.record.first_segment);
    let to = segments.partition_point(|s| s.segment_id <= archive.record.last_segment);
    &segments[from..to.max(from)]
}

/// Looks at the files of archives in force: blocks, and takes as long as reading them takes.
pub(super) fn look(
    archives: &Archives,
    shelf: Option<&dyn Shelf>,
    segments: &[Segment],
    findings: &mut Findings,
    notes: &mut Findings,
) -> Shelved {
    let mut shelved = Shelved::default();
    for archive in archives.in_force() {
        let range = range(segments, archive);
        let why = match open(shelf, archive) {
            Ok(_) => {
                shelved.usable.push(archive.clone());
                continue;
            }
            Err(why) => why,
        };
        let record = &archive.record;
        let (file, span, rows) = (&record.file_name, record.span(), record.row_count);
        shelved.unchecked.extend(range.iter().map(|s| s.segment_id));
        shelved.unchecked_rows += rows;
        let said = format!("the {rows} rows of {span} are in {file}, {why}");
        let sealed = Some(archive.segment_id);
        match why {
            Unusable::Away(_) | Unusable::Unseen => notes.add("not_checked", sealed, None, said),
            Unusable::Unread { .. } => findings.add("file_missing", sealed, None, said),
            Unusable::Unknown(_) => findings.add("file_unreadable", sealed, None, said),
            Unusable::Changed { sha256, .. } => {
                let other = archives.all.iter().find(|other| other.record.file_sha256 == sha256);
                let whose = other.map_or_else(String::new, |other| {
                    let (id, span) = (other.record.archive_id, other.record.span());
                    format!("; it is the file of archive {id}, {span}")
                });
                findings.add("file_changed", sealed, None, format!("{said}{whose}"));
            }
        }
    }
    shelved
}

/// Holds the records of archives, their snapshots and what is left of their rows in the table against the chain.
pub(super) fn check_records(
    archives: &Archives,
    segments: &[Segment],
    snapshots: &BTreeMap<i64, Merkle>,
    left: &BTreeMap<i64, Left>,
    (findings, notes): (&mut Findings, &mut Findings),
) {
    let at = |id: i64| {
        segments
            .binary_search_by_key(&id, |s| s.segment_id)
            .ok()
            .map(|at| &segments[at])
    };
    let mut sealed = BTreeSet::new();
    for archive in &archives.all {
        let (record, id) = (&archive.record, archive.record.archive_id);
        let segment = at(archive.segment_id);
        sealed.insert(archive.segment_id);
        if !segment.is_some_and(|segment| record.is_sealed_by(segment)) {
            let detail = format!(
                "the record of archive {id} is not what segment {} seals",
                archive.segment_id
            );
            findings.add("archive", Some(archive.segment_id), None, detail);
        }
        if at(record.last_segment).map(|last| last.head) != Some(record.head) {
            let detail = format!(
                "archive {id} ends with another head than segment {}",
                record.last_segment
            );
            findings.add("archive", Some(archive.segment_id), None, detail);
        }
        let none = Merkle::new();
        let tree = snapshots.get(&id).unwrap_or(&none);
        if (tree.len(), tree.root()) != (record.snapshot_rows, record.snapshot_root) {
            let detail = format!(
                "the snapshot of archive {id} has {} states with root {}, sealed were {} with root {}",
                tree.len(),
                tree.root(),
                record.snapshot_rows,
                record.snapshot_root
            );
            findings.add("snapshot", Some(archive.segment_id), None, detail);
        }
        tell_left(archive, left.get(&id), findings, notes);
    }
    for segment in segments.iter().filter(|s| s.encoding_version == ARCHIVE_VERSION) {
        if !sealed.contains(&segment.segment_id) {
            let detail = format!(
                "segment {} seals the record of an archive, which is gone",
                segment.segment_id
            );
            findings.add("archive", Some(segment.segment_id), None, detail);
        }
    }
}

fn tell_left(archive: &Archive, left: Option<&Left>, findings: &mut Findings, notes: &mut Findings) {
    let (id, sealed) = (archive.record.archive_id, Some(archive.segment_id));
    let rows = left.map_or(0, |left| left.rows);
    match (archive.status, left) {
        (Status::Archived | Status::Restored, None) => {}
        (Status::Archived | Status::Restored, Some(left)) => {
            let (first, workout) = &left.first;
            let detail = format!(
                "{rows} rows from history row {first} on stand in the table, and their segments are in archive {id}: they \
                 were inserted"
            );
            findings.add("inserted", sealed, Some(workout), detail);
        }
        (Status::Archiving, _) => {
            let detail =
                format!("{rows} rows of archive {id} have not left the table yet: give `paceline archive` again");
            notes.add("unfinished", sealed, None, detail);
        }
        (Status::Restoring, _) => {
            let detail =
                format!("{rows} rows of archive {id} are back in the table: give `paceline archive restore` again");
            notes.add("unfinished", sealed, None, detail);
        }
    }
}
