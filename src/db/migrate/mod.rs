//! Brings a database to this program's schema, and says what it would do.
//!
//! Why an executor of our own: the foreign keys to `workout_summary` need the exact character set
//! and collation of a table that may belong to somebody else, so the statements have variables
//! that are known only after looking; and refinery would bring its own connections beside ours,
//! without time-outs and without our session setup.
//!
//! Invariants: a `workout_summary` that is already there is never altered or dropped, not even by
//! an index. Applied migrations are recorded with the SHA-256 of their text; a database that
//! disagrees with this program is refused before anything is written. On SQLite a migration and its
//! record commit together. On MySQL DDL commits by itself, so a migration is one statement that may
//! be run again (`IF NOT EXISTS`, or asked first): after a crash between statement and record the
//! next call goes on. For the same reason two processes that migrate at once do not break each other:
//! each statement tolerates having been run, and the second record of a version is ignored. The audit
//! tables of an older tool are upgraded in place (`upgrade`) before the first migration.
//!
//! Must not know: how rows are used.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::error::DbError;
use super::statement::{Dialect, Statement, strip_comments};
use super::value::Params;
use super::{Backend, Db};
use crate::time::Timestamp;

mod catalog;
mod check;
mod files;
mod state;
mod texts;
pub mod upgrade;

use catalog::{Parent, Snapshot};
use files::{Creates, MIGRATIONS, Migration};
use upgrade::{Done, Upgrade};

pub(super) use state::state;
pub use state::{About, SchemaFault, SchemaState};
pub use texts::TextColumn;
pub(super) use texts::texts;

/// The table that belongs to somebody else where it is already there.
const WORKOUTS: &str = "workout_summary";
/// The bookkeeping.
const BOOKS: &str = "paceline_migrations";
/// How often a migration is tried where deadlocks or lock waits come between (MySQL).
const ATTEMPTS: u32 = 5;

static BOOKS_TABLE: Statement = Statement::per_dialect(
    "migrations_table.sql",
    include_str!("../../../sql/mysql/migrations_table.sql"),
    include_str!("../../../sql/sqlite/migrations_table.sql"),
);
static RECORD: Statement = Statement::per_dialect(
    "record_migration.sql",
    include_str!("../../../sql/mysql/record_migration.sql"),
    include_str!("../../../sql/sqlite/record_migration.sql"),
);
static TRIGGER: Statement = Statement::portable(
    "catalog/trigger.sql",
    include_str!("../../../sql/mysql/catalog/trigger.sql"),
);
static INDEX: Statement = Statement::portable(
    "catalog/index.sql",
    include_str!("../../../sql/mysql/catalog/index.sql"),
);

/// A migration that would be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedMigration {
    /// Its number; 0 for the bookkeeping table.
    pub version: u32,
    /// Its name, without number.
    pub name: &'static str,
    /// The SQL as it would be sent, without comments.
    pub sql: String,
}

/// A migration that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedMigration {
    /// Its number.
    pub version: u32,
    /// Its name, without number.
    pub name: String,
    /// The SHA-256 of its text, hexadecimal.
    pub checksum: String,
    /// When.
    pub applied_at: Timestamp,
}

/// What a migration would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationPlan {
    /// What becomes of an older tool's tables first.
    pub upgrade: Upgrade,
    /// What would be applied, in order.
    pub pending: Vec<PlannedMigration>,
    /// What has been applied, in order.
    pub applied: Vec<AppliedMigration>,
    /// Tables (and views) that no applied migration made, in name order; a `workout_summary` of somebody
    /// else is one of them until it is first migrated around. Not empty: ask before going on.
    pub foreign_tables: Vec<String>,
}

/// One table after a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableReport {
    /// The table.
    pub name: &'static str,
    /// Its columns, without generated ones.
    pub columns: usize,
    /// True where it was not there before.
    pub created: bool,
}

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationReport {
    /// What became of an older tool's tables, in order.
    pub upgraded: Vec<Done>,
    /// What was applied now, in order: number and name. Empty: there was nothing to do.
    pub applied: Vec<(u32, &'static str)>,
    /// Every table that Paceline uses, in order of creation, the bookkeeping last.
    pub tables: Vec<TableReport>,
}

/// See [`Db::migration_plan`].
pub(super) async fn plan(db: &Db) -> Result<MigrationPlan, DbError> {
    let found = Snapshot::take(db).await?;
    check::check(&found, db.dialect())?;
    let mut pending: Vec<PlannedMigration> = Vec::new();
    if !found.tables.contains_key(BOOKS) {
        pending.push(PlannedMigration {
            version: 0,
            name: BOOKS,
            sql: BOOKS_TABLE.text(db.dialect()),
        });
    }
    for migration in unapplied(&found) {
        pending.push(PlannedMigration {
            version: migration.version,
            name: migration.name,
            sql: shown(db, migration, &found).await?,
        });
    }
    Ok(MigrationPlan {
        upgrade: upgrade::look(db, &found).await?,
        foreign_tables: foreign(&found),
        applied: found.applied,
        pending,
    })
}

/// What a plan shows of a migration: its SQL, or why there is none. Whoever runs a plan's statements by another client
/// must be able to run each.
async fn shown(db: &Db, migration: &Migration, found: &Snapshot) -> Result<String, DbError> {
    if migration.leaves_alone(found) {
        return Ok(format!("-- {WORKOUTS} is already there and stays as it is"));
    }
    // Of a table that is yet to be made nothing can be asked; a migration before this one gives it the index.
    if let Creates::NoIndex(name, table) = migration.creates
        && found.tables.contains_key(table)
        && is_done(db, migration.creates).await?
    {
        return Ok(format!("-- {table} has no index {name} that could go"));
    }
    Ok(migration.rendered(db.dialect(), found.parent.as_ref()))
}

/// See [`Db::check_upgrade`].
pub(super) async fn check_upgrade(db: &Db, plan: &MigrationPlan) -> Result<(), DbError> {
    upgrade::ask(db, &plan.upgrade.guards).await
}

/// See [`Db::migrate`].
pub(super) async fn run(db: &Db, now: Timestamp) -> Result<MigrationReport, DbError> {
    let before = Snapshot::take(db).await?;
    check::check(&before, db.dialect())?;
    let upgraded = upgrade::execute(db, upgrade::look(db, &before).await?).await?;
    if !before.tables.contains_key(BOOKS) {
        let text = BOOKS_TABLE.text(db.dialect());
        let work = async {
            match &db.backend {
                Backend::MySql(mysql) => mysql.define(BOOKS, &text).await.map(|_| ()),
                Backend::Sqlite(sqlite) => sqlite.define(BOOKS, &text, None),
            }
        };
        db.by_itself(BOOKS, work).await?;
    }
    let mut applied = Vec::new();
    for migration in unapplied(&before) {
        apply(db, migration, &before, now).await?;
        applied.push((migration.version, migration.name));
    }
    let after = Snapshot::take(db).await?;
    Ok(MigrationReport {
        upgraded,
        applied,
        tables: report(&before.tables, &after.tables),
    })
}

fn report(before: &BTreeMap<String, Vec<String>>, after: &BTreeMap<String, Vec<String>>) -> Vec<TableReport> {
    let ours = MIGRATIONS.iter().filter_map(|m| m.creates.table());
    ours.chain([BOOKS])
        .map(|name| TableReport {
            name,
            columns: after.get(name).map_or(0, Vec::len),
            created: !before.contains_key(name) && after.contains_key(name),
        })
        .collect()
}

fn unapplied(found: &Snapshot) -> impl Iterator<Item = &'static Migration> {
    MIGRATIONS
        .iter()
        .filter(|m| !found.applied.iter().any(|a| a.version == m.version))
}

/// The tables that no applied migration made.
fn foreign(found: &Snapshot) -> Vec<String> {
    let made = |table: &str| {
        table == BOOKS
            || MIGRATIONS.iter().any(|m| {
                matches!(m.creates, Creates::Table(name) if name == table)
                    && found.applied.iter().any(|a| a.version == m.version)
            })
    };
    found.tables.keys().filter(|table| !made(table)).cloned().collect()
}

/// Applies one migration and records it.
async fn apply(db: &Db, migration: &Migration, before: &Snapshot, now: Timestamp) -> Result<(), DbError> {
    let record = Params::none()
        .with("version", migration.version)
        .with("name", migration.name)
        .with("checksum", migration.checksum(db.dialect()))
        .with("applied_at", now);
    if migration.leaves_alone(before) {
        db.execute(&RECORD, &record).await?;
        return Ok(());
    }
    let text = migration.rendered(db.dialect(), before.parent.as_ref());
    let title = migration.title();
    match &db.backend {
        Backend::Sqlite(sqlite) => {
            let work = async { sqlite.define(&title, &text, Some((&RECORD, &record))) };
            db.by_itself(&title, work).await
        }
        Backend::MySql(_) => {
            let mut attempt = 1;
            while let Err(error) = define_on_mysql(db, migration, &title, &text).await {
                if attempt == ATTEMPTS || !error.is_transient() {
                    return Err(error);
                }
                attempt += 1;
            }
            db.execute(&RECORD, &record).await.map(|_| ())
        }
    }
}

async fn define_on_mysql(db: &Db, migration: &Migration, title: &str, text: &str) -> Result<(), DbError> {
    let Backend::MySql(mysql) = &db.backend else {
        return Ok(());
    };
    if is_done(db, migration.creates).await? {
        return Ok(());
    }
    match db.by_itself(title, mysql.define(title, text)).await.map(|_| ()) {
        // Another process was first, between the question and the statement.
        Err(_) if is_done(db, migration.creates).await? => Ok(()),
        result => result,
    }
}

/// True where a server already has what a statement makes that cannot be given twice. Every other statement is given,
/// and finds out by itself.
async fn is_done(db: &Db, creates: Creates) -> Result<bool, DbError> {
    let none = Params::none();
    let (question, params, done_with) = match (db.dialect(), creates) {
        (Dialect::MySql, Creates::Trigger(name)) => (&TRIGGER, none.with("name", name), true),
        (Dialect::MySql, Creates::NoIndex(name, table)) => {
            (&INDEX, none.with("name", name).with("table", table), false)
        }
        _ => return Ok(false),
    };
    let mut is_there = false;
    db.query(question, &params, |row| {
        is_there = row.int(0)? > 0;
        Ok(())
    })
    .await?;
    Ok(is_there == done_with)
}

impl Migration {
    /// `V007__workout_classification_history`.
    fn title(&self) -> String {
        format!("V{:03}__{}", self.version, self.name)
    }

    fn template(&self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::MySql => self.mysql,
            Dialect::Sqlite => self.sqlite,
        }
    }

    fn checksum(&self, dialect: Dialect) -> String {
        format!("{:x}", Sha256::digest(self.template(dialect)))
    }

    /// True for somebody else's `workout_summary`: only recorded, not touched.
    fn leaves_alone(&self, found: &Snapshot) -> bool {
        matches!(self.creates, Creates::Table(WORKOUTS)) && found.tables.contains_key(WORKOUTS)
    }

    /// The SQL with its variables filled in, without comments.
    fn rendered(&self, dialect: Dialect, parent: Option<&Parent>) -> String {
        let (charset, collation) = match parent {
            Some(Parent {
                charset: Some(charset),
                collation: Some(collation),
                ..
            }) => (charset.as_str(), collation.as_str()),
            // What V001 gives the table that it makes.
            _ => ("utf8mb4", "utf8mb4_bin"),
        };
        strip_comments(self.template(dialect))
            .replace("{{workout_id_charset}}", charset)
            .replace("{{workout_id_collation}}", collation)
    }

    /// Those of this table's columns that `columns` lacks, separated by commas; empty where it has all.
    fn missing(&self, columns: &[String], dialect: Dialect) -> String {
        let lacks = |column: &String| !columns.iter().any(|c| c.eq_ignore_ascii_case(column));
        let missing: Vec<String> = self.columns(dialect).into_iter().filter(lacks).collect();
        missing.join(", ")
    }

    /// The columns that a CREATE TABLE makes, without generated ones: the lines that begin with a
    /// lower-case word (keywords stand in upper case, which a test pins).
    fn columns(&self, dialect: Dialect) -> Vec<String> {
        strip_comments(self.template(dialect))
            .lines()
            .filter(|line| line.starts_with("    ") && !line.contains(" GENERATED "))
            .filter(|line| line.trim_start().starts_with(|c: char| c.is_ascii_lowercase()))
            .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
            .collect()
    }
}
