//! One active model, whatever happens at once.

use paceline::pipeline::prepare::Options;
use paceline::store::StoreError;

use crate::support::cli::Paceline;
use crate::support::world::{NIGHTLY, SAMPLE, World};
use crate::support::{TestStore, block_on, connect, now};

/// Rounds of two activations at once; each is two transactions against a third.
const ROUNDS: usize = 60;

/// A world with three registered models; the ids.
async fn three_models(raw: TestStore) -> (World, Vec<String>) {
    raw.db.migrate(now()).await.expect("migrate");
    let world = World::new(raw);
    let small: String = SAMPLE.lines().take(300).map(|line| format!("{line}\r\n")).collect();
    world.import(&small).await;
    let mut ids = Vec::new();
    for band in ["0.6", "0.7", "0.8"] {
        let text = NIGHTLY.replace("mixed_band = 0.6", &format!("mixed_band = {band}"));
        let options = Options {
            accept_churn: true,
            ..Options::default()
        };
        let report = world.try_run(&text, &options).await.expect("run");
        ids.push(report.model.model_id.expect("a model"));
    }
    (world, ids)
}

async fn active(world: &World) -> Vec<String> {
    let rows = world
        .raw
        .rows("SELECT model_id FROM ml_model_registry WHERE status = 'active' OR is_production = 1")
        .await;
    rows.into_iter().map(|row| row[0].clone()).collect()
}

/// Two activations of two archived models, begun from the same view, on connections of their own.
async fn race(world: &World, ids: &[String]) {
    let other = paceline::store::Store::new(connect(&world.raw.url).await.expect("connect"));
    for round in 0..ROUNDS {
        let seen = active(world).await;
        assert_eq!(seen.len(), 1, "round {round}");
        let contenders: Vec<&String> = ids.iter().filter(|id| **id != seen[0]).collect();
        let (a, b) = tokio::join!(
            world
                .store
                .activate_model(contenders[0], Some(&seen[0]), None, world.now()),
            other.activate_model(contenders[1], Some(&seen[0]), None, world.now()),
        );
        let now_active = active(world).await;
        assert_eq!(now_active.len(), 1, "round {round}: {a:?} {b:?}");
        let (winner, loser) = match (a, b) {
            (Ok(()), Err(error)) => (contenders[0], error),
            (Err(error), Ok(())) => (contenders[1], error),
            both => panic!("round {round}: exactly one must win: {both:?}"),
        };
        assert_eq!(&now_active[0], winner, "round {round}");
        let StoreError::LostRace { now, seen: looked, .. } = &loser else {
            panic!("round {round}: {loser:?}")
        };
        assert_eq!((now, looked), (winner, &seen[0]), "the loser is told who won");
    }
}

#[test]
fn of_two_activations_at_once_exactly_one_wins() {
    block_on(async {
        for raw in [TestStore::sqlite().await, TestStore::mariadb().await] {
            let (world, ids) = three_models(raw).await;
            race(&world, &ids).await;
        }
    });
}

#[test]
fn two_activate_commands_at_once_leave_one_active_model() {
    let (world, ids) = block_on(async { three_models(TestStore::mariadb().await).await });
    let paceline = Paceline::new(&world.raw.url);
    for round in 0..8 {
        let seen = block_on(active(&world));
        let contenders: Vec<&String> = ids.iter().filter(|id| **id != seen[0]).collect();
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let started: Vec<_> = contenders
                .iter()
                .map(|id| scope.spawn(|| paceline.run(&["model", "activate", id])))
                .collect();
            started
                .into_iter()
                .map(|thread| thread.join().expect("no panic"))
                .collect()
        });
        assert_eq!(block_on(active(&world)).len(), 1, "round {round}");
        assert!(outcomes.iter().any(|o| o.code == 0), "round {round}: somebody wins");
        // Both may win one after the other, when the second looked after the first was done.
        for loser in outcomes.iter().filter(|o| o.code != 0) {
            loser.expect(1, &["another process was first", "is active now"]);
        }
    }
}

#[test]
fn rollback_goes_back_one_step_and_forth_again() {
    let (world, ids) = block_on(async { three_models(TestStore::sqlite().await).await });
    let paceline = Paceline::new(&world.raw.url);
    assert_eq!(block_on(active(&world)), [ids[2].clone()]);
    paceline.at("2027-01-01").ok(&["model", "rollback"]);
    assert_eq!(block_on(active(&world)), [ids[1].clone()]);
    paceline.at("2027-01-02").ok(&["model", "rollback"]);
    assert_eq!(
        block_on(active(&world)),
        [ids[2].clone()],
        "the one that was active before the rollback"
    );
    let lineage = paceline.json(&["model", "lineage"]);
    let names: Vec<&str> = lineage
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|m| m["model_id"].as_str())
        .collect();
    assert_eq!(names, [ids[2].as_str(), ids[1].as_str(), ids[0].as_str()]);
}
