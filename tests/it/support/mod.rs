//! What integration tests share: both stores, fresh and migrated.
//!
//! Why: invariant 10 of the design (one behaviour on two stores) is only worth something when every
//! case runs on a real server too. MariaDB is therefore not optional here: without it these tests
//! fail and say how to get it.

#![allow(dead_code, reason = "each test file uses its own part of the harness")]

pub mod cli;
pub mod mariadb;
pub mod private;
pub mod wire;
pub mod world;

use std::future::Future;
use std::sync::OnceLock;

use paceline::db::error::DbError;
use paceline::db::statement::{Dialect, Statement};
use paceline::db::url::DatabaseUrl;
use paceline::db::value::{Cell, Params, Row};
use paceline::db::{ConnectOptions, Db};
use paceline::time::Timestamp;

/// A store of its own for one test case.
pub struct TestStore {
    /// Open.
    pub db: Db,
    /// For a second connection or a subprocess; holds the password.
    pub url: String,
    /// Which of the two.
    pub dialect: Dialect,
    folder: Option<tempfile::TempDir>,
}

/// A type with a destructor is captured whole: without it, a case's `async move` block that uses only
/// `store.db` takes that field alone, and the folder is removed under its feet.
impl Drop for TestStore {
    fn drop(&mut self) {
        drop(self.folder.take());
    }
}

/// The instant at which tests migrate.
pub fn now() -> Timestamp {
    "2026-01-02T03:04:05.678901Z".parse().expect("an instant")
}

/// Runs `case` on a migrated SQLite file, then on a migrated MariaDB database.
pub fn on_both_stores<F, Fut>(case: F)
where
    F: Fn(TestStore) -> Fut,
    Fut: Future<Output = ()>,
{
    on_both_empty_stores(|store| async {
        store.db.migrate(now()).await.expect("migrate");
        case(store).await;
    });
}

/// As [`on_both_stores`], with nothing in the stores.
pub fn on_both_empty_stores<F, Fut>(case: F)
where
    F: Fn(TestStore) -> Fut,
    Fut: Future<Output = ()>,
{
    block_on(async {
        eprintln!("on SQLite");
        case(TestStore::sqlite().await).await;
        eprintln!("on MariaDB");
        case(TestStore::mariadb().await).await;
    });
}

/// Runs a future on a multi-thread runtime, as the program does. One runtime serves the whole test
/// binary: a connection pool dies with the runtime that made it.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(4).enable_all().build().expect("a runtime")
    });
    runtime.block_on(future)
}

impl TestStore {
    /// An empty SQLite file in a folder that goes with the store.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("paceline.db").display());
        Self {
            db: connect(&url).await.expect("connect"),
            url,
            dialect: Dialect::Sqlite,
            folder: Some(folder),
        }
    }

    /// An empty database on the test server.
    pub async fn mariadb() -> Self {
        let url = mariadb::fresh_database();
        Self {
            db: connect(&url).await.expect("connect"),
            url,
            dialect: Dialect::MySql,
            folder: None,
        }
    }

    /// The same SQLite store once more, in a folder of its own.
    pub async fn sqlite_copy(&self) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("paceline.db");
        self.run(&format!("VACUUM INTO '{}'", file.display())).await;
        let url = format!("sqlite://{}", file.display());
        Self {
            db: connect(&url).await.expect("connect"),
            url,
            dialect: Dialect::Sqlite,
            folder: Some(folder),
        }
    }

    /// A database on a server that is there already, opened as patiently as the program opens one.
    pub async fn on_server(url: String) -> Self {
        let parsed: DatabaseUrl = url.parse().expect("a URL");
        Self {
            db: Db::connect(&parsed, &ConnectOptions::default()).await.expect("connect"),
            url,
            dialect: Dialect::MySql,
            folder: None,
        }
    }

    /// Runs one statement; panics where it fails.
    pub async fn run(&self, text: &str) -> u64 {
        self.db
            .execute(sql(text), &Params::none())
            .await
            .unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    /// Runs one statement; panics where it succeeds.
    pub async fn refused(&self, text: &str) -> DbError {
        match self.db.execute(sql(text), &Params::none()).await {
            Err(error) => error,
            Ok(rows) => panic!("{text}: affected {rows} rows and should have been refused"),
        }
    }

    /// All rows of a query as text, the same text on both stores.
    pub async fn rows(&self, text: &str) -> Vec<Vec<String>> {
        Self::rows_of(&self.db, text).await
    }

    /// The same over another connection: each has its own snapshot of the time.
    pub async fn rows_of(db: &Db, text: &str) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        db.query(sql(text), &Params::none(), |row| {
            rows.push(shown_row(row)?);
            Ok(())
        })
        .await
        .unwrap_or_else(|e| panic!("{text}: {e}"));
        rows
    }
}

/// Opens a URL with few, quick retries.
pub async fn connect(url: &str) -> Result<Db, DbError> {
    let url: DatabaseUrl = url.parse()?;
    Db::connect(&url, &quick()).await
}

/// Options under which a failure is seen soon.
pub fn quick() -> ConnectOptions {
    ConnectOptions {
        retries: 2,
        min_delay: std::time::Duration::from_millis(10),
        max_delay: std::time::Duration::from_millis(50),
        ..ConnectOptions::default()
    }
}

/// A statement from a text of the test. It lives as long as the test binary.
pub fn sql(text: &str) -> &'static Statement {
    let text: &'static str = Box::leak(text.to_owned().into_boxed_str());
    Box::leak(Box::new(Statement::portable("test statement", text)))
}

/// All cells of a row. Beyond the last column a row has cells named `#N`, which cannot be read.
fn shown_row(row: &Row<'_>) -> Result<Vec<String>, DbError> {
    let mut cells = Vec::new();
    loop {
        match row.cell(cells.len()) {
            Ok(cell) => cells.push(shown(cell)),
            Err(DbError::Decode { column, .. }) if column.starts_with('#') => return Ok(cells),
            Err(error) => return Err(error),
        }
    }
}

/// A cell as a text that is the same on both stores for the same value.
fn shown(cell: Cell<'_>) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Int(v) => v.to_string(),
        Cell::Single(v) => format!("{v:?}"),
        Cell::Real(v) => format!("{v:?}"),
        Cell::Text(v) => v.to_owned(),
        Cell::Micros(v) => {
            let text = Timestamp::from_micros(v).to_string();
            text.strip_suffix(".000000").map_or(text.clone(), str::to_owned)
        }
    }
}

/// Runs statements as the server's administrator, in the database of `url`, with the server's own
/// session settings (so that dirt can be made that Paceline's sessions refuse).
pub fn admin_text(url: &str, statements: &[&str]) {
    let own = format!("USE {}", mariadb::database_of(url));
    let mut all = vec![own.as_str()];
    all.extend(statements);
    mariadb::admin(&all);
}
