//! `archive`: old history goes into files, comes back, and what lies where.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::{Access, App, made_folder, shelf, stop_at_signals};
use crate::pipeline::archive::age::Age;
use crate::pipeline::archive::plan_archive;
use crate::pipeline::archive::restore::{RestoreReport, Which, restore as do_restore};
use crate::pipeline::archive::{ArchiveOptions, ArchiveReport, ArchivedFile, FILE_ROWS, archive as do_archive};
use crate::store::Store;
use crate::store::archive::Archive;
use crate::store::archived::Shelf;
use crate::time::Timestamp;

use super::exit;
use super::output::{Output, Rows, count, list, one};

/// Where the files of archives are, for commands that read them.
#[derive(Debug, Clone, Args)]
pub struct FilesArgs {
    /// The folder with the files of archives, where it is not the one that each was written to.
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,
}

impl FilesArgs {
    /// The folder.
    pub fn shelf(&self) -> Arc<dyn Shelf> {
        shelf(self.archive.as_deref())
    }
}

/// `paceline archive`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ArchiveArgs {
    #[command(subcommand)]
    command: Option<ArchiveCommand>,
    #[command(flatten)]
    make: MakeArgs,
}

#[derive(Debug, Subcommand)]
enum ArchiveCommand {
    /// Puts archived rows back into the table, as they were.
    Restore(RestoreArgs),
    /// Lists the archives and where their rows are.
    List,
}

#[derive(Debug, Args)]
struct MakeArgs {
    /// Archives what was sealed so long ago: 1y, 18mo, 2w, 90d.
    #[arg(long, value_name = "AGE", conflicts_with = "before")]
    older_than: Option<Age>,
    /// Archives what was sealed before this instant (UTC).
    #[arg(long, value_name = "DATE")]
    before: Option<Timestamp>,
    /// The folder for the files; the one of the last archive, where it is not given.
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Shows what would be archived, and writes nothing.
    #[arg(long)]
    dry_run: bool,
    /// History rows in one file, at most; a segment is never cut.
    #[arg(long, value_name = "N", default_value_t = FILE_ROWS, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    file_rows: u64,
    /// Takes the place of another archiving that is known to be dead.
    #[arg(long)]
    take_over: bool,
}

#[derive(Debug, Args)]
struct RestoreArgs {
    /// The archives; `paceline archive list` shows their numbers.
    #[arg(value_name = "NUMBER")]
    numbers: Vec<i64>,
    /// All of them.
    #[arg(long, conflicts_with_all = ["numbers", "segments"])]
    all: bool,
    /// Those that hold any of these segments: 12, or 12..40, both inclusive.
    #[arg(long, value_name = "A..B", value_parser = segments, conflicts_with = "numbers")]
    segments: Option<RangeInclusive<i64>>,
    #[command(flatten)]
    files: FilesArgs,
    /// Takes the place of another archiving that is known to be dead.
    #[arg(long)]
    take_over: bool,
}

/// `12`, or `12..40`, both inclusive.
fn segments(text: &str) -> Result<RangeInclusive<i64>, String> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<i64>().ok().filter(|n| *n > 0);
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        _ => Err("write a segment, 12, or a first and a last one, 12..40".to_owned()),
    }
}

impl ArchiveArgs {
    /// True where rows under one header are printed.
    pub fn is_list(&self) -> bool {
        matches!(self.command, Some(ArchiveCommand::List))
    }
}

/// Moves history, or shows where it is.
pub async fn archive(app: &App, args: &ArchiveArgs, output: Output) -> Result<()> {
    match &args.command {
        None => make(app, &args.make, output).await,
        Some(ArchiveCommand::Restore(args)) => restore(app, args, output).await,
        Some(ArchiveCommand::List) => listed(app, output).await,
    }
}

async fn make(app: &App, args: &MakeArgs, output: Output) -> Result<()> {
    let before = match (args.older_than, args.before) {
        (Some(age), _) => age.before(app.now()),
        (None, Some(before)) => before,
        (None, None) => {
            let what = "say what is old enough: --older-than 1y, or --before DATE";
            return Err(exit::usage(what));
        }
    };
    let access = if args.dry_run { Access::Read } else { Access::Write };
    let store = app.store(access).await?;
    let folder = match &args.to {
        Some(folder) if args.dry_run => folder.display().to_string(),
        Some(folder) => made_folder(folder)?,
        None => last_folder(&store, args.dry_run).await?,
    };
    let options = ArchiveOptions {
        before,
        folder,
        file_rows: args.file_rows,
        take_over: args.take_over,
    };
    let report = if args.dry_run {
        plan_archive(&store, &options).await?
    } else {
        let ambient = app.ambient()?;
        stop_at_signals(ambient.stop.clone(), exit::of_signal)?;
        do_archive(&store, &options, &shelf(None), &ambient).await?
    };
    one(&report, || made_page(&report), output)
}

/// The folder of the last archive.
async fn last_folder(store: &Store, dry_run: bool) -> Result<String> {
    match store.archives().await?.all.pop() {
        Some(Archive { folder, .. }) => Ok(folder),
        None if dry_run => Ok(String::new()),
        None => Err(exit::usage(
            "name the folder for the files: --to DIR; later archives go there as well",
        )),
    }
}

fn lines_of(files: &[ArchivedFile], folder: &str) -> String {
    let mut lines = String::new();
    for file in files {
        let (first, last, rows) = (file.first_segment, file.last_segment, count(file.rows));
        let bytes = match file.bytes {
            0 => String::new(),
            bytes => format!(", {} bytes", count(bytes)),
        };
        let place = match folder {
            "" => file.file.clone(),
            folder => format!("{folder}/{}", file.file),
        };
        let _ = writeln!(lines, "  segments {first} to {last}: {rows} rows in {place}{bytes}");
    }
    lines
}

fn made_page(report: &ArchiveReport) -> String {
    let before = report.before;
    if let Some(note) = &report.note {
        return format!("Nothing to archive before {before}: {note}.\n");
    }
    let (rows, files) = (count(report.rows), lines_of(&report.files, &report.folder));
    if report.status == "planned" {
        return format!("Plan      {rows} history rows sealed before {before} would be archived\n{files}");
    }
    format!(
        "Archived  {rows} history rows sealed before {before}\n{files}Keep copies: `paceline verify` checks the files, and \
         `paceline archive restore` needs them.\n"
    )
}

async fn restore(app: &App, args: &RestoreArgs, output: Output) -> Result<()> {
    if args.numbers.is_empty() && !args.all && args.segments.is_none() {
        return Err(exit::usage("say which: their numbers, --segments A..B, or --all"));
    }
    let store = app.store(Access::Write).await?;
    let which = match &args.segments {
        Some(range) => Which::Segments(range.clone()),
        None if args.all => Which::All,
        None => Which::Numbers(args.numbers.clone()),
    };
    let ambient = app.ambient()?;
    stop_at_signals(ambient.stop.clone(), exit::of_signal)?;
    let report = do_restore(&store, &which, args.take_over, &args.files.shelf(), &ambient).await?;
    one(&report, || restored_page(&report), output)
}

fn restored_page(report: &RestoreReport) -> String {
    if report.files.is_empty() {
        return "Nothing to restore: the rows are in the table.\n".to_owned();
    }
    let files = lines_of(&report.files, "");
    format!(
        "Restored  {} history rows\n{files}The files stay where they are.\n",
        count(report.rows)
    )
}

#[derive(Debug, Serialize)]
struct ListedJson {
    archive_id: i64,
    status: &'static str,
    first_segment: i64,
    last_segment: i64,
    rows: u64,
    workouts: u64,
    newest_at: String,
    folder: String,
    file: String,
    bytes: u64,
    sha256: String,
    made_at: String,
    sealed_by: i64,
}

impl From<&Archive> for ListedJson {
    fn from(archive: &Archive) -> Self {
        let record = &archive.record;
        Self {
            archive_id: record.archive_id,
            status: archive.status.as_str(),
            first_segment: record.first_segment,
            last_segment: record.last_segment,
            rows: record.row_count,
            workouts: record.snapshot_rows,
            newest_at: record.newest_at.to_string(),
            folder: archive.folder.clone(),
            file: record.file_name.clone(),
            bytes: record.file_bytes,
            sha256: record.file_sha256.to_string(),
            made_at: record.made_at.to_string(),
            sealed_by: archive.segment_id,
        }
    }
}

async fn listed(app: &App, output: Output) -> Result<()> {
    let archives = app.store(Access::Read).await?.archives().await?;
    let values: Vec<ListedJson> = archives.all.iter().map(ListedJson::from).collect();
    let mut rows = Rows::new(&[
        "archive",
        "status",
        "first",
        "last",
        "rows",
        "workouts",
        "newest row",
        "bytes",
        "file",
        "folder",
    ]);
    for v in &values {
        rows.push(vec![
            v.archive_id.to_string(),
            v.status.to_owned(),
            v.first_segment.to_string(),
            v.last_segment.to_string(),
            v.rows.to_string(),
            v.workouts.to_string(),
            v.newest_at.clone(),
            v.bytes.to_string(),
            v.file.clone(),
            v.folder.clone(),
        ]);
    }
    list(&values, &rows, "Nothing was archived.", output)
}

/// Says on the log, where rows that a report reads may be archived, that they are left out.
pub async fn warn_of_archived(store: &Store, from: Option<Timestamp>) -> Result<()> {
    let archives = store.archives().await?;
    let newer = |archive: &&Archive| from.is_none_or(|from| archive.record.newest_at >= from);
    let rows: u64 = archives
        .in_force()
        .filter(newer)
        .map(|archive| archive.record.row_count)
        .sum();
    if rows > 0 {
        tracing::warn!(
            "{rows} history rows are archived and left out here; `paceline archive restore` brings them back"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_one_or_a_range() {
        assert_eq!(segments("12"), Ok(12..=12));
        assert_eq!(segments("12..40"), Ok(12..=40));
        for text in ["", "0", "x", "5..4", "1..", "..3", "1...3"] {
            assert!(segments(text).is_err(), "{text}");
        }
    }
}
