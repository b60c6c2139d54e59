//! A simulated reviewer through the real pipeline: import, run, then review, answer, retrain, and again.
//!
//! `learning.rs` shows the same of the pure stages, and `cargo run --example learning_curve` prints those
//! curves. Here the answers go through the store, every model through the gate, and what the gate refuses
//! stays out of production.

use std::collections::BTreeMap;
use std::path::PathBuf;

use paceline::pipeline::choose::load_model;
use paceline::pipeline::prepare::Options;
use paceline::pipeline::review::{Reviewer, Scope, Word, answer, review_queue};
use paceline::pipeline::{Kind, RunError};
use paceline::stage::classify::classify;
use paceline::stage::decide::Retrain;
use paceline::stage::features::{Activities, featurize};
use paceline::stage::review::Item;
use paceline::store::workouts::Window;
use paceline::vocab::Label;

use crate::learning::simulated::{self, Person};
use crate::support::world::{NIGHTLY, World};
use crate::support::{TestStore, block_on, now, on_both_stores};

/// A shared file as text, and the person whose it is; says so where it is not there.
fn shared(test: &str, name: &str) -> Option<(String, Person)> {
    let folder = std::env::var("PACELINE_SHARED").map_or_else(
        |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let path = folder.join("data").join(name);
    if !path.is_file() {
        eprintln!("SKIPPED {test}: PACELINE_SHARED not found at {}", folder.display());
        return None;
    }
    let text = std::fs::read_to_string(&path).expect("a shared file");
    Some((text, Person::read(&path).expect("a shared file")))
}

/// How the history is told apart after some answers.
#[derive(Debug, Clone, Copy)]
struct Point {
    answers: usize,
    /// The share of workouts with a truth whose likelier label, run or walk, is the true one.
    forced: f64,
    /// The share of them more likely a walk than a run.
    walks: f64,
    /// The gate refused the candidate of this round.
    refused: bool,
}

/// A person's history in a store, and what it truly is.
struct Simulation<'a> {
    world: &'a World,
    truth: &'a BTreeMap<String, Label>,
    reviewer: Reviewer,
}

impl Simulation<'_> {
    /// Imports, classifies, and learns for `rounds` rounds of five answers.
    async fn curve(&self, name: &str, text: &str, rounds: usize) -> Vec<Point> {
        self.world.import(text).await;
        self.world.run(NIGHTLY).await;
        let mut points = vec![self.point(0, false).await];
        for round in 1..=rounds {
            self.round().await;
            let refused = self.retrain(name, round * 5).await;
            points.push(self.point(round * 5, refused).await);
        }
        let shown = points.iter().map(|p| {
            let refused = if p.refused { " (refused)" } else { "" };
            format!("{} {:.4}{refused}", p.answers, p.forced)
        });
        let certainty = self.reviewer.certainty;
        eprintln!(
            "{name}, certainty {certainty}: {}",
            shown.collect::<Vec<_>>().join(", ")
        );
        points
    }

    async fn round(&self) {
        let scope = Scope {
            activities: Activities::default(),
            window: Window::default(),
            limit: 5,
        };
        let ambient = self.world.ambient();
        let queue = review_queue(&self.world.store, &scope, &ambient)
            .await
            .expect("a queue");
        assert_eq!((queue.items.len(), queue.unclassified), (5, 0));
        for item in &queue.items {
            let word = self.word(item);
            answer(&self.world.store, item, word, &self.reviewer, &ambient)
                .await
                .expect("an answer");
        }
    }

    /// The truth; what the model says rightly is accepted.
    fn word(&self, item: &Item) -> Word {
        match self.truth.get(&item.workout_id) {
            Some(truth) if *truth == item.classification => Word::Accept,
            Some(truth) => Word::Is(*truth),
            None => Word::Uncertain,
        }
    }

    /// True where the gate refused what was learnt.
    async fn retrain(&self, name: &str, answers: usize) -> bool {
        let options = Options {
            retrain: Some(Retrain::Always),
            ..Options::default()
        };
        match self.world.try_run(NIGHTLY, &options).await {
            Ok(report) => {
                let gate = report.gate.map(|gate| gate.evaluation);
                let said = gate.map(|e| {
                    format!(
                        "{}, churn {:.3}: {}",
                        e.verdict.as_str(),
                        e.churn.unwrap_or(0.0),
                        e.reason
                    )
                });
                eprintln!("{name}, {answers} answers: {}", said.unwrap_or(report.decision.reason));
                false
            }
            Err(RunError {
                kind: Kind::Gate,
                source,
                ..
            }) => {
                eprintln!("{name}, {answers} answers: REFUSED {source}");
                true
            }
            Err(error) => panic!("{name}, {answers} answers: {error}"),
        }
    }

    /// What the active model says of the stored history.
    async fn point(&self, answers: usize, refused: bool) -> Point {
        let store = &self.world.store;
        let active = store.active_model().await.expect("a registry").expect("a model");
        let model = load_model(store, &active.model_id).await.expect("an artifact");
        let loaded = store.load_workouts(Window::default(), |_| {}).await.expect("workouts");
        let features = featurize(&loaded.frame, &Activities::default())
            .expect("features")
            .features;
        let predictions = classify(&features, &model).expect("predictions");
        let (mut known, mut right, mut walks) = (0_u32, 0_u32, 0_u32);
        for (row, id) in predictions.ids().iter().enumerate() {
            let posterior = |column: &str| predictions.real(column).get(row);
            let truth = self.truth.get(id.expect("an id"));
            let spoken = posterior("posterior_real_run").zip(posterior("posterior_pup_walk"));
            let Some(((run, walk), truth)) = spoken.zip(truth) else {
                continue;
            };
            let label = if run >= walk { Label::RealRun } else { Label::PupWalk };
            known += 1;
            right += u32::from(label == *truth);
            walks += u32::from(label == Label::PupWalk);
        }
        Point {
            answers,
            forced: f64::from(right) / f64::from(known),
            walks: f64::from(walks) / f64::from(known),
            refused,
        }
    }
}

fn reviewer(certainty: u8) -> Reviewer {
    Reviewer {
        user: "reviewer".to_owned(),
        certainty,
    }
}

async fn migrated(store: TestStore) -> World {
    store.db.migrate(now()).await.expect("migrate");
    World::new(store)
}

fn reaches(name: &str, curve: &[Point], ten: f64, twenty_five: f64) {
    for (round, least) in [(2, ten), (5, twenty_five)] {
        assert!(curve[round].forced >= least, "{name}: {:?}", curve[round]);
    }
}

/// Store and pipeline change nothing of what the pure stages reach, until the gate keeps a candidate out: from
/// then on another model is asked for the queue.
fn agrees(name: &str, curve: &[Point], pure: &[simulated::Point]) {
    let admitted = curve.iter().zip(pure).take_while(|(point, _)| !point.refused);
    assert!(admitted.clone().count() > 2, "{name}: {curve:?}");
    for (point, pure) in admitted {
        assert!(
            (point.forced - pure.forced).abs() < 1e-12,
            "{name}: {point:?} and {pure:?}"
        );
    }
}

/// What was promised, with the default certainty and with the highest.
#[test]
fn ten_and_twenty_five_answers_reach_what_was_promised_through_the_pipeline() {
    for (name, ten, twenty_five) in [
        ("labelled_a.csv", 0.997, 0.998),
        ("labelled_b.csv", 0.97, 0.975),
        ("mapmyrun_history_2025.csv", 0.995, 0.998),
    ] {
        let Some((text, person)) = shared("the simulated reviewer", name) else {
            return;
        };
        for certainty in [3, 5] {
            let curve = block_on(async {
                let world = migrated(TestStore::sqlite().await).await;
                let simulation = Simulation {
                    world: &world,
                    truth: &person.truth,
                    reviewer: reviewer(certainty),
                };
                simulation.curve(name, &text, 5).await
            });
            reaches(name, &curve, ten, twenty_five);
            agrees(name, &curve, &person.curve(5, 5, certainty));
        }
    }
}

#[test]
fn the_curve_is_the_same_on_mariadb() {
    let name = "labelled_b.csv";
    let Some((text, person)) = shared("the simulated reviewer on MariaDB", name) else {
        return;
    };
    let curve = block_on(async {
        let world = migrated(TestStore::mariadb().await).await;
        let simulation = Simulation {
            world: &world,
            truth: &person.truth,
            reviewer: reviewer(5),
        };
        simulation.curve(name, &text, 5).await
    });
    reaches(name, &curve, 0.97, 0.975);
}

/// A hundred and eighty runs between 12 and 17 min/mi: pace alone calls most of them walks. Ten answers
/// relabel the whole history, far above `gate.max_churn`, and the gate lets them: the answers show a
/// significantly better model.
#[test]
fn a_slow_runner_is_believed_after_ten_answers_through_the_pipeline() {
    on_both_stores(async |store| {
        let world = World::new(store);
        let person = Person::slow_runner(2).expect("180 runs");
        let simulation = Simulation {
            world: &world,
            truth: &person.truth,
            reviewer: reviewer(3),
        };
        let curve = simulation.curve("slow runner", &csv_of(&person), 2).await;
        assert!(
            curve[0].walks > 0.6,
            "without answers pace alone cannot know: {:?}",
            curve[0]
        );
        assert!(!curve[2].refused && curve[2].walks <= 0.02, "{:?}", curve[2]);
        let wrong = "SELECT COUNT(*) FROM workout_ml_classifications WHERE current_classification = 'pup_walk'";
        let wrong: f64 = world.raw.rows(wrong).await[0][0].parse().expect("a count");
        assert!(wrong / 180.0 <= 0.02, "{wrong} stored walks");
    });
}

/// Whichever slow runner it is: the gate lets the candidate in after ten answers. Of these sixteen two are left
/// with a few workouts in a hundred called walks, all others with fewer than two.
#[test]
fn every_slow_runner_is_believed_after_ten_answers() {
    let mut doubted = Vec::new();
    for seed in 1..=16 {
        let person = Person::slow_runner(seed).expect("180 runs");
        let curve = block_on(async {
            let world = migrated(TestStore::sqlite().await).await;
            let simulation = Simulation {
                world: &world,
                truth: &person.truth,
                reviewer: reviewer(3),
            };
            let name = format!("slow runner, seed {seed}");
            simulation.curve(&name, &csv_of(&person), 2).await
        });
        assert!(!curve[2].refused && curve[2].walks <= 0.06, "seed {seed}: {curve:?}");
        if curve[2].walks > 0.02 {
            doubted.push(seed);
        }
    }
    assert_eq!(doubted, [14, 15]);
}

/// The history as a file in the table's own columns.
fn csv_of(person: &Person) -> String {
    let mut text =
        "workout_id,workout_date,activity_type,kcal_burned,distance_mi,duration_sec,avg_pace,max_pace,steps,link\n"
            .to_owned();
    for (row, id) in person.features.ids().iter().enumerate() {
        let value = |column: &str| person.features.real(column).get(row).expect("a number");
        let (id, miles, pace) = (id.expect("an id"), value("distance_mi"), value("avg_pace"));
        text.push_str(&format!(
            "{id},2024-05-06 07:08:09,Run,,{miles},{},{pace},,,\n",
            pace * miles * 60.0
        ));
    }
    text
}
