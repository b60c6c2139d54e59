//! What a backfill does when it is asked, interrupted, contradicted or refused.

use paceline::pipeline::Kind;
use paceline::pipeline::backfill::report::WindowCounts;
use paceline::pipeline::backfill::{BackfillOptions, Failure, Reprocess, Start, backfill, plan_backfill};
use paceline::pipeline::people::say;
use paceline::pipeline::prepare::Options;
use paceline::stage::decide::Retrain;
use paceline::store::Store;
use paceline::vocab::Label;

use super::{assert_verified, at, by, filled, history, named, now_do, resumed, run, state};
use crate::support::world::{CLASSIC, NIGHTLY, World, correction, difference, pipeline};
use crate::support::{TestStore, block_on, connect, now, on_both_stores};

const ROWS: usize = 1_200;

async fn sqlite() -> TestStore {
    let raw = TestStore::sqlite().await;
    raw.db.migrate(now()).await.expect("migrate");
    raw
}

/// State and history after one clean run over the same workouts.
async fn clean_run() -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let world = filled(sqlite().await, ROWS, 1).await;
    world.run(NIGHTLY).await;
    (state(&world).await, history(&world).await)
}

fn usage(failure: Failure) -> String {
    match failure {
        Failure::Usage(message) => message,
        Failure::Run(error) => panic!("{error}"),
    }
}

fn error(failure: Failure) -> paceline::pipeline::RunError {
    match failure {
        Failure::Run(error) => error,
        Failure::Usage(message) => panic!("{message}"),
    }
}

#[test]
fn windows_together_are_one_run_and_a_second_backfill_writes_nothing() {
    let clean = block_on(clean_run());
    on_both_stores(|raw| async {
        let world = filled(raw, ROWS, 1).await;
        let planned = plan_backfill(&world.store, &pipeline(NIGHTLY), &by("1mo"), &world.ambient()).await;
        let planned = planned.expect("a plan");
        assert_eq!(world.count("pipeline_runs").await, 0, "a plan writes nothing");
        let done = run(&world, NIGHTLY, &by("1mo")).await.expect("a backfill");
        assert_eq!((done.status, done.windows.completed), ("succeeded", 5));
        assert_eq!(done.rows_written, planned.rows_written);
        assert_eq!(
            (done.rows, done.changes, &done.matrix),
            (planned.rows, planned.changes, &planned.matrix)
        );
        assert_eq!(
            done.rows.read,
            done.rows.classified + done.rows.skipped + done.rows.quarantined
        );
        assert!(done.rows.skipped > 0 && done.rows.fallback > 0, "{:?}", done.rows);
        assert_eq!((state(&world).await, history(&world).await), clean);
        assert_verified(&world).await;

        let again = run(&world, NIGHTLY, &by("1w")).await.expect("a backfill");
        assert_eq!((again.rows_written, again.chunks), (0, 0));
        assert_eq!(again.changes.unchanged, again.rows.classified);
        assert_eq!(world.run(NIGHTLY).await.rows_written, 0);
    });
}

#[test]
fn side_by_side_is_one_after_the_other_to_the_last_cell() {
    on_both_stores(|raw| async {
        let text = named("nightly", 40);
        let mut dumps = Vec::new();
        let other = match raw.dialect {
            paceline::db::statement::Dialect::Sqlite => TestStore::sqlite().await,
            paceline::db::statement::Dialect::MySql => TestStore::mariadb().await,
        };
        other.db.migrate(now()).await.expect("migrate");
        for (raw, concurrency) in [(raw, 1), (other, 6)] {
            let world = filled(raw, ROWS, 1).await;
            let options = BackfillOptions {
                concurrency,
                ..by("10d")
            };
            let done = run(&world, &text, &options).await.expect("a backfill");
            assert!(
                u64::from(done.chunks) > done.windows.total,
                "windows of several transactions"
            );
            assert_verified(&world).await;
            dumps.push(world.dump().await);
        }
        assert_eq!(difference(&dumps[0], &dumps[1]), None);
    });
}

#[test]
fn windows_in_slices_are_the_same_windows() {
    let clean = block_on(clean_run());
    on_both_stores(|raw| async {
        let world = filled(raw, ROWS, 1).await;
        let text = named("nightly", 40);
        // A day has eight workouts: slices end in the middle of days, and in the middle of equal dates.
        world.raw.run("UPDATE workout_summary SET workout_date = '2015-03-03' WHERE workout_date >= '2015-03-01' AND workout_date < '2015-03-10'").await;
        let whole = plan_backfill(&world.store, &pipeline(&text), &by("1mo"), &world.ambient()).await;
        let whole = whole.expect("a plan");
        for (concurrency, slice_rows) in [(1, 1), (3, 7), (2, 50), (1, 240), (8, 1_000_000)] {
            let options = BackfillOptions {
                concurrency,
                slice_rows: Some(slice_rows),
                ..by("1mo")
            };
            let sliced = plan_backfill(&world.store, &pipeline(&text), &options, &world.ambient()).await;
            let sliced = sliced.expect("a plan");
            assert_eq!(sliced.planned, whole.planned, "{slice_rows}");
            assert_eq!(
                (sliced.rows, sliced.changes, &sliced.matrix),
                (whole.rows, whole.changes, &whole.matrix)
            );
        }
        let options = BackfillOptions {
            concurrency: 3,
            slice_rows: Some(30),
            ..by("1mo")
        };
        let done = run(&world, &text, &options).await.expect("a backfill");
        assert_eq!((done.status, done.windows.completed), ("succeeded", 5));
        assert_eq!(
            (done.rows, done.changes, &done.skipped),
            (whole.rows, whole.changes, &whole.skipped)
        );
        assert!(
            u64::from(done.chunks) >= done.rows.classified / 30,
            "a slice is at least one transaction"
        );
        assert_eq!((state(&world).await, history(&world).await), clean);
        assert_verified(&world).await;
        let marks = "SELECT SUM(rows_read), SUM(rows_classified), SUM(rows_written), COUNT(*) FROM backfill_windows WHERE status = 'completed'";
        let sums = [done.rows.read, done.rows.classified, done.rows_written, 5].map(|n| n.to_string());
        assert_eq!(world.raw.rows(marks).await, [sums]);
        let again = run(&world, &text, &options).await.expect("a backfill");
        assert_eq!((again.rows_written, again.chunks), (0, 0));
        assert_eq!(again.changes.unchanged, again.rows.classified);
    });
}

/// Dies at the n-th point of that name, in a way that no hook prints.
fn dying_at(world: &World, point: &'static str, nth: u32) -> paceline::pipeline::Ambient {
    at(world.ambient(), point, nth, || {
        std::panic::resume_unwind(Box::new("killed at a point"))
    })
}

#[test]
fn a_window_that_was_cut_off_between_two_slices_has_no_mark_and_is_finished() {
    let clean = block_on(clean_run());
    on_both_stores(|raw| async {
        let world = filled(raw, ROWS, 1).await;
        let options = BackfillOptions {
            slice_rows: Some(50),
            concurrency: 2,
            ..by("1mo")
        };
        // A month has about 240 workouts, five slices: the seventh transaction is the second of the second window.
        let ambient = dying_at(&world, "after_chunk", 7);
        let (store, text) = (Store::new(connect(&world.raw.url).await.expect("connect")), NIGHTLY);
        let doomed = options.clone();
        let killed =
            tokio::spawn(async move { backfill(&store, &pipeline(text), &doomed, &ambient).await.map(|_| ()) });
        assert!(killed.await.expect_err("killed").is_panic());
        let marks = "SELECT status, COUNT(*) FROM backfill_windows GROUP BY status ORDER BY status";
        assert_eq!(world.raw.rows(marks).await, [["completed", "1"], ["pending", "4"]]);
        let written = world.count("workout_ml_classifications").await;
        let options = BackfillOptions {
            run: Options {
                take_over: true,
                ..Options::default()
            },
            ..resumed(&options)
        };
        let done = run(&world, NIGHTLY, &options).await.expect("the rest");
        assert_eq!(
            (done.status, done.windows.completed, done.windows.already),
            ("succeeded", 4, 1)
        );
        let slices_kept = done.changes.unchanged;
        assert!(
            slices_kept > 0 && done.changes.new + written == world.count("workout_ml_classifications").await,
            "{done:?}"
        );
        assert_eq!((state(&world).await, history(&world).await), clean);
        assert_verified(&world).await;
    });
}

#[test]
fn at_most_so_many_slices_are_in_memory() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    block_on(async {
        let world = filled(sqlite().await, ROWS, 1).await;
        for concurrency in [1, 4] {
            // Loaded and not yet written: what is between the two is in memory.
            let (held, most) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
            let (now_held, most_held) = (Arc::clone(&held), Arc::clone(&most));
            let ambient = paceline::pipeline::Ambient {
                at_point: Arc::new(move |point| match point {
                    "after_window_load" => {
                        let held = now_held.fetch_add(1, Ordering::SeqCst) + 1;
                        most_held.fetch_max(held, Ordering::SeqCst);
                    }
                    "after_slice" => {
                        now_held.fetch_sub(1, Ordering::SeqCst);
                    }
                    _ => {}
                }),
                ..world.ambient()
            };
            let options = BackfillOptions {
                concurrency,
                slice_rows: Some(25),
                start: Start::Restart,
                run: Options {
                    retrain: Some(Retrain::Always),
                    accept_churn: true,
                    ..Options::default()
                },
                ..by("2mo")
            };
            world.wait_days(1);
            let done = backfill(&world.store, &pipeline(NIGHTLY), &options, &ambient)
                .await
                .expect("done");
            assert_eq!(done.rows.read, ROWS as u64);
            assert_eq!(held.load(Ordering::SeqCst), 0, "each slice was written");
            let most = most.load(Ordering::SeqCst);
            assert!(
                (1..=concurrency as i64).contains(&most),
                "{most} slices with --concurrency {concurrency}"
            );
        }
    });
}

#[test]
fn the_newest_window_goes_first_when_asked() {
    block_on(async {
        let world = filled(sqlite().await, ROWS, 1).await;
        let options = BackfillOptions {
            newest_first: true,
            concurrency: 3,
            ..by("1mo")
        };
        run(&world, NIGHTLY, &options).await.expect("a backfill");
        let dates = world
            .raw
            .rows(
                "SELECT MIN(w.workout_date) FROM workout_classification_history h \
                 JOIN workout_summary w ON w.workout_id = h.workout_id GROUP BY h.segment_id ORDER BY h.segment_id",
            )
            .await;
        let months: Vec<&str> = dates.iter().map(|row| &row[0][..7]).collect();
        assert_eq!(months, ["2015-05", "2015-04", "2015-03", "2015-02", "2015-01"]);
    });
}

/// Refuses a workout of March, as a constraint of somebody else's might.
async fn break_march(world: &World) {
    let victim =
        "SELECT workout_id FROM workout_summary WHERE workout_date >= '2015-03-10' ORDER BY workout_date LIMIT 1";
    let id = world.raw.rows(victim).await[0][0].clone();
    let text = match world.raw.dialect {
        paceline::db::statement::Dialect::Sqlite => format!(
            "CREATE TRIGGER broken BEFORE INSERT ON workout_ml_classifications WHEN NEW.workout_id = '{id}' \
             BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        ),
        paceline::db::statement::Dialect::MySql => format!(
            "CREATE TRIGGER broken BEFORE INSERT ON workout_ml_classifications FOR EACH ROW \
             IF NEW.workout_id = '{id}' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF"
        ),
    };
    world.raw.run(&text).await;
}

#[test]
fn a_window_that_fails_does_not_stop_the_others_and_is_tried_again_alone() {
    let clean = block_on(clean_run());
    on_both_stores(|raw| async {
        let world = filled(raw, ROWS, 1).await;
        break_march(&world).await;
        let options = by("1mo");
        let partial = run(&world, NIGHTLY, &options).await.expect("a report");
        assert_eq!(partial.status, "partial");
        let counts = WindowCounts {
            total: 5,
            completed: 4,
            failed: 1,
            ..WindowCounts::default()
        };
        assert_eq!(partial.windows, counts);
        let [failed] = &partial.failed[..] else {
            panic!("{:?}", partial.failed)
        };
        assert_eq!((failed.from.as_str(), failed.to.as_str()), ("2015-03-01", "2015-04-01"));
        assert!(failed.failure.message.contains("not this one"), "{failed:?}");
        assert_eq!(
            failed.retry,
            "paceline backfill test.toml --from 2015-03-01 --to 2015-04-01 --window 31d"
        );
        let retry =
            "paceline backfill test.toml --from 2015-01-01 --to 2015-05-31 --window 1mo --resume --reprocess failed";
        assert_eq!(partial.retry.as_deref(), Some(retry));
        let ledger = world.raw.rows("SELECT status, error_kind FROM pipeline_runs").await;
        assert_eq!(ledger, [["partial", "windows"]]);
        assert_verified(&world).await;

        // Unasked, nothing is guessed; resumed without the failed ones, nothing is left to do.
        let refused = usage(run(&world, NIGHTLY, &options).await.expect_err("unfinished"));
        assert!(refused.contains("--resume --reprocess failed"), "{refused}");
        let idle = run(&world, NIGHTLY, &resumed(&options)).await.expect("a report");
        assert_eq!((idle.windows.already, idle.windows.failed, idle.rows.read), (4, 1, 0));
        let still = BackfillOptions {
            reprocess: Reprocess::Failed,
            ..resumed(&options)
        };
        let again = run(&world, NIGHTLY, &still).await.expect("a report");
        assert_eq!((again.windows.failed, again.failed[0].attempts), (1, 2));

        world.raw.run("DROP TRIGGER broken").await;
        let mended = run(&world, NIGHTLY, &still).await.expect("a report");
        assert_eq!(
            (mended.status, mended.windows.completed, mended.windows.already),
            ("succeeded", 1, 4)
        );
        assert_eq!((state(&world).await, history(&world).await), clean);
        assert_verified(&world).await;

        // Done is done; done again, it writes nothing.
        let finished = run(&world, NIGHTLY, &resumed(&options)).await.expect("a report");
        assert_eq!((finished.windows.already, finished.rows.read), (5, 0));
        let all = BackfillOptions {
            reprocess: Reprocess::Completed,
            ..resumed(&options)
        };
        let redone = run(&world, NIGHTLY, &all).await.expect("a report");
        assert_eq!((redone.windows.completed, redone.rows_written), (5, 0));
    });
}

#[test]
fn restart_gives_up_the_old_one() {
    block_on(async {
        let world = filled(sqlite().await, ROWS, 1).await;
        break_march(&world).await;
        run(&world, NIGHTLY, &by("1mo")).await.expect("a report");
        let restart = BackfillOptions {
            start: Start::Restart,
            ..by("1mo")
        };
        let report = run(&world, NIGHTLY, &restart).await.expect("a report");
        assert_eq!((report.windows.completed, report.windows.failed), (4, 1));
        let statuses = "SELECT status, COUNT(*) FROM backfill_windows GROUP BY status ORDER BY status";
        assert_eq!(
            world.raw.rows(statuses).await,
            [["abandoned", "1"], ["completed", "8"], ["failed", "1"]]
        );
        // One is unfinished, so it is clear which one is meant.
        let resume = BackfillOptions {
            start: Start::Resume,
            span: None,
            ..restart
        };
        let resumed = run(&world, NIGHTLY, &resume).await.expect("a report");
        assert_eq!(resumed.backfill_id, report.run_id);
    });
}

#[test]
fn another_model_midway_stops_it_and_resumed_it_starts_over() {
    on_both_stores(|raw| async {
        let world = filled(raw, ROWS, 1).await;
        let first = world.run(NIGHTLY).await.model.model_id.expect("a model");
        let options = Options {
            no_activate: true,
            ..Options::default()
        };
        let classic = CLASSIC.replace("name = \"classic\"", "name = \"other\"");
        let second = world.try_run(&classic, &options).await.expect("a candidate");
        let second = second.model.model_id.expect("a model");
        // Everything again under the first model, and in the middle of it somebody activates the second.
        world
            .raw
            .run("UPDATE workout_summary SET avg_pace = avg_pace * 1.001")
            .await;
        let kept = BackfillOptions {
            run: Options {
                retrain: Some(Retrain::Never),
                accept_churn: true,
                ..Options::default()
            },
            ..by("1mo")
        };
        let url = world.raw.url.clone();
        let (to, seen, instant) = (second.clone(), first.clone(), world.now());
        let ambient = at(world.ambient(), "before_window", 3, move || {
            now_do(async {
                let store = Store::new(connect(&url).await.expect("connect"));
                store
                    .activate_model(&to, Some(&seen), None, instant)
                    .await
                    .expect("activate");
            });
        });
        let stopped = backfill(&world.store, &pipeline(NIGHTLY), &kept, &ambient).await;
        let stopped = stopped.expect("a report");
        assert_eq!(
            (stopped.status, stopped.windows.completed, stopped.windows.left),
            ("partial", 2, 3)
        );
        let why = stopped.stopped.expect("a reason");
        assert!(
            why.contains(&second) && why.contains(&first) && why.contains("--resume"),
            "{why}"
        );
        assert_verified(&world).await;

        let over = run(&world, NIGHTLY, &resumed(&kept)).await.expect("a report");
        assert_eq!(
            (over.status, over.windows.completed, over.windows.already),
            ("succeeded", 5, 0)
        );
        let models = "SELECT DISTINCT model_id FROM workout_ml_classifications";
        assert_eq!(world.raw.rows(models).await, [[second]]);
        assert_verified(&world).await;
    });
}

#[test]
fn a_person_who_comes_between_wins_and_the_window_begins_again() {
    on_both_stores(|raw| async {
        let world = filled(raw, ROWS, 1).await;
        world.run(NIGHTLY).await;
        world
            .raw
            .run("UPDATE workout_summary SET avg_pace = avg_pace * 1.001")
            .await;
        let victim =
            "SELECT workout_id FROM workout_summary WHERE workout_date >= '2015-02-01' ORDER BY workout_date LIMIT 1";
        let id = world.raw.rows(victim).await[0][0].clone();
        let said = correction(&id, Label::Mixed, "anna");
        let (url, plain) = (world.raw.url.clone(), world.ambient());
        // The second window is prepared and about to be written.
        let ambient = at(world.ambient(), "before_chunk", 2, move || {
            now_do(async {
                let store = Store::new(connect(&url).await.expect("connect"));
                say(&store, &said, &plain).await.expect("said");
            });
        });
        let options = BackfillOptions {
            concurrency: 4,
            run: Options {
                accept_churn: true,
                retrain: Some(Retrain::Never),
                ..Options::default()
            },
            ..by("1mo")
        };
        let done = backfill(&world.store, &pipeline(NIGHTLY), &options, &ambient)
            .await
            .expect("done");
        assert_eq!((done.status, done.changes.protected), ("succeeded", 1));
        let stored = world
            .store
            .classification(&id)
            .await
            .expect("query")
            .expect("a verdict");
        assert_eq!(
            (stored.classification.as_str(), stored.is_user_override),
            ("mixed", true)
        );
        assert_verified(&world).await;
    });
}

#[test]
fn churn_is_measured_over_all_windows_before_the_first_write() {
    block_on(async {
        let world = filled(sqlite().await, ROWS, 1).await;
        world.run(NIGHTLY).await;
        // One month turns around: a fifth of everything, all of its window.
        world
            .raw
            .run("UPDATE workout_summary SET avg_pace = 30 - avg_pace WHERE workout_date < '2015-02-01'")
            .await;
        let keep = |max: &str| NIGHTLY.replace("max_churn = 0.25", &format!("max_churn = {max}"));
        let options = BackfillOptions {
            run: Options {
                retrain: Some(Retrain::Never),
                ..Options::default()
            },
            ..by("1mo")
        };
        let before = world.count("audit_segments").await;
        let stopped = error(run(&world, &keep("0.1"), &options).await.expect_err("too much"));
        assert_eq!(stopped.kind, Kind::Gate, "{stopped}");
        assert_eq!(world.count("audit_segments").await, before);
        assert_eq!(world.count("backfill_windows").await, 0);
        let planned = plan_backfill(&world.store, &pipeline(&keep("0.1")), &options, &world.ambient()).await;
        assert!(planned.expect("a plan").stopped_by_churn);
        // A third of a small window is no reason where the whole is below the gate.
        let done = run(&world, NIGHTLY, &options).await.expect("below the gate");
        assert!(done.changes.changed > 100 && done.churn < 0.25, "{done:?}");
        assert_verified(&world).await;
    });
}

#[test]
fn a_range_without_workouts_and_one_that_means_nothing() {
    block_on(async {
        let world = World::new(sqlite().await);
        let nothing = run(&world, NIGHTLY, &by("1mo")).await.expect("nothing to do");
        assert_eq!(
            (nothing.status, nothing.run_id, nothing.windows.total),
            ("succeeded", None, 0)
        );
        let days = BackfillOptions {
            from: "0001-01-01".parse().ok(),
            to: "2020-01-01".parse().ok(),
            ..by("1d")
        };
        let refused = usage(run(&world, NIGHTLY, &days).await.expect_err("too many"));
        assert!(refused.contains("take a longer --window"), "{refused}");
        assert_eq!(world.count("pipeline_runs").await, 0);
        // Asked for by name, an empty range is done, and there is nothing in it.
        let years = BackfillOptions { ..days };
        let years = BackfillOptions {
            from: "2015-01-01".parse().ok(),
            span: Some("12mo".parse().expect("a span")),
            ..years
        };
        let empty = run(&world, NIGHTLY, &years).await.expect("nothing in it");
        assert_eq!((empty.windows.completed, empty.rows.read), (5, 0));
    });
}
