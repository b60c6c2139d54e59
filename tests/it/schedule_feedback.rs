//! The scheduler and what people say: enough corrections begin one run, and no correction is lost.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc as channel};
use std::time::{Duration, Instant};

use paceline::config::Pipeline;
use paceline::id::RunId;
use paceline::pipeline::lease::Lease;
use paceline::pipeline::people::{Said, say};
use paceline::pipeline::prepare::Options;
use paceline::pipeline::run::run;
use paceline::pipeline::waiting::Waiting;
use paceline::pipeline::{Ambient, Kind};
use paceline::scheduler::health::Health;
use paceline::scheduler::{Entry, Outcome, Scheduler};
use paceline::stage::decide::Retrain;
use paceline::store::Store;
use paceline::vocab::{FeedbackType, Label, Trigger};

use crate::schedule::{Loop, World, once, paceline, pipeline_file, rows_until_second};
use crate::support::world::correction;
use crate::support::*;

const WATCHING: &str = "name = 'retrain'\n[schedule]\non_feedback = true\n";

fn entry(text: &str) -> Entry {
    let pipeline = Pipeline::parse(text, "test.toml").expect("valid");
    let schedule = pipeline.schedule.clone().expect("a schedule");
    Entry { pipeline, schedule }
}

fn scheduler(test: &TestStore, world: &World, text: &str) -> Scheduler {
    Scheduler::new(Store::new(test.db.clone()), world.ambient(), vec![entry(text)])
}

/// Twenty runs `r00`.., twenty walks `w00`.., and eight slow runs `s00`.. between them, which the clusters
/// alone do not call runs.
async fn workouts(test: &TestStore) {
    let kinds = [("r", 20, 9.0), ("w", 20, 19.0), ("s", 8, 13.8)];
    for (kind, count, pace) in kinds {
        for n in 0..count {
            let pace = pace + f64::from(n) / 40.0;
            test.run(&format!(
                "INSERT INTO workout_summary \
                 (workout_id, workout_date, activity_type, distance_mi, duration_sec, avg_pace) \
                 VALUES ('{kind}{n:02}', '2025-01-01 06:00:00', 'Run', 3.0, {}, {pace})",
                pace * 180.0
            ))
            .await;
        }
    }
}

/// A classified history at noon, with a model that nobody has taught.
async fn classified(test: &TestStore) -> World {
    workouts(test).await;
    let world = World::new("2026-06-01T12:00:00Z");
    let first = trained(test, &world.ambient(), Retrain::Auto).await;
    assert_eq!(first.rows_written, 96);
    world
}

async fn trained(test: &TestStore, ambient: &Ambient, retrain: Retrain) -> paceline::pipeline::report::RunReport {
    let options = Options {
        retrain: Some(retrain),
        ..Options::default()
    };
    let pipeline = Pipeline::parse(WATCHING, "test.toml").expect("valid");
    let store = Store::new(test.db.clone());
    run(&store, &pipeline, &options, Trigger::Manual, ambient)
        .await
        .expect("a run")
}

async fn correct(test: &TestStore, world: &World, ids: &[&str], label: Label) {
    let store = Store::new(test.db.clone());
    for id in ids {
        say(&store, &correction(id, label, "anna"), &world.ambient())
            .await
            .expect("recorded");
    }
}

async fn waiting(test: &TestStore) -> u64 {
    let waiting = Waiting::read(&Store::new(test.db.clone())).await;
    waiting.expect("read").count()
}

/// Status and start of the runs for feedback.
async fn feedback_runs(test: &TestStore) -> Vec<Vec<String>> {
    let query = "SELECT status, started_at FROM pipeline_runs WHERE trigger_kind = 'feedback' ORDER BY started_at";
    rows_until_second(test, query).await
}

async fn active(test: &TestStore) -> String {
    let rows = test
        .rows("SELECT model_id FROM ml_model_registry WHERE status = 'active'")
        .await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows[0][0].clone()
}

/// Looks in each of these minutes after noon; nothing may begin.
async fn nothing_begins(scheduler: &mut Scheduler, world: &World, minutes: impl Iterator<Item = u32>) {
    for minute in minutes {
        world.set(&noon_and(minute));
        let outcomes = once(scheduler).await;
        assert!(matches!(outcomes[..], [Outcome::NotDue]), "{minute}: {outcomes:?}");
    }
}

fn noon_and(minutes: u32) -> String {
    format!("2026-06-01T{:02}:{:02}:00Z", 12 + minutes / 60, minutes % 60)
}

#[test]
fn enough_corrections_begin_one_run_that_learns_from_them() {
    on_both_stores(|test| async move {
        let test = test;
        let world = classified(&test).await;
        let untaught = active(&test).await;
        let slow = "SELECT DISTINCT current_classification FROM workout_ml_classifications WHERE workout_id LIKE 's%'";
        assert!(!test.rows(slow).await.contains(&vec!["real_run".to_owned()]));
        let mut scheduler = scheduler(&test, &world, WATCHING);
        nothing_begins(&mut scheduler, &world, 1..3).await;
        // Four corrections and an answer that corrects nothing are not five.
        correct(&test, &world, &["s00", "s02", "s04", "s06"], Label::RealRun).await;
        let accepted = Said {
            feedback_type: FeedbackType::Accept,
            label: None,
            ..correction("r00", Label::RealRun, "anna")
        };
        let store = Store::new(test.db.clone());
        say(&store, &accepted, &world.ambient()).await.expect("recorded");
        nothing_begins(&mut scheduler, &world, 3..6).await;
        assert_eq!(scheduler.health().pipelines[0].waiting, Some(4));
        assert!(feedback_runs(&test).await.is_empty());

        correct(&test, &world, &["s07"], Label::RealRun).await;
        world.set(&noon_and(6));
        let outcomes = once(&mut scheduler).await;
        let [Outcome::Succeeded(report)] = &outcomes[..] else {
            panic!("{outcomes:?}")
        };
        assert!(
            report.decision.reason.contains("corrections that wait to be learnt: 5"),
            "{:?}",
            report.decision
        );
        let taught = active(&test).await;
        assert_ne!(taught, untaught);
        // All eight are runs now: five by a person's word, and the other three because of it.
        assert_eq!(test.rows(slow).await, [["real_run"]]);
        let by_person = "SELECT COUNT(*) FROM workout_ml_classifications WHERE is_user_override = 1";
        assert_eq!(test.rows(by_person).await, [["5"]]);
        let answers = "SELECT DISTINCT processed, incorporated_in_model FROM user_classification_feedback";
        assert_eq!(test.rows(answers).await, [["1", taught.as_str()]]);
        let evidence = "SELECT model_id, compared_with, forced FROM model_evaluations";
        assert_eq!(test.rows(evidence).await, [[taught.as_str(), untaught.as_str(), "0"]]);
        nothing_begins(&mut scheduler, &world, 7..80).await;
        assert_eq!(feedback_runs(&test).await, [["succeeded", "2026-06-01 12:06:00"]]);
    });
}

#[test]
fn three_schedulers_on_one_store_learn_once() {
    on_both_stores(|test| async move {
        let test = test;
        let world = classified(&test).await;
        let folder = tempfile::tempdir().expect("a folder");
        let file = pipeline_file(&folder, WATCHING);
        for (round, labelled) in [("r", Label::RealRun), ("w", Label::PupWalk), ("s", Label::RealRun)]
            .into_iter()
            .enumerate()
        {
            let now = noon_and(1 + round as u32);
            world.set(&now);
            let ids: Vec<String> = (0..5).map(|n| format!("{}0{n}", labelled.0)).collect();
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            correct(&test, &world, &ids, labelled.1).await;
            let schedule = ["schedule", &file, "--once", "--now", &now, "--output", "json"];
            let all: Vec<_> = (0..3)
                .map(|_| paceline(&test, &schedule).spawn().expect("started"))
                .collect();
            let mut outcomes = Vec::new();
            for child in all {
                let output = child.wait_with_output().expect("ended");
                let error = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.code(), Some(0), "{error}");
                let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
                outcomes.push(answer[0]["outcome"].as_str().expect("a word").to_owned());
            }
            let ran = outcomes.iter().filter(|outcome| *outcome == "succeeded").count();
            assert_eq!(ran, 1, "{now}: {outcomes:?}");
            let others = ["busy", "not_due", "done_elsewhere", "succeeded"];
            assert!(outcomes.iter().all(|o| others.contains(&o.as_str())), "{outcomes:?}");
            assert_eq!(feedback_runs(&test).await.len(), round + 1);
            assert_eq!(waiting(&test).await, 0);
        }
    });
}

#[test]
fn what_taught_a_refused_candidate_begins_no_second_run() {
    on_both_stores(|test| async move {
        let test = test;
        let world = classified(&test).await;
        let text = format!("{WATCHING}[gate]\nmax_churn = 0.1\n");
        let mut scheduler = scheduler(&test, &world, &text);
        let right_runs = ["r00", "r02", "r04", "r06", "r08", "r10", "r12", "r14"];
        correct(&test, &world, &right_runs, Label::RealRun).await;
        correct(&test, &world, &["w00", "w05", "w10", "w15"], Label::PupWalk).await;
        world.set(&noon_and(1));
        assert!(matches!(once(&mut scheduler).await[..], [Outcome::Succeeded(_)]));
        let before = active(&test).await;
        // Deliberately wrong: the runs between those are said to be walks, so nothing is sure any more.
        let wrong = ["r01", "r03", "r05", "r07", "r09", "r11", "r13"];
        correct(&test, &world, &wrong, Label::PupWalk).await;
        world.set(&noon_and(2));
        let outcomes = once(&mut scheduler).await;
        let [Outcome::Failed(error)] = &outcomes[..] else {
            panic!("{outcomes:?}")
        };
        assert_eq!(error.kind, Kind::Gate, "{error}");
        assert_eq!(active(&test).await, before);
        let refused = "SELECT m.status, e.compared_with FROM ml_model_registry m JOIN model_evaluations e \
                       ON e.model_id = m.model_id WHERE e.verdict = 'fail'";
        assert_eq!(test.rows(refused).await, [["archived", before.as_str()]]);
        let unprocessed = "SELECT COUNT(*) FROM user_classification_feedback WHERE processed = 0";
        assert_eq!(test.rows(unprocessed).await, [["7"]]);
        assert_eq!(waiting(&test).await, 0);
        // Neither the next minutes nor the rest of an hour bring another, nor do four new ones.
        nothing_begins(&mut scheduler, &world, 3..130).await;
        correct(&test, &world, &["s00", "s01", "s02", "s03"], Label::RealRun).await;
        nothing_begins(&mut scheduler, &world, 130..200).await;
        assert_eq!(scheduler.health().pipelines[0].waiting, Some(4));
        correct(&test, &world, &["s04"], Label::RealRun).await;
        world.set(&noon_and(200));
        let outcomes = once(&mut scheduler).await;
        assert!(
            matches!(outcomes[..], [Outcome::Succeeded(_) | Outcome::Failed(_)]),
            "{outcomes:?}"
        );
        assert_eq!(feedback_runs(&test).await.len(), 3);
    });
}

#[test]
fn a_run_that_fails_is_tried_again_after_an_hour_or_for_new_corrections() {
    on_both_stores(|test| async move {
        let test = test;
        let world = classified(&test).await;
        correct(&test, &world, &["s00", "s01", "s02", "s03", "s04"], Label::RealRun).await;
        test.run("ALTER TABLE workout_summary RENAME TO elsewhere").await;
        let mut first = scheduler(&test, &world, WATCHING);
        for minute in 1..=61 {
            world.set(&noon_and(minute));
            // Whether it stays or is begun anew each minute: what it goes by is in the ledger.
            let mut fresh = scheduler(&test, &world, WATCHING);
            let one = if minute % 2 == 0 { &mut first } else { &mut fresh };
            let outcomes = once(one).await;
            let failed = matches!(outcomes[..], [Outcome::Failed(_)]);
            assert_eq!(failed, minute == 1 || minute == 61, "{minute}: {outcomes:?}");
        }
        let mut expected = vec![["failed", "2026-06-01 12:01:00"], ["failed", "2026-06-01 13:01:00"]];
        assert_eq!(feedback_runs(&test).await, expected);
        test.run("ALTER TABLE elsewhere RENAME TO workout_summary").await;
        // Nothing lost, and as many new ones as are asked for do not wait for the hour.
        correct(&test, &world, &["r00", "r01", "r02", "r03"], Label::RealRun).await;
        nothing_begins(&mut first, &world, 62..65).await;
        correct(&test, &world, &["r04"], Label::RealRun).await;
        world.set(&noon_and(65));
        assert!(matches!(once(&mut first).await[..], [Outcome::Succeeded(_)]));
        expected.push(["succeeded", "2026-06-01 13:05:00"]);
        assert_eq!(feedback_runs(&test).await, expected);
        assert_eq!(waiting(&test).await, 0);
    });
}

#[test]
fn a_run_that_cannot_even_be_entered_is_not_tried_each_minute() {
    on_both_stores(|test| async move {
        let test = test;
        let world = classified(&test).await;
        correct(&test, &world, &["s00", "s01", "s02", "s03", "s04"], Label::RealRun).await;
        test.run("ALTER TABLE pipeline_lease RENAME TO elsewhere").await;
        let mut scheduler = scheduler(&test, &world, WATCHING);
        world.set(&noon_and(1));
        assert!(matches!(once(&mut scheduler).await[..], [Outcome::Failed(_)]));
        nothing_begins(&mut scheduler, &world, 2..61).await;
        test.run("ALTER TABLE elsewhere RENAME TO pipeline_lease").await;
        world.set(&noon_and(61));
        assert!(matches!(once(&mut scheduler).await[..], [Outcome::Succeeded(_)]));
        assert_eq!(feedback_runs(&test).await, [["succeeded", "2026-06-01 13:01:00"]]);
    });
}

/// `world`, in which somebody speaks when a run first reaches `point`.
fn speaking(test: &TestStore, world: &World, point: &'static str, said: Said) -> (World, Arc<AtomicBool>) {
    let (store, quiet) = (Store::new(test.db.clone()), world.ambient());
    let (handle, spoken) = (tokio::runtime::Handle::current(), Arc::new(AtomicBool::new(false)));
    let once = Arc::clone(&spoken);
    let world = world.clone().meddling(move |reached| {
        if reached == point && !once.swap(true, Ordering::SeqCst) {
            let recorded = tokio::task::block_in_place(|| handle.block_on(say(&store, &said, &quiet)));
            recorded.expect("recorded");
        }
    });
    (world, spoken)
}

/// The answer on `w00`: learnt or not, and by which model.
async fn late_answer(test: &TestStore) -> Vec<Vec<String>> {
    let query = "SELECT processed, incorporated_in_model FROM user_classification_feedback WHERE workout_id = 'w00'";
    test.rows(query).await
}

/// Where in a run somebody speaks: before anything is computed, while it trains, between training and
/// activation, between activation and the first verdict, and while verdicts are written.
const POINTS: [&str; 6] = [
    "after_load",
    "after_train",
    "after_gate",
    "after_activate",
    "before_chunk",
    "after_chunk",
];

#[test]
fn an_answer_during_a_run_for_feedback_is_learnt_by_the_next() {
    for point in POINTS {
        on_both_stores(|test| async move {
            let test = test;
            let world = classified(&test).await;
            correct(&test, &world, &["s00", "s01", "s02", "s03", "s04"], Label::RealRun).await;
            let (talking, spoken) = speaking(&test, &world, point, correction("w00", Label::PupWalk, "anna"));
            let mut scheduler = scheduler(&test, &talking, WATCHING);
            world.set(&noon_and(1));
            let outcomes = once(&mut scheduler).await;
            assert!(matches!(outcomes[..], [Outcome::Succeeded(_)]), "{outcomes:?}");
            assert!(spoken.load(Ordering::SeqCst), "{point} was reached");
            assert_unlearnt(&test, 5).await;
            // Alone it begins nothing; with four more it does, and is learnt.
            nothing_begins(&mut scheduler, &world, 2..4).await;
            correct(&test, &world, &["r00", "r01", "r02", "r03"], Label::RealRun).await;
            world.set(&noon_and(4));
            assert!(matches!(once(&mut scheduler).await[..], [Outcome::Succeeded(_)]));
            assert_eq!(late_answer(&test).await, [["1", active(&test).await.as_str()]]);
            assert_eq!(waiting(&test).await, 0);
        });
    }
}

#[test]
fn an_answer_during_a_retraining_by_hand_is_learnt_by_the_next() {
    for point in POINTS {
        on_both_stores(|test| async move {
            let test = test;
            let world = classified(&test).await;
            correct(&test, &world, &["s00", "s01"], Label::RealRun).await;
            let (talking, spoken) = speaking(&test, &world, point, correction("w00", Label::PupWalk, "anna"));
            world.set(&noon_and(1));
            let report = trained(&test, &talking.ambient(), Retrain::Always).await;
            assert!(spoken.load(Ordering::SeqCst), "{point} was reached");
            assert_eq!(report.model.model_id, Some(active(&test).await));
            assert_unlearnt(&test, 2).await;
            world.set(&noon_and(2));
            trained(&test, &world.ambient(), Retrain::Always).await;
            assert_eq!(late_answer(&test).await, [["1", active(&test).await.as_str()]]);
            assert_eq!(waiting(&test).await, 0);
        });
    }
}

/// The answer on `w00` waits, is obeyed, and the active model knows exactly `learnt` others.
async fn assert_unlearnt(test: &TestStore, learnt: usize) {
    assert_eq!(late_answer(test).await, [["0", "NULL"]]);
    assert_eq!(waiting(test).await, 1);
    let obeyed =
        "SELECT is_user_override, current_classification FROM workout_ml_classifications WHERE workout_id = 'w00'";
    assert_eq!(test.rows(obeyed).await, [["1", "pup_walk"]]);
    let model = active(test).await;
    let taught = Store::new(test.db.clone()).taught_by(&model).await.expect("ranges");
    let ids = test
        .rows("SELECT feedback_id, incorporated_in_model, processed FROM user_classification_feedback")
        .await;
    let known = |row: &&Vec<String>| taught.contains(row[0].parse().expect("a number"));
    let (known, unknown): (Vec<_>, Vec<_>) = ids.iter().partition(known);
    assert_eq!((known.len(), unknown.len()), (learnt, 1), "{ids:?}");
    let marked = |row: &&Vec<String>| row[1] == model && row[2] == "1";
    assert!(known.iter().all(marked) && !unknown.iter().any(marked), "{ids:?}");
}

/// A transaction takes its number when it begins and shows its row when it commits, so a lower number may
/// appear after a higher one has been learnt.
#[test]
fn an_answer_that_was_on_its_way_with_a_lower_number_is_not_taken_for_learnt() {
    on_both_stores(|test| async move {
        let test = test;
        let world = classified(&test).await;
        let insert = |id: u32, workout: &str| {
            format!(
                "INSERT INTO user_classification_feedback \
                 (feedback_id, workout_id, user_classification, feedback_type, user_certainty, user_id, submitted_at) \
                 VALUES ({id}, '{workout}', 'real_run', 'correct', 5, 'anna', '2026-06-01 12:00:30')"
            )
        };
        for (id, workout) in [(1, "s00"), (2, "s01"), (4, "s02")] {
            test.run(&insert(id, workout)).await;
        }
        // `w00` so that the same questions serve; what it says is of no matter here.
        let (late, db) = (sql(&insert(3, "w00")), test.db.clone());
        let handle = tokio::runtime::Handle::current();
        let talking = world.clone().meddling(move |reached| {
            if reached == "after_train" {
                let insert = async { db.execute(late, &paceline::db::value::Params::none()).await };
                tokio::task::block_in_place(|| handle.block_on(insert)).expect("inserted");
            }
        });
        world.set(&noon_and(1));
        trained(&test, &talking.ambient(), Retrain::Always).await;
        assert_eq!(late_answer(&test).await, [["0", "NULL"]]);
        assert_eq!(waiting(&test).await, 1);
        let learnt = "SELECT COUNT(*) FROM user_classification_feedback WHERE processed = 1";
        assert_eq!(test.rows(learnt).await, [["3"]]);
    });
}

#[test]
fn a_night_that_comes_while_it_learns_is_run_afterwards() {
    on_both_stores(|test| async move {
        let test = test;
        let world = classified(&test).await;
        let text = format!("{WATCHING}cron = '30 13 * * *'\ncatchup = 'none'\n");
        correct(&test, &world, &["s00", "s01", "s02", "s03", "s04"], Label::RealRun).await;
        let (go, gate) = channel::channel::<()>();
        let gate = Mutex::new(gate);
        let slow = world.clone().meddling(move |point| {
            if point == "after_load" {
                let wait = || gate.lock().expect("no panic").recv_timeout(Duration::from_secs(60));
                tokio::task::block_in_place(wait).expect("let go");
            }
        });
        world.set("2026-06-01T13:29:00Z");
        let mut watched = Loop::start(scheduler(&test, &slow, &text));
        watched.until("learning", |health| health.pipelines[0].running).await;
        let began = Instant::now();
        while feedback_runs(&test).await.is_empty() {
            assert!(began.elapsed() < Duration::from_secs(60), "no run began");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for at in ["2026-06-01T13:30:00Z", "2026-06-01T13:31:00Z", "2026-06-01T13:35:00Z"] {
            world.set(at);
            watched.tick().await;
            let seen = at.replace('T', " ").replace('Z', ".000000");
            watched
                .until("a look", |health| health.last_tick.as_deref() == Some(seen.as_str()))
                .await;
        }
        go.send(()).expect("waiting");
        go.send(()).expect("waiting");
        watched.until("both ended", |health| !health.pipelines[0].running).await;
        let runs = "SELECT trigger_kind, status, started_at FROM pipeline_runs WHERE trigger_kind <> 'manual' \
                    ORDER BY started_at";
        let expected = [
            ["feedback", "succeeded", "2026-06-01 13:29:00"],
            ["schedule", "succeeded", "2026-06-01 13:35:00"],
        ];
        assert_eq!(rows_until_second(&test, runs).await, expected);
        watched.stop().await;
    });
}

#[test]
fn corrections_wait_while_another_run_holds_the_pipeline() {
    on_both_stores(|test| async move {
        let test = test;
        let world = classified(&test).await;
        correct(&test, &world, &["s00", "s01", "s02", "s03", "s04"], Label::RealRun).await;
        let store = Store::new(test.db.clone());
        let manual = RunId::generate(now(), 99);
        let Ok(lease) = Lease::acquire(&store, "retrain", &manual, false, &world.ambient()).await else {
            panic!("free");
        };
        let mut scheduler = scheduler(&test, &world, WATCHING);
        for _ in 0..3 {
            let outcomes = once(&mut scheduler).await;
            let [Outcome::Busy { why }] = &outcomes[..] else {
                panic!("{outcomes:?}")
            };
            assert!(why.contains(manual.as_str()), "{why}");
        }
        assert!(
            feedback_runs(&test).await.is_empty(),
            "nothing is missed, so nothing is entered"
        );
        lease.release("2026-06-01T12:00:00Z".parse().expect("an instant")).await;
        assert!(matches!(once(&mut scheduler).await[..], [Outcome::Succeeded(_)]));
    });
}

#[test]
fn of_two_pipelines_that_watch_the_first_learns_and_the_night_finds_nothing_left() {
    on_both_stores(|test| async move {
        let test = test;
        let world = classified(&test).await;
        correct(&test, &world, &["s00", "s01", "s02", "s03", "s04"], Label::RealRun).await;
        let nightly = WATCHING.replace("retrain", "nightly") + "cron = '30 2 * * *'\n";
        let entries = [WATCHING.to_owned(), WATCHING.replace("retrain", "other"), nightly];
        let entries = entries.iter().map(|text| entry(text)).collect();
        let mut scheduler = Scheduler::new(Store::new(test.db.clone()), world.ambient(), entries);
        // The nightly one never ran, so it is due as well; whoever is first in line learns.
        world.set(&noon_and(1));
        let outcomes = once(&mut scheduler).await;
        assert!(
            matches!(outcomes[2], Outcome::Succeeded(_)),
            "the night is due: {outcomes:?}"
        );
        let mut trained = 0;
        for outcome in &outcomes {
            match outcome {
                Outcome::Succeeded(report) if report.decision.action == "trained" => trained += 1,
                Outcome::Succeeded(report) => {
                    assert_eq!((report.decision.action, report.rows_written), ("reused", 0));
                }
                other => assert!(matches!(other, Outcome::DoneElsewhere), "{other:?}"),
            }
        }
        assert_eq!(trained, 1, "{outcomes:?}");
        assert!(once(&mut scheduler).await.iter().all(|o| matches!(o, Outcome::NotDue)));
    });
}

/// Two schedulers that stay, with one clock, whose ticks come at once.
#[test]
fn two_schedulers_that_stay_never_run_a_pipeline_twice_at_once() {
    on_both_stores(|test| async move {
        let test = test;
        let world = classified(&test).await;
        let text = format!("{WATCHING}cron = '30 2 * * *'\n");
        let (inside, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let (entered, seen) = (Arc::clone(&inside), Arc::clone(&most));
        let slow = world.clone().meddling(move |point| match point {
            "after_load" => {
                seen.fetch_max(entered.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::block_in_place(|| std::thread::sleep(Duration::from_millis(30)));
            }
            "after_gate" => {
                entered.fetch_sub(1, Ordering::SeqCst);
            }
            _ => {}
        });
        let numbers = Arc::new(AtomicU32::new(1_000));
        let start = || {
            let numbers = Arc::clone(&numbers);
            let mut ambient = slow.ambient();
            ambient.entropy = Arc::new(move || numbers.fetch_add(1, Ordering::SeqCst));
            Loop::start(Scheduler::new(Store::new(test.db.clone()), ambient, vec![entry(&text)]))
        };
        // Neither ever ran, so the pipeline is due at once, for both.
        let mut both = [start(), start()];
        looked(&mut both, "2026-06-01 12:00:00.000000").await;
        for night in 2..=5 {
            world.set(&format!("2026-06-0{night}T02:30:00Z"));
            tick(&both).await;
            looked(&mut both, &format!("2026-06-0{night} 02:30:00.000000")).await;
            let ids: Vec<String> = (0..5).map(|n| format!("r{:02}", (night - 2) * 5 + n)).collect();
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            world.set(&format!("2026-06-0{night}T12:00:00Z"));
            correct(&test, &world, &ids, Label::RealRun).await;
            tick(&both).await;
            looked(&mut both, &format!("2026-06-0{night} 12:00:00.000000")).await;
            assert_eq!(waiting(&test).await, 0);
        }
        assert_eq!(most.load(Ordering::SeqCst), 1, "runs at once");
        assert_eq!(inside.load(Ordering::SeqCst), 0);
        let runs = "SELECT trigger_kind, status, started_at FROM pipeline_runs \
                    WHERE trigger_kind <> 'manual' AND status <> 'skipped' ORDER BY started_at";
        let mut expected = vec![[
            "schedule".to_owned(),
            "succeeded".to_owned(),
            "2026-06-01 12:00:00".to_owned(),
        ]];
        for night in 2..=5 {
            for (trigger, time) in [("schedule", "02:30:00"), ("feedback", "12:00:00")] {
                let at = format!("2026-06-0{night} {time}");
                expected.push([trigger.to_owned(), "succeeded".to_owned(), at]);
            }
        }
        assert_eq!(rows_until_second(&test, runs).await, expected);
        for scheduler in both {
            scheduler.stop().await;
        }
    });
}

async fn tick(both: &[Loop; 2]) {
    tokio::join!(both[0].tick(), both[1].tick());
}

/// Waits until both have looked at `at` and nothing runs any more.
async fn looked(both: &mut [Loop; 2], at: &str) {
    for scheduler in both {
        let done = |health: &Health| health.last_tick.as_deref() == Some(at) && !health.pipelines[0].running;
        scheduler.until("a look", done).await;
    }
}

#[test]
fn every_pipeline_that_ships_is_valid_and_the_two_that_go_together_agree() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines");
    let mut pipelines = std::collections::BTreeMap::new();
    for file in std::fs::read_dir(folder).expect("a folder") {
        let path = file.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("text");
        let pipeline = Pipeline::parse(&text, &path.display().to_string()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            path.file_stem().and_then(|stem| stem.to_str()),
            Some(pipeline.name.as_str())
        );
        pipelines.insert(pipeline.name.clone(), pipeline);
    }
    let (nightly, retrain) = (&pipelines["nightly"], &pipelines["retrain"]);
    assert!(pipelines.len() >= 3);
    // Otherwise each would train the other's model away.
    assert_eq!((&nightly.params, nightly.seed), (&retrain.params, retrain.seed));
    assert_eq!(
        (&nightly.activities, nightly.reuse),
        (&retrain.activities, retrain.reuse)
    );
    assert_eq!(
        (nightly.from, nightly.to, nightly.max_churn),
        (retrain.from, retrain.to, retrain.max_churn)
    );
    let watches = |pipeline: &Pipeline| pipeline.schedule.as_ref().is_some_and(|schedule| schedule.on_feedback);
    assert!(watches(retrain) && !watches(nightly));
}

#[test]
fn the_list_says_who_watches_without_a_store() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_paceline"))
        .args(["schedule", "pipelines/nightly.toml", "pipelines/retrain.toml", "--list"])
        .args(["--now", "2026-06-01T12:00:00Z", "--output", "json"])
        .args(["--database-url", "sqlite:///nowhere/at/all.db"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("ended");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(listed[0]["on_feedback"], serde_json::Value::Null);
    assert_eq!(listed[0]["next"].as_array().map(Vec::len), Some(5));
    assert_eq!(
        (&listed[1]["pipeline"], &listed[1]["on_feedback"]),
        (&"retrain".into(), &5.into())
    );
    assert_eq!(listed[1]["next"].as_array().map(Vec::len), Some(0));
}
