//! `docs/upgrade.md` shows what the program prints: its commands are given in order to a database of the older
//! tool, and every line that is shown must come, in order.

use super::older::YEARS;
use crate::docs::page::{Step, steps};
use crate::support::cli::Paceline;
use crate::support::{TestStore, block_on};

const PAGE: &str = include_str!("../../../docs/upgrade.md");

/// The store as the page has it.
const SHOWN_STORE: &str = "mysql://user@127.0.0.1:3306/fitness";

/// A line without what differs from one database to the next: the store's name and the width of columns; and
/// from one version to the next: how many migrations there are.
fn steady(line: &str, store: &str) -> String {
    let mut line = line.replace(store, SHOWN_STORE);
    if line.contains("migrations") {
        line.retain(|c| !c.is_ascii_digit());
    }
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_page_on_the_upgrade_shows_what_is_printed() {
    let store = block_on(async {
        let store = TestStore::mariadb().await;
        YEARS.build(&store).await;
        store
    });
    let paceline = Paceline::new(&store.url);
    let name = store.db.target().to_owned();
    let mut given = 0;
    for Step { command, shown } in steps(PAGE) {
        let Some(arguments) = command.strip_prefix("paceline ") else {
            let is_known = ["mariadb-dump ", "mariadb ", "export DATABASE_URL="]
                .iter()
                .any(|c| command.starts_with(c));
            assert!(is_known && shown.is_empty(), "{command}");
            continue;
        };
        given += 1;
        let outcome = paceline.run(&arguments.split(' ').collect::<Vec<_>>());
        let output = format!("{}\n{}", outcome.stdout, outcome.stderr);
        let mut printed = output.lines().map(|line| steady(line, &name));
        for line in shown.iter().filter(|line| *line != "...") {
            let wanted = steady(line, &name);
            assert!(
                printed.any(|line| line == wanted),
                "the page shows after `{command}`, and the program does not print:\n{line}\n\n{output}"
            );
        }
    }
    assert!(given >= 11, "{given} commands");
}
