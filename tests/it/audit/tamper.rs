//! Whatever is done to a healthy store by hand, with the triggers dropped, is found and named.

use super::{after, assert_found, healthy, kinds, row};
use crate::support::on_both_stores;

#[test]
fn an_edited_history_row_breaks_its_segment() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let (id, workout, segment) = row(&world, 70).await;
        let edit = format!(
            "UPDATE workout_classification_history SET classification_confidence = 0.123 WHERE history_id = {id}"
        );
        let verified = after(&world, &[&edit]).await;
        assert_found(&verified, "root", Some(segment), None);
        assert_found(&verified, "edited", Some(segment), Some(&workout));
        assert_eq!(verified.found, 2, "nothing else changed: {:?}", verified.findings);
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
        assert_found(&verified, "deleted", Some(segment), Some(&workout));
        let named = |f: &&paceline::store::findings::Finding| f.workout_id.as_deref() == Some(&workout);
        let kinds: Vec<&str> = verified.findings.iter().filter(named).map(|f| f.kind).collect();
        assert_eq!(
            kinds.len(),
            2,
            "its list of leaves and its state both name it: {kinds:?}"
        );
    });
}

#[test]
fn two_swapped_rows_break_their_segment() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let (a, first, segment) = row(&world, 70).await;
        let (b, second, other) = row(&world, 71).await;
        assert_eq!(segment, other);
        let renumber = |from: &str, to: &str| {
            format!("UPDATE workout_classification_history SET history_id = {to} WHERE history_id = {from}")
        };
        let swap = [renumber(&a, "999999"), renumber(&b, &a), renumber("999999", &b)];
        let swap: Vec<&str> = swap.iter().map(String::as_str).collect();
        let verified = after(&world, &swap).await;
        assert_found(&verified, "root", Some(segment), None);
        assert_found(&verified, "moved", Some(segment), Some(&first));
        assert_found(&verified, "moved", Some(segment), Some(&second));
        assert_eq!(verified.found, 3, "{:?}", verified.findings);
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
        assert_found(&verified, "inserted", Some(segment), Some(&workout));
        assert_found(&verified, "joins", Some(segment), Some(&workout));
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
            format!("DELETE FROM audit_leaves WHERE segment_id = {last}"),
        ];
        let verified = after(&world, &[&cut[0], &cut[1], &cut[2]]).await;
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
fn rows_of_two_segments_that_changed_places_are_named_in_both() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let (a, first, segment) = row(&world, 10).await;
        let (b, second, other) = row(&world, 70).await;
        assert_ne!(segment, other);
        let put = |from: &str, to: &str, segment: i64| {
            format!(
                "UPDATE workout_classification_history SET history_id = {to}, segment_id = {segment} \
                 WHERE history_id = {from}"
            )
        };
        let swap = [put(&a, "999999", other), put(&b, &a, segment), put("999999", &b, other)];
        let swap: Vec<&str> = swap.iter().map(String::as_str).collect();
        let verified = after(&world, &swap).await;
        for (segment, gone, there) in [(segment, &first, &second), (other, &second, &first)] {
            assert_found(&verified, "root", Some(segment), None);
            assert_found(&verified, "deleted", Some(segment), Some(gone));
            assert_found(&verified, "inserted", Some(segment), Some(there));
        }
        assert_eq!(verified.found, 6, "{:?}", kinds(&verified));
    });
}

#[test]
fn a_cut_tail_whose_list_of_leaves_was_forgotten_is_a_gap() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let last = world.store.chain_head().await.expect("head").segment_id;
        let cut = [
            format!("DELETE FROM workout_classification_history WHERE segment_id = {last}"),
            format!("DELETE FROM audit_segments WHERE segment_id = {last}"),
        ];
        let verified = after(&world, &[&cut[0], &cut[1]]).await;
        assert_found(&verified, "gap", Some(last), None);
        assert_found(&verified, "label", None, None);
    });
}

#[test]
fn a_whole_segment_taken_out_of_the_middle_leaves_a_gap() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let (_, workout, segment) = row(&world, 70).await;
        let cut = ["workout_classification_history", "audit_segments", "audit_leaves"]
            .map(|table| format!("DELETE FROM {table} WHERE segment_id = {segment}"));
        let verified = after(&world, &[&cut[0], &cut[1], &cut[2]]).await;
        assert_found(&verified, "gap", Some(segment + 1), None);
        assert_found(&verified, "missing_history", None, Some(&workout));
    });
}

#[test]
fn an_edited_segment_is_found_whichever_field_it_is() {
    let other = "0123456789abcdef".repeat(4);
    for (field, value, kind, next) in [
        ("head", format!("'{other}'"), "head", Some("broken")),
        ("prev_head", format!("'{other}'"), "broken", None),
        ("merkle_root", format!("'{other}'"), "root", None),
        ("row_count", "row_count + 1".to_owned(), "count", None),
        ("encoding_version", "3".to_owned(), "version", None),
        ("encoding_version", "2".to_owned(), "archive", None),
        ("segment_id", "77".to_owned(), "gap", None),
    ] {
        on_both_stores(|store| {
            let edit = format!("UPDATE audit_segments SET {field} = {value} WHERE segment_id = 2");
            async move {
                let world = healthy(store).await;
                let verified = after(&world, &[&edit]).await;
                let segment = if field == "segment_id" { 3 } else { 2 };
                assert_found(&verified, kind, Some(segment), None);
                if let Some(next) = next {
                    assert_found(&verified, next, Some(3), None);
                }
                let rows = ["edited", "deleted", "inserted", "moved", "label"];
                let named = verified.findings.iter().any(|f| rows.contains(&f.kind));
                assert!(!named, "no row was touched: {:?}", kinds(&verified));
            }
        });
    }
}

#[test]
fn a_deleted_current_row_is_missed() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let (_, workout, _) = row(&world, 5).await;
        let delete = format!("DELETE FROM workout_ml_classifications WHERE workout_id = '{workout}'");
        let verified = after(&world, &[&delete]).await;
        assert_found(&verified, "missing_state", None, Some(&workout));
        assert_eq!(verified.found, 1, "{:?}", kinds(&verified));
    });
}

#[test]
fn a_current_row_that_was_never_written_is_found() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        world
            .raw
            .run("INSERT INTO workout_summary (workout_id) VALUES ('intruder')")
            .await;
        let insert = "INSERT INTO workout_ml_classifications (workout_id, current_classification, \
                      classification_source, classified_at, last_updated) \
                      VALUES ('intruder', 'real_run', 'ml_prediction', '2026-01-02', '2026-01-02')";
        let verified = after(&world, &[insert]).await;
        assert_found(&verified, "missing_history", None, Some("intruder"));
        assert_eq!(verified.found, 1, "{:?}", kinds(&verified));
    });
}

#[test]
fn who_tampers_with_the_list_of_leaves_too_hides_the_row_and_not_the_break() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let (id, _, segment) = row(&world, 70).await;
        let edit = format!(
            "UPDATE workout_classification_history SET classification_confidence = 0.5 WHERE history_id = {id}"
        );
        for list in [
            format!("UPDATE audit_leaves SET leaves = '[]' WHERE segment_id = {segment}"),
            format!("UPDATE audit_leaves SET leaves = '{{}}' WHERE segment_id = {segment}"),
            format!("DELETE FROM audit_leaves WHERE segment_id = {segment}"),
        ] {
            let verified = after(&world, &[&edit, &list]).await;
            assert_found(&verified, "root", Some(segment), None);
            assert_eq!(verified.found, 1, "{:?}", kinds(&verified));
        }
    });
}

/// Rows of ours that are passed off as rows of others would have their differences forgiven.
#[test]
fn a_segment_of_ours_cannot_be_passed_off_as_adopted() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let (_, workout, segment) = row(&world, 70).await;
        let disguise = [
            format!(
                "INSERT INTO audit_adopted (first_history_id, last_history_id, segment_id) \
                 SELECT MIN(history_id), MAX(history_id), {segment} FROM workout_classification_history \
                 WHERE segment_id = {segment}"
            ),
            format!("UPDATE workout_classification_history SET segment_id = NULL WHERE segment_id = {segment}"),
        ];
        let verified = after(&world, &[&disguise[0], &disguise[1]]).await;
        assert_found(&verified, "root", Some(segment), None);
        assert_found(&verified, "edited", Some(segment), Some(&workout));
    });
}

/// Every column of a history row, but its number.
const COLUMNS: [(&str, &str); 15] = [
    ("workout_id", "(SELECT MIN(workout_id) FROM workout_summary)"),
    ("previous_classification", "'mixed'"),
    ("new_classification", "'mixed'"),
    ("classification_source", "'era_fallback'"),
    ("classification_confidence", "0.123"),
    ("classification_method", "'x'"),
    ("model_id", "'x'"),
    ("model_version", "NULL"),
    ("changed_by", "'nobody'"),
    ("changed_at", "'2020-01-01 00:00:00.000001'"),
    ("reason", "''"),
    ("features_used", "'{}'"),
    ("metadata", "'{}'"),
    ("run_id", "NULL"),
    ("segment_id", "1"),
];

#[test]
fn no_column_of_a_history_row_can_be_edited_unseen() {
    on_both_stores(|store| async {
        let world = healthy(store).await;
        let (id, workout, segment) = row(&world, 70).await;
        let table = "workout_classification_history";
        world
            .raw
            .run(&format!(
                "CREATE TABLE kept AS SELECT * FROM {table} WHERE history_id = {id}"
            ))
            .await;
        for (column, value) in COLUMNS {
            let edit = format!("UPDATE {table} SET {column} = {value} WHERE history_id = {id}");
            let verified = after(&world, &[&edit]).await;
            match column {
                "segment_id" => {
                    assert_found(&verified, "deleted", Some(segment), Some(&workout));
                    assert_found(&verified, "inserted", Some(1), Some(&workout));
                }
                "workout_id" => {
                    assert_found(&verified, "root", Some(segment), None);
                    assert_found(&verified, "deleted", Some(segment), Some(&workout));
                }
                _ => {
                    assert_found(&verified, "root", Some(segment), None);
                    assert_found(&verified, "edited", Some(segment), Some(&workout));
                }
            }
            let back = format!("UPDATE {table} SET {column} = (SELECT {column} FROM kept) WHERE history_id = {id}");
            world.raw.run(&back).await;
            assert!(
                world.store.verify(|_| {}).await.expect("verify").ok,
                "{column} was put back"
            );
        }
    });
}
