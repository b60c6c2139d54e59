//! `quarantine`: rows that were refused, kept whole.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::{Access, App};
use crate::store::quarantine::KeptRow;

use super::output::{Output, Rows, line, list, text};

/// Characters of a refused row that a table shows.
const SHOWN_CHARS: usize = 60;

/// `paceline quarantine`.
#[derive(Debug, Args)]
pub struct QuarantineArgs {
    #[command(subcommand)]
    command: QuarantineCommand,
}

#[derive(Debug, Subcommand)]
enum QuarantineCommand {
    /// Lists the refused rows with their reasons.
    List,
    /// Writes the refused rows as they stood, to be corrected and imported again.
    Export {
        /// The CSV file to write; it must not exist yet.
        file: PathBuf,
    },
}

#[derive(Debug, Serialize)]
struct QuarantineJson {
    quarantine_id: i64,
    source: String,
    line: Option<u64>,
    reason: String,
    raw: String,
    quarantined_at: String,
}

impl From<KeptRow> for QuarantineJson {
    fn from(kept: KeptRow) -> Self {
        Self {
            quarantine_id: kept.quarantine_id,
            source: kept.row.source,
            line: kept.row.line,
            reason: kept.row.reason,
            raw: kept.row.raw,
            quarantined_at: kept.quarantined_at.to_string(),
        }
    }
}

/// Lists or exports the refused rows.
pub async fn quarantine(app: &App, args: &QuarantineArgs, output: Output) -> Result<()> {
    let store = app.store(Access::Read).await?;
    let kept: Vec<QuarantineJson> = store.quarantined().await?.into_iter().map(Into::into).collect();
    match &args.command {
        QuarantineCommand::List => {
            let mut rows = Rows::new(&["id", "source", "line", "reason", "row"]);
            for row in &kept {
                let (id, source) = (row.quarantine_id.to_string(), row.source.clone());
                let at = text(row.line.map(|n| n.to_string()).as_deref());
                let raw = if output == Output::Csv {
                    row.raw.clone()
                } else {
                    shortened(&row.raw)
                };
                rows.push(vec![id, source, at, row.reason.clone(), raw]);
            }
            list(&kept, &rows, "Nothing is quarantined.", output)
        }
        QuarantineCommand::Export { file } => {
            let mut contents = String::new();
            for row in &kept {
                contents.push_str(&row.raw);
                contents.push('\n');
            }
            write_new(file, &contents)?;
            line(&format!(
                "{} rows written to {}, as they stood and without a header.",
                kept.len(),
                file.display()
            ))
        }
    }
}

fn write_new(file: &PathBuf, contents: &str) -> Result<()> {
    use std::io::Write as _;
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).open(file);
    let mut handle = opened.with_context(|| format!("cannot create {}", file.display()))?;
    handle
        .write_all(contents.as_bytes())
        .with_context(|| format!("cannot write {}", file.display()))
}

/// The beginning of a row on one line, without control characters.
fn shortened(raw: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = raw.chars().take(SHOWN_CHARS).map(printable).collect();
    if raw.chars().nth(SHOWN_CHARS).is_some() {
        short.push('…');
    }
    short
}
