//! Connections that break at the worst moment, and TLS.

use std::time::Duration;

use paceline::db::error::DbError;
use paceline::db::statement::{Batch, Expect, Insert, Statement, Transaction};
use paceline::db::url::DatabaseUrl;
use paceline::db::value::Params;
use paceline::db::{ConnectOptions, Db};

use crate::support::mariadb;
use crate::support::wire::{COMMIT, Cut, Side, Wire};
use crate::support::{TestStore, admin_text, block_on, connect, quick, sql};

static ADD: Statement = Statement::portable("add", "INSERT INTO t (id) VALUES (:id)");

static INTO_T: Insert = Insert {
    table: "t",
    columns: &["id", "v"],
    mysql_tail: "",
    sqlite_tail: "",
};

fn add(id: i64) -> Transaction {
    Transaction::new("add one").execute(&ADD, Params::none().with("id", id), Expect::Rows(1))
}

#[test]
fn a_connection_lost_during_commit_is_an_unknown_outcome() {
    block_on(async {
        let store = TestStore::mariadb().await;
        store.run("CREATE TABLE t (id INT PRIMARY KEY)").await;
        let wire = Wire::new(mariadb::server().port);
        let db = connect(&wire.url(&store.url)).await.expect("connect");
        db.transact(&add(1)).await.expect("an honest wire");
        for (side, id, rows) in [(Side::Before, 2, "1"), (Side::After, 3, "2")] {
            let (text, nth) = (COMMIT, 0);
            wire.cut(Cut { text, nth, side });
            let error = db.transact(&add(id)).await.expect_err("the wire breaks");
            assert!(
                matches!(&error, DbError::CommitUnknown { transaction, .. } if transaction == "add one"),
                "{error:?}"
            );
            assert!(error.is_transient());
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert_eq!(store.rows("SELECT COUNT(*) FROM t").await, [[rows]], "{side:?}");
        }
        db.transact(&add(4)).await.expect("a new connection is made");
    });
}

#[test]
fn a_connection_lost_before_commit_wrote_nothing_and_an_execute_is_unknown() {
    block_on(async {
        let store = TestStore::mariadb().await;
        store.run("CREATE TABLE t (id INT PRIMARY KEY)").await;
        let wire = Wire::new(mariadb::server().port);
        let db = connect(&wire.url(&store.url)).await.expect("connect");
        let at_insert = Cut {
            text: b"INSERT INTO t",
            nth: 0,
            side: Side::Before,
        };
        wire.cut(at_insert);
        let error = db.transact(&add(1)).await.expect_err("the wire breaks");
        assert!(
            matches!(&error, DbError::Transient { statement, .. } if statement == "add"),
            "{error:?}"
        );
        wire.cut(at_insert);
        let error = db
            .execute(&ADD, &Params::none().with("id", 2i64))
            .await
            .expect_err("breaks again");
        assert!(matches!(error, DbError::CommitUnknown { .. }), "{error:?}");
        assert!(store.rows("SELECT id FROM t").await.is_empty());
        db.execute(&ADD, &Params::none().with("id", 2i64))
            .await
            .expect("a new connection is made");
    });
}

#[test]
fn a_connection_is_kept_and_what_it_prepared_too() {
    block_on(async {
        let mut store = TestStore::mariadb().await;
        // With more than one the pool may open a second while it takes the first back.
        let options = ConnectOptions { pool_max: 1, ..quick() };
        let url: DatabaseUrl = store.url.parse().expect("a URL");
        store.db = Db::connect(&url, &options).await.expect("connect");
        let id = store.rows("SELECT CONNECTION_ID()").await;
        let prepared = "SHOW SESSION STATUS LIKE 'Com_stmt_prepare'";
        let before = store.rows(prepared).await;
        for _ in 0..5 {
            assert_eq!(store.rows("SELECT CONNECTION_ID()").await, id);
        }
        assert_eq!(store.rows(prepared).await, before, "prepared once");
    });
}

#[test]
fn a_killed_connection_is_replaced() {
    block_on(async {
        let store = TestStore::mariadb().await;
        let id = store.rows("SELECT CONNECTION_ID()").await[0][0].clone();
        admin_text(&store.url, &[&format!("KILL {id}")]);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_ne!(store.rows("SELECT CONNECTION_ID()").await[0][0], id);

        let db = store.db.clone();
        let slow = tokio::spawn(async move { db.query(sql("SELECT SLEEP(20)"), &Params::none(), |_| Ok(())).await });
        tokio::time::sleep(Duration::from_millis(200)).await;
        let sleeper =
            "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%' AND db = DATABASE()";
        let id = store.rows(sleeper).await[0][0].clone();
        admin_text(&store.url, &[&format!("KILL {id}")]);
        let error = slow.await.expect("no panic").expect_err("killed");
        assert!(matches!(error, DbError::Transient { .. }), "{error:?}");
    });
}

#[test]
fn a_row_larger_than_the_packet_names_the_setting() {
    block_on(async {
        let store = TestStore::mariadb().await;
        store.run("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)").await;
        let insert = sql("INSERT INTO t (id, v) VALUES (1, :v)");
        let error = store
            .db
            .execute(insert, &Params::none().with("v", "x".repeat(17 << 20)))
            .await
            .expect_err("17 MB in a 16 MB packet");
        assert!(matches!(error, DbError::Other { .. }), "{error:?}");
        assert!(error.to_string().contains("max_allowed_packet"), "{error}");
        let rows = Batch::new(3)
            .each([1i64, 2, 3])
            .each([1, 17 << 20, 1].map(|n| "x".repeat(n)));
        let error = store
            .db
            .insert_many(&INTO_T, &rows)
            .await
            .expect_err("one row of three");
        assert!(error.to_string().contains("max_allowed_packet"), "{error}");
        assert!(store.rows("SELECT id FROM t").await.is_empty());
        let fits = Params::none().with("v", "x".repeat(15 << 20));
        store.db.execute(insert, &fits).await.expect("15 MB in a 16 MB packet");
    });
}

#[test]
fn a_session_is_what_the_module_promises() {
    block_on(async {
        let store = TestStore::mariadb().await;
        let found = store
            .rows("SELECT @@session.time_zone, @@session.tx_isolation, @@session.collation_connection, @@session.sql_mode, @@lock_wait_timeout")
            .await;
        assert_eq!(found[0][..3], ["+00:00", "READ-COMMITTED", "utf8mb4_bin"]);
        for mode in ["STRICT_ALL_TABLES", "NO_ZERO_DATE", "ONLY_FULL_GROUP_BY"] {
            assert!(found[0][3].contains(mode), "{}", found[0][3]);
        }
        assert_eq!(found[0][4], "60");
    });
}

#[test]
fn a_pool_that_is_used_up_is_waited_for_and_then_given_up() {
    block_on(async {
        let store = TestStore::mariadb().await;
        let url: DatabaseUrl = store.url.parse().expect("a URL");
        let options = ConnectOptions {
            pool_max: 1,
            retries: 0,
            connect_timeout: Duration::from_millis(300),
            ..quick()
        };
        let db = Db::connect(&url, &options).await.expect("connect");
        let busy = db.clone();
        let slow = tokio::spawn(async move { busy.query(sql("SELECT SLEEP(1)"), &Params::none(), |_| Ok(())).await });
        tokio::time::sleep(Duration::from_millis(100)).await;
        let error = db
            .query(sql("SELECT 1"), &Params::none(), |_| Ok(()))
            .await
            .expect_err("no connection is free");
        assert!(matches!(error, DbError::Unreachable { .. }), "{error:?}");
        slow.await.expect("no panic").expect("slept");
        db.query(sql("SELECT 1"), &Params::none(), |_| Ok(()))
            .await
            .expect("free again");
        db.close().await.expect("close");
    });
}

#[test]
fn tls_is_used_and_checked_as_the_url_asks() {
    let Some(ca) = &mariadb::server().ca else {
        eprintln!("SKIPPED tls_is_used_and_checked_as_the_url_asks: no openssl on the PATH to make a certificate");
        return;
    };
    block_on(async {
        let url = mariadb::fresh_database();
        let ca = ca.display();
        let cipher = async |url: String| {
            let db = connect(&url).await?;
            let mut cipher = String::new();
            db.query(sql("SHOW SESSION STATUS LIKE 'Ssl_cipher'"), &Params::none(), |row| {
                cipher = row.text(1)?.to_owned();
                Ok(())
            })
            .await?;
            Ok::<_, DbError>(cipher)
        };
        assert_eq!(cipher(url.clone()).await.expect("plain"), "");
        assert_eq!(cipher(format!("{url}?ssl-mode=DISABLED")).await.expect("plain"), "");
        for ask in [
            "ssl-mode=REQUIRED".to_owned(),
            format!("ssl-mode=VERIFY_CA&ssl-ca={ca}"),
            format!("ssl-mode=VERIFY_IDENTITY&ssl-ca={ca}"),
            format!("ssl-ca={ca}"),
        ] {
            let found = cipher(format!("{url}?{ask}")).await.expect(&ask);
            assert!(found.starts_with("TLS_"), "{ask}: {found}");
        }
        for ask in ["ssl-mode=VERIFY_CA", "ssl-mode=VERIFY_IDENTITY", "require_ssl=true"] {
            let error = cipher(format!("{url}?{ask}"))
                .await
                .expect_err("an authority that nobody trusts");
            assert!(matches!(error, DbError::Unreachable { .. }), "{ask}: {error:?}");
        }
        let error = cipher(format!("{url}?ssl-ca=/no/such/ca.pem"))
            .await
            .expect_err("no such file");
        assert!(
            matches!(&error, DbError::BadUrl { detail, .. } if detail.contains("/no/such/ca.pem")),
            "{error:?}"
        );
        let by_name = url.replace("127.0.0.1", "localhost");
        cipher(format!("{by_name}?ssl-mode=VERIFY_IDENTITY&ssl-ca={ca}"))
            .await
            .expect_err("the name is not in the certificate");
    });
}
