//! Rows whose ids, dates and numbers are unusual, or impossible.

use super::{CLASSIC, NIGHTLY, count, csv, texts};
use crate::support::cli::{file, on_both_stores};

/// Ids that a store, a shell, a spreadsheet or a terminal could trip over; each fits.
const ODD_IDS: &[&str] = &[
    "O'Brien",
    "a;DROP TABLE x--",
    "back\\slash",
    "percent%_under",
    "semi:colon",
    "two  spaces",
    "=1+1",
    "--help",
    "NULL",
    "0",
    "007",
    "7",
    "A",
    "a",
    "ä",
    "a\u{308}",
    "שלום",
    "مرحبا",
    "\u{202e}rtl",
    "🏃‍♀️",
    "😀",
    "😁",
    "日本語のワークアウト",
    "12345678901234567890",
];

#[test]
fn odd_ids_are_stored_found_and_printed_as_they_are() {
    let mut text = csv(&[
        "\"say \"\"hi\"\"\",2024-01-01,Run,3.1,1674,9.0",
        "\"a,b\",2024-01-01,Run,3.1,1674,9.0",
    ]);
    for id in ODD_IDS {
        text += &format!("{id},2024-01-01,Run,3.1,1674,9.0\n");
    }
    // Twenty characters of four bytes each fit; a table counts characters.
    let emoji = "🏃".repeat(20);
    text += &format!("{emoji},2024-01-01,Run,3.1,1674,9.0\n");
    let mut expected = [&["say \"hi\"", "a,b", &emoji], ODD_IDS].concat();
    expected.sort_unstable();
    on_both_stores(|paceline, folder| {
        let report = paceline.json(&["import", &file(folder, "in.csv", &text)]);
        assert_eq!(
            (count(&report, "new"), count(&report, "quarantined")),
            (expected.len() as u64, 0),
            "{report}"
        );
        let report = paceline.json(&["run", NIGHTLY]);
        assert_eq!(count(&report, "changes.new"), expected.len() as u64, "{report}");
        assert_eq!(count(&paceline.json(&["run", NIGHTLY]), "rows_written"), 0);

        let listed = paceline.json(&["classifications"]);
        let mut found = texts(&listed, "workout_id");
        found.sort_unstable();
        assert_eq!(found, expected);
        for id in ["O'Brien", "שלום", &emoji, "a,b", "A", "a"] {
            assert_eq!(paceline.json(&["explain", id])["workout_id"], id);
            assert_eq!(
                paceline.json(&["history", id]).as_array().expect("a list").len(),
                1,
                "{id}"
            );
        }
        assert_eq!(paceline.json(&["explain", "--", "--help"])["workout_id"], "--help");
        let csv = paceline.ok(&["--output", "csv", "classifications"]).stdout;
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let mut ids: Vec<String> = reader.records().map(|row| row.expect("CSV")[0].to_owned()).collect();
        ids.sort_unstable();
        assert_eq!(ids, expected);
    });
}

#[test]
fn ids_that_are_too_long_are_quarantined_whole() {
    let too_long = [
        "123456789012345678901".to_owned(),
        "é".repeat(21),
        "🏃".repeat(21),
        "x".repeat(5_000),
    ];
    let mut text = csv(&["fits,2024-01-01,Run,3.1,1674,9.0"]);
    for id in &too_long {
        text += &format!("{id},2024-01-01,Run,3.1,1674,9.0\n");
    }
    on_both_stores(|paceline, folder| {
        let report = paceline.json(&["import", &file(folder, "in.csv", &text)]);
        assert_eq!(
            (count(&report, "new"), count(&report, "quarantined")),
            (1, 4),
            "{report}"
        );
        let refused = paceline.json(&["quarantine", "list"]);
        for ((row, reason), id) in texts(&refused, "raw")
            .iter()
            .zip(texts(&refused, "reason"))
            .zip(&too_long)
        {
            assert!(row.starts_with(id.as_str()), "{row}");
            assert!(reason.contains("at most 20 can be stored"), "{reason}");
        }
    });
}

#[test]
fn dates_before_1970_and_after_2038_and_at_the_ends_of_the_calendar() {
    let dates = [
        "1000-01-01 00:00:00",
        "1899-12-31 00:00:00",
        "1969-12-31 23:59:59",
        "1970-01-01 00:00:00",
        "2038-01-19 03:14:07",
        "2038-01-19 03:14:08",
        "2106-02-07 06:28:16",
        "9999-12-31 23:59:59",
    ];
    let mut text = csv(&[]);
    for (i, date) in dates.iter().enumerate() {
        text += &format!("d{i},{date},Run,3.1,1674,9.0\n");
    }
    for (i, date) in [
        "10000-01-01",
        "2024-02-30",
        "0000-00-00",
        "01/02/2024",
        "soon",
        "1704734895",
    ]
    .iter()
    .enumerate()
    {
        text += &format!("bad{i},{date},Run,3.1,1674,9.0\n");
    }
    on_both_stores(|paceline, folder| {
        let path = file(folder, "in.csv", &text);
        let report = paceline.json(&["import", &path]);
        assert_eq!(
            (count(&report, "new"), count(&report, "quarantined")),
            (8, 6),
            "{report}"
        );
        assert_eq!(count(&paceline.json(&["import", &path]), "unchanged"), 8);
        paceline.json(&["run", NIGHTLY]);
        let listed = paceline.json(&["classifications"]);
        assert_eq!(
            texts(&listed, "workout_date"),
            dates,
            "stored, read back and ordered by date"
        );
        let listed = paceline.json(&["classifications", "--from", "1900-01-01", "--to", "2038-01-19 03:14:08"]);
        assert_eq!(texts(&listed, "workout_id"), ["d2", "d3", "d4"]);
        let report = paceline.json(&["plan", NIGHTLY, "--to", "1970-01-01"]);
        assert_eq!(count(&report, "rows.read"), 3);
        assert_eq!(count(&paceline.json(&["run", NIGHTLY]), "rows_written"), 0);
    });
}

#[test]
fn the_clock_may_be_far_from_now() {
    on_both_stores(|paceline, folder| {
        paceline.json(&[
            "import",
            &file(folder, "in.csv", csv(&["r1,2024-01-01,Run,3.1,1674,9.0"])),
        ]);
        for now in ["1969-12-31T23:59:59Z", "2038-01-19T03:14:08Z", "9999-12-31T00:00:00Z"] {
            paceline.at(now).json(&["run", NIGHTLY, "--retrain", "always"]);
        }
        let changed = paceline.json(&["history", "r1"])[0]["changed_at"].clone();
        assert_eq!(changed, "1969-12-31 23:59:59.000000");
    });
}

#[test]
fn numbers_that_are_none_become_null_and_are_counted() {
    let words = [
        "NaN", "nan", "inf", "-inf", "Infinity", "1e999", "-1e999", "x", "1,5", "0x10", "٣", "--", "1e", "12:30",
    ];
    let mut text = csv(&["good,2024-01-01,Run,3.1,1674,9.0"]);
    for (i, word) in words.iter().enumerate() {
        text += &format!("n{i},2024-01-01,Run,3.1,1674,\"{word}\"\n");
    }
    let unreadable = words.len() as u64;
    for recipe in [NIGHTLY, CLASSIC] {
        on_both_stores(|paceline, folder| {
            let path = file(folder, "in.csv", &text);
            let report = paceline.json(&["import", &path]);
            assert_eq!(count(&report, "new"), unreadable + 1, "{report}");
            assert_eq!(count(&report, "unreadable_cells"), unreadable, "{report}");
            let told = paceline.ok(&["import", &path]).stdout;
            assert!(told.contains(&format!("{unreadable} cells hold no number")), "{told}");
            let report = paceline.json(&["run", recipe]);
            assert_eq!(count(&report, "rows.classified"), unreadable + 1, "{report}");
            for row in paceline.json(&["classifications"]).as_array().expect("a list") {
                let pace = row["avg_pace"].as_f64();
                assert_eq!(pace.is_none(), row["workout_id"] != "good", "{row}");
                if row["workout_id"] != "good" {
                    assert_eq!(row["method"], "era_fallback", "{row}");
                }
            }
            assert_eq!(count(&paceline.json(&["run", recipe]), "rows_written"), 0);
        });
    }
}

#[test]
fn numbers_at_the_ends_of_their_range_are_stored_as_they_are() {
    let text = csv(&[
        "max,2024-01-01,Run,1.7976931348623157e308,1e308,9.0",
        "tiny,2024-01-02,Run,5e-324,2.2250738585072014e-308,9.0",
        "minus,2024-01-03,Run,-0.0,-1,-9.0",
    ]);
    on_both_stores(|paceline, folder| {
        let path = file(folder, "in.csv", &text);
        assert_eq!(count(&paceline.json(&["import", &path]), "new"), 3);
        assert_eq!(count(&paceline.json(&["import", &path]), "unchanged"), 3);
        let report = paceline.json(&["run", NIGHTLY]);
        assert_eq!(count(&report, "rows.fallback"), 3, "{report}");
        let listed = paceline.json(&["classifications"]);
        assert_eq!(listed[0]["distance_mi"], f64::MAX);
        assert_eq!(listed[1]["distance_mi"], 5e-324);
    });
}
