//! How the workouts of an import batch stand to what is stored: new, the same, or different.
//!
//! Why: an import reports what it changed and writes nothing else. It asks this for every batch, of a table
//! that may be empty or hold just this file, so the question must cost little in both cases.
//!
//! Invariants: only reads; the answer does not depend on the way it was looked up; what is read for one batch
//! is bounded by the batch. A batch whose ids are digits is looked up as a range of keys. Where the table has
//! far more rows in that range than the batch (ids in no order), this batch and all later ones ask for their
//! ids one by one.
//!
//! Must not know: why the workouts came.

use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Cell, Params, Row, Value};
use crate::ingest::Workout;
use crate::sql;

use super::{Store, StoreError};

static IN_RANGE: Statement = sql!("query/workouts_in_range");
static BY_IDS: Statement = sql!("query/workouts_by_ids");

/// Ids that one statement asks for; a power of two.
const IDS_A_STATEMENT: usize = 512;
/// Stored rows that are read for each workout of a batch before the range is given up.
const ROWS_A_WORKOUT: usize = 4;
/// Stored rows that are read for the smallest batch.
const LEAST_ROWS: usize = 64;

/// A workout beside the stored row of its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    New,
    /// Storing the workout would change nothing.
    Same,
    /// It says something else.
    Different,
}

/// Which way stored rows are looked up; remembered from batch to batch of one import.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lookup {
    scattered: bool,
}

impl Lookup {
    /// True from the batch on whose range of keys held far more rows than the batch.
    pub fn is_scattered(&self) -> bool {
        self.scattered
    }
}

/// True where storing `workout` in the place of `row` would change nothing. Columns of 4-byte floats round what
/// is stored in them, so the workout is compared as they would hold it.
fn is_same(row: &Row<'_>, workout: &Workout) -> Result<bool, DbError> {
    let single = (4..=7).any(|index| matches!(row.cell(index), Ok(Cell::Single(_))));
    let number = |index, new: Option<f64>| {
        let as_stored = new.map(|new| if single { f64::from(new as f32) } else { new });
        Ok::<bool, DbError>(row.opt_real(index)? == as_stored)
    };
    Ok(row.opt_micros(1)? == Some(workout.date.micros())
        && row.opt_text(2)? == workout.activity_type.as_deref()
        && row.opt_int(3)? == workout.kcal_burned
        && number(4, workout.distance_mi)?
        && number(5, workout.duration_sec)?
        && number(6, workout.avg_pace)?
        && number(7, workout.max_pace)?
        && row.opt_int(8)? == workout.steps
        && row.opt_text(9)? == workout.link.as_deref())
}

/// The answer for a batch, filled in as stored rows arrive.
struct Answer<'w> {
    workouts: &'w [&'w Workout],
    standings: Vec<Standing>,
}

impl Answer<'_> {
    fn take(&mut self, row: &Row<'_>) -> Result<(), DbError> {
        let id = row.text(0)?;
        // A collation may take two ids for one; those of the batch are told apart by their bytes.
        if let Ok(at) = self.workouts.binary_search_by(|w| w.id.as_str().cmp(id)) {
            // A stored row that cannot be read (no date, text for a number) is one that no import wrote.
            let same = is_same(row, self.workouts[at]).unwrap_or(false);
            self.standings[at] = if same { Standing::Same } else { Standing::Different };
        }
        Ok(())
    }
}

/// The first and the last id where every collation orders all of them by their bytes: digits.
fn key_range<'w>(workouts: &[&'w Workout]) -> Option<(&'w str, &'w str)> {
    let is_number = |w: &&&Workout| w.id.bytes().all(|b| b.is_ascii_digit());
    let (first, last) = (workouts.first()?, workouts.last()?);
    workouts
        .iter()
        .all(|w| is_number(&w))
        .then_some((first.id.as_str(), last.id.as_str()))
}

impl Store {
    /// How each of `workouts`, ascending by id and each id once, stands to what is stored; in their order.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    ///
    /// # Panics
    /// Where the workouts do not ascend: an answer could not be told from a guess then.
    pub async fn standings(&self, workouts: &[&Workout], lookup: &mut Lookup) -> Result<Vec<Standing>, StoreError> {
        assert!(
            workouts.is_sorted_by(|a, b| a.id < b.id),
            "workouts are looked up in the order of their ids"
        );
        let standings = vec![Standing::New; workouts.len()];
        let mut answer = Answer { workouts, standings };
        if let Some((first, last)) = key_range(workouts).filter(|_| !lookup.scattered) {
            let most = workouts.len() * ROWS_A_WORKOUT + LEAST_ROWS;
            let params = Params::none().with("first", first).with("last", last);
            let params = params.with("most", most as i64);
            let read = self.db.query(&IN_RANGE, &params, |row| answer.take(row)).await?;
            if read < most as u64 {
                return Ok(answer.standings);
            }
            lookup.scattered = true;
        }
        for some in workouts.chunks(IDS_A_STATEMENT) {
            // Filled up with the last id to a power of two: ten texts to prepare and keep, and not one for each
            // number of ids.
            let filled = some.iter().chain(some.last().into_iter().cycle());
            let list = filled.take(some.len().next_power_of_two());
            let list = list.map(|w| Value::from(w.id.as_str())).collect();
            let params = Params::none().with_list("ids", list);
            self.db.query(&BY_IDS, &params, |row| answer.take(row)).await?;
        }
        Ok(answer.standings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WorkoutDate;

    fn workout(id: &str) -> Workout {
        Workout {
            id: id.to_owned(),
            date: WorkoutDate::from_micros(0),
            activity_type: None,
            kcal_burned: None,
            distance_mi: None,
            duration_sec: None,
            avg_pace: None,
            max_pace: None,
            steps: None,
            link: None,
        }
    }

    #[test]
    fn only_numbers_are_a_range_of_keys() {
        let [a, b, c] = [workout("10"), workout("9"), workout("9a")];
        assert_eq!(key_range(&[&a, &b]), Some(("10", "9")), "as texts");
        assert_eq!(key_range(&[&a, &c]), None);
        assert_eq!(key_range(&[]), None);
    }
}
