use super::*;
use crate::stage::feedback::Feedback;
use crate::stage::frame::{Features, Frame};
use crate::stage::params::Params;
use crate::stage::testing::{answers, history, runs_and_walks};
use crate::stage::train::{Ground, train};
use crate::vocab::Label::{self, Mixed, PupWalk, RealRun};

fn taught(rows: &Frame<Features>, said: &[(usize, Label)]) -> Option<Taught> {
    let params = Params::default();
    let ground = Ground::of(rows, &params, 1).expect("a clustering");
    let examples = ground.examples(rows, &answers(said));
    ground.teacher().expect("it learns").teach(&examples.found)
}

#[test]
fn the_clusters_count_for_much_where_they_are_right_and_for_little_where_they_are_wrong() {
    let rows = history(&runs_and_walks());
    let right: Vec<(usize, Label)> = (0..12)
        .map(|i| (i, if i % 2 == 0 { RealRun } else { PupWalk }))
        .collect();
    let confirmed = taught(&rows, &right).expect("twelve answers");
    // The clusters of so clear a history need no help: any weight predicts it, the largest is kept.
    assert_eq!(confirmed.prior_weight, PRIOR_WEIGHTS[8]);
    let wrong: Vec<(usize, Label)> = (0..12).map(|i| (2 * i + 1, RealRun)).collect();
    let overruled = taught(&rows, &wrong).expect("twelve answers");
    assert_eq!(overruled.prior_weight, PRIOR_WEIGHTS[0]);
    assert!(overruled.head.log_odds(19.0, 2.0) > 0.0 && confirmed.head.log_odds(19.0, 2.0) < 0.0);
    let one = taught(&rows, &wrong[..1]).expect("one answer");
    assert_eq!((one.prior_weight, one.loss), (FIRST_PRIOR_WEIGHT, None));
    assert_eq!(taught(&rows, &[]), None);
}

/// One answer against the clusters moves the boundary towards it and leaves what is clear alone.
#[test]
fn one_answer_moves_the_boundary_a_little() {
    let mut rows = runs_and_walks();
    rows.push((13.8, 3.0));
    let rows = history(&rows);
    let boundary = |said| {
        taught(&rows, &[(240, said)])
            .and_then(|t| t.head.boundary_pace(3.0))
            .expect("a pace")
    };
    let (run, walk) = (boundary(RealRun), boundary(PupWalk));
    assert!(walk < run, "{walk} {run}");
    assert!(
        (11.0..17.0).contains(&walk) && (11.0..17.0).contains(&run),
        "{walk} {run}"
    );
}

#[test]
fn every_lesson_is_an_example_or_counted() {
    let mut rows = runs_and_walks();
    rows.extend([(0.0, 3.0), (55.0, 20.0)]);
    let rows = history(&rows);
    let said = [
        (1, RealRun),
        (0, RealRun),
        (240, RealRun),
        (241, RealRun),
        (2, Mixed),
        (999, PupWalk),
    ];
    let params = Params::default();
    let ground = Ground::of(&rows, &params, 1).expect("a clustering");
    let found = ground.examples(&rows, &answers(&said));
    let rows_found: Vec<usize> = found.found.iter().map(|e| e.row).collect();
    assert_eq!((rows_found, found.absent, found.untypical), (vec![0, 1], 2, 1));
    let learning = train(&rows, &answers(&said), &params, 1)
        .expect("a model")
        .stats
        .learning
        .expect("said");
    assert_eq!((learning.runs, learning.walks, learning.neither), (2, 0, 1));
    let silent = train(&rows, &Feedback::none(), &params, 1).expect("a model");
    assert_eq!((silent.stats.learning, silent.model.head().copied()), (None, None));
}

#[test]
fn folds_hold_every_example_once_and_their_share_of_runs_and_walks() {
    let rows = history(&runs_and_walks());
    let said: Vec<(usize, Label)> = (0..90)
        .map(|i| (i, if i % 3 == 0 { RealRun } else { PupWalk }))
        .collect();
    let params = Params::default();
    let ground = Ground::of(&rows, &params, 1).expect("a clustering");
    let examples = ground.examples(&rows, &answers(&said)).found;
    let dealt = folds(&examples, LEAVE_ONE_OUT);
    assert_eq!(dealt.len(), FOLDS);
    let mut all: Vec<usize> = dealt.concat();
    all.sort_unstable();
    assert_eq!(all, (0..90).collect::<Vec<_>>());
    for fold in &dealt {
        assert!(fold.is_sorted() && fold.len() == 9);
        assert_eq!(fold.iter().filter(|i| examples[**i].run).count(), 3);
    }
    assert_eq!(folds(&examples[..30], LEAVE_ONE_OUT).len(), 30);
    assert_eq!(folds(&examples[..4], 0).len(), 4);
    assert!(folds(&[], LEAVE_ONE_OUT).is_empty());
}

#[test]
fn a_history_without_spread_is_learnt_from_as_well() {
    let rows = history(&[(14.0, 3.0); 40]);
    let found = taught(&rows, &[(0, RealRun), (1, RealRun), (2, RealRun)]).expect("three answers");
    assert!(found.head.log_odds(14.0, 3.0) > 0.0, "{found:?}");
    let alone = history(&[(14.0, 3.0)]);
    assert!(taught(&alone, &[(0, PupWalk)]).expect("one answer").head.is_finite());
}

#[test]
fn the_search_for_the_prior_weight_is_bounded_and_blind_to_the_answers() {
    let example = |i: u32, run: bool| Example {
        row: i as usize,
        run,
        weight: 1.0,
        hash: Sha256::digest(i.to_le_bytes()).into(),
        at: [0.0, 0.0],
    };
    let all = |run: bool| -> Vec<Example> { (0..1_500).map(|i| example(i, run)).collect() };
    let rows = |examples: &[Example]| -> Vec<usize> { searched(examples).iter().map(|e| e.row).collect() };
    let found = rows(&all(true));
    assert!(found.len() == SEARCHED && found.is_sorted());
    assert_eq!(found, rows(&all(false)));
    assert_eq!(rows(&all(true)[..SEARCHED]).len(), SEARCHED);
    assert_eq!(rows(&all(true)[..7]), [0, 1, 2, 3, 4, 5, 6]);
}
