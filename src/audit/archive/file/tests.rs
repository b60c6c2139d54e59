use super::super::check::check;
use super::super::chunks::{Portion, portions};
use super::*;
use crate::audit::chain::{Link, Sealer};
use crate::audit::encoding::HistoryRow;
use sha2::{Digest, Sha256};

/// A row of text and nulls in every place, the more of them the odder `n` is.
fn row(n: i64, segment_id: Option<i64>) -> HistoryRow {
    let some = |text: &str| (n % 3 != 0).then(|| format!("{text} \u{1f3c3} {n}"));
    HistoryRow {
        workout_id: format!("w{n}"),
        previous_classification: some("before"),
        new_classification: "real_run".to_owned(),
        classification_source: "ml_prediction".to_owned(),
        classification_confidence: (n % 2 == 0).then_some(1.0 / (n as f64 + 3.0)),
        classification_method: some("method"),
        model_id: some("model"),
        model_version: some("1.0.0"),
        changed_by: String::new(),
        changed_at: Timestamp::from_micros(n * 1_000_003 - 7),
        reason: some("why"),
        features_used: some("{\"a\": 1.50}"),
        metadata: None,
        run_id: some("run"),
        segment_id,
    }
}

/// Rows of a segment of others and of two of ours, and the chain.
fn sample(rows: i64) -> (Vec<Segment>, Vec<(i64, HistoryRow, i64)>) {
    let (mut prev, mut segments, mut all) = (Link::genesis(), Vec::new(), Vec::new());
    for place in 1..=3 {
        let mut sealer = Sealer::new(&prev);
        for n in 0..rows {
            let own = (place > 1).then_some(place);
            let row = row(place * rows + n, own);
            match own {
                Some(_) => sealer.push(row.borrowed()),
                None => sealer.push_adopted(row.borrowed()),
            };
            all.push((place * 1_000_000 + n, row, place));
        }
        let segment = sealer.finish();
        prev = segment.link();
        segments.push(segment);
    }
    (segments, all)
}

fn written(segments: &[Segment], rows: &[(i64, HistoryRow, i64)]) -> Vec<u8> {
    let (mut out, mut scratch) = (Vec::new(), Vec::new());
    let mut writer = Writer::new(&mut out, segments).expect("begun");
    for (history_id, row, sealed_by) in rows {
        let filed = Filed {
            history_id: *history_id,
            row: row.borrowed(),
            sealed_by: *sealed_by,
            leaf: row.borrowed().leaf_hash(&mut scratch),
        };
        writer.push(&filed).expect("a row");
    }
    let told = writer.finish().expect("written");
    assert_eq!(told, (out.len() as u64, Hash(Sha256::digest(&out).into())));
    out
}

fn read(bytes: Vec<u8>) -> Result<Vec<(i64, HistoryRow, i64)>, FileError> {
    let mut rows = Vec::new();
    File::open(bytes)?.each(|filed| -> Result<(), FileError> {
        rows.push((filed.history_id, filed.row.into_row(), filed.sealed_by));
        Ok(())
    })?;
    Ok(rows)
}

#[test]
fn rows_come_back_as_they_went_in_over_several_row_groups() {
    let (segments, rows) = sample(BATCH as i64 / 2 + 77);
    let bytes = written(&segments, &rows);
    assert_eq!(bytes, written(&segments, &rows), "the same rows, the same bytes");
    let file = File::open(bytes.clone()).expect("a file");
    assert_eq!((file.segments(), file.rows()), (segments.as_slice(), rows.len() as u64));
    assert!(check(&file, &segments).expect("readable").holds());
    let read = read(bytes).expect("readable");
    assert!(read == rows, "field by field");
}

#[test]
fn what_was_changed_is_told_by_segment_and_row() {
    let (segments, mut rows) = sample(5);
    rows[7].1.reason = Some("another".to_owned());
    let file = File::open(written(&segments, &rows)).expect("a file");
    let checked = check(&file, &segments).expect("readable");
    let broken: Vec<i64> = checked.broken.iter().map(|(s, _)| s.segment_id).collect();
    assert_eq!(
        (broken, checked.stray, checked.odd),
        (vec![2], 0, 0),
        "its leaf hash was changed with it"
    );
    let checked = check(&file, &segments[..2]).expect("readable");
    assert_eq!(checked.stray, 5, "rows of a segment that it is not to hold");
    rows.swap(0, 1);
    let file = File::open(written(&segments, &rows)).expect("a file");
    assert!(check(&file, &segments).expect("readable").odd > 0, "out of order");
}

#[test]
fn bytes_that_are_no_such_file_are_an_error() {
    let (segments, rows) = sample(4);
    let whole = written(&segments, &rows);
    assert!(matches!(read(Vec::new()), Err(FileError::Garbled(_))));
    for cut in [1, 9, whole.len() / 2, whole.len() - 1] {
        assert!(read(whole[..cut].to_vec()).is_err(), "cut at {cut}");
    }
}

#[test]
fn portions_are_all_rows_and_take_no_other() {
    let (segments, mut rows) = sample(10);
    // A hole among those of others: a row that nothing has sealed may be there.
    rows.remove(4);
    let file = File::open(written(&segments, &rows)).map(|_| ());
    assert!(file.is_err(), "as many rows as its segments seal, or none");
    let (_, mut rows) = sample(10);
    for row in &mut rows[4..10] {
        row.0 += 5;
    }
    let file = File::open(written(&segments, &rows)).expect("a file");
    let found = portions(&file, 12).expect("readable");
    let portion = |segments, first, last, rows| Portion {
        segments,
        first,
        last,
        rows,
    };
    let expected = [
        portion(None, 1_000_000, 1_000_003, 4),
        portion(None, 1_000_009, 1_000_014, 6),
        portion(Some((2, 3)), 2_000_000, 3_000_001, 12),
        portion(Some((3, 3)), 3_000_002, 3_000_009, 8),
    ];
    assert_eq!(found, expected);
}
