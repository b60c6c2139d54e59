//! What holds for every input of ingest, not only for the files we have seen.

use std::collections::BTreeSet;

use paceline::ingest::{self, IngestError, Record, Workout};
use paceline::time::WorkoutDate;
use proptest::prelude::*;

const COLUMNS: [&str; 10] = [
    "workout_id",
    "workout_date",
    "activity_type",
    "kcal_burned",
    "distance_mi",
    "duration_sec",
    "avg_pace",
    "max_pace",
    "steps",
    "link",
];

fn records(file: &[u8]) -> Result<Vec<Record>, IngestError> {
    ingest::read(file)?.collect()
}

fn line(record: &Record) -> u64 {
    match record {
        Record::Accepted(accepted) => accepted.line,
        Record::Refused(refused) => refused.line,
    }
}

/// How many records the `csv` crate finds, which skips blank lines.
fn csv_records(file: &[u8]) -> usize {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(file);
    let mut count = 0;
    for record in reader.byte_records() {
        record.expect("bytes are always readable");
        count += 1;
    }
    count
}

/// The lines of a file, lossy, without their breaks.
fn physical_lines(file: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(file).replace("\r\n", "\n").replace('\r', "\n");
    text.split('\n').map(str::to_owned).collect()
}

/// Bytes that look enough like a CSV to reach the depths of the reader.
fn csv_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![",", "\"", "\"\"", "\n", "\r\n", "\r", "\n\n", " "]).prop_map(str::as_bytes).prop_map(<[u8]>::to_vec),
        4 => prop::sample::select(vec!["77001,2020-01-02,Run\n", "1,\"Oct. 7, 2025\",\"x\"", "2020-01-02", "NaN", "\u{feff}"])
            .prop_map(str::as_bytes).prop_map(<[u8]>::to_vec),
        2 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn text(max: usize) -> impl Strategy<Value = String> {
    // Any characters but controls, and no white space at the ends: that is what a schema text is.
    prop::collection::vec(any::<char>(), 1..=max).prop_filter_map("blank or control", |chars| {
        let text: String = chars.into_iter().filter(|c| !c.is_control()).collect();
        let text = text.trim().to_owned();
        (!text.is_empty()).then_some(text)
    })
}

fn finite() -> impl Strategy<Value = Option<f64>> {
    prop::option::of(any::<f64>().prop_filter("finite", |value| value.is_finite()))
}

fn workout() -> impl Strategy<Value = Workout> {
    // Years 0000 to 9999 in seconds.
    let date = (-62_167_219_200_i64..253_402_300_800).prop_map(|seconds| WorkoutDate::from_micros(seconds * 1_000_000));
    let texts = (text(20), prop::option::of(text(50)), prop::option::of(text(100)));
    let whole = (prop::option::of(any::<i64>()), prop::option::of(any::<i64>()));
    let real = (finite(), finite(), finite(), finite());
    (texts, date, whole, real).prop_map(
        |((id, activity_type, link), date, (kcal_burned, steps), real)| Workout {
            id,
            date,
            activity_type,
            kcal_burned,
            distance_mi: real.0,
            duration_sec: real.1,
            avg_pace: real.2,
            max_pace: real.3,
            steps,
            link,
        },
    )
}

fn shown<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn canonical_csv(workouts: &[Workout]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).expect("memory");
    for workout in workouts {
        let row = [
            workout.id.clone(),
            workout.date.to_string(),
            shown(workout.activity_type.as_ref()),
            shown(workout.kcal_burned),
            shown(workout.distance_mi),
            shown(workout.duration_sec),
            shown(workout.avg_pace),
            shown(workout.max_pace),
            shown(workout.steps),
            shown(workout.link.as_ref()),
        ];
        writer.write_record(row).expect("memory");
    }
    writer.into_inner().expect("memory")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_panic(file in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = records(&file);
    }

    #[test]
    fn no_csv_like_bytes_panic_or_vanish(body in csv_like()) {
        let file = [b"workout_id,workout_date,activity_type\n", &body[..]].concat();
        let found = records(&file).expect("the header is good and memory does not fail");
        let lines: Vec<u64> = found.iter().map(line).collect();
        prop_assert!(lines.is_sorted(), "{lines:?}");
        if !body.contains(&b'"') {
            prop_assert_eq!(found.len() + 1, csv_records(&file));
        }
        let lines = physical_lines(&file);
        let mut covered = 1;
        for (record, next) in found.iter().zip(found.iter().skip(1).map(Some).chain([None])) {
            let first = line(record) as usize - 1;
            prop_assert!(lines[covered.min(first)..first].iter().all(|l| l.is_empty()), "only blank lines between");
            covered = match (record, next) {
                // How many lines an accepted row has is not said; the next row cannot begin before its end.
                (Record::Accepted(_), next) => next.map_or(lines.len(), |n| line(n) as usize - 1),
                (Record::Refused(refused), _) => {
                    let raw = physical_lines(refused.raw.as_bytes());
                    prop_assert_eq!(&raw[..], &lines[first..first + raw.len()], "the row as it stood");
                    first + raw.len()
                }
            };
        }
        prop_assert!(lines[covered..].iter().all(|l| l.is_empty()), "nothing after the last record");
    }

    #[test]
    fn well_formed_rows_are_counted_as_the_csv_crate_counts_them(
        rows in prop::collection::vec(prop::collection::vec("[a-z,\"\r\n ]{0,8}", 1..5), 0..12)
    ) {
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
        writer.write_record(["workout_id", "workout_date", "notes"]).expect("memory");
        for row in &rows {
            writer.write_record(row).expect("memory");
        }
        let file = writer.into_inner().expect("memory");
        prop_assert_eq!(records(&file).expect("memory").len() + 1, csv_records(&file));
    }

    #[test]
    fn a_workout_survives_canonical_csv(workouts in prop::collection::vec(workout(), 1..5)) {
        let file = canonical_csv(&workouts);
        let mut back = Vec::new();
        for record in records(&file).expect("memory") {
            match record {
                Record::Accepted(accepted) => {
                    prop_assert_eq!(accepted.unreadable_cells, 0);
                    back.push(accepted.workout);
                }
                Record::Refused(refused) => prop_assert!(false, "{refused:?}"),
            }
        }
        prop_assert_eq!(back, workouts);
    }

    #[test]
    fn one_stray_quote_costs_at_most_its_neighbourhood(
        total in 2_usize..40, at in 0_usize..40, column in 0_usize..3
    ) {
        // Plain rows without quotes: whichever cell of whichever row opens one, only that row is refused.
        let at = at % total;
        let mut file = String::from("workout_id,workout_date,activity_type\n");
        for n in 0..total {
            let mut cells = [format!("{n}"), "2020-01-02".to_owned(), "Run".to_owned()];
            if n == at {
                cells[column].insert(0, '"');
            }
            file.push_str(&cells.join(","));
            file.push('\n');
        }
        let found = records(file.as_bytes()).expect("memory");
        let refused: Vec<u64> = found.iter().filter(|r| matches!(r, Record::Refused(_))).map(line).collect();
        let lines: BTreeSet<u64> = found.iter().map(line).collect();
        prop_assert_eq!(refused, vec![at as u64 + 2]);
        prop_assert_eq!(lines.len(), total);
    }
}
