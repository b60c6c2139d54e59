//! Invariant 3, a person wins: whatever is done in whatever order, on both stores.

use std::collections::BTreeMap;

use paceline::pipeline::people::{Recorded, Said, clear, say};
use paceline::pipeline::prepare::Options;
use paceline::stage::decide::Retrain;
use paceline::vocab::{FeedbackType, Label};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256Plus;

use crate::support::world::{CLASSIC, NIGHTLY, SAMPLE, World, correction};
use crate::support::{TestStore, block_on, now, on_both_stores};

/// Random sequences on each store; each continues where the one before ended.
const SEQUENCES: usize = 200;
/// Actions of a sequence.
const ACTIONS: usize = 4;
/// Workouts of the history, few enough that the same one is met often.
const WORKOUTS: usize = 40;

/// Label, override flag and change count by workout, as stored.
async fn stored(world: &World) -> BTreeMap<String, (String, bool, i64)> {
    let query = "SELECT workout_id, current_classification, is_user_override, classification_change_count \
                 FROM workout_ml_classifications ORDER BY workout_id";
    let rows = world.raw.rows(query).await;
    let entry = |r: Vec<String>| {
        (
            r[0].clone(),
            (r[1].clone(), r[2] == "1", r[3].parse().expect("a count")),
        )
    };
    rows.into_iter().map(entry).collect()
}

/// The same, folded from the history; panics where two rows tell of one change or a row is missing.
async fn folded(world: &World) -> BTreeMap<String, (String, bool, i64)> {
    let query = "SELECT workout_id, previous_classification, new_classification, classification_source \
                 FROM workout_classification_history ORDER BY history_id";
    let mut state: BTreeMap<String, (String, bool, i64)> = BTreeMap::new();
    for row in world.raw.rows(query).await {
        let [id, previous, new, source] = row.try_into().expect("four cells");
        let before = state.get(&id).cloned();
        let expected = before.as_ref().map_or("NULL", |(label, ..)| label.as_str());
        assert_eq!(previous, expected, "the history of {id} does not join up");
        let person = source == "user_override" || source == "admin_correction";
        let was_person = before.as_ref().is_some_and(|(_, person, _)| *person);
        assert!(
            before.is_none() || previous != new || person || was_person,
            "{id}: a row that changes nothing"
        );
        let count = before.map_or(0, |(_, _, count)| count + i64::from(previous != new));
        state.insert(id, (new, person, count));
    }
    state
}

/// One random action; the labels that a person has set are kept in `people`.
async fn act(
    world: &World,
    rng: &mut Xoshiro256Plus,
    ids: &[String],
    people: &mut BTreeMap<String, String>,
    tally: &mut Tally,
) {
    let id = ids[rng.gen_range(0..ids.len())].clone();
    let label = if rng.gen_bool(0.5) {
        Label::RealRun
    } else {
        Label::PupWalk
    };
    let ambient = world.ambient();
    match rng.gen_range(0..10) {
        0..=3 => {
            let said = say(&world.store, &correction(&id, label, "anna"), &ambient)
                .await
                .expect("a correction");
            assert!(!matches!(said, Recorded::Kept));
            people.insert(id, label.to_string());
        }
        4 => {
            let accepted = Said {
                feedback_type: FeedbackType::Accept,
                label: None,
                ..correction(&id, label, "ben")
            };
            say(&world.store, &accepted, &ambient).await.expect("an answer");
        }
        5 => {
            let cleared = clear(&world.store, &id, "anna", "changed my mind", &ambient).await;
            assert_eq!(cleared.is_ok(), people.remove(&id).is_some(), "{cleared:?}");
        }
        6 => {
            let seen = world
                .store
                .active_model()
                .await
                .expect("query")
                .expect("a model")
                .model_id;
            if let Some(previous) = world.store.previous_active_model().await.expect("query") {
                world
                    .store
                    .activate_model(&previous, Some(&seen), None, world.now())
                    .await
                    .expect("rollback");
                tally.rolled_back += 1;
            }
        }
        roll => {
            let retrain = [Retrain::Auto, Retrain::Always, Retrain::Never][rng.gen_range(0..3)];
            let options = Options {
                retrain: Some(retrain),
                accept_churn: true,
                ..Options::default()
            };
            let run = world.try_run(if roll == 7 { CLASSIC } else { NIGHTLY }, &options).await;
            match run {
                Ok(report) => tally.trained += u64::from(report.decision.action == "trained"),
                // What people said at random makes worse models, and the gate must keep them out.
                Err(error) => {
                    assert_eq!(error.kind.as_str(), "gate", "{error}");
                    tally.refused += 1;
                }
            }
        }
    }
}

/// How often random actions got to what they are meant to try.
#[derive(Debug, Default)]
struct Tally {
    trained: u64,
    refused: u64,
    rolled_back: u64,
}

async fn hold_for_random_sequences(world: &World, seed: u64) {
    let small: String = SAMPLE
        .lines()
        .take(WORKOUTS + 1)
        .map(|line| format!("{line}\r\n"))
        .collect();
    world.import(&small).await;
    world.run(CLASSIC).await;
    let ids: Vec<String> = stored(world).await.into_keys().collect();
    let mut rng = Xoshiro256Plus::seed_from_u64(seed);
    let (mut people, mut tally) = (BTreeMap::new(), Tally::default());
    for sequence in 0..SEQUENCES {
        for _ in 0..ACTIONS {
            act(world, &mut rng, &ids, &mut people, &mut tally).await;
        }
        let state = stored(world).await;
        let overridden = state.iter().filter(|(_, (_, person, _))| *person);
        let overridden: BTreeMap<String, String> = overridden
            .map(|(id, (label, ..))| (id.clone(), label.clone()))
            .collect();
        assert_eq!(overridden, people, "sequence {sequence}: a person's label changed");
        assert_eq!(
            folded(world).await,
            state,
            "sequence {sequence}: replay gives another state"
        );
        let verified = world.store.verify(|_| {}).await.expect("verify");
        assert!(verified.ok, "sequence {sequence}: {verified:?}");
        let active = world
            .raw
            .rows("SELECT COUNT(*) FROM ml_model_registry WHERE status = 'active' AND is_production = 1")
            .await;
        assert_eq!(active, [["1"]], "sequence {sequence}");
    }
    let Tally {
        trained,
        refused,
        rolled_back,
    } = tally;
    assert!(
        trained > 10 && refused > 10 && rolled_back > 10,
        "too little was tried: {tally:?}"
    );
    let marked =
        "SELECT COUNT(*) FROM user_classification_feedback WHERE processed <> (incorporated_in_model IS NOT NULL)";
    assert_eq!(world.raw.rows(marked).await, [["0"]], "learnt and by whom go together");
}

#[test]
fn no_sequence_of_actions_changes_a_persons_label() {
    block_on(async {
        for raw in [TestStore::sqlite().await, TestStore::mariadb().await] {
            raw.db.migrate(now()).await.expect("migrate");
            hold_for_random_sequences(&World::new(raw), 20_260_203).await;
        }
    });
}

#[test]
fn the_same_answer_twice_is_one_answer() {
    on_both_stores(|store| async {
        let world = World::new(store);
        world.import(SAMPLE).await;
        world.run(NIGHTLY).await;
        let id = stored(&world).await.into_keys().next().expect("a workout");
        let said = correction(&id, Label::PupWalk, "anna");
        assert!(matches!(
            say(&world.store, &said, &world.ambient()).await,
            Ok(Recorded::Overridden { .. })
        ));
        let dump = world.dump().await;
        assert!(matches!(
            say(&world.store, &said, &world.ambient()).await,
            Ok(Recorded::Already)
        ));
        assert_eq!(world.dump().await, dump, "nothing was written");
        let ben = correction(&id, Label::PupWalk, "ben");
        assert!(matches!(
            say(&world.store, &ben, &world.ambient()).await,
            Ok(Recorded::Overridden { .. })
        ));
        assert_eq!(world.count("user_classification_feedback").await, 2);
    });
}

#[test]
fn answers_that_mean_nothing_are_refused_with_the_reason() {
    on_both_stores(|store| async {
        let world = World::new(store);
        world.import(SAMPLE).await;
        let id = world
            .raw
            .rows("SELECT workout_id FROM workout_summary ORDER BY workout_id LIMIT 1")
            .await[0][0]
            .clone();
        let ambient = world.ambient();
        let refused = |said: Said, part: &'static str| {
            let (store, ambient) = (&world.store, &ambient);
            async move {
                let error = say(store, &said, ambient).await.expect_err(part);
                assert_eq!(error.kind.as_str(), "data");
                assert!(error.to_string().contains(part), "{error}");
            }
        };
        refused(correction(&id, Label::RealRun, "anna"), "never been classified").await;
        world.run(NIGHTLY).await;
        refused(correction("nobody", Label::RealRun, "anna"), "no workout 'nobody'").await;
        refused(
            Said {
                certainty: 0,
                ..correction(&id, Label::RealRun, "anna")
            },
            "outside 1",
        )
        .await;
        refused(
            Said {
                certainty: 6,
                ..correction(&id, Label::RealRun, "anna")
            },
            "outside 1",
        )
        .await;
        refused(
            Said {
                label: None,
                ..correction(&id, Label::RealRun, "anna")
            },
            "without a label",
        )
        .await;
        let accept = Said {
            feedback_type: FeedbackType::Accept,
            ..correction(&id, Label::RealRun, "anna")
        };
        refused(accept, "takes no label").await;
        assert_eq!(world.count("user_classification_feedback").await, 0);
    });
}
