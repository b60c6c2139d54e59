//! The lease, on both stores: one holder at a time, and nothing written by a run that has lost it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use paceline::audit::chain::Link;
use paceline::config::Pipeline;
use paceline::id::RunId;
use paceline::pipeline::lease::{Lease, Process, Refused};
use paceline::pipeline::prepare::Options;
use paceline::pipeline::run::run;
use paceline::pipeline::{Ambient, Kind, Silent};
use paceline::stage::diff::Outcome;
use paceline::store::lease::{Claim, Claimed, Fence, LeaseRow};
use paceline::store::write::{Verdict, VerdictChunk};
use paceline::store::{Store, StoreError};
use paceline::time::Timestamp;
use paceline::vocab::{Source, Trigger};

use crate::support::*;

fn after(seconds: i64) -> Timestamp {
    Timestamp::from_micros(now().micros() + seconds * 1_000_000)
}

/// A run's claim at `at`, good for a minute.
fn claim<'a>(run_id: &'a RunId, at: Timestamp) -> Claim<'a> {
    Claim {
        pipeline: "nightly",
        run_id,
        holder: "process 7 on host",
        process: Some("identity"),
        now: at,
        expires_at: Timestamp::from_micros(at.micros() + 60_000_000),
    }
}

async fn granted(store: &Store, run_id: &RunId, at: Timestamp) -> Fence {
    match store.acquire_lease(&claim(run_id, at), |_| false).await {
        Ok(Claimed::Granted { fence, .. }) => fence,
        other => panic!("{run_id} at {at}: {other:?}"),
    }
}

async fn refused(store: &Store, run_id: &RunId, at: Timestamp) -> LeaseRow {
    match store.acquire_lease(&claim(run_id, at), |_| false).await {
        Ok(Claimed::Held(row)) => row,
        other => panic!("{run_id} at {at}: {other:?}"),
    }
}

fn runs() -> [RunId; 3] {
    [1, 2, 3].map(|n| RunId::generate(now(), n))
}

#[test]
fn a_lease_has_one_holder_until_it_is_given_back_or_expires() {
    on_both_stores(|test| async move {
        let store = Store::new(test.db.clone());
        let [first, second, third] = runs();
        let fence = granted(&store, &first, now()).await;
        assert_eq!(fence.number, 1);
        // Asking again after a lost answer is no second acquisition.
        assert_eq!(granted(&store, &first, after(1)).await, fence);
        let row = refused(&store, &second, after(59)).await;
        assert_eq!(row.run_id.as_deref(), Some(first.as_str()));
        assert_eq!((row.expires_at, row.heartbeat_at), (after(60), now()));

        assert!(store.beat_lease(&fence, after(50), after(110)).await.expect("beat"));
        refused(&store, &second, after(109)).await;
        let of_second = granted(&store, &second, after(110)).await;
        assert_eq!(of_second.number, 2);
        assert!(!store.beat_lease(&fence, after(111), after(171)).await.expect("beat"));
        // Giving back what one has lost takes nothing from the one who has it.
        store.release_lease(&fence, after(112)).await.expect("release");
        refused(&store, &third, after(113)).await;

        store.release_lease(&of_second, after(114)).await.expect("release");
        let of_third = granted(&store, &third, after(114)).await;
        assert_eq!(of_third.number, 3, "the fence outlives the holders");
    });
}

#[test]
fn who_sees_a_lease_that_moves_meanwhile_does_not_take_it() {
    on_both_stores(|test| async move {
        let store = Store::new(test.db.clone());
        let [first, second, _] = runs();
        let fence = granted(&store, &first, now()).await;
        // The holder gives a sign of life between the look at an expired lease and the grasp.
        let beats = AtomicU32::new(0);
        let handle = tokio::runtime::Handle::current();
        let answer = store
            .acquire_lease(&claim(&second, after(30)), |_| {
                if beats.fetch_add(1, Ordering::SeqCst) > 0 {
                    return false;
                }
                let beat = store.beat_lease(&fence, after(31), after(91));
                assert!(tokio::task::block_in_place(|| handle.block_on(beat)).expect("beat"));
                true
            })
            .await
            .expect("an answer");
        assert!(matches!(answer, Claimed::Held(row) if row.heartbeat_at == after(31)));
    });
}

#[test]
fn many_at_once_and_one_is_granted() {
    on_both_stores(|test| async move {
        // Whole, or the folder would go while only the URL is used.
        let test = test;
        let mut tasks = Vec::new();
        for n in 0..12 {
            let store = Store::new(connect(&test.url).await.expect("connect"));
            tasks.push(tokio::spawn(async move {
                let run_id = RunId::generate(now(), n);
                let answer = store.acquire_lease(&claim(&run_id, now()), |_| false).await;
                matches!(answer.expect("an answer"), Claimed::Granted { .. })
            }));
        }
        let mut granted = 0;
        for task in tasks {
            granted += u32::from(task.await.expect("no panic"));
        }
        assert_eq!(granted, 1);
    });
}

async fn workouts(test: &TestStore) {
    for n in 0..40 {
        // Runs at 9 to 10 and walks at 19 to 20 minutes a mile.
        let pace = if n % 2 == 0 { 9.0 } else { 19.0 } + f64::from(n) / 40.0;
        test.run(&format!(
            "INSERT INTO workout_summary (workout_id, workout_date, activity_type, distance_mi, duration_sec, avg_pace) \
             VALUES ('w{n:02}', '2025-01-01 06:00:00', 'Run', 3.0, {}, {pace})",
            pace * 180.0
        ))
        .await;
    }
}

async fn contents(test: &TestStore) -> Vec<Vec<Vec<String>>> {
    let mut tables = Vec::new();
    for table in [
        "workout_classification_history",
        "workout_ml_classifications",
        "ml_model_registry",
        "audit_segments",
        "audit_leaves",
    ] {
        tables.push(test.rows(&format!("SELECT * FROM {table} ORDER BY 1")).await);
    }
    tables
}

#[test]
fn a_write_under_an_old_fence_writes_nothing() {
    on_both_stores(|test| async move {
        workouts(&test).await;
        let store = Store::new(test.db.clone());
        let [first, second, _] = runs();
        let old = store.fenced(granted(&store, &first, now()).await);
        for run_id in [&first, &second] {
            store
                .start_run(
                    run_id,
                    "nightly",
                    Trigger::Manual,
                    paceline::store::workouts::Window::default(),
                    now(),
                )
                .await
                .expect("start");
        }
        let before = contents(&test).await;
        // The first run sleeps; the second takes over an expired lease; the first wakes up and writes.
        granted(&store, &second, after(60)).await;
        let head = Link::genesis();
        let error = old.write_verdicts(&verdicts(&first), &head).await.expect_err("fenced");
        let StoreError::Fenced { pipeline, fence, by } = &error else {
            panic!("{error}");
        };
        assert_eq!((pipeline.as_str(), *fence), ("nightly", 1));
        assert!(by.contains(second.as_str()) && by.contains("process 7 on host"), "{by}");
        let kept = paceline::store::quarantine::Quarantined {
            source: "workout_summary".to_owned(),
            line: None,
            reason: "late".to_owned(),
            raw: "{}".to_owned(),
        };
        let stamp = paceline::store::quarantine::Stamp {
            run_id: Some(&first),
            now: after(61),
        };
        let error = old.quarantine(&[kept], stamp).await.expect_err("fenced");
        assert!(matches!(error, StoreError::Fenced { .. }), "{error}");
        assert_eq!(contents(&test).await, before);
        assert!(test.rows("SELECT reason FROM quarantined_rows").await.is_empty());
        // The holder writes, and each of its transactions leaves a trace on the lease.
        let holder = store.fenced(granted(&store, &second, after(62)).await);
        holder.write_verdicts(&verdicts(&second), &head).await.expect("written");
        assert_eq!(
            test.rows("SELECT fence, writes FROM pipeline_lease").await,
            [["2", "1"]]
        );
    });
}

fn verdicts(run_id: &RunId) -> VerdictChunk<'_> {
    VerdictChunk {
        run: Some((run_id, 0)),
        model: None,
        changed_by: "system",
        reason: "test",
        now: after(61),
        log_refreshed: false,
        verdicts: vec![Verdict {
            outcome: Outcome::New,
            workout_id: "w00",
            classification_id: None,
            previous: None,
            label: "real_run",
            confidence: Some(0.4),
            same_confidence: false,
            method: Some("era_fallback"),
            source: Source::EraFallback,
            features: "{}".to_owned(),
        }],
    }
}

/// A world whose clock stands at `at`, and in which `meddle` is called at each point of a run.
fn ambient(at: Timestamp, meddle: impl Fn(&'static str) + Send + Sync + 'static) -> Ambient {
    let entropy = AtomicU32::new(1);
    Ambient {
        clock: Arc::new(move || at),
        entropy: Arc::new(move || entropy.fetch_add(1, Ordering::SeqCst)),
        progress: Arc::new(Silent),
        at_point: Arc::new(meddle),
        process: Process::default(),
        stop: paceline::pipeline::stop::Stop::default(),
    }
}

fn pipeline() -> Pipeline {
    Pipeline::parse("name = 'nightly'\n[write]\nchunk_rows = 10", "test.toml").expect("valid")
}

#[test]
fn a_run_that_loses_its_pipeline_between_two_chunks_stops_there() {
    on_both_stores(|test| async move {
        workouts(&test).await;
        let store = Store::new(test.db.clone());
        let handle = tokio::runtime::Handle::current();
        let (thief, chunks) = (store.clone(), AtomicU32::new(0));
        let ambient = ambient(after(0), move |point| {
            if point == "after_chunk" && chunks.fetch_add(1, Ordering::SeqCst) == 1 {
                let [_, second, _] = [7, 8, 9].map(|n| RunId::generate(now(), n));
                let taken = async { granted(&thief, &second, after(3600)).await };
                tokio::task::block_in_place(|| handle.block_on(taken));
            }
        });
        let options = Options::default();
        let error = run(&store, &pipeline(), &options, Trigger::Manual, &ambient)
            .await
            .expect_err("fenced");
        assert_eq!(error.kind, Kind::Fenced, "{error}");
        assert!(
            error.to_string().contains("taken over by run_20260102_030405_00000008"),
            "{error}"
        );
        assert_eq!(
            test.rows("SELECT COUNT(*) FROM workout_ml_classifications").await,
            [["20"]]
        );
        let ledger = test
            .rows("SELECT status, rows_written, error_kind FROM pipeline_runs")
            .await;
        assert_eq!(ledger, [["partial", "40", "fenced"]]);
        // The thief's lease runs out; a clean run does the rest.
        let later = self::ambient(after(7200), |_| {});
        let again = run(&store, &pipeline(), &options, Trigger::Manual, &later).await;
        let report = again.expect("a clean run");
        assert_eq!((report.changes.new, report.changes.unchanged), (20, 20));
        let held = test.rows("SELECT holder, fence FROM pipeline_lease").await;
        assert_eq!(held, [["NULL", "3"]], "given back");
    });
}

#[test]
fn a_run_that_loses_its_pipeline_before_it_writes_leaves_nothing_behind() {
    on_both_stores(|test| async move {
        workouts(&test).await;
        let store = Store::new(test.db.clone());
        let before = contents(&test).await;
        let (handle, thief) = (tokio::runtime::Handle::current(), store.clone());
        let ambient = ambient(after(0), move |point| {
            if point == "after_diff" {
                let other = RunId::generate(now(), 8);
                let taken = async { granted(&thief, &other, after(3600)).await };
                tokio::task::block_in_place(|| handle.block_on(taken));
            }
        });
        let error = run(&store, &pipeline(), &Options::default(), Trigger::Manual, &ambient)
            .await
            .expect_err("fenced");
        // A model was trained; to put it in production is a write like any other.
        assert_eq!((error.stage, error.kind), ("register", Kind::Fenced), "{error}");
        assert_eq!(contents(&test).await, before);
        assert_eq!(test.rows("SELECT status FROM pipeline_runs").await, [["failed"]]);
    });
}

#[test]
fn a_run_gives_signs_of_life_while_it_works() {
    block_on(async {
        let stores = [TestStore::sqlite().await, TestStore::mariadb().await];
        let mut held = Vec::new();
        for test in &stores {
            test.db.migrate(now()).await.expect("migrate");
            let store = Store::new(test.db.clone());
            let (began, [first, ..]) = (std::time::Instant::now(), runs());
            let mut world = ambient(now(), |_| {});
            world.clock = Arc::new(move || {
                let passed = i64::try_from(began.elapsed().as_micros()).expect("a short test");
                Timestamp::from_micros(now().micros() + passed)
            });
            match Lease::acquire(&store, "nightly", &first, false, &world).await {
                Ok(lease) => held.push((store, lease)),
                Err(refused) => panic!("{refused:?}"),
            }
        }
        tokio::time::sleep(std::time::Duration::from_secs(12)).await;
        for (store, lease) in held {
            let row = store.lease("nightly").await.expect("read").expect("there");
            assert!(row.heartbeat_at >= after(9), "{row:?}");
            assert_eq!(row.expires_at.micros() - row.heartbeat_at.micros(), 60_000_000);
            lease.release(after(13)).await;
            assert!(
                store
                    .lease("nightly")
                    .await
                    .expect("read")
                    .expect("there")
                    .is_free(after(13))
            );
        }
    });
}

#[test]
fn a_held_pipeline_is_refused_and_take_over_closes_the_other_run() {
    on_both_stores(|test| async move {
        workouts(&test).await;
        let store = Store::new(test.db.clone());
        let crashed = RunId::generate(now(), 77);
        let lease = Lease::acquire(&store, "nightly", &crashed, false, &ambient(now(), |_| {})).await;
        let Ok(lease) = lease else { panic!("free") };
        let window = paceline::store::workouts::Window::default();
        store
            .start_run(&crashed, "nightly", Trigger::Manual, window, now())
            .await
            .expect("start");

        let world = ambient(after(5), |_| {});
        let options = Options::default();
        let error = run(&store, &pipeline(), &options, Trigger::Manual, &world)
            .await
            .expect_err("held");
        assert_eq!(error.kind, Kind::LeaseHeld, "{error}");
        let text = error.to_string();
        assert!(
            text.contains(crashed.as_str()) && text.contains("until 2026-01-02 03:05:05"),
            "{text}"
        );
        // A person was told; a scheduled run has nobody to tell but the ledger.
        let count = "SELECT COUNT(*) FROM pipeline_runs WHERE status = 'skipped'";
        assert_eq!(test.rows(count).await, [["0"]]);
        run(&store, &pipeline(), &options, Trigger::Backfill, &world)
            .await
            .expect_err("held");
        assert_eq!(test.rows(count).await, [["1"]]);
        // Another pipeline is another lease.
        let other = Pipeline::parse("name = 'other'", "test.toml").expect("valid");
        run(&store, &other, &options, Trigger::Manual, &world)
            .await
            .expect("free");

        let forced = Options {
            take_over: true,
            ..options
        };
        run(&store, &pipeline(), &forced, Trigger::Manual, &world)
            .await
            .expect("taken over");
        let row = store.run(crashed.as_str()).await.expect("read").expect("there");
        assert_eq!(row.status, "failed");
        let failure = row.failure.expect("a reason");
        assert_eq!(failure.kind, "taken_over");
        assert!(
            failure.message.contains("last sign of life at 2026-01-02 03:04:05"),
            "{}",
            failure.message
        );
        lease.release(after(6)).await;
    });
}

#[test]
fn a_holder_whose_process_is_gone_is_not_waited_for() {
    on_both_stores(|test| async move {
        let store = Store::new(test.db.clone());
        let [first, second, third] = runs();
        let mut dead = ambient(now(), |_| {});
        dead.process.identity = Some("dead".to_owned());
        let lease = Lease::acquire(&store, "nightly", &first, false, &dead).await;
        assert!(lease.is_ok());
        let mut other = ambient(now(), |_| {});
        other.process.is_gone = Arc::new(|identity| identity == "dead");
        let lease = Lease::acquire(&store, "nightly", &second, false, &other).await;
        assert!(lease.is_ok(), "its holder is gone");
        let row = store.lease("nightly").await.expect("read").expect("held");
        assert_eq!((row.fence, row.run_id.as_deref()), (2, Some(second.as_str())));
        // This one left no identity, so nothing is known of it.
        let refused = Lease::acquire(&store, "nightly", &third, false, &other).await;
        assert!(matches!(refused, Err(Refused::Held(_))));
    });
}
