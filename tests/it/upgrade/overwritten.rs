//! Labels of people that a batch wrote over: found, shown in a plan, restored, and never lost again.

use serde_json::Value;

use super::older::{OVERWRITTEN, SMALL, STANDING, YEARS, id};
use crate::support::cli::{Paceline, on_both_stores};
use crate::support::{TestStore, admin_text, block_on};

const NIGHTLY: &str = "pipelines/nightly.toml";
const REPAIR: [&str; 2] = ["doctor", "--repair-overrides"];

fn upgraded(older: super::older::Older) -> (TestStore, Paceline) {
    let store = block_on(async {
        let store = TestStore::mariadb().await;
        older.build(&store).await;
        store
    });
    let paceline = Paceline::new(&store.url);
    paceline.ok(&["migrate", "--yes"]);
    (store, paceline)
}

fn apply(paceline: &Paceline) -> Value {
    paceline.json(&[&REPAIR[..], &["--apply"]].concat())
}

/// The current label and flag of a workout.
fn stands(store: &TestStore, workout: &str) -> (String, String) {
    let query = format!(
        "SELECT current_classification, is_user_override FROM workout_ml_classifications WHERE workout_id = '{workout}'"
    );
    let row = block_on(store.rows(&query)).remove(0);
    (row[0].clone(), row[1].clone())
}

#[test]
fn what_people_said_is_found_shown_restored_and_never_lost_again() {
    let (store, paceline) = upgraded(YEARS);
    let doctor = paceline.ok(&["doctor"]).stdout;
    assert!(
        doctor.contains("2 labels that people set were written over"),
        "{doctor}"
    );
    assert!(doctor.contains("doctor --repair-overrides"), "{doctor}");

    let before = paceline.tables();
    let plan = paceline.json(&REPAIR);
    assert_eq!(
        (plan["found"].as_u64(), plan["restored"].as_u64()),
        (Some(2), Some(0)),
        "{plan}"
    );
    let of = |workout: &str| {
        let all = plan["overrides"].as_array().expect("a list");
        let found = all.iter().find(|o| o["workout_id"] == workout);
        found.unwrap_or_else(|| panic!("{workout} in {plan}")).clone()
    };
    for (number, person, label) in OVERWRITTEN {
        let found = of(&id(number));
        assert_eq!(
            (found["person"]["label"].as_str(), found["person"]["by"].as_str()),
            (Some(label), Some(person))
        );
        assert_eq!(found["now"]["is_user_override"], false);
        assert_eq!(found["overwritten_by"]["by"], "classifier.py");
        assert_eq!(found["outcome"], "planned");
    }
    let page = paceline.ok(&REPAIR).stdout;
    for part in [
        "anna",
        "Zoë",
        "classifier.py",
        "nothing was written. --apply restores 2.",
    ] {
        assert!(page.contains(part), "no '{part}' in:\n{page}");
    }
    assert_eq!(paceline.tables(), before, "a plan wrote something");

    let done = apply(&paceline);
    assert_eq!(
        (done["found"].as_u64(), done["restored"].as_u64()),
        (Some(2), Some(2)),
        "{done}"
    );
    let after = apply(&paceline);
    assert_eq!(
        (after["found"].as_u64(), after["restored"].as_u64()),
        (Some(0), Some(0)),
        "{after}"
    );
    paceline.ok(&["verify"]);
    let history = paceline.json(&["history", &id(3)]).to_string();
    assert!(
        history.contains("restored: anna said pup_walk") && history.contains("it was the dog"),
        "{history}"
    );
    let doctor = paceline.ok(&["doctor"]).stdout;
    assert!(doctor.contains("what people said stands"), "{doctor}");

    // Whatever trains and whatever runs.
    for day in ["2026-01-03", "2026-01-04"] {
        let later = paceline.at(&format!("{day}T03:04:05Z"));
        later.ok(&["run", NIGHTLY, "--accept-churn", "--retrain", "always"]);
        for (number, _, label) in OVERWRITTEN.into_iter().chain([(STANDING, "anna", "pup_walk")]) {
            assert_eq!(stands(&store, &id(number)), (label.to_owned(), "1".to_owned()));
        }
        later.ok(&["verify"]);
        assert_eq!(later.json(&REPAIR)["found"], 0);
    }
    let listed = paceline.json(&["override", "list"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(3), "{listed}");
}

#[test]
fn a_batch_that_comes_after_the_repair_is_found_too() {
    let (store, paceline) = upgraded(SMALL);
    assert_eq!(apply(&paceline)["restored"], 2);
    let (workout, _, label) = (id(OVERWRITTEN[0].0), "", OVERWRITTEN[0].2);
    admin_text(
        &store.url,
        &[
            &format!(
                "INSERT INTO workout_classification_history (workout_id, new_classification, classification_source, \
                 changed_by) VALUES ('{workout}', 'mixed', 'ml_batch_update', 'classifier.py')"
            ),
            &format!(
                "UPDATE workout_ml_classifications SET current_classification = 'mixed', is_user_override = 0 \
                 WHERE workout_id = '{workout}'"
            ),
        ],
    );
    // Also before anybody has adopted it, and also after runs have classified the workout.
    assert_eq!(paceline.json(&REPAIR)["found"], 1);
    paceline.ok(&["run", NIGHTLY, "--accept-churn"]);
    assert_eq!(paceline.json(&REPAIR)["found"], 1);
    assert_eq!(apply(&paceline)["restored"], 1);
    assert_eq!(stands(&store, &workout), (label.to_owned(), "1".to_owned()));
    paceline.ok(&["verify"]);
    // A person takes it back: nothing is owed any more.
    paceline.ok(&["override", "clear", &workout, "--user", "anna"]);
    assert_eq!(paceline.json(&REPAIR)["found"], 0);
    paceline.ok(&["verify"]);
}

#[test]
fn a_label_that_is_none_is_listed_and_left() {
    let (store, paceline) = upgraded(SMALL);
    let workout = id(11);
    admin_text(
        &store.url,
        &[&format!(
            "INSERT INTO workout_classification_history (workout_id, new_classification, classification_source, \
             changed_by) VALUES ('{workout}', 'bicycle', 'user_override', 'bob')"
        )],
    );
    let done = apply(&paceline);
    assert_eq!(
        (done["found"].as_u64(), done["restored"].as_u64()),
        (Some(3), Some(2)),
        "{done}"
    );
    let left = apply(&paceline);
    assert_eq!(
        (left["found"].as_u64(), left["restored"].as_u64()),
        (Some(1), Some(0)),
        "{left}"
    );
    assert_eq!(left["overrides"][0]["outcome"], "cannot");
    let why = left["overrides"][0]["why"].as_str().expect("a reason");
    assert!(
        why.contains("'bicycle' is not a label") && why.contains("override set"),
        "{why}"
    );
    paceline.ok(&["override", "set", &workout, "outlier", "--user", "bob"]);
    assert_eq!(paceline.json(&REPAIR)["found"], 0);
}

#[test]
fn where_nothing_was_written_over_there_is_nothing_to_repair() {
    on_both_stores(|paceline, _| {
        let sample = "data/workouts_sample.csv";
        paceline.ok(&["run", NIGHTLY, "--import", sample]);
        let first = paceline.json(&["classifications"])[0]["workout_id"]
            .as_str()
            .expect("an id")
            .to_owned();
        paceline.ok(&["override", "set", &first, "pup_walk", "--user", "anna"]);
        let page = paceline.ok(&REPAIR).stdout;
        assert!(page.contains("Every label that a person set stands"), "{page}");
        assert!(paceline.ok(&["doctor"]).stdout.contains("what people said stands"));
        // Somebody takes the flag off in silence.
        paceline.tamper(&[&format!(
            "UPDATE workout_ml_classifications SET is_user_override = 0 WHERE workout_id = '{first}'"
        )]);
        let found = paceline.json(&REPAIR);
        assert_eq!(
            (
                found["found"].as_u64(),
                found["overrides"][0]["overwritten_by"].is_null()
            ),
            (Some(1), true)
        );
        assert_eq!(apply(paceline)["restored"], 1);
        paceline.ok(&["verify"]);
        assert_eq!(apply(paceline)["found"], 0);
        paceline.run(&["doctor", "--apply"]).expect(2, &["--repair-overrides"]);
        paceline
            .run(&["--output", "csv", "doctor", "--repair-overrides"])
            .expect(2, &["for lists"]);
    });
}
