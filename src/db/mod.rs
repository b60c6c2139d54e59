//! Two servers behind five primitives: query, execute, transact, insert_many, migrate.
//!
//! Why: the boundary between Paceline and a database is the statement, not a repository trait; what
//! the domain asks is written once in `store/` and runs on both.
//!
//! Invariants: a transaction is all or nothing; a guarded step that affects another number of rows
//! rolls back; instants are UTC; nothing here prints a password; a wait for a connection or a lock has
//! a bound, and a connection whose other end is gone is noticed (keepalive).
//!
//! What the two servers count as affected rows agrees for INSERT, UPDATE and DELETE (rows *found*,
//! changed or not). It does not agree for a hand-written upsert: MySQL counts 2 for a row that it
//! updates. Upserts therefore belong in [`Insert`]s, whose count is the batch's.
//!
//! Must not know: the domain. It sees tables only in the migrations.

use std::time::Duration;

use backon::ExponentialBuilder;

use crate::time::Timestamp;

pub mod batch;
pub mod error;
mod limits;
pub mod migrate;
mod mysql;
mod sqlite;
pub mod statement;
pub mod turn;
pub mod url;
pub mod value;
pub mod watch;

use error::DbError;
use migrate::{MigrationPlan, MigrationReport, SchemaState, TextColumn};
use statement::{Batch, Dialect, Expect, Insert, Statement, Transaction};
use turn::Turn;
use url::DatabaseUrl;
use value::{Params, Row};
use watch::{Moment, Watch, Watcher};

/// How patiently, and with how many connections, a store is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectOptions {
    /// Attempts after the first one that failed because nothing answered. Everything else (a
    /// refused login, a missing database) fails at once.
    pub retries: usize,
    /// The first pause between attempts; each later one is twice as long, with jitter.
    pub min_delay: Duration,
    /// The longest pause between attempts.
    pub max_delay: Duration,
    /// No attempt begins later than this after the first.
    pub max_elapsed: Duration,
    /// How long one attempt may take: to open a connection, or to wait for a free one of the pool.
    pub connect_timeout: Duration,
    /// The most connections at a time, at least 1 (MySQL; SQLite has one).
    pub pool_max: usize,
    /// How long a statement waits for another process's lock (SQLite).
    pub busy_timeout: Duration,
}

impl Default for ConnectOptions {
    /// 5 retries within 30 s, 10 s an attempt, 8 connections, 10 s for a lock.
    fn default() -> Self {
        Self {
            retries: 5,
            min_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(5),
            max_elapsed: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            pool_max: 8,
            busy_timeout: Duration::from_secs(10),
        }
    }
}

impl ConnectOptions {
    /// The pauses between attempts. Whoever retries looks at `max_elapsed` itself.
    fn backoff(&self) -> ExponentialBuilder {
        ExponentialBuilder::default()
            .with_min_delay(self.min_delay)
            .with_max_delay(self.max_delay)
            .with_max_times(self.retries)
            .with_jitter()
    }
}

/// A store. Clones share its connections.
///
/// On SQLite the calls block their thread; on a multi-thread tokio runtime (which is what callers
/// use) the other tasks move to another thread meanwhile, on a current-thread runtime they wait.
#[derive(Clone)]
pub struct Db {
    backend: Backend,
    watcher: Watcher,
}

#[derive(Clone)]
enum Backend {
    MySql(mysql::MySql),
    Sqlite(sqlite::Sqlite),
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Db({})", self.target())
    }
}

impl Db {
    /// Reaches the store and proves it with one connection. On SQLite this makes the file where it
    /// is absent.
    ///
    /// # Errors
    /// [`DbError::Unreachable`] after the last retry; [`DbError::Denied`] at once.
    pub async fn connect(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Self, DbError> {
        let backend = match url {
            DatabaseUrl::MySql(url) => Backend::MySql(mysql::MySql::connect(url, options).await?),
            DatabaseUrl::Sqlite(path) => Backend::Sqlite(sqlite::Sqlite::connect(path, options).await?),
        };
        Ok(Self {
            backend,
            watcher: Watcher::default(),
        })
    }

    /// The same store, whose every statement and commit `watch` sees, and may make fail.
    #[must_use]
    pub fn watched(self, watch: Watch) -> Self {
        Self {
            watcher: Watcher::new(watch),
            ..self
        }
    }

    /// Which SQL the store speaks.
    pub fn dialect(&self) -> Dialect {
        match &self.backend {
            Backend::MySql(_) => Dialect::MySql,
            Backend::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// The store's URL without the password.
    pub fn target(&self) -> &str {
        match &self.backend {
            Backend::MySql(mysql) => mysql.target(),
            Backend::Sqlite(sqlite) => sqlite.target(),
        }
    }

    /// How many statements the store answers at a time. A caller that asks more of them together waits, and in
    /// the end in vain, for a connection that it holds itself.
    pub fn connections(&self) -> usize {
        match &self.backend {
            Backend::MySql(mysql) => mysql.connections(),
            Backend::Sqlite(_) => 1,
        }
    }

    /// Calls `each` for every row of the result in order, as rows arrive; returns how many there
    /// were. All rows are of one moment.
    ///
    /// `each` must not use this [`Db`]: the SQLite connection is taken while rows stream.
    ///
    /// # Errors
    /// The store's, or the first of `each`, which ends the reading.
    pub async fn query<F>(&self, statement: &Statement, params: &Params, each: F) -> Result<u64, DbError>
    where
        F: FnMut(&Row<'_>) -> Result<(), DbError> + Send,
    {
        self.watcher.at(Moment::Statement(statement.name))?;
        match &self.backend {
            Backend::MySql(mysql) => mysql.query(statement, params, each).await,
            Backend::Sqlite(sqlite) => sqlite.query(statement, params, each),
        }
    }

    /// Runs one statement in a transaction of its own; returns the rows it affected.
    ///
    /// # Errors
    /// The store's; [`DbError::CommitUnknown`] where the connection is lost meanwhile.
    pub async fn execute(&self, statement: &Statement, params: &Params) -> Result<u64, DbError> {
        let work = async {
            match &self.backend {
                Backend::MySql(mysql) => mysql.execute(statement, params).await,
                Backend::Sqlite(sqlite) => sqlite.execute(statement, params),
            }
        };
        self.by_itself(statement.name, work).await
    }

    /// Runs the steps in order and commits them together; returns the affected rows of each step
    /// (for an insert: the rows of its batch).
    ///
    /// # Errors
    /// [`DbError::Conflict`] where a guard does not hold, else the store's. After any error but
    /// [`DbError::CommitUnknown`] nothing was written.
    pub async fn transact(&self, transaction: &Transaction) -> Result<Vec<u64>, DbError> {
        match &self.backend {
            Backend::MySql(mysql) => mysql.transact(transaction, &self.watcher).await,
            Backend::Sqlite(sqlite) => sqlite.transact(transaction, &self.watcher),
        }
    }

    /// [`Db::transact`] in a line of transactions: it begins and commits when `turn` says so. Just before COMMIT,
    /// when all before it are committed, it takes the steps of `last`.
    ///
    /// # Errors
    /// As [`Db::transact`]; [`DbError::Transient`] where one before it in the line failed.
    pub async fn transact_in_turn(
        &self,
        transaction: &Transaction,
        last: &Transaction,
        mut turn: Turn,
    ) -> Result<(), DbError> {
        match &self.backend {
            Backend::MySql(mysql) => mysql.transact_in_turn(transaction, last, turn, &self.watcher).await,
            Backend::Sqlite(sqlite) => {
                // One writer: the line is what it would be without a turn.
                turn.may_commit(transaction.name).await?;
                let mut whole = transaction.clone();
                whole.steps.extend(last.steps.iter().cloned());
                sqlite.transact(&whole, &self.watcher)?;
                turn.committed();
                Ok(())
            }
        }
    }

    /// Inserts all rows in one transaction of its own; returns the rows of the batch.
    ///
    /// # Errors
    /// As [`Db::transact`].
    pub async fn insert_many(&self, insert: &'static Insert, rows: &Batch) -> Result<u64, DbError> {
        if rows.rows() == 0 {
            return Ok(0);
        }
        let work = async {
            match &self.backend {
                Backend::MySql(mysql) => mysql.insert_many(insert, rows).await,
                Backend::Sqlite(sqlite) => sqlite.insert_many(insert, rows),
            }
        };
        self.by_itself(insert.table, work).await
    }

    /// Work that is one statement and its own transaction, with what a watch sees of it.
    async fn by_itself<T>(&self, name: &str, work: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
        self.watcher.at(Moment::Statement(name))?;
        self.watcher.at(Moment::Commit(name))?;
        let done = work.await?;
        self.watcher.at(Moment::Committed(name))?;
        Ok(done)
    }

    /// Upgrades an older tool's tables and applies what [`Db::migration_plan`] lists; `now` is what the
    /// bookkeeping records.
    ///
    /// # Errors
    /// As [`Db::migration_plan`]; else the store's. What was applied before an error stays, and the
    /// next call goes on from there.
    pub async fn migrate(&self, now: Timestamp) -> Result<MigrationReport, DbError> {
        migrate::run(self, now).await
    }

    /// What [`Db::migrate`] would do now. Writes nothing.
    ///
    /// # Errors
    /// [`DbError::Migration`] where the database holds a migration that this program does not know
    /// or knows otherwise, a table of ours that is not ours, or an older tool's tables that no statement
    /// upgrades; [`DbError::MissingSchema`] where a workout_summary of your own cannot be worked with.
    pub async fn migration_plan(&self) -> Result<MigrationPlan, DbError> {
        migrate::plan(self).await
    }

    /// Everything that is wrong with the schema, where [`Db::migration_plan`] stops at the first. Writes nothing.
    ///
    /// # Errors
    /// The store's; [`DbError::Privilege`] where a table may not be read.
    pub async fn schema_state(&self) -> Result<SchemaState, DbError> {
        migrate::state(self).await
    }

    /// The text columns of Paceline's tables, and `workout_summary.workout_id`, which they refer to; none on
    /// SQLite.
    ///
    /// # Errors
    /// The store's.
    pub async fn text_columns(&self) -> Result<Vec<TextColumn>, DbError> {
        migrate::texts(self).await
    }

    /// Looks whether the rows of an older tool's tables allow the upgrade of `plan`, which [`Db::migrate`] does
    /// by itself. Writes nothing.
    ///
    /// # Errors
    /// [`DbError::Migration`] with everything that must be looked at first; else the store's.
    pub async fn check_upgrade(&self, plan: &MigrationPlan) -> Result<(), DbError> {
        migrate::check_upgrade(self, plan).await
    }

    /// Closes the connections. Clones of this store cannot be used after that on MySQL; on SQLite
    /// the file closes with the last clone.
    ///
    /// # Errors
    /// Where the driver cannot say goodbye; what was committed is committed all the same.
    pub async fn close(self) -> Result<(), DbError> {
        match self.backend {
            Backend::MySql(mysql) => mysql.close().await,
            Backend::Sqlite(sqlite) => sqlite.close(),
        }
    }
}

/// The refusal of a batch that has not as many columns as its statement.
fn check_width(name: &str, columns: usize, rows: &Batch) -> Result<(), DbError> {
    if columns == rows.width() {
        return Ok(());
    }
    Err(DbError::Other {
        statement: name.to_owned(),
        detail: format!("the statement names {columns} columns, the batch has {}", rows.width()),
    })
}

/// Whether a step affected as many rows as it must.
fn guard(name: &str, expect: Expect, found: u64) -> Result<(), DbError> {
    match expect {
        Expect::Rows(expected) if expected != found => Err(DbError::Conflict {
            statement: name.to_owned(),
            expected,
            found,
        }),
        _ => Ok(()),
    }
}
