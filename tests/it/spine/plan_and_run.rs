//! A plan followed by a run: the run writes exactly what the plan listed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use paceline::pipeline::Ambient;
use paceline::pipeline::people::say;
use paceline::pipeline::plan::Plan;
use paceline::pipeline::prepare::Options;
use paceline::pipeline::run::run;
use paceline::stage::decide::Retrain;
use paceline::vocab::{Label, Trigger};
use tokio::runtime::Handle;

use crate::support::on_both_stores;
use crate::support::world::{CLASSIC, NIGHTLY, SAMPLE, World, correction, pipeline};

/// Everything of a verdict that a plan names: workout, label before, label after, confidence.
type Row = (String, String, String, String);

async fn history_since(world: &World, before: u64) -> Vec<Row> {
    let rows = world
        .raw
        .rows(&format!(
            "SELECT workout_id, previous_classification, new_classification, classification_confidence \
             FROM workout_classification_history WHERE history_id > {before} ORDER BY workout_id"
        ))
        .await;
    rows.into_iter()
        .map(|r| (r[0].clone(), r[1].clone(), r[2].clone(), r[3].clone()))
        .collect()
}

fn planned_history(plan: &Plan) -> Vec<Row> {
    let logged = plan.rows.iter().filter(|row| matches!(row.outcome, "new" | "changed"));
    logged
        .map(|row| {
            let from = row.from.clone().unwrap_or_else(|| "NULL".to_owned());
            (
                row.workout_id.clone(),
                from,
                row.to.clone(),
                format!("{:?}", row.confidence),
            )
        })
        .collect()
}

/// Workout, label and confidence of the current state.
async fn state(world: &World) -> BTreeMap<String, (String, String)> {
    let rows = world
        .raw
        .rows(
            "SELECT workout_id, current_classification, classification_confidence \
             FROM workout_ml_classifications ORDER BY workout_id",
        )
        .await;
    rows.into_iter()
        .map(|r| (r[0].clone(), (r[1].clone(), r[2].clone())))
        .collect()
}

/// Plans, checks that nothing was written, runs, and compares row by row.
async fn plan_then_run(world: &World, pipeline: &str, options: &Options) {
    let before = world.dump().await;
    let logged = world.count("workout_classification_history").await;
    let mut expected = state(world).await;
    let plan = world.plan(pipeline, options).await;
    assert_eq!(world.dump().await, before, "a plan writes nothing");
    let report = world.try_run(pipeline, options).await.expect("run");
    assert_eq!(history_since(world, logged).await, planned_history(&plan));
    for row in plan.rows.iter().filter(|row| row.outcome != "protected") {
        expected.insert(
            row.workout_id.clone(),
            (row.to.clone(), format!("{:?}", row.confidence)),
        );
    }
    assert_eq!(state(world).await, expected);
    assert_eq!(report.rows_written, plan.report.rows_written);
    assert_eq!(report.changes, plan.report.changes);
    assert_eq!(report.matrix, plan.report.matrix);
    assert_eq!(report.rows, plan.report.rows);
    assert_eq!(report.chunks, plan.report.chunks);
}

#[test]
fn a_run_writes_exactly_what_its_plan_listed() {
    on_both_stores(|store| async {
        let world = World::new(store);
        world.import(SAMPLE).await;
        let options = Options {
            accept_churn: true,
            ..Options::default()
        };
        plan_then_run(&world, NIGHTLY, &options).await;
        plan_then_run(&world, NIGHTLY, &options).await;
        plan_then_run(&world, CLASSIC, &options).await;
        let always = Options {
            retrain: Some(Retrain::Always),
            ..options
        };
        plan_then_run(&world, NIGHTLY, &always).await;
    });
}

/// A run whose second chunk collides with a correction of a workout that its first chunk wrote: that
/// workout is new by this run and protected by a person, and the counts must survive it.
#[test]
fn a_correction_between_two_chunks_is_obeyed_and_counted() {
    on_both_stores(|store| async {
        let world = World::new(store);
        let small: String = SAMPLE.lines().take(101).map(|line| format!("{line}\r\n")).collect();
        world.import(&small).await;
        let corrector = world.ambient();
        let db = world.store.clone();
        let corrected = Arc::new(AtomicBool::new(false));
        let ambient = Ambient {
            at_point: Arc::new(move |point| {
                if point != "after_chunk" || corrected.swap(true, Ordering::SeqCst) {
                    return;
                }
                let correct = async {
                    let first = db.state_as_of(corrector.now(), None).await.expect("a state");
                    let said = correction(
                        &first.into_keys().next().expect("a first chunk"),
                        Label::Outlier,
                        "anna",
                    );
                    say(&db, &said, &corrector).await.expect("a correction");
                };
                tokio::task::block_in_place(|| Handle::current().block_on(correct));
            }),
            ..world.ambient()
        };
        let text = NIGHTLY.replace("chunk_rows = 5000", "chunk_rows = 60");
        let options = Options::default();
        // In a task, because `block_in_place` needs a worker of the runtime.
        let store = world.store.clone();
        let running = async move { run(&store, &pipeline(&text), &options, Trigger::Manual, &ambient).await };
        let report = tokio::spawn(running).await.expect("no panic").expect("run");
        assert_eq!((report.retries, report.changes.protected), (1, 1), "{report:?}");
        assert_eq!(report.changes.new, report.rows.classified);
        assert_eq!(report.changes.unchanged, 0);
        let outliers = "SELECT COUNT(*) FROM workout_ml_classifications WHERE is_user_override = 1 AND current_classification = 'outlier'";
        assert_eq!(world.raw.rows(outliers).await, [["1"]]);
        assert!(world.store.verify(|_| {}).await.expect("verify").ok);
    });
}

#[test]
fn counts_add_up_in_every_report() {
    on_both_stores(|store| async {
        let world = World::new(store);
        let imported = world.import(SAMPLE).await;
        assert_eq!(
            imported.read,
            imported.new + imported.changed + imported.unchanged + imported.quarantined
        );
        for text in [NIGHTLY, CLASSIC, NIGHTLY] {
            let options = Options {
                accept_churn: true,
                ..Options::default()
            };
            let report = world.try_run(text, &options).await.expect("run");
            let (rows, c) = (report.rows, report.changes);
            assert_eq!(
                rows.read,
                rows.classified + rows.skipped + rows.quarantined,
                "{report:?}"
            );
            assert_eq!(rows.skipped, report.skipped.values().sum::<u64>());
            assert_eq!(
                rows.classified,
                c.new + c.changed + c.refreshed + c.protected + c.unchanged
            );
            assert_eq!(rows.classified, report.labels.values().sum::<u64>());
            let moved: u64 = report.matrix.iter().map(|cell| cell.count).sum();
            assert_eq!(moved, c.new + c.changed);
            let stored = world
                .store
                .run(report.run_id.as_deref().expect("an id"))
                .await
                .expect("query");
            let stored = stored.expect("in the ledger");
            assert_eq!((stored.rows, stored.changes), (rows, c), "the ledger says the same");
        }
    });
}
