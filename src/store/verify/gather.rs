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

use crate::audit::chain::Segment;
use crate::audit::encoding::{self, FIELDS};
use crate::audit::merkle::{Merkle, leaf_hash};

use super::partitions::{Partitions, Spill};
use super::read::Batch;
use super::record::{Known, put_entry, put_row, put_state};

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
    /// Adopted rows, ascending by their first.
    ranges: Vec<Adopted>,
    record: Vec<u8>,
    words: Vec<u8>,
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
    pub(super) fn new(segments: &[Segment], ranges: Vec<Adopted>, spill: Spill) -> Self {
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
            ranges,
            record: Vec::new(),
            words: Vec::new(),
        }
    }

    /// Takes everything in. `on_rows` is told how many history rows are through, now and then.
    ///
    /// # Errors
    /// [`Broken::Reading`] where the batches end before both their ends.
    pub(super) fn take_in(&mut self, batches: &Receiver<Batch>, mut on_rows: impl FnMut(u64)) -> Result<(), Broken> {
        let mut open = 2;
        while open > 0 {
            match batches.recv().map_err(|_| Broken::Reading)? {
                Batch::Rows { bytes, rows } => {
                    let mut start = 0;
                    for (history_id, end) in rows {
                        self.row(history_id, &bytes[start..end])?;
                        start = end;
                    }
                    on_rows(self.rows);
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

    fn row(&mut self, history_id: i64, encoded: &[u8]) -> io::Result<()> {
        let fields = encoding::fields(encoded).expect("the reader has encoded it");
        let own = own_segment(&fields);
        let place = own.or_else(|| self.adopted_by(history_id));
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
