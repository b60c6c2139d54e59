//! CSV in, frames out, for the stage tests: empty cells are nulls, `NaN` and `inf` are themselves.

use std::collections::BTreeMap;
use std::path::Path;

use paceline::stage::features::{Activities, featurize};
use paceline::stage::frame::{Classifications, Features, Frame, Workouts};
use paceline::time::WorkoutDate;
use polars::prelude::*;

/// One line of a CSV, by column.
pub type Record = BTreeMap<String, String>;

/// The lines of a CSV with a header.
pub fn read_csv(path: &Path) -> Vec<Record> {
    let mut reader = csv::Reader::from_path(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    reader
        .deserialize()
        .map(|line| line.unwrap_or_else(|e| panic!("{}: {e}", path.display())))
        .collect()
}

/// The cell's text; absent where the column or the text is.
pub fn cell<'a>(record: &'a Record, column: &str) -> Option<&'a str> {
    record.get(column).map(String::as_str).filter(|c| !c.is_empty())
}

/// The cell as a number.
pub fn number(record: &Record, column: &str) -> Option<f64> {
    cell(record, column).map(|c| c.parse().unwrap_or_else(|e| panic!("{column} = '{c}': {e}")))
}

/// The cell as microseconds of a date; 2020-01-01 where it is empty.
pub fn micros(record: &Record, column: &str) -> i64 {
    let text = cell(record, column).unwrap_or("2020-01-01");
    let date: WorkoutDate = text.parse().unwrap_or_else(|e| panic!("{column}: {e}"));
    date.micros()
}

fn texts(name: &str, records: &[Record]) -> Column {
    Column::new(name.into(), records.iter().map(|r| cell(r, name)).collect::<Vec<_>>())
}

fn numbers(name: &str, records: &[Record]) -> Column {
    Column::new(name.into(), records.iter().map(|r| number(r, name)).collect::<Vec<_>>())
}

/// A frame of workouts from records with its columns.
pub fn workouts(records: &[Record]) -> Frame<Workouts> {
    let dates: Vec<i64> = records.iter().map(|r| micros(r, "workout_date")).collect();
    let dates = Int64Chunked::from_vec("workout_date".into(), dates).into_datetime(TimeUnit::Microseconds, None);
    let columns = vec![
        texts("workout_id", records),
        dates.into_column(),
        texts("activity_type", records),
        numbers("avg_pace", records),
        numbers("distance_mi", records),
        numbers("duration_sec", records),
    ];
    let df = DataFrame::new(records.len(), columns).expect("columns of one length");
    Frame::parse(df).unwrap_or_else(|e| panic!("{e}"))
}

/// The features of all records, whatever their activity.
pub fn features(records: &[Record]) -> Frame<Features> {
    featurize(&workouts(records), &Activities::All)
        .unwrap_or_else(|e| panic!("{e}"))
        .features
}

/// A stored state from records with its columns; `is_user_override` is `true` or anything else.
pub fn classifications(records: &[Record]) -> Frame<Classifications> {
    let overridden: Vec<bool> = records
        .iter()
        .map(|r| cell(r, "is_user_override") == Some("true"))
        .collect();
    let columns = vec![
        texts("workout_id", records),
        texts("current_classification", records),
        numbers("classification_confidence", records),
        texts("model_id", records),
        Column::new("is_user_override".into(), overridden),
        texts("original_ml_classification", records),
        Column::new(
            "classification_id".into(),
            (1..=records.len() as i64).collect::<Vec<_>>(),
        ),
    ];
    let df = DataFrame::new(records.len(), columns).expect("columns of one length");
    Frame::parse(df).unwrap_or_else(|e| panic!("{e}"))
}

/// The text of row `i`; empty for null. Floats are their shortest text.
pub fn show_text(column: &StringChunked, i: usize) -> String {
    column.get(i).unwrap_or_default().to_owned()
}

/// The number of row `i`; empty for null.
pub fn show_real(column: &Float64Chunked, i: usize) -> String {
    column.get(i).map(|v| v.to_string()).unwrap_or_default()
}
