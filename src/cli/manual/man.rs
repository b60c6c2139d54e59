//! The pages for `man`, by `clap_mangen`: one for each command and each sub-command.
//!
//! Invariants: examples, exit codes and environment have sections of their own, as readers of man pages expect,
//! and not the one section that clap's text after the help would become.

use anyhow::Result;
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::{exit, help};

use super::Pages;

/// All pages of the built tree.
///
/// # Errors
/// None in practice: pages are written into memory.
pub(super) fn pages(root: &Command) -> Result<Pages> {
    let mut pages = Pages::new();
    pages.insert("paceline.1".to_owned(), page(root, "")?);
    below(root, "", &mut pages)?;
    Ok(pages)
}

fn below(command: &Command, parent: &str, pages: &mut Pages) -> Result<()> {
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let path = format!("{parent} {}", sub.get_name()).trim_start().to_owned();
        let name = format!("paceline-{}.1", path.replace(' ', "-"));
        pages.insert(name, page(sub, &path)?);
        below(sub, &path, pages)?;
    }
    Ok(())
}

fn page(command: &Command, path: &str) -> Result<String> {
    // In the place of a date, which would differ from build to build: an empty one would let the rest move up.
    let version = concat!("Paceline ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone());
    let man = man.date(version).source("Paceline").manual("Manual of Paceline");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    more(path).to_writer(&mut text)?;
    Ok(String::from_utf8(text)?)
}

fn more(path: &str) -> Roff {
    let mut roff = Roff::new();
    let examples = help::examples(path);
    if !examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]);
    }
    for (says, line) in examples {
        roff.control("TP", []);
        roff.text([roman(format!("{says}:"))]);
        roff.text([bold(*line)]);
    }
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in exit::MEANINGS {
        roff.control("TP", []);
        roff.text([bold(code.to_string())]);
        roff.text([roman(*meaning)]);
    }
    roff.control("SH", ["ENVIRONMENT"]);
    for (name, meaning) in help::ENVIRONMENT {
        roff.control("TP", []);
        roff.text([bold(*name)]);
        roff.text([roman(*meaning)]);
    }
    roff
}
