//! The workout history export of MapMyRun, MapMyFitness and their sisters.
//!
//! Why: it is where the workouts come from. The vendor has changed units, spellings and dates over
//! the years, and gives the workout's id only as the end of its link.
//!
//! Invariants: each column's own unit counts, so a file may mix them; a column without one has the
//! unit of the column it belongs to (a maximum pace that of the average pace).
//!
//! Must not know: other vendors.

use super::header::Header;
use super::layout::{Layout, Needed, Unit, quoted};
use super::{Format, IngestError, dates};

/// The columns without which a file is no export of this vendor.
pub(super) const REQUIRED: [&str; 2] = ["Workout Date", "Link"];

/// The layout of a file with this header; `None` when it is not of this vendor.
pub(super) fn layout(header: &Header) -> Option<Result<Layout, IngestError>> {
    let (date, link) = (header.index(REQUIRED[0])?, header.index(REQUIRED[1])?);
    Some(with_units(header, date, link))
}

fn with_units(header: &Header, date: usize, link: usize) -> Result<Layout, IngestError> {
    let distance = length(header, "Distance", LENGTHS)?;
    let avg_pace = length(header, "Avg Pace", PACES)?;
    let max_pace = length(header, "Max Pace", PACES)?;
    let unit_of = |column: Option<(usize, Option<Unit>)>| column.and_then(|(_, unit)| unit);
    let distance_unit = unit_of(distance).or(unit_of(avg_pace)).unwrap_or(Unit::Mile);
    let pace_unit = unit_of(avg_pace).unwrap_or(distance_unit);
    let format = match distance.map_or(pace_unit, |_| distance_unit) {
        Unit::Mile => Format::MapMyRunMiles,
        Unit::Kilometre => Format::MapMyRunKilometres,
    };
    let or = |column: Option<(usize, Option<Unit>)>, unit| column.map(|(index, own)| (index, own.unwrap_or(unit)));
    Ok(Layout {
        format,
        columns: header.names.len(),
        id: Needed {
            index: link,
            name: REQUIRED[1],
        },
        read_id: id_in_link,
        date: Needed {
            index: date,
            name: REQUIRED[0],
        },
        read_date: dates::mapmyrun,
        date_forms: "like 'Oct. 7, 2025', '7-Oct-25' or '2025-10-07'",
        activity_type: header.index("Activity Type"),
        kcal_burned: plain(header, "Calories Burned", &["", "kcal"])?,
        distance: or(distance, distance_unit),
        duration_sec: plain(header, "Workout Time", &["", "seconds", "second", "secs", "sec", "s"])?,
        avg_pace: or(avg_pace, pace_unit),
        max_pace: or(max_pace, pace_unit),
        steps: header.index("Steps"),
        link: Some(link),
        label: header.index("label").or_else(|| header.index("classification")),
    })
}

type Units = &'static [(&'static str, Unit)];
const LENGTHS: Units = &[
    ("mi", Unit::Mile),
    ("mile", Unit::Mile),
    ("miles", Unit::Mile),
    ("km", Unit::Kilometre),
    ("kilometers", Unit::Kilometre),
    ("kilometres", Unit::Kilometre),
];
const PACES: Units = &[
    ("min/mi", Unit::Mile),
    ("min/mile", Unit::Mile),
    ("min/km", Unit::Kilometre),
];

/// A column that may be missing and may leave out its unit.
fn length(header: &Header, name: &'static str, units: Units) -> Result<Option<(usize, Option<Unit>)>, IngestError> {
    let Some(found) = header.find(name) else {
        return Ok(None);
    };
    if found.unit.is_empty() {
        return Ok(Some((found.index, None)));
    }
    let known = units.iter().find(|(text, _)| *text == found.unit);
    let unit = known.ok_or_else(|| unknown_unit(name, found.unit, units.iter().map(|(text, _)| *text)))?;
    Ok(Some((found.index, Some(unit.1))))
}

/// A column that may be missing and is always in one unit.
fn plain(header: &Header, name: &'static str, units: &[&'static str]) -> Result<Option<usize>, IngestError> {
    match header.find(name) {
        Some(found) if !units.contains(&found.unit) => Err(unknown_unit(
            name,
            found.unit,
            units.iter().copied().filter(|u| !u.is_empty()),
        )),
        found => Ok(found.map(|f| f.index)),
    }
}

fn unknown_unit(column: &'static str, found: &str, known: impl Iterator<Item = &'static str>) -> IngestError {
    IngestError::UnknownUnit {
        column,
        found: found.to_owned(),
        known: known.collect::<Vec<_>>().join(", "),
    }
}

/// The digits at the end of a link, before a query, a fragment or slashes.
fn id_in_link(link: &str) -> Result<&str, String> {
    let path = link.split(['?', '#']).next().unwrap_or_default();
    let path = path.trim_end().trim_end_matches('/');
    let digits = path.bytes().rev().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Err(format!(
            "no workout id: the link {} does not end in digits",
            quoted(link)
        ));
    }
    Ok(&path[path.len() - digits..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use csv::ByteRecord;

    fn layout_of(names: &[&str]) -> Result<Layout, IngestError> {
        layout(&Header::new(&ByteRecord::from(names.to_vec()))).expect("the vendor's header")
    }

    #[test]
    fn ids_stand_at_the_end_of_links() {
        for link in [
            "http://x.example/workout/77001",
            "https://x.example/workout/77001/",
            "x/77001//?a=9#b8",
            "x/77001#9",
            "77001",
            "http://x.example/workout/77001 ",
        ] {
            assert_eq!(id_in_link(link), Ok("77001"), "{link}");
        }
        for link in ["http://x.example/workout/", "x/abc", "/?77001", "x/\u{661}"] {
            let reason = id_in_link(link).expect_err("no digits");
            assert!(reason.contains("does not end in digits"), "{reason}");
        }
    }

    #[test]
    fn each_column_has_its_own_unit() {
        let mixed = layout_of(&["Workout Date", "Link", "Distance (km)", "Avg Pace (min/mi)", "Max Pace"]);
        let mixed = mixed.expect("a layout");
        assert_eq!(mixed.format, Format::MapMyRunKilometres);
        assert_eq!(mixed.distance, Some((2, Unit::Kilometre)));
        assert_eq!(mixed.avg_pace, Some((3, Unit::Mile)));
        assert_eq!(mixed.max_pace, Some((4, Unit::Mile)));
    }

    #[test]
    fn a_column_without_a_unit_has_its_neighbours() {
        let km = layout_of(&["Workout Date", "Link", "Distance", "Avg Pace (MIN/KM)", "max pace"]).expect("a layout");
        assert_eq!(km.format, Format::MapMyRunKilometres);
        assert_eq!(km.distance, Some((2, Unit::Kilometre)));
        assert_eq!(km.max_pace, Some((4, Unit::Kilometre)));
        let none = layout_of(&["Workout Date", "Link", "Distance"]).expect("a layout");
        assert_eq!(none.format, Format::MapMyRunMiles);
        assert_eq!(none.distance, Some((2, Unit::Mile)));
    }

    #[test]
    fn a_unit_nobody_knows_is_an_error_not_a_guess() {
        let error = layout_of(&["Workout Date", "Link", "Distance (yd)"]).expect_err("yards");
        assert!(error.to_string().contains("'yd'"), "{error}");
        let error = layout_of(&["Workout Date", "Link", "Workout Time (minutes)"]).expect_err("minutes");
        assert!(error.to_string().contains("'minutes'"), "{error}");
    }
}
