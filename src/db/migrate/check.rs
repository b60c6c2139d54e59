//! What a migration refuses before it writes anything.
//!
//! Why: half a migration on somebody else's database is worse than none. Each refusal says what was
//! found and what to do.
//!
//! Invariants: reads nothing but the snapshot it is given.
//!
//! Must not know: connections.

use super::catalog::{Parent, Snapshot};
use super::files::{Creates, MIGRATIONS, Migration, index_drops};
use super::upgrade::is_older;
use super::{AppliedMigration, BOOKS, WORKOUTS, unapplied};
use crate::db::error::DbError;
use crate::db::statement::Dialect;

/// Refuses a database that this program must not touch.
pub(super) fn check(found: &Snapshot, dialect: Dialect) -> Result<(), DbError> {
    for applied in &found.applied {
        check_applied(found, applied, dialect)?;
    }
    for migration in unapplied(found) {
        if let Creates::Table(name) = migration.creates
            && let Some(columns) = found.tables.get(name)
        {
            check_columns(migration, name, columns, dialect)?;
        }
    }
    match &found.parent {
        Some(parent) => parent.check(dialect),
        None => Ok(()),
    }
}

pub(super) fn check_applied(found: &Snapshot, applied: &AppliedMigration, dialect: Dialect) -> Result<(), DbError> {
    let refuse = |detail: String| {
        Err(DbError::Migration {
            version: applied.version,
            detail,
        })
    };
    let newest = MIGRATIONS.last().map_or(0, |m| m.version);
    let Some(migration) = MIGRATIONS.iter().find(|m| m.version == applied.version) else {
        return refuse(format!(
            "'{}' was applied on {} by a newer Paceline; this one knows migrations up to {newest}; use the newer one",
            applied.name, applied.applied_at
        ));
    };
    let ours = migration.checksum(dialect);
    if ours != applied.checksum {
        return refuse(format!(
            "'{}' was applied with checksum {}, this Paceline holds it with checksum {ours}: the schema is not \
             the one this program was built for; use the Paceline that migrated it",
            applied.name, applied.checksum
        ));
    }
    let Creates::Table(name) = migration.creates else {
        return Ok(());
    };
    let Some(columns) = found.tables.get(name) else {
        // Made anew it has the indexes again that later migrations dropped.
        let rows = [applied.version]
            .into_iter()
            .chain(index_drops(name).map(|m| m.version));
        let rows: Vec<String> = rows.map(|version| version.to_string()).collect();
        return refuse(format!(
            "it is recorded as applied, but its table {name} is gone; restore it from a backup, or delete row {} of \
             {BOOKS} to have it made anew, empty",
            rows.join(", ")
        ));
    };
    let missing = migration.missing(columns, dialect);
    if missing.is_empty() {
        return Ok(());
    }
    refuse(format!(
        "it is recorded as applied, but its table {name} lacks the columns {missing}; add them again, or restore the \
         table from a backup"
    ))
}

/// A table of a name that we would create: it must have our columns, or be left alone by its owner.
pub(super) fn check_columns(
    migration: &Migration,
    name: &str,
    columns: &[String],
    dialect: Dialect,
) -> Result<(), DbError> {
    let missing = migration.missing(columns, dialect);
    // What an older tool's table lacks is added by its upgrade.
    if missing.is_empty() || is_older(name, columns, dialect) {
        return Ok(());
    }
    if name == WORKOUTS {
        return Err(DbError::MissingSchema {
            statement: migration.title(),
            detail: format!("{WORKOUTS} is already there without the columns {missing}; add them, Paceline does not"),
        });
    }
    Err(DbError::Migration {
        version: migration.version,
        detail: format!(
            "a table {name} is already there without the columns {missing}; rename it (its rows can be imported), or \
             add the columns"
        ),
    })
}

impl Parent {
    /// Refuses a parent that no foreign key can refer to, with everything that is wrong with it.
    pub(super) fn check(&self, dialect: Dialect) -> Result<(), DbError> {
        let mut wrong = Vec::new();
        let engine = self.engine.as_deref().unwrap_or("view");
        match dialect {
            Dialect::MySql if !engine.eq_ignore_ascii_case("innodb") => wrong.push(format!(
                "its engine must be InnoDB, found {engine} (ALTER TABLE {WORKOUTS} ENGINE = InnoDB)"
            )),
            Dialect::Sqlite if engine == "view" => wrong.push("it must be a table, found a view".to_owned()),
            _ => {}
        }
        match self.data_type.as_deref() {
            None => wrong.push("it has no column workout_id".to_owned()),
            Some("char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext") => {}
            Some(other) => wrong.push(format!("workout_id must be a VARCHAR, found {other}")),
        }
        if self.unique_keys == 0 {
            wrong.push("workout_id must have a unique key of its own (PRIMARY KEY or UNIQUE)".to_owned());
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(DbError::Migration {
            version: 0,
            detail: format!(
                "the {WORKOUTS} that is already there cannot be referred to: {}",
                wrong.join("; ")
            ),
        })
    }
}
