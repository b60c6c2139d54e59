//! A file that was written once is read for ever.

use paceline::audit::archive::check::check;
use paceline::audit::archive::file::{File, FileError};
use paceline::audit::chain::{Link, Sealer, Segment};
use paceline::audit::encoding::HistoryRow;
use paceline::store::archived::sha256;
use paceline::time::Timestamp;

use super::file_of;

const GOLDEN: &[u8] = include_bytes!("../../golden/archive-v1.parquet");
const SHA256: &str = include_str!("../../golden/archive-v1.sha256");

/// Three rows: one of others, one with everything, one with as little as there can be.
fn rows() -> Vec<(i64, HistoryRow, i64)> {
    let text = |text: &str| Some(text.to_owned());
    let bare = HistoryRow {
        workout_id: "w1".to_owned(),
        previous_classification: None,
        new_classification: "unknown".to_owned(),
        classification_source: "csv_import".to_owned(),
        classification_confidence: None,
        classification_method: None,
        model_id: None,
        model_version: None,
        changed_by: "classifier.py".to_owned(),
        changed_at: Timestamp::from_micros(-1),
        reason: None,
        features_used: None,
        metadata: None,
        run_id: None,
        segment_id: None,
    };
    let full = HistoryRow {
        workout_id: "w\u{e9}\u{1f415}".to_owned(),
        previous_classification: text("real_run"),
        new_classification: "pup_walk".to_owned(),
        classification_source: "ml_batch_update".to_owned(),
        classification_confidence: Some(1.0 / 3.0),
        classification_method: text("anchored-kmeans"),
        model_id: text("workout_classifier_20260102_030405"),
        model_version: text("1.0.0"),
        changed_by: "system".to_owned(),
        changed_at: Timestamp::from_micros(1_767_323_045_678_901),
        reason: text(""),
        features_used: text("{\"avg_pace\": 8.50}"),
        metadata: text("[]"),
        run_id: text("run_20260102_030405_00000000"),
        segment_id: Some(2),
    };
    let least = HistoryRow {
        workout_id: "w1".to_owned(),
        segment_id: Some(2),
        ..bare.clone()
    };
    vec![(7, bare, 1), (9, full, 2), (12, least, 2)]
}

fn chain(rows: &[(i64, HistoryRow, i64)]) -> Vec<Segment> {
    let mut adopted = Sealer::new(&Link::genesis());
    adopted.push_adopted(rows[0].1.borrowed());
    let first = adopted.finish();
    let mut own = Sealer::new(&first.link());
    for (_, row, _) in &rows[1..] {
        own.push(row.borrowed());
    }
    vec![first, own.finish()]
}

fn written() -> Vec<u8> {
    file_of(&chain(&rows()), &rows())
}

#[test]
fn a_file_of_the_first_version_is_read_as_it_was_written() {
    assert_eq!(
        sha256(GOLDEN).to_string(),
        SHA256.trim(),
        "the golden file itself was changed"
    );
    let file = File::open(GOLDEN.to_vec()).expect("a file");
    assert_eq!(file.segments(), chain(&rows()));
    assert!(check(&file, &chain(&rows())).expect("readable").holds());
    let mut found = Vec::new();
    file.each(|filed| -> Result<(), FileError> {
        found.push((filed.history_id, filed.row.into_row(), filed.sealed_by));
        Ok(())
    })
    .expect("readable");
    assert_eq!(found, rows());
}

#[test]
fn what_is_written_today_reads_as_the_golden_file() {
    if let Ok(folder) = std::env::var("PACELINE_WRITE_GOLDEN") {
        std::fs::write(std::path::Path::new(&folder).join("archive-v1.parquet"), written()).expect("written");
    }
    let (old, new) = (
        File::open(GOLDEN.to_vec()).expect("old"),
        File::open(written()).expect("new"),
    );
    assert_eq!((old.segments(), old.rows()), (new.segments(), new.rows()));
}
