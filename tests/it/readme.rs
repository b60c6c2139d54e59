//! The README's transcripts are what the program prints: a newcomer compares them line by line.

use crate::support::TestStore;
use crate::support::block_on;
use crate::support::cli::Paceline;

const README: &str = include_str!("../../README.md");

/// The lines of the transcript that follows `command` in the README, up to the end of its block.
fn transcript(command: &str) -> Vec<&'static str> {
    let mut lines = README.lines().skip_while(|line| *line != format!("$ {command}"));
    assert!(lines.next().is_some(), "the README shows `{command}`");
    lines.take_while(|line| !line.starts_with("```")).collect()
}

/// A line without what differs from run to run: ids and instants.
fn steady(line: &str) -> String {
    let words = line.split(' ').map(|word| match word {
        word if word.starts_with("workout_classifier_") => "MODEL",
        word if word.starts_with("run_2") => "RUN",
        word => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Every line of the README is in the output, in order; `...` stands for any lines.
#[track_caller]
fn assert_shown(shown: &[&str], output: &str) {
    let mut printed = output.lines().map(steady);
    for line in shown.iter().filter(|line| **line != "...") {
        let wanted = steady(line);
        assert!(
            printed.any(|line| line == wanted),
            "the README shows, and the program does not print:\n{line}\n\n{output}"
        );
    }
}

#[test]
fn the_first_five_minutes_are_as_the_readme_shows_them() {
    let store = block_on(TestStore::sqlite());
    let paceline = Paceline::new(&store.url);
    let first = paceline.ok(&["run", "pipelines/nightly.toml", "--import", "data/workouts_sample.csv"]);
    let command = "cargo run --release -- run pipelines/nightly.toml --import data/workouts_sample.csv";
    assert_shown(&transcript(command), &first.stdout);
    let second = paceline.ok(&["run", "pipelines/nightly.toml"]);
    assert_shown(
        &transcript("cargo run --release -- run pipelines/nightly.toml"),
        &second.stdout,
    );
    let explained = paceline.ok(&["explain", "649714363550"]);
    assert_shown(&transcript("paceline explain 649714363550"), &explained.stdout);
}

#[test]
fn checking_it_is_as_the_readme_shows_it() {
    let (folder, paceline) = crate::support::cli::on_new_sqlite();
    let anchor = folder.path().join("anchor.json").display().to_string();
    paceline.ok(&["run", "pipelines/nightly.toml", "--import", "data/workouts_sample.csv"]);
    let correct = [
        "feedback",
        "add",
        "649714363550",
        "--type",
        "correct",
        "--label",
        "pup_walk",
    ];
    let corrected = paceline.ok(&[&correct[..], &["--certainty", "5", "--user", "anna"]].concat());
    let command = "paceline feedback add 649714363550 --type correct --label pup_walk --certainty 5 --user anna";
    assert_shown(&transcript(command), &corrected.stdout);
    let verified = paceline.ok(&["verify", "--anchor", &anchor]).stdout;
    let shown = "/mnt/elsewhere/paceline-anchor.json";
    let command = format!("paceline verify --anchor {shown}");
    assert_shown(&transcript(&command), &verified.replace(&anchor, shown));
    assert_eq!(
        paceline.json(&["prove", "649714363550"])["proofs"][1]["segment"]["segment_id"],
        2
    );
}

#[test]
fn every_command_of_the_readme_exists_and_every_command_is_in_it() {
    let store = block_on(TestStore::sqlite());
    let help = Paceline::new(&store.url).ok(&["--help"]).stdout;
    let commands = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let names: Vec<&str> = commands
        .map_while(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.len() > 10, "{help}");
    for name in &names {
        assert!(
            README.contains(&format!("`{name}")),
            "the README does not name `{name}`"
        );
    }
    for row in README.lines().filter(|line| line.starts_with("| `")) {
        let name: String = row[3..]
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '-')
            .collect();
        assert!(
            names.contains(&name.as_str()),
            "the README names `{name}`, which is no command"
        );
    }
}
