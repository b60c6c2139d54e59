//! The audit trail proves itself: a healthy store verifies, and each way of tampering is found and named.

use paceline::pipeline::prepare::Options;
use paceline::store::verify::Verification;

use crate::support::on_both_stores;
use crate::support::world::{CLASSIC, NIGHTLY, SAMPLE, World};

/// A store with two runs in several segments behind it.
async fn healthy(store: crate::support::TestStore) -> World {
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
    assert!(verified.ok, "{verified:?}");
    assert!(verified.segments > 3 && verified.rows > 200, "{verified:?}");
    world
}

/// Tampers by hand, with the triggers dropped, and verifies.
async fn after(world: &World, statements: &[&str]) -> Verification {
    for table in ["workout_classification_history", "audit_segments"] {
        for verb in ["update", "delete"] {
            world.raw.run(&format!("DROP TRIGGER {table}_no_{verb}")).await;
        }
    }
    for statement in statements {
        world.raw.run(statement).await;
    }
    let verified = world.store.verify(|_| {}).await.expect("verify");
    assert!(!verified.ok, "tampering was not found");
    verified
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

#[test]
fn an_edited_history_row_breaks_its_segment() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let (id, _, segment) = row(&world, 70).await;
        let edit = format!(
            "UPDATE workout_classification_history SET classification_confidence = 0.123 WHERE history_id = {id}"
        );
        let verified = after(&world, &[&edit]).await;
        assert_found(&verified, "root", Some(segment), None);
        assert_eq!(verified.found, 1, "nothing else changed: {:?}", verified.findings);
    });
}

#[test]
fn a_deleted_history_row_is_missed() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let (id, workout, segment) = row(&world, 70).await;
        let verified = after(
            &world,
            &[&format!(
                "DELETE FROM workout_classification_history WHERE history_id = {id}"
            )],
        )
        .await;
        assert_found(&verified, "count", Some(segment), None);
        let named = verified
            .findings
            .iter()
            .any(|f| f.workout_id.as_deref() == Some(&workout));
        assert!(named, "{workout}: {:?}", verified.findings);
    });
}

#[test]
fn two_swapped_rows_break_their_segment() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let (a, _, segment) = row(&world, 70).await;
        let (b, _, other) = row(&world, 71).await;
        assert_eq!(segment, other);
        let renumber = |from: &str, to: &str| {
            format!("UPDATE workout_classification_history SET history_id = {to} WHERE history_id = {from}")
        };
        let swap = [renumber(&a, "999999"), renumber(&b, &a), renumber("999999", &b)];
        let swap: Vec<&str> = swap.iter().map(String::as_str).collect();
        assert_found(&after(&world, &swap).await, "root", Some(segment), None);
    });
}

#[test]
fn an_inserted_row_is_one_too_many() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let (_, workout, segment) = row(&world, 70).await;
        let insert = format!(
            "INSERT INTO workout_classification_history (workout_id, previous_classification, new_classification, \
             classification_source, changed_at, segment_id) \
             VALUES ('{workout}', NULL, 'mixed', 'ml_prediction', '2026-02-04 00:00:00', {segment})"
        );
        let verified = after(&world, &[&insert]).await;
        assert_found(&verified, "count", Some(segment), None);
        assert_found(&verified, "joins", Some(segment), Some(&workout));
    });
}

#[test]
fn a_row_of_another_tool_is_told_from_a_tampered_one() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let (_, workout, _) = row(&world, 3).await;
        let insert = format!(
            "INSERT INTO workout_classification_history (workout_id, new_classification, classification_source, changed_at) \
             VALUES ('{workout}', 'unknown', 'ml_prediction', '2026-02-04 00:00:00')"
        );
        world.raw.run(&insert).await;
        let verified = world.store.verify(|_| {}).await.expect("verify");
        assert_found(&verified, "unsealed", None, Some(&workout));
        assert!(
            !verified.findings.iter().any(|f| f.kind == "root" || f.kind == "count"),
            "{:?}",
            verified.findings
        );
    });
}

#[test]
fn a_cut_tail_leaves_a_state_that_no_history_explains() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let last = world.store.chain_head().await.expect("head").segment_id;
        let cut = [
            format!("DELETE FROM workout_classification_history WHERE segment_id = {last}"),
            format!("DELETE FROM audit_segments WHERE segment_id = {last}"),
        ];
        let verified = after(&world, &[&cut[0], &cut[1]]).await;
        assert_found(&verified, "label", None, None);
        assert!(
            verified.findings.iter().all(|f| f.segment_id.is_none()),
            "the chain itself ends earlier and holds"
        );
    });
}

#[test]
fn a_segment_taken_out_of_the_middle_leaves_a_gap() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let verified = after(&world, &["DELETE FROM audit_segments WHERE segment_id = 2"]).await;
        assert_found(&verified, "gap", Some(3), None);
        assert_found(&verified, "gap", Some(2), None);
    });
}

#[test]
fn an_edited_current_row_is_found_and_named() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let (_, workout, _) = row(&world, 5).await;
        for (column, value, kind) in [
            ("current_classification", "'outlier'", "label"),
            ("is_user_override", "1", "override"),
            ("classification_change_count", "17", "change_count"),
            ("label_model_id", "'another'", "label_model"),
            ("run_id", "'another'", "label_run"),
        ] {
            let table = "workout_ml_classifications";
            let before = world
                .raw
                .rows(&format!("SELECT {column} FROM {table} WHERE workout_id = '{workout}'"))
                .await;
            world
                .raw
                .run(&format!(
                    "UPDATE {table} SET {column} = {value} WHERE workout_id = '{workout}'"
                ))
                .await;
            let verified = world.store.verify(|_| {}).await.expect("verify");
            assert_found(&verified, kind, None, Some(&workout));
            assert_eq!(verified.found, 1, "{:?}", verified.findings);
            world
                .raw
                .run(&format!(
                    "UPDATE {table} SET {column} = '{}' WHERE workout_id = '{workout}'",
                    before[0][0]
                ))
                .await;
        }
        assert!(world.store.verify(|_| {}).await.expect("verify").ok);
    });
}

#[test]
fn the_state_of_any_instant_is_rebuilt_from_the_history() {
    on_both_stores(|store| async {
        let world = World::new(store);
        let small: String = SAMPLE.lines().take(200).map(|line| format!("{line}\r\n")).collect();
        world.import(&small).await;
        let query = "SELECT workout_id, current_classification, classification_change_count \
                     FROM workout_ml_classifications ORDER BY workout_id";
        let mut instants = Vec::new();
        for pipeline in [NIGHTLY, CLASSIC, NIGHTLY] {
            let options = Options {
                accept_churn: true,
                ..Options::default()
            };
            world.try_run(pipeline, &options).await.expect("run");
            instants.push((world.now(), world.raw.rows(query).await));
        }
        for (instant, stored) in &instants {
            let rebuilt = world.store.state_as_of(*instant, None).await.expect("replay");
            let rebuilt: Vec<Vec<String>> = rebuilt
                .into_iter()
                .map(|(id, state)| vec![id, state.label, state.change_count.to_string()])
                .collect();
            assert_eq!(&rebuilt, stored, "as of {instant}");
        }
        let before = paceline::time::Timestamp::from_micros(instants[0].0.micros() - 1);
        assert!(world.store.state_as_of(before, None).await.expect("replay").is_empty());
        let one = &instants[2].1[0];
        let state = world
            .store
            .state_as_of(instants[2].0, Some(&one[0]))
            .await
            .expect("replay");
        assert_eq!(state.len(), 1);
        assert_eq!(state[&one[0]].label, one[1]);
    });
}
