//! Hashes what was read, segment by segment, and sorts what replay needs of it by workout.
//!
//! Why: both go over every row once, and neither needs the rows in the order of sealing. A tree takes the rows
//! of its segment by number, which is the order they come in; replay sorts the rows of a workout itself.
//!
//! Invariants: memory grows with segments and ranges of adopted rows, never with rows or workouts (but for
//! [`Spill::never`]).
//!
//! Must not know: databases; what is wrong with the rows.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::mpsc::Receiver;

use crate::audit::archive::snapshot;
use crate::audit::chain::Segment;
use crate::audit::encoding::{self, FIELDS};
use crate::audit::merkle::{Merkle, leaf_hash};

use super::partitions::{Partitions, Spill};
use super::read::Batch;
use super::record::{Known, put_entry, put_fact, put_fact_words, put_row, put_state};
use super::shelved::Covering;

/// The rows of others that a segment adopted: from `first` to `last`, both inclusive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Adopted {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) segment_id: i64,
}

/// The trees over the rows as they are stored, and what replay needs.
pub(super) struct Gathered {
    /// Of each segment of the chain.
    pub(super) trees: HashMap<i64, Merkle>,
    /// How many rows name, or were adopted by, a segment that is not in the chain.
    pub(super) unknown: BTreeMap<i64, u64>,
    /// How many rows of others each segment seals.
    pub(super) adopted: BTreeMap<i64, u64>,
    /// History rows.
    pub(super) rows: u64,
    /// What replay needs of rows and states.
    pub(super) partitions: Partitions,
    /// What the records of rows say by number.
    pub(super) entries: Known,
    /// What the records of states say by number.
    pub(super) states: Known,
    /// What the records of facts say by number.
    pub(super) facts: Known,
    /// The trees over the snapshots as they are stored, by archive.
    pub(super) snapshots: BTreeMap<i64, Merkle>,
    /// Rows in the table that an archive in force holds, by archive.
    pub(super) left: BTreeMap<i64, Left>,
    /// What of the chain is archived.
    pub(super) covering: Covering,
    /// Adopted rows, ascending by their first.
    ranges: Vec<Adopted>,
    record: Vec<u8>,
    words: Vec<u8>,
}

/// Rows in the table whose place is in a file.
pub(super) struct Left {
    /// How many.
    pub(super) rows: u64,
    /// The first one's number and workout.
    pub(super) first: (i64, String),
}

/// Where a row was read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Table,
    File,
}

/// What ended before its end.
#[derive(Debug)]
pub(super) enum Broken {
    /// Whoever reads has failed, and says why.
    Reading,
    /// Records cannot be put on the disk, or read back.
    Spilling(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Spilling(error)
    }
}

impl Gathered {
    /// Before the first row of a chain; `ranges` ascend by their first.
    pub(super) fn new(segments: &[Segment], ranges: Vec<Adopted>, covering: Covering, spill: Spill) -> Self {
        let sealed = segments.iter().fold(0u64, |rows, s| rows.saturating_add(s.row_count));
        Self {
            trees: segments.iter().map(|s| (s.segment_id, Merkle::new())).collect(),
            unknown: BTreeMap::new(),
            adopted: BTreeMap::new(),
            rows: 0,
            // A record for each row, and one for each workout, of which there are no more.
            partitions: Partitions::new(spill, sealed.saturating_mul(2)),
            entries: Known::default(),
            states: Known::default(),
            facts: Known::default(),
            snapshots: BTreeMap::new(),
            left: BTreeMap::new(),
            covering,
            ranges,
            record: Vec::new(),
            words: Vec::new(),
        }
    }

    /// Takes everything in, from so many that read as `open` says. `on_rows` is told how many history rows are
    /// through, now and then.
    ///
    /// # Errors
    /// [`Broken::Reading`] where the batches end before all their ends.
    pub(super) fn take_in(
        &mut self,
        batches: &Receiver<Batch>,
        mut open: usize,
        mut on_rows: impl FnMut(u64),
    ) -> Result<(), Broken> {
        while open > 0 {
            match batches.recv().map_err(|_| Broken::Reading)? {
                Batch::Rows { bytes, rows } => {
                    self.all(Origin::Table, &bytes, rows)?;
                    on_rows(self.rows);
                }
                Batch::Filed { bytes, rows } => {
                    self.all(Origin::File, &bytes, rows)?;
                    on_rows(self.rows);
                }
                Batch::Facts { bytes, facts } => {
                    let mut start = 0;
                    for (archive_id, end) in facts {
                        self.fact(archive_id, &bytes[start..end])?;
                        start = end;
                    }
                }
                Batch::States { bytes, ends } => {
                    let mut start = 0;
                    for (middle, end) in ends {
                        self.state(&bytes[start..middle], &bytes[middle..end])?;
                        start = end;
                    }
                }
                Batch::End => open -= 1,
            }
        }
        Ok(())
    }

    fn all(&mut self, from: Origin, bytes: &[u8], rows: Vec<(i64, usize)>) -> io::Result<()> {
        let mut start = 0;
        for (history_id, end) in rows {
            self.row(from, history_id, &bytes[start..end])?;
            start = end;
        }
        Ok(())
    }

    fn row(&mut self, from: Origin, history_id: i64, encoded: &[u8]) -> io::Result<()> {
        let fields = encoding::fields(encoded).expect("the reader has encoded it");
        let own = own_segment(&fields);
        let place = own.or_else(|| self.adopted_by(history_id));
        if from == Origin::Table
            && let Some(archive_id) = place.and_then(|place| self.covering.filed(place))
        {
            // The file has it: here it is on its way, or where it does not belong.
            let workout = || String::from_utf8_lossy(fields[0].unwrap_or_default()).into_owned();
            let left = self.left.entry(archive_id).or_insert_with(|| Left {
                rows: 0,
                first: (history_id, workout()),
            });
            left.rows += 1;
            return Ok(());
        }
        self.rows += 1;
        if let Some(segment_id) = place {
            if own.is_none() {
                *self.adopted.entry(segment_id).or_default() += 1;
            }
            match self.trees.get_mut(&segment_id) {
                Some(tree) => tree.push(leaf_hash(encoded)),
                None => *self.unknown.entry(segment_id).or_default() += 1,
            }
        }
        if place.is_some_and(|place| self.covering.stands_for(place)) {
            return Ok(());
        }
        let [
            workout,
            previous,
            new,
            source,
            _,
            _,
            model,
            _,
            _,
            _,
            _,
            _,
            metadata,
            run,
            _,
        ] = fields;
        let workout = workout.unwrap_or_default();
        self.words.clear();
        // Of the metadata only one kind is the fold's; see `FoundState`.
        let metadata = metadata.filter(|text| own.is_some() && text.starts_with(FOUND));
        put_entry(
            &mut self.words,
            own.is_none(),
            [previous, new, source, model, run, metadata],
        );
        self.record.clear();
        put_row(
            &mut self.record,
            &mut self.entries,
            workout,
            &self.words,
            (place, history_id),
        );
        self.partitions.push(workout, &self.record)
    }

    fn fact(&mut self, archive_id: i64, encoded: &[u8]) -> io::Result<()> {
        let tree = self.snapshots.entry(archive_id).or_default();
        tree.push(leaf_hash(encoded));
        let (workout, state) = snapshot::decode(encoded).expect("the reader has encoded it");
        let Some(archive) = self.covering.place_of(archive_id) else {
            // A snapshot that no archive has: a killed attempt's.
            return Ok(());
        };
        self.words.clear();
        put_fact_words(&mut self.words, state.as_ref());
        self.record.clear();
        let workout = workout.as_bytes();
        put_fact(&mut self.record, &mut self.facts, workout, &self.words, archive);
        self.partitions.push(workout, &self.record)
    }

    fn state(&mut self, workout: &[u8], state: &[u8]) -> io::Result<()> {
        self.record.clear();
        put_state(&mut self.record, &mut self.states, workout, state);
        self.partitions.push(workout, &self.record)
    }

    /// The segment whose range of adopted rows holds a number: the last range that begins there or before it
    /// tells, as a range that begins later would have been made of rows that are not before it.
    fn adopted_by(&self, history_id: i64) -> Option<i64> {
        let after = self.ranges.partition_point(|range| range.first <= history_id);
        let range = self.ranges[..after].last()?;
        (range.last >= history_id).then_some(range.segment_id)
    }
}

/// How the metadata begins that says in what state a workout was found.
const FOUND: &[u8] = crate::audit::adopted::BEGINNING.as_bytes();

/// The segment that a row names.
fn own_segment(fields: &[Option<&[u8]>; FIELDS]) -> Option<i64> {
    let bytes: [u8; 8] = fields[FIELDS - 1]?.try_into().ok()?;
    Some(i64::from_le_bytes(bytes))
}
