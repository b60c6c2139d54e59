//! SQLite's own limit for an import: finished rows into an empty table, one prepared INSERT, one transaction.
//!
//! `bench_floor_sqlite_insert --from FILE.db --to FILE.db` reads `workout_summary` of `--from` into memory, creates
//! the same table and indexes in the new file `--to`, starts its clock, inserts, commits, and prints
//! `{"rows":..,"write_s":..}`.
//!
//! Why: together with the time that Polars needs to read the CSV, what an import could at best cost.

use std::io::Write;
use std::time::Instant;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

type Failure = Box<dyn std::error::Error>;

const COLUMNS: &str =
    "workout_id,workout_date,activity_type,kcal_burned,distance_mi,duration_sec,avg_pace,max_pace,steps,link";

fn arguments() -> Result<(String, String), Failure> {
    let (mut from, mut to) = (None, None);
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--from" => from = Some(value),
            "--to" => to = Some(value),
            _ => return Err(format!("unknown argument {name}").into()),
        }
    }
    Ok((from.ok_or("--from FILE is missing")?, to.ok_or("--to FILE is missing")?))
}

/// The rows in the order of the generated file (newest first, ids descending), and the statements that make the table.
fn read(from: &str) -> Result<(Vec<Vec<Value>>, Vec<String>), Failure> {
    let source = Connection::open(from)?;
    let mut ddl =
        source.prepare("SELECT sql FROM sqlite_schema WHERE tbl_name = 'workout_summary' AND sql IS NOT NULL")?;
    let ddl = ddl.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut query = source.prepare(&format!(
        "SELECT {COLUMNS} FROM workout_summary ORDER BY workout_id DESC"
    ))?;
    let width = query.column_count();
    let rows = query.query_map([], |row| (0..width).map(|i| row.get(i)).collect())?;
    Ok((rows.collect::<Result<_, _>>()?, ddl))
}

fn main() -> Result<(), Failure> {
    let (from, to) = arguments()?;
    let (rows, ddl) = read(&from)?;
    let mut store = Connection::open(&to)?;
    // As Paceline opens its own file.
    store.pragma_update(None, "journal_mode", "WAL")?;
    store.pragma_update(None, "synchronous", "FULL")?;
    for statement in ddl {
        store.execute(&statement, [])?;
    }
    let marks = vec!["?"; COLUMNS.split(',').count()].join(",");
    let begun = Instant::now();
    let transaction = store.transaction()?;
    {
        let mut insert = transaction.prepare(&format!("INSERT INTO workout_summary ({COLUMNS}) VALUES ({marks})"))?;
        for row in &rows {
            insert.execute(params_from_iter(row))?;
        }
    }
    transaction.commit()?;
    let seconds = begun.elapsed().as_secs_f64();
    let mut out = std::io::stdout();
    writeln!(out, r#"{{"rows":{},"write_s":{seconds}}}"#, rows.len())?;
    Ok(())
}
