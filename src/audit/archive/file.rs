//! The file of an archive: history rows as Parquet, with what proves them.
//!
//! Why: a format that every tool for data reads, so that the rows can be looked at without Paceline.
//!
//! # Layout, `paceline archive 1`
//!
//! Rows are in the order of sealing: by `sealed_by`, within one segment by `history_id`. Columns, in this order:
//!
//! | column | type | value |
//! |---|---|---|
//! | `history_id` | INT64 | the row's number in the store |
//! | `workout_id` .. `run_id` | UTF-8, nulls as stored | the columns of `workout_classification_history` in its order |
//! | `classification_confidence` | DOUBLE, may be null | among them, bit for bit |
//! | `changed_at` | TIMESTAMP(MICROS), UTC | among them |
//! | `features_used`, `metadata` | UTF-8, may be null | among them: the JSON text as stored |
//! | `segment_id` | INT64, may be null | as stored: null in a row that others wrote |
//! | `sealed_by` | INT64 | the segment that seals the row: its own, or the one that adopted it |
//! | `leaf` | BYTE_ARRAY, 32 | its leaf hash (see `encoding`) |
//!
//! Row groups have at most [`BATCH`] rows. The file's key-value metadata has under [`KEY`] a JSON text: `format`, `rows`,
//! and `segments` with what the chain has of each: `segment_id`, `row_count`, `merkle_root`, `prev_head`, `head`,
//! `encoding_version`. So the file proves its rows to whoever has a head to compare with. Pages are compressed by
//! zstd.
//!
//! Invariants: a row that is written reads back the same field by field; a file is read a row group at a time. Only
//! bytes that are known by their hash are read: the library believes what a page says of its size, and one flipped
//! bit can ask for all the memory there is.
//!
//! Must not know: folders, stores; whether the rows are those that were sealed (`check` does).

mod header;
mod remembering;

use std::io::{Cursor, Write};

use polars::prelude::*;

use crate::audit::Hash;
use crate::audit::chain::Segment;
use crate::audit::encoding::HistoryRowRef;
use crate::time::Timestamp;

use remembering::{Remembering, Told};

/// The `format` of the files that this program writes and reads.
pub const FORMAT: &str = "paceline archive 1";
/// Where the file's metadata says what it is.
pub const KEY: &str = "paceline.archive";
/// The most rows of a row group: what is in memory at a time, of who writes and of who reads.
pub const BATCH: usize = 16_384;

const HISTORY_ID: &str = "history_id";
const CONFIDENCE: &str = "classification_confidence";
const CHANGED_AT: &str = "changed_at";
const SEGMENT_ID: &str = "segment_id";
const SEALED_BY: &str = "sealed_by";
const LEAF: &str = "leaf";
/// The columns of text, in the order of the table.
const TEXTS: [&str; 12] = [
    "workout_id",
    "previous_classification",
    "new_classification",
    "classification_source",
    "classification_method",
    "model_id",
    "model_version",
    "changed_by",
    "reason",
    "features_used",
    "metadata",
    "run_id",
];

/// Why a file cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be written.
    #[error("the rows cannot be written as Parquet: {0}")]
    Write(String),
    /// It is no Parquet file, or a damaged one.
    #[error("it cannot be read as Parquet: {0}")]
    Garbled(String),
    /// It is a Parquet file and no archive of this version.
    #[error("it is no archive: {0}")]
    Format(String),
}

/// A row of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filed<'a> {
    /// Its number in the store.
    pub history_id: i64,
    /// The row.
    pub row: HistoryRowRef<'a>,
    /// The segment that seals it.
    pub sealed_by: i64,
    /// Its leaf hash, as the file has it.
    pub leaf: Hash,
}

fn schema() -> Schema {
    let date = DataType::Datetime(TimeUnit::Microseconds, None);
    let kind = |name: &str| match name {
        HISTORY_ID | SEGMENT_ID | SEALED_BY => DataType::Int64,
        CONFIDENCE => DataType::Float64,
        CHANGED_AT => date.clone(),
        LEAF => DataType::Binary,
        _ => DataType::String,
    };
    let (source, by) = (4, 8);
    let names = std::iter::once(HISTORY_ID)
        .chain(TEXTS[..source].iter().copied())
        .chain([CONFIDENCE])
        .chain(TEXTS[source..by].iter().copied())
        .chain([CHANGED_AT])
        .chain(TEXTS[by..].iter().copied())
        .chain([SEGMENT_ID, SEALED_BY, LEAF]);
    Schema::from_iter(names.map(|name| Field::new(name.into(), kind(name))))
}

/// The rows of the next row group.
struct Columns {
    ids: Vec<i64>,
    texts: [StringChunkedBuilder; TEXTS.len()],
    confidence: Vec<Option<f64>>,
    changed_at: Vec<i64>,
    segment_id: Vec<Option<i64>>,
    sealed_by: Vec<i64>,
    leaves: BinaryChunkedBuilder,
}

impl Columns {
    fn new() -> Self {
        Self {
            ids: Vec::new(),
            texts: TEXTS.map(|name| StringChunkedBuilder::new(name.into(), 0)),
            confidence: Vec::new(),
            changed_at: Vec::new(),
            segment_id: Vec::new(),
            sealed_by: Vec::new(),
            leaves: BinaryChunkedBuilder::new(LEAF.into(), 0),
        }
    }

    fn push(&mut self, filed: &Filed<'_>) {
        let row = &filed.row;
        let texts = [
            Some(row.workout_id),
            row.previous_classification,
            Some(row.new_classification),
            Some(row.classification_source),
            row.classification_method,
            row.model_id,
            row.model_version,
            Some(row.changed_by),
            row.reason,
            row.features_used,
            row.metadata,
            row.run_id,
        ];
        for (column, text) in self.texts.iter_mut().zip(texts) {
            column.append_option(text);
        }
        self.ids.push(filed.history_id);
        self.confidence.push(row.classification_confidence);
        self.changed_at.push(row.changed_at.micros());
        self.segment_id.push(row.segment_id);
        self.sealed_by.push(filed.sealed_by);
        self.leaves.append_value(filed.leaf.as_bytes().as_slice());
    }

    fn frame(self) -> PolarsResult<DataFrame> {
        let height = self.ids.len();
        let texts = self.texts.map(|column| column.finish().into_column());
        let [
            workout,
            previous,
            new,
            source,
            method,
            model,
            version,
            by,
            reason,
            features,
            metadata,
            run,
        ] = texts;
        let confidence = Float64Chunked::from_iter_options(CONFIDENCE.into(), self.confidence.into_iter());
        let changed_at = Int64Chunked::from_vec(CHANGED_AT.into(), self.changed_at);
        let segment_id = Int64Chunked::from_iter_options(SEGMENT_ID.into(), self.segment_id.into_iter());
        let columns = vec![
            Int64Chunked::from_vec(HISTORY_ID.into(), self.ids).into_column(),
            workout,
            previous,
            new,
            source,
            confidence.into_column(),
            method,
            model,
            version,
            by,
            changed_at.into_datetime(TimeUnit::Microseconds, None).into_column(),
            reason,
            features,
            metadata,
            run,
            segment_id.into_column(),
            Int64Chunked::from_vec(SEALED_BY.into(), self.sealed_by).into_column(),
            self.leaves.finish().into_column(),
        ];
        DataFrame::new(height, columns)
    }
}

/// Writes a file, row by row.
pub struct Writer<W: Write> {
    writer: BatchedWriter<Remembering<W>>,
    columns: Columns,
    told: Told,
}

impl<W: Write> Writer<W> {
    /// Begins the file of `segments`, whole and in order.
    ///
    /// # Errors
    /// [`FileError::Write`].
    pub fn new(out: W, segments: &[Segment]) -> Result<Self, FileError> {
        let metadata = KeyValueMetadata::from_static(vec![(KEY.to_owned(), header::text(segments)?)]);
        let told = Told::default();
        let writer = ParquetWriter::new(Remembering::new(out, &told))
            .with_compression(ParquetCompression::Zstd(None))
            .with_key_value_metadata(Some(metadata))
            .batched(&schema())
            .map_err(|error| FileError::Write(told.or(error)))?;
        Ok(Self {
            writer,
            columns: Columns::new(),
            told,
        })
    }

    /// Adds a row, in the order of sealing.
    ///
    /// # Errors
    /// [`FileError::Write`].
    pub fn push(&mut self, filed: &Filed<'_>) -> Result<(), FileError> {
        self.columns.push(filed);
        if self.columns.ids.len() == BATCH {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), FileError> {
        let columns = std::mem::replace(&mut self.columns, Columns::new());
        if columns.ids.is_empty() {
            return Ok(());
        }
        let written = columns.frame().and_then(|frame| self.writer.write_batch(&frame));
        written.map_err(|error| FileError::Write(self.told.or(error)))
    }

    /// Writes what is left and the end of the file; returns its length and its SHA-256.
    ///
    /// # Errors
    /// [`FileError::Write`].
    pub fn finish(mut self) -> Result<(u64, Hash), FileError> {
        self.flush()?;
        let finished = self.writer.finish();
        finished.map_err(|error| FileError::Write(self.told.or(error)))?;
        Ok(self.told.written())
    }
}

/// A file, opened.
pub struct File {
    bytes: Vec<u8>,
    segments: Vec<Segment>,
    rows: usize,
}

fn garbled(error: impl ToString) -> FileError {
    FileError::Garbled(error.to_string())
}

impl File {
    /// Opens a file and reads what it says of itself. The bytes must be those that were written, which their hash tells.
    ///
    /// # Errors
    /// [`FileError::Garbled`], [`FileError::Format`].
    pub fn open(bytes: Vec<u8>) -> Result<Self, FileError> {
        let mut reader = ParquetReader::new(Cursor::new(bytes.as_slice()));
        let metadata = reader.get_metadata().map_err(garbled)?;
        let rows = metadata.num_rows;
        let mut said = metadata.key_value_metadata().iter().flatten();
        let said = said.find(|pair| pair.key == KEY).and_then(|pair| pair.value.clone());
        let said = said.ok_or_else(|| FileError::Format(format!("its metadata has no '{KEY}'")))?;
        let segments = header::read(&said, rows as u64)?;
        Ok(Self { bytes, segments, rows })
    }

    /// The segments that it says it holds, in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Its rows.
    pub fn rows(&self) -> u64 {
        self.rows as u64
    }

    /// Calls `each` for every row in order, decoding a row group at a time.
    ///
    /// # Errors
    /// [`FileError::Garbled`], [`FileError::Format`]; the first of `each`, which ends the reading.
    pub fn each<E: From<FileError>>(&self, mut each: impl FnMut(Filed<'_>) -> Result<(), E>) -> Result<(), E> {
        for offset in (0..self.rows).step_by(BATCH) {
            self.part(offset as u64, BATCH, &mut each)?;
        }
        Ok(())
    }

    /// [`File::each`] of at most `most` rows from row `offset` (from 0) on.
    ///
    /// # Errors
    /// As [`File::each`].
    pub fn part<E: From<FileError>>(
        &self,
        offset: u64,
        most: usize,
        mut each: impl FnMut(Filed<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let offset = usize::try_from(offset).map_or(self.rows, |offset| offset.min(self.rows));
        let frame = self.batch(offset, most.min(self.rows - offset))?;
        if **frame.schema() != schema() {
            return Err(FileError::Format("its columns are others".to_owned()).into());
        }
        let rows = Rows::of(&frame).map_err(garbled)?;
        for at in 0..frame.height() {
            each(rows.get(at)?)?;
        }
        Ok(())
    }

    fn batch(&self, offset: usize, wanted: usize) -> Result<DataFrame, FileError> {
        let reader = ParquetReader::new(Cursor::new(self.bytes.as_slice()))
            .read_parallel(ParallelStrategy::None)
            .with_slice(Some((offset, wanted)))
            .set_rechunk(true);
        let frame = reader.finish().map_err(garbled)?;
        if frame.height() != wanted {
            return Err(garbled(format!("{} rows where {wanted} belong", frame.height())));
        }
        Ok(frame)
    }
}

/// The columns of a row group.
struct Rows<'a> {
    ids: &'a Int64Chunked,
    texts: [&'a StringChunked; TEXTS.len()],
    confidence: &'a Float64Chunked,
    changed_at: &'a Int64Chunked,
    segment_id: &'a Int64Chunked,
    sealed_by: &'a Int64Chunked,
    leaves: &'a BinaryChunked,
}

impl<'a> Rows<'a> {
    fn of(frame: &'a DataFrame) -> PolarsResult<Self> {
        let mut texts = Vec::with_capacity(TEXTS.len());
        for name in TEXTS {
            texts.push(frame.column(name)?.str()?);
        }
        Ok(Self {
            ids: frame.column(HISTORY_ID)?.i64()?,
            texts: texts.try_into().expect("as many as there are names"),
            confidence: frame.column(CONFIDENCE)?.f64()?,
            changed_at: frame.column(CHANGED_AT)?.datetime()?.physical(),
            segment_id: frame.column(SEGMENT_ID)?.i64()?,
            sealed_by: frame.column(SEALED_BY)?.i64()?,
            leaves: frame.column(LEAF)?.binary()?,
        })
    }

    fn get(&self, at: usize) -> Result<Filed<'a>, FileError> {
        fn present<T>(value: Option<T>, name: &str) -> Result<T, FileError> {
            value.ok_or_else(|| FileError::Format(format!("a row has no {name}")))
        }
        let text = |column: usize| self.texts[column].get(at);
        let leaf: Option<[u8; 32]> = self.leaves.get(at).and_then(|bytes| bytes.try_into().ok());
        Ok(Filed {
            history_id: present(self.ids.get(at), HISTORY_ID)?,
            row: HistoryRowRef {
                workout_id: present(text(0), TEXTS[0])?,
                previous_classification: text(1),
                new_classification: present(text(2), TEXTS[2])?,
                classification_source: present(text(3), TEXTS[3])?,
                classification_confidence: self.confidence.get(at),
                classification_method: text(4),
                model_id: text(5),
                model_version: text(6),
                changed_by: present(text(7), TEXTS[7])?,
                changed_at: Timestamp::from_micros(present(self.changed_at.get(at), CHANGED_AT)?),
                reason: text(8),
                features_used: text(9),
                metadata: text(10),
                run_id: text(11),
                segment_id: self.segment_id.get(at),
            },
            sealed_by: present(self.sealed_by.get(at), SEALED_BY)?,
            leaf: Hash(present(leaf, LEAF)?),
        })
    }
}

#[cfg(test)]
mod tests;
