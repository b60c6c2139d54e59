//! MySQL and MariaDB, through mysql_async.
//!
//! Why a pool that does not reset connections: a reset throws away every prepared statement, and
//! the large multi-row inserts are what preparing is for. Nothing here leaves session state behind;
//! an open transaction is rolled back by the driver before its connection is used again.
//!
//! Why READ COMMITTED: reads are single statements and the writes' guards read the newest committed
//! row in any case, so a longer snapshot would buy nothing; but under REPEATABLE READ gap locks make
//! deadlocks of harmless inserts, and servers with snapshot isolation (MariaDB from 11.6) answer a
//! lost compare-and-swap with error 1020 instead of zero rows. The price: a server that still logs
//! by statement (`binlog_format=STATEMENT`) refuses such writes, with a message that says so.
//!
//! Invariants: sessions are UTC, strict, utf8mb4 with byte comparison; affected rows are rows
//! found; no wait for a connection or a metadata lock is unbounded.
//!
//! Must not know: the domain.

mod convert;
mod errors;
mod insert;
mod many;
mod placed;
mod points;
mod update;
mod wire;

pub(super) use convert::MySqlCells;
pub(super) use wire::WireCells;

use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::Retryable;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Pool, PoolConstraints, PoolOpts, TxOpts};
use tracing::Instrument;

use super::error::DbError;
use super::statement::{Batch, Dialect, Expect, Insert, Statement, Step, Transaction};
use super::turn::Turn;
use super::url::MySqlUrl;
use super::value::{Cells, Params, Row};
use super::watch::{Moment, Watcher};
use super::{ConnectOptions, guard};

/// Prepared statements kept on each connection.
const STATEMENT_CACHE: usize = 128;
/// How long an idle connection is kept. Without a time the driver closes every connection above its
/// minimum as soon as it is given back, and with it the prepared statements.
const IDLE_TTL: Duration = Duration::from_secs(300);
/// Parameters above this many bytes are compared with the server's `max_allowed_packet` first.
const LARGE: usize = 512 << 10;
/// How long [`MySql::close`] waits for connections in use.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Session setup. `lock_wait_timeout` is for metadata locks, whose default is a day: DDL would
/// hang behind someone's forgotten transaction.
const SESSION: [&str; 3] = [
    "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION time_zone = '+00:00', SESSION lock_wait_timeout = 60, SESSION sql_mode = \
     'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,ONLY_FULL_GROUP_BY,\
     NO_ENGINE_SUBSTITUTION'",
];

/// A pool of connections to one server.
#[derive(Clone)]
pub(super) struct MySql {
    pool: Pool,
    opts: mysql_async::Opts,
    target: Arc<str>,
    options: ConnectOptions,
}

impl MySql {
    pub(super) async fn connect(url: &MySqlUrl, options: &ConnectOptions) -> Result<Self, DbError> {
        url.check_files()?;
        let constraints = PoolConstraints::new(1, options.pool_max.max(1)).unwrap_or_default();
        let pool = PoolOpts::default()
            .with_constraints(constraints)
            .with_inactive_connection_ttl(IDLE_TTL)
            .with_reset_connection(false);
        let driver = url
            .driver_options()
            .client_found_rows(true)
            .stmt_cache_size(Some(STATEMENT_CACHE))
            .setup(SESSION.to_vec())
            .pool_opts(pool);
        let opts = mysql_async::Opts::from(driver);
        let mysql = Self {
            pool: Pool::new(opts.clone()),
            opts,
            target: url.to_string().into(),
            options: options.clone(),
        };
        mysql.acquire().await?;
        Ok(mysql)
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    pub(super) fn connections(&self) -> usize {
        self.options.pool_max.max(1)
    }

    /// A connection. The retries bridge a server's restart, at the start and later alike.
    async fn acquire(&self) -> Result<Conn, DbError> {
        let options = &self.options;
        let started = Instant::now();
        let attempt = || async {
            match tokio::time::timeout(options.connect_timeout, self.pool.get_conn()).await {
                Ok(Ok(conn)) => Ok(conn),
                Ok(Err(error)) => Err(errors::at_connect(&self.target, &error)),
                Err(_) => Err(DbError::Unreachable {
                    target: self.target.to_string(),
                    detail: format!("no connection within {:?}", options.connect_timeout),
                }),
            }
        };
        attempt
            .retry(options.backoff())
            .when(|e| matches!(e, DbError::Unreachable { .. }) && started.elapsed() < options.max_elapsed)
            .await
    }

    pub(super) async fn query<F>(&self, statement: &Statement, params: &Params, mut each: F) -> Result<u64, DbError>
    where
        F: FnMut(&Row<'_>) -> Result<(), DbError> + Send,
    {
        let failed = |error| errors::in_use(statement.name, &error);
        let text = statement.expanded(Dialect::MySql, params);
        let bound = convert::named(statement.name, &text, params)?;
        // Where one connection is all there may be, the pool has it.
        if statement.large && self.connections() > 1 {
            let patience = self.options.connect_timeout;
            let rows = wire::query(&self.opts, patience, statement.name, &text, &mut each).await?;
            if let Some(rows) = rows {
                return Ok(rows);
            }
        }
        let mut conn = self.acquire().await?;
        let mut result = conn.exec_iter(text.as_str(), bound).await.map_err(failed)?;
        let mut rows = 0;
        while let Some(row) = result.next().await.map_err(failed)? {
            each(&Row {
                cells: Cells::MySql(MySqlCells(&row)),
            })?;
            rows += 1;
        }
        Ok(rows)
    }

    pub(super) async fn execute(&self, statement: &Statement, params: &Params) -> Result<u64, DbError> {
        let mut conn = self.acquire().await?;
        match run(&mut conn, statement, params).await {
            // The statement commits by itself, so a lost connection leaves its outcome open.
            Err(DbError::Transient { detail, .. }) if conn.is_disconnected() => Err(DbError::CommitUnknown {
                transaction: statement.name.to_owned(),
                detail,
            }),
            result => result,
        }
    }

    pub(super) async fn transact(&self, transaction: &Transaction, watcher: &Watcher) -> Result<Vec<u64>, DbError> {
        let mut conn = self.acquire().await?;
        let mut open = begin(&mut conn, transaction.name).await?;
        let result = at_once(&mut open, transaction, watcher).await;
        let affected = finish(open, transaction.name, result).await?;
        watcher.at(Moment::Committed(transaction.name))?;
        Ok(affected)
    }

    pub(super) async fn transact_in_turn(
        &self,
        transaction: &Transaction,
        last: &Transaction,
        mut turn: Turn,
        watcher: &Watcher,
    ) -> Result<(), DbError> {
        let name = transaction.name;
        turn.may_begin(name).await?;
        let mut conn = self.acquire().await?;
        let mut open = begin(&mut conn, name).await?;
        let result = in_turn(&mut open, transaction, last, &mut turn, watcher).await;
        finish(open, name, result).await?;
        watcher.at(Moment::Committed(name))?;
        turn.committed();
        Ok(())
    }

    pub(super) async fn insert_many(&self, insert: &Insert, rows: &Batch) -> Result<u64, DbError> {
        let mut conn = self.acquire().await?;
        let mut open = begin(&mut conn, insert.table).await?;
        let result = match Server::ask(&mut open, insert.table).await {
            Ok(server) => insert::insert(&mut open, insert, rows, server.packet).await,
            Err(error) => Err(error),
        };
        finish(open, insert.table, result).await
    }

    /// Runs one statement by the text protocol, which alone takes all DDL; returns the rows it affected.
    pub(super) async fn define(&self, name: &str, text: &str) -> Result<u64, DbError> {
        let failed = |error| errors::in_use(name, &error);
        let mut conn = self.acquire().await?;
        let result = conn.query_iter(text).await.map_err(failed)?;
        let affected = result.affected_rows();
        result.drop_result().await.map_err(failed)?;
        Ok(affected)
    }

    /// The first column of a query's rows as text, by the text protocol; a NULL is left out.
    pub(super) async fn lines(&self, name: &str, text: &str) -> Result<Vec<String>, DbError> {
        let mut conn = self.acquire().await?;
        let lines: Vec<Option<String>> = conn.query(text).await.map_err(|e| errors::in_use(name, &e))?;
        Ok(lines.into_iter().flatten().collect())
    }

    pub(super) async fn close(self) -> Result<(), DbError> {
        let lost = |detail: String| DbError::Other {
            statement: format!("close {}", self.target),
            detail,
        };
        match tokio::time::timeout(CLOSE_TIMEOUT, self.pool.disconnect()).await {
            Ok(result) => result.map_err(|e| lost(e.to_string())),
            Err(_) => Err(lost(format!("connections are still in use after {CLOSE_TIMEOUT:?}"))),
        }
    }
}

async fn begin<'c>(conn: &'c mut Conn, name: &str) -> Result<mysql_async::Transaction<'c>, DbError> {
    conn.start_transaction(TxOpts::default())
        .await
        .map_err(|e| errors::in_use(name, &e))
}

/// Commits where the work succeeded, else rolls back.
async fn finish<T>(open: mysql_async::Transaction<'_>, name: &str, result: Result<T, DbError>) -> Result<T, DbError> {
    if result.is_ok() {
        let commit = open.commit().instrument(tracing::info_span!("commit"));
        commit.await.map_err(|e| errors::at_commit(name, &e))?;
    } else {
        // Where the ROLLBACK does not arrive the connection is gone, and the server rolls back by itself.
        let _ = open.rollback().await;
    }
    result
}

/// All steps of a transaction, one after the other.
async fn at_once(
    open: &mut mysql_async::Transaction<'_>,
    transaction: &Transaction,
    watcher: &Watcher,
) -> Result<Vec<u64>, DbError> {
    let server = server_for(open, &transaction.steps).await?;
    let affected = steps(open, &transaction.steps, server, watcher).await?;
    watcher.at(Moment::Commit(transaction.name))?;
    Ok(affected)
}

/// All steps of a transaction and those that come when its turn to commit has come.
async fn in_turn(
    open: &mut mysql_async::Transaction<'_>,
    transaction: &Transaction,
    last: &Transaction,
    turn: &mut Turn,
    watcher: &Watcher,
) -> Result<(), DbError> {
    let server = server_for(open, &transaction.steps).await?;
    let (alone, beside) = transaction
        .steps
        .split_at(transaction.hands_on_after.unwrap_or(transaction.steps.len()));
    steps(open, alone, server, watcher).await?;
    if transaction.hands_on_after.is_some() {
        turn.hand_on();
    }
    steps(open, beside, server, watcher).await?;
    turn.may_commit(transaction.name).await?;
    steps(open, &last.steps, server, watcher).await?;
    watcher.at(Moment::Commit(transaction.name))
}

/// What the steps must know of the server, asked once a transaction where steps of many rows need it.
async fn server_for(open: &mut mysql_async::Transaction<'_>, steps: &[Step]) -> Result<Server, DbError> {
    match steps.iter().find(|step| !matches!(step, Step::Execute { .. })) {
        Some(step) => Server::ask(open, step.name()).await,
        None => Ok(Server::default()),
    }
}

async fn steps(
    open: &mut mysql_async::Transaction<'_>,
    steps: &[Step],
    server: Server,
    watcher: &Watcher,
) -> Result<Vec<u64>, DbError> {
    let mut affected = Vec::with_capacity(steps.len());
    for step in steps {
        watcher.at(Moment::Statement(step.name()))?;
        affected.push(match step {
            Step::Execute {
                statement,
                params,
                expect,
            } => {
                let found = run(open, statement, params).await?;
                guard(statement.name, *expect, found)?;
                found
            }
            Step::InsertMany { insert, rows } => insert::insert(open, insert, rows, server.packet).await?,
            Step::UpdateMany { update, rows } => {
                let found = update::update(open, update, rows, server).await?;
                guard(&update.name(), Expect::Rows(rows.rows() as u64), found)?;
                found
            }
        });
    }
    Ok(affected)
}

async fn run<Q: Queryable>(conn: &mut Q, statement: &Statement, params: &Params) -> Result<u64, DbError> {
    let failed = |error| errors::in_use(statement.name, &error);
    let text = statement.expanded(Dialect::MySql, params);
    let bound = convert::named(statement.name, &text, params)?;
    let bytes = convert::text_bytes(params);
    if bytes > LARGE {
        fits(statement.name, bytes, Server::ask(conn, statement.name).await?.packet)?;
    }
    let result = conn.exec_iter(text.as_str(), bound).await.map_err(failed)?;
    let affected = result.affected_rows();
    result.drop_result().await.map_err(failed)?;
    Ok(affected)
}

/// What a session cannot change.
#[derive(Debug, Clone, Copy, Default)]
struct Server {
    /// The bound on one packet, in bytes.
    packet: usize,
    /// Whether numbers may travel as points: on MariaDB. On MySQL it was never tried.
    points: bool,
}

impl Server {
    async fn ask<Q: Queryable>(conn: &mut Q, name: &str) -> Result<Self, DbError> {
        // What stands behind M is read by MariaDB alone.
        let ask = "SELECT @@max_allowed_packet, 0 /*M! + (@@have_geometry = 'YES') */";
        let told: Option<(u64, i64)> = conn.query_first(ask).await.map_err(|e| errors::in_use(name, &e))?;
        let (packet, points) = told.unwrap_or((1 << 20, 0));
        Ok(Self {
            packet: usize::try_from(packet).unwrap_or(1 << 20),
            points: points == 1,
        })
    }
}

/// Refuses what the server would answer by cutting the connection, which looks like a passing fault
/// and would be tried again for ever.
fn fits(name: &str, bytes: usize, packet: usize) -> Result<(), DbError> {
    // A kilobyte for the frame of the packet and the other values.
    if bytes + 1024 <= packet {
        return Ok(());
    }
    Err(DbError::Other {
        statement: name.to_owned(),
        detail: format!("{bytes} bytes do not fit the server's max_allowed_packet of {packet} bytes; raise it"),
    })
}
