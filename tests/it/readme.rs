//! The README is a tour that a newcomer follows line by line: what it shows is what the program prints.

use crate::docs::follow::{follow_all, needs_server};
use crate::docs::shell::Shell;
use crate::support::TestStore;
use crate::support::block_on;
use crate::support::cli::Paceline;

const README: &str = include_str!("../../README.md");

/// Blocks that cannot be executed: the test runs themselves.
const NOT_RUN: usize = 3;

#[test]
fn the_tour_is_as_the_readme_shows_it() {
    let readme = crate::docs::root().join("README.md");
    let (commands, not_run) = follow_all(&[readme], |page| Shell::new(needs_server(page)));
    assert!(commands > 10, "only {commands} commands were typed");
    assert_eq!(not_run.len(), NOT_RUN, "{not_run:#?}");
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
