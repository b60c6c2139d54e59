//! The server's own limit for a first night: the rows of a finished one, written again by the smallest loop.
//!
//! `bench_floor_first_night --from URL --to URL [--rows-a-statement 1000]` reads what a first night wrote to the
//! database `--from` into memory, and only then starts its clock: prepared multi-row INSERTs into the empty tables of
//! `--to`, one transaction for each segment, in the order in which Paceline writes (segment, leaves, history, current,
//! marker). It prints `{"rows":..,"transactions":..,"write_s":..}`.
//!
//! Why: the time that a program could at best need on this server, for the same rows, columns and indexes. It knows
//! nothing of Paceline but its tables.

use std::collections::VecDeque;
use std::io::Write;
use std::time::Instant;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, Params, Row, TxOpts, Value};

type Failure = Box<dyn std::error::Error>;

const SEGMENTS: (&str, &str) = (
    "audit_segments",
    "segment_id,run_id,row_count,merkle_root,prev_head,head,encoding_version,sealed_at",
);
const LEAVES: (&str, &str) = ("audit_leaves", "segment_id,part_no,leaves");
const HISTORY: (&str, &str) = (
    "workout_classification_history",
    "workout_id,previous_classification,new_classification,classification_source,classification_confidence,\
     classification_method,model_id,model_version,changed_by,changed_at,reason,features_used,metadata,run_id,segment_id",
);
const CURRENT: (&str, &str) = (
    "workout_ml_classifications",
    "workout_id,current_classification,classification_source,classification_confidence,classification_method,model_id,\
     model_version,is_user_override,original_ml_classification,classified_at,last_updated,classification_change_count,\
     features_snapshot,run_id,label_model_id",
);
const MARKERS: (&str, &str) = (
    "pipeline_chunks",
    "run_id,chunk_no,window_from,window_to,first_workout_id,last_workout_id,rows_written,segment_id,committed_at",
);

/// One prepared INSERT and the numbers it is executed with.
struct Filled {
    sql: String,
    values: Vec<Value>,
}

struct Arguments {
    from: String,
    to: String,
    rows_a_statement: usize,
}

fn arguments() -> Result<Arguments, Failure> {
    let (mut from, mut to, mut rows_a_statement) = (None, None, 1_000);
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--from" => from = Some(value),
            "--to" => to = Some(value),
            "--rows-a-statement" => rows_a_statement = value.parse()?,
            _ => return Err(format!("unknown argument {name}").into()),
        }
    }
    Ok(Arguments {
        from: from.ok_or("--from URL is missing")?,
        to: to.ok_or("--to URL is missing")?,
        rows_a_statement,
    })
}

async fn read(conn: &mut Conn, (table, columns): (&str, &str), order: &str) -> Result<VecDeque<Vec<Value>>, Failure> {
    // Prepared, so that numbers and instants arrive as such and are sent back the same way.
    let query = format!("SELECT {columns} FROM {table} ORDER BY {order}");
    let rows = conn.exec_map(query, (), |row: Row| row.unwrap()).await?;
    Ok(rows.into())
}

/// The INSERTs of `rows`, `rows_a_statement` each.
fn statements(rows: Vec<Vec<Value>>, (table, columns): (&str, &str), rows_a_statement: usize) -> Vec<Filled> {
    let width = columns.split(',').count();
    let tuple = format!("({})", vec!["?"; width].join(","));
    let mut rows = rows.into_iter().peekable();
    let mut filled = Vec::new();
    while rows.peek().is_some() {
        let some: Vec<Vec<Value>> = rows.by_ref().take(rows_a_statement).collect();
        let sql = format!(
            "INSERT INTO {table} ({columns}) VALUES {}",
            vec![tuple.as_str(); some.len()].join(",")
        );
        filled.push(Filled {
            sql,
            values: some.into_iter().flatten().collect(),
        });
    }
    filled
}

fn number(value: &Value) -> Result<usize, Failure> {
    match value {
        Value::Int(n) => Ok(usize::try_from(*n)?),
        Value::UInt(n) => Ok(usize::try_from(*n)?),
        other => Err(format!("a number was expected, found {other:?}").into()),
    }
}

/// The transactions of a finished first night, each as its statements.
async fn transactions(from: &str, rows_a_statement: usize) -> Result<(Vec<Vec<Filled>>, usize), Failure> {
    let mut conn = Conn::new(Opts::from_url(from)?).await?;
    let segments = read(&mut conn, SEGMENTS, "segment_id").await?;
    let mut leaves = read(&mut conn, LEAVES, "segment_id, part_no").await?;
    let mut history = read(&mut conn, HISTORY, "history_id").await?;
    let mut current = read(&mut conn, CURRENT, "workout_id").await?;
    let mut markers = read(&mut conn, MARKERS, "chunk_no").await?;
    conn.disconnect().await?;
    let rows = segments.len() + leaves.len() + history.len() + current.len() + markers.len();
    if history.len() != current.len() || segments.len() != markers.len() {
        return Err("the database of --from does not hold one finished first night".into());
    }
    let mut transactions = Vec::with_capacity(segments.len());
    for segment in segments {
        let (id, size) = (segment[0].clone(), number(&segment[2])?);
        let own_leaves = leaves.iter().take_while(|leaf| leaf[0] == id).count();
        let mut all = statements(vec![segment], SEGMENTS, rows_a_statement);
        let parts = [
            (leaves.drain(..own_leaves).collect(), LEAVES),
            (history.drain(..size).collect(), HISTORY),
            (current.drain(..size).collect(), CURRENT),
            (markers.drain(..1).collect::<Vec<_>>(), MARKERS),
        ];
        for (rows, table) in parts {
            all.extend(statements(rows, table, rows_a_statement));
        }
        transactions.push(all);
    }
    Ok((transactions, rows))
}

/// The runs that the markers refer to must be there; a first night enters its run before it writes, too.
async fn copy_runs(arguments: &Arguments) -> Result<(), Failure> {
    const RUNS: (&str, &str) = (
        "pipeline_runs",
        "run_id,pipeline,trigger_kind,status,started_at,rows_read",
    );
    let mut conn = Conn::new(Opts::from_url(&arguments.from)?).await?;
    let runs: Vec<Vec<Value>> = read(&mut conn, RUNS, "run_id").await?.into();
    conn.disconnect().await?;
    let mut conn = Conn::new(Opts::from_url(&arguments.to)?).await?;
    for one in statements(runs, RUNS, arguments.rows_a_statement) {
        conn.exec_drop(one.sql, Params::Positional(one.values)).await?;
    }
    Ok(conn.disconnect().await?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments = arguments()?;
    let (transactions, rows) = transactions(&arguments.from, arguments.rows_a_statement).await?;
    copy_runs(&arguments).await?;
    let count = transactions.len();
    let mut conn = Conn::new(Opts::from_url(&arguments.to)?).await?;
    let begun = Instant::now();
    for statements in transactions {
        let mut transaction = conn.start_transaction(TxOpts::default()).await?;
        for one in statements {
            // The connection keeps statements prepared by their text, so each shape is prepared once.
            transaction.exec_drop(one.sql, Params::Positional(one.values)).await?;
        }
        transaction.commit().await?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    conn.disconnect().await?;
    let mut out = std::io::stdout();
    writeln!(out, r#"{{"rows":{rows},"transactions":{count},"write_s":{seconds}}}"#)?;
    Ok(())
}
