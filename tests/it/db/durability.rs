//! What SQLite keeps when the process dies.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use paceline::db::statement::{Batch, Insert, Transaction};
use paceline::db::value::Params;

use crate::support::{TestStore, block_on, connect, sql};

/// Tells the child test which file to write.
const URL: &str = "PACELINE_TEST_CHILD_URL";
/// Rows of each transaction.
const ROWS: usize = 50;

static INTO_T: Insert = Insert {
    table: "t",
    columns: &["number", "row_no"],
    mysql_tail: "",
    sqlite_tail: "",
};

/// Not a test of its own: commits transaction after transaction and reports each, until it is killed.
#[test]
#[ignore = "the child process of what_was_reported_is_there_after_kill_9"]
fn child_that_commits() {
    let Ok(url) = std::env::var(URL) else {
        return;
    };
    block_on(async {
        let db = connect(&url).await.expect("connect");
        for number in 0..i64::MAX {
            let rows = Batch::new(ROWS).same(number).each((0..ROWS as i64).collect::<Vec<_>>());
            let transaction = Transaction::new("commit").insert_many(&INTO_T, rows);
            db.transact(&transaction).await.expect("commit");
            eprintln!("committed {number}");
        }
    });
}

#[test]
fn what_was_reported_is_there_after_kill_9() {
    block_on(async {
        let store = TestStore::sqlite().await;
        store.run("CREATE TABLE t (number INTEGER, row_no INTEGER)").await;
        for round in 0..3 {
            store.run("DELETE FROM t").await;
            let mut child = Command::new(std::env::current_exe().expect("this binary"))
                .args([
                    "--exact",
                    "db::durability::child_that_commits",
                    "--ignored",
                    "--nocapture",
                ])
                .env(URL, &store.url)
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the child");
            let reports = BufReader::new(child.stderr.take().expect("its stderr")).lines();
            let last: usize = reports
                .map_while(Result::ok)
                .filter_map(|line| line.strip_prefix("committed ")?.parse().ok())
                .take(5 + 3 * round)
                .last()
                .expect("some reports");
            child.kill().expect("kill -9");
            child.wait().expect("its end");
            let found = store
                .rows("SELECT number, COUNT(*) FROM t GROUP BY number ORDER BY number")
                .await;
            assert!(found.len() > last, "{last} was reported, found {}", found.len());
            assert!(
                found.iter().all(|row| row[1] == ROWS.to_string()),
                "half a transaction: {found:?}"
            );
            assert_eq!(store.rows("PRAGMA integrity_check").await, [["ok"]]);
        }
    });
}

#[test]
fn the_last_close_leaves_one_file() {
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("paceline.db").display());
        let files = || std::fs::read_dir(folder.path()).expect("the folder").count();
        let db = connect(&url).await.expect("connect");
        let clone = db.clone();
        db.execute(sql("CREATE TABLE t (v INT)"), &Params::none())
            .await
            .expect("create");
        assert_eq!(files(), 3, "the log stands beside the file");
        db.close().await.expect("a clone is open");
        clone
            .execute(sql("INSERT INTO t (v) VALUES (1)"), &Params::none())
            .await
            .expect("the clone works on");
        clone.close().await.expect("the last");
        assert_eq!(files(), 1);
    });
}
