//! Temporary.
use super::older::YEARS;
use crate::support::cli::Paceline;
use crate::support::{TestStore, block_on};

#[test]
fn demo() {
    let store = block_on(async {
        let store = TestStore::mariadb().await;
        YEARS.build(&store).await;
        store
    });
    let p = Paceline::new(&store.url);
    for args in [
        &["doctor"][..],
        &["migrate"],
        &["migrate", "--dry-run"],
        &["migrate", "--yes"],
        &["migrate"],
        &["verify"],
        &["doctor"],
        &["doctor", "--repair-overrides"],
        &["doctor", "--repair-overrides", "--apply"],
        &["doctor", "--repair-overrides"],
        &["model", "list"],
        &["plan", "pipelines/nightly.toml"],
        &["run", "pipelines/nightly.toml", "--accept-churn"],
        &["model", "list"],
        &["verify"],
    ] {
        eprintln!("$ paceline {}\n{}", args.join(" "), p.run(args));
    }
}
