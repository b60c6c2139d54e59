//! Files as editors, spreadsheets and broken transfers leave them.

use serde_json::Value;

use super::{NIGHTLY, count, csv, six_workouts, texts};
use crate::support::cli::{Paceline, file, on_both_stores, on_new_sqlite};

/// Imports, checks that every row is accounted for, and that importing again changes nothing.
fn import(paceline: &Paceline, path: &str) -> Value {
    let report = paceline.json(&["import", path]);
    let parts = ["new", "changed", "unchanged", "quarantined"].map(|part| count(&report, part));
    assert_eq!(count(&report, "read"), parts.iter().sum::<u64>(), "{report}");
    let before = paceline.tables();
    let again = paceline.json(&["import", path]);
    assert_eq!((count(&again, "new"), count(&again, "changed")), (0, 0), "{again}");
    assert_eq!(count(&again, "quarantined"), count(&report, "quarantined"), "{again}");
    assert_eq!(paceline.tables(), before, "the second import wrote");
    report
}

#[test]
fn a_byte_order_mark_crlf_and_no_trailing_newline_change_nothing() {
    let plain = six_workouts();
    let dressed = format!("\u{feff}{}", plain.trim_end().replace('\n', "\r\n"));
    on_both_stores(|paceline, folder| {
        let report = import(paceline, &file(folder, "plain.csv", &plain));
        assert_eq!(count(&report, "new"), 6);
        let report = paceline.json(&["import", &file(folder, "dressed.csv", &dressed)]);
        assert_eq!(
            (count(&report, "read"), count(&report, "unchanged")),
            (6, 6),
            "{report}"
        );
    });
}

#[test]
fn line_breaks_commas_and_quotes_inside_quotes() {
    let text = csv(&[
        "q1,2024-01-01,\"Run, then\nwalk\r\nthen \"\"rest\"\"\",3.1,1674,9.0",
        "q2,2024-01-02,Run,3.1,1674,9.0",
    ]);
    on_both_stores(|paceline, folder| {
        let report = import(paceline, &file(folder, "in.csv", &text));
        assert_eq!(
            (count(&report, "new"), count(&report, "quarantined")),
            (2, 0),
            "{report}"
        );
        paceline.json(&["run", NIGHTLY]);
        let listed = paceline.json(&["classifications"]);
        assert_eq!(listed[0]["activity_type"], "Run, then\nwalk\r\nthen \"rest\"");
        let page = paceline.ok(&["classifications"]).stdout;
        assert_eq!(page.lines().count(), 3, "a cell broke its line: {page}");
        let page = paceline.ok(&["explain", "q1"]).stdout;
        assert!(
            page.starts_with("Workout   q1  2024-01-01 00:00:00  Run, then walk  then"),
            "{page}"
        );
        let csv = paceline.ok(&["--output", "csv", "classifications"]).stdout;
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("CSV");
        assert_eq!(&rows[0][2], "Run, then\nwalk\r\nthen \"rest\"");
    });
}

#[test]
fn a_nul_byte_is_refused_in_an_id_and_never_ends_a_text() {
    let text = csv(&[
        "n\u{0}1,2024-01-01,Run,3.1,1674,9.0",
        "n2,2024-01-01,Run\u{0}Walk,3.1,1674,9.0",
        "n3,2024-01-01,Run,3.1,16\u{0}74,9.0",
        "n4,2024\u{0}-01-01,Run,3.1,1674,9.0",
    ]);
    on_both_stores(|paceline, folder| {
        let report = import(paceline, &file(folder, "in.csv", &text));
        assert_eq!(
            (count(&report, "new"), count(&report, "quarantined")),
            (2, 2),
            "{report}"
        );
        assert_eq!(count(&report, "unreadable_cells"), 1, "{report}");
        let refused = paceline.json(&["quarantine", "list"]);
        assert_eq!(texts(&refused, "raw")[0], "n\u{0}1,2024-01-01,Run,3.1,1674,9.0");
        assert!(texts(&refused, "reason")[0].contains("control character"), "{refused}");
        let report = paceline.json(&["run", NIGHTLY]);
        assert_eq!(
            (count(&report, "rows.classified"), count(&report, "rows.fallback")),
            (2, 1),
            "{report}"
        );
        assert_eq!(paceline.json(&["classifications"])[0]["activity_type"], "Run\u{0}Walk");
        assert!(!paceline.ok(&["classifications"]).stdout.contains('\u{0}'));
    });
}

#[test]
fn a_file_that_is_no_export_is_refused_whole() {
    on_both_stores(|paceline, folder| {
        let unknown = file(folder, "unknown.csv", "workout,date\n1,2024-01-01\n");
        let semicolons = file(folder, "de.csv", six_workouts().replace(',', ";"));
        let empty = file(folder, "empty.csv", "");
        let blank = file(folder, "blank.csv", "\n\r\n\n");
        let utf16: Vec<u8> = "\u{feff}workout_id".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let utf16 = file(folder, "utf16.csv", utf16);
        let binary = file(folder, "binary.csv", [0u8, 159, 146, 150].repeat(1000));
        let directory = folder.path().display().to_string();
        for (path, parts) in [
            (
                unknown.as_str(),
                &["no known format", "'workout', 'date'", "'workout_id' is missing"][..],
            ),
            (&semicolons, &["no known format", "separated by ';'"]),
            (&empty, &["the file is empty"]),
            (&blank, &["the file is empty"]),
            (&utf16, &["UTF-16", "save it as CSV in UTF-8"]),
            (&binary, &["no known format"]),
            (&directory, &["is a directory"]),
            ("absent.csv", &["cannot open absent.csv"]),
        ] {
            let outcome = paceline.refused(&["import", path], 1, parts);
            assert!(outcome.stderr.contains("next: "), "{outcome}");
            assert_eq!(outcome.stdout, "");
        }
    });
}

#[test]
fn one_bad_file_among_several_imports_none() {
    on_both_stores(|paceline, folder| {
        let six = file(folder, "six.csv", six_workouts());
        let unknown = file(folder, "unknown.csv", "a,b\n1,2\n");
        let directory = folder.path().display().to_string();
        for bad in [unknown.as_str(), &directory, "absent.csv"] {
            paceline.refused(&["import", &six, bad], 1, &["import: "]);
            paceline.refused(&["import", bad, &six], 1, &["import: "]);
            paceline.refused(&["run", NIGHTLY, "--import", &six, "--import", bad], 1, &["import: "]);
        }
    });
}

#[test]
fn a_header_and_nothing_else_is_an_import_of_nothing() {
    let (folder, paceline) = on_new_sqlite();
    for (name, text) in [("lf.csv", csv(&[])), ("none.csv", csv(&[]).trim_end().to_owned())] {
        assert_eq!(count(&import(&paceline, &file(&folder, name, text)), "read"), 0);
    }
}

#[test]
fn rows_that_are_torn_short_or_no_text_are_counted_and_kept() {
    let mut text = csv(&[
        "g1,2024-01-01,Run,3.1,1674,9.0",
        "g2,2024-01-02,Run",
        "g3,2024-01-03,Run,3.1,1674,9.0,extra",
        ",2024-01-04,Run,3.1,1674,9.0",
        "g5,,Run,3.1,1674,9.0",
    ])
    .into_bytes();
    text.extend(b"g6,2024-01-06,R\xffn,3.1,1674,9.0\n");
    text.extend(b"g7,2024-01-07,\"Run,3.1,1674,9.0");
    on_both_stores(|paceline, folder| {
        let report = import(paceline, &file(folder, "in.csv", &text));
        assert_eq!(
            (
                count(&report, "read"),
                count(&report, "new"),
                count(&report, "quarantined")
            ),
            (7, 1, 6)
        );
        let refused = paceline.json(&["quarantine", "list"]);
        let lines: Vec<u64> = refused
            .as_array()
            .expect("a list")
            .iter()
            .map(|row| count(row, "line"))
            .collect();
        assert_eq!(lines, [3, 4, 5, 6, 7, 8]);
        let reasons = texts(&refused, "reason");
        for (reason, part) in reasons.iter().zip([
            "has 3 columns, the header has 6",
            "has 7 columns, the header has 6",
            "no workout id",
            "no date",
            "not UTF-8",
            "never closed",
        ]) {
            assert!(reason.contains(part), "{reason}");
        }
        assert_eq!(paceline.ok(&["quarantine", "list"]).stdout.lines().count(), 7);
    });
}

#[test]
fn an_export_of_refused_rows_overwrites_nothing() {
    let (folder, paceline) = on_new_sqlite();
    paceline.json(&["import", &file(&folder, "in.csv", csv(&["g2,2024-01-02,Run"]))]);
    let there = file(&folder, "there.csv", "precious");
    let directory = folder.path().display().to_string();
    let no_folder = folder.path().join("no/x.csv").display().to_string();
    for path in [&there, &directory, &no_folder] {
        paceline.refused(&["quarantine", "export", path], 1, &["cannot create", path]);
    }
    assert_eq!(std::fs::read_to_string(&there).expect("still there"), "precious");
    let fresh = folder.path().join("fresh.csv").display().to_string();
    paceline.ok(&["quarantine", "export", &fresh]);
    assert_eq!(
        std::fs::read_to_string(&fresh).expect("the rows"),
        "g2,2024-01-02,Run\n"
    );
}

#[test]
fn a_sport_cannot_command_a_terminal() {
    let text = csv(&[
        "s1,2024-01-01,\u{1b}[31mRide\u{7},3.1,1674,9.0",
        "s2,2024-01-01,\u{1b}]0;Run\u{7},3.1,1674,9.0",
    ]);
    let (folder, paceline) = on_new_sqlite();
    paceline.json(&["import", &file(&folder, "in.csv", text)]);
    let report = paceline.ok(&["run", NIGHTLY]).stdout;
    assert!(
        report.contains("other sports skipped") && report.contains("[31mRide"),
        "{report}"
    );
    let listed = paceline.ok(&["classifications"]).stdout;
    let explained = paceline.ok(&["explain", "s2"]).stdout;
    let planned = paceline.ok(&["plan", NIGHTLY, "--rows"]).stdout;
    for page in [report, listed, explained, planned] {
        assert!(!page.contains(['\u{1b}', '\u{7}']), "{page:?}");
    }
}

#[test]
fn labels_that_are_none_of_ours_are_counted_and_left_out() {
    let text = "workout_id,workout_date,label\nl1,2024-01-01,Run\nl2,2024-01-02,jogging\nl3,2024-01-03,\n";
    on_both_stores(|paceline, folder| {
        let path = file(folder, "in.csv", text);
        let report = paceline.json(&["import", "--record-labels", &path]);
        assert_eq!(
            (count(&report, "new"), count(&report, "labels_recorded")),
            (3, 1),
            "{report}"
        );
        assert_eq!(count(&report, "labels_left"), 1, "{report}");
        let listed = paceline.json(&["classifications"]);
        assert_eq!(
            (texts(&listed, "workout_id"), texts(&listed, "classification")),
            (vec!["l1"], vec!["real_run"])
        );
        let again = paceline.json(&["import", "--record-labels", &path]);
        assert_eq!(
            (count(&again, "labels_recorded"), count(&again, "labels_left")),
            (0, 2),
            "{again}"
        );
    });
}
