//! A file's layout: where each part of a workout stands and in which unit; and the reading of a row
//! by it.
//!
//! Why: vendors differ in names, units, dates and ids. Once those are known, a row is a row.
//!
//! Invariants: what comes out fits the schema of `workout_summary`; a row that does not is refused
//! with a reason, never trimmed to fit. Distances come out in miles, paces in minutes per mile.
//!
//! Must not know: vendors' names for columns, rows other than the one it is given.

use csv::ByteRecord;

use super::numbers::{self, Cell};
use super::{Format, Workout};
use crate::id::MAX_WORKOUT_ID_CHARS;
use crate::time::WorkoutDate;

/// Kilometres in a mile.
const KM_PER_MILE: f64 = 1.609344;
/// The longest link and activity type that the schema can hold, in characters.
const MAX_LINK_CHARS: usize = 100;
const MAX_ACTIVITY_CHARS: usize = 50;
/// The most of a cell that a reason quotes, in characters.
const MAX_QUOTED_CHARS: usize = 60;

/// A unit of length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// What is stored.
    Mile,
    /// Converted by 1.609344.
    Kilometre,
}

/// A column that must be there: its place and how reasons call it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needed {
    pub index: usize,
    pub name: &'static str,
}

/// Where everything stands in a file, and the vendor's two rules.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub format: Format,
    /// How many columns each row must have.
    pub columns: usize,
    pub id: Needed,
    /// The id that is in a cell; where there is none, why not.
    pub read_id: fn(&str) -> Result<&str, String>,
    pub date: Needed,
    pub read_date: fn(&str) -> Option<WorkoutDate>,
    /// For reasons: what `read_date` takes.
    pub date_forms: &'static str,
    pub activity_type: Option<usize>,
    pub kcal_burned: Option<usize>,
    pub distance: Option<(usize, Unit)>,
    pub duration_sec: Option<usize>,
    pub avg_pace: Option<(usize, Unit)>,
    pub max_pace: Option<(usize, Unit)>,
    pub steps: Option<usize>,
    pub link: Option<usize>,
    pub label: Option<usize>,
}

/// What a row holds, when it can be stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Good {
    pub workout: Workout,
    pub label: Option<String>,
    pub unreadable_cells: u32,
}

impl Layout {
    /// Reads one row; the error is the reason it is refused for.
    pub fn row(&self, fields: &ByteRecord) -> Result<Good, String> {
        if fields.len() != self.columns {
            return Err(format!(
                "the row has {} columns, the header has {}",
                fields.len(),
                self.columns
            ));
        }
        let id = self.workout_id(fields)?;
        let date = self.workout_date(fields)?;
        let activity_type = bounded(fields, self.activity_type, "activity type", MAX_ACTIVITY_CHARS)?;
        let link = bounded(fields, self.link, "link", MAX_LINK_CHARS)?;
        let label = match self.label {
            Some(index) => text(fields, index, "label")?.map(str::to_owned),
            None => None,
        };
        let mut unreadable = 0;
        let cell = |index: Option<usize>| index.and_then(|i| fields.get(i)).unwrap_or_default();
        let workout = Workout {
            id,
            date,
            activity_type,
            kcal_burned: numbers::whole(cell(self.kcal_burned)).or_count(&mut unreadable),
            distance_mi: length(fields, self.distance, |km| km / KM_PER_MILE).or_count(&mut unreadable),
            duration_sec: numbers::real(cell(self.duration_sec)).or_count(&mut unreadable),
            avg_pace: length(fields, self.avg_pace, |pace| pace * KM_PER_MILE).or_count(&mut unreadable),
            max_pace: length(fields, self.max_pace, |pace| pace * KM_PER_MILE).or_count(&mut unreadable),
            steps: numbers::whole(cell(self.steps)).or_count(&mut unreadable),
            link,
        };
        Ok(Good {
            workout,
            label,
            unreadable_cells: unreadable,
        })
    }

    /// The optional parts of a workout, and whether the file has a column for each.
    fn optional(&self) -> [(&'static str, bool); 8] {
        [
            ("activity_type", self.activity_type.is_some()),
            ("kcal_burned", self.kcal_burned.is_some()),
            ("distance_mi", self.distance.is_some()),
            ("duration_sec", self.duration_sec.is_some()),
            ("avg_pace", self.avg_pace.is_some()),
            ("max_pace", self.max_pace.is_some()),
            ("steps", self.steps.is_some()),
            ("link", self.link.is_some()),
        ]
    }

    /// How many of the optional parts have a column.
    pub fn found(&self) -> usize {
        self.optional().iter().filter(|(_, found)| *found).count()
    }

    /// The optional parts without a column, by their names in the schema.
    pub fn absent(&self) -> Vec<&'static str> {
        let optional = self.optional();
        optional
            .iter()
            .filter(|(_, found)| !found)
            .map(|(name, _)| *name)
            .collect()
    }

    fn workout_id(&self, fields: &ByteRecord) -> Result<String, String> {
        let name = self.id.name;
        let Some(cell) = text(fields, self.id.index, name)? else {
            return Err(format!("no workout id: the {name} cell is blank"));
        };
        let id = (self.read_id)(cell)?;
        if id.chars().any(char::is_control) {
            return Err(format!("the workout id {} holds a control character", quoted(id)));
        }
        let chars = id.chars().count();
        if chars > MAX_WORKOUT_ID_CHARS {
            return Err(format!(
                "the workout id {} has {chars} characters; at most {MAX_WORKOUT_ID_CHARS} can be stored",
                quoted(id)
            ));
        }
        Ok(id.to_owned())
    }

    fn workout_date(&self, fields: &ByteRecord) -> Result<WorkoutDate, String> {
        let name = self.date.name;
        let Some(cell) = text(fields, self.date.index, name)? else {
            return Err(format!("no date: the {name} cell is blank"));
        };
        (self.read_date)(cell)
            .ok_or_else(|| format!("the {name} {} is no date; it must be {}", quoted(cell), self.date_forms))
    }
}

/// A text cell, trimmed; `None` where it is blank.
fn text<'a>(fields: &'a ByteRecord, index: usize, name: &str) -> Result<Option<&'a str>, String> {
    let bytes = fields.get(index).unwrap_or_default();
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to() + 1;
        format!("the {name} cell is not UTF-8 (byte {at}); save the file as UTF-8")
    })?;
    let text = text.trim();
    Ok((!text.is_empty()).then_some(text))
}

/// A text cell of a column that may be missing, of at most `max` characters.
fn bounded(fields: &ByteRecord, index: Option<usize>, name: &str, max: usize) -> Result<Option<String>, String> {
    let Some(index) = index else {
        return Ok(None);
    };
    let Some(text) = text(fields, index, name)? else {
        return Ok(None);
    };
    let chars = text.chars().count();
    if chars > max {
        return Err(format!(
            "the {name} has {chars} characters; at most {max} can be stored"
        ));
    }
    Ok(Some(text.to_owned()))
}

/// A number in miles or per mile; `convert` is used where the column is in kilometres.
fn length(fields: &ByteRecord, column: Option<(usize, Unit)>, convert: impl Fn(f64) -> f64) -> Cell<f64> {
    let Some((index, unit)) = column else {
        return Cell::Blank;
    };
    match (numbers::real(fields.get(index).unwrap_or_default()), unit) {
        (Cell::Value(value), Unit::Kilometre) => numbers::finite(convert(value)),
        (cell, _) => cell,
    }
}

/// A cell as reasons show it: in quotes, control characters escaped, not too long.
pub(super) fn quoted(cell: &str) -> String {
    let shown: String = cell.chars().take(MAX_QUOTED_CHARS).collect();
    let more = if shown.len() < cell.len() { ".." } else { "" };
    format!("'{}{more}'", shown.escape_debug())
}
