//! The audit trail proves itself: tampering is named, heads are anchored, rows are proved, what others
//! wrote is adopted, and any past instant is rebuilt.

mod adopt;
mod anchor;
mod as_of;
mod prove;
mod reference;
mod spilled;
mod tamper;

use paceline::pipeline::prepare::Options;
use paceline::store::verify::Verification;

use crate::support::TestStore;
use crate::support::world::{CLASSIC, NIGHTLY, SAMPLE, World};

/// The append-only tables.
const TRIGGERED: [&str; 4] = [
    "workout_classification_history",
    "audit_segments",
    "audit_leaves",
    "audit_adopted",
];

/// Statements that drop every trigger which stands in the way of tampering.
fn triggers_dropped() -> Vec<String> {
    let guard = "DROP TRIGGER IF EXISTS workout_classification_history_unarchived".to_owned();
    let verbs = |table: &&str| ["update", "delete"].map(|verb| format!("DROP TRIGGER IF EXISTS {table}_no_{verb}"));
    TRIGGERED.iter().flat_map(verbs).chain([guard]).collect()
}

/// A store with two runs in several segments behind it.
async fn healthy(store: TestStore) -> World {
    let world = World::new(store);
    let small: String = SAMPLE.lines().take(200).map(|line| format!("{line}\r\n")).collect();
    world.import(&small).await;
    world
        .run(&NIGHTLY.replace("chunk_rows = 5000", "chunk_rows = 60"))
        .await;
    let options = Options {
        accept_churn: true,
        ..Options::default()
    };
    world.try_run(CLASSIC, &options).await.expect("run");
    let verified = world.store.verify(|_| {}).await.expect("verify");
    assert!(verified.ok && verified.notes.is_empty(), "{verified:?}");
    assert!(verified.segments > 3 && verified.rows > 200, "{verified:?}");
    assert_eq!((verified.sealed, verified.adopted), (verified.rows, 0));
    world
}

/// Tampers by hand, with the triggers dropped, and verifies.
async fn after(world: &World, statements: &[&str]) -> Verification {
    for statement in triggers_dropped() {
        world.raw.run(&statement).await;
    }
    for statement in statements {
        world.raw.run(statement).await;
    }
    let verified = world.store.verify(|_| {}).await.expect("verify");
    assert!(!verified.ok, "tampering was not found: {statements:?}");
    verified
}

/// Kind, segment and workout of every finding.
fn kinds(verified: &Verification) -> Vec<(&str, Option<i64>, Option<&str>)> {
    let findings = verified.findings.iter();
    findings
        .map(|f| (f.kind, f.segment_id, f.workout_id.as_deref()))
        .collect()
}

#[track_caller]
fn assert_found(verified: &Verification, kind: &str, segment_id: Option<i64>, workout: Option<&str>) {
    let found = verified.findings.iter().any(|f| {
        f.kind == kind
            && (segment_id.is_none() || f.segment_id == segment_id)
            && (workout.is_none() || f.workout_id.as_deref() == workout)
    });
    assert!(
        found,
        "no finding '{kind}' in {segment_id:?} on {workout:?}: {:?}",
        verified.findings
    );
}

/// Number, workout and segment of the history row at an offset.
async fn row(world: &World, offset: usize) -> (String, String, i64) {
    let query = format!(
        "SELECT history_id, workout_id, segment_id FROM workout_classification_history ORDER BY history_id LIMIT 1 OFFSET {offset}"
    );
    let row = world.raw.rows(&query).await.remove(0);
    (row[0].clone(), row[1].clone(), row[2].parse().expect("a number"))
}
