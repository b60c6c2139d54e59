//! Workouts in portions: what does not fit into memory at once, or need not.
//!
//! Why: a backfill goes over more workouts than it may hold. It reads a window by its dates, the state of
//! just those workouts, and, to choose a model, the whole source a slice at a time.
//!
//! Invariants: only reads; a slice holds at most the given number of rows.
//!
//! Must not know: what is done with a slice.

use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row, Value};
use crate::sql;
use crate::stage::frame::{Classifications, Frame};
use crate::time::WorkoutDate;

use super::workouts::{self, LOAD_ALL, LOAD_WINDOW, LoadedWorkouts, Window};
use super::{Store, StoreError, classifications};

static BETWEEN: Statement = sql!("query/load_workouts_between");
static RANGE: Statement = sql!("query/workout_range");
static COUNT: Statement = sql!("query/workout_count");
static STATE_OF: Statement = sql!("query/classifications_of");
static ANY: Statement = sql!("query/classified_any");

/// Workouts that one statement asks for by id; a power of two.
const IDS_A_STATEMENT: usize = 512;

impl Store {
    /// The workouts dated in `[from, to)`, as stages take them.
    ///
    /// # Errors
    /// [`StoreError::Db`] for the database, [`StoreError::Frame`] where an id stands twice.
    pub async fn workouts_between(&self, from: WorkoutDate, to: WorkoutDate) -> Result<LoadedWorkouts, StoreError> {
        let mut builders = workouts::Builders::default();
        let params = Params::none().with("from", from).with("to", to);
        let each = |row: &Row<'_>| {
            builders.push(row);
            Ok(())
        };
        self.db.query(&BETWEEN, &params, each).await?;
        builders.finish()
    }

    /// The workouts of a window in slices of at most `rows`, in key order of the database; of those that
    /// `keep` is true for by their id.
    ///
    /// # Errors
    /// As [`Store::workouts_between`]; and whatever `each` refuses.
    pub async fn workouts_in_slices(
        &self,
        window: Window,
        rows: usize,
        mut keep: impl FnMut(&str) -> bool + Send,
        mut each: impl FnMut(LoadedWorkouts) -> Result<(), StoreError> + Send,
    ) -> Result<(), StoreError> {
        let mut builders = workouts::Builders::default();
        let mut filled = 0;
        let mut refused = None;
        let per_row = |row: &Row<'_>| {
            if refused.is_some() || !row.text(0).is_ok_and(&mut keep) {
                return Ok(());
            }
            builders.push(row);
            filled += 1;
            if filled == rows {
                filled = 0;
                refused = std::mem::take(&mut builders).finish().and_then(&mut each).err();
            }
            Ok(())
        };
        if window.is_everything() {
            self.db.query(&LOAD_ALL, &Params::none(), per_row).await?;
        } else {
            self.db.query(&LOAD_WINDOW, &window.params(), per_row).await?;
        }
        match refused {
            Some(error) => Err(error),
            None => builders.finish().and_then(each),
        }
    }

    /// The first and the last workout date in a window; None without workouts.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn workout_range(&self, window: Window) -> Result<Option<(WorkoutDate, WorkoutDate)>, StoreError> {
        let mut range = None;
        let each = |row: &Row<'_>| {
            let ends = row.opt_micros(0)?.zip(row.opt_micros(1)?);
            range = ends.map(|(first, last)| (WorkoutDate::from_micros(first), WorkoutDate::from_micros(last)));
            Ok(())
        };
        self.db.query(&RANGE, &window.params(), each).await?;
        Ok(range)
    }

    /// How many workouts are dated in a window.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn count_workouts(&self, window: Window) -> Result<u64, StoreError> {
        let mut count = 0;
        let each = |row: &Row<'_>| {
            count = row.int(0)?.max(0) as u64;
            Ok(())
        };
        self.db.query(&COUNT, &window.params(), each).await?;
        Ok(count)
    }

    /// True where any workout has a verdict.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn has_classifications(&self) -> Result<bool, StoreError> {
        let rows = self.db.query(&ANY, &Params::none(), |_| Ok::<_, DbError>(())).await?;
        Ok(rows > 0)
    }

    /// The stored state of those of `ids` that have one.
    ///
    /// # Errors
    /// [`StoreError::Db`], [`StoreError::Frame`].
    pub async fn classifications_of(&self, ids: &[&str]) -> Result<Frame<Classifications>, StoreError> {
        let mut builders = classifications::Builders::default();
        for some in ids.chunks(IDS_A_STATEMENT) {
            // Filled up with the last id to a power of two: ten texts to prepare and keep, and not one for each
            // number of ids.
            let filled = some.iter().chain(some.last().into_iter().cycle());
            let list = filled
                .take(some.len().next_power_of_two())
                .map(|id| Value::from(*id))
                .collect();
            let params = Params::none().with_list("ids", list);
            self.db.query(&STATE_OF, &params, |row| builders.push(row)).await?;
        }
        builders.finish()
    }
}
