//! What is in the database before a migration.
//!
//! Why: every decision of a migration is taken on one picture of the database.
//!
//! Invariants: reads only; of each recorded migration the picture holds what it made, also beside
//! another process that migrates.
//!
//! Must not know: what is right or wrong about what it finds.

use std::collections::{BTreeMap, BTreeSet};

use super::{AppliedMigration, BOOKS, MIGRATIONS, WORKOUTS};
use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::Params;
use crate::db::{Backend, Db};
use crate::sql;

static COLUMNS: Statement = Statement::per_dialect(
    "catalog/columns.sql",
    include_str!("../../../sql/mysql/catalog/columns.sql"),
    include_str!("../../../sql/sqlite/catalog/columns.sql"),
);
static PARENT: Statement = Statement::per_dialect(
    "catalog/parent.sql",
    include_str!("../../../sql/mysql/catalog/parent.sql"),
    include_str!("../../../sql/sqlite/catalog/parent.sql"),
);
static APPLIED: Statement = sql!("query/migrations/applied");

/// The database as it was found.
pub(super) struct Snapshot {
    /// Tables and views with their columns in order, without generated ones.
    pub(super) tables: BTreeMap<String, Vec<String>>,
    /// The bookkeeping, oldest first.
    pub(super) applied: Vec<AppliedMigration>,
    /// `workout_summary`, where it is there.
    pub(super) parent: Option<Parent>,
}

/// What a foreign key to `workout_summary.workout_id` depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parent {
    /// The storage engine (MySQL), or `table` or `view` (SQLite). None for a view on MySQL.
    pub(super) engine: Option<String>,
    /// The column's type in lower case; None where it has no such column.
    pub(super) data_type: Option<String>,
    /// MySQL only.
    pub(super) charset: Option<String>,
    /// MySQL only.
    pub(super) collation: Option<String>,
    /// Unique keys over that column alone.
    pub(super) unique_keys: i64,
}

impl Snapshot {
    pub(super) async fn take(db: &Db) -> Result<Self, DbError> {
        let none = Params::none();
        let mut applied = Vec::new();
        if tables(db).await?.contains_key(BOOKS) {
            db.query(&APPLIED, &none, |row| {
                applied.push(AppliedMigration {
                    version: u32::try_from(row.int(0)?).unwrap_or(u32::MAX),
                    name: row.text(1)?.to_owned(),
                    checksum: row.text(2)?.to_owned(),
                    applied_at: row.instant(3)?,
                });
                Ok(())
            })
            .await?;
        }
        // After the records: beside another process that migrates, each record has its table then.
        let tables = tables(db).await?;
        let mut parent = None;
        db.query(&PARENT, &none, |row| {
            parent = Some(Parent {
                engine: row.opt_string(0)?,
                data_type: row.opt_string(1)?.map(|t| t.to_ascii_lowercase()),
                charset: row.opt_string(2)?,
                collation: row.opt_string(3)?,
                unique_keys: row.int(4)?,
            });
            Ok(())
        })
        .await?;
        let found = Self {
            tables,
            applied,
            parent,
        };
        found.check_hidden(db).await?;
        Ok(found)
    }

    /// A server does not list the tables that a login may not touch. What looks absent is therefore
    /// asked for by name: a missing GRANT must not be taken for a lost table, nor for a new database.
    async fn check_hidden(&self, db: &Db) -> Result<(), DbError> {
        let Backend::MySql(mysql) = &db.backend else {
            return Ok(());
        };
        let applied = |version| self.applied.iter().any(|a| a.version == version);
        let made = MIGRATIONS.iter().filter(|m| applied(m.version));
        let needed: BTreeSet<&str> = made
            .filter_map(|m| m.creates.table())
            .chain([BOOKS, WORKOUTS])
            .collect();
        for table in needed.into_iter().filter(|table| !self.tables.contains_key(*table)) {
            let text = format!("SELECT 1 FROM {table} LIMIT 0");
            match mysql.define(&format!("read {table}"), &text).await {
                Err(DbError::MissingSchema { .. }) | Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Tables and views with their columns in order, without generated ones.
async fn tables(db: &Db) -> Result<BTreeMap<String, Vec<String>>, DbError> {
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    db.query(&COLUMNS, &Params::none(), |row| {
        tables
            .entry(row.text(0)?.to_owned())
            .or_default()
            .push(row.text(1)?.to_owned());
        Ok(())
    })
    .await?;
    Ok(tables)
}
