//! Snapshots: the state of workouts after a stretch of the history, which replay goes on from.
//!
//! Why: the state of today is the fold of all rows. Where the oldest rows are not at hand, what they fold to must be,
//! and must be as hard to change as they were.
//!
//! ```text
//! leaf data = "paceline snapshot 1", then as fields of a row (0x00 for null, or 0x01, length u32, value):
//!             workout_id UTF-8, label UTF-8 or null for no current row, is_override u8, change_count i64,
//!             model_id UTF-8 or null, run_id UTF-8 or null, testimony u8
//! ```
//!
//! Invariants: a snapshot has one state for each workout with a row in its archive, in order of workout; what is
//! encoded decodes to the same.
//!
//! Must not know: stores.

use std::collections::BTreeMap;

use crate::audit::encoding::{put, taken};
use crate::audit::replay::{Entry, Folded, State, StateOf, fold};
use crate::audit::{Hash, merkle};

const TAG: &str = "paceline snapshot 1";
const FIELDS: usize = 7;

/// Appends the bytes of a workout's state, as they are hashed.
pub fn encode_into<S: AsRef<str>>(out: &mut Vec<u8>, workout_id: &str, state: Option<&StateOf<S>>) {
    fn text<S: AsRef<str>>(text: Option<&S>) -> Option<&str> {
        text.map(S::as_ref)
    }
    out.extend_from_slice(TAG.as_bytes());
    put(out, Some(workout_id));
    put(out, text(state.map(|s| &s.label)));
    put(out, Some([u8::from(state.is_some_and(|s| s.is_override))]));
    put(out, Some(state.map_or(0, |s| s.change_count).to_le_bytes()));
    put(out, text(state.and_then(|s| s.model_id.as_ref())));
    put(out, text(state.and_then(|s| s.run_id.as_ref())));
    put(out, Some([u8::from(state.is_some_and(|s| s.testimony))]));
}

/// The leaf hash of a workout's state. `scratch` is overwritten.
pub fn leaf_hash(scratch: &mut Vec<u8>, workout_id: &str, state: Option<&State>) -> Hash {
    scratch.clear();
    encode_into(scratch, workout_id, state);
    merkle::leaf_hash(scratch)
}

/// What [`encode_into`] wrote; None where it is nothing of that kind.
pub fn decode(bytes: &[u8]) -> Option<(&str, Option<StateOf<&str>>)> {
    let fields = taken::<FIELDS>(bytes.strip_prefix(TAG.as_bytes())?)?;
    let [workout, label, is_override, count, model, run, testimony] = fields;
    let workout = std::str::from_utf8(workout?).ok()?;
    let Some(label) = label else {
        return Some((workout, None));
    };
    let state = StateOf {
        label: std::str::from_utf8(label).ok()?,
        is_override: is_override? == [1],
        change_count: i64::from_le_bytes(count?.try_into().ok()?),
        model_id: model.map(std::str::from_utf8).transpose().ok()?,
        run_id: run.map(std::str::from_utf8).transpose().ok()?,
        testimony: testimony? == [1],
    };
    Some((workout, Some(state)))
}

/// The fold of an archive's rows. Memory grows with its workouts.
#[derive(Debug, Default)]
pub struct Folding {
    states: BTreeMap<String, Option<State>>,
    unjoined: BTreeMap<String, String>,
}

impl Folding {
    /// Begins a workout with the state before the archive.
    pub fn begin(&mut self, workout_id: &str, state: Option<State>) {
        self.states.insert(workout_id.to_owned(), state);
    }

    /// Folds the next row in, in the order of sealing.
    pub fn push(&mut self, entry: &Entry<'_>) {
        let state = match self.states.get_mut(entry.workout_id) {
            Some(state) => state,
            None => self.states.entry(entry.workout_id.to_owned()).or_default(),
        };
        match fold(state, entry) {
            // Whoever wrote down how a workout was found has looked at what did not follow.
            Ok(Folded::Found(_)) => {
                self.unjoined.remove(entry.workout_id);
            }
            Ok(_) => {}
            Err(disjoint) => {
                let told = self.unjoined.entry(entry.workout_id.to_owned());
                told.or_insert_with(|| disjoint.to_string());
            }
        }
    }

    /// A workout with a row that does not follow, which nothing after it explains, and how.
    pub fn unjoined(&self) -> Option<(&str, &str)> {
        let (workout, detail) = self.unjoined.first_key_value()?;
        Some((workout, detail))
    }

    /// The states, by workout; None for one without a current row.
    pub fn into_states(self) -> BTreeMap<String, Option<State>> {
        self.states
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::adopted::FoundState;

    fn state() -> State {
        State {
            label: "mixed".to_owned(),
            is_override: true,
            change_count: -7,
            model_id: Some("m".to_owned()),
            run_id: None,
            testimony: true,
        }
    }

    #[test]
    fn a_state_survives_its_bytes_and_every_field_is_in_them() {
        let bytes = |workout: &str, state: Option<&State>| {
            let mut out = Vec::new();
            encode_into(&mut out, workout, state);
            out
        };
        let whole = bytes("w1", Some(&state()));
        let (workout, read) = decode(&whole).expect("it is one");
        assert_eq!((workout, read.map(|s| s.to::<String>())), ("w1", Some(state())));
        assert_eq!(decode(&bytes("w2", None)), Some(("w2", None)));
        let edits: [fn(&mut State); 6] = [
            |s| s.label.push('x'),
            |s| s.is_override = false,
            |s| s.change_count = 7,
            |s| s.model_id = None,
            |s| s.run_id = Some(String::new()),
            |s| s.testimony = false,
        ];
        for edit in edits {
            let mut edited = state();
            edit(&mut edited);
            assert_ne!(bytes("w1", Some(&edited)), whole);
        }
        for garbled in [
            &whole[1..],
            &whole[..whole.len() - 1],
            &[whole.as_slice(), b"x"].concat(),
        ] {
            assert_eq!(decode(garbled), None);
        }
    }

    #[test]
    fn a_state_is_hashed_as_it_always_was() {
        // Computed apart, in Python, from the layout above.
        for (state, expected) in [
            (
                Some(state()),
                "d2e19b10f273742490e752ff5df6999905b2c6876e9d92d452cc0d7c83da4fab",
            ),
            (None, "2daed40e669f20048d5f0430ee814c28df3d9fe79fd35835d404f533a8a4349c"),
        ] {
            let hash = leaf_hash(&mut Vec::new(), "w1", state.as_ref());
            assert_eq!(hash.to_string(), expected);
        }
    }

    #[test]
    fn what_does_not_follow_is_told_until_it_is_explained() {
        let entry = |previous, new, metadata| Entry {
            workout_id: "w",
            previous,
            new,
            source: "ml_prediction",
            model_id: None,
            run_id: None,
            metadata,
            testimony: false,
        };
        let mut folding = Folding::default();
        folding.begin("w", Some(state()));
        folding.push(&entry(Some("mixed"), "real_run", None));
        assert_eq!(folding.unjoined(), None);
        folding.push(&entry(None, "pup_walk", None));
        assert_eq!(folding.unjoined().map(|(workout, _)| workout), Some("w"));
        let found = FoundState {
            present: false,
            is_user_override: false,
            classification_change_count: 0,
            label_model_id: None,
            run_id: None,
        };
        folding.push(&entry(Some("x"), "mixed", Some(&found.metadata())));
        assert_eq!(folding.unjoined(), None);
        assert_eq!(folding.into_states(), BTreeMap::from([("w".to_owned(), None)]));
    }
}
