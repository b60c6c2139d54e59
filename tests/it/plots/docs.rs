//! `docs/classification.md`: its commands are run in its order, print what it shows, and draw the pictures that
//! stand in `docs/plots`; its figures are measured.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use paceline::stage::classify::classify;
use paceline::stage::feedback::{Answer, Feedback};
use paceline::stage::params::Params;
use paceline::stage::train::train;
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

use super::assert_committed;
use crate::docs::page::steps;
use crate::learning::simulated::Person;

const PAGE: &str = include_str!("../../../docs/classification.md");

/// A folder of its own with the sample data and the pipelines, as the page supposes.
fn fresh_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for part in ["data", "pipelines"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(part);
        std::fs::create_dir(folder.path().join(part)).expect("a folder");
        for entry in std::fs::read_dir(from).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name");
            std::fs::copy(&path, folder.path().join(part).join(name)).expect("a copy");
        }
    }
    folder
}

/// Runs `paceline ..` of the page; returns standard output.
fn run(folder: &Path, command: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().collect();
    assert_eq!(words[0], "paceline", "{command}");
    let done = Command::new(env!("CARGO_BIN_EXE_paceline"))
        .args(&words[1..])
        .current_dir(folder)
        .env_remove("DATABASE_URL")
        .env_remove("RUST_LOG")
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        done.status.success(),
        "{command}: {}{}",
        text(&done.stdout),
        text(&done.stderr)
    );
    text(&done.stdout)
}

/// Every shown line is in the output in order, and next to the one before it unless `...` (any lines) stands between.
#[track_caller]
fn assert_shown(command: &str, shown: &[String], output: &str) {
    let mut printed = output.lines();
    let mut anywhere = false;
    for wanted in shown {
        if wanted == "..." {
            anywhere = true;
            continue;
        }
        let found = if anywhere {
            printed.any(|line| line == wanted)
        } else {
            printed.next() == Some(wanted.as_str())
        };
        assert!(found, "`{command}` does not print\n{wanted}\n\n{output}");
        anywhere = false;
    }
    assert!(
        anywhere || printed.next().is_none() || shown.is_empty(),
        "`{command}` prints more\n{output}"
    );
}

#[test]
fn the_page_shows_what_its_commands_print_and_draw() {
    let folder = fresh_folder();
    let plots: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/plots");
    let mut drawn = Vec::new();
    for step in steps(PAGE) {
        let output = run(folder.path(), &step.command);
        assert_shown(&step.command, &step.shown, &output);
        let words: Vec<&str> = step.command.split_whitespace().collect();
        if let Some(at) = words.iter().position(|word| *word == "--plot") {
            drawn.push(words[at + 1].to_owned());
        }
    }
    assert!(drawn.len() >= 5, "{drawn:?}");
    for name in &drawn {
        let svg = std::fs::read_to_string(folder.path().join(name)).expect("a picture");
        assert!(
            svg.len() < 120_000,
            "{name}: {} bytes are too many to commit",
            svg.len()
        );
        assert_committed(&plots.join(name), &svg);
        assert!(
            PAGE.contains(&format!("](plots/{name})")),
            "the page does not show {name}"
        );
    }
    for entry in std::fs::read_dir(&plots).expect("docs/plots") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(
            drawn.contains(&name),
            "docs/plots/{name} is made by no command of the page"
        );
    }
}

/// How many workouts are told apart after each way of asking, as shares.
struct Learnt {
    without: f64,
    queue: [f64; 2],
    random: [f64; 3],
}

/// Draws of random answers; their mean is what the page says.
const DRAWS: u64 = 20;

fn learnt(person: &Person) -> Learnt {
    let curve = person.curve(5, 2, 5);
    let random = |count: usize| {
        let each = (1..=DRAWS).map(|seed| after_random(person, count, seed));
        each.sum::<f64>() / DRAWS as f64
    };
    Learnt {
        without: curve[0].forced,
        queue: [curve[1].forced, curve[2].forced],
        random: [random(10), random(25), random(50)],
    }
}

fn after_random(person: &Person, count: usize, seed: u64) -> f64 {
    let mut rng = Xoshiro256Plus::seed_from_u64(seed);
    let mut ids: Vec<&str> = person
        .features
        .ids()
        .iter()
        .flatten()
        .filter(|id| person.truth.contains_key(*id))
        .collect();
    for i in (1..ids.len()).rev() {
        ids.swap(i, (rng.next_u64() % (i as u64 + 1)) as usize);
    }
    let answers: Vec<Answer> = ids
        .iter()
        .take(count)
        .enumerate()
        .map(|(i, id)| person.answer(id, i, 5))
        .collect();
    let feedback = Feedback::of(answers).expect("certainties in range");
    let trained = train(&person.features, &feedback, &Params::default(), 42).expect("a model");
    let predictions = classify(&person.features, &trained.model).expect("predictions");
    person.point(count, &predictions, None).forced
}

#[test]
fn answers_of_the_queue_are_worth_what_the_page_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/slow_sample.csv");
    let found = learnt(&Person::read(&path).expect("a committed file"));
    let mut table = String::new();
    for (answers, share) in [
        ("none", found.without),
        ("5 from the queue", found.queue[0]),
        ("10 from the queue", found.queue[1]),
        ("10 at random", found.random[0]),
        ("25 at random", found.random[1]),
        ("50 at random", found.random[2]),
    ] {
        let _ = writeln!(table, "| {answers} | {:.1} % |", share * 100.0);
    }
    assert!(PAGE.contains(&table), "the page must say:\n{table}");
    // What is claimed of any history, whatever the figures of this one: far better than as many at random, and
    // within two workouts of 200 of five times as many.
    assert!(
        found.queue.iter().all(|share| *share > found.random[0] + 0.03),
        "{table}"
    );
    assert!(
        found.queue.iter().all(|share| *share >= found.random[2] - 0.01),
        "{table}"
    );
}
