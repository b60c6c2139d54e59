//! The file's form is pinned, nothing garbled passes, and a shorter or other chain is told.

use super::*;
use crate::audit::chain::seal;

fn chain(lengths: &[i64]) -> Vec<Segment> {
    let mut end = Link::genesis();
    let mut segments = Vec::new();
    for length in lengths {
        let mut segment = seal(&end, []);
        segment.row_count = *length as u64;
        segment.head = segment.computed_head();
        end = segment.link();
        segments.push(segment);
    }
    segments
}

fn at() -> Timestamp {
    "2026-01-02T03:04:05.000006Z".parse().expect("an instant")
}

#[test]
fn the_file_never_changes_its_form() {
    let golden = include_str!("../../../tests/fixtures/audit/anchor.json");
    let anchor = Anchor::of(&chain(&[3, 4]), at());
    assert_eq!(anchor.text(), golden);
    assert_eq!(Anchor::read(golden), Ok(anchor));
    assert_eq!((anchor.segment_id, anchor.rows), (2, 7));
}

#[test]
fn an_empty_chain_can_be_anchored() {
    let anchor = Anchor::of(&[], at());
    assert_eq!((anchor.segment_id, anchor.rows), (0, 0));
    assert_eq!(Anchor::read(&anchor.text()), Ok(anchor));
    assert_eq!(anchor.check(&[]), Ok(()));
    assert_eq!(anchor.check(&chain(&[1])), Ok(()));
}

#[test]
fn a_chain_that_goes_on_holds_and_one_that_was_cut_or_rewritten_does_not() {
    let longer = chain(&[3, 4, 5]);
    let anchor = Anchor::of(&longer[..2], at());
    assert_eq!(anchor.check(&longer[..2]), Ok(()));
    assert_eq!(anchor.check(&longer), Ok(()));
    let cut = anchor.check(&longer[..1]).expect_err("cut");
    assert_eq!((cut.kind(), cut.segment_id()), ("anchor_cut", 2));
    assert!(cut.to_string().contains("ends at segment 1"), "{cut}");
    let rewritten = anchor.check(&chain(&[3, 5, 5])).expect_err("rewritten");
    assert_eq!((rewritten.kind(), rewritten.segment_id()), ("anchor_mismatch", 2));
    let changed = Anchor { rows: 8, ..anchor }.check(&longer).expect_err("changed");
    assert_eq!(changed.kind(), "anchor_mismatch");
    assert!(changed.to_string().contains("8 rows"), "{changed}");
}

#[test]
fn garbled_texts_say_what_is_wrong_with_them() {
    let good = Anchor::of(&chain(&[3, 4]), at()).text();
    for (text, part) in [
        (String::new(), "empty"),
        (" \n".to_owned(), "empty"),
        ("head".to_owned(), "expected value"),
        ("[]".to_owned(), "invalid length"),
        ("7".to_owned(), "invalid type"),
        ("{}".to_owned(), "missing field"),
        (good.replace("\"rows\"", "\"row\""), "unknown field"),
        (good.replace("\"rows\": 7", "\"rows\": -7"), "invalid value"),
        (
            good.replace("\"segment_id\": 2", "\"segment_id\": 0"),
            "cannot have that head",
        ),
        (
            good.replace("\"segment_id\": 2", "\"segment_id\": -2"),
            "cannot have that head",
        ),
        (good.replace("\"head\": \"", "\"head\": \"g"), "not a hash"),
        (good.replace("2026-01-02T", "yesterday"), "no instant"),
        (good[..good.len() / 2].to_owned(), "EOF"),
        (good.replace("anchor 1", "anchor 2"), "knows 'paceline anchor 1'"),
    ] {
        let error = Anchor::read(&text).expect_err(&text);
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
}
