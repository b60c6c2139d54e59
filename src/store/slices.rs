//! Workouts in portions: what does not fit into memory at once, or need not.
//!
//! Why: a backfill goes over more workouts than it may hold. It cuts a window into stretches, reads each with
//! the state of just those workouts, and, to choose a model, the whole source a slice at a time.
//!
//! Invariants: only reads; a slice holds at most the given number of rows; the stretches of a window follow one
//! another without gap or overlap, whatever is written while they are read.
//!
//! Must not know: what is done with a slice.

use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row};
use crate::sql;
use crate::stage::frame::{Classifications, Frame};
use crate::time::WorkoutDate;

use super::workouts::{self, LOAD_ALL, LOAD_WINDOW, LoadedWorkouts, Window};
use super::{Store, StoreError, classifications};

static STRETCH: Statement = sql!("query/load_workouts_stretch");
static STRETCH_STATE: Statement = sql!("query/classifications_stretch");
static STRETCH_END: Statement = sql!("query/stretch_end");
static RANGE: Statement = sql!("query/workout_range");
static COUNT: Statement = sql!("query/workout_count");
static ANY: Statement = sql!("query/classified_any");

/// A place in the order of dates and, within a date, of keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The date.
    pub date: WorkoutDate,
    /// The key; None: before all workouts of the date.
    pub id: Option<String>,
}

impl Place {
    /// Before all workouts of a date.
    pub fn start_of(date: WorkoutDate) -> Self {
        Self { date, id: None }
    }
}

/// Neighbouring workouts in the order of date and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Inclusive.
    pub from: Place,
    /// Exclusive.
    pub to: Place,
}

impl Stretch {
    fn params(&self) -> Params {
        Params::none()
            .with("from", self.from.date)
            .with("from_id", self.from.id.as_deref())
            .with("to", self.to.date)
            .with("to_id", self.to.id.as_deref())
    }
}

impl Store {
    /// The workouts dated in `[from, to)` as stretches of `rows` workouts, the last of fewer, in order; at least
    /// one. A stretch has more where workouts are added after it was cut.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn stretches(&self, from: WorkoutDate, to: WorkoutDate, rows: usize) -> Result<Vec<Stretch>, StoreError> {
        let (mut start, end) = (Place::start_of(from), Place::start_of(to));
        let mut stretches = Vec::new();
        while let Some(next) = self.stretch_end(&start, to, rows.max(1)).await? {
            // Dates are compared to the second here and as they are in the database: no step back ever.
            if next <= start {
                break;
            }
            let from = std::mem::replace(&mut start, next.clone());
            stretches.push(Stretch { from, to: next });
        }
        stretches.push(Stretch { from: start, to: end });
        Ok(stretches)
    }

    /// The place that `rows` workouts after `from` come before; None where there are no more dated before `to`.
    async fn stretch_end(&self, from: &Place, to: WorkoutDate, rows: usize) -> Result<Option<Place>, StoreError> {
        let params = Params::none()
            .with("from", from.date)
            .with("from_id", from.id.as_deref())
            .with("to", to)
            .with("rows", rows as i64);
        let mut end = None;
        let each = |row: &Row<'_>| {
            // A row that cannot be read is refused where it is loaded; here the next one serves as well.
            if let (None, Ok(Some(micros)), Ok(id)) = (&end, row.opt_micros(0), row.text(1)) {
                end = Some(Place {
                    date: WorkoutDate::from_micros(micros),
                    id: Some(id.to_owned()),
                });
            }
            Ok(())
        };
        self.db.query(&STRETCH_END, &params, each).await?;
        Ok(end)
    }

    /// The workouts of a stretch, as stages take them.
    ///
    /// # Errors
    /// [`StoreError::Db`] for the database, [`StoreError::Frame`] where an id stands twice.
    pub async fn stretch_workouts(&self, stretch: &Stretch) -> Result<LoadedWorkouts, StoreError> {
        let mut builders = workouts::Builders::default();
        let each = |row: &Row<'_>| {
            builders.push(row);
            Ok(())
        };
        self.db.query(&STRETCH, &stretch.params(), each).await?;
        builders.finish()
    }

    /// The stored state of the workouts of a stretch.
    ///
    /// # Errors
    /// [`StoreError::Db`], [`StoreError::Frame`].
    pub async fn stretch_state(&self, stretch: &Stretch) -> Result<Frame<Classifications>, StoreError> {
        let mut builders = classifications::Builders::default();
        let params = stretch.params();
        self.db.query(&STRETCH_STATE, &params, |row| builders.push(row)).await?;
        builders.finish()
    }

    /// The workouts of a window in slices of at most `rows`, in key order of the database; of those that
    /// `keep` is true for by their id.
    ///
    /// # Errors
    /// As [`Store::stretch_workouts`]; and whatever `each` refuses.
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
}
