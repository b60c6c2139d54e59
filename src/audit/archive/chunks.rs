//! The rows of a file in portions, each of which leaves the table in one transaction.
//!
//! Why: who deletes a million rows at once holds locks and a log for as long; a portion that is done stays done.
//!
//! Invariants: a portion names rows by their numbers and their segments, so given twice it takes nothing else;
//! between the numbers of a portion of adopted rows there is no row that was not adopted; all portions together are
//! all rows.
//!
//! Must not know: statements.

use super::file::{File, FileError, Filed};

/// Some rows of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    /// The first and the last of their own segments; None where others wrote them.
    pub segments: Option<(i64, i64)>,
    /// The smallest number.
    pub first: i64,
    /// The largest, inclusive.
    pub last: i64,
    /// How many there are.
    pub rows: usize,
}

impl Portion {
    fn of(filed: &Filed<'_>) -> Self {
        Self {
            segments: filed.row.segment_id.map(|id| (id, id)),
            first: filed.history_id,
            last: filed.history_id,
            rows: 1,
        }
    }

    /// Takes the next row in; false where it needs another portion.
    fn take(&mut self, filed: &Filed<'_>, most: usize) -> bool {
        let id = filed.history_id;
        if self.rows == most {
            return false;
        }
        match (&mut self.segments, filed.row.segment_id) {
            (Some((first, last)), Some(segment)) => {
                (*first, *last) = ((*first).min(segment), (*last).max(segment));
            }
            // Between two runs of adopted numbers there may be a row that nothing has sealed yet.
            (None, None) if self.last.checked_add(1) == Some(id) => {}
            _ => return false,
        }
        (self.first, self.last) = (self.first.min(id), self.last.max(id));
        self.rows += 1;
        true
    }
}

/// All rows of a file, at most `most` in a portion.
///
/// # Errors
/// [`FileError`] where it cannot be read.
pub fn portions(file: &File, most: usize) -> Result<Vec<Portion>, FileError> {
    let mut portions: Vec<Portion> = Vec::new();
    file.each(|filed: Filed<'_>| -> Result<(), FileError> {
        let taken = portions.last_mut().is_some_and(|last| last.take(&filed, most.max(1)));
        if !taken {
            portions.push(Portion::of(&filed));
        }
        Ok(())
    })?;
    Ok(portions)
}
