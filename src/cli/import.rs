//! `import`: CSV exports into `workout_summary`.

use std::fs::File;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::app::{Access, App, open_export, stop_at_signals};
use crate::pipeline::Ambient;
use crate::pipeline::import::{ImportOptions, ImportReport, ImportSource, import as import_file};
use crate::store::Store;

use super::exit;
use super::output::{CSV_IS_FOR_LISTS, Output, count, json, line};

/// `paceline import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// CSV exports: MapMyRun's (miles or kilometres), or a file whose header has the names of the columns of
    /// workout_summary; which it is, is told by the header.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Records labels that stand in a file (column `label`) as csv_import classifications, where a
    /// workout has none yet.
    #[arg(long)]
    record_labels: bool,
}

/// Imports the files in order.
pub async fn import(app: &App, args: &ImportArgs, output: Output) -> Result<()> {
    let sources = open_all(&args.files)?;
    let store = app.store(Access::Write).await?;
    let ambient = app.ambient()?;
    let options = ImportOptions {
        record_labels: args.record_labels,
    };
    stop_at_signals(ambient.stop.clone(), exit::of_signal)?;
    let reports = import_all(&store, sources, options, &ambient).await?;
    match output {
        Output::Table => reports.iter().try_for_each(|report| line(&sentence(report))),
        Output::Ndjson => reports.iter().try_for_each(|report| json(report, output)),
        Output::Json if reports.len() == 1 => json(&reports[0], output),
        Output::Json => json(&reports, output),
        Output::Csv => Err(exit::usage(CSV_IS_FOR_LISTS)),
    }
}

/// Opens every file and recognises its format. Callers do this before they open the store, so that a
/// misspelt name, or a file of another kind among many, changes nothing.
pub fn open_all(files: &[PathBuf]) -> Result<Vec<ImportSource<File>>> {
    let open = |path: &PathBuf| {
        let (name, file) = open_export(path)?;
        Ok(ImportSource::open(&name, file)?)
    };
    files.iter().map(open).collect()
}

/// Imports the files in order.
pub async fn import_all(
    store: &Store,
    sources: Vec<ImportSource<File>>,
    options: ImportOptions,
    ambient: &Ambient,
) -> Result<Vec<ImportReport>> {
    let mut reports = Vec::with_capacity(sources.len());
    for source in sources {
        reports.push(import_file(store, source, options, ambient).await?);
    }
    Ok(reports)
}

/// One import in a sentence or two.
pub fn sentence(report: &ImportReport) -> String {
    let mut text = format!(
        "Imported {} ({}): {} rows read = {} new + {} changed + {} unchanged + {} quarantined.",
        report.file,
        report.format,
        count(report.read),
        count(report.new),
        count(report.changed),
        count(report.unchanged),
        count(report.quarantined),
    );
    if report.quarantined > 0 {
        text.push_str("\n  Refused rows are kept with their reasons: `paceline quarantine list`.");
    }
    if report.unreadable_cells > 0 {
        let cells = count(report.unreadable_cells);
        text.push_str(&format!(
            "\n  {cells} cells hold no number where one belongs; they are stored as NULL."
        ));
    }
    if report.labels_recorded + report.labels_left > 0 {
        let (recorded, left) = (count(report.labels_recorded), count(report.labels_left));
        text.push_str(&format!(
            "\n  {recorded} labels of the file recorded, {left} left out (classified already, or no label of ours)."
        ));
    }
    text
}
