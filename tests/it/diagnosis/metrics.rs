//! Metrics: by the rules of the text format, true, and there when a command has failed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{ANSWER, NIGHTLY, SIX, ended, start, terminate, until};
use crate::support::cli::{Paceline, file, on_both_stores, on_new_sqlite};

/// A sample's name and labels, as they stand.
type Samples = BTreeMap<String, f64>;

/// Reads a page by the rules of "Text-based format" 0.0.4, and ours: HELP and TYPE before the samples of each
/// name, each name in one place, no sample twice, `_total` for counters and only for them.
fn parse(text: &str) -> Samples {
    assert!(text.ends_with('\n'), "the last line has no end");
    let mut samples = Samples::new();
    let (mut seen, mut current): (BTreeSet<String>, Option<(String, Option<String>)>) = (BTreeSet::new(), None);
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect("a text");
            assert!(!words.trim().is_empty(), "{line}");
            assert!(seen.insert(name.to_owned()), "{name} is in two places");
            current = Some((name.to_owned(), None));
            continue;
        }
        let (family, kind) = current.as_mut().unwrap_or_else(|| panic!("no HELP before {line}"));
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, word) = declared.split_once(' ').expect("a type");
            assert_eq!(name, family, "{line}");
            assert_eq!(name.ends_with("_total"), word == "counter", "{line}");
            assert!(["gauge", "counter"].contains(&word), "{line}");
            *kind = Some(word.to_owned());
            continue;
        }
        assert!(kind.is_some(), "no TYPE before {line}");
        let (sample, value) = line.rsplit_once(' ').expect("a value");
        let name = sample.split('{').next().expect("a name");
        assert_eq!(name, family, "{line}");
        assert!(is_name(name) && name.starts_with("paceline_"), "{line}");
        assert_labels(&sample[name.len()..], line);
        let value: f64 = value.parse().unwrap_or_else(|e| panic!("{line}: {e}"));
        assert!(samples.insert(sample.to_owned(), value).is_none(), "twice: {line}");
    }
    assert!(!samples.is_empty());
    samples
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// `{a="x",b="y"}`, or nothing.
fn assert_labels(labels: &str, line: &str) {
    if labels.is_empty() {
        return;
    }
    let mut rest = labels
        .strip_prefix('{')
        .and_then(|it| it.strip_suffix('}'))
        .expect(line);
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").expect(line);
        assert!(is_name(name), "{line}");
        let mut escaped = false;
        let end = after.char_indices().find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        let (end, _) = end.expect(line);
        rest = after[end + 1..].trim_start_matches(',');
    }
}

/// What `promtool` says, where there is one.
fn promtool(text: &str) {
    let tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut tool) = tool else { return };
    tool.stdin
        .take()
        .expect("a pipe")
        .write_all(text.as_bytes())
        .expect("written");
    let output = tool.wait_with_output().expect("ended");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn read(path: &Path) -> Samples {
    let text = std::fs::read_to_string(path).expect("a metrics file");
    promtool(&text);
    parse(&text)
}

fn with_file(paceline: &Paceline, folder: &tempfile::TempDir, args: &[&str], code: i32) -> Samples {
    let path = folder.path().join("paceline.prom");
    let _ = std::fs::remove_file(&path);
    let outcome = paceline.run(&[&["--metrics-file", &path.display().to_string()], args].concat());
    assert_eq!(outcome.code, code, "{outcome}");
    let entries = std::fs::read_dir(folder.path()).expect("a folder");
    let half = entries.filter(|entry| {
        entry
            .as_ref()
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .contains(".prom.")
    });
    assert_eq!(half.count(), 0, "a half-written file is left");
    read(&path)
}

#[track_caller]
fn is(samples: &Samples, sample: &str, value: f64) {
    assert_eq!(samples.get(sample), Some(&value), "{sample} in {samples:#?}");
}

#[test]
fn what_a_run_did_is_what_its_metrics_say() {
    on_both_stores(|paceline, folder| {
        let six = file(folder, "six.csv", SIX);
        let report = {
            let samples = with_file(paceline, folder, &["run", NIGHTLY, "--import", &six], 0);
            is(&samples, "paceline_store_up", 1.0);
            is(&samples, "paceline_command_exit_code{command=\"run\"}", 0.0);
            is(&samples, "paceline_run_last_success{pipeline=\"nightly\"}", 1.0);
            is(&samples, "paceline_run_last_rows_read{pipeline=\"nightly\"}", 6.0);
            is(
                &samples,
                "paceline_run_last_rows{outcome=\"classified\",pipeline=\"nightly\"}",
                6.0,
            );
            is(
                &samples,
                "paceline_run_last_rows{outcome=\"skipped\",pipeline=\"nightly\"}",
                0.0,
            );
            is(
                &samples,
                "paceline_run_last_rows{outcome=\"quarantined\",pipeline=\"nightly\"}",
                0.0,
            );
            is(&samples, "paceline_run_last_rows_fallback{pipeline=\"nightly\"}", 0.0);
            is(
                &samples,
                "paceline_run_last_changes{outcome=\"new\",pipeline=\"nightly\"}",
                6.0,
            );
            is(&samples, "paceline_run_last_rows_written{pipeline=\"nightly\"}", 12.0);
            is(&samples, "paceline_classifications{label=\"real_run\"}", 3.0);
            is(&samples, "paceline_classifications{label=\"pup_walk\"}", 3.0);
            is(&samples, "paceline_audit_segments", 1.0);
            is(&samples, "paceline_audit_rows", 6.0);
            is(&samples, "paceline_audit_unsealed_rows", 0.0);
            is(&samples, "paceline_corrections_waiting", 0.0);
            is(&samples, "paceline_lease_held{pipeline=\"nightly\"}", 0.0);
            // 2026-01-02 03:04:05 UTC, the instant that --now gives.
            let at = 1_767_323_045.0;
            is(
                &samples,
                "paceline_run_last_success_timestamp_seconds{pipeline=\"nightly\"}",
                at,
            );
            is(
                &samples,
                "paceline_run_last_start_timestamp_seconds{pipeline=\"nightly\"}",
                at,
            );
            is(&samples, "paceline_model_active_trained_timestamp_seconds", at);
            samples
        };
        let info = report
            .keys()
            .find(|name| name.starts_with("paceline_model_active_info{"))
            .expect("a model");
        assert!(
            info.contains("version=\"1.0.0\"") && info.contains("algorithm=\"anchored-kmeans\""),
            "{info}"
        );
        let stages: Vec<&str> = report
            .keys()
            .filter_map(|name| {
                name.strip_prefix("paceline_run_last_stage_duration_seconds{pipeline=\"nightly\",stage=\"")
            })
            .map(|rest| rest.trim_end_matches("\"}"))
            .collect();
        for stage in ["load", "featurize", "choose", "classify", "diff", "gate", "write"] {
            assert!(stages.contains(&stage), "{stage} is not in {stages:?}");
        }

        let samples = with_file(paceline, folder, &ANSWER, 0);
        is(&samples, "paceline_corrections_waiting", 1.0);
        is(&samples, "paceline_command_exit_code{command=\"feedback add\"}", 0.0);
        is(&samples, "paceline_run_last_rows_read{pipeline=\"nightly\"}", 6.0);
    });
}

#[test]
fn a_failure_is_written_with_its_exit_code() {
    on_both_stores(|paceline, folder| {
        let six = file(folder, "six.csv", SIX);
        paceline.ok(&["run", NIGHTLY, "--import", &six]);
        paceline.tamper(&[
            "UPDATE ml_model_registry SET artifact = REPLACE(artifact, '\"format_version\":1', '\"format_version\":9')",
        ]);
        let later = paceline.at("2026-01-03T03:04:05Z");
        let samples = with_file(&later, folder, &["run", NIGHTLY], 1);
        is(&samples, "paceline_command_exit_code{command=\"run\"}", 1.0);
        is(&samples, "paceline_run_last_success{pipeline=\"nightly\"}", 0.0);
        // When it last went well is still known.
        is(
            &samples,
            "paceline_run_last_success_timestamp_seconds{pipeline=\"nightly\"}",
            1_767_323_045.0,
        );
        is(
            &samples,
            "paceline_run_last_start_timestamp_seconds{pipeline=\"nightly\"}",
            1_767_409_445.0,
        );
        let absent = with_file(paceline, folder, &["run", "no-such.toml"], 78);
        is(&absent, "paceline_command_exit_code{command=\"run\"}", 78.0);
    });
    let (folder, paceline) = on_new_sqlite();
    let samples = with_file(&paceline, &folder, &["verify"], 69);
    is(&samples, "paceline_store_up", 0.0);
    is(&samples, "paceline_command_exit_code{command=\"verify\"}", 69.0);
    assert!(
        !samples.keys().any(|name| name.starts_with("paceline_classifications")),
        "{samples:?}"
    );
}

#[test]
fn a_metrics_file_that_cannot_be_written_does_not_make_a_failure_of_a_run() {
    let (folder, paceline) = on_new_sqlite();
    let six = file(&folder, "six.csv", SIX);
    let outcome = paceline.ok(&[
        "--metrics-file",
        "/no/such/folder/x.prom",
        "run",
        NIGHTLY,
        "--import",
        &six,
    ]);
    assert!(outcome.stderr.contains("no metrics file: cannot write"), "{outcome}");
}

#[test]
fn a_label_that_holds_anything_is_escaped() {
    let (folder, paceline) = on_new_sqlite();
    let six = file(&folder, "six.csv", SIX);
    let odd = file(&folder, "odd.toml", "name = 'a \"b\" \\ c'\n");
    let samples = with_file(&paceline, &folder, &["run", &odd, "--import", &six], 0);
    is(
        &samples,
        "paceline_run_last_success{pipeline=\"a \\\"b\\\" \\\\ c\"}",
        1.0,
    );
}

/// The page of the documentation names each figure, with its labels.
fn assert_documented(page: &str) {
    let documentation = include_str!("../../../docs/metrics.md");
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_once(['{', ' ']).expect("a name");
        let row = documentation
            .lines()
            .find(|row| row.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/metrics.md does not name {name}"));
        for label in rest
            .split(['{', ','])
            .filter_map(|part| part.split_once("=\""))
            .map(|(label, _)| label)
        {
            assert!(
                row.contains(&format!("`{label}`")),
                "{name} has the label {label}: {row}"
            );
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

/// Status line, headers and body of an answer; None where there was none.
fn ask(port: u16, request: &str) -> Option<(String, String, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let (status, headers) = head.split_once("\r\n")?;
    Some((status.to_owned(), headers.to_lowercase(), body.to_owned()))
}

fn get(port: u16, path: &str) -> Option<(String, String, String)> {
    ask(port, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
}

#[test]
fn a_scheduler_answers_and_is_not_held_up_by_who_asks() {
    on_both_stores(|paceline, folder| {
        let six = file(folder, "six.csv", SIX);
        paceline.ok(&["import", &six]);
        let (port, prom) = (free_port(), folder.path().join("service.prom"));
        let address = format!("127.0.0.1:{port}");
        let (written, listen) = (prom.display().to_string(), ["--metrics-listen", &address]);
        let args = [&["--metrics-file", &written, "schedule", NIGHTLY][..], &listen].concat();
        let child = start(paceline.url(), &args, &[]);
        // It never ran, so it is due at once.
        let page = until("the first run", || {
            let (status, headers, body) = get(port, "/metrics")?;
            assert_eq!(status, "HTTP/1.1 200 OK");
            assert!(headers.contains("content-type: text/plain; version=0.0.4"), "{headers}");
            // The second answer at least: the endpoint has counted the first one, and the scheduler has seen the end.
            let shown = [
                "paceline_run_last_success{pipeline=\"nightly\"} 1",
                "paceline_schedule_running{pipeline=\"nightly\"} 0",
                "paceline_http_requests_total{",
            ];
            shown.iter().all(|part| body.contains(part)).then_some(body)
        });
        promtool(&page);
        assert_documented(&page);
        let samples = parse(&page);
        is(&samples, "paceline_store_up", 1.0);
        is(
            &samples,
            "paceline_run_last_changes{outcome=\"new\",pipeline=\"nightly\"}",
            6.0,
        );
        is(&samples, "paceline_schedule_running{pipeline=\"nightly\"}", 0.0);
        for name in [
            "paceline_schedule_last_look_timestamp_seconds",
            "paceline_http_requests_total{code=\"200\",path=\"/metrics\"}",
        ] {
            assert!(samples.contains_key(name), "{name} in {samples:#?}");
        }
        let stage = "paceline_run_last_stage_duration_seconds{pipeline=\"nightly\",stage=\"write\"}";
        assert!(samples.contains_key(stage), "{samples:#?}");
        until("the file", || prom.exists().then_some(()));
        is(&read(&prom), "paceline_store_up", 1.0);

        let (status, headers, body) = get(port, "/healthz").expect("an answer");
        assert_eq!(status, "HTTP/1.1 200 OK");
        assert!(headers.contains("application/json"), "{headers}");
        let health: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(health["pipelines"][0]["last_status"], "succeeded");
        assert_eq!(get(port, "/etc/passwd").expect("an answer").0, "HTTP/1.1 404 Not Found");
        let post = "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(ask(port, post).expect("an answer").0, "HTTP/1.1 405 Method Not Allowed");
        let long = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", "x".repeat(100_000));
        assert!(ask(port, &long).is_none_or(|(status, ..)| !status.contains("200")));

        // Who connects and says nothing takes the places, for as long as a request may take to arrive.
        let idle: Vec<TcpStream> = (0..24)
            .filter_map(|_| TcpStream::connect(("127.0.0.1", port)).ok())
            .collect();
        assert!(
            get(port, "/metrics").is_none(),
            "more connections than there are places"
        );
        until("a place", || get(port, "/metrics"));
        drop(idle);

        terminate(&child);
        let outcome = ended(child);
        assert_eq!(outcome.code, 143, "{outcome}");
        is(&read(&prom), "paceline_command_exit_code{command=\"schedule\"}", 143.0);
        assert!(get(port, "/metrics").is_none());
    });
}

#[test]
fn an_address_that_is_taken_is_a_matter_of_configuration() {
    let (_folder, paceline) = on_new_sqlite();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let outcome = ended(start(
        paceline.url(),
        &["schedule", NIGHTLY, "--metrics-listen", &address],
        &[],
    ));
    outcome.expect(78, &["cannot listen on 127.0.0.1", "next: "]);
}
