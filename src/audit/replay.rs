//! Replay: the history, folded, gives the state.
//!
//! Why: if what is stored is what the history says, then no write was lost, doubled or made behind
//! Paceline's back.
//!
//! Invariants: rows are folded in the order in which they were sealed, each workout's by itself; every rule
//! of the fold is one that a writer follows:
//! - the label is the last row's;
//! - a person's row (`user_override`, `admin_correction`) sets the override, any other row ends it,
//!   because a run writes no row for a workout that a person has set;
//! - the change count grows by one with each row whose label differs from the row before;
//! - model and run of the label are the last row's that set one; a row that only confirms a label (a
//!   refreshed row under `audit.log = "all"`) leaves them;
//! - a row that others wrote is testimony: it is folded by the same rules, and need not follow what came
//!   before;
//! - a row of ours that says in what state a workout was found ([`FoundState`]) sets all of it.
//!
//! Must not know: where rows come from.

use std::collections::BTreeMap;

use super::adopted::FoundState;
use super::encoding::HistoryRowRef;

/// What the fold needs of a history row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The workout.
    pub workout_id: &'a str,
    /// The label before, None for the first.
    pub previous: Option<&'a str>,
    /// The label after.
    pub new: &'a str,
    /// Where it came from.
    pub source: &'a str,
    /// The model that said so.
    pub model_id: Option<&'a str>,
    /// The run that wrote it.
    pub run_id: Option<&'a str>,
    /// Its metadata, JSON.
    pub metadata: Option<&'a str>,
    /// True for a row of others: adopted, or not yet sealed by any segment.
    pub testimony: bool,
}

impl<'a> From<&HistoryRowRef<'a>> for Entry<'a> {
    fn from(row: &HistoryRowRef<'a>) -> Self {
        Self {
            workout_id: row.workout_id,
            previous: row.previous_classification,
            new: row.new_classification,
            source: row.classification_source,
            model_id: row.model_id,
            run_id: row.run_id,
            metadata: row.metadata,
            testimony: row.segment_id.is_none(),
        }
    }
}

/// What a row was to the fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folded {
    /// It continues its workout's history.
    Continued,
    /// Others wrote it; with the label of a person that it takes the place of.
    Testimony(Option<String>),
    /// It says in what state the workout was found; with how that differs from what the rows before it
    /// had given, see [`difference`].
    Found(Option<(&'static str, String)>),
}

/// A workout's state, folded or stored. `S` is the text: [`String`], or one that borrows from the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateOf<S> {
    /// The label.
    pub label: S,
    /// True where a person set it.
    pub is_override: bool,
    /// How often the label has changed.
    pub change_count: i64,
    /// The model that set the label.
    pub model_id: Option<S>,
    /// The run that set the label.
    pub run_id: Option<S>,
    /// True where the last word is a row of others: replay can say what they wrote, and not whether the
    /// current row says the same. Always false in a stored state.
    pub testimony: bool,
}

/// A state with its own text.
pub type State = StateOf<String>;

impl<S: AsRef<str>> StateOf<S> {
    /// The state in another kind of text, which may borrow from this one.
    pub fn to<'a, T: From<&'a str>>(&'a self) -> StateOf<T> {
        let text = |text: &'a Option<S>| text.as_ref().map(|text| T::from(text.as_ref()));
        StateOf {
            label: T::from(self.label.as_ref()),
            is_override: self.is_override,
            change_count: self.change_count,
            model_id: text(&self.model_id),
            run_id: text(&self.run_id),
            testimony: self.testimony,
        }
    }
}

/// A row that does not continue its workout's history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the row says it follows {said}, the history says {folded}")]
pub struct Disjoint {
    /// The row's previous label, `nothing` for none.
    pub said: String,
    /// The folded label, `nothing` for none.
    pub folded: String,
}

/// The text of a state that rows of lifetime `'a` are folded into.
pub trait Text<'a>: AsRef<str> + From<&'a str> + From<String> {}

impl<'a, T: AsRef<str> + From<&'a str> + From<String>> Text<'a> for T {}

/// The fold of many workouts, so far. Memory grows with the number of workouts, not with the history.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    states: BTreeMap<String, Option<State>>,
}

impl Replay {
    /// Begins a workout with the state that rows which are not folded in have left; None: they left none.
    pub fn begin(&mut self, workout_id: &str, state: Option<State>) {
        self.states.insert(workout_id.to_owned(), state);
    }

    /// Folds the next row in, as [`fold`].
    ///
    /// # Errors
    /// As [`fold`].
    pub fn push(&mut self, entry: &Entry<'_>) -> Result<Folded, Disjoint> {
        match self.states.get_mut(entry.workout_id) {
            Some(state) => fold(state, entry),
            None => fold(self.states.entry(entry.workout_id.to_owned()).or_default(), entry),
        }
    }

    /// The folded state of every workout that has one, by id, when the fold is over.
    pub fn into_states(self) -> BTreeMap<String, State> {
        let states = self.states.into_iter();
        states
            .filter_map(|(id, state)| state.map(|state| (id, state)))
            .collect()
    }
}

fn is_person(source: &str) -> bool {
    source == "user_override" || source == "admin_correction"
}

fn named(label: Option<&str>) -> String {
    label.map_or_else(|| "nothing".to_owned(), |label| format!("'{label}'"))
}

/// Folds the next row of one workout into its state; None is the state before the first row, and that of
/// a workout without a current row. Which workout it is plays no part.
///
/// # Errors
/// [`Disjoint`] where the row does not continue the history; it is folded all the same.
pub fn fold<'a, S: Text<'a>>(state: &mut Option<StateOf<S>>, entry: &Entry<'a>) -> Result<Folded, Disjoint> {
    let found = entry.metadata.filter(|_| !entry.testimony).and_then(FoundState::read);
    if let Some(found) = found {
        return Ok(Folded::Found(take_over(state, entry, found)));
    }
    let Some(state) = state else {
        *state = Some(StateOf {
            label: entry.new.into(),
            is_override: is_person(entry.source),
            change_count: 0,
            model_id: entry.model_id.map(S::from),
            run_id: entry.run_id.map(S::from),
            testimony: entry.testimony,
        });
        return joined(entry, None);
    };
    let label = state.label.as_ref();
    let mut outcome = joined(entry, Some(label));
    if let Ok(Folded::Testimony(overwritten)) = &mut outcome
        && state.is_override
        && !is_person(entry.source)
    {
        *overwritten = Some(label.to_owned());
    }
    let changes = label != entry.new;
    let confirms = !changes && !is_person(entry.source) && !state.is_override;
    if !confirms {
        state.model_id = entry.model_id.map(S::from);
        state.run_id = entry.run_id.map(S::from);
    }
    if changes {
        state.change_count += 1;
        state.label = entry.new.into();
    }
    state.is_override = is_person(entry.source);
    state.testimony = entry.testimony;
    outcome
}

/// Takes the found state over; returns how it differs from the folded one.
fn take_over<'a, S: Text<'a>>(
    state: &mut Option<StateOf<S>>,
    entry: &Entry<'a>,
    found: FoundState,
) -> Option<(&'static str, String)> {
    let before = state.take();
    *state = found.present.then(|| StateOf {
        label: entry.new.into(),
        is_override: found.is_user_override,
        change_count: found.classification_change_count,
        model_id: found.label_model_id.map(S::from),
        run_id: found.run_id.map(S::from),
        testimony: false,
    });
    compare(state.as_ref(), before.as_ref())
}

fn joined(entry: &Entry<'_>, folded: Option<&str>) -> Result<Folded, Disjoint> {
    if entry.testimony {
        return Ok(Folded::Testimony(None));
    }
    if entry.previous == folded {
        return Ok(Folded::Continued);
    }
    Err(Disjoint {
        said: named(entry.previous),
        folded: named(folded),
    })
}

/// How a workout's stored state differs from the folded one, where either may be absent: as [`difference`],
/// or `missing_history`, or `missing_state`.
pub fn compare<A: AsRef<str>, B: AsRef<str>>(
    stored: Option<&StateOf<A>>,
    folded: Option<&StateOf<B>>,
) -> Option<(&'static str, String)> {
    match (stored, folded) {
        (None, None) => None,
        (Some(stored), Some(folded)) => difference(stored, folded),
        (Some(stored), None) => {
            let label = stored.label.as_ref();
            let detail = format!("it is {label} and the history has never heard of it");
            Some(("missing_history", detail))
        }
        (None, Some(folded)) => {
            let label = folded.label.as_ref();
            let detail = format!("the history says {label}, and there is no current row");
            Some(("missing_state", detail))
        }
    }
}

/// How a stored state differs from the folded one: a word for programs and a sentence; None where they
/// are equal.
pub fn difference<A: AsRef<str>, B: AsRef<str>>(
    stored: &StateOf<A>,
    folded: &StateOf<B>,
) -> Option<(&'static str, String)> {
    fn differ<T: PartialEq + std::fmt::Debug>(what: &str, stored: T, folded: T) -> Option<String> {
        (stored != folded).then(|| format!("{what} is {stored:?}, the history says {folded:?}"))
    }
    fn text<S: AsRef<str>>(text: &Option<S>) -> Option<&str> {
        text.as_ref().map(S::as_ref)
    }
    let found = |kind: &'static str, detail: Option<String>| detail.map(|detail| (kind, detail));
    found(
        "label",
        differ("the label", stored.label.as_ref(), folded.label.as_ref()),
    )
    .or_else(|| {
        found(
            "override",
            differ("the override flag", stored.is_override, folded.is_override),
        )
    })
    .or_else(|| {
        let (stored, folded) = (stored.change_count, folded.change_count);
        found("change_count", differ("the change count", stored, folded))
    })
    .or_else(|| {
        let (stored, folded) = (text(&stored.model_id), text(&folded.model_id));
        found("label_model", differ("the model of the label", stored, folded))
    })
    .or_else(|| {
        let (stored, folded) = (text(&stored.run_id), text(&folded.run_id));
        found("label_run", differ("the run of the label", stored, folded))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry<'a>(previous: Option<&'a str>, new: &'a str, source: &'a str, model: &'a str) -> Entry<'a> {
        Entry {
            workout_id: "w",
            previous,
            new,
            source,
            model_id: Some(model),
            run_id: Some(model),
            metadata: None,
            testimony: false,
        }
    }

    fn state_of(replay: &Replay) -> State {
        replay.clone().into_states().remove("w").expect("a state")
    }

    fn folded(rows: &[Entry<'_>]) -> State {
        let mut replay = Replay::default();
        for row in rows {
            replay.push(row).expect("joins up");
        }
        state_of(&replay)
    }

    #[test]
    fn a_label_keeps_the_model_that_set_it_until_another_label_comes() {
        let first = entry(None, "real_run", "ml_prediction", "a");
        let confirmed = entry(Some("real_run"), "real_run", "ml_batch_update", "b");
        let state = folded(&[first, confirmed]);
        assert_eq!((state.model_id.as_deref(), state.change_count), (Some("a"), 0));
        let changed = entry(Some("real_run"), "pup_walk", "ml_batch_update", "c");
        let state = folded(&[first, confirmed, changed]);
        assert_eq!((state.model_id.as_deref(), state.change_count), (Some("c"), 1));
    }

    #[test]
    fn a_persons_row_sets_the_override_and_any_other_ends_it() {
        let first = entry(None, "real_run", "ml_prediction", "a");
        let person = Entry {
            model_id: None,
            run_id: None,
            ..entry(Some("real_run"), "real_run", "user_override", "")
        };
        let state = folded(&[first, person]);
        assert_eq!((state.is_override, state.change_count, state.model_id), (true, 0, None));
        let cleared = entry(Some("real_run"), "real_run", "ml_batch_update", "b");
        let state = folded(&[first, person, cleared]);
        assert_eq!((state.is_override, state.model_id.as_deref()), (false, Some("b")));
    }

    #[test]
    fn a_row_that_does_not_follow_is_told_and_folded() {
        let mut replay = Replay::default();
        replay
            .push(&entry(None, "real_run", "ml_prediction", "a"))
            .expect("the first");
        let error = replay
            .push(&entry(Some("mixed"), "pup_walk", "ml_batch_update", "b"))
            .expect_err("does not follow");
        assert_eq!(
            error.to_string(),
            "the row says it follows 'mixed', the history says 'real_run'"
        );
        assert_eq!(state_of(&replay).label, "pup_walk");
    }

    #[test]
    fn what_others_wrote_gives_the_label_and_need_not_follow() {
        let ours = entry(None, "real_run", "user_override", "a");
        let theirs = Entry {
            testimony: true,
            ..entry(None, "pup_walk", "ml_batch_update", "old")
        };
        let mut replay = Replay::default();
        assert_eq!(replay.push(&ours), Ok(Folded::Continued));
        let person = Some("real_run".to_owned());
        assert_eq!(replay.push(&theirs), Ok(Folded::Testimony(person)));
        assert_eq!(replay.push(&theirs), Ok(Folded::Testimony(None)));
        let state = state_of(&replay);
        assert_eq!((state.label.as_str(), state.change_count), ("pup_walk", 1));
        assert!(state.testimony && !state.is_override);
    }

    #[test]
    fn a_found_state_is_taken_over_whole_and_only_from_us() {
        let found = FoundState {
            present: true,
            is_user_override: true,
            classification_change_count: 17,
            label_model_id: None,
            run_id: Some("theirs".to_owned()),
        };
        let metadata = found.metadata();
        let row = Entry {
            metadata: Some(&metadata),
            ..entry(Some("real_run"), "mixed", "ml_prediction", "x")
        };
        let mut replay = Replay::default();
        let first = entry(None, "real_run", "ml_prediction", "a");
        replay.push(&first).expect("the first");
        let Ok(Folded::Found(Some((kind, detail)))) = replay.push(&row) else {
            panic!("it differs");
        };
        assert_eq!(kind, "label", "{detail}");
        let state = state_of(&replay);
        assert_eq!((state.label.as_str(), state.change_count), ("mixed", 17));
        assert_eq!((state.is_override, state.run_id.as_deref()), (true, Some("theirs")));
        assert_eq!(replay.push(&row), Ok(Folded::Found(None)), "it is as the fold has it");

        let theirs = Entry { testimony: true, ..row };
        assert!(matches!(replay.push(&theirs), Ok(Folded::Testimony(_))));
        assert_eq!(state_of(&replay).change_count, 17);
        assert!(!state_of(&replay).is_override, "their metadata sets nothing");

        let absent = FoundState {
            present: false,
            ..found
        }
        .metadata();
        let gone = Entry {
            metadata: Some(&absent),
            ..row
        };
        assert!(matches!(
            replay.push(&gone),
            Ok(Folded::Found(Some(("missing_state", _))))
        ));
        assert!(replay.into_states().is_empty());
    }
}
