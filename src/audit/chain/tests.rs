//! Every field counts, every break shows.

use super::*;
use crate::audit::encoding::HistoryRow;
use crate::audit::merkle;
use crate::time::Timestamp;

fn row(n: i64, segment_id: i64) -> HistoryRow {
    HistoryRow {
        workout_id: format!("7700{n}"),
        previous_classification: Some("real_run".to_owned()),
        new_classification: "pup_walk".to_owned(),
        classification_source: "ml_batch_update".to_owned(),
        classification_confidence: Some(0.5),
        classification_method: Some("kmeans".to_owned()),
        model_id: Some("m".to_owned()),
        model_version: Some("1.0.0".to_owned()),
        changed_by: "system".to_owned(),
        changed_at: Timestamp::from_micros(n),
        reason: Some("why".to_owned()),
        features_used: Some("{}".to_owned()),
        metadata: Some("[]".to_owned()),
        run_id: Some("run".to_owned()),
        segment_id: Some(segment_id),
    }
}

fn sealed(prev: &Link, rows: &[HistoryRow]) -> Segment {
    seal(prev, rows.iter().map(HistoryRow::borrowed))
}

fn tree(rows: &[HistoryRow]) -> Merkle {
    let mut tree = Merkle::new();
    for row in rows {
        tree.push(row.borrowed().leaf_hash(&mut Vec::new()));
    }
    tree
}

/// Computed apart from this module, with Python's hashlib, from the formulas in its documentation.
#[test]
fn the_heads_never_change() {
    assert_eq!(
        Link::genesis().head.to_string(),
        "9809ef242ed3b8daaaf20823cf5d4fafa9cb8f1f3cbcb24f4bb4f57bc377ba50"
    );
    let empty = sealed(&Link::genesis(), &[]);
    assert_eq!((empty.segment_id, empty.row_count), (1, 0));
    assert_eq!(empty.merkle_root, merkle::empty_root());
    assert_eq!(
        empty.head.to_string(),
        "75db401c769f7886b265259b6aca7ed32ae48becae6f9695f32dd650a89771d4"
    );
}

#[test]
fn a_chain_that_was_sealed_checks() {
    let mut end = Link::genesis();
    for segment_id in 1..=5 {
        let rows: Vec<HistoryRow> = (0..segment_id * 3 - 3).map(|n| row(n, segment_id)).collect();
        let segment = sealed(&end, &rows);
        assert_eq!(segment.segment_id, segment_id);
        end = check_link(&end, &segment).expect("a sound chain");
        assert_eq!(check_rows(&segment, &tree(&rows)), Ok(()));
    }
    assert_eq!(end.segment_id, 5);
}

#[test]
fn changing_any_field_of_a_segment_shows() {
    let before = sealed(&Link::genesis(), &[row(1, 1)]).link();
    let segment = sealed(&before, &[row(2, 2), row(3, 2)]);
    let other = merkle::leaf_hash(b"another");
    let cases = [
        (
            Segment {
                segment_id: 3,
                ..segment
            },
            "gap",
        ),
        (
            Segment {
                row_count: 3,
                ..segment
            },
            "head",
        ),
        (
            Segment {
                merkle_root: other,
                ..segment
            },
            "head",
        ),
        (
            Segment {
                prev_head: other,
                ..segment
            },
            "broken",
        ),
        (Segment { head: other, ..segment }, "head"),
        (
            Segment {
                encoding_version: 3,
                ..segment
            },
            "version",
        ),
    ];
    for (changed, kind) in cases {
        let error = check_link(&before, &changed).expect_err("the change shows");
        assert_eq!(
            (error.kind(), error.segment_id()),
            (kind, changed.segment_id),
            "{error}"
        );
        if changed.head == segment.head {
            assert_ne!(changed.computed_head(), segment.head, "{kind}");
        }
    }
    // Rewriting the head as well only moves the break to the next segment.
    let mut forged = Segment {
        row_count: 3,
        ..segment
    };
    forged.head = forged.computed_head();
    let next = sealed(&segment.link(), &[]);
    let end = check_link(&before, &forged).expect("consistent in itself");
    assert_eq!(
        check_link(&end, &next).expect_err("the next one knows").kind(),
        "broken"
    );
}

#[test]
fn changing_any_field_of_a_row_changes_the_head() {
    let original = row(1, 1);
    let edits: [fn(&mut HistoryRow); 14] = [
        |r| r.workout_id.push('0'),
        |r| r.previous_classification = None,
        |r| r.new_classification = "mixed".to_owned(),
        |r| r.classification_source = "user_override".to_owned(),
        |r| r.classification_confidence = Some(0.500_000_000_000_000_1),
        |r| r.classification_method = None,
        |r| r.model_id = Some(String::new()),
        |r| r.model_version = None,
        |r| r.changed_by = "someone".to_owned(),
        |r| r.changed_at = Timestamp::from_micros(2),
        |r| r.reason = None,
        |r| r.features_used = Some("{ }".to_owned()),
        |r| r.metadata = None,
        |r| r.run_id = None,
    ];
    let head = |row: &HistoryRow| sealed(&Link::genesis(), std::slice::from_ref(row)).head;
    let mut heads = vec![head(&original)];
    for edit in edits {
        let mut changed = original.clone();
        edit(&mut changed);
        heads.push(head(&changed));
    }
    heads.sort();
    heads.dedup();
    assert_eq!(heads.len(), 15, "each edit has its own head");
}

#[test]
fn rows_that_were_removed_swapped_or_moved_show() {
    let rows: Vec<HistoryRow> = (0..4).map(|n| row(n, 1)).collect();
    let segment = sealed(&Link::genesis(), &rows);
    let kind = |rows: &[HistoryRow]| check_rows(&segment, &tree(rows)).expect_err("it shows").kind();
    assert_eq!(kind(&rows[1..]), "count");
    let mut swapped = rows.clone();
    swapped.swap(0, 3);
    assert_eq!(kind(&swapped), "root");
    let mut moved = rows.clone();
    moved[2].segment_id = Some(2);
    assert_eq!(kind(&moved), "root");
}

#[test]
fn a_segment_hashes_its_own_number_into_its_rows() {
    let drafts = [row(1, 0), row(2, 99)];
    let stored = [row(1, 1), row(2, 1)];
    let segment = sealed(&Link::genesis(), &drafts);
    assert_eq!(check_rows(&segment, &tree(&stored)), Ok(()));
}
