//! What people said teaches the next model through the whole pipeline, and the gate keeps out what should
//! not get in: on both stores.

use std::collections::BTreeMap;
use std::sync::Arc;

use paceline::pipeline::Ambient;
use paceline::pipeline::activate::activate;
use paceline::pipeline::people::say;
use paceline::pipeline::prepare::Options;
use paceline::pipeline::run::run;
use paceline::store::evaluations::Force;
use paceline::vocab::{Label, Trigger};

use crate::support::cli::{self, Paceline};
use crate::support::on_both_stores;
use crate::support::world::{NIGHTLY, World, correction, pipeline};

/// Two hundred workouts with their true label in the last column; runs and walks of this person overlap.
const LABELLED: &str = include_str!("../../data/labelled_sample.csv");

/// So many labels are said rightly, which is enough to learn from.
const RIGHT: usize = 60;
/// Those from there to here are said wrongly.
const WRONG: usize = 120;

/// The export without its labels, and the labels.
fn labelled() -> (String, Vec<(String, Label)>) {
    let mut truth = Vec::new();
    let mut unlabelled = String::new();
    for (number, line) in LABELLED.lines().enumerate() {
        let (row, label) = line.rsplit_once(',').expect("a last column");
        unlabelled.push_str(&format!("{row}\r\n"));
        let label = match label {
            "run" => Label::RealRun,
            "walk" => Label::PupWalk,
            _ => continue,
        };
        if number > 0 {
            let id = row.split(',').next().expect("an id");
            truth.push((id.to_owned(), label));
        }
    }
    (unlabelled, truth)
}

fn other(label: Label) -> Label {
    if label == Label::RealRun {
        Label::PupWalk
    } else {
        Label::RealRun
    }
}

async fn correct(world: &World, labels: impl IntoIterator<Item = (&String, Label)>) {
    for (id, label) in labels {
        say(&world.store, &correction(id, label, "anna"), &world.ambient())
            .await
            .expect("a correction");
    }
}

/// Answers that no model has learnt from, and the models that the others are incorporated in.
async fn marks(world: &World) -> (u64, Vec<String>) {
    let rows = world
        .raw
        .rows("SELECT DISTINCT incorporated_in_model FROM user_classification_feedback WHERE processed = 1 ORDER BY 1")
        .await;
    let waiting = world
        .raw
        .rows("SELECT COUNT(*) FROM user_classification_feedback WHERE processed = 0")
        .await;
    let models = rows.into_iter().map(|mut row| row.remove(0)).collect();
    (waiting[0][0].parse().expect("a count"), models)
}

/// A store whose active model was taught by right answers, and then many wrong ones; the active model's id.
async fn misled(world: &World) -> String {
    let (export, truth) = labelled();
    world.import(&export).await;
    let first = world.run(NIGHTLY).await.model.model_id.expect("a model");
    correct(world, truth[..RIGHT].iter().map(|(id, label)| (id, *label))).await;
    let taught = world.run(NIGHTLY).await;
    assert!(
        taught
            .decision
            .reason
            .contains("corrections that wait to be learnt: 60"),
        "{:?}",
        taught.decision
    );
    let gate = taught.gate.expect("held against the active model");
    assert!(gate.admitted && gate.compared_with == first, "{gate:?}");
    let active = taught.model.model_id.expect("a model");
    assert_eq!(marks(world).await, (0, vec![active.clone()]));

    correct(world, truth[RIGHT..WRONG].iter().map(|(id, label)| (id, other(*label)))).await;
    active
}

#[test]
fn a_candidate_taught_by_wrong_answers_is_refused_kept_and_explained() {
    on_both_stores(|store| async {
        let world = World::new(store);
        let active = misled(&world).await;
        let before = world.dump().await;
        let error = world.try_run(NIGHTLY, &Options::default()).await.expect_err("refused");
        assert_eq!((error.stage, error.kind.as_str()), ("gate", "gate"));
        assert!(
            error.to_string().contains("it forgets") || error.to_string().contains("worse"),
            "{error}"
        );
        let verdicts = |dump: &[(&'static str, Vec<Vec<String>>)]| dump[1..3].to_vec();
        assert_eq!(
            verdicts(&world.dump().await),
            verdicts(&before),
            "nothing was classified"
        );
        let models = world
            .raw
            .rows("SELECT model_id, status, performance_notes FROM ml_model_registry ORDER BY registry_id")
            .await;
        assert_eq!(models.len(), 3);
        assert_eq!(
            (models[1][0].as_str(), models[1][1].as_str()),
            (active.as_str(), "active")
        );
        assert_eq!(models[2][1], "archived");
        assert!(
            models[2][2].contains(&format!("refused by the gate against {active}")),
            "{models:?}"
        );
        let candidate = models[2][0].clone();
        let evidence = world.store.evaluations(&candidate).await.expect("evidence");
        assert_eq!((evidence.len(), evidence[0].verdict.as_str()), (1, "fail"));
        let evaluation = evidence[0].evaluation().expect("it can be read");
        assert!(
            !evaluation.missed.is_empty() && evaluation.all.labelled > 100,
            "{evaluation:?}"
        );
        assert_eq!(
            marks(&world).await.0,
            (WRONG - RIGHT) as u64,
            "what it was taught by is not learnt"
        );

        let again = world.run(NIGHTLY).await;
        assert!(
            again.decision.reason.contains("was refused by the gate"),
            "{:?}",
            again.decision
        );
        assert_eq!((again.model.model_id, again.rows_written), (Some(active), 0));
        assert_eq!(
            world.count("ml_model_registry").await,
            3,
            "it is not made again every night"
        );
    });
}

#[test]
fn a_refused_candidate_becomes_active_only_by_force_which_is_recorded() {
    on_both_stores(|store| async {
        let world = World::new(store);
        misled(&world).await;
        world.try_run(NIGHTLY, &Options::default()).await.expect_err("refused");
        let newest = "SELECT model_id FROM ml_model_registry ORDER BY registry_id DESC LIMIT 1";
        let candidate = world.raw.rows(newest).await[0][0].clone();
        world.raw.refused("UPDATE model_evaluations SET verdict = 'pass'").await;
        world.raw.refused("DELETE FROM model_evaluations").await;
        let ambient = world.ambient();
        let refused = activate(&world.store, &candidate, None, &ambient)
            .await
            .expect_err("refused");
        assert_eq!(refused.kind.as_str(), "gate");
        let force = Force {
            by: "anna".to_owned(),
            reason: "I know what I said".to_owned(),
        };
        let forced = activate(&world.store, &candidate, Some(&force), &ambient)
            .await
            .expect("forced");
        assert!(forced.overruled.is_some());
        let evidence = world.store.evaluations(&candidate).await.expect("evidence");
        assert_eq!(evidence.len(), 2);
        assert_eq!(evidence[0].forced_reason.as_deref(), Some("I know what I said"));
        assert_eq!(
            evidence[0].verdict, "fail",
            "the evidence that was overruled stands beside it"
        );
        let (waiting, learnt) = marks(&world).await;
        assert!(waiting == 0 && learnt.contains(&candidate), "{waiting} {learnt:?}");
        assert!(world.store.verify(|_| {}).await.expect("verify").ok);
    });
}

/// Corrections that no head can learn from (`mixed`) give the same model again: they are learnt all the
/// same, or the next night would train on them for ever.
#[test]
fn answers_that_change_nothing_are_learnt_by_the_active_model() {
    on_both_stores(|store| async {
        let world = World::new(store);
        let (export, truth) = labelled();
        world.import(&export).await;
        let active = world.run(NIGHTLY).await.model.model_id.expect("a model");
        correct(&world, truth[..6].iter().map(|(id, _)| (id, Label::Mixed))).await;
        let again = world.run(NIGHTLY).await;
        assert!(
            again.decision.reason.ends_with("training gave it again, byte for byte"),
            "{:?}",
            again.decision
        );
        assert_eq!(marks(&world).await, (0, vec![active.clone()]));
        let ranges = world
            .raw
            .rows("SELECT first_id, last_id FROM model_feedback ORDER BY first_id")
            .await;
        assert_eq!(ranges, [["1", "6"]]);
        let quiet = world.run(NIGHTLY).await;
        assert!(!quiet.decision.reason.contains("correct"), "{:?}", quiet.decision);
        assert_eq!(quiet.rows_written, 0);
    });
}

/// Runs of one who has no walks and is slow: pace alone calls most of them walks.
fn slow_runner() -> (String, Vec<String>) {
    let ids: Vec<String> = (0..180).map(|i| format!("slow{i:03}")).collect();
    let mut text = "workout_id,workout_date,activity_type,distance_mi,duration_sec,avg_pace\r\n".to_owned();
    for (i, id) in ids.iter().enumerate() {
        let pace = 12.0 + 5.0 * ((i * 73) % 180) as f64 / 180.0;
        let miles = 1.0 + ((i * 37) % 50) as f64 / 10.0;
        let seconds = (pace * miles * 60.0).round();
        let day = 1 + i % 28;
        let month = 1 + i / 28;
        text.push_str(&format!(
            "{id},2025-{month:02}-{day:02} 07:00:00,Run,{miles:.1},{seconds},{pace:.4}\r\n"
        ));
    }
    (text, ids)
}

/// Most of the history is relabelled, more than the churn gate allows a model that shows nothing; and the
/// run that does so is killed after the activation. The next one must finish it, not be stopped.
#[test]
fn what_the_gate_let_in_can_be_finished_after_a_crash() {
    on_both_stores(|store| async {
        let world = World::new(store);
        let (export, ids) = slow_runner();
        world.import(&export).await;
        let untaught = world.run(NIGHTLY).await;
        assert!(untaught.labels["pup_walk"] > 90, "{:?}", untaught.labels);
        // The slowest ten, each of which the model calls a walk.
        let walks = "SELECT c.workout_id FROM workout_ml_classifications c JOIN workout_summary w \
                     ON w.workout_id = c.workout_id ORDER BY w.avg_pace DESC, c.workout_id";
        let slowest = world.raw.rows(walks).await;
        let every_tenth = slowest.iter().step_by(11).take(10).map(|row| (&row[0], Label::RealRun));
        correct(&world, every_tenth).await;
        world.wait_days(1);
        let ambient = Ambient {
            at_point: Arc::new(|point| assert_ne!(point, "after_activate", "killed here")),
            ..world.ambient()
        };
        let store = world.store.clone();
        let killed = async move {
            run(
                &store,
                &pipeline(NIGHTLY),
                &Options::default(),
                Trigger::Manual,
                &ambient,
            )
            .await
        };
        tokio::spawn(killed).await.expect_err("it panicked");
        world.wait_days(1);
        let taken = Options {
            take_over: true,
            ..Options::default()
        };
        let finished = world.try_run(NIGHTLY, &taken).await.expect("finished");
        assert!(finished.churn > 0.25 && finished.changes.changed > 45, "{finished:?}");
        let walks = finished.labels.get("pup_walk").copied().unwrap_or(0);
        assert!(walks <= ids.len() as u64 / 50, "{:?}", finished.labels);
        assert!(world.store.verify(|_| {}).await.expect("verify").ok);
    });
}

fn corrections(truth: &[(String, Label)]) -> String {
    let mut text = "workout_id,label,certainty\n".to_owned();
    for (id, label) in truth {
        text.push_str(&format!("{id},{label},5\n"));
    }
    text
}

#[test]
fn people_who_disagree_are_named_and_teach_nothing() {
    cli::on_both_stores(|paceline, folder| {
        let (export, truth) = labelled();
        paceline.ok(&[
            "run",
            "pipelines/nightly.toml",
            "--import",
            &cli::file(folder, "e.csv", export),
        ]);
        let (id, label) = &truth[0];
        for (user, label) in [("anna", *label), ("ben", other(*label))] {
            let add = [
                "feedback",
                "add",
                id,
                "--type",
                "correct",
                "--label",
                label.as_str(),
                "--user",
                user,
            ];
            paceline.ok(&add);
        }
        let stats = paceline.json(&["feedback", "stats"]);
        assert_eq!(stats["disagreements"][0]["workout_id"].as_str(), Some(id.as_str()));
        let page = paceline.ok(&["feedback", "stats"]).stdout;
        assert!(page.contains(&format!("disagree on {id}: anna {label}, ben")), "{page}");
        let trained = paceline
            .at("2026-01-03T03:04:05Z")
            .json(&["model", "train", "pipelines/nightly.toml"]);
        assert_eq!(trained["decision"]["action"], "reused", "it taught nothing: {trained}");
    });
}

fn active(paceline: &Paceline) -> String {
    let shown = paceline.json(&["model", "show", "active"]);
    shown["model_id"].as_str().expect("an id").to_owned()
}

/// What overridden workouts are called.
fn overridden(paceline: &Paceline) -> BTreeMap<String, String> {
    let listed = paceline.json(&["override", "list"]);
    let label = |row: &serde_json::Value| {
        let text = |key: &str| row[key].as_str().expect("text").to_owned();
        (text("workout_id"), text("classification"))
    };
    listed.as_array().expect("a list").iter().map(label).collect()
}

#[test]
fn models_are_trained_compared_forced_and_rolled_back_from_the_command_line() {
    cli::on_both_stores(|paceline, folder| {
        let (export, truth) = labelled();
        let export = cli::file(folder, "export.csv", export);
        let nightly = "pipelines/nightly.toml";
        paceline.ok(&["run", nightly, "--import", &export]);
        let first = active(paceline);
        let right = cli::file(folder, "right.csv", corrections(&truth[..RIGHT]));
        paceline.ok(&["feedback", "import", &right]);
        let later = paceline.at("2026-01-03T03:04:05Z");
        let trained = later.json(&["model", "train", nightly, "--notes", "sixty answers"]);
        assert_eq!(
            (trained["status"].as_str(), trained["rows_written"].as_u64()),
            (Some("trained"), Some(0))
        );
        assert_eq!(trained["gate"]["admitted"], true);
        let second = active(paceline);
        assert_ne!(second, first);
        let shown = paceline.json(&["model", "show", "active"]);
        assert_eq!(shown["parent_model_id"].as_str(), Some(first.as_str()));
        assert_eq!(shown["training_notes"], "sixty answers");
        assert_eq!(shown["model_version"], "1.1.0");
        assert_eq!(shown["evaluations"][0]["compared_with"].as_str(), Some(first.as_str()));
        later.ok(&["run", nightly, "--retrain", "never"]);

        let flipped: Vec<_> = truth[RIGHT..WRONG]
            .iter()
            .map(|(id, label)| (id.clone(), other(*label)))
            .collect();
        let wrong = cli::file(folder, "wrong.csv", corrections(&flipped));
        paceline.ok(&["feedback", "import", &wrong]);
        let third_day = paceline.at("2026-01-04T03:04:05Z");
        let refused = third_day.run(&["model", "train", nightly]);
        refused.expect(4, &["was refused", "model compare", "--force --reason"]);
        assert_eq!(active(paceline), second);
        let all = paceline.json(&["model", "list"]);
        let candidate = all[2]["model_id"].as_str().expect("kept").to_owned();
        let compared = paceline.json(&["model", "compare", "active", &candidate]);
        assert_eq!(compared["gate"]["verdict"], "fail");
        assert!(compared["a"]["contradicts"].as_u64() > Some(0), "{compared}");
        assert!(compared["matrix"].is_array() && compared["churn"].is_number());
        let page = paceline.ok(&["model", "compare", "active", &candidate]).stdout;
        assert!(
            page.contains("Gate on B beside A: fail") && page.contains("Contradicts people"),
            "{page}"
        );
        paceline
            .run(&["model", "activate", &candidate])
            .expect(4, &["refused", "--force --reason"]);
        paceline
            .run(&["model", "activate", &candidate, "--force"])
            .expect(2, &["--reason"]);
        let forced = third_day.json(&["model", "activate", &candidate, "--force", "--reason", "they are mine"]);
        assert_eq!(forced["activated"].as_str(), Some(candidate.as_str()));
        let page = paceline.ok(&["model", "show", &candidate]).stdout;
        assert!(page.contains("FORCED by user: they are mine"), "{page}");
        third_day.ok(&["run", nightly, "--retrain", "never", "--accept-churn"]);

        let people = overridden(paceline);
        assert_eq!(people.len(), WRONG);
        let back = paceline
            .at("2026-01-05T03:04:05Z")
            .json(&["model", "rollback", "--pipeline", nightly]);
        assert_eq!(back["activated"].as_str(), Some(second.as_str()));
        assert_eq!(back["run"]["status"], "succeeded");
        assert_eq!(back["run"]["changes"]["protected"], WRONG);
        assert_eq!(overridden(paceline), people, "a person wins over a rollback too");
        assert_eq!(paceline.json(&["verify"])["ok"], true);
        let quiet = paceline
            .at("2026-01-06T03:04:05Z")
            .json(&["run", nightly, "--retrain", "never"]);
        assert_eq!(quiet["rows_written"], 0, "the rollback reclassified everything");
    });
}
