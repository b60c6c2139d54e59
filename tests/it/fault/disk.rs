//! A disk that is full, under SQLite.

use paceline::db::statement::Dialect;
use paceline::store::Store;

use super::acts::{Act, nightly, rows};
use super::children::{assert_clean, ended, tables_of};
use super::lab::{AFTER_A_RERUN, Lab, ambient, assert_sound, fresh};
use super::matrix::tried;
use super::trial::{Clean, FAILING};
use crate::support::TestStore;
use crate::support::block_on;
use crate::support::cli::{Paceline, file};

const NOW: &str = "2026-03-04T05:06:07Z";

#[test]
fn a_database_that_may_not_grow_is_an_error_and_not_half_a_run() {
    block_on(async {
        for act in [Act::FirstNight, Act::RetrainNight] {
            let base = act.prepare(fresh(Dialect::Sqlite).await).await;
            in_small_pages(&base).await;
            let mut lab = Lab::over(base).await;
            let clean = Clean::of(act, lab.store().await).await;
            let (mut refused, mut pages) = (0, 0);
            loop {
                let store = lab.store().await;
                let size: u64 = store.rows("PRAGMA page_count").await[0][0].parse().expect("a count");
                store.rows(&format!("PRAGMA max_page_count = {}", size + pages)).await;
                let result = act.perform(&Store::new(store.db.clone()), &ambient(FAILING)).await;
                let done = result.is_ok();
                if let Err(error) = &result {
                    let text = error.to_string();
                    assert!(
                        text.contains("full") && text.contains("next: free disk space"),
                        "{text}"
                    );
                    refused += 1;
                }
                store.rows("PRAGMA max_page_count = 1000000").await;
                let what = format!("{act:?} with {pages} pages left");
                clean
                    .assert_after_rerun(store, result, "the store cannot be written", &what)
                    .await;
                if done {
                    break;
                }
                pages += 1;
            }
            assert!(refused > 0, "{act:?} needs no page");
            tried("SQLite", act.name(), "disk full (max_page_count), rerun", refused);
        }
    });
}

/// So few rows fit into what is free on the pages that a new file has.
async fn in_small_pages(store: &TestStore) {
    for statement in [
        "PRAGMA journal_mode = DELETE",
        "PRAGMA page_size = 1024",
        "VACUUM",
        "PRAGMA journal_mode = WAL",
    ] {
        store.rows(statement).await;
    }
    assert_eq!(store.rows("PRAGMA page_size").await[0][0], "1024");
}

#[test]
fn a_file_that_may_not_grow_ends_a_process_with_code_1_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let night = file(&folder, "night.toml", nightly());
    let export = file(&folder, "rows.csv", rows(0..48));
    let base = block_on(fresh(Dialect::Sqlite));
    Paceline::new(&base.url).ok(&["import", &export]);
    let mut lab = block_on(Lab::over(base));
    let store = block_on(lab.store());
    Paceline::new(&store.url).at(NOW).ok(&["run", &night]);
    let clean = tables_of(store, AFTER_A_RERUN);
    let mut failed = 0;
    for kilobytes in [64, 128, 192, 256, 320, 384] {
        let store = block_on(lab.store());
        let paceline = Paceline::new(&store.url).at(NOW);
        let program = paceline.command(&["run", &night]);
        // The shell's limit is in blocks of 512 bytes; without the trap a signal would end the process.
        let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", kilobytes * 2);
        let mut limited = std::process::Command::new("sh");
        limited
            .args(["-c", &script, "sh"])
            .arg(program.get_program())
            .args(program.get_args());
        limited
            .env("DATABASE_URL", paceline.url())
            .env("NO_COLOR", "1")
            .env_remove("RUST_LOG");
        limited
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        let outcome = ended(limited.spawn().expect("sh"));
        if outcome.code != 0 {
            outcome.expect(1, &["the store cannot be written", "next: free disk space"]);
            failed += 1;
            paceline.ok(&["run", &night]);
        }
        let what = format!("at most {kilobytes} kB a file");
        assert_clean(store, AFTER_A_RERUN, &clean, &what);
        block_on(assert_sound(store, &what));
    }
    assert!(failed >= 2, "{failed} limits were met");
    tried("SQLite", "run", "file size limit (ulimit -f), rerun", failed);
}
