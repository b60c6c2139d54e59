//! The documentation is true: its command lines run and print what it shows, its pages about commands and tables are
//! those of the program, its links lead somewhere.
//!
//! Why: a page that nobody executes is wrong at the next release, and a reader finds out.

mod commands;
mod compare;
pub mod follow;
mod links;
pub mod page;
mod schema;
pub mod shell;

use std::path::{Path, PathBuf};

use follow::{follow_all, needs_server};
use shell::Shell;

/// Blocks that cannot be executed on a machine of tests, in the pages of `docs/` (the README has its own number). Each
/// says why; a new one is argued in review.
const NOT_RUN: usize = 4;

/// Pages whose commands need a scene of their own, and the tests that type them there.
const FOLLOWED_ELSEWHERE: [(&str, &str); 2] = [
    ("docs/classification.md", "tests/it/plots/docs.rs"),
    ("docs/upgrade.md", "tests/it/upgrade/page.rs"),
];

/// Set to write the generated pages instead of comparing them.
const BLESS: &str = "PACELINE_BLESS";

/// The project's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The README and every page below `docs/`, sorted.
fn pages() -> Vec<PathBuf> {
    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("docs is readable") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                below(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    let mut found = vec![root().join("README.md")];
    below(&root().join("docs"), &mut found);
    found.sort();
    found
}

/// True for a page about a command, which begins on a store that holds something.
fn is_of_command(page: &Path) -> bool {
    page.parent().is_some_and(|folder| folder.ends_with("docs/commands"))
}

/// Compares a generated page with the committed one, or writes it where it is to be blessed.
fn held_against(page: &Path, generated: &str, test: &str) {
    if std::env::var_os(BLESS).is_some() {
        std::fs::create_dir_all(page.parent().expect("a folder")).expect("a folder");
        std::fs::write(page, generated).expect("the page");
        return;
    }
    let committed = std::fs::read_to_string(page).unwrap_or_default();
    let differs = committed.lines().zip(generated.lines()).find(|(old, new)| old != new);
    assert!(
        committed == generated,
        "{} is not what the program makes of it: write it anew with\n  {BLESS}=1 cargo test --test it {test}\n\
         first difference: {differs:?}",
        page.display()
    );
}

#[test]
fn pages_of_the_manual_do_what_they_say() {
    let has_a_scene = |page: &PathBuf| FOLLOWED_ELSEWHERE.iter().any(|(of, _)| page.ends_with(of));
    let elsewhere = |page: &PathBuf| is_of_command(page) || page.ends_with("README.md") || has_a_scene(page);
    let of_operators: Vec<PathBuf> = pages().into_iter().filter(|page| !elsewhere(page)).collect();
    let (commands, not_run) = follow_all(&of_operators, |page| Shell::new(needs_server(page)));
    assert!(commands > 60, "only {commands} commands were typed");
    assert_eq!(not_run.len(), NOT_RUN, "{not_run:#?}");
}

#[test]
fn examples_of_every_command_do_what_they_say() {
    let of_commands: Vec<PathBuf> = pages().into_iter().filter(|page| is_of_command(page)).collect();
    let mut first = Shell::new(false);
    first.must("paceline run pipelines/nightly.toml --import data/workouts_sample.csv");
    let store = first.folder().join("paceline.db");
    let machine = |page: &Path| {
        let mut shell = Shell::new(needs_server(page));
        std::fs::copy(&store, shell.folder().join("paceline.db")).expect("a copy of the store");
        // A second model, which the examples compare with the first: it has learnt from more workouts.
        shell.must("paceline import data/labelled_sample.csv");
        shell.must("paceline run pipelines/nightly.toml --retrain always --no-activate");
        shell
    };
    let (commands, not_run) = follow_all(&of_commands, machine);
    assert!(commands > 50, "only {commands} commands were typed");
    assert!(not_run.is_empty(), "{not_run:#?}");
}

#[test]
fn pages_that_are_followed_elsewhere_are_followed_there() {
    for (page, test) in FOLLOWED_ELSEWHERE.iter().filter(|(page, _)| root().join(page).exists()) {
        let test = std::fs::read_to_string(root().join(test)).unwrap_or_else(|e| panic!("{test}: {e}"));
        assert!(
            test.contains(page),
            "the test that should type the commands of {page} does not name it"
        );
    }
}
