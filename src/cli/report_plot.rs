//! `--plot FILE.svg`: a report as a picture.
//!
//! Why: the pictures hang on the reports whose rows they draw, so that a picture can always be checked against
//! a table: `changes` (labels given over time), `stats` (confidences), `labels` (label mix over time),
//! `calibration` (reliability) and `map` (pace against distance, with the model's boundary).
//!
//! Invariants: the file is written before the rows are printed, at once, and only where everything went well;
//! where there is nothing to draw it says so.
//!
//! Must not know: how a picture is drawn.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use crate::app::replace_file;
use crate::pipeline::{Kind, RunError};
use crate::plot::confidence::{Binned, confidence_histogram};
use crate::plot::mix::{Counted, Monthly, label_mix};
use crate::plot::reliability::reliability;
use crate::plot::{Heading, PlotError};
use crate::stage::calibration::Calibration;
use crate::store::Store;
use crate::store::models::ModelRow;
use crate::store::report::LabelsRow;
use crate::store::workouts::Window;
use crate::time::Timestamp;

use super::output::{Output, line};

/// The flag of every report that has a picture.
#[derive(Debug, Args)]
pub struct PlotArgs {
    /// Draws the report as a picture as well, into this file, which is replaced.
    #[arg(long = "plot", value_name = "FILE.svg")]
    file: Option<PathBuf>,
}

impl PlotArgs {
    /// Where a picture is asked for, its file.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Says where the picture is, to people.
    pub fn said(&self, output: Output) -> Result<()> {
        match &self.file {
            Some(file) if output == Output::Table => line(&format!("Plot: {}", file.display())),
            _ => Ok(()),
        }
    }

    /// Labels given, by month.
    pub async fn changes(&self, store: &Store, from: Option<Timestamp>, to: Option<Timestamp>) -> Result<()> {
        let Some(file) = self.file() else { return Ok(()) };
        let counts: Vec<Monthly> = store
            .changes_by_month(from, to)
            .await?
            .into_iter()
            .map(|row| Monthly {
                month: row.month,
                label: row.label,
                count: row.changes.unsigned_abs(),
            })
            .collect();
        let heading = heading(store, window("changes", from, to)).await?;
        save(file, label_mix(&heading, Counted::Changes, &counts))
    }

    /// Confidences of the history, by label.
    pub async fn stats(&self, store: &Store, from: Option<Timestamp>) -> Result<()> {
        let Some(file) = self.file() else { return Ok(()) };
        let (mut counts, mut without) = (Vec::new(), 0);
        for row in store.confidences(from).await? {
            let count = row.changes.unsigned_abs();
            match row.twentieth {
                Some(twentieth) => counts.push(Binned {
                    label: row.label,
                    bin: usize::try_from(twentieth).unwrap_or(0),
                    count,
                }),
                None => without += count,
            }
        }
        let heading = heading(store, window("history", from, None)).await?;
        save(file, confidence_histogram(&heading, &counts, without))
    }

    /// What stands, by month.
    pub async fn labels(&self, store: &Store, of: Window, rows: &[LabelsRow]) -> Result<()> {
        let Some(file) = self.file() else { return Ok(()) };
        let counts: Vec<Monthly> = rows
            .iter()
            .map(|row| Monthly {
                month: row.month.clone(),
                label: row.label.clone(),
                count: row.workouts.unsigned_abs(),
            })
            .collect();
        let heading = heading(store, workouts(of)).await?;
        save(file, label_mix(&heading, Counted::Workouts, &counts))
    }

    /// Confidences against agreement.
    pub async fn calibration(&self, store: &Store, since: Option<Timestamp>, value: &Calibration) -> Result<()> {
        let Some(file) = self.file() else { return Ok(()) };
        let heading = heading(store, window("answers", since, None)).await?;
        save(file, reliability(&heading, value))
    }
}

/// With the model that is active now.
async fn heading(store: &Store, window: String) -> Result<Heading> {
    let model = match store.active_model().await? {
        Some(active) => format!("active: {}", model_text(&active)),
        None => "no active model".to_owned(),
    };
    Ok(Heading { window, model })
}

/// A model as a picture names it.
pub fn model_text(model: &ModelRow) -> String {
    format!("{} version {}", model.model_id, model.model_version)
}

/// The workouts of a window, in words.
pub fn workouts(of: Window) -> String {
    window("workouts", of.from, of.to)
}

/// A half-open range, in words.
fn window<T: std::fmt::Display>(what: &str, from: Option<T>, to: Option<T>) -> String {
    let short = |time: T| {
        let text = time.to_string();
        let whole = text.strip_suffix(".000000").unwrap_or(&text);
        whole.strip_suffix(" 00:00:00").unwrap_or(whole).to_owned()
    };
    match (from.map(short), to.map(short)) {
        (None, None) => format!("all {what}"),
        (Some(from), None) => format!("{what} since {from}"),
        (None, Some(to)) => format!("{what} before {to}"),
        (Some(from), Some(to)) => format!("{what} from {from} to before {to}"),
    }
}

/// Writes a picture.
///
/// # Errors
/// Where it cannot be drawn or written.
pub fn save(file: &Path, svg: Result<String, PlotError>) -> Result<()> {
    let svg = svg.map_err(|error| RunError::bug("plot", error))?;
    replace_file(file, &svg).map_err(|error| {
        let hint = "name a file in a folder that exists and can be written to, such as --plot report.svg";
        RunError::new("plot", Kind::Data, format!("{error:#}"), hint).into()
    })
}

#[cfg(test)]
mod tests {
    use super::window;
    use crate::time::Timestamp;

    #[test]
    fn a_range_is_said_in_words() {
        let at = |text: &str| Some(text.parse::<Timestamp>().expect("an instant"));
        assert_eq!(window::<Timestamp>("changes", None, None), "all changes");
        assert_eq!(window("changes", at("2026-01-02"), None), "changes since 2026-01-02");
        assert_eq!(
            window("changes", at("2026-01-02"), at("2026-01-03T04:05:06Z")),
            "changes from 2026-01-02 to before 2026-01-03 04:05:06"
        );
    }
}
