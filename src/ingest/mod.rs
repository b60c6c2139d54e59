//! CSV exports of workouts: each row becomes a [`Workout`] or is [`Refused`] with a reason.
//!
//! Why: exports are years of history written by other people's software. They hold glued rows,
//! impossible numbers, six spellings of a date and bytes that are no text. None of that may stop an
//! import, and none of it may vanish.
//!
//! ```
//! use paceline::ingest::{self, Record};
//!
//! let file = "workout_id,workout_date,distance_mi\n77001,2025-10-07,4.2\n77002,soon,1\n";
//! let records: Vec<Record> = ingest::read(file.as_bytes())?.collect::<Result<_, _>>()?;
//! let [Record::Accepted(first), Record::Refused(second)] = &records[..] else { panic!("{records:?}") };
//! assert_eq!((first.line, first.workout.distance_mi), (2, Some(4.2)));
//! assert_eq!((second.line, second.raw.as_str()), (3, "77002,soon,1"));
//! # Ok::<(), ingest::IngestError>(())
//! ```
//!
//! Invariants: every row of the file that is not a blank line comes out exactly once, in the file's
//! order; memory does not grow with the file; no input panics; what is accepted fits the schema of
//! `workout_summary`. Ids are not checked for uniqueness: that is the store's knowledge.
//!
//! Must not know: databases, the file system, the clock, labels' meaning.

use std::fmt;
use std::io::Read;

use crate::time::WorkoutDate;

mod canonical;
mod dates;
mod error;
mod header;
mod layout;
mod mapmyrun;
mod numbers;
mod quotes;
mod rows;
mod window;

pub use error::IngestError;

use header::Header;
use layout::Layout;
use quotes::Quotes;
use rows::{Rows, Shape};
use window::MAX_ROW_BYTES;

/// How much is kept of a row that is too long to be read, in bytes.
const KEPT_OF_TOO_LONG: usize = 4096;

/// One workout, as far as the export knows it. Numbers are as they came, however impossible; they
/// are always finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Workout {
    /// Names the workout: 1 to 20 characters, no control characters, no white space around it.
    pub id: String,
    /// The wall-clock date, in whole seconds; midnight where the export gives only a day.
    pub date: WorkoutDate,
    /// The sport as the export has it, at most 50 characters.
    pub activity_type: Option<String>,
    /// Energy, in kilocalories.
    pub kcal_burned: Option<i64>,
    /// Distance, in miles.
    pub distance_mi: Option<f64>,
    /// Duration, in seconds.
    pub duration_sec: Option<f64>,
    /// Average pace, in minutes per mile.
    pub avg_pace: Option<f64>,
    /// Best pace, in minutes per mile.
    pub max_pace: Option<f64>,
    /// Steps.
    pub steps: Option<i64>,
    /// Where the vendor shows the workout, at most 100 characters.
    pub link: Option<String>,
}

/// A row that can be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The physical line the row begins on; the header is usually line 1.
    pub line: u64,
    /// What the row says.
    pub workout: Workout,
    /// The text in the file's `label` (or else `classification`) column, trimmed, if any.
    pub label: Option<String>,
    /// Numeric cells that held something other than a finite number; their values are `None`.
    pub unreadable_cells: u32,
}

/// A row that cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The physical line the row begins on; the header is usually line 1.
    pub line: u64,
    /// Why, in words for the file's owner.
    pub reason: String,
    /// The row as it stood in the file, without the line break at its end; bytes that are not UTF-8
    /// are replaced. Of a row that was too long to be read, the first 4,096 bytes.
    pub raw: String,
}

/// What became of one row.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// It can be stored.
    Accepted(Accepted),
    /// It cannot.
    Refused(Refused),
}

/// The known formats, recognised by the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// MapMyRun's workout history with distances in miles.
    MapMyRunMiles,
    /// MapMyRun's workout history with distances in kilometres; they are converted.
    MapMyRunKilometres,
    /// The columns of `workout_summary`.
    Canonical,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::MapMyRunMiles => "MapMyRun export (miles)",
            Self::MapMyRunKilometres => "MapMyRun export (kilometres)",
            Self::Canonical => "canonical",
        })
    }
}

/// Reads the header of an export and recognises its format.
///
/// Columns may come in any order, in any case, with any white space, with more or fewer optional ones.
/// Needed are `Workout Date` and `Link` (MapMyRun), or `workout_id` and `workout_date` (canonical).
/// The input need not be buffered.
///
/// # Errors
/// [`IngestError`]: an empty file, a header of no known format, a unit that cannot be converted, or
/// the stream's own error. A file with a header and nothing else is no error.
pub fn read<R: Read>(input: R) -> Result<Reader<R>, IngestError> {
    let failed = |source| IngestError::Io { line: 0, source };
    let mut rows = Rows::begin(input).map_err(failed)?.ok_or(IngestError::Utf16)?;
    match rows.advance().map_err(failed)? {
        None => Err(IngestError::Empty),
        Some(Shape::TooLong) => Err(IngestError::HeaderTooLong { limit: MAX_ROW_BYTES }),
        Some(Shape::Whole) => {
            let layout = recognise(&Header::new(rows.fields()))?;
            Ok(Reader {
                rows,
                layout,
                ended: false,
            })
        }
    }
}

/// The layout that finds most of its columns; an id of its own settles a tie.
fn recognise(header: &Header) -> Result<Layout, IngestError> {
    let canonical = canonical::layout(header);
    match (mapmyrun::layout(header), canonical) {
        (Some(Ok(export)), Some(own)) => Ok(if own.found() >= export.found() { own } else { export }),
        (_, Some(own)) => Ok(own),
        (Some(export), None) => export,
        (None, None) => Err(error::unknown_header(header)),
    }
}

/// The records of one file, in its order. Made by [`read`]; ends after the first error.
pub struct Reader<R: Read> {
    rows: Rows<R>,
    layout: Layout,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// The format that the header showed.
    pub fn format(&self) -> Format {
        self.layout.format
    }

    /// The parts of a [`Workout`] that this file has no column for, by their names in
    /// `workout_summary`. They are `None` in every row.
    pub fn absent(&self) -> Vec<&'static str> {
        self.layout.absent()
    }

    /// Bytes of the input up to the end of the last record, for progress bars.
    pub fn bytes_read(&self) -> u64 {
        self.rows.bytes()
    }

    fn record(&mut self) -> Result<Option<Record>, IngestError> {
        let line = self.rows.line();
        let failed = |source| IngestError::Io { line, source };
        match self.rows.advance().map_err(failed)? {
            None => Ok(None),
            Some(Shape::TooLong) => self.too_long().map(Some).map_err(failed),
            Some(Shape::Whole) => self.whole().map(Some).map_err(failed),
        }
    }

    fn whole(&mut self) -> std::io::Result<Record> {
        let quotes = if self.rows.may_be_torn() {
            quotes::scan(self.rows.raw())
        } else {
            Quotes::Sound
        };
        if quotes != Quotes::Sound
            && let Some(refused) = self.cut()?
        {
            return Ok(refused);
        }
        if quotes == Quotes::Open {
            let reason = "a quote that opens in this row is never closed; the file may have been cut off";
            return Ok(self.refused(reason.to_owned()));
        }
        Ok(match self.layout.row(self.rows.fields()) {
            Ok(good) => Record::Accepted(Accepted {
                line: self.rows.line(),
                workout: good.workout,
                label: good.label,
                unreadable_cells: good.unreadable_cells,
            }),
            Err(reason) => self.refused(reason),
        })
    }

    /// Cuts the row where good rows are glued to it, and refuses what stands before them.
    fn cut(&mut self) -> std::io::Result<Option<Record>> {
        let layout = &self.layout;
        let Some(at) = quotes::cut(self.rows.raw(), layout.columns, |fields| layout.row(fields).is_ok()) else {
            return Ok(None);
        };
        self.rows.cut(at)?;
        let reason = "a quote in this row is not closed where its cell ends, so it ran into the rows after it";
        Ok(Some(self.refused(reason.to_owned())))
    }

    fn too_long(&mut self) -> std::io::Result<Record> {
        if quotes::scan(self.rows.raw()) == Quotes::Open
            && let Some(refused) = self.cut()?
        {
            return Ok(refused);
        }
        let line = self.rows.line();
        let (kept, bytes) = self.rows.skip_line(KEPT_OF_TOO_LONG)?;
        let reason = format!(
            "the row has {bytes} bytes and at most {MAX_ROW_BYTES} can be read; \
             only its first {} are kept here; a quote may not be closed in it",
            kept.len()
        );
        Ok(Record::Refused(Refused {
            line,
            reason,
            raw: String::from_utf8_lossy(&kept).into_owned(),
        }))
    }

    fn refused(&self, reason: String) -> Record {
        Record::Refused(Refused {
            line: self.rows.line(),
            reason,
            raw: String::from_utf8_lossy(self.rows.raw()).into_owned(),
        })
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Record, IngestError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.record().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<R: Read> std::iter::FusedIterator for Reader<R> {}

impl<R: Read> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("format", &self.layout.format)
            .field("line", &self.rows.line())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
