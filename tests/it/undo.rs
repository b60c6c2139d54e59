//! Undo: what a run changed goes back to what it was, as history, and back again.

use paceline::pipeline::people::say;
use paceline::pipeline::prepare::Options;
use paceline::pipeline::report::RunReport;
use paceline::pipeline::undo::report::UndoReport;
use paceline::pipeline::undo::{UndoOptions, plan_undo, undo};
use paceline::vocab::{Algorithm, Label};

use crate::support::world::{CLASSIC, NIGHTLY, SAMPLE, World, correction};
use crate::support::{TestStore, block_on, cli, now, on_both_stores};

fn by_anna() -> UndoOptions {
    UndoOptions {
        user: "anna".to_owned(),
        reason: Some("bad model".to_owned()),
        take_over: false,
    }
}

async fn undone(world: &World, run_id: &str) -> UndoReport {
    world.wait_days(1);
    undo(&world.store, run_id, &by_anna(), &world.ambient())
        .await
        .expect("undo")
}

/// Label, confidence, method and the model that set the label, of every workout.
async fn labels(world: &World) -> Vec<Vec<String>> {
    let text = "SELECT workout_id, current_classification, classification_confidence, classification_method, \
                model_id, is_user_override FROM workout_ml_classifications ORDER BY workout_id";
    world.raw.rows(text).await
}

async fn assert_verified(world: &World) {
    let verified = world.store.verify(|_| {}).await.expect("verify");
    assert!(verified.ok, "{:?}", verified.findings);
}

/// Two nights: the anchored model, then the classic one, which relabels many.
async fn two_nights(raw: TestStore) -> (World, RunReport) {
    let world = World::new(raw);
    world.import(SAMPLE).await;
    world.run(NIGHTLY).await;
    let options = Options {
        accept_churn: true,
        ..Options::default()
    };
    let bad = world.try_run(CLASSIC, &options).await.expect("run");
    assert!(bad.changes.changed > 100 && bad.changes.new > 0, "{bad:?}");
    (world, bad)
}

/// What the workouts that a run relabelled say of themselves in `labels`.
fn of<'r>(report: &UndoReport, labels: &'r [Vec<String>]) -> Vec<&'r Vec<String>> {
    let restored = |id: &String| {
        report
            .rows
            .iter()
            .any(|row| row.outcome == "restored" && row.workout_id == *id)
    };
    labels.iter().filter(|row| restored(&row[0])).collect()
}

#[test]
fn a_bad_night_is_undone_and_the_undo_is_undone() {
    on_both_stores(|raw| async {
        let world = World::new(raw);
        world.import(SAMPLE).await;
        world.run(NIGHTLY).await;
        let before = labels(&world).await;
        let options = Options {
            accept_churn: true,
            ..Options::default()
        };
        let bad = world.try_run(CLASSIC, &options).await.expect("run");
        let bad_labels = labels(&world).await;
        let bad_id = bad.run_id.expect("a run");

        let tables = world.dump().await;
        let planned = plan_undo(&world.store, &bad_id).await.expect("a plan");
        assert!(world.dump().await == tables, "a plan writes nothing");
        let first = undone(&world, &bad_id).await;
        assert_eq!(first.workouts, planned.workouts);
        assert_eq!(
            (&first.rows, &first.matrix, first.rows_written),
            (&planned.rows, &planned.matrix, planned.rows_written)
        );
        assert_eq!(first.workouts.restored, bad.changes.changed);
        assert_eq!(
            first.workouts.no_earlier, bad.changes.new,
            "new in that night: there is no earlier label"
        );
        assert_eq!(
            first.still_active, bad.model.model_id,
            "its next run would say it again"
        );
        assert_eq!(of(&first, &labels(&world).await), of(&first, &before));
        assert_verified(&world).await;
        let rows = format!(
            "SELECT DISTINCT classification_source, changed_by, reason FROM workout_classification_history \
             WHERE run_id = '{}' AND classification_method <> 'era_fallback'",
            first.run_id.as_deref().expect("a run")
        );
        let reason = format!("undo of {bad_id}: bad model");
        assert_eq!(
            world.raw.rows(&rows).await,
            [["ml_batch_update", "anna", reason.as_str()]]
        );

        // Twice is once.
        let twice = undone(&world, &bad_id).await;
        assert_eq!((twice.run_id.as_deref(), twice.workouts.restored), (None, 0));
        assert_eq!(twice.workouts.already, first.workouts.restored);

        let second = undone(&world, first.run_id.as_deref().expect("a run")).await;
        assert_eq!(second.workouts.restored, first.workouts.restored);
        assert_eq!(of(&second, &labels(&world).await), of(&second, &bad_labels));
        assert_verified(&world).await;

        // With its model gone too, the way back lasts.
        let third = undone(&world, second.run_id.as_deref().expect("a run")).await;
        let previous = world.store.previous_active_model().await.expect("query").expect("one");
        let seen = bad.model.model_id.as_deref();
        world
            .store
            .activate_model(&previous, seen, None, world.now())
            .await
            .expect("rollback");
        let night = world.run(NIGHTLY).await;
        assert_eq!((night.changes.changed, night.changes.new), (0, 0), "{night:?}");
        assert_eq!(of(&third, &labels(&world).await), of(&third, &before));
        assert_verified(&world).await;
    });
}

#[test]
fn what_is_newer_and_what_people_said_is_left() {
    on_both_stores(|raw| async {
        let (world, bad) = two_nights(raw).await;
        let bad_id = bad.run_id.expect("a run");
        let planned = plan_undo(&world.store, &bad_id).await.expect("a plan");
        let changed: Vec<&str> = planned
            .rows
            .iter()
            .filter(|row| row.outcome == "restored")
            .map(|row| row.workout_id.as_str())
            .collect();
        let (persons, newer) = (changed[0], changed[1]);
        let said = correction(persons, Label::Outlier, "anna");
        say(&world.store, &said, &world.ambient()).await.expect("said");
        // A later night relabels one of them.
        world
            .raw
            .run(&format!(
                "UPDATE workout_summary SET avg_pace = 55, distance_mi = 0.3 WHERE workout_id = '{newer}'"
            ))
            .await;
        let later = world.run(CLASSIC).await;
        assert_eq!(later.changes.changed, 1, "{later:?}");

        let report = undone(&world, &bad_id).await;
        assert_eq!((report.workouts.overridden, report.workouts.newer), (1, 1));
        assert_eq!(report.workouts.restored, bad.changes.changed - 2);
        let row = |id: &str| report.rows.iter().find(|row| row.workout_id == id).expect("listed");
        assert_eq!(row(persons).outcome, "overridden");
        assert_eq!(
            (row(newer).outcome, row(newer).newer_run.clone()),
            ("newer", later.run_id)
        );
        let stored = world
            .store
            .classification(persons)
            .await
            .expect("query")
            .expect("a verdict");
        assert_eq!(
            (stored.classification.as_str(), stored.is_user_override),
            ("outlier", true)
        );
        assert_verified(&world).await;
    });
}

#[test]
fn logged_confirmations_are_undone_too_and_keep_the_label() {
    block_on(async {
        let raw = TestStore::sqlite().await;
        raw.db.migrate(now()).await.expect("migrate");
        let world = World::new(raw);
        world.import(SAMPLE).await;
        world.run(NIGHTLY).await;
        let before = labels(&world).await;
        let all = NIGHTLY.replace("log = \"changes\"", "log = \"all\"");
        let options = Options {
            accept_churn: true,
            algorithm: Some(Algorithm::Kmeans),
            ..Options::default()
        };
        let bad = world.try_run(&all, &options).await.expect("run");
        assert!(bad.changes.refreshed > 0);
        let report = undone(&world, bad.run_id.as_deref().expect("a run")).await;
        assert_eq!(report.workouts.restored, bad.changes.changed + bad.changes.refreshed);
        assert_eq!(of(&report, &labels(&world).await), of(&report, &before));
        assert_verified(&world).await;
    });
}

#[test]
fn what_cannot_be_undone_says_so() {
    cli::on_both_stores(|paceline, _| {
        paceline.ok(&["import", "data/workouts_sample.csv"]);
        paceline.refused(
            &["runs", "undo", "run_of_nobody"],
            1,
            &["there is no run 'run_of_nobody'", "imports"],
        );
        let first = paceline.json(&["run", "pipelines/nightly.toml"]);
        let first = first["run_id"].as_str().expect("a run");
        let fresh = paceline.json(&["runs", "undo", first]);
        assert_eq!(
            (fresh["workouts"]["restored"].as_u64(), fresh["run_id"].is_null()),
            (Some(0), true)
        );
        assert_eq!(fresh["workouts"]["no_earlier"], 2_972);
        let idle = paceline.json(&["run", "pipelines/nightly.toml"]);
        let idle = idle["run_id"].as_str().expect("a run");
        let nothing = paceline.ok(&["runs", "undo", idle]);
        assert!(
            nothing.stdout.contains("wrote no verdict: there is nothing to undo"),
            "{nothing}"
        );

        // A run that is still going on is left alone; `--now` stands before its lease has expired.
        paceline.tamper(&[
            &format!("UPDATE pipeline_runs SET status = 'running' WHERE run_id = '{idle}'"),
            &format!("UPDATE pipeline_lease SET run_id = '{idle}', holder = 'process 7 on host', process = NULL, expires_at = '2026-01-02 03:05:00.000000'"),
        ]);
        paceline.refused(&["runs", "undo", idle], 75, &["is still going on"]);
    });
}
