//! Paceline's own CSV: the columns of `workout_summary`, optionally with a label.
//!
//! Why: other vendors' data, fixtures and labelled sets come in this form, and what Paceline writes
//! it can read.
//!
//! Invariants: units are those in the columns' names; ids and texts are taken as they stand, but for
//! white space around them.
//!
//! Must not know: other vendors.

use super::header::Header;
use super::layout::{Layout, Needed, Unit};
use super::{Format, dates};

/// The columns without which a file is not in this form.
pub(super) const REQUIRED: [&str; 2] = ["workout_id", "workout_date"];

/// The layout of a file with this header; `None` when it is not in this form.
pub(super) fn layout(header: &Header) -> Option<Layout> {
    let column = |name: &str| header.index(name).or_else(|| header.index(&name.replace('_', " ")));
    let (id, date) = (column(REQUIRED[0])?, column(REQUIRED[1])?);
    let in_miles = |name: &str| column(name).map(|index| (index, Unit::Mile));
    Some(Layout {
        format: Format::Canonical,
        columns: header.names.len(),
        id: Needed {
            index: id,
            name: REQUIRED[0],
        },
        read_id: |cell| Ok(cell),
        date: Needed {
            index: date,
            name: REQUIRED[1],
        },
        read_date: dates::iso,
        date_forms: "like '2025-10-07' or '2025-10-07 18:30:00'",
        activity_type: column("activity_type"),
        kcal_burned: column("kcal_burned"),
        distance: in_miles("distance_mi"),
        duration_sec: column("duration_sec"),
        avg_pace: in_miles("avg_pace"),
        max_pace: in_miles("max_pace"),
        steps: column("steps"),
        link: column("link"),
        label: column("label").or_else(|| column("classification")),
    })
}
