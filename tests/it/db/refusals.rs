//! What a store answers to a wrong login, a wrong place, a missing right or a missing table, and that
//! no answer shows a password.

use std::time::{Duration, Instant};

use paceline::db::error::DbError;
use paceline::db::url::DatabaseUrl;
use paceline::db::value::Params;
use paceline::db::{ConnectOptions, Db};

use crate::support::mariadb::{self, database_of, restricted_user, url_with_password};
use crate::support::{TestStore, block_on, connect, on_both_empty_stores, quick, sql};

/// A password that can be looked for in any text.
const SECRET: &str = "v3rysecret";

fn assert_silent(error: &DbError) {
    let shown = format!("{error} {error:?} {error:#?} {}", error.hint());
    assert!(!shown.contains(SECRET), "{shown}");
}

async fn refusal(url: &str) -> DbError {
    let error = connect(url).await.expect_err("refused");
    assert_silent(&error);
    error
}

#[test]
fn a_refused_login_says_so_at_once() {
    block_on(async {
        let url = mariadb::fresh_database();
        let wrong = refusal(&url_with_password(&url, SECRET)).await;
        assert!(matches!(wrong, DbError::Denied { .. }), "{wrong:?}");
        assert!(wrong.to_string().contains("1045"), "{wrong}");

        let unknown = url.replace(database_of(&url), "no_such_database");
        let unknown = refusal(&unknown).await;
        assert!(matches!(unknown, DbError::Denied { .. }), "{unknown:?}");
        assert!(unknown.to_string().contains("no_such_database"), "{unknown}");

        let user = restricted_user(&url, "SELECT").replace("secret", SECRET);
        let error = refusal(&user).await;
        assert!(matches!(error, DbError::Denied { .. }), "{error:?}");
    });
}

#[test]
fn a_port_where_nothing_listens_is_unreachable_after_bounded_retries() {
    block_on(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        drop(listener);
        let started = Instant::now();
        let error = refusal(&format!("mysql://u:{SECRET}@127.0.0.1:{port}/d")).await;
        assert!(matches!(&error, DbError::Unreachable { target, .. } if target.contains(&port.to_string())));
        assert!(started.elapsed() < Duration::from_secs(5));
    });
}

#[test]
fn a_host_that_accepts_and_says_nothing_is_given_up() {
    block_on(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let url: DatabaseUrl = format!("mysql://u:{SECRET}@127.0.0.1:{port}/d").parse().expect("a URL");
        let options = ConnectOptions {
            retries: 1,
            connect_timeout: Duration::from_millis(200),
            ..quick()
        };
        let started = Instant::now();
        let error = Db::connect(&url, &options).await.expect_err("no answer");
        assert!(matches!(error, DbError::Unreachable { .. }), "{error:?}");
        assert_silent(&error);
        let elapsed = started.elapsed();
        assert!(
            elapsed >= Duration::from_millis(400),
            "both attempts were made: {elapsed:?}"
        );
        assert!(elapsed < Duration::from_secs(5), "{elapsed:?}");
    });
}

#[test]
fn a_missing_privilege_names_itself() {
    block_on(async {
        let store = TestStore::mariadb().await;
        store.run("CREATE TABLE t (id INT PRIMARY KEY)").await;
        let reader = restricted_user(&store.url, "SELECT");
        let reader = connect(&reader).await.expect("connect");
        for (text, name) in [
            ("INSERT INTO t (id) VALUES (1)", "INSERT"),
            ("DELETE FROM t", "DELETE"),
            ("DROP TABLE t", "DROP"),
        ] {
            let error = reader.execute(sql(text), &Params::none()).await.expect_err(text);
            assert!(
                matches!(&error, DbError::Privilege { statement, .. } if statement == "test statement"),
                "{error:?}"
            );
            assert!(error.to_string().contains(name), "{error}");
        }
        assert_eq!(
            reader
                .query(sql("SELECT id FROM t"), &Params::none(), |_| Ok(()))
                .await
                .expect("read"),
            0
        );
    });
}

#[test]
fn a_missing_table_or_column_is_a_missing_schema_on_both() {
    on_both_empty_stores(|store| async move {
        store.run("CREATE TABLE t (id INT PRIMARY KEY)").await;
        for (text, name) in [
            ("SELECT * FROM workout_summary", "workout_summary"),
            ("SELECT colour FROM t", "colour"),
        ] {
            let error = store
                .db
                .query(sql(text), &Params::none(), |_| Ok(()))
                .await
                .expect_err(text);
            assert!(matches!(error, DbError::MissingSchema { .. }), "{error:?}");
            assert!(error.to_string().contains(name), "{error}");
        }
        for text in ["INSERT INTO t (colour) VALUES (1)", "UPDATE nowhere SET id = 1"] {
            let error = store.refused(text).await;
            assert!(matches!(error, DbError::MissingSchema { .. }), "{error:?}");
        }
        let nonsense = store.refused("SELEKT 1").await;
        assert!(matches!(nonsense, DbError::Other { .. }), "{nonsense:?}");
    });
}

#[test]
fn a_parameter_without_a_value_is_an_error_on_both() {
    on_both_empty_stores(|store| async move {
        store.run("CREATE TABLE t (id INT PRIMARY KEY, v INT)").await;
        let insert = sql("INSERT INTO t (id, v) VALUES (:id, :forgotten)");
        let error = store
            .db
            .execute(insert, &Params::none().with("id", 1i64).with("unused", 2i64))
            .await
            .expect_err("one value is missing");
        assert!(matches!(error, DbError::Other { .. }), "{error:?}");
        assert!(error.to_string().contains("forgotten"), "{error}");
        assert!(store.rows("SELECT id FROM t").await.is_empty());
        let none = sql("SELECT COUNT(*) FROM t");
        let rows = store
            .db
            .query(none, &Params::none().with("unused", 1i64), |_| Ok(()))
            .await;
        assert_eq!(rows.expect("a parameter too many is no error"), 1);
    });
}

#[test]
fn what_is_no_sqlite_file_is_unreachable_and_says_why() {
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
        std::fs::write(
            folder.path().join("notes.txt"),
            "not a database, but long enough to be looked at ".repeat(50),
        )
        .expect("write");
        for (name, part) in [
            ("", "is a directory"),
            ("missing/paceline.db", "does not exist"),
            ("notes.txt", "not an SQLite database"),
            ("notes.txt/paceline.db", "does not exist"),
        ] {
            let error = connect(&path(name)).await.expect_err(name);
            assert!(matches!(error, DbError::Unreachable { .. }), "{error:?}");
            assert!(error.to_string().contains(part), "{error}");
        }
    });
}

#[test]
fn a_full_or_locked_file_is_told_apart() {
    block_on(async {
        let store = TestStore::sqlite().await;
        store.run("CREATE TABLE t (v TEXT)").await;
        store.rows("PRAGMA max_page_count = 16").await;
        let fill = sql("INSERT INTO t (v) VALUES (:v)");
        let error = store
            .db
            .execute(fill, &Params::none().with("v", "x".repeat(400_000)))
            .await
            .expect_err("16 pages are not enough");
        assert!(matches!(error, DbError::Unwritable { .. }), "{error:?}");
        store.run("INSERT INTO t (v) VALUES ('small')").await;

        let url: DatabaseUrl = store.url.parse().expect("a URL");
        let options = ConnectOptions {
            busy_timeout: Duration::from_millis(50),
            ..quick()
        };
        let other = Db::connect(&url, &options).await.expect("connect");
        store.run("BEGIN IMMEDIATE").await;
        let error = other
            .execute(fill, &Params::none().with("v", "y"))
            .await
            .expect_err("locked");
        assert!(matches!(error, DbError::Transient { .. }), "{error:?}");
        assert_eq!(
            other
                .query(sql("SELECT v FROM t"), &Params::none(), |_| Ok(()))
                .await
                .expect("readers go on"),
            1
        );
        store.run("ROLLBACK").await;
        other
            .execute(fill, &Params::none().with("v", "y"))
            .await
            .expect("free again");
    });
}

#[test]
fn a_read_only_server_is_unwritable() {
    block_on(async {
        let store = TestStore::mariadb().await;
        store.run("CREATE TABLE t (v INT)").await;
        let transaction = "START TRANSACTION READ ONLY";
        // On a connection of its own: the server's global read_only would hit the other tests.
        let options = ConnectOptions { pool_max: 1, ..quick() };
        let url: DatabaseUrl = store.url.parse().expect("a URL");
        let one = Db::connect(&url, &options).await.expect("connect");
        one.execute(sql(transaction), &Params::none()).await.expect("begin");
        let error = one
            .execute(sql("INSERT INTO t (v) VALUES (1)"), &Params::none())
            .await
            .expect_err("read-only");
        assert!(matches!(error, DbError::Unwritable { .. }), "{error:?}");
    });
}

#[test]
fn neither_the_store_nor_its_target_shows_the_password() {
    block_on(async {
        let url = mariadb::fresh_database();
        let user = restricted_user(&url, "SELECT");
        let db = connect(&user).await.expect("connect");
        assert!(!format!("{db:?} {db:#?} {}", db.target()).contains("secret"));
        assert!(
            db.target()
                .ends_with(&format!(":{}/{}", mariadb::server().port, database_of(&url)))
        );
    });
}
