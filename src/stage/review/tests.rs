use super::*;
use crate::stage::classify::classify;
use crate::stage::feedback::Answer;
use crate::stage::params::Params;
use crate::stage::testing::{answer, history, runs_and_walks};
use crate::stage::train::train;

/// Runs and walks, a few between, one absurdly far.
fn person() -> Frame<Features> {
    let mut rows = runs_and_walks();
    rows.extend([(13.2, 3.0), (13.3, 3.02), (13.4, 1.0), (13.0, 6.0), (50.0, 0.2)]);
    history(&rows)
}

fn queue(rows: &Frame<Features>, said: &BTreeMap<String, Said>, limit: usize) -> Vec<Item> {
    let model = train(rows, &Feedback::none(), &Params::default(), 1)
        .expect("a model")
        .model;
    review(rows, &classify(rows, &model).expect("predictions"), said, limit)
}

fn ids(queue: &[Item]) -> Vec<&str> {
    queue.iter().map(|item| item.workout_id.as_str()).collect()
}

#[test]
fn a_round_holds_unsure_rows_apart_and_typical_ones_of_both_kinds() {
    let rows = person();
    let found = queue(&rows, &BTreeMap::new(), 5);
    let reasons: Vec<&str> = found.iter().map(|item| item.reason.as_str()).collect();
    assert_eq!(reasons, ["unsure", "typical", "unsure", "unsure", "typical"]);
    let unsure: Vec<&str> = found
        .iter()
        .filter(|item| item.reason == Reason::Unsure)
        .map(|item| item.workout_id.as_str())
        .collect();
    assert!(
        !(unsure.contains(&"w240") && unsure.contains(&"w241")),
        "near-duplicates: {unsure:?}"
    );
    let typical: Vec<Label> = [1, 4].map(|i| found[i].classification).to_vec();
    assert!(typical.contains(&Label::RealRun) && typical.contains(&Label::PupWalk));
    let near = &found[1].neighbours;
    assert_eq!(near.len(), NEIGHBOURS);
    assert!(near.is_sorted_by(|a, b| a.distance <= b.distance));
    assert!(near.iter().all(|n| n.label == found[1].classification && !n.by_person));
}

#[test]
fn a_longer_queue_begins_with_the_shorter_and_holds_every_row_once() {
    let rows = person();
    let short = queue(&rows, &BTreeMap::new(), 7);
    let long = queue(&rows, &BTreeMap::new(), 1_000);
    assert_eq!(ids(&short), ids(&long)[..7]);
    let mut all = ids(&long);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), rows.height());
    let far = long
        .iter()
        .position(|item| item.reason == Reason::Unlike)
        .expect("the outlier");
    assert!(long[far].workout_id == "w244" && far < 20, "place {far}");
}

#[test]
fn what_people_said_is_asked_again_only_where_it_is_in_doubt() {
    let rows = person();
    let said = |answers: Vec<Answer>| words(&Feedback::of(answers).expect("in range"), []);
    // w000 is a clear run. One word against it is in doubt, the same word again settles it.
    let against = vec![
        answer("w000", "ann", 1, Label::PupWalk),
        answer("w002", "ann", 2, Label::RealRun),
    ];
    let once = queue(&rows, &said(against.clone()), 1_000);
    assert_eq!(once[0].workout_id, "w000");
    assert_eq!(once[0].reason, Reason::Contradicted { said: Label::PupWalk });
    assert!(!ids(&once).contains(&"w002"), "an answered row that nobody doubts");
    let twice = [against, vec![answer("w000", "ann", 3, Label::PupWalk)]].concat();
    assert!(!ids(&queue(&rows, &said(twice.clone()), 1_000)).contains(&"w000"));
    let unknown = vec![Answer {
        label: None,
        ..answer("w000", "ann", 3, Label::PupWalk)
    }];
    assert!(
        !ids(&queue(&rows, &said(unknown), 1_000)).contains(&"w000"),
        "nobody is nagged"
    );
    // A dispute goes before a contradiction.
    let disputed = [
        twice,
        vec![
            answer("w004", "ann", 4, Label::PupWalk),
            answer("w006", "ann", 5, Label::RealRun),
            answer("w006", "bob", 6, Label::PupWalk),
        ],
    ]
    .concat();
    let found = queue(&rows, &said(disputed), 6);
    assert_eq!(
        (found[0].workout_id.as_str(), found[0].reason),
        ("w006", Reason::Disputed)
    );
    assert_eq!(found[5].workout_id, "w004");
}

#[test]
fn an_override_wins_over_feedback() {
    let feedback = Feedback::of(vec![
        answer("a", "ann", 1, Label::RealRun),
        answer("a", "ann", 2, Label::RealRun),
    ])
    .expect("in range");
    let same = words(&feedback, [("a".to_owned(), Label::RealRun)]);
    assert_eq!(
        same["a"],
        Said::Agreed {
            label: Label::RealRun,
            times: 2
        }
    );
    let other = words(&feedback, [("a".to_owned(), Label::PupWalk)]);
    assert_eq!(
        other["a"],
        Said::Agreed {
            label: Label::PupWalk,
            times: 1
        }
    );
}

#[test]
fn fallbacks_are_not_asked_about_and_neighbours_carry_peoples_words() {
    let rows = history(&[(9.0, 3.0), (0.0, 3.0), (9.1, 3.0)]);
    let said = BTreeMap::from([(
        "w000".to_owned(),
        Said::Agreed {
            label: Label::RealRun,
            times: 1,
        },
    )]);
    let found = queue(&rows, &said, 10);
    assert_eq!(ids(&found), ["w002"]);
    let near = &found[0].neighbours;
    assert_eq!(
        (near.len(), near[0].workout_id.as_str(), near[0].by_person),
        (1, "w000", true)
    );
    assert_eq!(queue(&history(&[]), &BTreeMap::new(), 10), []);
}
