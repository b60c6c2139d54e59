//! From scores to a verdict and a sentence.
//!
//! Why: the rule stands in one place, beside the table in [`Evaluation`](super::Evaluation) that states it.
//!
//! Invariants: a candidate that is worse never passes, whatever else it shows.
//!
//! Must not know: how the scores were found.

use super::{Limits, Score, Verdict};

/// The three scores of an evaluation; see its fields.
pub(super) struct Scores {
    pub all: Score,
    pub stored: Score,
    pub earlier: Score,
}

/// The table of [`Evaluation`], and the sentence.
pub(super) fn conclude(scores: &Scores, needed: u64, churn: Option<f64>, limits: &Limits) -> (Verdict, String) {
    let Score {
        labelled,
        candidate_correct,
        active_correct,
        b,
        c,
        p,
    } = scores.all;
    let found = match labelled {
        0 => "nobody has labelled a workout that could tell".to_owned(),
        _ => format!(
            "of {labelled} labelled workouts it has {candidate_correct} right, the active model {active_correct}: \
         better on {b}, worse on {c} (p = {p:.4})"
        ),
    };
    let alpha = limits.alpha;
    if scores.earlier.c > scores.earlier.b && scores.earlier.p < alpha {
        let Score { labelled, b, c, p, .. } = scores.earlier;
        let reason = format!(
            "it forgets: of {labelled} workouts that the active model was taught it is better on {b} and worse on \
             {c} (p = {p:.4} < {alpha}); {found}"
        );
        return (Verdict::Fail, reason);
    }
    if c > b {
        let how = if p < alpha {
            "it is significantly worse"
        } else {
            "it is worse"
        };
        return (Verdict::Fail, format!("{how}: {found}"));
    }
    let better = b > c && p < alpha;
    let stored = scores.stored;
    let stored_better = stored.b > stored.c && stored.p < alpha;
    if let Some((churn, limit)) = churn.zip(limits.max_churn)
        && churn > limit
        && !(better || stored_better)
    {
        let reason = format!(
            "it would relabel {:.1} % of the classified workouts, the limit is {:.1} % for a model that is not shown \
             to be better: {found}",
            churn * 100.0,
            limit * 100.0
        );
        return (Verdict::Fail, reason);
    }
    if stored_better && !better {
        let Score { b, c, p, .. } = stored;
        let reason = format!(
            "it is significantly better by the labels that would be stored, on {b} and worse on {c} (p = {p:.4}): {found}"
        );
        return (Verdict::Pass, reason);
    }
    if b + c < needed {
        let reason = format!(
            "too little tells the two apart, {} of the {needed} workouts it takes, and it is not worse: {found}",
            b + c
        );
        return (Verdict::Insufficient, reason);
    }
    let how = if better {
        "it is significantly better"
    } else {
        "it is not worse"
    };
    (Verdict::Pass, format!("{how}: {found}"))
}
