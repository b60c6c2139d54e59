//! Laws of learning and asking, on random histories and answers.

use std::collections::{BTreeMap, BTreeSet};

use paceline::stage::classify::classify;
use paceline::stage::feedback::{Answer, Feedback};
use paceline::stage::frame::{Features, Frame};
use paceline::stage::gate::{Active, Candidate, Limits, Verdict, evaluate};
use paceline::stage::model::Model;
use paceline::stage::params::Params;
use paceline::stage::review::{Reason, Said, review, words};
use paceline::stage::train::train;
use paceline::time::Timestamp;
use paceline::vocab::{Algorithm, Label};
use proptest::prelude::*;

use crate::stages::tables::{Record, features};

prop_compose! {
    /// A workout; now and then one on which no model can speak.
    fn workout()(
        pace in prop_oneof![4 => 6.0..30.0f64, 1 => 11.5..14.5f64, 1 => Just(12.0), 1 => Just(0.0)],
        miles in prop_oneof![5 => 0.1..15.0f64, 1 => Just(3.0)],
    ) -> (f64, f64) {
        (pace, miles)
    }
}

prop_compose! {
    fn history(most: usize)(rows in prop::collection::vec(workout(), 0..most)) -> Vec<Record> {
        rows.iter().enumerate().map(|(i, (pace, miles))| Record::from([
            ("workout_id".to_owned(), format!("w{i:03}")),
            ("avg_pace".to_owned(), pace.to_string()),
            ("distance_mi".to_owned(), miles.to_string()),
            ("duration_sec".to_owned(), (pace * miles * 60.0).to_string()),
        ])).collect()
    }
}

prop_compose! {
    /// Answers of three people on the first sixty workouts, some of which may not exist.
    fn answers(most: usize)(
        said in prop::collection::vec((0..60u32, 0..3u8, 0..50i64, 0..6usize, 1..=5u8), 0..most),
    ) -> Vec<Answer> {
        said.iter().enumerate().map(|(id, (workout, user, at, label, certainty))| Answer {
            workout_id: format!("w{workout:03}"),
            user: format!("user{user}"),
            submitted_at: Timestamp::from_micros(*at),
            feedback_id: id as i64,
            // Twice as many runs and walks as the rest together.
            label: [
                Some(Label::RealRun),
                Some(Label::PupWalk),
                Some(Label::RealRun),
                Some(Label::PupWalk),
                Some(Label::Mixed),
                None,
            ][*label],
            certainty: *certainty,
        }).collect()
    }
}

fn of(answers: &[Answer]) -> Feedback {
    Feedback::of(answers.to_vec()).expect("certainties in range")
}

fn taught(rows: &Frame<Features>, feedback: &Feedback) -> Model {
    train(rows, feedback, &Params::default(), 7)
        .expect("it never fails")
        .model
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// One user's latest answer stands, agreement teaches, disagreement does not, and the order of the
    /// answers decides nothing.
    #[test]
    fn answers_resolve_by_the_rules(
        (said, shuffled) in answers(60).prop_flat_map(|a| (Just(a.clone()), Just(a).prop_shuffle())),
    ) {
        let feedback = of(&said);
        prop_assert_eq!(&feedback, &of(&shuffled));
        let mut standing: BTreeMap<&str, BTreeMap<&str, &Answer>> = BTreeMap::new();
        for answer in &said {
            let place = standing.entry(&answer.workout_id).or_default().entry(&answer.user).or_insert(answer);
            if (answer.submitted_at, answer.feedback_id) > (place.submitted_at, place.feedback_id) {
                *place = answer;
            }
        }
        let agreed: Vec<(&str, Label)> = standing.iter().filter_map(|(workout, users)| {
            let labels: BTreeSet<Label> = users.values().filter_map(|a| a.label).collect();
            (labels.len() == 1).then(|| (*workout, *labels.first().expect("one")))
        }).collect();
        let found: Vec<(&str, Label)> =
            feedback.lessons().iter().map(|l| (l.workout_id.as_str(), l.label)).collect();
        prop_assert_eq!(found, agreed);
        let decided = feedback.lessons().len() + feedback.disagreements().len();
        prop_assert_eq!(decided + feedback.undecided().len(), standing.len());
        prop_assert!(feedback.lessons().iter().all(|l| (0.3..1.7).contains(&l.weight) && l.times >= 1));
    }

    /// Invariants 6 and 8 with a head: the model depends on the sets of rows and answers, is finite, and
    /// survives its own text; a verdict depends on the row alone.
    #[test]
    fn a_taught_model_depends_on_what_was_said_and_is_its_own_text(
        records in history(60),
        (said, shuffled) in answers(25).prop_flat_map(|a| (Just(a.clone()), Just(a).prop_shuffle())),
    ) {
        let rows = features(&records);
        let feedback = of(&said);
        let model = taught(&rows, &feedback);
        let text = model.to_canonical_json();
        prop_assert_eq!(&taught(&rows, &of(&shuffled)).to_canonical_json(), &text);
        prop_assert_eq!(Model::from_stored(&text, &model.sha256()), Ok(model.clone()));
        prop_assert_eq!(text.contains("\"head\""), model.head().is_some());
        let whole = classify(&rows, &model).expect("predictions");
        for (i, record) in records.iter().enumerate().step_by(7) {
            let alone = classify(&features(std::slice::from_ref(record)), &model).expect("predictions");
            prop_assert_eq!(alone.text("label").get(0), whole.text("label").get(i));
            let bits = |f: &Frame<_>, i| f.real("confidence").get(i).map(f64::to_bits);
            prop_assert_eq!(bits(&alone, 0), bits(&whole, i));
        }
        for i in 0..whole.height() {
            let (run, walk) = (whole.real("posterior_real_run").get(i), whole.real("posterior_pup_walk").get(i));
            if let (Some(run), Some(walk)) = (run, walk) {
                prop_assert!((run + walk - 1.0).abs() < 1e-12 && run >= 0.0 && walk >= 0.0);
            }
        }
    }

    /// Feedback that cannot teach leaves the artifact's bytes as they were.
    #[test]
    fn what_cannot_teach_changes_nothing(records in history(40), said in answers(25)) {
        let rows = features(&records);
        let untaught = taught(&rows, &Feedback::none()).to_canonical_json();
        let mixed = said.iter().cloned().map(|a| Answer { label: Some(Label::Mixed), ..a });
        prop_assert_eq!(taught(&rows, &of(&mixed.collect::<Vec<_>>())).to_canonical_json(), untaught.clone());
        let elsewhere = said.iter().cloned().map(|a| Answer { workout_id: format!("x{}", a.workout_id), ..a });
        prop_assert_eq!(taught(&rows, &of(&elsewhere.collect::<Vec<_>>())).to_canonical_json(), untaught);
        let classic = Params { algorithm: Algorithm::Kmeans, ..Params::default() };
        let plain = train(&rows, &Feedback::none(), &classic, 7).ok();
        let told = train(&rows, &of(&said), &classic, 7).ok();
        prop_assert_eq!(plain.is_some(), told.is_some());
        if let (Some(plain), Some(told)) = (plain, told) {
            prop_assert_eq!(plain.model, told.model);
            prop_assert_eq!(told.stats.notes.len(), plain.stats.notes.len() + usize::from(!said.is_empty()));
        }
    }

    /// The queue holds no row twice, no fallback, no judged row that nobody doubts; a longer one begins
    /// with the shorter.
    #[test]
    fn the_queue_keeps_its_rules(records in history(60), said in answers(20), limit in 0..30usize) {
        let rows = features(&records);
        let feedback = of(&said);
        let predictions = classify(&rows, &taught(&rows, &Feedback::none())).expect("predictions");
        let words = words(&feedback, []);
        let queue = review(&rows, &predictions, &words, limit);
        let whole = review(&rows, &predictions, &words, usize::MAX);
        prop_assert_eq!(&queue[..], &whole[..limit.min(whole.len())]);
        let ids: BTreeSet<&str> = whole.iter().map(|item| item.workout_id.as_str()).collect();
        prop_assert_eq!(ids.len(), whole.len());
        let mut expected = 0;
        for (i, id) in rows.ids().iter().flatten().enumerate() {
            let spoken = predictions.text("method").get(i) != Some("era_fallback");
            expected += usize::from(spoken && !words.contains_key(id));
            prop_assert!(spoken || !ids.contains(id));
        }
        let doubted = whole.iter().filter(|item| match item.reason {
            Reason::Disputed => words.get(&item.workout_id) == Some(&Said::Disputed),
            Reason::Contradicted { said } => said != item.classification,
            _ => false,
        });
        prop_assert_eq!(whole.len(), expected + doubted.count());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// The evidence adds up, and the verdict follows from it.
    #[test]
    fn the_evidence_adds_up(records in history(40), known in answers(12), fresh in answers(12)) {
        let rows = features(&records);
        let known = of(&known);
        let fresh = fresh.into_iter().map(|a| Answer { feedback_id: a.feedback_id + 100, ..a });
        let all = of(&known.answers().iter().cloned().chain(fresh).collect::<Vec<_>>());
        let active = taught(&rows, &known);
        let params = Params::default();
        let candidate = Candidate { params: &params, seed: 7, churn: None };
        let active = Active { model: &active, params: Some(&params), taught: &known };
        let found = evaluate(&rows, &all, &candidate, &active, &Limits::default()).expect("evidence");
        let score = found.all;
        prop_assert_eq!(score.candidate_correct + score.c, score.active_correct + score.b);
        prop_assert!(score.candidate_correct.max(score.active_correct) <= score.labelled);
        prop_assert!(found.earlier.labelled <= score.labelled && (0.0..=1.0).contains(&score.p));
        let worse = score.c > score.b || (found.earlier.c > found.earlier.b && found.earlier.p < 0.05);
        let expected = match (worse, score.b + score.c < 6) {
            (true, _) => Verdict::Fail,
            (false, true) => Verdict::Insufficient,
            (false, false) => Verdict::Pass,
        };
        prop_assert_eq!(found.verdict, expected);
        prop_assert_eq!(found.missed.len() as u64, score.c.min(20));
        let again = evaluate(&rows, &all, &candidate, &active, &Limits::default()).expect("evidence");
        prop_assert_eq!(found, again);
    }
}
