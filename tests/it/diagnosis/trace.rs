//! `--trace`: a file that a trace viewer opens, in which the stages are there, nested, and add up.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::{NIGHTLY, SIX};
use crate::support::cli::{Paceline, file, on_both_stores, on_new_sqlite};

/// A span of the file; times in microseconds.
#[derive(Debug, Clone)]
struct Bar {
    name: String,
    track: u64,
    start: f64,
    end: f64,
    args: Value,
}

impl Bar {
    fn length(&self) -> f64 {
        self.end - self.start
    }

    fn holds(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// The complete events of a Chrome trace, by the rules of the format.
fn bars(path: &Path) -> Vec<Bar> {
    let text = std::fs::read_to_string(path).expect("a trace");
    let events: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|e| panic!("no JSON array ({e}): {text}"));
    let mut bars = Vec::new();
    for event in &events {
        assert!(
            event["name"].is_string() && event["pid"].is_u64() && event["tid"].is_u64(),
            "{event}"
        );
        match event["ph"].as_str() {
            Some("M") => {}
            Some("X") => {
                let (start, length) = (event["ts"].as_f64().expect("ts"), event["dur"].as_f64().expect("dur"));
                assert!(start >= 0.0 && length >= 0.0, "{event}");
                bars.push(Bar {
                    name: event["name"].as_str().expect("text").to_owned(),
                    track: event["tid"].as_u64().expect("a number"),
                    start,
                    end: start + length,
                    args: event["args"].clone(),
                });
            }
            other => panic!("an event of kind {other:?}: {event}"),
        }
    }
    bars
}

fn only<'b>(bars: &'b [Bar], name: &str) -> &'b Bar {
    let mut found = bars.iter().filter(|bar| bar.name == name);
    let first = found.next().unwrap_or_else(|| panic!("no {name} in {bars:?}"));
    assert!(found.next().is_none(), "more than one {name}");
    first
}

/// On one track, of two bars that touch one is inside the other: else a viewer could not draw them.
fn assert_drawable(bars: &[Bar]) {
    for (at, a) in bars.iter().enumerate() {
        for b in bars[at + 1..].iter().filter(|b| b.track == a.track) {
            // Times have three decimals of a microsecond.
            let apart = a.end <= b.start + 0.002 || b.end <= a.start + 0.002;
            assert!(apart || a.holds(b) || b.holds(a), "{a:?} and {b:?} overlap");
        }
    }
}

/// What stands directly on `run` in its track.
fn stages(bars: &[Bar]) -> Vec<&Bar> {
    let run = only(bars, "run");
    let mut inside: Vec<&Bar> = bars
        .iter()
        .filter(|bar| bar.name != "run" && bar.track == run.track && run.holds(bar))
        .collect();
    inside.sort_by(|a, b| a.start.total_cmp(&b.start).then(b.end.total_cmp(&a.end)));
    let mut top: Vec<&Bar> = Vec::new();
    for bar in inside {
        if !top.last().is_some_and(|last| last.holds(bar)) {
            top.push(bar);
        }
    }
    top
}

fn run_with_trace(paceline: &Paceline, folder: &tempfile::TempDir, args: &[&str]) -> Vec<Bar> {
    let path = folder.path().join("trace.json");
    let trace = path.display().to_string();
    paceline.ok(&[&["--trace", &trace], args].concat());
    bars(&path)
}

#[test]
fn the_stages_of_a_run_are_there_nested_and_add_up() {
    on_both_stores(|paceline, folder| {
        let rows = ["--import", "data/workouts_sample.csv"];
        let bars = run_with_trace(paceline, folder, &[&["run", NIGHTLY][..], &rows].concat());
        assert_drawable(&bars);
        let run = only(&bars, "run");
        let id = paceline.json(&["runs", "list"])[0]["run_id"].clone();
        assert_eq!(
            (&run.args["run_id"], &run.args["pipeline"]),
            (&id, &Value::from("nightly"))
        );

        let top = stages(&bars);
        let names: Vec<&str> = top.iter().map(|bar| bar.name.as_str()).collect();
        let mut wanted = [
            "start",
            "load",
            "featurize",
            "choose",
            "classify",
            "diff",
            "gate",
            "register",
            "write",
            "finish",
        ]
        .into_iter()
        .peekable();
        for name in &names {
            wanted.next_if_eq(name);
        }
        assert_eq!(wanted.next(), None, "in this order: {names:?}");

        // They follow each other, and little of the run is outside them.
        let sum: f64 = top.iter().map(|bar| bar.length()).sum();
        assert!(sum <= run.length() + 1.0, "{sum} of {}", run.length());
        assert!(
            sum >= 0.8 * run.length() - 50_000.0,
            "{sum} of {}: {top:?}",
            run.length()
        );

        for (part, of) in [
            ("train", "choose"),
            ("load_workouts", "load"),
            ("load_state", "load"),
            ("chunk", "write"),
        ] {
            let whole = only(&bars, of);
            let inner = bars
                .iter()
                .find(|bar| bar.name == part)
                .unwrap_or_else(|| panic!("no {part}"));
            assert!(whole.holds(inner), "{part} is not inside {of}");
        }
        let chunk = only(&bars, "chunk");
        assert!(
            bars.iter().any(|bar| bar.name == "commit" && chunk.holds(bar)),
            "no commit in {chunk:?}"
        );
        assert!(bars.iter().any(|bar| bar.name == "seal"), "{bars:?}");
        let import = only(&bars, "import");
        assert!(import.end <= run.start, "the import comes first");
        assert!(bars.iter().any(|bar| bar.name == "read" && import.holds(bar)));
        assert!(bars.iter().all(|bar| bar.args.get("unfinished").is_none()), "{bars:?}");
        let documentation = include_str!("../../../docs/diagnosis.md");
        for bar in &bars {
            assert!(
                documentation.contains(&format!("`{}`", bar.name)),
                "docs/diagnosis.md does not name {}",
                bar.name
            );
        }
    });
}

#[test]
fn chunks_that_are_written_side_by_side_stand_side_by_side() {
    on_both_stores(|paceline, folder| {
        paceline.ok(&["import", "data/workouts_sample.csv"]);
        let text = "name = 'small'\n[write]\nchunk_rows = 300\n";
        let pipeline = file(folder, "small.toml", text);
        let bars = run_with_trace(paceline, folder, &["run", &pipeline]);
        assert_drawable(&bars);
        let write = only(&bars, "write");
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        for bar in bars.iter().filter(|bar| write.holds(bar)) {
            *count.entry(&bar.name).or_default() += 1;
        }
        assert_eq!((count["chunk"], count["seal"]), (10, 10), "{count:?}");
        let range = [
            "--from",
            "2012-01-01",
            "--to",
            "2012-07-01",
            "--window",
            "1mo",
            "--concurrency",
            "3",
        ];
        let bars = run_with_trace(paceline, folder, &[&["backfill", NIGHTLY][..], &range].concat());
        assert_drawable(&bars);
        let windows = only(&bars, "windows");
        let inside = |name: &str| bars.iter().filter(|bar| bar.name == name && windows.holds(bar)).count();
        assert_eq!(inside("window"), 6, "{bars:?}");
        assert!(inside("prepare") >= 6, "{bars:?}");
    });
}

#[test]
fn a_verification_and_a_failure_have_their_traces_too() {
    on_both_stores(|paceline, folder| {
        let six = file(folder, "six.csv", SIX);
        paceline.ok(&["run", NIGHTLY, "--import", &six]);
        let bars = run_with_trace(paceline, folder, &["verify"]);
        assert_drawable(&bars);
        let verify = only(&bars, "verify");
        assert!(verify.holds(only(&bars, "read")) && only(&bars, "read").holds(only(&bars, "replay")));

        paceline.tamper(&[
            "UPDATE ml_model_registry SET artifact = REPLACE(artifact, '\"format_version\":1', '\"format_version\":9')",
        ]);
        let path = folder.path().join("failed.json");
        let trace = path.display().to_string();
        let failed = paceline.run(&["--trace", &trace, "run", NIGHTLY]);
        assert_eq!(failed.code, 1, "{failed}");
        let found = self::bars(&path);
        assert!(only(&found, "run").holds(only(&found, "choose")));
    });
}

#[test]
fn a_trace_that_cannot_be_written_is_said_before_anything_is_done() {
    let (folder, paceline) = on_new_sqlite();
    let outcome = paceline.run(&["--trace", "/no/such/folder/t.json", "migrate"]);
    outcome.expect(78, &["cannot write the trace /no/such/folder/t.json", "next: "]);
    assert!(!folder.path().join("paceline.db").exists());
}
