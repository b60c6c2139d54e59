//! The batches of an import: rows of a file, as many as one transaction writes, read ahead by one.
//!
//! Why: a transaction costs a flush of the disk however few rows it has, and reading a file is work for another
//! core than writing it. Both want large batches; memory wants small ones.
//!
//! Invariants: the rows come in the file's order and each in exactly one batch; a batch holds at most
//! [`BATCH_ROWS`] rows and ends after [`BATCH_BYTES`] of the file; one batch is read ahead and no more.
//!
//! Must not know: the store.

use std::io::Read;
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::ingest::{Accepted, IngestError, Reader, Record, Workout};
use crate::store::quarantine::Quarantined;

use super::super::{Kind, RunError, spans};

/// Rows per transaction. A flush of the disk takes as long as writing a few thousand rows; ten times as many
/// leave little of it, and twenty megabytes of memory are enough for them.
pub(super) const BATCH_ROWS: usize = 20_000;
/// Bytes of the file after which a batch ends: rows can be a megabyte long, refused ones are kept whole.
const BATCH_BYTES: u64 = 16 << 20;

/// Rows of a file.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Those that can be stored, as they stand in the file.
    accepted: Vec<Accepted>,
    /// Places in `accepted`, ascending by id; of one id, in the file's order.
    order: Vec<u32>,
    /// Those that cannot.
    pub refused: Vec<Quarantined>,
}

/// The rows of one workout in a batch, in the file's order: one, or more where it stands there again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Versions<'b> {
    accepted: &'b [Accepted],
    /// Never empty.
    places: &'b [u32],
}

impl<'b> Versions<'b> {
    fn at(self, version: usize) -> &'b Accepted {
        &self.accepted[self.places[version] as usize]
    }

    /// What the first row says.
    pub fn first(self) -> &'b Workout {
        &self.at(0).workout
    }

    /// What the last row says: it stands.
    pub fn last(self) -> &'b Workout {
        &self.at(self.places.len() - 1).workout
    }

    /// Each row but the first, with the one before it.
    pub fn steps(self) -> impl Iterator<Item = (&'b Workout, &'b Workout)> {
        (1..self.places.len()).map(move |later| (&self.at(later - 1).workout, &self.at(later).workout))
    }
}

impl Batch {
    /// The workouts of the batch, ascending by id, each with its rows.
    pub fn versions(&self) -> impl Iterator<Item = Versions<'_>> {
        let id = |place: &u32| self.accepted[*place as usize].workout.id.as_str();
        self.order.chunk_by(move |a, b| id(a) == id(b)).map(|places| Versions {
            accepted: &self.accepted,
            places,
        })
    }

    /// The row that stands of each workout, ascending by id.
    pub fn latest(&self) -> impl Iterator<Item = &Accepted> {
        self.versions().map(|rows| rows.at(rows.places.len() - 1))
    }

    /// Rows of the file.
    pub fn read(&self) -> u64 {
        (self.accepted.len() + self.refused.len()) as u64
    }

    /// Cells that should hold a number and do not.
    pub fn unreadable_cells(&self) -> u64 {
        self.accepted.iter().map(|row| u64::from(row.unreadable_cells)).sum()
    }

    fn is_empty(&self) -> bool {
        self.accepted.is_empty() && self.refused.is_empty()
    }

    /// The next rows of `reader`; empty at its end.
    fn read_from<R: Read>(reader: &mut Reader<R>, file: &str) -> Result<Self, RunError> {
        let mut batch = Self::default();
        let until = reader.bytes_read() + BATCH_BYTES;
        while batch.accepted.len() + batch.refused.len() < BATCH_ROWS && reader.bytes_read() < until {
            let Some(record) = reader.next() else { break };
            match record.map_err(|e| ingest_error(file, e))? {
                Record::Accepted(accepted) => batch.accepted.push(accepted),
                Record::Refused(refused) => batch.refused.push(Quarantined {
                    source: file.to_owned(),
                    line: Some(refused.line),
                    reason: refused.reason,
                    raw: refused.raw,
                }),
            }
        }
        batch.order = (0..batch.accepted.len() as u32).collect();
        // Stable: the rows of one workout stay in the file's order. Exports are sorted one way or the other,
        // which costs this sort next to nothing.
        let id = |place: &u32| batch.accepted[*place as usize].workout.id.as_str();
        batch.order.sort_by(|a, b| id(a).cmp(id(b)));
        Ok(batch)
    }
}

fn ingest_error(file: &str, error: IngestError) -> RunError {
    RunError::new(
        "import",
        Kind::Data,
        format!("{file}: {error}"),
        "what was imported before stays; correct the file and import it again",
    )
}

type Reading<R> = JoinHandle<(Reader<R>, Result<Batch, RunError>)>;

/// The batches of a file; while one is in the caller's hands, the next is read.
pub(super) struct Ahead<R: Read> {
    file: Arc<str>,
    /// None after the last batch and after an error.
    reading: Option<Reading<R>>,
}

impl<R: Read + Send + 'static> Ahead<R> {
    /// Begins to read the first batch. `file` is its name.
    pub fn begin(reader: Reader<R>, file: &Arc<str>) -> Self {
        let file = Arc::clone(file);
        let reading = Some(read_on(reader, Arc::clone(&file)));
        Self { file, reading }
    }

    /// The next batch; None after the last.
    ///
    /// # Errors
    /// [`RunError`] of kind data for a file that cannot be read on.
    ///
    /// # Panics
    /// Where reading panicked: a panic is a bug here as it is anywhere.
    pub async fn next(&mut self) -> Result<Option<Batch>, RunError> {
        let Some(reading) = self.reading.take() else {
            return Ok(None);
        };
        let (reader, batch) = match reading.await {
            Ok(read) => read,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let batch = batch?;
        if batch.is_empty() {
            return Ok(None);
        }
        self.reading = Some(read_on(reader, Arc::clone(&self.file)));
        Ok(Some(batch))
    }
}

fn read_on<R: Read + Send + 'static>(mut reader: Reader<R>, file: Arc<str>) -> Reading<R> {
    let read = move || {
        let batch = tracing::info_span!("read").in_scope(|| Batch::read_from(&mut reader, &file));
        (reader, batch)
    };
    tokio::task::spawn_blocking(spans::carried(read))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::read;

    const HEAD: &str = "workout_id,workout_date,distance_mi\n";

    fn batch(rows: &str) -> Batch {
        let text = format!("{HEAD}{rows}");
        Batch::read_from(&mut read(text.as_bytes()).expect("a header"), "f.csv").expect("a batch")
    }

    #[test]
    fn the_rows_of_one_workout_are_together_and_in_the_files_order() {
        let batch = batch("7,2024-01-01,1\n3,2024-01-01,2\n7,soon,5\n7,2024-01-01,3\n3,2024-01-01,x\n7,2024-01-01,4\n");
        assert_eq!((batch.read(), batch.refused.len(), batch.unreadable_cells()), (6, 1, 1));
        let miles = |w: &Workout| (w.id.clone(), w.distance_mi);
        let ends: Vec<_> = batch
            .versions()
            .map(|v| (miles(v.first()), miles(v.last()), v.steps().count()))
            .collect();
        let (three, seven) = ("3".to_owned(), "7".to_owned());
        assert_eq!(
            ends,
            [
                ((three.clone(), Some(2.0)), (three, None), 1),
                ((seven.clone(), Some(1.0)), (seven, Some(4.0)), 2)
            ]
        );
        let lines: Vec<u64> = batch.latest().map(|row| row.line).collect();
        assert_eq!(lines, [6, 7]);
    }

    #[tokio::test]
    async fn batches_are_bounded_in_rows_and_bytes_and_nothing_is_lost_between_them() {
        let mut text = HEAD.to_owned();
        for n in 0..2 * BATCH_ROWS + 5 {
            text.push_str(&format!("{n},2024-01-01,1\n"));
        }
        // Refused rows of half a megabyte each: they are kept whole, so bytes bound them.
        let long = "y".repeat(512 << 10);
        for _ in 0..40 {
            text.push_str(&format!("{long},2024-01-01,1\n"));
        }
        let reader = read(std::io::Cursor::new(text.into_bytes())).expect("a header");
        let mut ahead = Ahead::begin(reader, &"f.csv".into());
        let (mut sizes, mut lines) = (Vec::new(), Vec::new());
        while let Some(batch) = ahead.next().await.expect("a batch") {
            let bytes: usize = batch.refused.iter().map(|row| row.raw.len()).sum();
            assert!(bytes as u64 <= BATCH_BYTES + (1 << 20), "{bytes}");
            sizes.push((batch.accepted.len(), batch.refused.len()));
            lines.extend(batch.accepted.iter().map(|row| row.line));
            lines.extend(batch.refused.iter().filter_map(|row| row.line));
        }
        assert_eq!(sizes, [(BATCH_ROWS, 0), (BATCH_ROWS, 0), (5, 32), (0, 8)]);
        assert!(
            lines.iter().copied().eq(2..2 + 2 * BATCH_ROWS as u64 + 45),
            "every row once, in order"
        );
        assert!(ahead.next().await.expect("the end").is_none());
    }
}
