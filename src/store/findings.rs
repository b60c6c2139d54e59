//! What verification has to say: findings, which fail it, and notes, which do not.
//!
//! Why: a table that was overwritten breaks every row, and the one broken segment must not drown in them.
//!
//! Invariants: of one kind at most [`MAX_OF_KIND`] are listed, and all are counted.
//!
//! Must not know: how they are found.

use std::collections::BTreeMap;

use serde::Serialize;

/// More findings (or notes) of one kind than this are counted and not listed.
pub const MAX_OF_KIND: u64 = 200;

/// One thing that is not as it must be; or, as a note, that a reader should know of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The chain: `gap`, `broken`, `head`, `version`, `count`, `root`; a row of a segment: `edited`,
    /// `deleted`, `inserted`, `moved`; the anchor: `anchor_cut`, `anchor_mismatch`; the rows: `unsealed`,
    /// `joins`; the state: `label`, `override`, `change_count`, `label_model`, `label_run`,
    /// `missing_state`, `missing_history`.
    ///
    /// Notes: `adopted_rows`, `adopted_joins`, and `adopted_` before each word of the state.
    pub kind: &'static str,
    /// The segment, where it is about one.
    pub segment_id: Option<i64>,
    /// The workout, where it is about one.
    pub workout_id: Option<String>,
    /// A sentence.
    pub detail: String,
}

/// A bounded list.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) listed: Vec<Finding>,
    pub(super) count: u64,
    of_kind: BTreeMap<&'static str, u64>,
}

impl Findings {
    pub(super) fn add(&mut self, kind: &'static str, segment: Option<i64>, workout: Option<&str>, detail: String) {
        self.push(Finding {
            kind,
            segment_id: segment,
            workout_id: workout.map(str::to_owned),
            detail,
        });
    }

    pub(super) fn push(&mut self, finding: Finding) {
        self.count += 1;
        let of_kind = self.of_kind.entry(finding.kind).or_default();
        *of_kind += 1;
        if *of_kind <= MAX_OF_KIND {
            self.listed.push(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_kind_cannot_crowd_out_another() {
        let mut findings = Findings::default();
        for _ in 0..1_000 {
            findings.add("label", None, Some("w"), String::new());
        }
        findings.add("root", Some(1), None, String::new());
        assert_eq!(findings.count, 1_001);
        assert_eq!(findings.listed.len() as u64, MAX_OF_KIND + 1);
        assert!(findings.listed.iter().any(|f| f.kind == "root"));
    }
}
