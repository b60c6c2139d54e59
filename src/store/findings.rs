//! What verification has to say: findings, which fail it, and notes, which do not.
//!
//! Why: a table that was overwritten breaks every row, and the one broken segment must not drown in them.
//!
//! Invariants: of one kind at most [`MAX_OF_KIND`] are listed, the first ones of the order in which they belong,
//! and all are counted.
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
    /// `missing_state`, `missing_history`; archives: `archive` (the record), `snapshot`, `file_missing`,
    /// `file_changed`, `file_unreadable`.
    ///
    /// Notes: `not_checked` (a file is not at hand), `unfinished` (an archive that is on its way), `adopted_rows`, `adopted_joins`, and `adopted_` before each word of the state.
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

/// Findings in order of `K`, whatever the order in which they come: of each kind the first [`MAX_OF_KIND`] are
/// kept, and all are counted.
#[derive(Debug)]
pub(super) struct FirstOfKind<K> {
    kept: BTreeMap<&'static str, BTreeMap<K, Finding>>,
    count: u64,
}

impl<K> Default for FirstOfKind<K> {
    fn default() -> Self {
        Self {
            kept: BTreeMap::new(),
            count: 0,
        }
    }
}

impl<K: Ord> FirstOfKind<K> {
    /// Counts a finding, and keeps it where it is among the first of its kind. No two have the same key.
    pub(super) fn push(&mut self, key: K, finding: Finding) {
        self.count += 1;
        self.keep(key, finding);
    }

    fn keep(&mut self, key: K, finding: Finding) {
        let kept = self.kept.entry(finding.kind).or_default();
        if kept.len() as u64 >= MAX_OF_KIND && kept.last_key_value().is_some_and(|(last, _)| *last < key) {
            return;
        }
        kept.insert(key, finding);
        if kept.len() as u64 > MAX_OF_KIND {
            kept.pop_last();
        }
    }

    /// The findings of both.
    #[must_use]
    pub(super) fn with(mut self, other: Self) -> Self {
        self.count += other.count;
        for (key, finding) in other.kept.into_values().flatten() {
            self.keep(key, finding);
        }
        self
    }

    /// Appends those that were kept, in order, and the number of all. No kind of them may be in `findings` yet.
    pub(super) fn append_to(self, findings: &mut Findings) {
        findings.count += self.count;
        let in_order: BTreeMap<K, Finding> = self.kept.into_values().flatten().collect();
        findings.listed.extend(in_order.into_values());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(kind: &'static str, workout: u64) -> Finding {
        Finding {
            kind,
            segment_id: None,
            workout_id: Some(format!("{workout:05}")),
            detail: String::new(),
        }
    }

    #[test]
    fn what_comes_in_any_order_and_in_parts_is_listed_as_if_it_came_in_order() {
        let all: Vec<(u64, &str)> = (0..3_000)
            .map(|n| (n, if n % 7 == 0 { "label" } else { "joins" }))
            .collect();
        let mut expected = Findings::default();
        for (key, kind) in &all {
            expected.push(finding(kind, *key));
        }
        let mut parts: [FirstOfKind<u64>; 3] = Default::default();
        for at in 0..all.len() {
            // 1,009 is prime: every finding once, in no order.
            let (key, kind) = all[at * 1_009 % all.len()];
            parts[at % 3].push(key, finding(kind, key));
        }
        let mut found = Findings::default();
        let [a, b, c] = parts;
        c.with(a).with(b).append_to(&mut found);
        assert_eq!(found.listed, expected.listed);
        assert_eq!((found.count, found.listed.len() as u64), (3_000, 2 * MAX_OF_KIND));
    }

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
