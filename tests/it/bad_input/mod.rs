//! Bad input, and what it gets: a clear error or a counted outcome, the documented exit code, and
//! nothing half-written. Everything here runs the real binary; where the two stores could differ, on
//! both.

mod config;
mod files;
mod foreign;
mod login;
mod models;
mod rows;
mod schema;
mod sqlite;
mod training;

use serde_json::Value;

/// The default recipe.
const NIGHTLY: &str = "pipelines/nightly.toml";
/// The recipe that needs at least three different rows.
const CLASSIC: &str = "pipelines/classic.toml";

/// A file in the columns of `workout_summary`: id, date, sport, miles, seconds, minutes a mile.
fn csv(rows: &[&str]) -> String {
    let header = "workout_id,workout_date,activity_type,distance_mi,duration_sec,avg_pace\n";
    rows.iter().fold(header.to_owned(), |text, row| text + row + "\n")
}

/// Three runs and three walks that every recipe can tell apart.
fn six_workouts() -> String {
    csv(&[
        "r1,2024-01-01,Run,3.1,1674,9.0",
        "r2,2024-01-02,Run,4.0,2256,9.4",
        "r3,2024-01-03,Run,5.0,2700,9.0",
        "w1,2024-01-04,Walk,1.0,1200,20.0",
        "w2,2024-01-05,Walk,1.5,1890,21.0",
        "w3,2024-01-06,Walk,2.0,2280,19.0",
    ])
}

/// A counter of a report, `rows.read` or `quarantined`.
fn count(report: &Value, path: &str) -> u64 {
    let found = path.split('.').fold(report, |value, key| &value[key]);
    found.as_u64().unwrap_or_else(|| panic!("no {path} in {report}"))
}

/// One field of every object of a list, in its order.
fn texts<'v>(list: &'v Value, key: &str) -> Vec<&'v str> {
    let rows = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    rows.iter().map(|row| row[key].as_str().unwrap_or("null")).collect()
}
