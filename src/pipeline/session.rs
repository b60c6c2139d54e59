//! A person walks through the review queue, one key a workout.
//!
//! Why: the walk is a small machine (where one stands, what was answered, what can be taken back), and
//! none of it needs a terminal; a test plays the keys.
//!
//! Invariants: an answer is recorded before the next workout is shown, so a killed terminal loses nothing;
//! an answer that cannot be recorded is told and the same workout is asked again, unless the store is gone;
//! undo steps back to the workout before and takes its answer back, as often as there are any.
//!
//! Must not know: terminals, and how workouts are shown.

use std::io;

use crate::stage::review::Item;
use crate::store::Store;
use crate::vocab::FeedbackType;

use super::review::{Given, Reviewer, Word, answer, take_back};
use super::{Ambient, Kind, RunError};

/// What a key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// An answer.
    Say(Word),
    /// Not now; nothing is recorded.
    Skip,
    /// Back to the workout before, without its answer.
    Undo,
    /// Enough.
    Quit,
}

/// What a person is told between two keys.
#[derive(Debug)]
pub enum Told<'a> {
    /// The answer is recorded.
    Recorded(&'a Given),
    /// Nothing was recorded.
    Skipped,
    /// The answer before was taken back; None where that workout was skipped.
    TakenBack(Option<&'a Given>),
    /// There is nothing to take back.
    NothingToUndo,
    /// The answer could not be recorded or taken back, and why.
    Refused(&'a RunError),
}

/// Where a person sits: shows what is asked and reads keys.
pub trait Desk {
    /// Shows the workout `at` (from 1) of `of` and waits for a key.
    ///
    /// # Errors
    /// Where the terminal is gone.
    fn ask(&mut self, item: &Item, at: usize, of: usize) -> io::Result<Key>;
    /// Nothing is left; waits for a key, of which only undo goes on.
    ///
    /// # Errors
    /// Where the terminal is gone.
    fn ask_for_the_end(&mut self) -> io::Result<Key>;
    /// Tells what became of the last key.
    ///
    /// # Errors
    /// Where the terminal is gone.
    fn tell(&mut self, told: &Told<'_>) -> io::Result<()>;
}

/// What was answered, those taken back left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Verdicts that were accepted.
    pub accepted: u64,
    /// And corrected.
    pub corrected: u64,
    /// On which the person could not say.
    pub uncertain: u64,
    /// Skipped.
    pub skipped: u64,
    /// Not reached.
    pub left: u64,
}

/// A walk through a queue.
pub struct Session<'a> {
    store: &'a Store,
    queue: &'a [Item],
    reviewer: &'a Reviewer,
    ambient: &'a Ambient,
    /// One entry a workout that has been passed: its answer, or None where it was skipped.
    passed: Vec<Option<Given>>,
}

impl<'a> Session<'a> {
    /// Before the first workout of `queue`.
    pub fn new(store: &'a Store, queue: &'a [Item], reviewer: &'a Reviewer, ambient: &'a Ambient) -> Self {
        Self {
            store,
            queue,
            reviewer,
            ambient,
            passed: Vec::new(),
        }
    }

    /// What was answered so far.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary {
            left: (self.queue.len() - self.passed.len()) as u64,
            ..Summary::default()
        };
        for given in &self.passed {
            let count = match given.as_ref().map(|given| given.feedback_type) {
                None => &mut summary.skipped,
                Some(FeedbackType::Accept) => &mut summary.accepted,
                Some(FeedbackType::Correct) => &mut summary.corrected,
                Some(FeedbackType::Uncertain | FeedbackType::Reject) => &mut summary.uncertain,
            };
            *count += 1;
        }
        summary
    }

    /// Asks until the queue is through or the person has enough. What was answered before an error stays
    /// recorded, and [`Session::summary`] has it.
    ///
    /// # Errors
    /// [`RunError`] of the store where it is gone; of kind data where the terminal is.
    pub async fn walk(&mut self, desk: &mut impl Desk) -> Result<(), RunError> {
        loop {
            let at = self.passed.len();
            let key = match self.queue.get(at) {
                Some(item) => desk.ask(item, at + 1, self.queue.len()),
                None if self.queue.is_empty() => return Ok(()),
                None => desk
                    .ask_for_the_end()
                    .map(|key| if key == Key::Undo { key } else { Key::Quit }),
            };
            match (key.map_err(gone)?, self.queue.get(at)) {
                (Key::Quit, _) => return Ok(()),
                (Key::Undo, _) => self.undo(desk).await?,
                (Key::Skip, _) => {
                    self.passed.push(None);
                    desk.tell(&Told::Skipped).map_err(gone)?;
                }
                (Key::Say(word), Some(item)) => self.say(item, word, desk).await?,
                (Key::Say(_), None) => return Ok(()),
            }
        }
    }

    async fn say(&mut self, item: &Item, word: Word, desk: &mut impl Desk) -> Result<(), RunError> {
        match answer(self.store, item, word, self.reviewer, self.ambient).await {
            Ok(given) => {
                let told = desk.tell(&Told::Recorded(&given));
                self.passed.push(Some(given));
                told.map_err(gone)
            }
            Err(error) => refused(error, desk),
        }
    }

    async fn undo(&mut self, desk: &mut impl Desk) -> Result<(), RunError> {
        let Some(last) = self.passed.last() else {
            return desk.tell(&Told::NothingToUndo).map_err(gone);
        };
        if let Some(given) = last
            && let Err(error) = take_back(self.store, given, self.reviewer, self.ambient).await
        {
            return refused(error, desk);
        }
        let last = self.passed.pop().flatten();
        desk.tell(&Told::TakenBack(last.as_ref())).map_err(gone)
    }
}

/// What concerns one workout is told; what concerns the store ends the walk.
fn refused(error: RunError, desk: &mut impl Desk) -> Result<(), RunError> {
    match error.kind {
        Kind::Data | Kind::Transient => desk.tell(&Told::Refused(&error)).map_err(gone),
        _ => Err(error),
    }
}

fn gone(error: io::Error) -> RunError {
    let hint = "every answer before is recorded; `paceline review --interactive` goes on";
    RunError::new("review", Kind::Data, format!("the terminal is gone: {error}"), hint)
}
