//! Rows that others write beside Paceline: named while they are not sealed, adopted, and guarded from then on.

use paceline::pipeline::adopt::adopt;
use paceline::pipeline::people::say;
use paceline::pipeline::prepare::Options;
use paceline::store::adopt::{Adoption, Scope};
use paceline::store::verify::Verification;
use paceline::time::Timestamp;
use paceline::vocab::Label;

use super::{after, assert_found, kinds, triggers_dropped};
use crate::support::cli;
use crate::support::world::{NIGHTLY, SAMPLE, World, correction};
use crate::support::{TestStore, on_both_stores};

/// The years in which an older tool wrote, before Paceline came.
const RUNS: [&str; 3] = ["2023-05-01 02:00:00", "2024-05-01 02:00:00", "2025-05-01 02:00:00"];

/// A history row as the older tool writes it: no previous label, no run, no segment.
async fn history(store: &TestStore, workout: &str, label: &str, source: &str, at: &str) {
    store
        .run(&format!(
            "INSERT INTO workout_classification_history (workout_id, new_classification, classification_source, \
             classification_confidence, model_version, changed_by, changed_at) \
             VALUES ('{workout}', '{label}', '{source}', 0.75, '1.0.0', 'classifier.py', '{at}')"
        ))
        .await;
}

/// A current row as the older tool writes it: the count raised on every run.
async fn current(store: &TestStore, workout: &str, label: &str, count: i64) {
    store
        .run(&format!(
            "INSERT INTO workout_ml_classifications (workout_id, current_classification, classification_source, \
             classification_confidence, model_id, classified_at, last_updated, classification_change_count) \
             VALUES ('{workout}', '{label}', 'ml_batch_update', 0.75, 'old_model', '2023-05-01', '2025-05-01', {count})"
        ))
        .await;
}

async fn set_current(store: &TestStore, workout: &str, label: &str) {
    store
        .run(&format!(
            "UPDATE workout_ml_classifications SET current_classification = '{label}', is_user_override = 0, \
             classification_change_count = classification_change_count + 1 WHERE workout_id = '{workout}'"
        ))
        .await;
}

/// Ids of the first workouts of the sample.
async fn ids(world: &World, many: usize) -> Vec<String> {
    let query = format!(
        "SELECT workout_id FROM workout_summary WHERE activity_type LIKE '%un' ORDER BY workout_id LIMIT {many}"
    );
    world
        .raw
        .rows(&query)
        .await
        .into_iter()
        .map(|mut row| row.remove(0))
        .collect()
}

/// A store as the older tool left it: five workouts with history and current rows (counts raised, rows
/// repeated), one whose current row no history explains, one with history and no current row.
async fn older(store: TestStore) -> (World, Vec<String>) {
    let world = World::new(store);
    let small: String = SAMPLE.lines().take(60).map(|line| format!("{line}\r\n")).collect();
    world.import(&small).await;
    let ids = ids(&world, 8).await;
    for (run, at) in RUNS.iter().enumerate() {
        for id in &ids[..5] {
            let label = if run == 0 { "unknown" } else { "real_run" };
            history(&world.raw, id, label, "ml_batch_update", at).await;
        }
    }
    for id in &ids[..5] {
        current(&world.raw, id, "real_run", 3).await;
    }
    current(&world.raw, &ids[5], "mixed", 1).await;
    history(&world.raw, &ids[6], "pup_walk", "ml_prediction", RUNS[2]).await;
    (world, ids)
}

async fn verify(world: &World) -> Verification {
    world.store.verify(|_| {}).await.expect("verify")
}

async fn verify_ok(world: &World) -> Verification {
    let verified = verify(world).await;
    assert!(verified.ok, "{:?}", verified.findings);
    verified
}

async fn adopted(world: &World, scope: Scope) -> Option<Adoption> {
    adopt(&world.store, scope, &world.ambient()).await.expect("adopt")
}

#[track_caller]
fn assert_noted(verified: &Verification, kind: &str, segment: i64, workout: Option<&str>) {
    let noted = verified
        .notes
        .iter()
        .any(|n| n.kind == kind && n.segment_id == Some(segment) && n.workout_id.as_deref() == workout);
    assert!(
        noted,
        "no note '{kind}' in {segment} on {workout:?}: {:?}",
        verified.notes
    );
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

#[test]
fn an_older_database_is_adopted_whole_and_verifies() {
    on_both_stores(|store| async {
        let (world, ids) = older(store).await;
        let before = verify(&world).await;
        for id in ids[..5].iter().chain([&ids[6]]) {
            assert_found(&before, "unsealed", None, Some(id));
        }
        assert_found(&before, "missing_history", None, Some(&ids[5]));
        assert_eq!(before.found, 7, "{:?}", kinds(&before));
        let rows = world
            .raw
            .rows("SELECT * FROM workout_classification_history ORDER BY history_id")
            .await;
        let state = world
            .raw
            .rows("SELECT * FROM workout_ml_classifications ORDER BY workout_id")
            .await;

        let done = adopted(&world, Scope::Openly).await.expect("there is something");
        assert_eq!(
            (done.rows, done.segment_id, done.states, done.head.segment_id),
            (16, Some(1), 7, 2)
        );
        let verified = verify_ok(&world).await;
        assert_eq!((verified.rows, verified.adopted, verified.segments), (23, 16, 2));
        assert_noted(&verified, "adopted_rows", 1, None);
        assert_noted(&verified, "adopted_change_count", 2, Some(&ids[0]));
        assert_noted(&verified, "adopted_missing_history", 2, Some(&ids[5]));
        assert_noted(&verified, "adopted_missing_state", 2, Some(&ids[6]));
        assert_eq!(verified.noted, 1 + 7);
        let kept = "SELECT * FROM workout_classification_history WHERE segment_id IS NULL ORDER BY history_id";
        assert_eq!(world.raw.rows(kept).await, rows, "nothing of theirs was touched");
        assert_eq!(
            world
                .raw
                .rows("SELECT * FROM workout_ml_classifications ORDER BY workout_id")
                .await,
            state
        );
        assert_eq!(adopted(&world, Scope::Everything).await, None, "once is enough");

        world.try_run(NIGHTLY, &accepting()).await.expect("run");
        let verified = verify_ok(&world).await;
        assert_eq!(verified.adopted, 16);
    });
}

#[test]
fn the_past_is_what_they_wrote_and_the_present_is_what_was_found() {
    on_both_stores(|store| async {
        let (world, ids) = older(store).await;
        adopted(&world, Scope::Openly).await.expect("there is something");
        let label = async |as_of: &str, id: &str| {
            let states = world.store.state_as_of(at(as_of), Some(id)).await.expect("replay");
            states.get(id).map(|s| (s.label.clone(), s.change_count, s.testimony))
        };
        assert_eq!(label("2023-04-30", &ids[0]).await, None);
        assert_eq!(label(RUNS[0], &ids[0]).await, Some(("unknown".to_owned(), 0, true)));
        assert_eq!(label(RUNS[1], &ids[0]).await, Some(("real_run".to_owned(), 1, true)));
        assert_eq!(
            label("2027-01-01", &ids[0]).await,
            Some(("real_run".to_owned(), 3, false))
        );
        assert_eq!(label("2026-01-01", &ids[5]).await, None, "no history says since when");
        assert_eq!(label("2027-01-01", &ids[5]).await, Some(("mixed".to_owned(), 1, false)));
        assert_eq!(
            label("2026-01-01", &ids[6]).await,
            Some(("pup_walk".to_owned(), 0, true))
        );
        assert_eq!(label("2027-01-01", &ids[6]).await, None, "it had no current row");
    });
}

#[test]
fn what_is_done_to_an_adopted_store_is_found() {
    for number in 0..7 {
        on_both_stores(|store| async move {
            let (world, ids) = older(store).await;
            adopted(&world, Scope::Openly).await.expect("there is something");
            let (id, workout, _) = (row_id(&world, 7).await, ids[2].clone(), 1);
            let table = "workout_classification_history";
            let (statement, expected): (String, &[(&str, Option<i64>)]) = match number {
                0 => (
                    format!("UPDATE {table} SET new_classification = 'mixed' WHERE history_id = {id}"),
                    &[("root", Some(1)), ("edited", Some(1))],
                ),
                1 => (
                    format!("DELETE FROM {table} WHERE history_id = {id}"),
                    &[("count", Some(1)), ("deleted", Some(1))],
                ),
                2 => (
                    format!("UPDATE {table} SET segment_id = 1 WHERE history_id = {id}"),
                    &[("root", Some(1)), ("edited", Some(1))],
                ),
                3 => (
                    format!("DELETE FROM {table} WHERE segment_id = 2 AND workout_id = '{workout}'"),
                    &[("count", Some(2)), ("deleted", Some(2)), ("change_count", None)],
                ),
                4 => (
                    format!("UPDATE {table} SET metadata = NULL WHERE segment_id = 2 AND workout_id = '{workout}'"),
                    &[("root", Some(2)), ("edited", Some(2))],
                ),
                5 => (
                    format!(
                        "UPDATE workout_ml_classifications SET current_classification = 'mixed' WHERE workout_id = '{workout}'"
                    ),
                    &[("label", None)],
                ),
                _ => (
                    "UPDATE audit_adopted SET first_history_id = first_history_id + 7".to_owned(),
                    &[("count", Some(1)), ("unsealed", None)],
                ),
            };
            let verified = after(&world, &[&statement]).await;
            for (kind, segment) in expected {
                let named = !matches!(*kind, "root" | "count");
                assert_found(&verified, kind, *segment, named.then_some(workout.as_str()));
            }
        });
    }
}

/// The options of somebody who has looked at the plan.
fn accepting() -> Options {
    Options {
        accept_churn: true,
        ..Options::default()
    }
}

/// The number of the history row at an offset.
async fn row_id(world: &World, offset: usize) -> String {
    let query =
        format!("SELECT history_id FROM workout_classification_history ORDER BY history_id LIMIT 1 OFFSET {offset}");
    world.raw.rows(&query).await[0][0].clone()
}

/// A store that Paceline has run on, and three workouts of it.
async fn ours(store: TestStore) -> (World, Vec<String>) {
    let world = World::new(store);
    let small: String = SAMPLE.lines().take(60).map(|line| format!("{line}\r\n")).collect();
    world.import(&small).await;
    world.run(NIGHTLY).await;
    let ids = ids(&world, 3).await;
    (world, ids)
}

#[test]
fn a_tool_that_goes_on_writing_is_named_and_adopted_by_the_next_run() {
    on_both_stores(|store| async {
        let (world, ids) = ours(store).await;
        let head = world.store.chain_head().await.expect("head").segment_id;
        let labels = world.store.state_as_of(world.now(), None).await.expect("replay");
        for id in &ids[..2] {
            history(&world.raw, id, "pup_walk", "ml_batch_update", "2026-02-04 12:00:00").await;
            history(&world.raw, id, "mixed", "ml_batch_update", "2026-02-04 12:00:00").await;
            set_current(&world.raw, id, "mixed").await;
        }
        let verified = verify(&world).await;
        assert_found(&verified, "unsealed", None, Some(&ids[0]));
        assert_found(&verified, "unsealed", None, Some(&ids[1]));
        assert_eq!(verified.found, 2, "{:?}", verified.findings);
        let detail = &verified.findings[0].detail;
        assert!(
            detail.contains("2 history rows") && detail.contains("written by others"),
            "{detail}"
        );
        let plan = world.plan(NIGHTLY, &Default::default()).await;
        assert_eq!(plan.report.changes.changed, 2, "they are treated by the normal diff");
        assert_eq!(verify(&world).await.found, 2, "a plan adopts nothing");

        let report = world.try_run(NIGHTLY, &accepting()).await.expect("run");
        assert_eq!(report.changes.changed, 2);
        let verified = verify_ok(&world).await;
        assert_eq!(verified.adopted, 4);
        assert_noted(&verified, "adopted_rows", head + 1, None);
        assert_eq!(world.store.chain_head().await.expect("head").segment_id, head + 3);
        let after = world.store.state_as_of(world.now(), None).await.expect("replay");
        assert_eq!(
            after[&ids[0]].label, labels[&ids[0]].label,
            "the run put its own label back"
        );
    });
}

#[test]
fn a_correction_adopts_first_so_that_a_person_comes_last() {
    on_both_stores(|store| async {
        let (world, ids) = ours(store).await;
        history(&world.raw, &ids[0], "mixed", "ml_batch_update", "2026-02-04 12:00:00").await;
        set_current(&world.raw, &ids[0], "mixed").await;
        world.wait_days(1);
        let said = correction(&ids[0], Label::PupWalk, "anna");
        say(&world.store, &said, &world.ambient()).await.expect("say");
        verify_ok(&world).await;
        let state = world
            .store
            .state_as_of(world.now(), Some(&ids[0]))
            .await
            .expect("replay");
        assert_eq!(
            (state[&ids[0]].label.as_str(), state[&ids[0]].is_override),
            ("pup_walk", true)
        );

        // The tool overwrites what the person said: taken over as it is found, and said so for ever.
        history(&world.raw, &ids[0], "mixed", "ml_batch_update", "2026-02-06 12:00:00").await;
        set_current(&world.raw, &ids[0], "mixed").await;
        adopted(&world, Scope::Openly).await.expect("there is something");
        let verified = verify_ok(&world).await;
        let overwritten = verified.notes.iter().find(|n| n.kind == "adopted_override");
        let overwritten = overwritten.unwrap_or_else(|| panic!("{:?}", verified.notes));
        assert_eq!(overwritten.workout_id.as_deref(), Some(ids[0].as_str()));
        assert!(
            overwritten.detail.contains("a person's label 'pup_walk'"),
            "{}",
            overwritten.detail
        );
    });
}

#[test]
fn a_current_row_that_others_changed_in_silence_is_not_taken_over_unasked() {
    on_both_stores(|store| async {
        let (world, ids) = ours(store).await;
        set_current(&world.raw, &ids[0], "mixed").await;
        world
            .raw
            .run(&format!(
                "DELETE FROM workout_ml_classifications WHERE workout_id = '{}'",
                ids[1]
            ))
            .await;
        // Rows on another workout are no excuse.
        history(
            &world.raw,
            &ids[2],
            "real_run",
            "ml_batch_update",
            "2026-02-04 12:00:00",
        )
        .await;
        assert_eq!(adopted(&world, Scope::Openly).await.expect("rows").rows, 1);
        let verified = verify(&world).await;
        assert_found(&verified, "label", None, Some(&ids[0]));
        assert_found(&verified, "missing_state", None, Some(&ids[1]));
        assert_eq!(verified.found, 2, "{:?}", verified.findings);

        // The next run corrects the labels by the normal diff; that there was something in between stays.
        let report = world.try_run(NIGHTLY, &accepting()).await.expect("run");
        assert_eq!((report.changes.changed, report.changes.new), (1, 1));
        let verified = verify(&world).await;
        assert_found(&verified, "joins", None, Some(&ids[0]));
        assert_found(&verified, "joins", None, Some(&ids[1]));

        // Somebody who has looked at it says so.
        let done = adopted(&world, Scope::Everything).await.expect("states");
        assert_eq!((done.rows, done.segment_id, done.states), (0, None, 2));
        let verified = verify_ok(&world).await;
        let joins = verified.notes.iter().filter(|n| n.kind == "adopted_joins").count();
        assert_eq!(joins, 2, "it is told for ever: {:?}", verified.notes);
    });
}

/// A transaction of others that takes its numbers before an adoption and commits after it.
#[test]
fn a_row_that_is_committed_late_is_not_taken_for_an_adopted_one() {
    on_both_stores(|store| async {
        let (world, ids) = ours(store).await;
        let insert = |number: i64, id: &str| {
            format!(
                "INSERT INTO workout_classification_history (history_id, workout_id, new_classification, \
                 classification_source, changed_at) VALUES ({number}, '{id}', 'real_run', 'ml_batch_update', '2026-02-04')"
            )
        };
        world.raw.run(&insert(5_000, &ids[0])).await;
        world.raw.run(&insert(5_002, &ids[1])).await;
        assert_eq!(adopted(&world, Scope::Openly).await.expect("rows").rows, 2);
        assert_eq!(
            world.count("audit_adopted").await,
            2,
            "a range for each side of the hole"
        );
        verify_ok(&world).await;
        world.raw.run(&insert(5_001, &ids[2])).await;
        let verified = verify(&world).await;
        assert_found(&verified, "unsealed", None, Some(&ids[2]));
        assert_eq!(verified.found, 1, "{:?}", verified.findings);
        assert!(world.store.may_adopt().await.expect("asked"));
        assert_eq!(adopted(&world, Scope::Openly).await.expect("rows").rows, 1);
        verify_ok(&world).await;
    });
}

#[test]
fn two_that_adopt_at_once_adopt_once() {
    on_both_stores(|store| async {
        let (world, _) = older(store).await;
        let (ambient, other) = (world.ambient(), world.ambient());
        let (a, b) = tokio::join!(
            adopt(&world.store, Scope::Openly, &ambient),
            adopt(&world.store, Scope::Openly, &other)
        );
        let done = [a.expect("adopt"), b.expect("adopt")];
        assert_eq!(done.iter().flatten().count(), 1, "{done:?}");
        assert_eq!(verify_ok(&world).await.adopted, 16);
    });
}

#[test]
fn migrate_adopts_and_says_so_and_rows_of_others_are_proved_too() {
    cli::on_both_stores(|paceline, _| {
        let history = "INSERT INTO workout_classification_history (workout_id, new_classification, \
                       classification_source, changed_at) VALUES ('a', 'unknown', 'ml_prediction', '2024-01-01 00:00:00.25')";
        paceline.tamper(&[
            "INSERT INTO workout_summary (workout_id) VALUES ('a')",
            history,
            history,
        ]);
        paceline
            .run(&["verify"])
            .expect(1, &["1 finding", "`paceline migrate` does now"]);
        paceline
            .run(&["prove", "a"])
            .expect(1, &["2 rows on workout a were written by others"]);
        let page = paceline.ok(&["migrate"]).stdout;
        assert!(
            page.contains("Adopted 2 history rows that others wrote, and 1 current rows"),
            "{page}"
        );
        assert_eq!(paceline.json(&["migrate"])["adopted"], serde_json::Value::Null);
        let page = paceline.ok(&["verify"]).stdout;
        for part in [
            "2 rows were written by others and adopted",
            "adopted_missing_state",
            "Every link of the chain holds",
        ] {
            assert!(page.contains(part), "no '{part}' in:\n{page}");
        }
        let proof = paceline.json(&["prove", "a"]);
        assert_eq!(proof["proofs"].as_array().map(Vec::len), Some(3));
        assert_eq!(proof["proofs"][0]["row"]["changed_at"], "2024-01-01 00:00:00.250000");
        paceline.tamper(&triggers_dropped().iter().map(String::as_str).collect::<Vec<_>>());
        paceline.tamper(&["UPDATE workout_ml_classifications SET current_classification = 'x'"]);
        paceline.tamper(&["DELETE FROM workout_classification_history WHERE segment_id IS NULL"]);
        let outcome = paceline.run(&["verify"]);
        outcome.expect(1, &["findings"]);
        assert!(outcome.stdout.contains("deleted"), "{outcome}");
    });
}
