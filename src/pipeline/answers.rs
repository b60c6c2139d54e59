//! A CSV file of answers, said one after the other.
//!
//! Why: people answer in spreadsheets, and a review elsewhere ends as a file.
//!
//! Invariants: answers read = recorded + said before + refused; a refused answer is quarantined whole;
//! the file can be given again, and what was recorded is not recorded twice.
//!
//! Must not know: where the bytes come from.

use std::io::Read;

use serde::Serialize;

use crate::stage::feedback::DEFAULT_CERTAINTY;
use crate::store::Store;
use crate::store::quarantine::{Quarantined, Stamp};
use crate::vocab::FeedbackType;

use super::people::{Recorded, Said, say};
use super::{Ambient, Kind, RunError, labels};

/// What became of a file of answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AnswersReport {
    /// The file.
    pub file: String,
    /// Answers read.
    pub read: u64,
    /// Answers kept.
    pub recorded: u64,
    /// Of which so many set a label.
    pub overridden: u64,
    /// Answers that had been given before, word for word.
    pub already: u64,
    /// Answers that cannot be kept; they are in the quarantine.
    pub refused: u64,
}

/// Where each column stands; `workout_id` is the only one that must be there.
struct Columns {
    workout_id: usize,
    feedback_type: Option<usize>,
    label: Option<usize>,
    certainty: Option<usize>,
    comment: Option<usize>,
    user: Option<usize>,
}

/// Says every answer of a file; `user` speaks where the file names nobody.
///
/// # Errors
/// [`RunError`] for a file without a `workout_id` column, or of the store. What was recorded before
/// stays.
pub async fn import_answers<R: Read>(
    store: &Store,
    file: &str,
    input: R,
    user: &str,
    ambient: &Ambient,
) -> Result<AnswersReport, RunError> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(input);
    let headers = reader.headers().map_err(|e| unreadable(file, &e))?.clone();
    let columns = Columns::of(&headers, file)?;
    let mut report = AnswersReport {
        file: file.to_owned(),
        ..AnswersReport::default()
    };
    for record in reader.records() {
        let record = record.map_err(|e| unreadable(file, &e))?;
        report.read += 1;
        let outcome = match columns.said(&record, user) {
            Ok(said) => say(store, &said, ambient).await,
            Err(reason) => Err(RunError::new("feedback", Kind::Data, reason, "")),
        };
        match outcome {
            Ok(Recorded::Kept) => report.recorded += 1,
            Ok(Recorded::Overridden { .. }) => {
                report.recorded += 1;
                report.overridden += 1;
            }
            Ok(Recorded::Already) => report.already += 1,
            Err(error) if error.kind == Kind::Data => {
                report.refused += 1;
                let row = refused_row(file, &record, &error);
                let stamp = Stamp {
                    run_id: None,
                    now: ambient.now(),
                };
                store
                    .quarantine(&[row], stamp)
                    .await
                    .map_err(|e| RunError::store("feedback", e))?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(report)
}

fn unreadable(file: &str, error: &csv::Error) -> RunError {
    RunError::new(
        "feedback",
        Kind::Data,
        format!("{file}: {error}"),
        "what was recorded before stays; correct the file",
    )
}

fn refused_row(file: &str, record: &csv::StringRecord, error: &RunError) -> Quarantined {
    let raw = record.iter().collect::<Vec<_>>().join(",");
    Quarantined {
        source: file.to_owned(),
        line: record.position().map(csv::Position::line),
        reason: error.source.to_string(),
        raw,
    }
}

impl Columns {
    fn of(headers: &csv::StringRecord, file: &str) -> Result<Self, RunError> {
        let find = |names: &[&str]| {
            headers
                .iter()
                .position(|h| names.contains(&h.trim().to_lowercase().as_str()))
        };
        let Some(workout_id) = find(&["workout_id"]) else {
            let found = headers.iter().collect::<Vec<_>>().join(", ");
            let what = format!("{file}: no column workout_id; found {found}");
            let hint = "columns: workout_id, type, label, certainty, comment, user";
            return Err(RunError::new("feedback", Kind::Data, what, hint));
        };
        Ok(Self {
            workout_id,
            feedback_type: find(&["type", "feedback_type"]),
            label: find(&["label", "user_classification"]),
            certainty: find(&["certainty", "user_certainty"]),
            comment: find(&["comment", "comments"]),
            user: find(&["user", "user_id"]),
        })
    }

    /// The answer of a row. A row with a label and no type is a correction.
    fn said(&self, record: &csv::StringRecord, user: &str) -> Result<Said, String> {
        let cell = |at: Option<usize>| at.and_then(|at| record.get(at)).filter(|text| !text.is_empty());
        let label = cell(self.label).map(|word| labels::parse(word).map_err(|e| e.to_string()));
        let label = label.transpose()?;
        let feedback_type = match cell(self.feedback_type) {
            Some(word) => word.parse().map_err(|e: crate::vocab::UnknownWord| e.to_string())?,
            None if label.is_some() => FeedbackType::Correct,
            None => return Err("neither a type nor a label: nothing is said".to_owned()),
        };
        let certainty = match cell(self.certainty) {
            Some(text) => text
                .parse()
                .map_err(|_| format!("certainty '{text}' is no number from 1 to 5"))?,
            None => DEFAULT_CERTAINTY,
        };
        Ok(Said {
            workout_id: cell(Some(self.workout_id)).ok_or("no workout id")?.to_owned(),
            feedback_type,
            label,
            certainty,
            comment: cell(self.comment).map(str::to_owned),
            user: cell(self.user).unwrap_or(user).to_owned(),
            admin: false,
        })
    }
}
