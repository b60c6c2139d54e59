//! SQLite, through rusqlite: one file, one connection behind a mutex.
//!
//! Why one connection: SQLite has one writer in any case, and the pipeline reads, then computes,
//! then writes. Other processes (a second `paceline`) have their own; WAL lets them read meanwhile
//! and `BEGIN IMMEDIATE` with a busy timeout queues the writers.
//!
//! Why `synchronous = FULL`: in WAL mode NORMAL survives `kill -9` but may lose the last commits in a
//! power cut, after their segment head was shown to somebody as proof. A run commits a few large
//! transactions, so the extra fsync of each costs nothing that one would notice.
//!
//! Invariants: foreign keys are enforced; a REPLACE fires the triggers that refuse DELETE
//! (`recursive_triggers`); every parameter of a statement has a value (unbound, SQLite would read
//! NULL without a word).
//!
//! Must not know: the domain.

mod convert;
mod errors;
mod many;

pub(super) use convert::SqliteCells;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use backon::Retryable;
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::error::DbError;
use super::statement::{Batch, Dialect, Expect, Insert, Statement, Step, Transaction};
use super::value::{Cells, Params, Row};
use super::watch::{Moment, Watcher};
use super::{ConnectOptions, guard};

/// Prepared statements kept on the connection.
const STATEMENT_CACHE: usize = 128;
/// Kibibytes of pages in memory. The default of 2 MB is less than a write transaction changes, so its pages
/// would go to the log and come back while it is under way.
const CACHE_KIB: i64 = 32 << 10;
/// Bytes of a page, in a file that is made now; one that is there keeps its own. A first night writes a tenth more
/// rows a second than with the default of 4 KiB.
const PAGE_BYTES: i64 = 16 << 10;
/// Bytes in the log before it is copied into the file. The default of 4 MB is less than a write transaction
/// logs: each would copy, and wait for the disk, again.
const LOG_BYTES: i64 = 32 << 20;

/// One SQLite file.
#[derive(Clone)]
pub(super) struct Sqlite {
    connection: Arc<Mutex<Connection>>,
    target: Arc<str>,
}

impl Sqlite {
    pub(super) async fn connect(path: &Path, options: &ConnectOptions) -> Result<Self, DbError> {
        let target: Arc<str> = format!("sqlite://{}", path.display()).into();
        let started = Instant::now();
        let attempt = || async { blocking(|| open(path, options, &target)) };
        let connection = attempt
            .retry(options.backoff())
            .when(|e| matches!(e, Opening::Locked(_)) && started.elapsed() < options.max_elapsed)
            .await
            .map_err(Opening::into_error)?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            target,
        })
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// The connection. After a panic in some callback it is sound: rusqlite's guards have run.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn query<F>(&self, statement: &Statement, params: &Params, mut each: F) -> Result<u64, DbError>
    where
        F: FnMut(&Row<'_>) -> Result<(), DbError>,
    {
        blocking(|| {
            let connection = self.lock();
            let failed = |error| errors::in_use(&self.target, statement.name, &error);
            let mut prepared = self.prepare(&connection, statement, params)?;
            let names: Vec<String> = prepared.column_names().map(str::to_owned).collect();
            let mut rows = prepared.raw_query();
            let mut count = 0;
            while let Some(row) = rows.next().map_err(failed)? {
                each(&Row {
                    cells: Cells::Sqlite(SqliteCells { row, names: &names }),
                })?;
                count += 1;
            }
            Ok(count)
        })
    }

    pub(super) fn execute(&self, statement: &Statement, params: &Params) -> Result<u64, DbError> {
        blocking(|| self.run(&self.lock(), statement, params))
    }

    pub(super) fn transact(&self, transaction: &Transaction, watcher: &Watcher) -> Result<Vec<u64>, DbError> {
        let affected = self.atomically(transaction.name, |open| {
            let mut affected = Vec::with_capacity(transaction.steps.len());
            for step in &transaction.steps {
                watcher.at(Moment::Statement(step.name()))?;
                affected.push(match step {
                    Step::Execute {
                        statement,
                        params,
                        expect,
                    } => {
                        let found = self.run(open, statement, params)?;
                        guard(statement.name, *expect, found)?;
                        found
                    }
                    Step::InsertMany { insert, rows } => many::insert(open, &self.target, insert, rows)?,
                    Step::UpdateMany { update, rows } => {
                        let found = many::update(open, &self.target, update, rows)?;
                        guard(&update.name(), Expect::Rows(rows.rows() as u64), found)?;
                        found
                    }
                });
            }
            watcher.at(Moment::Commit(transaction.name))?;
            Ok(affected)
        })?;
        watcher.at(Moment::Committed(transaction.name))?;
        Ok(affected)
    }

    pub(super) fn insert_many(&self, insert: &Insert, rows: &Batch) -> Result<u64, DbError> {
        self.atomically(insert.table, |open| many::insert(open, &self.target, insert, rows))
    }

    /// Runs a script of several statements and then one statement, all in one transaction.
    pub(super) fn define(&self, name: &str, script: &str, then: Option<(&Statement, &Params)>) -> Result<(), DbError> {
        self.atomically(name, |open| {
            open.execute_batch(script)
                .map_err(|e| errors::in_use(&self.target, name, &e))?;
            if let Some((statement, params)) = then {
                self.run(open, statement, params)?;
            }
            Ok(())
        })
    }

    pub(super) fn close(self) -> Result<(), DbError> {
        let Some(connection) = Arc::into_inner(self.connection) else {
            return Ok(());
        };
        let connection = connection.into_inner().unwrap_or_else(PoisonError::into_inner);
        connection
            .close()
            .map_err(|(_, error)| errors::in_use(&self.target, "close", &error))
    }

    /// `work` in one transaction that has the write lock from the start: a read lock that becomes a
    /// write lock later can fail where two writers meet.
    fn atomically<T>(&self, name: &str, work: impl FnOnce(&Connection) -> Result<T, DbError>) -> Result<T, DbError> {
        blocking(|| {
            let failed = |error| errors::in_use(&self.target, name, &error);
            let mut connection = self.lock();
            let open = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(failed)?;
            let result = work(&open)?;
            tracing::info_span!("commit")
                .in_scope(|| open.commit())
                .map_err(failed)?;
            Ok(result)
        })
    }

    fn prepare<'c>(
        &self,
        connection: &'c Connection,
        statement: &Statement,
        params: &Params,
    ) -> Result<CachedStatement<'c>, DbError> {
        let text = statement.expanded(Dialect::Sqlite, params);
        let mut prepared = connection
            .prepare_cached(&text)
            .map_err(|e| errors::in_use(&self.target, statement.name, &e))?;
        convert::bind(&self.target, statement.name, &mut prepared, params)?;
        Ok(prepared)
    }

    fn run(&self, connection: &Connection, statement: &Statement, params: &Params) -> Result<u64, DbError> {
        let mut prepared = self.prepare(connection, statement, params)?;
        let affected = prepared
            .raw_execute()
            .map_err(|e| errors::in_use(&self.target, statement.name, &e))?;
        Ok(affected as u64)
    }
}

/// Why a file could not be opened, and whether waiting may help.
enum Opening {
    Locked(DbError),
    Refused(DbError),
}

impl Opening {
    fn into_error(self) -> DbError {
        match self {
            Self::Locked(error) | Self::Refused(error) => error,
        }
    }
}

fn open(path: &Path, options: &ConnectOptions, target: &str) -> Result<Connection, Opening> {
    let unreachable = |detail: &str| DbError::Unreachable {
        target: target.to_owned(),
        detail: detail.to_owned(),
    };
    if path.is_dir() {
        return Err(Opening::Refused(unreachable(
            "it is a directory; name a file inside it",
        )));
    }
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty() && !f.is_dir()) {
        let detail = format!("the folder {} does not exist", folder.display());
        return Err(Opening::Refused(unreachable(&detail)));
    }
    let failed = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Opening::Locked(unreachable("another process holds the file's lock"))
        }
        _ => Opening::Refused(errors::in_use(target, "open", &error)),
    };
    // Without SQLITE_OPEN_URI: a file name is a file name, whatever it begins with.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(options.busy_timeout).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    for (pragma, value) in [
        ("foreign_keys", "ON"),
        ("recursive_triggers", "ON"),
        ("synchronous", "FULL"),
    ] {
        connection.pragma_update(None, pragma, value).map_err(failed)?;
    }
    connection
        .pragma_update(None, "page_size", PAGE_BYTES)
        .map_err(failed)?;
    let page_bytes: i64 = connection
        .pragma_query_value(None, "page_size", |row| row.get(0))
        .map_err(failed)?;
    let log_pages = LOG_BYTES / page_bytes.max(1);
    for (pragma, value) in [("cache_size", -CACHE_KIB), ("wal_autocheckpoint", log_pages)] {
        connection.pragma_update(None, pragma, value).map_err(failed)?;
    }
    // The mode stays with the file: a look into somebody else's database must not change it.
    if !ours_or_new(&connection).map_err(failed)? {
        return Ok(connection);
    }
    match connection.pragma_update(None, "journal_mode", "WAL") {
        // A read-only file can still be read in the mode it has.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ReadOnly) => {}
        result => result.map_err(failed)?,
    }
    Ok(connection)
}

/// True for a database without any table, and for one that Paceline has migrated.
fn ours_or_new(connection: &Connection) -> rusqlite::Result<bool> {
    let question = "SELECT COUNT(*) = 0 OR SUM(name = 'paceline_migrations') > 0 FROM sqlite_schema";
    connection.query_row(question, [], |row| row.get(0))
}

/// Runs blocking work without holding up the other tasks of a multi-thread runtime.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    let multi_thread = tokio::runtime::Handle::try_current()
        .is_ok_and(|handle| handle.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
    if multi_thread {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}
