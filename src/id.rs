//! Typed identifiers and the generator that makes them.
//!
//! Why: a run id in the place of a model id is a compile error here, and an audit that cannot be
//! read anywhere else.
//!
//! Invariants: a generated id is made of the instant and the entropy it is given, so the same
//! inputs give the same id.
//!
//! Must not know: the clock and the operating system's randomness. `app` passes both in.

use std::fmt;

use crate::time::Timestamp;

/// The longest workout id the schema can hold, in characters.
pub const MAX_WORKOUT_ID_CHARS: usize = 20;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The id as the stores hold it.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// Names one execution of a pipeline: `run_YYYYMMDD_HHMMSS_xxxxxxxx`.
    RunId
}

text_id! {
    /// Names one model version: `workout_classifier_YYYYMMDD_HHMMSS`, with `_2`, `_3` .. where two
    /// fall in one second.
    ModelId
}

impl RunId {
    /// The id of a run that starts at `now`; `entropy` keeps two runs of one second apart.
    pub fn generate(now: Timestamp, entropy: u32) -> Self {
        Self(format!("run_{}_{entropy:08x}", now.compact()))
    }
}

impl ModelId {
    /// The id of a model trained at `now`: the first of the `_N` series that `taken` does not hold.
    pub fn generate(now: Timestamp, taken: impl Fn(&str) -> bool) -> Self {
        let base = format!("workout_classifier_{}", now.compact());
        if !taken(&base) {
            return Self(base);
        }
        let mut n = 2u64;
        loop {
            let id = format!("{base}_{n}");
            if !taken(&id) {
                return Self(id);
            }
            n += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_ids_of_one_second_differ() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().expect("an instant");
        let first = ModelId::generate(now, |_| false);
        assert_eq!(first.as_str(), "workout_classifier_20260102_030405");
        let second = ModelId::generate(now, |id| id == first.as_str());
        assert_eq!(second.as_str(), "workout_classifier_20260102_030405_2");
    }

    #[test]
    fn run_ids_carry_instant_and_entropy() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().expect("an instant");
        assert_eq!(RunId::generate(now, 255).as_str(), "run_20260102_030405_000000ff");
    }
}
