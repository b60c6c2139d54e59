//! `workout_summary`: the rows that are classified, in and out.
//!
//! Why: the table may belong to someone else, with FLOAT columns and NULLs where ours has none;
//! this is the one place that knows.
//!
//! Invariants: reading never changes a row; a row that no stage can take is refused with its reason and
//! never stops the others; an import inserts and replaces, and never deletes.
//!
//! Must not know: CSV.

use polars::prelude::*;

use crate::db::error::DbError;
use crate::db::statement::{Batch, Insert, Statement, Transaction};
use crate::db::value::{Cell, Params, Row};
use crate::id::MAX_WORKOUT_ID_CHARS;
use crate::ingest::Workout;
use crate::sql;
use crate::stage::columns::Words;
use crate::stage::frame::{Frame, FrameError, Workouts};
use crate::time::WorkoutDate;

use super::quarantine::{self, Quarantined};
use super::standings::{Lookup, Standing};
use super::{Store, StoreError, settled};

pub(super) static LOAD_ALL: Statement = sql!("query/load_all_workouts").large();
pub(super) static LOAD_WINDOW: Statement = sql!("query/load_workouts");
static BY_ID: Statement = sql!("query/workout_by_id");

const COLUMNS: &[&str] = &[
    "workout_id",
    "workout_date",
    "activity_type",
    "kcal_burned",
    "distance_mi",
    "duration_sec",
    "avg_pace",
    "max_pace",
    "steps",
    "link",
];

/// New rows have no conflict tail: a key that collates equal to another is an error, not a loss.
static INSERT_NEW: Insert = Insert {
    table: "workout_summary",
    columns: COLUMNS,
    mysql_tail: "",
    sqlite_tail: "",
};

static UPSERT_CHANGED: Insert = Insert {
    table: "workout_summary",
    columns: COLUMNS,
    mysql_tail: include_str!("../../sql/mysql/upsert_workout.sql"),
    sqlite_tail: include_str!("../../sql/sqlite/upsert_workout.sql"),
};

/// Numbers in the making, with gaps.
pub(super) type Reals = PrimitiveChunkedBuilder<Float64Type>;

/// A half-open window of workout dates; an open end is None.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// Inclusive.
    pub from: Option<WorkoutDate>,
    /// Exclusive.
    pub to: Option<WorkoutDate>,
}

impl Window {
    /// True where neither end is given: the whole table.
    pub fn is_everything(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    pub(super) fn params(&self) -> Params {
        Params::none().with("from", self.from).with("to", self.to)
    }
}

/// The workouts of a window, and the rows that cannot be placed in any.
pub struct LoadedWorkouts {
    /// Rows that stages can use, ascending by id.
    pub frame: Frame<Workouts>,
    /// Rows that were refused, whole, with the reason.
    pub refused: Vec<Quarantined>,
}

/// Column builders that a row is appended to straight from the wire.
pub(super) struct Builders {
    ids: StringChunkedBuilder,
    dates: Vec<i64>,
    activities: Words,
    paces: Reals,
    distances: Reals,
    durations: Reals,
    refused: Vec<Quarantined>,
}

impl Default for Builders {
    fn default() -> Self {
        Self {
            ids: StringChunkedBuilder::new("workout_id".into(), 0),
            dates: Vec::new(),
            activities: Words::default(),
            paces: Reals::new("avg_pace".into(), 0),
            distances: Reals::new("distance_mi".into(), 0),
            durations: Reals::new("duration_sec".into(), 0),
            refused: Vec::new(),
        }
    }
}

impl Builders {
    pub(super) fn push(&mut self, row: &Row<'_>) {
        if let Err(reason) = self.take(row) {
            self.refused.push(refused_row(row, reason));
        }
    }

    /// Appends a row, or says why no stage can take it and appends nothing.
    fn take(&mut self, row: &Row<'_>) -> Result<(), String> {
        let unreadable = |error: DbError| error.to_string();
        let id = row.text(0).map_err(unreadable)?;
        // Only somebody else's table can hold one; the tables that refer to it cannot.
        if id.len() > MAX_WORKOUT_ID_CHARS && id.chars().count() > MAX_WORKOUT_ID_CHARS {
            let chars = id.chars().count();
            return Err(format!(
                "workout_id has {chars} characters; at most {MAX_WORKOUT_ID_CHARS} can be classified"
            ));
        }
        let date = row.opt_micros(1).map_err(unreadable)?;
        let date = date.ok_or_else(|| "workout_date is NULL".to_owned())?;
        let activity = row.opt_text(2).map_err(unreadable)?;
        let pace = row.opt_real(3).map_err(unreadable)?;
        let distance = row.opt_real(4).map_err(unreadable)?;
        let duration = row.opt_real(5).map_err(unreadable)?;
        self.ids.append_value(id);
        self.dates.push(date);
        self.activities.push(activity);
        self.paces.append_option(pace);
        self.distances.append_option(distance);
        self.durations.append_option(duration);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<LoadedWorkouts, StoreError> {
        let polars = |source| FrameError::Polars {
            frame: "workouts",
            source,
        };
        let dates = Int64Chunked::from_vec("workout_date".into(), self.dates);
        let height = dates.len();
        let columns = vec![
            self.ids.finish().into_column(),
            dates.into_datetime(TimeUnit::Microseconds, None).into_column(),
            self.activities.finish("activity_type").map_err(polars)?,
            self.paces.finish().into_column(),
            self.distances.finish().into_column(),
            self.durations.finish().into_column(),
        ];
        let df = DataFrame::new(height, columns).map_err(polars)?;
        Ok(LoadedWorkouts {
            frame: Frame::parse(df)?,
            refused: self.refused,
        })
    }
}

/// The row as JSON, each cell as far as it can be read.
fn refused_row(row: &Row<'_>, reason: String) -> Quarantined {
    let cell = |index| match row.cell(index) {
        Ok(Cell::Null) => serde_json::Value::Null,
        Ok(Cell::Int(v)) => v.into(),
        Ok(Cell::Single(v)) => f64::from(v).into(),
        Ok(Cell::Real(v)) => v.into(),
        Ok(Cell::Text(v)) => v.into(),
        Ok(Cell::Micros(v)) => WorkoutDate::from_micros(v).to_string().into(),
        Err(error) => format!("unreadable: {error}").into(),
    };
    let raw = serde_json::json!({
        "workout_id": cell(0),
        "workout_date": cell(1),
        "activity_type": cell(2),
        "avg_pace": cell(3),
        "distance_mi": cell(4),
        "duration_sec": cell(5),
    });
    Quarantined {
        source: "workout_summary".to_owned(),
        line: None,
        reason,
        raw: raw.to_string(),
    }
}

fn decode(row: &Row<'_>) -> Result<Workout, DbError> {
    let micros = row.opt_micros(1)?.ok_or_else(|| DbError::Decode {
        column: "workout_date".to_owned(),
        expected: "date and time",
        found: "Null".to_owned(),
    })?;
    Ok(Workout {
        id: row.text(0)?.to_owned(),
        date: WorkoutDate::from_micros(micros),
        activity_type: row.opt_string(2)?,
        kcal_burned: row.opt_int(3)?,
        distance_mi: row.opt_real(4)?,
        duration_sec: row.opt_real(5)?,
        avg_pace: row.opt_real(6)?,
        max_pace: row.opt_real(7)?,
        steps: row.opt_int(8)?,
        link: row.opt_string(9)?,
    })
}

fn batch(workouts: &[&Workout]) -> Batch {
    Batch::new(workouts.len())
        .each(workouts.iter().map(|w| w.id.as_str()))
        .each(workouts.iter().map(|w| w.date))
        .each(workouts.iter().map(|w| w.activity_type.as_deref()))
        .each(workouts.iter().map(|w| w.kcal_burned))
        .each(workouts.iter().map(|w| w.distance_mi))
        .each(workouts.iter().map(|w| w.duration_sec))
        .each(workouts.iter().map(|w| w.avg_pace))
        .each(workouts.iter().map(|w| w.max_pace))
        .each(workouts.iter().map(|w| w.steps))
        .each(workouts.iter().map(|w| w.link.as_deref()))
}

impl Store {
    /// The workouts dated in `window`, as stages take them. `on_rows` is told how many have been
    /// read, now and then.
    ///
    /// # Errors
    /// [`StoreError::Db`] for the database, [`StoreError::Frame`] where an id stands twice.
    pub async fn load_workouts(
        &self,
        window: Window,
        mut on_rows: impl FnMut(u64) + Send,
    ) -> Result<LoadedWorkouts, StoreError> {
        let mut builders = Builders::default();
        let mut seen = 0u64;
        let each = |row: &Row<'_>| {
            seen += 1;
            if seen.is_multiple_of(4_096) {
                on_rows(seen);
            }
            builders.push(row);
            Ok(())
        };
        if window.is_everything() {
            self.db.query(&LOAD_ALL, &Params::none(), each).await?;
        } else {
            self.db.query(&LOAD_WINDOW, &window.params(), each).await?;
        }
        builders.finish()
    }

    /// One workout, or None.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn workout(&self, workout_id: &str) -> Result<Option<Workout>, StoreError> {
        let params = Params::none().with("workout_id", workout_id);
        self.row(&BY_ID, &params, decode).await
    }

    /// Writes one import batch in one transaction: new workouts, changed ones, refused rows. No id stands twice.
    ///
    /// # Errors
    /// [`StoreError::Db`]; nothing of the batch is written then.
    pub async fn write_workouts(
        &self,
        new: &[&Workout],
        changed: &[&Workout],
        refused: &[Quarantined],
        stamp: quarantine::Stamp<'_>,
    ) -> Result<(), StoreError> {
        let transaction = Transaction::new("import batch")
            .insert_many(&INSERT_NEW, batch(new))
            .insert_many(&UPSERT_CHANGED, batch(changed))
            .insert_many(&quarantine::INSERT, quarantine::batch(refused, stamp));
        if transaction.steps.is_empty() {
            return Ok(());
        }
        settled(self.transact(transaction).await, || async {
            let mut written: Vec<&Workout> = new.iter().chain(changed).copied().collect();
            written.sort_unstable_by(|a, b| a.id.cmp(&b.id));
            let standings = self.standings(&written, &mut Lookup::default()).await?;
            // Refused rows alone are kept once however often they are written.
            Ok(!written.is_empty() && standings.iter().all(|standing| *standing == Standing::Same))
        })
        .await
    }
}
