//! An import: a CSV export becomes rows of `workout_summary`, batch by batch.
//!
//! Why: an export is read once, in a stream, whatever its size; each batch is one transaction, so an
//! import that is cut off keeps what it has and continues when it is given again.
//!
//! Invariants: rows read = new + changed + unchanged + quarantined; nothing is deleted, and what is stored
//! already is not written again; a workout that stands twice in a file ends as its last row says, and each of
//! its rows counts as what it was to the row before it; at most two batches are in memory, the one that is
//! written and the one that is read meanwhile; a wish to stop is obeyed between two batches.
//!
//! Must not know: CSV dialects (`ingest`), where the bytes come from, or where a batch ends (`batch`).

mod batch;

use std::io::Read;
use std::sync::Arc;

use serde::Serialize;
use tracing::{Instrument, info_span};

use crate::db::error::DbError;
use crate::ingest::{Reader, Workout, read};
use crate::store::privileges;
use crate::store::quarantine::Stamp;
use crate::store::standings::{Lookup, Standing};
use crate::store::{Store, StoreError};

use batch::{Ahead, Batch};

use super::labels::{ImportedLabel, record_labels};
use super::{Ambient, Kind, RETRIES, RunError, retrying};

/// What an import is told beside the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// Records the file's own labels in the history as `csv_import`.
    pub record_labels: bool,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// The file.
    pub file: String,
    /// The format it was read as.
    pub format: String,
    /// Rows read.
    pub read: u64,
    /// Workouts that were not there before.
    pub new: u64,
    /// Workouts whose row differs from the stored one.
    pub changed: u64,
    /// Workouts that are stored just so.
    pub unchanged: u64,
    /// Rows that cannot be stored; they are kept in `quarantined_rows`.
    pub quarantined: u64,
    /// Cells that should hold a number and do not; they are stored as NULL.
    pub unreadable_cells: u64,
    /// Labels of the file that became classifications.
    pub labels_recorded: u64,
    /// Labels of the file that were left out: unknown words, or workouts with a verdict already.
    pub labels_left: u64,
}

/// A file whose header has been read: it is an export of a known format.
#[derive(Debug)]
pub struct ImportSource<R: Read> {
    file: String,
    reader: Reader<R>,
}

impl<R: Read> ImportSource<R> {
    /// Reads the header; `file` is the file's name for reports and quarantine.
    ///
    /// # Errors
    /// [`RunError`] of kind data for a file that is empty, cannot be read or is no known export.
    pub fn open(file: &str, input: R) -> Result<Self, RunError> {
        let hint = "nothing was imported; name a CSV export with a header, such as data/workouts_sample.csv";
        let reader = read(input);
        let reader = reader.map_err(|e| RunError::new("import", Kind::Data, format!("{file}: {e}"), hint))?;
        Ok(Self {
            file: file.to_owned(),
            reader,
        })
    }
}

/// Imports one file: reads a batch while the one before it is written.
///
/// # Errors
/// [`RunError`] for a file that cannot be read to its end, a store that refuses it, or a wish to stop. What was
/// committed before stays.
pub async fn import<R: Read + Send + 'static>(
    store: &Store,
    source: ImportSource<R>,
    options: ImportOptions,
    ambient: &Ambient,
) -> Result<ImportReport, RunError> {
    let labels = if options.record_labels {
        &privileges::VERDICTS[..]
    } else {
        &[]
    };
    for needs in [&privileges::IMPORT[..], labels] {
        retrying(RETRIES, || async {
            store.require(needs).await.map_err(|e| RunError::store("import", e))
        })
        .await?;
    }
    let span = tracing::error_span!("import", file = source.file);
    read_and_write(store, source, options, ambient).instrument(span).await
}

async fn read_and_write<R: Read + Send + 'static>(
    store: &Store,
    source: ImportSource<R>,
    options: ImportOptions,
    ambient: &Ambient,
) -> Result<ImportReport, RunError> {
    let ImportSource { file, reader } = source;
    let file: Arc<str> = file.into();
    let mut report = ImportReport {
        file: file.to_string(),
        format: reader.format().to_string(),
        ..ImportReport::default()
    };
    let mut lookup = Lookup::default();
    let mut ahead = Ahead::begin(reader, &file);
    ambient.progress.begin("importing", None);
    while let Some(batch) = ahead.next().await? {
        let done = || format!("{} rows of {file} are imported", report.read);
        ambient.stop.check("import", done)?;
        let written = retrying(RETRIES, || write_batch(store, &batch, lookup.clone(), ambient));
        let (counts, now) = written.instrument(info_span!("store")).await?;
        lookup = now;
        report.add(&batch, counts);
        if options.record_labels {
            let labels: Vec<ImportedLabel<'_>> = batch.latest().filter_map(ImportedLabel::of).collect();
            let recorded = record_labels(store, &file, &labels, ambient).await?;
            report.labels_recorded += recorded;
            report.labels_left += labels.len() as u64 - recorded;
        }
        ambient.reached("after_import_batch");
        ambient.progress.at(report.read);
    }
    ambient.progress.end();
    Ok(report)
}

impl ImportReport {
    fn add(&mut self, batch: &Batch, counts: Counts) {
        self.read += batch.read();
        self.new += counts.new;
        self.changed += counts.changed;
        self.unchanged += counts.unchanged;
        self.quarantined += batch.refused.len() as u64;
        self.unreadable_cells += batch.unreadable_cells();
    }
}

/// The workouts of a batch by what they were to the store.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    new: u64,
    changed: u64,
    unchanged: u64,
}

impl Counts {
    fn count(&mut self, standing: Standing) {
        match standing {
            Standing::New => self.new += 1,
            Standing::Same => self.unchanged += 1,
            Standing::Different => self.changed += 1,
        }
    }
}

/// True where another import has stored one of these workouts since they were looked up. Else a duplicate is
/// the table's: its collation takes two ids for one.
async fn came_first(store: &Store, new: &[&Workout]) -> Result<bool, RunError> {
    let standings = store.standings(new, &mut Lookup::default()).await;
    let standings = standings.map_err(|e| RunError::store("import", e))?;
    Ok(standings.iter().any(|standing| *standing != Standing::New))
}

/// What a batch was to the store, after writing it, and the way it was looked up.
async fn write_batch(
    store: &Store,
    batch: &Batch,
    mut lookup: Lookup,
    ambient: &Ambient,
) -> Result<(Counts, Lookup), RunError> {
    let fail = |e| RunError::store("import", e);
    let first: Vec<&Workout> = batch.versions().map(|rows| rows.first()).collect();
    let standings = store.standings(&first, &mut lookup).await.map_err(fail)?;
    let (mut new, mut changed) = (Vec::new(), Vec::new());
    let mut counts = Counts::default();
    for (rows, standing) in batch.versions().zip(standings) {
        counts.count(standing);
        let mut same = standing == Standing::Same;
        for (earlier, later) in rows.steps() {
            let step = if earlier == later {
                Standing::Same
            } else {
                Standing::Different
            };
            counts.count(step);
            same &= step == Standing::Same;
        }
        match standing {
            Standing::New => new.push(rows.last()),
            _ if same => {}
            _ => changed.push(rows.last()),
        }
    }
    let stamp = Stamp {
        run_id: None,
        now: ambient.now(),
    };
    match store.write_workouts(&new, &changed, &batch.refused, stamp).await {
        Err(StoreError::Db(DbError::Duplicate { statement, .. })) if came_first(store, &new).await? => {
            let (expected, found) = (new.len() as u64, 0);
            let conflict = DbError::Conflict {
                statement,
                expected,
                found,
            };
            Err(fail(conflict.into()))
        }
        written => written.map(|()| (counts, lookup)).map_err(fail),
    }
}
