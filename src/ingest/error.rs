//! Why a file cannot be read at all; a single bad row is a [`super::Refused`], not an error.
//!
//! Why: whoever gets the message has a file and an export menu, not this source. It says what was
//! found, what is known, and what comes nearest.
//!
//! Invariants: what is quoted from a file is short and free of control characters.
//!
//! Must not know: file names; the caller adds them.

use std::io;

use super::header::Header;
use super::{canonical, mapmyrun};

/// A file that cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// Not even a header.
    #[error("the file is empty; an export has at least a header row")]
    Empty,
    /// The file begins with the byte order mark of UTF-16.
    #[error("the file is UTF-16; save it as CSV in UTF-8")]
    Utf16,
    /// The header is longer than any row may be.
    #[error("the first row is longer than {limit} bytes; this is no CSV export")]
    HeaderTooLong {
        /// The longest row that is read.
        limit: usize,
    },
    /// The columns are of no known format.
    #[error(
        "the columns are of no known format; found {found}; nearest is {nearest}, where {missing}. Known formats: \
         MapMyRun export (needs 'Workout Date', 'Link'), canonical (needs 'workout_id', 'workout_date')"
    )]
    UnknownHeader {
        /// The columns of the file, quoted.
        found: String,
        /// The format that lacks least.
        nearest: &'static str,
        /// What it lacks, and which columns might be meant.
        missing: String,
    },
    /// A column is in a unit that cannot be converted.
    #[error("column '{column}' is in '{found}', which is not known; known are {known}; export it in one of those")]
    UnknownUnit {
        /// The column.
        column: &'static str,
        /// The unit in its name.
        found: String,
        /// The units that can be read.
        known: String,
    },
    /// The stream failed.
    #[error("reading failed after line {line}: {source}")]
    Io {
        /// The first line of the last row that was read; 0 before the header.
        line: u64,
        /// The stream's own error.
        source: io::Error,
    },
}

/// The most columns, and characters of each, that a message names.
const MAX_NAMED: usize = 40;
const MAX_NAME_CHARS: usize = 40;

/// The error for a header that is of no known format.
pub(super) fn unknown_header(header: &Header) -> IngestError {
    let candidates = [
        ("a MapMyRun export", mapmyrun::REQUIRED),
        ("the canonical format", canonical::REQUIRED),
    ];
    let scored = candidates.map(|(name, required)| {
        let lacking: Vec<Lacking> = required.iter().filter_map(|column| lacking(header, column)).collect();
        let distance: f64 = lacking.iter().map(|lack| 1.0 - lack.similarity).sum();
        (distance, name, lacking)
    });
    let [first, second] = scored;
    let (_, nearest, lacking) = if second.0 < first.0 { second } else { first };
    let mut missing = lacking.iter().map(Lacking::describe).collect::<Vec<_>>().join(" and ");
    if let Some(separator) = separator(header) {
        missing.push_str(&format!(
            "; the columns seem to be separated by {separator}: export with commas"
        ));
    }
    IngestError::UnknownHeader {
        found: named(&header.names),
        nearest,
        missing,
    }
}

/// A column that is needed and not there, and what comes nearest to it.
struct Lacking<'a> {
    column: &'static str,
    similar: Option<&'a str>,
    similarity: f64,
}

impl Lacking<'_> {
    fn describe(&self) -> String {
        match self.similar {
            Some(name) => format!("'{}' is missing (is '{}' meant?)", self.column, shown(name)),
            None => format!("'{}' is missing", self.column),
        }
    }
}

fn lacking<'a>(header: &'a Header, column: &'static str) -> Option<Lacking<'a>> {
    if header.find(column).is_some() {
        return None;
    }
    let wanted = column.to_lowercase();
    let similarity = |name: &str| strsim::jaro_winkler(&wanted, &name.to_lowercase());
    let names = header.names.iter().map(|name| (similarity(name), name.as_str()));
    let best = names
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(score, _)| *score > 0.8);
    Some(Lacking {
        column,
        similar: best.map(|(_, name)| name),
        similarity: best.map_or(0.0, |(score, _)| score),
    })
}

/// The separator of a file whose whole header came out as one column.
fn separator(header: &Header) -> Option<&'static str> {
    match header.names.as_slice() {
        [one] if one.contains(';') => Some("';'"),
        [one] if one.contains('\t') => Some("tabs"),
        _ => None,
    }
}

fn named(names: &[String]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .take(MAX_NAMED)
        .map(|name| format!("'{}'", shown(name)))
        .collect();
    let more = names.len().saturating_sub(MAX_NAMED);
    let tail = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    quoted.join(", ") + &tail
}

fn shown(name: &str) -> String {
    let short: String = name.chars().take(MAX_NAME_CHARS).collect();
    let more = if short.len() < name.len() { ".." } else { "" };
    format!("{}{more}", short.escape_debug())
}
