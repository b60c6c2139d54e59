//! The review queue over a store: what is asked, what answers do, and that every one can be taken back.

use std::collections::VecDeque;
use std::io;

use paceline::pipeline::RunError;
use paceline::pipeline::lessons::Lessons;
use paceline::pipeline::people::{Recorded, Said as Answered, say};
use paceline::pipeline::review::{ReviewQueue, Reviewer, Scope, Word, answer, outlook, review_queue, take_back};
use paceline::pipeline::session::{Desk, Key, Session, Summary, Told};
use paceline::stage::decide::ReusePolicy;
use paceline::stage::features::Activities;
use paceline::stage::review::{Item, Reason, Said, words};
use paceline::store::taught::Answered as Numbers;
use paceline::store::workouts::Window;
use paceline::vocab::{FeedbackType, Label};

use crate::support::cli::{self, Paceline};
use crate::support::on_both_stores;
use crate::support::world::{NIGHTLY, SAMPLE, World};

/// The header and so many workouts of the sample, from the `skip`-th on.
fn sample(skip: usize, rows: usize) -> String {
    let header = SAMPLE.lines().take(1);
    let lines: Vec<&str> = header.chain(SAMPLE.lines().skip(1 + skip).take(rows)).collect();
    lines.join("\n")
}

fn anna() -> Reviewer {
    Reviewer {
        user: "anna".to_owned(),
        certainty: 3,
    }
}

async fn queue(world: &World, limit: usize) -> ReviewQueue {
    let scope = Scope {
        activities: Activities::default(),
        window: Window::default(),
        limit,
    };
    review_queue(&world.store, &scope, &world.ambient())
        .await
        .expect("a queue")
}

/// A classified history and its queue.
async fn classified(store: crate::support::TestStore, limit: usize) -> (World, Vec<Item>) {
    let world = World::new(store);
    world.import(&sample(0, 400)).await;
    world.run(NIGHTLY).await;
    let items = queue(&world, limit).await.items;
    assert_eq!(items.len(), limit);
    (world, items)
}

/// What stands for a workout: its label, whether a person set it, and what people say of it.
async fn standing(world: &World, id: &str) -> (String, bool, Option<Label>) {
    let stored = world
        .store
        .classification(id)
        .await
        .expect("a store")
        .expect("a verdict");
    let lessons = Lessons::read(&world.store).await.expect("answers");
    let said = match words(lessons.feedback(), []).get(id) {
        Some(Said::Agreed { label, .. }) => Some(*label),
        Some(Said::Disputed) => panic!("{id} is disputed"),
        Some(Said::Undecided) | None => None,
    };
    (stored.classification, stored.is_user_override, said)
}

fn other(label: Label) -> Label {
    if label == Label::RealRun {
        Label::PupWalk
    } else {
        Label::RealRun
    }
}

/// Plays keys, and keeps what was shown.
#[derive(Default)]
struct Script {
    keys: VecDeque<Key>,
    shown: Vec<(usize, usize, String)>,
    told: Vec<String>,
    ends: usize,
}

impl Script {
    fn of(keys: impl IntoIterator<Item = Key>) -> Self {
        Self {
            keys: keys.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Without a key left the terminal is gone.
    fn press(&mut self) -> io::Result<Key> {
        let gone = || io::Error::new(io::ErrorKind::BrokenPipe, "hung up");
        self.keys.pop_front().ok_or_else(gone)
    }
}

impl Desk for Script {
    fn ask(&mut self, item: &Item, at: usize, of: usize) -> io::Result<Key> {
        self.shown.push((at, of, item.workout_id.clone()));
        self.press()
    }

    fn ask_for_the_end(&mut self) -> io::Result<Key> {
        self.ends += 1;
        self.press()
    }

    fn tell(&mut self, told: &Told<'_>) -> io::Result<()> {
        self.told.push(match told {
            Told::Recorded(given) => given.feedback_type.to_string(),
            Told::Skipped => "skipped".to_owned(),
            Told::TakenBack(given) => format!("back: {}", given.is_some()),
            Told::NothingToUndo => "nothing".to_owned(),
            Told::Refused(error) => error.to_string(),
        });
        Ok(())
    }
}

async fn play(world: &World, items: &[Item], keys: &[Key]) -> (Script, Summary, Result<(), RunError>) {
    let (mut desk, reviewer, ambient) = (Script::of(keys.iter().copied()), anna(), world.ambient());
    let mut session = Session::new(&world.store, items, &reviewer, &ambient);
    let walked = session.walk(&mut desk).await;
    (desk, session.summary(), walked)
}

#[test]
fn a_walk_records_at_once_steps_back_and_ends() {
    on_both_stores(async |store| {
        let (world, items) = classified(store, 4).await;
        let correct = |n: usize| Key::Say(Word::Is(other(items[n].classification)));
        let accept = Key::Say(Word::Accept);
        let keys = [
            Key::Undo,
            correct(0),
            Key::Skip,
            Key::Undo,
            Key::Undo,
            accept,
            Key::Skip,
            Key::Say(Word::Uncertain),
            accept,
            Key::Undo,
            correct(3),
            Key::Quit,
        ];
        let (desk, summary, walked) = play(&world, &items, &keys).await;
        walked.expect("a walk");
        let told = [
            "nothing",
            "correct",
            "skipped",
            "back: false",
            "back: true",
            "accept",
            "skipped",
            "uncertain",
            "accept",
            "back: true",
            "correct",
        ];
        assert_eq!(desk.told, told);
        let at: Vec<usize> = desk.shown.iter().map(|(at, ..)| *at).collect();
        assert_eq!((at, desk.ends), (vec![1, 1, 2, 3, 2, 1, 2, 3, 4, 4], 2));
        let counts = Summary {
            accepted: 1,
            corrected: 1,
            uncertain: 1,
            skipped: 1,
            left: 0,
        };
        assert_eq!(summary, counts);
        let shown = |n: usize| items[n].classification;
        assert_eq!(
            standing(&world, &items[0].workout_id).await,
            (shown(0).to_string(), false, Some(shown(0)))
        );
        assert_eq!(standing(&world, &items[1].workout_id).await.2, None);
        let set = other(shown(3));
        assert_eq!(
            standing(&world, &items[3].workout_id).await,
            (set.to_string(), true, Some(set))
        );
        let left = queue(&world, 400).await;
        let asked = |n: usize| left.items.iter().any(|item| item.workout_id == items[n].workout_id);
        assert!(
            !asked(0) && asked(1) && !asked(2),
            "only what was skipped is asked again"
        );
    });
}

#[test]
fn a_terminal_that_is_gone_loses_nothing() {
    on_both_stores(async |store| {
        let (world, items) = classified(store, 4).await;
        let keys = [
            Key::Say(Word::Is(other(items[0].classification))),
            Key::Say(Word::Uncertain),
        ];
        let (_, summary, walked) = play(&world, &items, &keys).await;
        let error = walked.expect_err("nobody is there").to_string();
        assert!(
            error.contains("hung up") && error.contains("every answer before is recorded"),
            "{error}"
        );
        assert_eq!((summary.corrected, summary.uncertain, summary.left), (1, 1, 2));
        assert_eq!(world.count("user_classification_feedback").await, 2);
        assert!(standing(&world, &items[0].workout_id).await.1);
        // A workout that cannot be answered is told, and asked again.
        let gone = Item {
            workout_id: "nobody".to_owned(),
            ..items[2].clone()
        };
        let (desk, summary, walked) = play(&world, &[gone], &[Key::Say(Word::Accept), Key::Quit]).await;
        walked.expect("a walk");
        assert!(desk.told[0].contains("there is no workout 'nobody'"), "{:?}", desk.told);
        assert_eq!((desk.shown.len(), summary.left), (2, 1));
    });
}

/// Whatever was said before, by whom, and whatever is answered: taken back, the label, the override and
/// the words are as before.
#[test]
fn every_answer_can_be_taken_back() {
    const BEFORE: [&str; 5] = ["nothing", "accepted", "corrected", "uncertain", "set by another"];
    on_both_stores(async |store| {
        let (world, items) = classified(store, 25).await;
        let ambient = world.ambient();
        let words = [
            Word::Accept,
            Word::Is(Label::RealRun),
            Word::Is(Label::PupWalk),
            Word::Is(Label::Mixed),
            Word::Uncertain,
        ];
        for (n, item) in items.iter().enumerate() {
            let (before, word) = (BEFORE[n % 5], words[n / 5]);
            let (feedback_type, user) = match before {
                "nothing" => (None, "anna"),
                "accepted" => (Some(FeedbackType::Accept), "anna"),
                "corrected" => (Some(FeedbackType::Correct), "anna"),
                "uncertain" => (Some(FeedbackType::Uncertain), "anna"),
                _ => (Some(FeedbackType::Correct), "ben"),
            };
            if let Some(feedback_type) = feedback_type {
                let said = Answered {
                    workout_id: item.workout_id.clone(),
                    feedback_type,
                    label: (feedback_type == FeedbackType::Correct).then(|| other(item.classification)),
                    certainty: 4,
                    comment: None,
                    user: user.to_owned(),
                    admin: before == "set by another",
                };
                say(&world.store, &said, &ambient).await.expect("an answer");
            }
            let then = standing(&world, &item.workout_id).await;
            let given = answer(&world.store, item, word, &anna(), &ambient)
                .await
                .expect("an answer");
            take_back(&world.store, &given, &anna(), &ambient)
                .await
                .expect("taken back");
            let now = standing(&world, &item.workout_id).await;
            assert_eq!(now, then, "{before}, then {word:?} on {}", item.classification);
        }
        let verified = world.store.verify(|_| {}).await.expect("a store");
        assert!(verified.findings.is_empty(), "{:?}", verified.findings);
    });
}

#[test]
fn an_acceptance_means_what_was_shown() {
    on_both_stores(async |store| {
        let (world, items) = classified(store, 2).await;
        // A model that no run has classified with says the opposite of what is stored.
        let shown = Item {
            classification: other(items[0].classification),
            ..items[0].clone()
        };
        let given = answer(&world.store, &shown, Word::Accept, &anna(), &world.ambient())
            .await
            .expect("an answer");
        let label = shown.classification;
        assert!(matches!(given.recorded, Recorded::Overridden { .. }), "{given:?}");
        assert_eq!(
            standing(&world, &shown.workout_id).await,
            (label.to_string(), true, Some(label))
        );
        // To name the model's own label is to accept it: nothing is overridden.
        let same = Word::Is(items[1].classification);
        let given = answer(&world.store, &items[1], same, &anna(), &world.ambient())
            .await
            .expect("an answer");
        assert_eq!(
            (given.feedback_type, given.recorded),
            (FeedbackType::Accept, Recorded::Kept)
        );
    });
}

/// A model that was not taught a word must contradict it, so nobody is asked again before; one that was taught
/// it and still contradicts it is a reason to ask once more.
#[test]
fn a_word_is_asked_again_once_and_only_after_a_model_was_taught_it() {
    on_both_stores(async |store| {
        let (world, items) = classified(store, 12).await;
        let binary = |item: &&Item| matches!(item.classification, Label::RealRun | Label::PupWalk);
        let item = items.iter().find(binary).expect("a run or a walk");
        let word = other(item.classification);
        for asked in 1..=2 {
            let items = queue(&world, 400).await.items;
            let item = items
                .iter()
                .find(|i| i.workout_id == item.workout_id)
                .expect("it is asked");
            assert_eq!(item.reason == Reason::Contradicted { said: word }, asked == 2);
            answer(&world.store, item, Word::Is(word), &anna(), &world.ambient())
                .await
                .expect("an answer");
            let left = queue(&world, 400).await.items;
            assert!(left.iter().all(|i| i.workout_id != item.workout_id), "not learnt yet");
            let active = world.store.active_model().await.expect("query").expect("a model");
            let said = Numbers::of([asked]);
            let learnt = world.store.learn_again(&active.model_id, &said, world.now()).await;
            learnt.expect("learnt");
        }
        assert_eq!(world.count("user_classification_feedback").await, 2);
        let left = queue(&world, 400).await.items;
        assert!(left.iter().all(|i| i.workout_id != item.workout_id));
        let found = outlook(&world.store, &ReusePolicy::default())
            .await
            .expect("an outlook");
        assert_eq!(found.threshold, Some(5));
        let never = ReusePolicy {
            feedback_threshold: None,
            ..ReusePolicy::default()
        };
        assert_eq!(outlook(&world.store, &never).await.expect("an outlook").threshold, None);
    });
}

#[test]
fn the_command_shows_the_queue_in_every_form() {
    cli::on_both_stores(|paceline, folder| {
        let first = cli::file(folder, "first.csv", sample(0, 300));
        paceline.ok(&["import", &first]);
        paceline.refused(&["review"], 1, &["no model is active", "paceline run PIPELINE.toml"]);
        paceline.ok(&["run", "pipelines/nightly.toml"]);
        let items = paceline.json(&["review"]);
        let items = items.as_array().expect("a list");
        assert_eq!(items.len(), 10);
        for key in [
            "workout_id",
            "workout_date",
            "avg_pace",
            "distance_mi",
            "duration_min",
            "classification",
            "confidence",
            "posterior",
            "reason",
            "neighbours",
        ] {
            assert!(items.iter().all(|item| !item[key].is_null()), "{key}");
        }
        let three = paceline.ok(&["review", "--limit", "3", "--output", "ndjson"]).stdout;
        let first: serde_json::Value = serde_json::from_str(three.lines().next().expect("a line")).expect("JSON");
        assert_eq!(
            (three.lines().count(), &first),
            (3, &items[0]),
            "a longer queue begins with the shorter"
        );
        let csv = paceline.ok(&["review", "--limit", "3", "--output", "csv"]).stdout;
        assert!(
            csv.starts_with("workout_id,workout_date,avg_pace,") && csv.lines().count() == 4,
            "{csv}"
        );
        let page = paceline.ok(&["review", "--pipeline", "pipelines/nightly.toml"]).stdout;
        let id = items[0]["workout_id"].as_str().expect("an id");
        for part in [id, "min/mi", "why ", "nearest ", "paceline review --interactive"] {
            assert!(page.contains(part), "no '{part}' in {page}");
        }
        let no_terminal = ["needs a terminal", "paceline feedback import"];
        paceline.refused(&["review", "--interactive"], 1, &no_terminal);
        paceline.refused(&["review", "-i", "--output", "json"], 2, &["leave --output away"]);
        paceline.refused(&["review", "--limit", "0"], 2, &["--limit"]);
        // What no run has classified cannot be answered, so it is not asked about.
        paceline.ok(&["import", &cli::file(folder, "second.csv", sample(300, 20))]);
        let page = paceline.ok(&["review"]).stdout;
        assert!(page.contains("workouts have no verdict yet"), "{page}");
        assert_eq!(paceline.json(&["review"]), serde_json::Value::from(items.clone()));
    });
}

#[test]
fn when_all_is_judged_there_is_nothing_to_ask() {
    let (folder, paceline) = cli::on_new_sqlite();
    let import = cli::file(&folder, "five.csv", sample(0, 5));
    paceline.ok(&["run", "pipelines/nightly.toml", "--import", &import]);
    let items = paceline.json(&["review", "--limit", "100"]);
    for item in items.as_array().expect("a list") {
        let id = item["workout_id"].as_str().expect("an id");
        paceline.ok(&["feedback", "add", id, "--type", "accept"]);
    }
    assert!(paceline.ok(&["review"]).stdout.starts_with("Nothing to ask"));
    assert_eq!(paceline.json(&["review"]), serde_json::json!([]));
}

/// The keys of a person at a terminal of their own.
fn type_keys(paceline: &Paceline, args: &str, keys: &str) -> Option<String> {
    let there = assert_cmd::Command::new("script").arg("--version").output();
    if !there.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("util-linux")) {
        eprintln!("SKIPPED: `script` of util-linux is not there, so no terminal can be had");
        return None;
    }
    let line = format!("{} {args}", env!("CARGO_BIN_EXE_paceline"));
    let mut script = assert_cmd::Command::new("script");
    script.args(["-qec", &line, "/dev/null"]);
    script
        .env("DATABASE_URL", paceline.url())
        .env("NO_COLOR", "1")
        .env("TERM", "dumb");
    let output = script
        .write_stdin(keys)
        .timeout(std::time::Duration::from_secs(60))
        .output()
        .expect("script starts");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{:?}: {shown}", output.status);
    Some(shown)
}

#[test]
fn a_person_at_a_terminal_answers_by_keys() {
    let (folder, paceline) = cli::on_new_sqlite();
    let import = cli::file(&folder, "some.csv", sample(0, 300));
    paceline.ok(&["run", "pipelines/nightly.toml", "--import", &import]);
    let asked = paceline.json(&["review", "--limit", "3"]);
    let Some(shown) = type_keys(&paceline, "review -i --limit 3 --user anna --certainty 5", "xsu?oouoq") else {
        return;
    };
    for part in [
        "1 of 3",
        "2 of 3",
        "3 of 3",
        "outlier from now on",
        "taken back",
        "2 corrected, 1 cannot say",
    ] {
        assert!(shown.contains(part), "no '{part}' in {shown}");
    }
    assert!(
        shown.contains("start a retraining (retrain.feedback_threshold)"),
        "{shown}"
    );
    let said = paceline.json(&["feedback", "list"]);
    let last = said.as_array().and_then(|rows| rows.last()).expect("answers");
    assert_eq!(last["workout_id"], asked[2]["workout_id"]);
    assert_eq!(
        (&last["user_classification"], &last["user_certainty"], &last["user_id"]),
        (&"outlier".into(), &5.into(), &"anna".into())
    );
}
