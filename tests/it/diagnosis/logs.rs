//! Each line that is logged while a run is under way says which run it is of.

use serde_json::Value;

use super::{ANSWER, NIGHTLY, SIX, classify, ended, start};
use crate::support::cli::{NOW, Outcome, Paceline, file, on_both_stores};

/// A row that an older tool wrote: the next run warns that it adopts it.
const FOREIGN: &str = "INSERT INTO workout_classification_history (workout_id, new_classification, \
                       classification_source, changed_at) VALUES ('r1', 'pup_walk', 'ml_batch_update', \
                       '2026-01-01 00:00:00')";

fn lines(outcome: &Outcome) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}: {outcome}"));
    outcome.stderr.lines().map(parse).collect()
}

fn run_id(paceline: &Paceline) -> String {
    let runs = paceline.json(&["runs", "list"]);
    runs[0]["run_id"].as_str().expect("an id").to_owned()
}

#[test]
fn at_every_level_and_with_every_filter_a_line_of_a_run_has_its_id() {
    on_both_stores(|paceline, folder| {
        classify(paceline, folder);
        for (number, (flags, filter)) in [
            (&[][..], None),
            (&["-v"], None),
            (&["-vv"], None),
            (&[], Some("warn")),
            (&[], Some("paceline::pipeline::adopt=warn")),
            (&[], Some("trace")),
        ]
        .into_iter()
        .enumerate()
        {
            paceline.tamper(&[FOREIGN]);
            let at = |hour: u32| {
                let run = paceline.at(&format!("2026-02-0{}T0{hour}:00:00Z", number + 1));
                filter.map_or(run.clone(), |filter| run.with_env("RUST_LOG", filter))
            };
            let run = at(0);
            let outcome = run.ok(&[flags, &["--log-format", "json", "run", NIGHTLY]].concat());
            let id = run_id(&run);
            let all = lines(&outcome);
            let adopted = |line: &Value| line["message"].as_str().is_some_and(|text| text.starts_with("adopted"));
            assert!(all.iter().any(adopted), "{flags:?} {filter:?}: {outcome}");
            for line in &all {
                assert_eq!(line["run_id"], id.as_str(), "{flags:?} {filter:?}: {line}");
                assert_eq!(line["pipeline"], "nightly", "{line}");
                assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
            }
            paceline.tamper(&[FOREIGN]);
            let run = at(1);
            let text = run.ok(&[flags, &["run", NIGHTLY]].concat());
            let id = run_id(&run);
            assert!(text.stderr.contains("adopted what others"), "{text}");
            for line in text.stderr.lines() {
                assert!(line.contains(&id), "{flags:?} {filter:?}: {line}");
            }
        }
    });
}

#[test]
fn lines_from_other_tasks_and_threads_have_it_too() {
    on_both_stores(|paceline, folder| {
        classify(paceline, folder);
        paceline.ok(&ANSWER);
        // A backfill prepares its windows in tasks; what each says is the backfill's.
        paceline.tamper(&[FOREIGN]);
        let range = [
            "--from",
            "2024-01-01",
            "--to",
            "2024-02-01",
            "--window",
            "1d",
            "--concurrency",
            "4",
        ];
        let paceline = &paceline.at("2026-02-01T00:00:00Z");
        let outcome = paceline.ok(&[&["-vv", "--log-format", "json", "backfill", NIGHTLY][..], &range].concat());
        let id = run_id(paceline);
        assert!(!lines(&outcome).is_empty(), "{outcome}");
        for line in lines(&outcome) {
            assert_eq!(line["run_id"], id.as_str(), "{line}");
        }
    });
}

#[test]
fn a_panic_of_a_scheduled_run_is_a_line_like_any_other() {
    on_both_stores(|paceline, folder| {
        let six = file(folder, "six.csv", SIX);
        paceline.ok(&["import", &six]);
        let args = ["--now", NOW, "--output", "json", "schedule", "--once", NIGHTLY];
        let outcome = ended(start(paceline.url(), &args, &[("PACELINE_PANIC_AT", "after_load")]));
        assert_eq!(outcome.code, 1, "{outcome}");
        assert_eq!(outcome.json()[0]["outcome"], "failed");
        let (log, error) = outcome.stderr.split_once("error: ").expect("the error at the end");
        assert!(error.contains("the run panicked"), "{outcome}");
        let lines: Vec<Value> = log
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let panicked = lines.iter().find(|line| line["at"].is_string()).expect("a line");
        let id = run_id(paceline);
        assert_eq!(panicked["run_id"], id.as_str(), "{panicked}");
        assert_eq!(panicked["level"], "ERROR");
        assert!(
            panicked["message"].as_str().expect("text").starts_with("panicked: "),
            "{panicked}"
        );
        assert!(
            panicked["at"].as_str().expect("a place").contains("points.rs"),
            "{panicked}"
        );
    });
}

#[test]
fn the_format_is_text_unless_a_service_prints_json() {
    on_both_stores(|paceline, folder| {
        classify(paceline, folder);
        let text = paceline.ok(&["-v", "--output", "json", "run", NIGHTLY]);
        assert!(text.stderr.contains("INFO run{run_id="), "{text}");
        let json = paceline
            .at("2026-03-01T00:00:00Z")
            .ok(&["-v", "--output", "json", "schedule", "--once", NIGHTLY]);
        assert!(!lines(&json).is_empty(), "{json}");
        let told = [
            "-v",
            "--output",
            "json",
            "--log-format",
            "text",
            "schedule",
            "--once",
            NIGHTLY,
        ];
        let text = paceline.at("2026-03-02T03:00:00Z").ok(&told);
        assert!(text.stderr.contains("INFO"), "{text}");
        assert!(!text.stderr.starts_with('{'), "{text}");
    });
}
