//! The header row: which columns there are, however a vendor's version of the day spells them.
//!
//! Why: the same vendor has written `(kcal)` and `(kCal)`, `Max Pace (min/mi)` and `Max Pace`.
//!
//! Invariants: case and white space never matter; of two columns with one name the first counts.
//!
//! Must not know: which columns a vendor needs.

use csv::ByteRecord;

/// The names of a header row.
pub(super) struct Header {
    /// As they stand in the file, trimmed, lossy where they are not UTF-8.
    pub names: Vec<String>,
    keys: Vec<Key>,
}

/// A column's name taken apart: `Avg Pace (min/mi)` is `avgpace` in `min/mi`.
#[derive(Debug, PartialEq, Eq)]
struct Key {
    /// Lower case, without white space and without the unit.
    name: String,
    /// What stands in brackets at the end, lower case; empty where there are none.
    unit: String,
}

/// A column that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found<'a> {
    /// Its place, from 0.
    pub index: usize,
    /// Its unit, lower case; empty where it names none.
    pub unit: &'a str,
}

impl Header {
    /// The header that `fields` are.
    pub fn new(fields: &ByteRecord) -> Self {
        let names: Vec<String> = fields.iter().map(|f| tidy(&String::from_utf8_lossy(f))).collect();
        let keys = names.iter().map(|name| key(name)).collect();
        Self { names, keys }
    }

    /// The first column called `name` (any case, any white space), whatever its unit.
    pub fn find(&self, name: &str) -> Option<Found<'_>> {
        let wanted = key(name).name;
        let index = self.keys.iter().position(|key| key.name == wanted)?;
        Some(Found {
            index,
            unit: &self.keys[index].unit,
        })
    }

    /// The place of [`Header::find`].
    pub fn index(&self, name: &str) -> Option<usize> {
        self.find(name).map(|found| found.index)
    }
}

/// Trimmed, also of a byte order mark that a second tool has put before the first.
fn tidy(name: &str) -> String {
    name.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
        .to_owned()
}

fn key(name: &str) -> Key {
    let plain: String = name
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect();
    let split = plain.strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
    let (name, unit) = split.unwrap_or((&plain, ""));
    Key {
        name: name.to_owned(),
        unit: unit.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str]) -> Header {
        Header::new(&ByteRecord::from(names.to_vec()))
    }

    #[test]
    fn case_space_and_marks_do_not_matter() {
        let header = header(&["\u{feff} date submitted", "CALORIES  burned(kCal)", "Max Pace"]);
        assert_eq!(header.names[0], "date submitted");
        assert_eq!(header.index("Date Submitted"), Some(0));
        let calories = header.find("Calories Burned").expect("a column");
        assert_eq!((calories.index, calories.unit), (1, "kcal"));
        assert_eq!(header.find("Max Pace").expect("a column").unit, "");
        assert_eq!(header.find("Min Pace"), None);
    }

    #[test]
    fn underscores_are_part_of_a_name() {
        let header = header(&["workout_date", "Workout Date"]);
        assert_eq!(header.index("workout date"), Some(1));
        assert_eq!(header.index("WORKOUT_DATE"), Some(0));
    }

    #[test]
    fn of_two_the_first_counts() {
        assert_eq!(header(&["Link", "link"]).index("LINK"), Some(0));
    }
}
