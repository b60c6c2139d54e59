//! Pins the bytes, and shows that they tell rows apart.

use super::*;
use proptest::prelude::*;

fn golden() -> HistoryRow {
    HistoryRow {
        workout_id: "77001".to_owned(),
        previous_classification: None,
        new_classification: "pup_walk".to_owned(),
        classification_source: "ml_prediction".to_owned(),
        classification_confidence: Some(0.9375),
        classification_method: Some("anchored-kmeans".to_owned()),
        model_id: Some("workout_classifier_20260102_030405".to_owned()),
        model_version: Some("1.0.0".to_owned()),
        changed_by: "system".to_owned(),
        changed_at: "2026-01-02T03:04:05.000006Z".parse().expect("an instant"),
        reason: Some(String::new()),
        features_used: Some("{\"avg_pace\":21.5}".to_owned()),
        metadata: None,
        run_id: Some("r\u{e9}".to_owned()),
        segment_id: Some(7),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Written by hand from the table in the module's documentation; the instant and the double with
/// Python's struct. If this fails, every history that was ever sealed has become unverifiable: make a
/// new version instead.
#[test]
fn the_bytes_never_change() {
    let expected = [
        "01000000",
        "01050000003737303031",
        "00",
        "01080000007075705f77616c6b",
        "010d0000006d6c5f70726564696374696f6e",
        "0108000000000000000000ee3f",
        "010f000000616e63686f7265642d6b6d65616e73",
        "0122000000776f726b6f75745f636c61737369666965725f32303236303130325f303330343035",
        "0105000000312e302e30",
        "010600000073797374656d",
        "010800000046f34cf65e470600",
        "0100000000",
        "01110000007b226176675f70616365223a32312e357d",
        "00",
        "010300000072c3a9",
        "01080000000700000000000000",
    ];
    assert_eq!(hex(&golden().borrowed().encode()), expected.concat());
}

#[test]
fn the_fields_are_found_again_and_half_a_row_has_none() {
    let row = golden().borrowed().encode();
    let found = super::fields(&row).expect("a row");
    let text = |index: usize| found[index].map(|value| std::str::from_utf8(value).expect("text"));
    assert_eq!((text(0), text(1), text(2)), (Some("77001"), None, Some("pup_walk")));
    assert_eq!((text(10), text(12), text(13)), (Some(""), None, Some("r\u{e9}")));
    assert_eq!(found[14], Some(7i64.to_le_bytes().as_slice()));
    for length in 0..row.len() {
        assert_eq!(super::fields(&row[..length]), None, "{length} of {} bytes", row.len());
    }
    assert_eq!(
        super::fields(&[row.as_slice(), &[0]].concat()),
        None,
        "one byte too many"
    );
    let mut other = row;
    other[0] = 2;
    assert_eq!(super::fields(&other), None, "another version");
}

/// A row that others wrote is sealed as it stands there: without a segment.
#[test]
fn an_adopted_row_has_no_segment_in_its_bytes() {
    let sealed = golden().borrowed().encode();
    let adopted = HistoryRow {
        segment_id: None,
        ..golden()
    };
    let bytes = adopted.borrowed().encode();
    assert_eq!(bytes[..bytes.len() - 1], sealed[..sealed.len() - 13]);
    assert_eq!(bytes.last(), Some(&0));
}

/// The twelve fields that are text, in their order.
type Fields = Vec<Option<String>>;

fn row(fields: &Fields, confidence: Option<u64>, changed_at: i64, segment_id: i64) -> HistoryRow {
    let text = |i: usize| fields[i].clone().unwrap_or_default();
    HistoryRow {
        workout_id: text(0),
        previous_classification: fields[1].clone(),
        new_classification: text(2),
        classification_source: text(3),
        classification_confidence: confidence.map(f64::from_bits),
        classification_method: fields[4].clone(),
        model_id: fields[5].clone(),
        model_version: fields[6].clone(),
        changed_by: text(7),
        changed_at: Timestamp::from_micros(changed_at),
        reason: fields[8].clone(),
        features_used: fields[9].clone(),
        metadata: fields[10].clone(),
        run_id: fields[11].clone(),
        segment_id: Some(segment_id),
    }
}

/// A checker's reader of the layout, independent of the writer.
fn decode(mut bytes: &[u8]) -> Option<(u32, Vec<Option<Vec<u8>>>)> {
    let (version, rest) = bytes.split_first_chunk::<4>()?;
    bytes = rest;
    let mut fields = Vec::new();
    while let Some((tag, rest)) = bytes.split_first() {
        bytes = rest;
        match tag {
            0 => fields.push(None),
            1 => {
                let (length, rest) = bytes.split_first_chunk::<4>()?;
                let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                fields.push(Some(value.to_vec()));
                bytes = rest;
            }
            _ => return None,
        }
    }
    Some((u32::from_le_bytes(*version), fields))
}

fn fields() -> impl Strategy<Value = Fields> {
    // Few short texts over few characters, so that different splits of the same characters are common.
    prop::collection::vec(prop::option::of("[ab\u{0}\u{1}]{0,3}"), 12)
}

/// Field by field, bits for the confidence, because NaN is not equal to itself.
fn same(a: &HistoryRow, b: &HistoryRow) -> bool {
    let bits = |row: &HistoryRow| row.classification_confidence.map(f64::to_bits);
    let rest = |row: &HistoryRow| HistoryRow {
        classification_confidence: None,
        ..row.clone()
    };
    bits(a) == bits(b) && rest(a) == rest(b)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn rows_that_differ_never_encode_alike(a in fields(), b in fields(), n in 0_i64..2, m in 0_i64..2) {
        let (a, b) = (row(&a, None, n, m), row(&b, None, m, n));
        prop_assert_eq!(same(&a, &b), a.borrowed().encode() == b.borrowed().encode());
    }

    #[test]
    fn moving_a_character_to_the_next_field_changes_the_bytes(a in fields(), at in 0_usize..11) {
        let mut b = a.clone();
        let mut text = b[at].take().unwrap_or_default();
        if let Some(last) = text.pop() {
            let next = b[at + 1].take().unwrap_or_default();
            b[at] = Some(text);
            b[at + 1] = Some(format!("{last}{next}"));
            let (a, b) = (row(&a, None, 0, 0), row(&b, None, 0, 0));
            prop_assert_ne!(a.borrowed().encode(), b.borrowed().encode());
        }
    }

    #[test]
    fn another_reader_gets_every_field_back(
        texts in fields(), confidence in prop::option::of(any::<u64>()), at in any::<i64>(), segment in any::<i64>()
    ) {
        let row = row(&texts, confidence, at, segment);
        let (version, found) = decode(&row.borrowed().encode()).expect("a readable layout");
        prop_assert_eq!(version, ENCODING_VERSION);
        let bytes = |text: &Option<String>| text.as_ref().map(|t| t.clone().into_bytes());
        let needed = |text: &Option<String>| Some(text.clone().unwrap_or_default().into_bytes());
        let expected = vec![
            needed(&texts[0]), bytes(&texts[1]), needed(&texts[2]), needed(&texts[3]),
            confidence.map(|bits| bits.to_le_bytes().to_vec()), bytes(&texts[4]), bytes(&texts[5]), bytes(&texts[6]),
            needed(&texts[7]), Some(at.to_le_bytes().to_vec()), bytes(&texts[8]), bytes(&texts[9]), bytes(&texts[10]),
            bytes(&texts[11]), Some(segment.to_le_bytes().to_vec()),
        ];
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_leaf_is_the_hash_of_the_bytes_whatever_the_scratch_held() {
    let row = golden();
    let mut scratch = b"left over".to_vec();
    let leaf = row.borrowed().leaf_hash(&mut scratch);
    assert_eq!(leaf, merkle::leaf_hash(&row.borrowed().encode()));
    assert_eq!(scratch, row.borrowed().encode());
}
