//! The committed sample is what the generator makes, and holds what its README says.

use std::collections::BTreeSet;
use std::path::PathBuf;

use paceline::ingest::{self, Accepted, Format, Record, Refused};

#[path = "../../examples/sample/mod.rs"]
mod generator;

fn committed(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn workouts(rows: u64, seed: u64) -> Vec<u8> {
    let mut file = Vec::new();
    generator::workouts(&mut file, rows, seed).expect("memory");
    file
}

fn import(file: &[u8]) -> (Format, Vec<Accepted>, Vec<Refused>) {
    let reader = ingest::read(file).expect("a known header");
    let format = reader.format();
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    for record in reader {
        match record.expect("memory") {
            Record::Accepted(row) => accepted.push(row),
            Record::Refused(row) => refused.push(row),
        }
    }
    (format, accepted, refused)
}

#[test]
fn the_committed_files_are_what_the_generator_makes() {
    // Not assert_eq: a difference would print both files.
    assert!(
        committed("workouts_sample.csv") == workouts(generator::ROWS, generator::SEED),
        "data/workouts_sample.csv differs; run: cargo run --example generate_sample"
    );
    let mut labelled = Vec::new();
    generator::labelled(&mut labelled, generator::SEED).expect("memory");
    assert!(
        committed("labelled_sample.csv") == labelled,
        "data/labelled_sample.csv differs; run: cargo run --example generate_sample"
    );
    let mut slow = Vec::new();
    generator::slow(&mut slow, generator::SEED).expect("memory");
    assert!(
        committed("slow_sample.csv") == slow,
        "data/slow_sample.csv differs; run: cargo run --example generate_sample"
    );
}

#[test]
fn the_sample_holds_what_its_readme_says() {
    let (format, accepted, refused) = import(&committed("workouts_sample.csv"));
    assert_eq!(format, Format::MapMyRunMiles);
    assert_eq!((accepted.len(), refused.len()), (2996, 4));
    let reasons: Vec<&str> = refused.iter().map(|row| row.reason.as_str()).collect();
    for (reason, start) in reasons.iter().zip([
        "the row has 12 columns",
        "no workout id",
        "the Workout Date 'Feb. 30, 2020' is no date",
        "the workout id",
    ]) {
        assert!(reason.starts_with(start), "{reasons:?}");
    }
    let count = |test: &dyn Fn(&Accepted) -> bool| accepted.iter().filter(|row| test(row)).count();
    let seconds = |row: &Accepted| row.workout.duration_sec.unwrap_or(-1.0);
    let pace = |row: &Accepted| row.workout.avg_pace.unwrap_or(-1.0);
    assert!((2830..2930).contains(&count(&|row| row.workout.activity_type.as_deref() == Some("Run"))));
    assert!((3..12).contains(&count(&|row| seconds(row) == 0.0)));
    assert!((15..50).contains(&count(&|row| row.workout.distance_mi == Some(0.0))));
    assert!((15..50).contains(&count(&|row| seconds(row) > 4.0 * 3600.0)));
    assert!(count(&|row| (86_400.0..1e6).contains(&seconds(row))) >= 1);
    assert_eq!(
        count(&|row| seconds(row) > 1e9 && row.workout.kcal_burned == Some(32_767)),
        1
    );
    assert_eq!(count(&|row| seconds(row) == 1.0), 1);
    assert!((20..80).contains(&count(&|row| row.workout.steps.is_none())));
    assert!((30..100).contains(&count(&|row| pace(row) > 60.0)));
    assert!(count(&|row| (7.0..12.0).contains(&pace(row))) > 900);
    assert!(count(&|row| (17.0..28.0).contains(&pace(row))) > 1300);
    let months: BTreeSet<String> = accepted
        .iter()
        .map(|row| row.workout.date.to_string()[5..7].to_owned())
        .collect();
    assert_eq!(months.len(), 12);
    // The note of two physical lines.
    assert_eq!(accepted.last().map(|row| row.line), Some(3002));
    let text = committed("workouts_sample.csv");
    assert!(String::from_utf8(text).expect("UTF-8").contains("\u{1f43e}"));
}

#[test]
fn the_labelled_sample_overlaps_a_little() {
    let (format, accepted, refused) = import(&committed("labelled_sample.csv"));
    assert_eq!(format, Format::Canonical);
    assert_eq!((accepted.len(), refused.len()), (200, 0));
    let paces = |label: Option<&str>| -> Vec<f64> {
        let of_label = accepted.iter().filter(|row| row.label.as_deref() == label);
        of_label.filter_map(|row| row.workout.avg_pace).collect()
    };
    let (runs, walks) = (paces(Some("run")), paces(Some("walk")));
    assert!(runs.len() >= 80 && walks.len() >= 60, "{} {}", runs.len(), walks.len());
    assert!(accepted.iter().filter(|row| row.label.is_none()).count() >= 5);
    let slow = runs.iter().filter(|pace| **pace > 12.1).count();
    let fast = walks.iter().filter(|pace| **pace < 14.4).count();
    assert!(
        (3..25).contains(&slow) && (3..25).contains(&fast),
        "{slow} slow runs, {fast} fast walks"
    );
}

#[test]
fn a_scaled_sample_keeps_its_ids_apart() {
    for rows in [1, 10, 999, 50_000] {
        let (_, accepted, refused) = import(&workouts(rows, 7));
        assert_eq!((accepted.len() + refused.len()) as u64, rows);
        let ids: BTreeSet<&str> = accepted.iter().map(|row| row.workout.id.as_str()).collect();
        assert_eq!(ids.len(), accepted.len());
        assert!(
            accepted
                .windows(2)
                .all(|pair| pair[0].workout.date >= pair[1].workout.date),
            "newest first"
        );
    }
    assert_eq!(workouts(0, 7).iter().filter(|b| **b == b'\n').count(), 1);
    assert_ne!(workouts(100, 7), workouts(100, 8), "the seed counts");
}
