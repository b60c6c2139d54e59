use super::*;
use crate::stage::testing::{answers, history, runs_and_walks};
use crate::stage::train::train;
use Label::{PupWalk, RealRun};

fn score(b: u64, c: u64) -> Score {
    Score {
        labelled: 50,
        candidate_correct: 20 + b,
        active_correct: 20 + c,
        b,
        c,
        p: mcnemar(b, c),
    }
}

#[test]
fn the_table_decides() {
    let limits = Limits {
        max_churn: Some(0.25),
        ..Limits::default()
    };
    let none = score(0, 0);
    let cases = [
        (
            score(8, 0),
            none,
            Some(0.9),
            Verdict::Pass,
            "it is significantly better",
        ),
        (score(4, 3), none, Some(0.2), Verdict::Pass, "it is not worse"),
        (score(4, 3), none, Some(0.3), Verdict::Fail, "it would relabel 30.0 %"),
        (score(3, 2), none, None, Verdict::Insufficient, "too little tells"),
        (none, none, None, Verdict::Insufficient, "too little tells"),
        (score(5, 0), none, Some(0.3), Verdict::Fail, "it would relabel"),
        (score(0, 1), none, None, Verdict::Fail, "it is worse"),
        (score(6, 8), none, None, Verdict::Fail, "it is worse"),
        (score(0, 6), none, None, Verdict::Fail, "it is significantly worse"),
        (score(20, 6), score(0, 6), None, Verdict::Fail, "it forgets"),
        (
            score(20, 6),
            score(0, 5),
            None,
            Verdict::Pass,
            "it is significantly better",
        ),
    ];
    for (all, earlier, churn, verdict, words) in cases {
        let scores = Scores {
            all,
            stored: all,
            earlier,
        };
        let (found, reason) = conclude(&scores, 6, churn, &limits);
        assert_eq!(found, verdict, "{all:?} {earlier:?} {churn:?}: {reason}");
        assert!(reason.starts_with(words), "{reason}");
        assert_eq!(found.admits(), verdict != Verdict::Fail);
    }
}

/// Most of a slow runner's history is `mixed` by a model that finds a run barely likelier: told apart as runs
/// and walks it is right by chance, by what would be stored it is wrong.
#[test]
fn a_churn_can_be_worth_it_by_the_labels_that_would_be_stored() {
    let limits = Limits {
        max_churn: Some(0.25),
        ..Limits::default()
    };
    let judge = |all, stored| {
        let earlier = score(0, 0);
        conclude(&Scores { all, stored, earlier }, 6, Some(0.9), &limits)
    };
    let (found, reason) = judge(score(4, 0), score(9, 0));
    assert_eq!(found, Verdict::Pass, "{reason}");
    assert!(reason.contains("by the labels that would be stored, on 9"), "{reason}");
    assert_eq!(judge(score(4, 0), score(5, 0)).0, Verdict::Fail);
    assert_eq!(judge(score(0, 1), score(9, 0)).0, Verdict::Fail, "worse is worse");
}

/// Trains the active model on `taught` and puts the candidate of `feedback` before the gate.
fn gate(rows: &Frame<Features>, taught: &Feedback, feedback: &Feedback) -> Evaluation {
    let params = Params::default();
    let model = train(rows, taught, &params, 1).expect("a model").model;
    let candidate = Candidate {
        params: &params,
        seed: 1,
        churn: None,
    };
    let active = Active {
        model: &model,
        params: Some(&params),
        taught,
    };
    evaluate(rows, feedback, &candidate, &active, &Limits::default()).expect("evidence")
}

#[test]
fn wrong_answers_are_refused_and_the_evidence_says_why() {
    let rows = history(&runs_and_walks());
    let right: Vec<(usize, Label)> = (0..24)
        .map(|i| (i, if i % 2 == 0 { RealRun } else { PupWalk }))
        .collect();
    let wrong = (100..140).map(|i| (i, if i % 2 == 0 { PupWalk } else { RealRun }));
    let both: Vec<(usize, Label)> = right.iter().copied().chain(wrong).collect();
    let found = gate(&rows, &answers(&right), &answers(&both));
    assert_eq!(found.verdict, Verdict::Fail, "{found:?}");
    assert!(
        found.reason.starts_with("it forgets: of 24 workouts"),
        "{}",
        found.reason
    );
    assert_eq!((found.all.labelled, found.earlier.labelled, found.folds), (64, 24, 10));
    assert_eq!(found.earlier.active_correct, 24);
    assert!(!found.missed.is_empty() && found.missed.iter().all(|m| m.workout_id.as_str() < "w024"));
    let text = serde_json::to_string(&found).expect("JSON");
    assert_eq!(serde_json::from_str::<Evaluation>(&text).expect("its own text"), found);
}

#[test]
fn a_slow_runner_who_is_believed_passes() {
    let rows: Vec<(f64, f64)> = (0..180)
        .map(|i| (12.5 + f64::from(i) / 45.0, 3.0 + f64::from(i % 9) / 4.0))
        .collect();
    let rows = history(&rows);
    let said: Vec<(usize, Label)> = (0..20).map(|i| (i * 9, RealRun)).collect();
    let found = gate(&rows, &Feedback::none(), &answers(&said));
    assert_eq!(found.verdict, Verdict::Pass, "{found:?}");
    assert!(
        found.reason.starts_with("it is significantly better"),
        "{}",
        found.reason
    );
    assert_eq!(found.earlier.labelled, 0);
    assert!(found.candidate_brier < found.active_brier);
}

#[test]
fn the_same_model_again_and_no_answers_at_all_tell_nothing() {
    let rows = history(&runs_and_walks());
    let said: Vec<(usize, Label)> = (0..9)
        .map(|i| (i, if i % 2 == 0 { RealRun } else { PupWalk }))
        .collect();
    let said = answers(&said);
    let again = gate(&rows, &said, &said);
    assert_eq!(again.verdict, Verdict::Insufficient);
    assert_eq!((again.all.b, again.all.c, again.earlier.labelled), (0, 0, 9));
    assert_eq!(again.candidate_brier, again.active_brier);
    let nothing = gate(&rows, &Feedback::none(), &Feedback::none());
    assert_eq!(
        (nothing.verdict, nothing.all.labelled, nothing.folds),
        (Verdict::Insufficient, 0, 0)
    );
    assert_eq!((nothing.candidate_brier, nothing.all.p), (None, 1.0));
}

/// The word on a workout comes from a model that was not told about it: it is the same, whatever was
/// said of it.
#[test]
fn nobody_is_asked_what_he_was_told() {
    let rows = history(&runs_and_walks());
    let params = Params::default();
    let said = |odd: Label| -> Feedback {
        let others = (1..12).map(|i| (i, if i % 2 == 0 { RealRun } else { PupWalk }));
        answers(&std::iter::once((0, odd)).chain(others).collect::<Vec<_>>())
    };
    let without = |odd: Label| {
        let feedback = said(odd);
        let contender = Contender::of(&rows, &feedback, &params, 1).expect("a model");
        contender.without(&BTreeSet::from([0])).to_canonical_json()
    };
    assert_eq!(without(RealRun), without(PupWalk));
    let told = |odd: Label| {
        train(&rows, &said(odd), &params, 1)
            .expect("a model")
            .model
            .to_canonical_json()
    };
    assert_ne!(told(RealRun), told(PupWalk), "the test would show nothing");
    assert_ne!(without(RealRun), told(RealRun));
}

#[test]
fn a_classic_candidate_is_judged_by_its_clusters() {
    let rows = history(&runs_and_walks());
    let classic = Params {
        algorithm: crate::vocab::Algorithm::Kmeans,
        ..Params::default()
    };
    let active = train(&rows, &Feedback::none(), &Params::default(), 1)
        .expect("a model")
        .model;
    let said: Vec<(usize, Label)> = (0..20)
        .map(|i| (i, if i % 2 == 0 { RealRun } else { PupWalk }))
        .collect();
    let candidate = Candidate {
        params: &classic,
        seed: 1,
        churn: None,
    };
    let active = Active {
        model: &active,
        params: None,
        taught: &Feedback::none(),
    };
    let found = evaluate(&rows, &answers(&said), &candidate, &active, &Limits::default()).expect("evidence");
    assert_eq!(found.all.active_correct, 20);
    assert!(found.all.labelled == 20 && found.verdict != Verdict::Pass, "{found:?}");
}
