//! `manual`: a page about every command, made from the definitions that parse the command line.
//!
//! Why: a page that is written by hand is wrong at the next release. The committed pages in `docs/commands/` are
//! compared with these by a test, and distributions get man pages of the same text.
//!
//! Invariants: the same definitions give the same bytes, whatever the terminal; what is hidden is on no page.
//!
//! Must not know: what a command does.

mod man;
mod markdown;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::definitions;
use super::output::{Output, one};

/// Names of files with their texts.
type Pages = BTreeMap<String, String>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Markdown: a page for each command with its sub-commands, and an index.
    Md,
    /// Man pages of section 1: one for each command and each sub-command.
    Man,
}

/// `paceline manual`.
#[derive(Debug, Args)]
pub struct ManualArgs {
    /// The folder to write to; it is made where it is missing, and files of the same names are replaced.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What to write.
    #[arg(long, value_enum, default_value_t = Format::Md)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct ManualJson {
    folder: String,
    pages: Vec<String>,
}

/// Writes the pages.
pub fn manual(args: &ManualArgs, output: Output) -> Result<()> {
    // Without the `help` that clap adds: it has no flags and says nothing of its own.
    let mut root = definitions().disable_help_subcommand(true);
    root.build();
    let pages = match args.format {
        Format::Md => markdown::pages(&root),
        Format::Man => man::pages(&root)?,
    };
    let folder = &args.out;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for (name, text) in &pages {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let value = ManualJson {
        folder: folder.display().to_string(),
        pages: pages.into_keys().collect(),
    };
    one(
        &value,
        || format!("{} pages written to {}", value.pages.len(), value.folder),
        output,
    )
}
