//! Any order of windows, retries, crashes and overlaps comes to the same as one clean run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use paceline::pipeline::backfill::{BackfillOptions, Failure, Reprocess, Start, backfill};
use paceline::pipeline::prepare::Options;
use paceline::pipeline::{Ambient, Kind, run::run as run_pipeline};
use paceline::store::Store;
use paceline::vocab::Trigger;
use proptest::prelude::*;

use super::{assert_verified, filled, history, named, state};
use crate::support::world::{World, pipeline};
use crate::support::{TestStore, block_on, connect, now};

/// One thing that a person or a supervisor does.
#[derive(Debug, Clone)]
enum Act {
    /// A backfill, by this pipeline, which may crash when a point is reached for the n-th time.
    Backfill {
        pipeline: usize,
        span: &'static str,
        concurrency: usize,
        slice_rows: Option<usize>,
        newest_first: bool,
        start: Start,
        reprocess: Reprocess,
        crash: Option<u32>,
    },
    /// A run of the whole, which may crash too.
    Run { pipeline: usize, crash: Option<u32> },
}

/// Acts that go on at the same time, then the next ones.
type Story = Vec<Vec<Act>>;

const NAMES: [&str; 3] = ["first", "second", "third"];

fn act() -> impl Strategy<Value = Act> {
    let crash = prop_oneof![2 => Just(None), 3 => (1u32..60).prop_map(Some)];
    let spans = prop::sample::select(vec!["1mo", "2w", "5d", "13d", "1d"]);
    let slices = prop_oneof![Just(None), (1usize..90).prop_map(Some)];
    let start = prop::sample::select(vec![Start::Resume, Start::Resume, Start::Restart]);
    let reprocess = prop::sample::select(vec![Reprocess::None, Reprocess::Failed, Reprocess::Completed]);
    prop_oneof![
        4 => (0..NAMES.len(), spans, 1usize..=5, slices, any::<bool>(), start, reprocess, crash.clone()).prop_map(
            |(pipeline, span, concurrency, slice_rows, newest_first, start, reprocess, crash)| Act::Backfill {
                pipeline, span, concurrency, slice_rows, newest_first, start, reprocess, crash
            }
        ),
        1 => (0..NAMES.len(), crash).prop_map(|(pipeline, crash)| Act::Run { pipeline, crash }),
    ]
}

fn story() -> impl Strategy<Value = Story> {
    prop::collection::vec(prop::collection::vec(act(), 1..=3), 1..=3)
}

/// An ambient that dies when the n-th point is reached. The death is a panic that no hook prints.
fn dying(ambient: Ambient, crash: Option<u32>) -> Ambient {
    let Some(nth) = crash else { return ambient };
    let reached = AtomicU32::new(0);
    let at_point = move |_: &'static str| {
        if reached.fetch_add(1, Ordering::SeqCst) + 1 == nth {
            std::panic::resume_unwind(Box::new("killed at a point"));
        }
    };
    Ambient {
        at_point: Arc::new(at_point),
        ..ambient
    }
}

/// Does it in a process of its own, as far as the store can tell; how often it was written, died or refused
/// is of no interest here.
async fn perform(act: Act, url: String, ambient: Ambient, chunk_rows: usize) {
    let store = Store::new(connect(&url).await.expect("connect"));
    let run = Options {
        take_over: true,
        accept_churn: true,
        ..Options::default()
    };
    let refused = |error: &paceline::pipeline::RunError| {
        // What may happen to one of several at once: overtaken, or the model was activated by another.
        let passing = matches!(error.kind, Kind::Fenced | Kind::LeaseHeld | Kind::Transient);
        assert!(passing, "{error}");
    };
    match act {
        Act::Backfill {
            pipeline: name,
            span,
            concurrency,
            slice_rows,
            newest_first,
            start,
            reprocess,
            crash,
        } => {
            let options = BackfillOptions {
                span: Some(span.parse().expect("a span")),
                concurrency,
                slice_rows,
                newest_first,
                start,
                reprocess,
                run,
                ..BackfillOptions::default()
            };
            let text = named(NAMES[name], chunk_rows);
            match backfill(&store, &pipeline(&text), &options, &dying(ambient, crash)).await {
                Ok(_) | Err(Failure::Usage(_)) => {}
                Err(Failure::Run(error)) => refused(&error),
            }
        }
        Act::Run { pipeline: name, crash } => {
            let text = named(NAMES[name], chunk_rows);
            let ambient = dying(ambient, crash);
            if let Err(error) = run_pipeline(&store, &pipeline(&text), &run, Trigger::Manual, &ambient).await {
                refused(&error);
            }
        }
    }
}

async fn tell(story: &Story, world: &World, chunk_rows: usize) {
    for together in story {
        world.wait_days(1);
        let tasks: Vec<_> = together
            .iter()
            .map(|act| tokio::spawn(perform(act.clone(), world.raw.url.clone(), world.ambient(), chunk_rows)))
            .collect();
        for task in tasks {
            if let Err(error) = task.await {
                let panic = error.into_panic();
                let died = panic.downcast_ref::<&str>() == Some(&"killed at a point");
                if !died {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
    // Whatever happened: the last backfill goes on where the others were stopped, and comes to its end.
    let last = BackfillOptions {
        start: Start::Restart,
        run: Options {
            take_over: true,
            accept_churn: true,
            ..Options::default()
        },
        ..super::by("1mo")
    };
    let done = super::run(world, &named(NAMES[0], chunk_rows), &last)
        .await
        .expect("the last");
    assert_eq!((done.status, done.windows.failed), ("succeeded", 0), "{done:?}");
}

async fn comes_to_the_same(raw: TestStore, story: &Story, rows: usize, seed: u64, chunk_rows: usize) {
    raw.db.migrate(now()).await.expect("migrate");
    let world = filled(raw, rows, seed).await;
    tell(story, &world, chunk_rows).await;
    let plain = TestStore::sqlite().await;
    plain.db.migrate(now()).await.expect("migrate");
    let clean = filled(plain, rows, seed).await;
    clean.run(&named("clean", 5_000)).await;
    assert_eq!(state(&world).await, state(&clean).await);
    assert_eq!(
        history(&world).await,
        history(&clean).await,
        "no row lost, none doubled"
    );
    assert_verified(&world).await;
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 60,
        ..ProptestConfig::default()
    }
}

/// More cases than a quick run takes: `PACELINE_STORIES=500`.
fn stories(usual: u32) -> u32 {
    let asked = std::env::var("PACELINE_STORIES").ok().and_then(|n| n.parse().ok());
    asked.unwrap_or(usual)
}

#[test]
fn any_order_crash_and_overlap_comes_to_one_clean_run_on_sqlite() {
    let input = (story(), 40usize..400, 0u64..1_000, 5usize..120);
    let mut runner = proptest::test_runner::TestRunner::new(config(stories(24)));
    let result = runner.run(&input, |(story, rows, seed, chunk_rows)| {
        block_on(async { comes_to_the_same(TestStore::sqlite().await, &story, rows, seed, chunk_rows).await });
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn any_order_crash_and_overlap_comes_to_one_clean_run_on_mariadb() {
    let input = (story(), 40usize..200, 0u64..1_000, 5usize..120);
    let mut runner = proptest::test_runner::TestRunner::new(config(stories(8)));
    let result = runner.run(&input, |(story, rows, seed, chunk_rows)| {
        block_on(async { comes_to_the_same(TestStore::mariadb().await, &story, rows, seed, chunk_rows).await });
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}
