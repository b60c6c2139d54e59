//! One test per trap that an export has set, on files small enough to read here.

use std::io::{self, Read};

use super::*;

const MILES: &str = "Date Submitted,Workout Date,Activity Type,Calories Burned (kcal),Distance (mi),\
                     Workout Time (seconds),Avg Pace (min/mi),Max Pace (min/mi),Avg Speed (mi/h),\
                     Max Speed (mi/h),Avg Heart Rate,Steps,Notes,Source,Link";

fn all(file: &[u8]) -> Vec<Record> {
    let reader = read(file).expect("a known header");
    reader.map(|record| record.expect("no I/O error")).collect()
}

fn accepted(record: &Record) -> &Accepted {
    match record {
        Record::Accepted(accepted) => accepted,
        Record::Refused(refused) => panic!("refused: {refused:?}"),
    }
}

fn refused(record: &Record) -> &Refused {
    match record {
        Record::Refused(refused) => refused,
        Record::Accepted(accepted) => panic!("accepted: {accepted:?}"),
    }
}

/// The only record of a canonical file with these columns and this row.
fn canonical_row(columns: &str, row: &str) -> Record {
    let records = all(format!("{columns}\n{row}\n").as_bytes());
    assert_eq!(records.len(), 1, "{records:?}");
    records.into_iter().next().expect("one record")
}

/// A row of a MapMyRun file with this date, this note as it stands in the file, and this id.
fn export_row(date: &str, note: &str, id: &str) -> String {
    format!("\"{date}\",\"{date}\",Run,170,1.5,1800,20.0,9.5,3,6.3,,8159,{note},Some Phone,http://x.example/w/{id}")
}

#[test]
fn a_mapmyrun_row_becomes_a_workout() {
    let records = all(format!("{MILES}\r\n{}\r\n", export_row("Sept. 2, 2020", "", "77001")).as_bytes());
    let expected = Accepted {
        line: 2,
        workout: Workout {
            id: "77001".to_owned(),
            date: "2020-09-02".parse().expect("a date"),
            activity_type: Some("Run".to_owned()),
            kcal_burned: Some(170),
            distance_mi: Some(1.5),
            duration_sec: Some(1800.0),
            avg_pace: Some(20.0),
            max_pace: Some(9.5),
            steps: Some(8159),
            link: Some("http://x.example/w/77001".to_owned()),
        },
        label: None,
        unreadable_cells: 0,
    };
    assert_eq!(records, [Record::Accepted(expected)]);
}

#[test]
fn kilometres_are_converted_column_by_column() {
    let file = "Link,Workout Date,Distance (km),Avg Pace (min/km),Max Pace\n/5,2020-01-02,1.609344,10,5\n";
    let reader = read(file.as_bytes()).expect("a header");
    assert_eq!(reader.format(), Format::MapMyRunKilometres);
    let absent = ["activity_type", "kcal_burned", "duration_sec", "steps"];
    assert_eq!(reader.absent(), absent);
    let records = all(file.as_bytes());
    let workout = &accepted(&records[0]).workout;
    assert_eq!(workout.distance_mi, Some(1.0));
    assert_eq!(workout.avg_pace, Some(16.09344));
    assert_eq!(workout.max_pace, Some(8.04672));
}

#[test]
fn a_conversion_that_overflows_is_unreadable() {
    let records = all(b"Link,Workout Date,Avg Pace (min/km)\n/5,2020-01-02,1.7e308\n");
    let accepted = accepted(&records[0]);
    assert_eq!((accepted.workout.avg_pace, accepted.unreadable_cells), (None, 1));
}

#[test]
fn marks_line_ends_and_missing_last_newlines_do_not_matter() {
    let row = export_row("Oct. 7, 2025", "", "5");
    let plain = all(format!("{MILES}\n{row}\n").as_bytes());
    for file in [
        format!("\u{feff}{MILES}\r\n{row}\r\n"),
        format!("\u{feff}{MILES}\n{row}"),
        format!("{MILES}\r{row}"),
        format!("{MILES}\r{row}\r"),
    ] {
        assert_eq!(all(file.as_bytes()), plain, "{file:?}");
    }
}

#[test]
fn lines_are_physical_blank_and_quoted_ones_counted() {
    for eol in ["\n", "\r\n", "\r"] {
        let quoted = export_row("Oct. 7, 2025", &format!("\"one{eol}two{eol}{eol}four\""), "1");
        let plain = export_row("Oct. 7, 2025", "b'..'", "2");
        let file = [MILES, "", &quoted, "", "", &plain, "", "ragged", "", ""].join(eol);
        let lines: Vec<u64> = all(file.as_bytes())
            .iter()
            .map(|record| match record {
                Record::Accepted(accepted) => accepted.line,
                Record::Refused(refused) => refused.line,
            })
            .collect();
        assert_eq!(lines, [3, 9, 11], "{eol:?}");
    }
}

#[test]
fn a_refused_row_is_kept_as_it_stood() {
    let row = "\"Oct. 7, 2025\",Run,\"a \"\"note\"\"\r\nof two lines\",caf\u{e9}";
    let records = all(format!("{MILES}\r\n{row}\r\n").as_bytes());
    let refused = refused(&records[0]);
    assert_eq!(refused.raw, row);
    assert_eq!(refused.reason, "the row has 4 columns, the header has 15");
    let records = all(&[MILES.as_bytes(), b"\nlatin-1 caf\xe9"].concat());
    assert_eq!(self::refused(&records[0]).raw, "latin-1 caf\u{fffd}");
}

#[test]
fn rows_that_do_not_fit_the_schema_are_refused_with_the_reason() {
    let columns = "workout_id,workout_date,activity_type,link";
    let long = |n: usize| "\u{1f436}".repeat(n);
    let cases = [
        (
            " ,2020-01-02,,".to_owned(),
            "no workout id: the workout_id cell is blank",
        ),
        (format!("{},2020-01-02,,", long(21)), "has 21 characters; at most 20"),
        ("1\0,2020-01-02,,".to_owned(), "'1\\0' holds a control character"),
        ("\"1\n2\",2020-01-02,,".to_owned(), "holds a control character"),
        ("1,,,".to_owned(), "no date: the workout_date cell is blank"),
        ("1,Oct. 7 2025,,".to_owned(), "'Oct. 7 2025' is no date"),
        (
            format!("1,2020-01-02,{},", long(51)),
            "activity type has 51 characters; at most 50",
        ),
        (
            format!("1,2020-01-02,,{}", long(101)),
            "link has 101 characters; at most 100",
        ),
        ("1,2020-01-02,Run".to_owned(), "the row has 3 columns, the header has 4"),
        (
            "1,2020-01-02,Run,,".to_owned(),
            "the row has 5 columns, the header has 4",
        ),
        ("   ".to_owned(), "the row has 1 columns, the header has 4"),
    ];
    for (row, reason) in cases {
        let record = canonical_row(columns, &row);
        let found = &refused(&record).reason;
        assert!(found.contains(reason), "{row}: {found}");
        assert_eq!(refused(&record).raw, row);
    }
    let full = format!("{},2020-01-02,{},{}", long(20), long(50), long(100));
    assert_eq!(accepted(&canonical_row(columns, &full)).workout.id, long(20));
}

#[test]
fn an_id_is_digits_at_the_end_of_the_link_and_no_more_than_twenty() {
    let header = "Workout Date,Link";
    let good = all(format!("{header}\n2020-01-02,https://x.example/w/0012/?utm=9#top\n").as_bytes());
    assert_eq!(accepted(&good[0]).workout.id, "0012");
    for (link, reason) in [
        ("", "the Link cell is blank"),
        ("https://x.example/w/", "does not end in digits"),
        ("https://x.example/w/123456789012345678901", "has 21 characters"),
    ] {
        let records = all(format!("{header}\n2020-01-02,{link}\n").as_bytes());
        let found = &refused(&records[0]).reason;
        assert!(found.contains(reason), "{link}: {found}");
    }
}

#[test]
fn ids_may_hold_quotes_emoji_and_right_to_left_text() {
    for (cell, id) in [
        ("\"it's \"\"quoted\"\"\"", "it's \"quoted\""),
        ("\u{1f415}\u{200d}\u{1f9ba}", "\u{1f415}\u{200d}\u{1f9ba}"),
        ("\u{5e9}\u{5dc}\u{5d5}\u{5dd}", "\u{5e9}\u{5dc}\u{5d5}\u{5dd}"),
        ("'; DROP TABLE x;--", "'; DROP TABLE x;--"),
    ] {
        let record = canonical_row("workout_id,workout_date", &format!("{cell},2020-01-02"));
        assert_eq!(accepted(&record).workout.id, id);
    }
}

#[test]
fn only_columns_that_are_needed_must_be_utf8() {
    let note = [MILES.as_bytes(), b"\n", export_row("Oct. 7, 2025", "@", "5").as_bytes()].concat();
    let at = note.iter().rposition(|b| *b == b'@').expect("the note");
    let mut file = note.clone();
    file[at] = 0xff;
    assert_eq!(accepted(&all(&file)[0]).workout.id, "5");

    let file = b"workout_id,workout_date,activity_type,steps,label\n\
        1,2020-01-02,R\xffn,,\n\xff,2020-01-02,,,\n1,\xff,,,\n1,2020-01-02,,,\xff\n1,2020-01-02,,\xff,\n";
    let records = all(file);
    for (record, name) in records
        .iter()
        .zip(["activity type", "workout_id", "workout_date", "label"])
    {
        let reason = &refused(record).reason;
        assert!(reason.starts_with(&format!("the {name} cell is not UTF-8")), "{reason}");
    }
    assert_eq!(accepted(&records[4]).unreadable_cells, 1);
}

#[test]
fn unreadable_numbers_are_counted_and_blanks_are_not() {
    let columns = "workout_id,workout_date,kcal_burned,distance_mi,duration_sec,avg_pace,max_pace,steps";
    let record = canonical_row(columns, "1,2020-01-02,297.0,x,NaN,,inf,99999999999999999999");
    let accepted = accepted(&record);
    assert_eq!(accepted.workout.kcal_burned, Some(297));
    assert_eq!(accepted.workout.distance_mi, None);
    assert_eq!(accepted.unreadable_cells, 4);
    let record = canonical_row(columns, "1,2020-01-02,-1,-2.5,1704734895,42554500.0,0,4077214578");
    let workout = &self::accepted(&record).workout;
    assert_eq!(workout.kcal_burned, Some(-1));
    assert_eq!(
        (workout.distance_mi, workout.duration_sec),
        (Some(-2.5), Some(1_704_734_895.0))
    );
    assert_eq!(
        (workout.avg_pace, workout.steps),
        (Some(42_554_500.0), Some(4_077_214_578))
    );
}

#[test]
fn labels_are_taken_from_either_column() {
    let record = canonical_row("workout_id,workout_date,label", "1,2020-01-02, walk ");
    assert_eq!(accepted(&record).label.as_deref(), Some("walk"));
    let record = canonical_row("workout_id,workout_date,Classification", "1,2020-01-02,pup_walk");
    assert_eq!(accepted(&record).label.as_deref(), Some("pup_walk"));
    let record = canonical_row("workout_id,workout_date,classification,label", "1,2020-01-02,a,");
    assert_eq!(accepted(&record).label, None);
}

#[test]
fn headers_are_recognised_in_any_order_and_case() {
    let format = |header: &str| read(header.as_bytes()).expect("a header").format();
    assert_eq!(format(" LINK , workout  date,Distance ( MI )"), Format::MapMyRunMiles);
    assert_eq!(
        format("Workout Date,Link,Avg Pace (min/km)"),
        Format::MapMyRunKilometres
    );
    assert_eq!(format("label,Workout_Date,WORKOUT_ID,link"), Format::Canonical);
    assert_eq!(format("workout id,workout date,link,avg pace"), Format::Canonical);
    assert_eq!(format(&format!("workout_id,{MILES}")), Format::MapMyRunMiles);
    assert_eq!(format("Link,Link,Workout Date,Workout Date"), Format::MapMyRunMiles);
}

#[test]
fn a_file_with_only_a_header_has_no_records() {
    for end in ["", "\n", "\r\n\r\n", "\n\n\n"] {
        assert_eq!(all(format!("{MILES}{end}").as_bytes()), []);
    }
}

#[test]
fn files_that_are_no_exports_say_what_was_found() {
    let message = |file: &[u8]| read(file).expect_err("no export").to_string();
    for empty in [&b""[..], b"\n\r\n\n", b"\xef\xbb\xbf"] {
        assert!(message(empty).contains("the file is empty"));
    }
    assert!(message(b"\xff\xfeW\0o\0").contains("UTF-16"));
    let typo = message(b"Workout Date,Lnk,Steps\n1,2,3");
    assert!(typo.contains("found 'Workout Date', 'Lnk', 'Steps'"), "{typo}");
    assert!(
        typo.contains("a MapMyRun export, where 'Link' is missing (is 'Lnk' meant?)"),
        "{typo}"
    );
    let typo = message(b"workout,workout_date\n");
    assert!(
        typo.contains("the canonical format, where 'workout_id' is missing"),
        "{typo}"
    );
    let semicolons = message(b"workout_id;workout_date;label\n");
    assert!(semicolons.contains("separated by ';'"), "{semicolons}");
    let wide = message("a,".repeat(1000).as_bytes());
    assert!(wide.contains("and 961 more") && wide.len() < 2000, "{wide}");
    let long = message("a".repeat(2_000_000).as_bytes());
    assert!(long.contains("longer than 1048576 bytes"), "{long}");
}

#[test]
fn a_quote_that_never_closes_costs_one_row() {
    let rows: Vec<String> = (0..5).map(|n| format!("{n},2020-01-02,Run")).collect();
    let file = format!(
        "workout_id,workout_date,activity_type\n{}\n9,2020-01-02,\"Run\n{}\n",
        rows[..2].join("\n"),
        rows[2..].join("\n")
    );
    let records = all(file.as_bytes());
    let ids: Vec<&str> = records
        .iter()
        .filter_map(|r| match r {
            Record::Accepted(a) => Some(a.workout.id.as_str()),
            Record::Refused(_) => None,
        })
        .collect();
    assert_eq!(ids, ["0", "1", "2", "3", "4"]);
    assert_eq!(refused(&records[2]).raw, "9,2020-01-02,\"Run");
    assert_eq!((refused(&records[2]).line, accepted(&records[3]).line), (4, 5));
}

#[test]
fn a_stray_quote_does_not_glue_two_rows() {
    let torn = export_row("Oct. 7, 2025", "\"5\" tall", "1").replacen("7, 2025\"", "7, 2025", 1);
    let next = export_row("Oct. 6, 2025", "", "2");
    let records = all(format!("{MILES}\n{torn}\n{next}\n").as_bytes());
    assert_eq!(records.len(), 2);
    assert_eq!(
        (refused(&records[0]).line, refused(&records[0]).raw.as_str()),
        (2, torn.as_str())
    );
    assert_eq!(
        (accepted(&records[1]).line, accepted(&records[1]).workout.id.as_str()),
        (3, "2")
    );
}

#[test]
fn a_file_cut_off_inside_a_quote_refuses_its_last_row() {
    for file in [
        "workout_id,workout_date,label\n1,2020-01-02,\"wal",
        "workout_id,workout_date,label\n1,2020-01-02,\"wal\n",
    ] {
        let records = all(file.as_bytes());
        assert_eq!(records.len(), 1);
        assert!(refused(&records[0]).reason.contains("never closed"));
    }
}

#[test]
fn a_note_that_quotes_a_whole_row_stays_a_note() {
    let note = "\"see\n2,2020-01-02,Run,\nbelow\"";
    let records = all(format!("workout_id,workout_date,activity_type,notes\n1,2020-01-02,Run,{note}\n").as_bytes());
    assert_eq!(records.len(), 1);
    assert_eq!(accepted(&records[0]).workout.id, "1");
}

#[test]
fn a_row_beyond_the_bound_is_refused_and_the_next_is_read() {
    let head = "workout_id,workout_date,notes\n";
    let longest = MAX_ROW_BYTES - "1,2020-01-02,".len();
    for (bytes, fits) in [
        (longest, true),
        (longest + 1, false),
        (longest + 2, false),
        (5 << 20, false),
    ] {
        for eol in ["\n", "\r\n"] {
            let note = "n".repeat(bytes);
            let file = format!("{head}1,2020-01-02,{note}{eol}2,2020-01-02,{eol}{eol}3,2020-01-02,");
            let records = all(file.as_bytes());
            assert_eq!(records.len(), 3, "{bytes}");
            assert_eq!(accepted(&records[1]).line, 3);
            assert_eq!(accepted(&records[2]).line, 5);
            if fits {
                assert_eq!(accepted(&records[0]).workout.id, "1");
            } else {
                let refused = refused(&records[0]);
                assert!(
                    refused.reason.starts_with(&format!("the row has {} bytes", bytes + 13)),
                    "{}",
                    refused.reason
                );
                assert_eq!((refused.line, refused.raw.len()), (2, KEPT_OF_TOO_LONG));
            }
        }
    }
}

#[test]
fn a_quote_open_for_megabytes_costs_one_row_and_bounded_memory() {
    let mut file = String::from("workout_id,workout_date,activity_type\n0,2020-01-02,\"Run\n");
    let rows = 150_000;
    for n in 1..=rows {
        file.push_str(&format!("{n},2020-01-02,Run\n"));
    }
    let mut reader = read(file.as_bytes()).expect("a header");
    let records: Vec<Record> = reader.by_ref().map(|r| r.expect("no I/O error")).collect();
    assert_eq!(records.len(), rows + 1);
    assert_eq!(refused(&records[0]).raw, "0,2020-01-02,\"Run");
    assert_eq!(accepted(&records[rows]).line, rows as u64 + 2);
    assert_eq!(reader.bytes_read(), file.len() as u64);
}

#[test]
fn megabytes_of_blank_lines_and_of_nuls_are_survived() {
    let head = "workout_id,workout_date\n";
    let file = format!("{head}{}1,2020-01-02\n{}", "\n".repeat(3 << 20), "\0".repeat(3 << 20));
    let records = all(file.as_bytes());
    assert_eq!(records.len(), 2);
    assert_eq!(accepted(&records[0]).line, (3 << 20) + 2);
    assert!(refused(&records[1]).reason.starts_with("the row has 3145728 bytes"));
}

/// Hands out one byte at a time, with an interruption before each, and fails at the end if told to.
struct Trickle<'a> {
    bytes: &'a [u8],
    interrupt: bool,
    fail: bool,
}

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.interrupt = !self.interrupt;
        if self.interrupt {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match self.bytes {
            [first, rest @ ..] => {
                out[0] = *first;
                self.bytes = rest;
                Ok(1)
            }
            [] if self.fail => Err(io::Error::other("the disk is gone")),
            [] => Ok(0),
        }
    }
}

fn trickle(bytes: &[u8], fail: bool) -> Trickle<'_> {
    Trickle {
        bytes,
        interrupt: false,
        fail,
    }
}

#[test]
fn a_slow_stream_reads_the_same() {
    let file = format!(
        "\u{feff}{MILES}\r\n{}\r\n{}\r\n",
        export_row("Oct. 7, 2025", "\"a\r\nb\"", "1"),
        export_row("Oct. 6, 2025", "", "2")
    );
    let reader = read(trickle(file.as_bytes(), false)).expect("a header");
    let slow: Vec<Record> = reader.map(|r| r.expect("no I/O error")).collect();
    assert_eq!(slow, all(file.as_bytes()));
    assert_eq!(slow.len(), 2);
}

#[test]
fn a_failing_stream_gives_what_it_had_then_the_error_then_nothing() {
    let file = b"workout_id,workout_date\n1,2020-01-02\n2,2020-01-0";
    let mut reader = read(trickle(file, true)).expect("a header");
    assert!(matches!(reader.next(), Some(Ok(Record::Accepted(_)))));
    let error = reader.next().expect("an error").expect_err("an error");
    assert_eq!(error.to_string(), "reading failed after line 2: the disk is gone");
    assert!(reader.next().is_none());
    let error = read(trickle(b"workout_id", true)).expect_err("no header");
    assert_eq!(error.to_string(), "reading failed after line 0: the disk is gone");
}
