//! The scheduler on both stores: catch-up, overlap, two at once, and nights on which something breaks.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use paceline::config::Pipeline;
use paceline::id::RunId;
use paceline::pipeline::lease::{Lease, Process};
use paceline::pipeline::{Ambient, Silent};
use paceline::scheduler::health::Health;
use paceline::scheduler::ticks::Ticks;
use paceline::scheduler::{Entry, Outcome, Scheduler, Signal};
use paceline::store::Store;
use paceline::store::lease::Fence;
use paceline::time::Timestamp;
use tokio::sync::mpsc;

use crate::support::*;

/// A clock that tests set, and a place for them to meddle in a run.
#[derive(Clone)]
pub(crate) struct World {
    clock: Arc<AtomicI64>,
    at_point: Arc<dyn Fn(&'static str) + Send + Sync>,
}

impl World {
    pub(crate) fn new(at: &str) -> Self {
        let world = Self {
            clock: Arc::new(AtomicI64::new(0)),
            at_point: Arc::new(|_| {}),
        };
        world.set(at);
        world
    }

    pub(crate) fn meddling(self, at_point: impl Fn(&'static str) + Send + Sync + 'static) -> Self {
        let at_point = Arc::new(at_point);
        Self { at_point, ..self }
    }

    pub(crate) fn set(&self, at: &str) {
        let at: Timestamp = at.parse().expect("an instant");
        self.clock.store(at.micros(), Ordering::SeqCst);
    }

    pub(crate) fn ambient(&self) -> Ambient {
        let (clock, entropy) = (Arc::clone(&self.clock), AtomicU32::new(1));
        Ambient {
            clock: Arc::new(move || Timestamp::from_micros(clock.load(Ordering::SeqCst))),
            entropy: Arc::new(move || entropy.fetch_add(1, Ordering::SeqCst)),
            progress: Arc::new(Silent),
            at_point: Arc::clone(&self.at_point),
            process: Process::default(),
            stop: paceline::pipeline::stop::Stop::default(),
        }
    }

    fn scheduler(&self, test: &TestStore, names: &[&str]) -> Scheduler {
        let entries = names.iter().map(|name| entry(name)).collect();
        Scheduler::new(Store::new(test.db.clone()), self.ambient(), entries)
    }
}

fn text(name: &str) -> String {
    format!("name = '{name}'\n[schedule]\ncron = '30 2 * * *'\n")
}

fn entry(name: &str) -> Entry {
    let pipeline = Pipeline::parse(&text(name), "test.toml").expect("valid");
    let schedule = pipeline.schedule.clone().expect("a schedule");
    Entry { pipeline, schedule }
}

pub(crate) async fn once(scheduler: &mut Scheduler) -> Vec<Outcome> {
    let (_sender, mut signals) = mpsc::channel(1);
    scheduler.once(&mut signals, &|_| {}).await.0
}

/// Rows whose last column is an instant of a whole second, as both stores would show it.
pub(crate) async fn rows_until_second(test: &TestStore, query: &str) -> Vec<Vec<String>> {
    let mut rows = test.rows(query).await;
    for row in &mut rows {
        if let Some(at) = row.last_mut() {
            *at = at.trim_end_matches(".000000").to_owned();
        }
    }
    rows
}

async fn ledger(test: &TestStore) -> Vec<Vec<String>> {
    let query = "SELECT pipeline, trigger_kind, status, started_at FROM pipeline_runs ORDER BY started_at, run_id";
    rows_until_second(test, query).await
}

/// Waits until a run is in the ledger.
async fn one_has_begun(test: &TestStore) {
    let began = Instant::now();
    while test.rows("SELECT run_id FROM pipeline_runs").await.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "no run began");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn workouts(test: &TestStore) {
    for n in 0..40 {
        let pace = if n % 2 == 0 { 9.0 } else { 19.0 } + f64::from(n) / 40.0;
        test.run(&format!(
            "INSERT INTO workout_summary (workout_id, workout_date, activity_type, distance_mi, duration_sec, avg_pace) \
             VALUES ('w{n:02}', '2025-01-01 06:00:00', 'Run', 3.0, {}, {pace})",
            pace * 180.0
        ))
        .await;
    }
}

#[test]
fn three_nights_down_are_caught_up_once() {
    on_both_stores(|test| async move {
        let test = test;
        workouts(&test).await;
        let world = World::new("2026-06-01T02:30:02Z");
        let mut scheduler = world.scheduler(&test, &["nightly"]);
        assert!(matches!(once(&mut scheduler).await[..], [Outcome::Succeeded(_)]));
        // Down on the 2nd, 3rd and 4th; another process comes up on the 4th at noon.
        world.set("2026-06-04T12:00:00Z");
        let mut scheduler = world.scheduler(&test, &["nightly"]);
        assert!(matches!(once(&mut scheduler).await[..], [Outcome::Succeeded(_)]));
        for later in ["2026-06-04T12:00:00Z", "2026-06-04T12:01:00Z", "2026-06-05T02:29:59Z"] {
            world.set(later);
            assert!(matches!(once(&mut scheduler).await[..], [Outcome::NotDue]), "{later}");
        }
        world.set("2026-06-05T02:30:00Z");
        assert!(matches!(once(&mut scheduler).await[..], [Outcome::Succeeded(_)]));
        let starts = ["2026-06-01 02:30:02", "2026-06-04 12:00:00", "2026-06-05 02:30:00"];
        let expected = starts.map(|at| ["nightly", "schedule", "succeeded", at].map(str::to_owned).to_vec());
        assert_eq!(ledger(&test).await, expected);
    });
}

#[test]
fn nights_on_which_the_clock_changes_are_run_exactly_once() {
    on_both_stores(|test| async move {
        let test = test;
        workouts(&test).await;
        // Zone, a time that the change skips or repeats, the day before it, and the UTC starts of three nights.
        let changes = [
            (
                "Europe/Berlin",
                "30 2",
                "2026-03-28",
                ["28 01:30", "29 01:00", "30 00:30"],
            ),
            (
                "Europe/Berlin",
                "30 2",
                "2026-10-24",
                ["24 00:30", "25 00:30", "26 01:30"],
            ),
            (
                "America/New_York",
                "30 2",
                "2026-03-07",
                ["07 07:30", "08 07:00", "09 06:30"],
            ),
            (
                "America/New_York",
                "30 1",
                "2026-10-31",
                ["31 05:30", "01 05:30", "02 06:30"],
            ),
        ];
        for (index, (zone, time, day, nights)) in changes.into_iter().enumerate() {
            let name = format!("nightly {index}");
            let file = format!("{}timezone = '{zone}'\n", text(&name)).replace("30 2", time);
            let pipeline = Pipeline::parse(&file, "test.toml").expect("valid");
            let schedule = pipeline.schedule.clone().expect("a schedule");
            let world = World::new(day);
            let store = Store::new(test.db.clone());
            // The evening before is done.
            let done = RunId::generate(now(), index as u32);
            let (window, trigger) = (
                paceline::store::workouts::Window::default(),
                paceline::vocab::Trigger::Schedule,
            );
            let started = store.start_run(&done, &name, trigger, window, day.parse().expect("a day"));
            started.await.expect("entered");
            let mut scheduler = Scheduler::new(store, world.ambient(), vec![Entry { pipeline, schedule }]);
            for five_minutes in 1..=(3 * 288) {
                let from: Timestamp = day.parse().expect("a day");
                world
                    .clock
                    .store(from.micros() + five_minutes * 300_000_000, Ordering::SeqCst);
                let outcomes = once(&mut scheduler).await;
                assert!(
                    matches!(outcomes[..], [Outcome::Succeeded(_) | Outcome::NotDue]),
                    "{outcomes:?}"
                );
            }
            let begun = test
                .rows(&format!(
                    "SELECT started_at FROM pipeline_runs WHERE pipeline = '{name}' AND run_id <> '{done}' ORDER BY 1"
                ))
                .await;
            let begun: Vec<&str> = begun.iter().map(|row| &row[0][8..16]).collect();
            assert_eq!(begun, nights, "{zone} {day}");
        }
    });
}

#[test]
fn a_live_holder_is_an_overlap_and_a_silent_one_is_waited_for() {
    on_both_stores(|test| async move {
        let test = test;
        workouts(&test).await;
        let world = World::new("2026-06-01T02:29:58Z");
        let store = Store::new(test.db.clone());
        let manual = RunId::generate(now(), 99);
        let Ok(lease) = Lease::acquire(&store, "nightly", &manual, false, &world.ambient()).await else {
            panic!("free");
        };
        let mut scheduler = world.scheduler(&test, &["nightly"]);
        // Due at 02:30, held since 02:29:58, and nothing heard of the holder since: it may be dead.
        world.set("2026-06-01T02:30:01Z");
        assert!(matches!(once(&mut scheduler).await[..], [Outcome::Waiting { .. }]));
        assert!(ledger(&test).await.is_empty());
        // A sign of life: an overlap, said once.
        let (at, expiry) = ("2026-06-01T02:30:50Z", "2026-06-01T02:31:50Z");
        let fence = Fence {
            pipeline: "nightly".to_owned(),
            number: 1,
        };
        let alive = store.beat_lease(&fence, at.parse().expect("t"), expiry.parse().expect("t"));
        assert!(alive.await.expect("beat"));
        world.set("2026-06-01T02:31:00Z");
        let outcomes = once(&mut scheduler).await;
        let [Outcome::Skipped { why, .. }] = &outcomes[..] else {
            panic!("{outcomes:?}");
        };
        assert!(
            why.contains(manual.as_str()) && why.contains("due at 2026-06-01 02:30:00"),
            "{why}"
        );
        world.set("2026-06-01T02:32:00Z");
        assert!(matches!(once(&mut scheduler).await[..], [Outcome::NotDue]));
        let skipped = ["nightly", "schedule", "skipped", "2026-06-01 02:31:00"].map(str::to_owned);
        assert_eq!(ledger(&test).await, [skipped]);
        let why = test.rows("SELECT error_kind, error_message FROM pipeline_runs").await;
        assert!(why[0][0] == "lease_held" && why[0][1].contains("is held by"), "{why:?}");
        // The holder was silent before the next night, and its lease has expired.
        world.set("2026-06-02T02:30:00Z");
        assert!(matches!(once(&mut scheduler).await[..], [Outcome::Succeeded(_)]));
        lease.release("2026-06-02T02:31:00Z".parse().expect("an instant")).await;
    });
}

/// A loop in the background, with a hand on its ticks, its signals and its health.
pub(crate) struct Loop {
    ticks: mpsc::Sender<()>,
    signals: mpsc::Sender<Signal>,
    health: tokio::sync::watch::Receiver<Option<Health>>,
    task: tokio::task::JoinHandle<Signal>,
}

impl Loop {
    pub(crate) fn start(mut scheduler: Scheduler) -> Self {
        let (ticks, receiver) = mpsc::channel(1);
        let (signals, mut told) = mpsc::channel(2);
        let (report, health) = tokio::sync::watch::channel(None);
        let task = tokio::spawn(async move {
            let report = move |health: &Health| {
                report.send_replace(Some(health.clone()));
            };
            scheduler.run(Ticks::by_hand(receiver), &mut told, &report).await
        });
        Self {
            ticks,
            signals,
            health,
            task,
        }
    }

    pub(crate) async fn tick(&self) {
        self.ticks.send(()).await.expect("the loop is alive");
    }

    /// Waits until the health report is as wanted.
    pub(crate) async fn until(&mut self, what: &str, wanted: impl Fn(&Health) -> bool) -> Health {
        let seen = self.health.wait_for(|health| health.as_ref().is_some_and(&wanted));
        let seen = tokio::time::timeout(Duration::from_secs(60), seen).await;
        let health = seen.unwrap_or_else(|_| panic!("not within a minute: {what}"));
        health.expect("the loop is alive").clone().expect("a report")
    }

    pub(crate) async fn stop(self) {
        self.signals.send(Signal::Terminate).await.expect("the loop is alive");
        assert_eq!(self.task.await.expect("no panic"), Signal::Terminate);
    }
}

#[test]
fn what_breaks_in_one_night_does_not_stop_the_next() {
    on_both_stores(|test| async move {
        let test = test;
        workouts(&test).await;
        let panics = Arc::new(AtomicU32::new(1));
        let left = Arc::clone(&panics);
        let world = World::new("2026-06-01T02:30:00Z").meddling(move |point| {
            let last_one = point == "after_load" && left.swap(0, Ordering::SeqCst) == 1;
            assert!(!last_one, "a bug in the first night");
        });
        let mut watched = Loop::start(world.scheduler(&test, &["nightly"]));
        let ended = |status: &'static str, at: &'static str| {
            move |health: &Health| {
                let p = &health.pipelines[0];
                !p.running && p.last_status.as_deref() == Some(status) && p.last_started_at.as_deref() == Some(at)
            }
        };
        // The first look comes without a tick, and its run panics.
        let health = watched
            .until("a panic", ended("failed", "2026-06-01 02:30:00.000000"))
            .await;
        let error = health.pipelines[0].last_error.clone().expect("an error");
        assert!(error.contains("a bug in the first night"), "{error}");
        let row = test
            .rows("SELECT error_kind, error_stage, error_message FROM pipeline_runs")
            .await;
        assert_eq!(row, [["bug", "run", "the run panicked: a bug in the first night"]]);
        // In the second night the run fails: a table is away.
        world.set("2026-06-02T02:30:00Z");
        test.run("ALTER TABLE workout_summary RENAME TO elsewhere").await;
        watched.tick().await;
        watched
            .until("a failure", ended("failed", "2026-06-02 02:30:00.000000"))
            .await;
        test.run("ALTER TABLE elsewhere RENAME TO workout_summary").await;
        // In the third the ledger itself is away, so it cannot even be told that something is due ..
        world.set("2026-06-03T02:30:00Z");
        test.run("ALTER TABLE pipeline_runs RENAME TO elsewhere").await;
        watched.tick().await;
        let health = watched
            .until("no ledger", |health| {
                let at = Some("2026-06-03 02:30:00.000000");
                health.last_tick.as_deref() == at && health.pipelines[0].last_error.is_some()
            })
            .await;
        let error = health.pipelines[0].last_error.clone().expect("an error");
        assert!(error.contains("pipeline_runs"), "{error}");
        test.run("ALTER TABLE elsewhere RENAME TO pipeline_runs").await;
        // .. and a quarter of an hour later it is back, and the night is made up for.
        world.set("2026-06-03T02:45:00Z");
        watched.tick().await;
        let health = watched
            .until("a run", ended("succeeded", "2026-06-03 02:45:00.000000"))
            .await;
        assert_eq!(health.pipelines[0].last_error, None);
        assert_eq!(
            health.pipelines[0].next_due.as_deref(),
            Some("2026-06-04 02:30:00.000000")
        );
        assert_eq!(
            test.rows("SELECT COUNT(*) FROM workout_ml_classifications").await,
            [["40"]]
        );
        watched.stop().await;
    });
}

/// Two pipelines that are due: one runs, the other waits in line. Each run stops after its load until a
/// message through the sender lets it go on.
async fn two_in_line(test: &TestStore) -> (World, Loop, std::sync::mpsc::Sender<()>) {
    workouts(test).await;
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let world = World::new("2026-06-01T02:30:00Z").meddling(move |point| {
        if point == "after_load" {
            let wait = || gate.lock().expect("no panic").recv_timeout(Duration::from_secs(60));
            tokio::task::block_in_place(wait).expect("let go");
        }
    });
    let mut watched = Loop::start(world.scheduler(test, &["nightly", "other"]));
    watched
        .until("both in line", |health| health.pipelines.iter().all(|p| p.running))
        .await;
    // One run at a time: the other pipeline waits in line and has no row yet.
    one_has_begun(test).await;
    (world, watched, go)
}

#[test]
fn an_overlap_with_the_own_last_run_is_skipped_and_said_once() {
    on_both_stores(|test| async move {
        let test = test;
        let (world, mut watched, go) = two_in_line(&test).await;
        world.set("2026-06-02T02:30:00Z");
        watched.tick().await;
        watched
            .until("skips", |h| h.pipelines.iter().all(|p| p.last_status.is_some()))
            .await;
        for at in ["2026-06-02T02:31:00Z", "2026-06-02T02:32:00Z"] {
            world.set(at);
            watched.tick().await;
            watched
                .until("a look", |h| {
                    h.last_tick
                        .as_deref()
                        .is_some_and(|t| at.starts_with(&t[..10]) && t[14..16] == at[14..16])
                })
                .await;
        }
        let skipped =
            "SELECT pipeline, error_message, started_at FROM pipeline_runs WHERE status = 'skipped' ORDER BY pipeline";
        let rows = rows_until_second(&test, skipped).await;
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert!(rows.iter().all(|row| row[2] == "2026-06-02 02:30:00"), "{rows:?}");
        assert!(rows[0][1].contains("has not ended yet"), "{rows:?}");
        // Both runs are let go, and end; the one that waited was not lost to the skip.
        go.send(()).expect("waiting");
        go.send(()).expect("waiting");
        watched
            .until("both ended", |health| health.pipelines.iter().all(|p| !p.running))
            .await;
        let done = test
            .rows("SELECT pipeline, status FROM pipeline_runs WHERE status <> 'skipped' ORDER BY pipeline")
            .await;
        assert_eq!(done, [["nightly", "succeeded"], ["other", "succeeded"]]);
        watched.stop().await;
    });
}

#[test]
fn a_signal_lets_the_run_finish_and_what_waits_in_line_not_begin() {
    on_both_stores(|test| async move {
        let test = test;
        let (_world, mut watched, go) = two_in_line(&test).await;
        watched.signals.send(Signal::Interrupt).await.expect("alive");
        watched
            .until("stopping", |health| {
                serde_json::to_value(health.state).expect("json") == "stopping"
            })
            .await;
        go.send(()).expect("waiting");
        assert_eq!(watched.task.await.expect("no panic"), Signal::Interrupt);
        let rows = test.rows("SELECT status FROM pipeline_runs").await;
        assert_eq!(rows, [["succeeded"]]);
        assert_eq!(
            test.rows("SELECT COUNT(*) FROM workout_ml_classifications").await,
            [["40"]]
        );
        assert_eq!(test.rows("SELECT run_id FROM pipeline_lease").await, [["NULL"]]);
    });
}

/// The program with this store.
pub(crate) fn paceline(test: &TestStore, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    command
        .args(arguments)
        .env("DATABASE_URL", &test.url)
        .env_remove("RUST_LOG");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn pipeline_file(folder: &tempfile::TempDir, text: &str) -> String {
    let path = folder.path().join("nightly.toml");
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn who_gets_the_lease_looks_again_before_it_runs() {
    on_both_stores(|test| async move {
        let test = test;
        workouts(&test).await;
        let world = World::new("2026-06-01T02:30:00Z");
        let (handle, other) = (tokio::runtime::Handle::current(), Store::new(test.db.clone()));
        let mut ambient = world.ambient();
        // Between the look and the grasp another scheduler begins and ends.
        ambient.entropy = Arc::new(move || {
            let (run_id, window) = (RunId::generate(now(), 5), paceline::store::workouts::Window::default());
            let at = "2026-06-01T02:30:00.5Z".parse().expect("an instant");
            let run = other.start_run(&run_id, "nightly", paceline::vocab::Trigger::Schedule, window, at);
            tokio::task::block_in_place(|| handle.block_on(run)).expect("entered");
            6
        });
        let mut scheduler = Scheduler::new(Store::new(test.db.clone()), ambient, vec![entry("nightly")]);
        assert!(matches!(once(&mut scheduler).await[..], [Outcome::DoneElsewhere]));
        assert_eq!(ledger(&test).await.len(), 1);
        assert_eq!(
            test.rows("SELECT run_id FROM pipeline_lease").await,
            [["NULL"]],
            "given back"
        );
    });
}

#[test]
fn two_schedulers_on_one_store_run_a_night_once() {
    on_both_stores(|test| async move {
        let test = test;
        workouts(&test).await;
        let folder = tempfile::tempdir().expect("a folder");
        let file = pipeline_file(&folder, &text("nightly"));
        for night in 1..=4 {
            let now = format!("2026-06-0{night}T02:30:00Z");
            let schedule = ["schedule", &file, "--once", "--now", &now, "--output", "json"];
            let both: Vec<Child> = (0..3)
                .map(|_| paceline(&test, &schedule).spawn().expect("started"))
                .collect();
            let mut outcomes = Vec::new();
            for child in both {
                let output = child.wait_with_output().expect("ended");
                let error = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.code(), Some(0), "{error}");
                let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
                outcomes.push(answer[0]["outcome"].as_str().expect("a word").to_owned());
            }
            outcomes.sort();
            let ran = outcomes.iter().filter(|outcome| *outcome == "succeeded").count();
            assert_eq!(ran, 1, "{now}: {outcomes:?}");
            let others = ["skipped", "not_due", "done_elsewhere", "succeeded"];
            assert!(outcomes.iter().all(|o| others.contains(&o.as_str())), "{outcomes:?}");
        }
        let begun = "SELECT status, started_at FROM pipeline_runs WHERE status <> 'skipped' ORDER BY started_at";
        let expected: Vec<Vec<String>> = (1..=4)
            .map(|night| vec!["succeeded".to_owned(), format!("2026-06-0{night} 02:30:00")])
            .collect();
        assert_eq!(rows_until_second(&test, begun).await, expected);
    });
}

#[test]
fn a_crashed_run_is_closed_by_the_next_which_does_not_wait_for_it() {
    on_both_stores(|test| async move {
        let test = test;
        workouts(&test).await;
        let folder = tempfile::tempdir().expect("a folder");
        let file = pipeline_file(&folder, &format!("{}[write]\nchunk_rows = 10\n", text("nightly")));
        let once = |now: &str| paceline(&test, &["schedule", &file, "--once", "--now", now]);
        let crashed = once("2026-06-01T02:30:00Z")
            .env("PACELINE_CRASH_AT", "after_chunk:2")
            .output();
        assert!(!crashed.expect("ended").status.success());
        let lease = test.rows("SELECT run_id FROM pipeline_lease").await;
        assert!(lease[0][0].starts_with("run_20260601_023000_"), "{lease:?}");
        // The clock stands at the crash: no lease expires, but the process is known to be gone.
        let next = once("2026-06-02T02:30:00Z").output().expect("ended");
        assert!(next.status.success(), "{}", String::from_utf8_lossy(&next.stderr));
        let runs = test
            .rows("SELECT status, rows_written, error_kind FROM pipeline_runs ORDER BY started_at")
            .await;
        assert_eq!(runs, [["partial", "40", "taken_over"], ["succeeded", "40", "NULL"]]);
        assert_eq!(
            test.rows("SELECT COUNT(*) FROM workout_classification_history").await,
            [["40"]]
        );
    });
}

#[test]
fn sigterm_lets_a_service_finish_its_run_and_exit_143() {
    on_both_stores(|test| async move {
        let test = test;
        workouts(&test).await;
        let folder = tempfile::tempdir().expect("a folder");
        let file = pipeline_file(&folder, &format!("{}[write]\nchunk_rows = 1\n", text("nightly")));
        let health = folder.path().join("health.json");
        let arguments = [
            "schedule",
            &file,
            "--health-file",
            health.to_str().expect("UTF-8"),
            "--output",
            "json",
        ];
        // It never ran, so it is due at once.
        let child = paceline(&test, &arguments).spawn().expect("started");
        one_has_begun(&test).await;
        let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(kill.expect("kill").success());
        let output = child.wait_with_output().expect("ended");
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(143), "{log}");
        assert!(
            log.lines()
                .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
            "{log}"
        );
        assert_eq!(test.rows("SELECT status FROM pipeline_runs").await, [["succeeded"]]);
        let report = std::fs::read_to_string(&health).expect("a health file");
        let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
        assert_eq!(report["state"], "stopping");
        assert_eq!(report["pipelines"][0]["last_status"], "succeeded");
        let beside = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(
            beside, 2,
            "the pipeline file and the health file, and no half-written one"
        );
    });
}

#[test]
fn the_next_times_are_listed_without_a_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let berlin = format!("{}timezone = 'Europe/Berlin'\n", text("nightly"));
    let file = pipeline_file(&folder, &berlin);
    let output = Command::new(env!("CARGO_BIN_EXE_paceline"))
        .args([
            "schedule",
            &file,
            "--list",
            "--now",
            "2026-10-23T12:00:00Z",
            "--output",
            "json",
        ])
        .args(["--database-url", "sqlite:///nowhere/at/all.db"])
        .output()
        .expect("ended");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let next: Vec<&str> = listed[0]["next"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|t| t["utc"].as_str().expect("text"))
        .collect();
    let expected = [
        "2026-10-24 00:30:00",
        "2026-10-25 00:30:00",
        "2026-10-26 01:30:00",
        "2026-10-27 01:30:00",
        "2026-10-28 01:30:00",
    ];
    assert_eq!(next, expected);
}
