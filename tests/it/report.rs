//! `report`: the figures by hand, the same on both stores, and the same rows in a MySQL client.

use crate::support::cli::{Paceline, on_both_stores};
use crate::support::mariadb::client;

/// The reports whose SQL is portable, with a range that both sides are given.
const PORTABLE: [(&str, &[&str], &str); 6] = [
    (
        "changes",
        &["--from", "2026-01-02", "--to", "2026-01-04"],
        "SET @from = '2026-01-02', @to = '2026-01-04';",
    ),
    ("overrides", &[], ""),
    ("models", &[], ""),
    ("accuracy", &["--days", "30"], "SET @since = '2025-12-04 00:00:00';"),
    ("stats", &["--from", "2026-01-01"], "SET @from = '2026-01-01';"),
    (
        "labels",
        &["--from", "2016-06-01", "--to", "2018-01-01"],
        "SET @from = '2016-06-01', @to = '2018-01-01';",
    ),
];

/// A night, answers and corrections by two people, and a second model.
fn some_days(paceline: &Paceline) {
    let import = ["run", "pipelines/nightly.toml", "--import", "data/workouts_sample.csv"];
    paceline.at("2026-01-01T02:00:00Z").ok(&import);
    let listed = paceline.json(&["classifications"]);
    let by_label = |label: &str| {
        let rows = listed.as_array().expect("rows").iter();
        let of = rows.filter(|row| row["classification"] == label);
        of.map(|row| row["workout_id"].as_str().expect("an id").to_owned())
            .collect::<Vec<_>>()
    };
    let (runs, walks) = (by_label("real_run"), by_label("pup_walk"));
    let later = paceline.at("2026-01-02T09:00:00Z");
    let say = |id: &str, words: &[&str]| later.ok(&[&["feedback", "add", id], words].concat());
    for id in &runs[..6] {
        say(id, &["--type", "accept", "--user", "anna", "--certainty", "5"]);
    }
    say(&runs[6], &["--type", "reject", "--user", "ben", "--certainty", "2"]);
    say(&runs[7], &["--type", "uncertain", "--user", "ben", "--certainty", "1"]);
    say(
        &runs[8],
        &[
            "--type",
            "correct",
            "--label",
            "pup_walk",
            "--user",
            "ben",
            "--certainty",
            "4",
        ],
    );
    say(&walks[0], &["--type", "accept", "--user", "anna", "--certainty", "3"]);
    let kept = [
        "override",
        "set",
        &walks[1],
        "real_run",
        "--user",
        "anna",
        "--reason",
        "a race, in\tthe rain",
    ];
    later.at("2026-01-03T10:00:00Z").ok(&kept);
    let train = ["run", "pipelines/classic.toml", "--retrain", "always", "--accept-churn"];
    let classic = later.at("2026-01-05T02:00:00Z").run(&train);
    assert!([0, 4].contains(&classic.code), "{classic}");
}

/// One way to write what CSV, a client and two stores write differently.
fn plain(cell: &str) -> String {
    match cell {
        "NULL" | "-" | "" => "none".to_owned(),
        "true" => plain("1"),
        "false" => plain("0"),
        number if number.parse::<f64>().is_ok() => format!("{:.9}", number.parse::<f64>().expect("a number")),
        text => text.replace("\\t", "\t"),
    }
}

fn csv_of(paceline: &Paceline, name: &str, args: &[&str]) -> Vec<Vec<String>> {
    let printed = paceline
        .at("2026-01-03T00:00:00Z")
        .ok(&[&["--output", "csv", "report", name], args].concat());
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(printed.stdout.as_bytes());
    let rows = reader.records().map(|record| record.expect("CSV"));
    rows.map(|record| record.iter().map(plain).collect()).collect()
}

#[test]
fn the_portable_reports_give_a_mysql_client_the_same_rows() {
    on_both_stores(|paceline, _| {
        some_days(paceline);
        if paceline.url().starts_with("sqlite") {
            return;
        }
        for (name, args, variables) in PORTABLE {
            let reported = csv_of(paceline, name, args);
            let file = std::fs::read_to_string(format!("sql/report/{name}.sql")).expect("the report's SQL");
            let by_hand = client(paceline.url(), &format!("{variables}\n{file};"));
            assert!(by_hand.len() > 1, "{name}: nothing to compare");
            assert_eq!(by_hand.len(), reported.len(), "{name}: {reported:?}");
            let width = by_hand[0].len();
            for (found, expected) in reported.iter().zip(&by_hand).skip(1) {
                let expected: Vec<String> = expected.iter().map(|cell| plain(cell)).collect();
                assert_eq!(found[..width], expected, "{name}");
            }
        }
    });
}

#[test]
fn both_stores_report_the_same() {
    let reports = std::cell::RefCell::new(Vec::new());
    on_both_stores(|paceline, _| {
        some_days(paceline);
        let all: Vec<_> = PORTABLE
            .iter()
            .map(|(name, args, _)| csv_of(paceline, name, args))
            .collect();
        reports.borrow_mut().push(all);
    });
    let reports = reports.into_inner();
    // Run ids are random; every other cell of every report is not.
    assert_eq!(reports[0], reports[1]);
}

#[test]
fn the_figures_are_those_counted_by_hand() {
    on_both_stores(|paceline, _| {
        some_days(paceline);
        let at = paceline.at("2026-01-03T00:00:00Z");
        let accuracy = at.json(&["report", "accuracy", "--days", "30"]);
        let run = accuracy
            .as_array()
            .expect("rows")
            .iter()
            .find(|row| row["label"] == "real_run");
        let run = run.expect("answers on runs");
        for (key, count) in [
            ("answers", 9),
            ("accepted", 6),
            ("corrected", 1),
            ("rejected", 1),
            ("uncertain", 1),
            ("agreed", 6),
            ("judged", 8),
        ] {
            assert_eq!(run[key], count, "{key}: {run}");
        }
        assert_eq!(
            (run["agreement"].as_f64(), run["mean_certainty"].as_f64()),
            (Some(0.75), Some(37.0 / 9.0))
        );
        // Wilson's interval of 6 of 8 (R: binom::binom.wilson gives 0.4093 to 0.9285).
        let ends = [&run["agreement_low"], &run["agreement_high"]].map(|end| end.as_f64().expect("an end"));
        assert!(
            (ends[0] - 0.4093).abs() < 5e-4 && (ends[1] - 0.9285).abs() < 5e-4,
            "{ends:?}"
        );
        let calibration = at.json(&["report", "calibration"]);
        assert_eq!(calibration["answers"], 10, "{calibration}");
        let answers: u64 = calibration["bins"]
            .as_array()
            .expect("bins")
            .iter()
            .map(|b| b["answers"].as_u64().expect("a count"))
            .sum();
        assert_eq!(answers, 10);
        assert!(calibration["noise_floor"].as_f64().expect("a figure") > 0.0);
        let overrides = at.json(&["report", "overrides"]);
        let by_anna = overrides
            .as_array()
            .expect("rows")
            .iter()
            .find(|row| row["changed_by"] == "anna");
        assert_eq!(by_anna.expect("anna's")["reason"], "a race, in\tthe rain");
        let changes = at.json(&[
            "report",
            "changes",
            "--from",
            "2026-01-02",
            "--to",
            "2026-01-02T10:00:00Z",
        ]);
        assert_eq!(changes.as_array().map(Vec::len), Some(1), "{changes}");
        assert_eq!(
            (&changes[0]["from_label"], &changes[0]["changes"]),
            (&"real_run".into(), &1.into())
        );
    });
}

#[test]
fn an_empty_store_has_empty_reports_and_says_what_to_do() {
    on_both_stores(|paceline, _| {
        for name in ["changes", "overrides", "models", "accuracy", "stats", "labels"] {
            assert_eq!(paceline.json(&["report", name]), serde_json::json!([]), "{name}");
        }
        assert_eq!(
            paceline.json(&["report", "calibration"])["ece"],
            serde_json::Value::Null
        );
        let said = paceline.ok(&["report", "accuracy"]);
        assert!(said.stdout.contains("paceline review"), "{said}");
        paceline
            .run(&["report", "changes", "--from", "2026-01-02", "--to", "2026-01-01"])
            .expect(2, &["exclusive"]);
    });
}
