//! A server that dies, hangs up, locks, or takes no writes, in the middle of a command.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use paceline::db::watch::{Moment, Watch};
use paceline::pipeline::prepare::Options;
use paceline::pipeline::run::run;
use paceline::store::Store;
use paceline::vocab::Trigger;

use super::acts::{Act, nightly, rows};
use super::lab::{ambient, assert_sound};
use super::matrix::{is_full, tried};
use super::trial::{Clean, FAILING};
use crate::support::cli::{Paceline, file};
use crate::support::private::PrivateServer;
use crate::support::world::pipeline;
use crate::support::{TestStore, block_on, now};

/// Calls `act` at the `at`-th moment before a statement or a COMMIT, from 0, and lets the store go on.
fn meddle(at: usize, act: impl Fn() + Send + Sync + 'static) -> (Watch, Arc<AtomicBool>) {
    let (seen, done) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
    let is_done = Arc::clone(&done);
    let watch = move |moment: Moment<'_>| {
        let counts = !matches!(moment, Moment::Committed(_));
        if counts && seen.fetch_add(1, Ordering::SeqCst) == at {
            act();
            done.store(true, Ordering::SeqCst);
        }
        Ok(())
    };
    (Arc::new(watch), is_done)
}

async fn prepared(server: &PrivateServer, act: Act) -> TestStore {
    let store = server.store().await;
    store.db.migrate(now()).await.expect("migrate");
    act.prepare(store).await
}

/// Performs `act` time and again while `fault` befalls the server at every `step`-th moment, which the act is
/// to get over by itself; returns the points.
async fn got_over(server: &Arc<PrivateServer>, act: Act, step: usize, fault: fn(&PrivateServer)) -> usize {
    let clean = Clean::of(act, &prepared(server, act).await).await;
    let mut points = 0;
    loop {
        let at = points * step;
        let store = prepared(server, act).await;
        let befallen = Arc::clone(server);
        let (watch, done) = meddle(at, move || fault(&befallen));
        let result = act
            .perform(&Store::new(store.db.clone().watched(watch)), &ambient(0))
            .await;
        clean
            .assert_got_over(&store, result, &format!("{act:?} at moment {at}"))
            .await;
        if !done.load(Ordering::SeqCst) {
            return points;
        }
        points += 1;
    }
}

#[test]
fn a_server_that_is_killed_and_started_again_costs_nothing() {
    block_on(async {
        let server = Arc::new(PrivateServer::start(&[]));
        for (act, step) in [
            (Act::FirstNight, 29),
            (Act::RetrainNight, 41),
            (Act::Correction, 7),
            (Act::Activate, 5),
        ] {
            let step = if is_full() { 3 } else { step };
            let points = got_over(&server, act, step, PrivateServer::kill).await;
            assert!(points > 0);
            tried(
                "MariaDB",
                act.name(),
                "server killed (kill -9) and started again",
                points,
            );
        }
    });
}

#[test]
fn a_server_that_hangs_up_costs_nothing() {
    block_on(async {
        let server = Arc::new(PrivateServer::start(&[]));
        for (act, step) in [
            (Act::FirstNight, 7),
            (Act::RetrainNight, 11),
            (Act::Import, 3),
            (Act::Correction, 2),
            (Act::Clear, 3),
            (Act::Rollback, 2),
        ] {
            let step = if is_full() { 1 } else { step };
            let points = got_over(&server, act, step, PrivateServer::hang_up).await;
            assert!(points > 0);
            tried("MariaDB", act.name(), "connections killed (server gone away)", points);
        }
    });
}

#[test]
fn a_server_that_takes_no_writes_is_an_error_and_not_half_a_run() {
    let server = Arc::new(PrivateServer::start(&[]));
    block_on(async {
        for (act, step) in [
            (Act::FirstNight, 13),
            (Act::Import, 5),
            (Act::Correction, 3),
            (Act::Activate, 3),
        ] {
            let clean = Clean::of(act, &prepared(&server, act).await).await;
            let step = if is_full() { 1 } else { step };
            let mut points = 0;
            loop {
                let at = points * step;
                let store = prepared(&server, act).await;
                let befallen = Arc::clone(&server);
                let (watch, done) = meddle(at, move || befallen.admin(&["SET GLOBAL read_only = 1"]));
                let result = act
                    .perform(&Store::new(store.db.clone().watched(watch)), &ambient(FAILING))
                    .await;
                server.admin(&["SET GLOBAL read_only = 0"]);
                if let Err(error) = &result {
                    assert!(
                        error
                            .to_string()
                            .contains("next: free disk space or make the store writable"),
                        "{error}"
                    );
                }
                let what = format!("{act:?}, read-only from moment {at}");
                clean.assert_after_rerun(&store, result, "read-only", &what).await;
                if !done.load(Ordering::SeqCst) {
                    break;
                }
                points += 1;
            }
            assert!(points > 0);
            tried(
                "MariaDB",
                act.name(),
                "server read-only from a statement on, rerun",
                points,
            );
        }
    });
    let store = block_on(prepared(&server, Act::FirstNight));
    let folder = tempfile::tempdir().expect("a folder");
    let night = file(&folder, "night.toml", nightly());
    let export = file(&folder, "rows.csv", rows(36..48));
    server.admin(&["SET GLOBAL read_only = 1"]);
    let paceline = Paceline::new(&store.url);
    for line in [&["run", &night][..], &["import", &export]] {
        paceline.refused(
            line,
            1,
            &["read-only", "next: free disk space or make the store writable"],
        );
    }
    server.admin(&["SET GLOBAL read_only = 0"]);
    paceline.ok(&["run", &night]);
}

/// Somebody else's open transaction, which ends with the value.
struct Elsewhere {
    conn: Option<mysql_async::Conn>,
}

impl Elsewhere {
    async fn begin(store: &TestStore, statements: &[&str]) -> Self {
        let url = mysql_async::Opts::from_url(&store.url).expect("a URL");
        let mut conn = mysql_async::Conn::new(url).await.expect("connect");
        for statement in [&["BEGIN"], statements].concat() {
            conn.query_drop(statement)
                .await
                .unwrap_or_else(|e| panic!("{statement}: {e}"));
        }
        Self { conn: Some(conn) }
    }

    async fn go_on(&mut self, statement: &str) {
        let conn = self.conn.as_mut().expect("open");
        conn.query_drop(statement)
            .await
            .unwrap_or_else(|e| panic!("{statement}: {e}"));
    }

    async fn end(mut self) {
        self.go_on("ROLLBACK").await;
        let conn = self.conn.take().expect("open");
        conn.disconnect().await.expect("disconnect");
    }
}

/// Waits until some transaction waits for a lock.
async fn somebody_waits(server: &PrivateServer) {
    let waiting = "SELECT trx_id FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'";
    let began = Instant::now();
    while server.ask(waiting).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30), "nobody waits for the lock");
        // The server refreshes this table only where nobody has asked for it for a tenth of a second.
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

/// Deadlocks, and waits for row locks that were given up, that the server has counted.
fn counted(server: &PrivateServer, status: &str) -> u64 {
    let query = format!("SELECT variable_value FROM information_schema.global_status WHERE variable_name = '{status}'");
    server.ask(&query)[0].parse().expect("a count")
}

/// Runs the first night while `elsewhere` holds the workouts that its third transaction is about; returns how
/// often it began again.
async fn first_night(store: &TestStore) -> u32 {
    let options = Options::default();
    let pipeline = pipeline(&nightly());
    let report = run(
        &Store::new(store.db.clone()),
        &pipeline,
        &options,
        Trigger::Manual,
        &ambient(0),
    )
    .await;
    report.expect("it gets over it").retries
}

#[test]
fn a_lock_that_is_not_had_in_time_is_waited_for_again() {
    block_on(async {
        let server = PrivateServer::start(&["--innodb-lock-wait-timeout=1"]);
        let act = Act::FirstNight;
        let clean = Clean::of(act, &prepared(&server, act).await).await;
        let store = prepared(&server, act).await;
        let lock = "UPDATE workout_summary SET steps = 1 WHERE workout_id = 'w25'";
        let elsewhere = Elsewhere::begin(&store, &[lock]).await;
        let release = async {
            somebody_waits(&server).await;
            // Longer than the server lets anybody wait, and shorter than the run's patience.
            tokio::time::sleep(Duration::from_millis(1_300)).await;
            elsewhere.end().await;
        };
        let (retries, ()) = tokio::join!(first_night(&store), release);
        assert!((1..=3).contains(&retries), "error 1205: {retries} retries");
        clean.assert_got_over(&store, Ok(()), "lock wait timeout").await;
        tried("MariaDB", act.name(), "lock wait timeout (1205)", 1);
    });
}

#[test]
fn the_victim_of_a_deadlock_begins_again() {
    block_on(async {
        let server = PrivateServer::start(&[]);
        let act = Act::FirstNight;
        let clean = Clean::of(act, &prepared(&server, act).await).await;
        let store = prepared(&server, act).await;
        store.run("CREATE TABLE ballast (id INT PRIMARY KEY)").await;
        // The server ends the transaction that has changed less: that shall be the run's.
        let ballast = "INSERT INTO ballast SELECT seq FROM seq_1_to_5000";
        let lock = "UPDATE workout_summary SET steps = 1 WHERE workout_id = 'w25'";
        let mut elsewhere = Elsewhere::begin(&store, &[ballast, lock]).await;
        let deadlocks = counted(&server, "innodb_deadlocks");
        let embrace = async {
            somebody_waits(&server).await;
            // The run's transaction holds its lease's row and waits for the workout.
            elsewhere
                .go_on("UPDATE pipeline_lease SET writes = writes WHERE pipeline = 'nightly'")
                .await;
            elsewhere.end().await;
        };
        let (retries, ()) = tokio::join!(first_night(&store), embrace);
        assert_eq!(retries, 1);
        assert_eq!(counted(&server, "innodb_deadlocks"), deadlocks + 1, "error 1213");
        store.run("DROP TABLE ballast").await;
        clean.assert_got_over(&store, Ok(()), "deadlock").await;
        assert_sound(&store, "deadlock").await;
        tried("MariaDB", act.name(), "deadlock (1213)", 1);
    });
}
