//! Ingest on real exports, which stay outside the repository: PACELINE_SHARED names their directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;

use paceline::ingest::{self, Accepted, Format, Record, Refused};

/// The path of a shared data file; `None`, said loudly, where the shared directory is absent.
#[allow(clippy::print_stderr, reason = "a skipped test must not look like a passed one")]
fn shared(test: &str, file: &str) -> Option<PathBuf> {
    let root = std::env::var_os("PACELINE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    if !root.is_dir() {
        eprintln!("SKIPPED {test}: PACELINE_SHARED not found at {}", root.display());
        return None;
    }
    Some(root.join("data").join(file))
}

struct Import {
    format: Format,
    accepted: Vec<Accepted>,
    refused: Vec<Refused>,
}

fn import(path: &PathBuf) -> Import {
    let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let bytes = file.metadata().expect("a size").len();
    let mut reader = ingest::read(file).expect("a known header");
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    for record in reader.by_ref() {
        match record.expect("a readable file") {
            Record::Accepted(row) => accepted.push(row),
            Record::Refused(row) => refused.push(row),
        }
    }
    // The last line break may lie behind the last record.
    assert!((bytes - 1..=bytes).contains(&reader.bytes_read()), "read to the end");
    Import {
        format: reader.format(),
        accepted,
        refused,
    }
}

fn at_line(import: &Import, line: u64) -> &Accepted {
    let found = import.accepted.iter().find(|row| row.line == line);
    found.unwrap_or_else(|| panic!("no accepted row at line {line}"))
}

#[test]
fn the_real_history_comes_in_whole() {
    let Some(path) = shared("the_real_history_comes_in_whole", "mapmyrun_history_2025.csv") else {
        return;
    };
    let import = import(&path);
    assert_eq!(import.format, Format::MapMyRunMiles);
    assert_eq!(import.accepted.len() + import.refused.len(), 2774, "nothing vanishes");
    assert_eq!(import.refused, []);
    let ids: BTreeSet<&str> = import.accepted.iter().map(|row| row.workout.id.as_str()).collect();
    assert_eq!(ids.len(), 2774, "each workout has its own id");

    let mut months: BTreeMap<String, usize> = BTreeMap::new();
    for row in &import.accepted {
        *months.entry(row.workout.date.to_string()[5..7].to_owned()).or_default() += 1;
    }
    assert_eq!(months.len(), 12, "{months:?}");
    assert_eq!(months["09"], 210, "September is written Sept.");

    let runs = import
        .accepted
        .iter()
        .filter(|row| row.workout.activity_type.as_deref() == Some("Run"));
    assert_eq!(runs.count(), 2665);
    assert_eq!(
        import.accepted.iter().filter(|row| row.workout.steps.is_none()).count(),
        34
    );
    assert_eq!(
        import
            .accepted
            .iter()
            .filter(|row| row.workout.distance_mi == Some(0.0))
            .count(),
        28
    );
    assert_eq!(
        import
            .accepted
            .iter()
            .filter(|row| row.workout.duration_sec == Some(0.0))
            .count(),
        5
    );
    assert_eq!(import.accepted.iter().map(|row| row.unreadable_cells).sum::<u32>(), 0);
}

#[test]
fn the_known_dirt_of_the_real_history_is_kept_as_it_came() {
    let Some(path) = shared("the_known_dirt_of_the_real_history", "mapmyrun_history_2025.csv") else {
        return;
    };
    let import = import(&path);
    let unix_time = &at_line(&import, 578).workout;
    assert_eq!(unix_time.duration_sec, Some(1_704_734_895.0));
    assert_eq!(unix_time.avg_pace, Some(42_554_500.0));
    assert_eq!(unix_time.kcal_burned, Some(32_767));
    assert_eq!(unix_time.steps, Some(4_077_214_578));
    assert_eq!(unix_time.date.to_string(), "2024-01-08 00:00:00");

    let one_second = &at_line(&import, 1380).workout;
    assert_eq!(one_second.duration_sec, Some(1.0));
    assert_eq!(one_second.activity_type.as_deref(), Some("Bike Ride"));

    let no_duration = &at_line(&import, 2601).workout;
    assert_eq!(
        (no_duration.duration_sec, no_duration.distance_mi),
        (Some(0.0), Some(4.0))
    );
    assert_eq!(no_duration.steps, Some(9298));
}

#[test]
fn files_in_kilometres_come_out_in_miles() {
    for (name, rows) in [("mapmyrun_km_jam.csv", 40), ("mapmyrun_km_td.csv", 234)] {
        let Some(path) = shared("files_in_kilometres_come_out_in_miles", name) else {
            return;
        };
        let import = import(&path);
        assert_eq!(import.format, Format::MapMyRunKilometres, "{name}");
        assert_eq!((import.accepted.len(), import.refused.len()), (rows, 0), "{name}");
        let mut checked = 0;
        for row in &import.accepted {
            let workout = &row.workout;
            let (Some(miles), Some(seconds), Some(pace)) =
                (workout.distance_mi, workout.duration_sec, workout.avg_pace)
            else {
                continue;
            };
            if miles > 0.0 && pace > 0.0 {
                // Distance and pace are converted apart, so their agreement shows both are right.
                let from_distance = seconds / 60.0 / miles;
                assert!((from_distance / pace - 1.0).abs() < 0.01, "{name} line {}", row.line);
                checked += 1;
            }
        }
        assert!(checked * 10 > rows * 9, "{name}: only {checked} rows could be checked");
    }
}

#[test]
fn labelled_files_bring_their_labels() {
    for (name, rows, labels) in [
        ("labelled_a.csv", 4287, &["run", "walk"]),
        ("labelled_b.csv", 261, &["run", "walk"]),
    ] {
        let Some(path) = shared("labelled_files_bring_their_labels", name) else {
            return;
        };
        let import = import(&path);
        assert_eq!(import.format, Format::Canonical, "{name}");
        assert_eq!((import.accepted.len(), import.refused.len()), (rows, 0), "{name}");
        let found: BTreeSet<&str> = import.accepted.iter().filter_map(|row| row.label.as_deref()).collect();
        assert_eq!(found, labels.iter().copied().collect(), "{name}");
    }
}
