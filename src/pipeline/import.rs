//! An import: a CSV export becomes rows of `workout_summary`, batch by batch.
//!
//! Why: an export is read once, in a stream, whatever its size; each batch is one transaction, so an
//! import that is cut off keeps what it has and continues when it is given again.
//!
//! Invariants: rows read = new + changed + unchanged + quarantined; nothing is deleted; a workout
//! that stands twice in a file ends as its last row says.
//!
//! Must not know: CSV dialects (`ingest`), or where the bytes come from.

use std::collections::HashSet;
use std::io::Read;

use serde::Serialize;

use crate::db::error::DbError;
use crate::ingest::{Accepted, IngestError, Reader, Record, Workout, read};
use crate::store::privileges;
use crate::store::quarantine::{Quarantined, Stamp};
use crate::store::{Store, StoreError};

use super::labels::{ImportedLabel, record_labels};
use super::{Ambient, Kind, RETRIES, RunError, retrying};

/// Rows per transaction: large enough that the round trip does not matter, small enough that a
/// batch of the longest possible rows stays far below `max_allowed_packet`.
const BATCH_ROWS: usize = 2_000;

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

#[derive(Default)]
struct Pending {
    accepted: Vec<Accepted>,
    ids: HashSet<String>,
    refused: Vec<Quarantined>,
}

impl Pending {
    fn is_full(&self) -> bool {
        self.accepted.len() + self.refused.len() >= BATCH_ROWS
    }
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

/// Imports one file.
///
/// # Errors
/// [`RunError`] for a file that cannot be read to its end, or a store that refuses it. What was
/// committed before stays.
pub async fn import<R: Read + Send>(
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
    let ImportSource { file, mut reader } = source;
    let file = file.as_str();
    let mut report = ImportReport {
        file: file.to_owned(),
        format: reader.format().to_string(),
        ..ImportReport::default()
    };
    ambient.progress.begin("importing", None);
    while let Some(pending) = next_batch(&mut reader, file, &mut report)? {
        let counts = retrying(RETRIES, || write_batch(store, &pending, ambient)).await?;
        report.new += counts.0;
        report.changed += counts.1;
        report.unchanged += counts.2;
        if options.record_labels {
            let labels: Vec<ImportedLabel<'_>> = pending.accepted.iter().filter_map(ImportedLabel::of).collect();
            let recorded = record_labels(store, file, &labels, ambient).await?;
            report.labels_recorded += recorded;
            report.labels_left += labels.len() as u64 - recorded;
        }
        ambient.reached("after_import_batch");
        ambient.progress.at(report.read);
    }
    ambient.progress.end();
    Ok(report)
}

fn ingest_error(file: &str, error: IngestError) -> RunError {
    RunError::new(
        "import",
        Kind::Data,
        format!("{file}: {error}"),
        "what was imported before stays; correct the file and import it again",
    )
}

/// The next rows, up to a full batch or up to an id that the batch holds already; None at the end.
fn next_batch<R: Read>(
    reader: &mut Reader<R>,
    file: &str,
    report: &mut ImportReport,
) -> Result<Option<Pending>, RunError> {
    let mut pending = Pending::default();
    while !pending.is_full() {
        let Some(record) = reader.next() else { break };
        report.read += 1;
        match record.map_err(|e| ingest_error(file, e))? {
            Record::Accepted(accepted) => {
                report.unreadable_cells += u64::from(accepted.unreadable_cells);
                let repeats = !pending.ids.insert(accepted.workout.id.clone());
                if repeats {
                    replace(&mut pending.accepted, accepted, report);
                } else {
                    pending.accepted.push(accepted);
                }
            }
            Record::Refused(refused) => {
                report.quarantined += 1;
                pending.refused.push(Quarantined {
                    source: file.to_owned(),
                    line: Some(refused.line),
                    reason: refused.reason,
                    raw: refused.raw,
                });
            }
        }
    }
    let empty = pending.accepted.is_empty() && pending.refused.is_empty();
    Ok((!empty).then_some(pending))
}

/// A second row for a workout of the same batch: the later row stands, and the earlier one counts as
/// what it would have been had it been stored first.
fn replace(accepted: &mut [Accepted], later: Accepted, report: &mut ImportReport) {
    if let Some(earlier) = accepted.iter_mut().find(|a| a.workout.id == later.workout.id) {
        if earlier.workout == later.workout {
            report.unchanged += 1;
        } else {
            report.changed += 1;
        }
        *earlier = later;
    }
}

/// True where another import has stored one of these workouts since they were looked up. Else a duplicate is
/// the table's: its collation takes two ids for one.
async fn came_first(store: &Store, new: &[&Workout]) -> Result<bool, RunError> {
    let ids: Vec<&str> = new.iter().map(|w| w.id.as_str()).collect();
    let stored = store.stored_workouts(&ids).await;
    let stored = stored.map_err(|e| RunError::store("import", e))?;
    Ok(ids.iter().any(|id| stored.contains_key(*id)))
}

/// New, changed and unchanged of a batch, after writing it.
async fn write_batch(store: &Store, pending: &Pending, ambient: &Ambient) -> Result<(u64, u64, u64), RunError> {
    let fail = |e| RunError::store("import", e);
    let ids: Vec<&str> = pending.accepted.iter().map(|a| a.workout.id.as_str()).collect();
    let stored = store.stored_workouts(&ids).await.map_err(fail)?;
    let mut new = Vec::new();
    let mut changed = Vec::new();
    for accepted in &pending.accepted {
        match stored.get(&accepted.workout.id) {
            None => new.push(&accepted.workout),
            Some(row) if row.equals(&accepted.workout) => {}
            Some(_) => changed.push(&accepted.workout),
        }
    }
    let stamp = Stamp {
        run_id: None,
        now: ambient.now(),
    };
    let written = store.write_workouts(&new, &changed, &pending.refused, stamp).await;
    match written {
        Err(StoreError::Db(DbError::Duplicate { statement, .. })) if came_first(store, &new).await? => {
            let (expected, found) = (new.len() as u64, 0);
            let conflict = DbError::Conflict {
                statement,
                expected,
                found,
            };
            return Err(fail(conflict.into()));
        }
        written => written.map_err(fail)?,
    }
    let unchanged = pending.accepted.len() - new.len() - changed.len();
    Ok((new.len() as u64, changed.len() as u64, unchanged as u64))
}
