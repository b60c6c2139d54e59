//! Large results, which are read on a connection for just that: the same cells, the same errors, the same session.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use paceline::db::error::DbError;
use paceline::db::statement::Statement;
use paceline::db::url::DatabaseUrl;
use paceline::db::value::{Params, Row};
use paceline::db::{ConnectOptions, Db};

use crate::support::{TestStore, admin_text, block_on, connect, mariadb, on_both_empty_stores, quick};

/// The same text twice: as the driver reads it, and as a large result.
fn both(text: &str) -> [&'static Statement; 2] {
    let text: &'static str = Box::leak(text.to_owned().into_boxed_str());
    let plain = Statement::portable("test statement", text);
    [plain, plain.large()].map(|statement| &*Box::leak(Box::new(statement)))
}

/// Every cell of every row, the unreadable ones with what is wrong with them.
async fn told(db: &Db, statement: &Statement, width: usize) -> Result<Vec<String>, DbError> {
    let mut told = Vec::new();
    let each = |row: &Row<'_>| {
        let mut text = String::new();
        for column in 0..=width {
            let cell = row.cell(column);
            write!(text, "{cell:?}; ").expect("into a text");
        }
        told.push(text);
        Ok(())
    };
    let rows = db.query(statement, &Params::none(), each).await?;
    assert_eq!(rows, told.len() as u64);
    Ok(told)
}

async fn same(db: &Db, text: &str, width: usize) -> Vec<String> {
    let [plain, large] = both(text);
    let plain = told(db, plain, width).await.expect("by the driver");
    let large = told(db, large, width).await.expect("as a large result");
    assert_eq!(plain, large, "{text}");
    large
}

const KINDS: &str = "CREATE TABLE kinds (id INT PRIMARY KEY, t TINYINT, tu TINYINT UNSIGNED, s SMALLINT, m MEDIUMINT, \
    i INT UNSIGNED, b BIGINT, bu BIGINT UNSIGNED, y YEAR, f FLOAT, d DOUBLE, de DECIMAL(20, 5), dt DATE, dm DATETIME, \
    du DATETIME(6), ts TIMESTAMP(3) NULL, ti TIME, c CHAR(5), v VARCHAR(50), l LONGTEXT, bl BLOB, e ENUM('x', 'y'), \
    se SET('p', 'q'), bi BIT(9), last INT) DEFAULT CHARSET utf8mb4";

#[test]
fn every_kind_of_cell_is_what_the_driver_reads() {
    block_on(async {
        let store = TestStore::mariadb().await;
        let rows = "INSERT INTO kinds VALUES \
            (1, -128, 255, -32768, -8388608, 4294967295, -9223372036854775808, 18446744073709551615, 2024, 0.1, -0.0, \
             -1.5, '2024-02-29', '2024-02-29 23:59:59', '2024-02-29 23:59:59.000001', '2024-02-29 01:02:03.004', \
             '-10:00:00', 'é', '🏃 x', REPEAT('é', 35000), x'FF00FE', 'y', 'p,q', b'101010101', 7), \
            (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, \
             NULL, NULL, NULL, NULL, NULL, NULL, NULL), \
            (3, 0, 0, 0, 0, 0, 0, 9223372036854775807, 0, 0, 1e308, 0, '0000-00-00', '2024-00-10', '0000-00-00', NULL, \
             '00:00:00', '', '', REPEAT('x', 250), '', 'x', '', b'0', 0), \
            (4, 1, 1, 1, 1, 1, 1, 1, 1999, 1.5, 4.9e-324, 1, '9999-12-31', '1000-01-01', '2024-01-01', NULL, NULL, \
             'abcde', REPEAT('x', 50), REPEAT('x', 251), REPEAT('x', 40000), NULL, NULL, NULL, -1)";
        admin_text(&store.url, &["SET sql_mode = ''", KINDS, rows]);
        let told = same(&store.db, "SELECT * FROM kinds ORDER BY id", 25).await;
        assert_eq!(told.len(), 4);
        for part in ["beyond 64 signed bits", "🏃", "a TIME", "bytes that are not UTF-8"] {
            assert!(told[0].contains(part), "{part}: {}", told[0]);
        }
        assert!(told[2].contains("impossible date 2024-00-10"));
        same(&store.db, "SELECT COUNT(*), SUM(t), AVG(d), MAX(v), NULL FROM kinds", 5).await;
        same(&store.db, "SELECT id FROM kinds WHERE id > 100", 1).await;
    });
}

#[test]
fn rows_longer_than_the_buffer_and_very_many_of_them_come_whole() {
    block_on(async {
        let store = TestStore::mariadb().await;
        let long = "SELECT seq, REPEAT(CHAR(97 + seq % 26), seq * 7919 % 1000000) FROM seq_1_to_120";
        assert_eq!(same(&store.db, long, 2).await.len(), 120);
        let many = "SELECT seq, seq * 1.5e0, CONCAT('w', seq), IF(seq % 3, NULL, seq) FROM seq_1_to_60000";
        assert_eq!(same(&store.db, many, 4).await.len(), 60_000);
    });
}

#[test]
fn the_session_is_set_up_as_any_other() {
    block_on(async {
        let store = TestStore::mariadb().await;
        let session = "SELECT @@time_zone, @@sql_mode, @@collation_connection, @@character_set_results, @@tx_isolation, \
                       @@lock_wait_timeout, DATABASE(), CURRENT_USER()";
        same(&store.db, session, 8).await;
        // Not one of the pool's, and a new one each time.
        let [plain, large] = both("SELECT CONNECTION_ID()");
        let first = told(&store.db, large, 1).await.expect("an id");
        assert_ne!(first, told(&store.db, large, 1).await.expect("an id"));
        assert_ne!(first, told(&store.db, plain, 1).await.expect("an id"));
    });
}

#[test]
fn what_the_caller_refuses_ends_the_reading_on_both_stores() {
    on_both_empty_stores(|store| async move {
        store.run("CREATE TABLE t (id INT PRIMARY KEY)").await;
        store.run("INSERT INTO t VALUES (1), (2), (3)").await;
        let [_, large] = both("SELECT id FROM t ORDER BY id");
        let mut seen = 0;
        let each = |row: &Row<'_>| {
            seen = row.int(0)?;
            row.opt_micros(0).map(drop)
        };
        let error = store.db.query(large, &Params::none(), each).await.expect_err("no date");
        assert!(
            matches!(&error, DbError::Decode { column, .. } if column == "id"),
            "{error:?}"
        );
        assert_eq!(seen, 1);
        assert_eq!(told(&store.db, large, 1).await.expect("again").len(), 3);
    });
}

#[test]
fn an_error_is_the_one_that_the_driver_tells() {
    block_on(async {
        let store = TestStore::mariadb().await;
        for text in [
            "SELECT nothing FROM nowhere",
            "SELECT",
            "SELECT seq, (SELECT 1 UNION SELECT 2) FROM seq_1_to_3",
        ] {
            let [plain, large] = both(text);
            let plain = told(&store.db, plain, 1).await.expect_err("an error");
            let large = told(&store.db, large, 1).await.expect_err("an error");
            assert_eq!(format!("{plain:?}"), format!("{large:?}"));
        }
    });
}

#[test]
fn a_connection_that_is_killed_under_way_is_a_passing_fault() {
    block_on(async {
        let store = TestStore::mariadb().await;
        // Five rows a second, after some that fill the server's buffer.
        let text = "SELECT seq, REPEAT('x', 2000), IF(seq < 100, 0, SLEEP(0.2)) FROM seq_1_to_10000";
        let [_, large] = both(text);
        let db = store.db.clone();
        let seen = Arc::new(AtomicUsize::new(0));
        let sees = Arc::clone(&seen);
        let reading = tokio::spawn(async move {
            let each = |_: &Row<'_>| {
                sees.fetch_add(1, Ordering::SeqCst);
                Ok(())
            };
            db.query(large, &Params::none(), each).await
        });
        while seen.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let own = mariadb::database_of(&store.url);
        let find = format!(
            "SELECT id FROM information_schema.processlist WHERE db = '{own}' AND info LIKE 'SELECT seq, REPEAT%' \
             AND id <> CONNECTION_ID()"
        );
        let found = store.rows(&find).await;
        mariadb::admin(&[&format!("KILL {}", found[0][0])]);
        let error = reading.await.expect("no panic").expect_err("the connection is gone");
        assert!(error.is_transient(), "{error:?}");
        assert!(seen.load(Ordering::SeqCst) < 10_000);
    });
}

#[test]
fn where_no_such_connection_is_made_the_driver_reads() {
    block_on(async {
        let store = TestStore::mariadb().await;
        let [_, large] = both("SELECT CONNECTION_ID()");
        // One connection is all there may be: it is the pool's.
        let url: DatabaseUrl = store.url.parse().expect("a URL");
        let one = Db::connect(&url, &ConnectOptions { pool_max: 1, ..quick() })
            .await
            .expect("connect");
        let first = told(&one, large, 1).await.expect("an id");
        assert_eq!(first, told(&one, large, 1).await.expect("the same"));
        // The account may have no more than the one that the pool holds.
        let alone = mariadb::restricted_user(&store.url, "SELECT");
        let user = alone
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once(':'))
            .expect("a user")
            .0;
        admin_text(
            &store.url,
            &[&format!("ALTER USER '{user}'@'127.0.0.1' WITH MAX_USER_CONNECTIONS 1")],
        );
        let db = connect(&alone).await.expect("the first");
        let first = told(&db, large, 1).await.expect("by the driver");
        assert_eq!(first, told(&db, large, 1).await.expect("the same"));
    });
}

#[test]
fn a_password_of_any_letters_none_and_a_wrong_one() {
    block_on(async {
        let store = TestStore::mariadb().await;
        let own = mariadb::database_of(&store.url);
        let user = format!("pw_{own}");
        for (password, in_url) in [("", ""), ("p@ss:w/o rd%é", "p@ss:w/o rd%25é"), ("x", "x")] {
            admin_text(
                &store.url,
                &[
                    &format!("CREATE OR REPLACE USER '{user}'@'127.0.0.1' IDENTIFIED BY '{password}'"),
                    &format!("GRANT SELECT ON {own}.* TO '{user}'@'127.0.0.1'"),
                ],
            );
            let mut url = url::Url::parse(&store.url).expect("a URL");
            url.set_username(&user).expect("a name");
            url.set_password(Some(in_url).filter(|p| !p.is_empty()))
                .expect("a password");
            let db = connect(url.as_str()).await.expect("connect");
            let [_, large] = both("SELECT CONNECTION_ID(), CURRENT_USER()");
            let first = told(&db, large, 2).await.expect("an id");
            assert!(first[0].contains(&user), "{first:?}");
            assert_ne!(first, told(&db, large, 2).await.expect("another"), "{password}");
            // Changed meanwhile: the driver's pool still stands, and answers.
            admin_text(
                &store.url,
                &[&format!("ALTER USER '{user}'@'127.0.0.1' IDENTIFIED BY 'other'")],
            );
            let [plain, _] = both("SELECT CONNECTION_ID(), CURRENT_USER()");
            let pooled = told(&db, plain, 2).await.expect("the pool's");
            assert_eq!(told(&db, large, 2).await.expect("the pool's"), pooled);
        }
    });
}
