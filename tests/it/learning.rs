//! Learning from people, shown on histories whose truth is known.
//!
//! The shared files are other people's data: they are read where `PACELINE_SHARED` (default `../shared`)
//! points, and a test says loudly that it was skipped where they are not. `cargo run --example
//! learning_curve -- FILE..` prints the curves that are asserted here.

use std::path::{Path, PathBuf};

use paceline::stage::classify::{classify, explain};
use paceline::stage::feedback::{Answer, Feedback};
use paceline::stage::gate::{Active, Candidate, Evaluation, Limits, Verdict, evaluate};
use paceline::stage::model::Model;
use paceline::stage::params::Params;
use paceline::stage::review::{review, words};
use paceline::stage::train::{Trained, train};
use paceline::vocab::Label;

#[path = "../../examples/learning_curve/simulated.rs"]
#[allow(dead_code, reason = "the example prints what the tests do not look at")]
pub mod simulated;
use simulated::{Person, Point};

/// A shared file; says so where it is not there.
fn shared(test: &str, file: &str) -> Option<Person> {
    let folder = std::env::var("PACELINE_SHARED").map_or_else(
        |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let path = folder.join("data").join(file);
    if !path.is_file() {
        eprintln!("SKIPPED {test}: PACELINE_SHARED not found at {}", folder.display());
        return None;
    }
    Some(Person::read(&path).expect("a shared file"))
}

fn committed(file: &str) -> Person {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(file);
    Person::read(&path).expect("a committed file")
}

fn after(curve: &[Point], answers: usize) -> Point {
    let found = curve.iter().find(|p| p.answers == answers);
    *found.unwrap_or_else(|| panic!("{answers} answers"))
}

fn show(name: &str, curve: &[Point]) {
    let points: Vec<String> = curve.iter().map(|p| format!("{} {:.4}", p.answers, p.forced)).collect();
    eprintln!("{name}: {}", points.join(", "));
}

#[test]
fn ten_and_twenty_five_answers_reach_what_was_promised() {
    for (file, ten, twenty_five) in [
        ("labelled_a.csv", 0.997, 0.998),
        ("labelled_b.csv", 0.97, 0.975),
        ("mapmyrun_history_2025.csv", 0.995, 0.998),
    ] {
        let Some(person) = shared("ten_and_twenty_five_answers_reach_what_was_promised", file) else {
            return;
        };
        let curve = person.curve(5, 5, 5);
        show(file, &curve);
        assert!(after(&curve, 10).forced >= ten, "{file}: {:?}", after(&curve, 10));
        assert!(
            after(&curve, 25).forced >= twenty_five,
            "{file}: {:?}",
            after(&curve, 25)
        );
    }
}

/// Answers of the usual certainty teach as well, and so does one question at a time.
#[test]
fn neither_the_certainty_nor_the_size_of_a_round_is_what_makes_it_work() {
    for (file, least) in [
        ("labelled_a.csv", 0.997),
        ("labelled_b.csv", 0.97),
        ("mapmyrun_history_2025.csv", 0.995),
    ] {
        let Some(person) = shared(
            "neither_the_certainty_nor_the_size_of_a_round_is_what_makes_it_work",
            file,
        ) else {
            return;
        };
        for (limit, certainty) in [(5, 3), (1, 5)] {
            let curve = person.curve(limit, 10 / limit, certainty);
            show(&format!("{file}, {limit} at a time, certainty {certainty}"), &curve);
            assert!(after(&curve, 10).forced >= least, "{file} {limit} {certainty}");
        }
    }
}

#[test]
fn a_slow_runner_without_walks_is_believed_after_ten_answers() {
    for seed in 1..=6 {
        let person = Person::slow_runner(seed).expect("180 runs");
        let curve = person.curve(5, 2, 5);
        assert!(after(&curve, 0).walks > 0.6, "without answers pace alone cannot know");
        assert!(after(&curve, 10).walks <= 0.02, "seed {seed}: {:?}", after(&curve, 10));
        let at_once = person.curve(10, 1, 3);
        assert!(
            after(&at_once, 10).walks <= 0.02,
            "seed {seed}: {:?}",
            after(&at_once, 10)
        );
    }
}

/// Runs and walks of this person overlap, so no boundary is right on all; the clusters' is nearly as good
/// as any, and learning must not lose it.
#[test]
fn a_few_answers_do_not_forget_the_rest() {
    let person = committed("labelled_sample.csv");
    let curve = person.curve(5, 5, 5);
    show("labelled_sample.csv", &curve);
    for point in &curve {
        assert!(point.forced > after(&curve, 0).forced - 0.02, "{point:?}");
    }
}

fn taught(person: &Person, answers: &[Answer]) -> (Trained, Feedback) {
    let feedback = Feedback::of(answers.to_vec()).expect("certainties in range");
    let trained = train(&person.features, &feedback, &Params::default(), 42).expect("it never fails");
    (trained, feedback)
}

fn gate(person: &Person, active: (&Model, &Feedback), feedback: &Feedback) -> Evaluation {
    let params = Params::default();
    let candidate = Candidate {
        params: &params,
        seed: 42,
        churn: None,
    };
    let active = Active {
        model: active.0,
        params: Some(&params),
        taught: active.1,
    };
    evaluate(&person.features, feedback, &candidate, &active, &Limits::default()).expect("evidence")
}

/// The whole loop as it runs in production: what the gate refuses does not become active, the answers
/// stay and the next candidate learns from them too.
#[test]
fn the_gate_lets_learning_through() {
    let slow = (1..=2).map(|seed| Person::slow_runner(seed).expect("180 runs"));
    let files = ["labelled_a.csv", "labelled_b.csv", "mapmyrun_history_2025.csv"];
    let shared = files
        .iter()
        .filter_map(|file| shared("the_gate_lets_learning_through", file));
    for person in slow.chain(shared) {
        let (first, none) = taught(&person, &[]);
        let (mut active, mut known) = (first.model, none);
        let mut answers: Vec<Answer> = Vec::new();
        for _ in 0..3 {
            let feedback = Feedback::of(answers.clone()).expect("certainties in range");
            let predictions = classify(&person.features, &active).expect("predictions");
            for item in review(&person.features, &predictions, &words(&feedback, []), 5) {
                answers.push(person.answer(&item.workout_id, answers.len(), 5));
            }
            let (candidate, feedback) = taught(&person, &answers);
            let found = gate(&person, (&active, &known), &feedback);
            eprintln!("{}, {} answers: {}", person.name, answers.len(), found.reason);
            if found.verdict.admits() {
                (active, known) = (candidate.model, feedback);
            }
        }
        let predictions = classify(&person.features, &active).expect("predictions");
        let point = person.point(answers.len(), &predictions, None);
        let least = if person.name.contains("labelled_b") { 0.97 } else { 0.98 };
        assert!(point.forced >= least, "{}: {point:?}", person.name);
        assert!(!known.is_empty(), "{}: nothing was ever admitted", person.name);
    }
}

#[test]
fn a_candidate_taught_by_wrong_answers_is_refused() {
    let person = committed("labelled_sample.csv");
    let ids: Vec<String> = person.features.ids().iter().flatten().map(str::to_owned).collect();
    let right: Vec<Answer> = (0..30).map(|i| person.answer(&ids[i], i, 5)).collect();
    let wrong = (30..90).map(|i| {
        let mut answer = person.answer(&ids[i], i, 5);
        answer.label = match answer.label {
            Some(Label::RealRun) => Some(Label::PupWalk),
            _ => Some(Label::RealRun),
        };
        answer
    });
    let all: Vec<Answer> = right.iter().cloned().chain(wrong).collect();
    let (active, known) = taught(&person, &right);
    let (_, feedback) = taught(&person, &all);
    let found = gate(&person, (&active.model, &known), &feedback);
    assert_eq!(found.verdict, Verdict::Fail, "{}", found.reason);
    assert!(found.reason.contains("p = "), "{}", found.reason);
    eprintln!("{}", found.reason);
}

/// An import of thousands of labels is a use, not an attack: it is learnt and judged in bounded time.
#[test]
fn a_wholly_labelled_history_is_learnt_and_judged() {
    let test = "a_wholly_labelled_history_is_learnt_and_judged";
    let Some(person) = shared(test, "labelled_a.csv") else {
        return;
    };
    let ids: Vec<&str> = person.features.ids().iter().flatten().collect();
    let answers: Vec<Answer> = ids.iter().enumerate().map(|(i, id)| person.answer(id, i, 3)).collect();
    let (untaught, none) = taught(&person, &[]);
    let (trained, feedback) = taught(&person, &answers);
    let predictions = classify(&person.features, &trained.model).expect("predictions");
    let point = person.point(answers.len(), &predictions, None);
    assert!(point.forced >= 0.997, "{point:?}");
    let found = gate(&person, (&untaught.model, &none), &feedback);
    eprintln!(
        "{}; Brier {:?} and {:?}",
        found.reason, found.candidate_brier, found.active_brier
    );
    // The clusters are right on all but seven of these already: what is left to learn is how sure to be.
    assert!(found.all.labelled > 3_000 && found.candidate_brier < found.active_brier);
    assert!(found.all.b + found.all.c < 6, "{}", found.reason);
    assert!(review(&person.features, &predictions, &words(&feedback, []), 20).len() <= 20);
}

/// What decided is shown, and it is what `classify` said.
#[test]
fn an_explanation_shows_that_the_head_decided() {
    let person = Person::slow_runner(1).expect("180 runs");
    let answers: Vec<Answer> = (0..10)
        .map(|i| person.answer(&format!("slow{:03}", i * 17), i, 5))
        .collect();
    let (trained, _) = taught(&person, &answers);
    let predictions = classify(&person.features, &trained.model).expect("predictions");
    let mut by_head = 0;
    for i in 0..person.features.height() {
        let value = |column: &str| person.features.real(column).get(i);
        let why = explain(
            &trained.model,
            paceline::time::WorkoutDate::from_micros(0),
            value("avg_pace"),
            value("distance_mi"),
            value("duration_min"),
        );
        let learned = why.head.expect("a head");
        assert_eq!(Some(learned.coefficients), trained.model.head().copied());
        let posterior = why.posterior.expect("within bounds");
        assert_eq!(predictions.real("posterior_real_run").get(i), Some(posterior.real_run));
        assert_eq!(learned.log_odds >= 0.0, why.forced_label == Some(Label::RealRun));
        let text = serde_json::to_value(&why).expect("JSON");
        by_head += usize::from(text["rule"] == "head");
        assert!(text["head"]["coefficients"]["log_pace"].is_f64());
    }
    assert!(by_head > 150, "{by_head}");
}
