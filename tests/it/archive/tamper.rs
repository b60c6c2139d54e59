//! Whatever is done to a file, to the record of it, to the snapshot or to the table beside it is found and named.

use std::fs;

use paceline::audit::archive::file::{File, FileError};
use paceline::audit::encoding::HistoryRow;
use paceline::pipeline::archive::ArchiveReport;
use paceline::pipeline::archive::restore::{Which, restore};

use super::{Years, assert_as_before, assert_sound, file_of, kinds};
use crate::support::{TestStore, on_both_stores};

/// A file's rows.
fn rows_of(bytes: Vec<u8>) -> (File, Vec<(i64, HistoryRow, i64)>) {
    let file = File::open(bytes).expect("a file");
    let mut rows = Vec::new();
    file.each(|filed| -> Result<(), FileError> {
        rows.push((filed.history_id, filed.row.into_row(), filed.sealed_by));
        Ok(())
    })
    .expect("readable");
    (file, rows)
}

/// The file with one row changed, as valid Parquet whose leaf hashes are right.
fn rewritten(bytes: Vec<u8>, at: usize, edit: impl Fn(&mut HistoryRow)) -> Vec<u8> {
    let (file, mut rows) = rows_of(bytes);
    edit(&mut rows[at].1);
    file_of(file.segments(), &rows)
}

async fn archived(store: TestStore) -> (Years, ArchiveReport) {
    let years = Years::new(store).await;
    let report = years.archive().await;
    assert_sound(&years.verify().await, 0);
    (years, report)
}

/// Panics unless verification finds just this of files, and says which file; and nothing comes back from it.
async fn assert_found(years: &Years, wanted: &[&str], file: &str, archive_id: i64, what: &str) {
    let verified = years.verify().await;
    assert_eq!(kinds(&verified), wanted, "{what}: {:?}", verified.findings);
    assert!(
        verified.findings.iter().any(|f| f.detail.contains(file)),
        "{what}: {:?}",
        verified.findings
    );
    assert!(verified.unchecked > 0, "{what}");
    let which = Which::Numbers(vec![archive_id]);
    let before = years.world.dump().await;
    let refused = restore(
        &years.world.store,
        &which,
        false,
        &years.files(),
        &years.world.ambient(),
    )
    .await
    .expect_err("nothing comes back from another file");
    assert!(refused.to_string().contains(file), "{what}: {refused}");
    assert_as_before(years, &before, what).await;
    assert_sound(&years.verify_without().await, verified.archived);
}

#[test]
fn a_file_that_is_not_the_one_that_was_sealed_is_named() {
    on_both_stores(|store| async {
        let (years, report) = archived(store).await;
        let (file, id) = (report.files[1].file.clone(), report.files[1].archive_id.expect("made"));
        let path = years.path(&file);
        let whole = fs::read(&path).expect("a file");

        for at in (0..whole.len()).step_by(whole.len() / 40) {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            fs::write(&path, &flipped).expect("written");
            let verified = years.verify().await;
            assert_eq!(
                kinds(&verified)[0],
                "file_changed",
                "byte {at}: {:?}",
                verified.findings
            );
            assert!(verified.findings[0].detail.contains(&file));
        }
        fs::write(&path, &whole[..whole.len() / 2]).expect("written");
        assert_found(&years, &["file_changed"], &file, id, "cut in half").await;
        fs::remove_file(&path).expect("removed");
        assert_found(&years, &["file_missing"], &file, id, "gone").await;
        let lines = ["label", "model", "confidence"];
        for (line, edit) in lines.iter().zip([
            (|row| row.new_classification = "outlier".to_owned()) as fn(&mut HistoryRow),
            |row| row.model_id = None,
            |row| row.classification_confidence = Some(0.5),
        ]) {
            let changed = rewritten(whole.clone(), 7, edit);
            fs::write(&path, changed).expect("written");
            assert_found(&years, &["file_changed"], &file, id, line).await;
        }
        let other = years.path(&report.files[0].file);
        let first = fs::read(&other).expect("a file");
        fs::write(&path, &first).expect("written");
        fs::write(&other, &whole).expect("written");
        assert_found(&years, &["file_changed", "file_changed"], &file, id, "exchanged").await;
        let verified = years.verify().await;
        let holds = "it is the file of archive 1, segment";
        assert!(
            verified
                .findings
                .iter()
                .any(|f| f.detail.contains(&file) && f.detail.contains(holds))
        );

        fs::write(&path, &whole).expect("written");
        fs::write(&other, &first).expect("written");
        assert_sound(&years.verify().await, 0);
        fs::remove_dir_all(years.folder.path()).expect("removed");
        assert_sound(&years.verify().await, report.rows);
    });
}

/// Statements that drop what stands in the way of tampering.
const TRIGGERS: [&str; 5] = [
    "DROP TRIGGER IF EXISTS audit_archives_no_update",
    "DROP TRIGGER IF EXISTS audit_archives_no_delete",
    "DROP TRIGGER IF EXISTS audit_snapshot_no_update",
    "DROP TRIGGER IF EXISTS audit_snapshot_no_delete",
    "DROP TRIGGER IF EXISTS workout_classification_history_unarchived",
];

#[test]
fn the_bookkeeping_of_archives_is_sealed() {
    on_both_stores(|store| async {
        let (years, report) = archived(store).await;
        let raw = &years.world.raw;
        for (table, statement) in [
            ("audit_archives", "UPDATE audit_archives SET row_count = 1"),
            ("audit_archives", "DELETE FROM audit_archives"),
            ("audit_snapshot", "UPDATE audit_snapshot SET label = 'mixed'"),
            ("audit_snapshot", "DELETE FROM audit_snapshot"),
            (
                "workout_classification_history",
                "DELETE FROM workout_classification_history",
            ),
        ] {
            let said = raw.refused(statement).await.to_string();
            assert!(said.contains(&format!("{table} is append-only")), "{statement}: {said}");
        }
        raw.run("UPDATE archive_status SET status = 'archiving' WHERE archive_id = 1")
            .await;
        let said = raw
            .refused("DELETE FROM workout_classification_history")
            .await
            .to_string();
        assert!(said.contains("append-only"), "rows of other segments stay: {said}");
        raw.run("UPDATE archive_status SET status = 'archived' WHERE archive_id = 1")
            .await;
        raw.refused("DELETE FROM workout_summary WHERE workout_id IN (SELECT workout_id FROM audit_snapshot)")
            .await;

        for trigger in TRIGGERS {
            raw.run(trigger).await;
        }
        let undo = |table: &str, column: &str, keys: &str, old: &str| {
            format!("UPDATE {table} SET {column} = {old} WHERE {keys}")
        };
        for (table, column, value, keys, kind) in [
            (
                "audit_archives",
                "file_name",
                "'x.parquet'",
                "archive_id = 2",
                "archive",
            ),
            ("audit_archives", "snapshot_rows", "1", "archive_id = 2", "archive"),
            (
                "audit_archives",
                "newest_at",
                "'2020-01-01 00:00:00.000000'",
                "archive_id = 2",
                "archive",
            ),
            (
                "audit_snapshot",
                "label",
                "'outlier'",
                "archive_id = 2 AND row_no = 3",
                "snapshot",
            ),
            (
                "audit_snapshot",
                "change_count",
                "17",
                "archive_id = 2 AND row_no = 3",
                "snapshot",
            ),
        ] {
            let old = raw
                .rows(&format!("SELECT {column} FROM {table} WHERE {keys}"))
                .await
                .concat()
                .concat();
            let old = if old.parse::<i64>().is_ok() {
                old
            } else {
                format!("'{old}'")
            };
            raw.run(&undo(table, column, keys, value)).await;
            for verified in [years.verify().await, years.verify_without().await] {
                assert!(
                    kinds(&verified).contains(&kind),
                    "{table}.{column}: {:?}",
                    verified.findings
                );
            }
            raw.run(&undo(table, column, keys, &old)).await;
            assert_sound(&years.verify().await, 0);
        }
        beside_the_files(&years, &report).await;
    });
}

/// Rows where none may be, and statuses that are not true.
async fn beside_the_files(years: &Years, report: &ArchiveReport) {
    let raw = &years.world.raw;
    let workout = super::some_workouts(&years.world, 1).await.remove(0);
    let insert = format!(
        "INSERT INTO workout_classification_history (history_id, workout_id, new_classification, classification_source, \
         changed_at, segment_id) VALUES (1, '{workout}', 'mixed', 'ml_prediction', '2026-02-04', 1)"
    );
    raw.run(&insert).await;
    for verified in [years.verify().await, years.verify_without().await] {
        assert_eq!(kinds(&verified), ["inserted"], "{:?}", verified.findings);
        assert_eq!(verified.findings[0].workout_id.as_deref(), Some(workout.as_str()));
    }
    raw.run("DELETE FROM workout_classification_history WHERE history_id = 1")
        .await;
    // Said to be back, and not back.
    raw.run("UPDATE archive_status SET status = 'restored'").await;
    let verified = years.verify().await;
    let missed = verified.findings.iter().filter(|f| f.kind == "count").count();
    assert!(missed >= report.files.len() && !verified.ok, "{:?}", kinds(&verified));
    raw.run("UPDATE archive_status SET status = 'archived'").await;
    assert_sound(&years.verify().await, 0);
    // The record is taken away: the rows are missed, and the segment says what it sealed.
    raw.run("DELETE FROM archive_status WHERE archive_id = 2").await;
    assert!(
        years.verify_without().await.ok,
        "without a status the rows are where the file is"
    );
    raw.run("DELETE FROM audit_archives WHERE archive_id = 2").await;
    let verified = years.verify().await;
    assert!(kinds(&verified).contains(&"archive"), "{:?}", kinds(&verified));
    assert!(kinds(&verified).contains(&"count"), "{:?}", kinds(&verified));
}
