//! How results leave the program: tables for people, JSON for programs, CSV for spreadsheets.
//!
//! Why: data goes to standard output and everything else to standard error, so a pipe never holds a
//! progress bar.
//!
//! Invariants: a closed pipe ends the program quietly; numbers in JSON are exact, in tables rounded.
//!
//! Must not know: what is printed.

use std::io::{self, Write};

use anyhow::Result;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

/// What `--output csv` gets where there is one value and no list.
pub const CSV_IS_FOR_LISTS: &str = "--output csv is for lists; use table, json or ndjson here";

/// `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Ndjson,
    /// Comma-separated values with a header, where rows are listed.
    Csv,
}

impl Output {
    /// For programs.
    pub fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Ndjson)
    }
}

/// Rows of text under a header.
pub struct Rows {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Rows {
    /// A header without rows yet.
    pub fn new(header: &[&'static str]) -> Self {
        Self {
            header: header.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows as an aligned table, as wide as the terminal at most.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(&self.header);
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| printable(cell)));
        }
        let text = table.to_string();
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    fn csv(&self) -> Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.header)?;
        for row in &self.rows {
            writer.write_record(row)?;
        }
        Ok(String::from_utf8(writer.into_inner()?)?)
    }
}

/// A text that stays in its line: what stands in an export may hold line breaks, or sequences that
/// a terminal obeys.
pub fn printable(cell: &str) -> String {
    cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Writes a line to standard output.
///
/// # Errors
/// A closed pipe, which `main` takes as the end.
pub fn line(text: &str) -> Result<()> {
    writeln!(io::stdout().lock(), "{text}")?;
    Ok(())
}

/// Writes lines of text for people to standard output.
///
/// # Errors
/// A closed pipe.
pub fn page(text: &str) -> Result<()> {
    let lines: Vec<String> = text.trim_end().lines().map(printable).collect();
    line(&lines.join("\n"))
}

/// Writes a value as pretty JSON (`json`) or in one line (`ndjson`).
///
/// # Errors
/// A closed pipe.
pub fn json<T: Serialize + ?Sized>(value: &T, output: Output) -> Result<()> {
    let text = match output {
        Output::Ndjson => serde_json::to_string(value)?,
        Output::Json | Output::Table | Output::Csv => serde_json::to_string_pretty(value)?,
    };
    line(&text)
}

/// Writes a list: a table, a JSON array, a JSON document a line, or CSV.
///
/// # Errors
/// A closed pipe.
pub fn list<T: Serialize>(values: &[T], rows: &Rows, empty: &str, output: Output) -> Result<()> {
    match output {
        Output::Table if rows.is_empty() => line(empty),
        Output::Table => line(&rows.table()),
        Output::Json => json(values, output),
        Output::Ndjson => values.iter().try_for_each(|value| json(value, output)),
        Output::Csv => {
            io::stdout().lock().write_all(rows.csv()?.as_bytes())?;
            Ok(())
        }
    }
}

/// Writes one value: text for people, or JSON.
///
/// # Errors
/// A closed pipe; `csv`, which is for lists.
pub fn one<T: Serialize>(value: &T, text: impl FnOnce() -> String, output: Output) -> Result<()> {
    match output {
        Output::Table => page(&text()),
        Output::Json | Output::Ndjson => json(value, output),
        Output::Csv => Err(super::exit::usage(CSV_IS_FOR_LISTS)),
    }
}

/// A count with thousands separators.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with `decimals` places, `-` for None.
pub fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |x| format!("{x:.decimals$}"))
}

/// A text, `-` for None.
pub fn text(value: Option<&str>) -> String {
    value.unwrap_or("-").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_cannot_break_its_line_or_command_the_terminal() {
        let mut rows = Rows::new(&["a"]);
        rows.push(vec!["x\ny\u{1b}[31m\u{0}".to_owned()]);
        assert_eq!(rows.table().lines().count(), 2, "{}", rows.table());
        assert!(!rows.table().contains('\u{1b}'), "{:?}", rows.table());
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
    }
}
