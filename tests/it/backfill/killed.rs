//! `kill -9` in the middle of a backfill, and how much memory one takes.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::workouts;
use crate::support::cli::{Paceline, file};
use crate::support::{TestStore, block_on, connect, now};
use tempfile::TempDir;

/// No backfill of a test may take longer.
const PATIENCE: Duration = Duration::from_secs(900);

/// A store of its own with invented workouts.
struct Scene {
    store: TestStore,
    paceline: Paceline,
    _folder: TempDir,
}

fn scene(store: TestStore, rows: usize) -> Scene {
    let folder = tempfile::tempdir().expect("a folder");
    let paceline = Paceline::new(&store.url);
    let export = file(&folder, "workouts.csv", workouts(rows, 9));
    paceline.ok(&["import", &export]);
    Scene {
        store,
        paceline,
        _folder: folder,
    }
}

const BACKFILL: &[&str] = &["--output", "json", "backfill", "pipelines/nightly.toml"];
const BY_MONTH: &[&str] = &["--window", "1mo"];

impl Scene {
    /// The real binary, in a process that can be killed; its clock runs.
    fn begin(&self, window: &[&str], args: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
        command
            .args(BACKFILL)
            .args(window)
            .args(args)
            .env("DATABASE_URL", &self.store.url);
        command.env_remove("RUST_LOG").env_remove("PACELINE_CRASH_AT");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the binary starts")
    }

    fn rows(&self, text: &str) -> Vec<Vec<String>> {
        block_on(async {
            let db = connect(&self.store.url).await.expect("connect");
            let found = TestStore::rows_of(&db, text).await;
            db.close().await.expect("close");
            found
        })
    }

    fn completed(&self) -> u64 {
        let text = "SELECT COUNT(*) FROM backfill_windows WHERE status = 'completed'";
        self.rows(text)[0][0].parse().expect("a count")
    }
}

/// The most memory that a process has held, in KiB, asked for until it ends. Its exit must be 0.
fn peak_until_the_end(mut child: Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let begun = Instant::now();
    let mut peak = 0;
    let out = child.stdout.take().expect("piped");
    // Read aside, or a full pipe would stop it.
    let reader = std::thread::spawn(move || std::io::read_to_string(out).expect("text"));
    let exit = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("VmHWM:"));
        let kib = line
            .and_then(|line| line.split_whitespace().nth(1))
            .and_then(|n| n.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        if let Some(exit) = child.try_wait().expect("wait") {
            break exit;
        }
        assert!(begun.elapsed() < PATIENCE, "the backfill takes too long");
        std::thread::sleep(Duration::from_millis(10));
    };
    let report = reader.join().expect("read");
    assert!(exit.success(), "{exit}: {report}");
    peak
}

/// Kills a backfill when about a third and again when about two thirds of its windows are done, and lets the
/// third come to its end; the third's peak memory in KiB.
fn killed_twice_and_resumed(store: TestStore, rows: usize, windows: u64) -> u64 {
    let scene = scene(store, rows);
    for (third, args) in [(1, &[][..]), (2, &["--resume"][..])] {
        let mut child = scene.begin(BY_MONTH, args);
        let begun = Instant::now();
        while scene.completed() < windows * third / 3 {
            let running = child.try_wait().expect("wait").is_none();
            assert!(running && begun.elapsed() < PATIENCE, "it ended before it was killed");
            std::thread::sleep(Duration::from_millis(5));
        }
        // SIGKILL: nothing is flushed, nothing is said.
        child.kill().expect("kill");
        child.wait().expect("wait");
    }
    let before = scene.rows("SELECT window_no, run_id, attempts, rows_written FROM backfill_windows WHERE status = 'completed' ORDER BY window_no");
    let done = before.len() as u64;
    assert!(
        done >= windows * 2 / 3 && done < windows,
        "{done} of {windows} windows done when it was killed"
    );
    let peak = peak_until_the_end(scene.begin(BY_MONTH, &["--resume"]));

    let after = scene.rows("SELECT window_no, run_id, attempts, rows_written FROM backfill_windows WHERE status = 'completed' ORDER BY window_no");
    assert_eq!(after.len() as u64, windows);
    assert!(before.iter().all(|row| after.contains(row)), "a window was done twice");
    assert!(after.iter().all(|row| row[2] == "1"), "each in one attempt");
    let runs = scene.rows("SELECT status FROM pipeline_runs ORDER BY started_at");
    assert_eq!(
        runs,
        [["partial"], ["partial"], ["succeeded"]],
        "the dead ones are closed by those who came after"
    );
    let doubled = "SELECT workout_id FROM workout_classification_history GROUP BY workout_id HAVING COUNT(*) > 1";
    assert!(scene.rows(doubled).is_empty(), "a history row was doubled");
    let classified: usize = scene.rows("SELECT COUNT(*) FROM workout_ml_classifications")[0][0]
        .parse()
        .expect("a count");
    let rides: usize = scene.rows("SELECT COUNT(*) FROM workout_summary WHERE activity_type = 'Bike Ride'")[0][0]
        .parse()
        .expect("a count");
    assert_eq!(classified + rides, rows);
    let verified = scene.paceline.json(&["verify"]);
    assert_eq!(verified["ok"], true, "{verified}");
    peak
}

fn on(mariadb: bool) -> TestStore {
    block_on(async {
        let store = if mariadb {
            TestStore::mariadb().await
        } else {
            TestStore::sqlite().await
        };
        store.db.migrate(now()).await.expect("migrate");
        store
    })
}

#[test]
fn killed_with_sigkill_a_backfill_goes_on_where_it_stopped() {
    // Eight workouts a day: 20,000 are 2,500 days, 83 months.
    for (mariadb, rows, windows) in [(false, 20_000, 83), (true, 8_000, 33)] {
        killed_twice_and_resumed(on(mariadb), rows, windows);
    }
}

/// The full measure: `cargo test --test it -- --ignored --nocapture two_hundred_thousand`.
#[test]
#[ignore = "minutes long: 200,000 workouts, and the peak memory beside 50,000"]
fn two_hundred_thousand_workouts_killed_resumed_and_in_bounded_memory() {
    for mariadb in [false, true] {
        let whole = |rows| {
            let scene = scene(on(mariadb), rows);
            let begun = Instant::now();
            let peak = peak_until_the_end(scene.begin(BY_MONTH, &[]));
            let took = begun.elapsed();
            // The model knows of all workouts, also where it was trained on a sample of them.
            let night = scene.paceline.json(&["run", "pipelines/nightly.toml"]);
            assert_eq!(night["rows_written"], 0, "{night}");
            (peak, took)
        };
        let (small, small_time) = whole(50_000);
        let (large, large_time) = whole(200_000);
        let store = if mariadb { "MariaDB" } else { "SQLite" };
        eprintln!(
            "{store}: peak {small} KiB for 50,000 workouts in {small_time:.1?}, {large} KiB for 200,000 in {large_time:.1?}"
        );
        assert!(
            large as f64 <= small as f64 * 1.2,
            "{store}: {large} KiB against {small} KiB"
        );
        // 200,000 at eight a day: 25,000 days, 822 months.
        let resumed = killed_twice_and_resumed(on(mariadb), 200_000, 822);
        eprintln!("{store}: killed twice and resumed; peak of the last {resumed} KiB");
        assert!(
            resumed as f64 <= small as f64 * 1.2,
            "{store}: {resumed} KiB against {small} KiB"
        );
    }
}

/// A window of two centuries, whatever is in it: `cargo test --test it -- --ignored --nocapture in_one_window`.
/// Both are above the sample that a model learns from, which is the last thing to grow with the rows.
#[test]
#[ignore = "minutes long: 400,000 workouts in one window, and the peak memory beside 100,000"]
fn four_hundred_thousand_workouts_in_one_window_take_no_more_memory_than_a_hundred_thousand() {
    for mariadb in [false, true] {
        let peak = |rows, concurrency| {
            let scene = scene(on(mariadb), rows);
            let centuries = ["--window", "2400mo", "--concurrency", concurrency];
            let peak = peak_until_the_end(scene.begin(&centuries, &[]));
            assert_eq!(scene.completed(), 1);
            peak
        };
        for concurrency in ["1", "4"] {
            let (small, large) = (peak(100_000, concurrency), peak(400_000, concurrency));
            let store = if mariadb { "MariaDB" } else { "SQLite" };
            eprintln!(
                "{store}, --concurrency {concurrency}: {small} KiB for 100,000 workouts, {large} KiB for 400,000"
            );
            assert!(
                large as f64 <= small as f64 * 1.2,
                "{store}: {large} KiB against {small} KiB"
            );
        }
    }
}
