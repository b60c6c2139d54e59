//! Labels that a person set and that somebody wrote over later.
//!
//! Why: an older tool's batch did not look at `is_user_override`; the history still has the person's row, and
//! the current row is the batch's. Nobody has taken that word back, so it is owed to the person.
//!
//! Invariants: only reads; a word that was taken back, by another word of a person or by `override clear`, is
//! never found. A row of others, or one that says how a workout was found, takes nothing back; nor does a row of
//! ours on a workout that was no override any more when it was written.
//!
//! Must not know: how a label is set.

use crate::audit::adopted::FoundState;
use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row};
use crate::sql;
use crate::time::{Timestamp, WorkoutDate};

use super::{Store, StoreError};

static ROWS: Statement = sql!("query/rows_of_corrected");

/// A history row, as far as people ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its number.
    pub history_id: i64,
    /// The label that it gives.
    pub label: String,
    /// Where the label came from.
    pub source: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Option<String>,
    /// The model that said so.
    pub model_id: Option<String>,
}

/// What stands in the current row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The label.
    pub label: String,
    /// True where it is protected as a person's.
    pub is_user_override: bool,
    /// Where it came from.
    pub source: String,
    /// The model that said so.
    pub model_id: Option<String>,
    /// Since when, as far as the row says.
    pub since: Option<Timestamp>,
}

/// A person's word that does not stand, and that nobody took back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overwritten {
    /// The workout.
    pub workout_id: String,
    /// Its date.
    pub workout_date: Option<WorkoutDate>,
    /// The person's row.
    pub word: Written,
    /// What stands now; None where there is no current row.
    pub now: Option<Standing>,
    /// The first row of others after it; None where the current row was changed without a word in the history.
    pub by: Option<Written>,
}

/// What a row is to a person's word.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Role {
    /// A person's.
    Person,
    /// Written by others.
    Others,
    /// Ours, about the state in which a workout was found.
    Found(FoundState),
    /// Ours.
    Ours,
}

/// The history of one workout, so far.
#[derive(Debug, Default)]
struct Trail {
    word: Option<Written>,
    /// True while the word stands, as the history has it.
    stands: bool,
    by: Option<Written>,
}

impl Trail {
    fn push(&mut self, role: &Role, row: Written) {
        match role {
            Role::Person => {
                *self = Self {
                    word: Some(row),
                    stands: true,
                    by: None,
                };
            }
            Role::Others => {
                if self.stands {
                    self.by = Some(row);
                }
                self.stands = false;
            }
            Role::Found(found) => {
                let same = self.word.as_ref().is_some_and(|word| word.label == row.label);
                self.stands = found.present && found.is_user_override && same;
            }
            // We write on an override only where a person clears it.
            Role::Ours if self.stands => *self = Self::default(),
            Role::Ours => {}
        }
    }
}

/// One workout on which a person has a word.
struct Corrected {
    workout_id: String,
    workout_date: Option<WorkoutDate>,
    now: Option<Standing>,
    trail: Trail,
}

impl Corrected {
    fn of(row: &Row<'_>) -> Result<Self, DbError> {
        let now = match row.opt_string(11)? {
            Some(label) => Some(Standing {
                label,
                is_user_override: row.opt_int(12)?.unwrap_or(0) != 0,
                source: row.opt_string(13)?.unwrap_or_default(),
                model_id: row.opt_string(14)?,
                since: row.opt_instant(15)?,
            }),
            None => None,
        };
        Ok(Self {
            workout_id: row.text(0)?.to_owned(),
            workout_date: row.opt_micros(1)?.map(WorkoutDate::from_micros),
            now,
            trail: Trail::default(),
        })
    }

    /// The word that is owed; None where it stands, or was taken back.
    fn overwritten(self) -> Option<Overwritten> {
        let word = self.trail.word?;
        let stands = self
            .now
            .as_ref()
            .is_some_and(|now| now.is_user_override && now.label == word.label);
        (!stands).then_some(Overwritten {
            workout_id: self.workout_id,
            workout_date: self.workout_date,
            word,
            now: self.now,
            by: self.trail.by,
        })
    }
}

fn written(row: &Row<'_>) -> Result<(Role, Written), DbError> {
    let source = row.text(4)?.to_owned();
    let found = row.opt_text(9)?.and_then(FoundState::read);
    let is_ours = row.opt_int(10)?.is_some();
    let role = match (found, is_ours) {
        (Some(found), true) => Role::Found(found),
        _ if matches!(source.as_str(), "user_override" | "admin_correction") => Role::Person,
        (_, true) => Role::Ours,
        (_, false) => Role::Others,
    };
    let written = Written {
        history_id: row.int(2)?,
        label: row.text(3)?.to_owned(),
        source,
        by: row.text(5)?.to_owned(),
        at: row.instant(6)?,
        reason: row.opt_string(7)?,
        model_id: row.opt_string(8)?,
    };
    Ok((role, written))
}

impl Store {
    /// The words of people that were written over and never taken back, by workout; of one workout, or of all.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn overwritten(&self, workout_id: Option<&str>) -> Result<Vec<Overwritten>, StoreError> {
        let params = Params::none().with("workout_id", workout_id);
        let mut all: Vec<Overwritten> = Vec::new();
        let mut open: Option<Corrected> = None;
        let each = |row: &Row<'_>| {
            let workout_id = row.text(0)?;
            if open.as_ref().is_none_or(|open| open.workout_id != workout_id) {
                all.extend(open.take().and_then(Corrected::overwritten));
                open = Some(Corrected::of(row)?);
            }
            let (role, written) = written(row)?;
            if let Some(open) = &mut open {
                open.trail.push(&role, written);
            }
            Ok(())
        };
        self.db.query(&ROWS, &params, each).await?;
        all.extend(open.and_then(Corrected::overwritten));
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(history_id: i64, label: &str) -> Written {
        Written {
            history_id,
            label: label.to_owned(),
            source: String::new(),
            by: "x".to_owned(),
            at: Timestamp::from_micros(history_id),
            reason: None,
            model_id: None,
        }
    }

    fn found(is_user_override: bool) -> Role {
        Role::Found(FoundState {
            present: true,
            is_user_override,
            classification_change_count: 0,
            label_model_id: None,
            run_id: None,
        })
    }

    /// The number of the word that is left, whether it stands, and what wrote over it.
    fn after(rows: &[(Role, &str)]) -> (Option<i64>, bool, Option<i64>) {
        let mut trail = Trail::default();
        for (number, (role, label)) in rows.iter().enumerate() {
            trail.push(role, row(number as i64, label));
        }
        let number = |written: &Option<Written>| written.as_ref().map(|w| w.history_id);
        (number(&trail.word), trail.stands, number(&trail.by))
    }

    #[test]
    fn only_a_person_takes_a_word_back() {
        use Role::{Others, Ours, Person};
        let person = (Person, "real_run");
        assert_eq!(after(&[(Ours, "mixed"), person.clone()]), (Some(1), true, None));
        assert_eq!(
            after(&[person.clone(), (Ours, "mixed")]),
            (None, false, None),
            "cleared"
        );
        let others = (Others, "mixed");
        let overwritten = [person.clone(), others.clone(), others.clone()];
        assert_eq!(after(&overwritten), (Some(0), false, Some(1)), "the first that did");
        let then_runs = [&overwritten[..], &[(found(false), "mixed"), (Ours, "pup_walk")]].concat();
        assert_eq!(
            after(&then_runs),
            (Some(0), false, Some(1)),
            "a run clears nothing that does not stand"
        );
        let again = [&then_runs[..], &[(Person, "pup_walk")]].concat();
        assert_eq!(after(&again), (Some(5), true, None));
    }

    #[test]
    fn a_state_that_was_found_says_whether_the_word_stands() {
        let person = (Role::Person, "real_run");
        let silent = [person.clone(), (found(false), "mixed")];
        assert_eq!(after(&silent), (Some(0), false, None), "overwritten in silence");
        let kept = [person.clone(), (Role::Others, "real_run"), (found(true), "real_run")];
        assert!(after(&kept).1, "their row did not touch the current one");
        let cleared = [&kept[..], &[(Role::Ours, "mixed")]].concat();
        assert_eq!(after(&cleared).0, None);
    }
}
