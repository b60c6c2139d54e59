//! The audit tables as a server shows them in `information_schema`.
//!
//! Why: an upgrade is planned from what is there, whichever program made it, and however far an upgrade
//! that was cut off has come.
//!
//! Invariants: reads the catalogue only, never a row; what MariaDB and MySQL word differently comes out
//! the same.
//!
//! Must not know: what the tables should be.

use std::collections::{BTreeMap, BTreeSet};

use super::shape::{Check, Column, Key, Kind, Reference, Standard, Table, TextRule};
use crate::db::Db;
use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row};

macro_rules! catalog {
    ($name:literal) => {
        Statement::portable(
            concat!("catalog/", $name, ".sql"),
            include_str!(concat!("../../../../sql/mysql/catalog/", $name, ".sql")),
        )
    };
}

static TABLES: Statement = catalog!("older_tables");
static COLUMNS: Statement = catalog!("older_columns");
static KEYS: Statement = catalog!("older_keys");
static REFERENCES: Statement = catalog!("older_references");
static CHECKS_MARIADB: Statement = catalog!("older_checks_mariadb");
static CHECKS_MYSQL: Statement = catalog!("older_checks_mysql");

/// The audit tables that are there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Found {
    /// By name.
    pub(super) tables: BTreeMap<String, Table>,
    /// Foreign keys of other tables to these.
    pub(super) from_others: Vec<Reference>,
}

/// Reads the catalogue of a MySQL or MariaDB server.
pub(super) async fn look(db: &Db) -> Result<Found, DbError> {
    let mut found = Found::default();
    let none = Params::none();
    db.query(&TABLES, &none, |row| {
        let name = row.text(0)?.to_owned();
        let table = Table {
            name: name.clone(),
            engine: row.opt_text(1)?.map(str::to_ascii_lowercase),
            text: row.opt_text(2)?.map(rule_of),
            ..Table::default()
        };
        found.tables.insert(name, table);
        Ok(())
    })
    .await?;
    let mut mariadb = false;
    db.query(&COLUMNS, &none, |row| {
        mariadb = row.int(9)? != 0;
        if let Some(table) = found.tables.get_mut(row.text(0)?) {
            table.columns.push(column(row, mariadb)?);
        }
        Ok(())
    })
    .await?;
    db.query(&KEYS, &none, |row| {
        if let Some(table) = found.tables.get_mut(row.text(0)?) {
            add_key(table, row)?;
        }
        Ok(())
    })
    .await?;
    db.query(&REFERENCES, &none, |row| add_reference(&mut found, row))
        .await?;
    let mut checks = BTreeSet::new();
    let statement = if mariadb { &CHECKS_MARIADB } else { &CHECKS_MYSQL };
    db.query(statement, &none, |row| {
        checks.insert((row.text(0)?.to_owned(), row.text(1)?.to_owned()));
        Ok(())
    })
    .await?;
    checks
        .into_iter()
        .for_each(|(table, check)| add_check(&mut found, &table, check));
    Ok(found)
}

/// The character set is the collation's first word: `utf8mb4_bin`, `latin1_swedish_ci`.
fn rule_of(collation: &str) -> TextRule {
    TextRule {
        charset: collation.split('_').next().unwrap_or(collation).to_owned(),
        collation: collation.to_owned(),
    }
}

fn column(row: &Row<'_>, mariadb: bool) -> Result<Column, DbError> {
    let extra = row.opt_text(7)?.unwrap_or_default().to_ascii_lowercase();
    let charset = row.opt_string(5)?;
    let is_generated = row.int(8)? != 0;
    Ok(Column {
        name: row.text(1)?.to_owned(),
        kind: Kind::new(row.text(2)?),
        nullable: row.text(3)? == "YES",
        default: row
            .opt_text(4)?
            .filter(|_| !is_generated)
            .and_then(|text| standard(text, mariadb, extra.contains("default_generated"))),
        text: charset
            .zip(row.opt_string(6)?)
            .map(|(charset, collation)| TextRule { charset, collation }),
        auto_increment: extra.contains("auto_increment"),
        generated: is_generated.then(String::new),
        on_update: extra.contains("on update"),
        checked: false,
    })
}

/// A default as `information_schema` has it: SQL on MariaDB, a value or a marked expression on MySQL.
fn standard(text: &str, mariadb: bool, is_expression: bool) -> Option<Standard> {
    let lower = text.to_ascii_lowercase();
    if mariadb && lower == "null" {
        return None;
    }
    if lower.starts_with("current_timestamp") || lower.starts_with("now(") {
        return Some(Standard::Now);
    }
    if lower.starts_with("utc_timestamp") {
        return Some(Standard::UtcNow);
    }
    let quoted = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    let is_number = text.parse::<f64>().is_ok();
    Some(match quoted {
        Some(value) if mariadb => Standard::Value(value.replace("''", "'")),
        _ if is_expression || (mariadb && !is_number) => Standard::Expression(text.to_owned()),
        _ => Standard::Value(text.to_owned()),
    })
}

fn add_key(table: &mut Table, row: &Row<'_>) -> Result<(), DbError> {
    let name = row.text(1)?;
    // A key over an expression has no column.
    let column = row.opt_text(3)?.unwrap_or_default().to_owned();
    let whole = row.opt_int(4)?.is_none() && !column.is_empty();
    match table.keys.iter_mut().find(|key| key.name == name) {
        Some(key) => {
            key.columns.push(column);
            key.whole &= whole;
        }
        None => table.keys.push(Key {
            name: name.to_owned(),
            unique: row.int(2)? == 0,
            columns: vec![column],
            whole,
        }),
    }
    Ok(())
}

fn add_reference(found: &mut Found, row: &Row<'_>) -> Result<(), DbError> {
    let (table, name) = (row.text(0)?, row.text(1)?);
    let (column, to_column) = (row.text(2)?.to_owned(), row.text(4)?.to_owned());
    let list = match found.tables.get_mut(table) {
        Some(own) => &mut own.references,
        None => &mut found.from_others,
    };
    match list.iter_mut().find(|r| r.table == table && r.name == name) {
        Some(reference) => {
            reference.columns.push(column);
            reference.to_columns.push(to_column);
        }
        None => list.push(Reference {
            name: name.to_owned(),
            table: table.to_owned(),
            columns: vec![column],
            to_table: row.text(3)?.to_owned(),
            to_columns: vec![to_column],
            restricts: row.int(5)? != 0,
            on_delete: row.text(6)?.to_owned(),
        }),
    }
    Ok(())
}

fn add_check(found: &mut Found, table: &str, check: String) {
    let Some(table) = found.tables.get_mut(table) else {
        return;
    };
    match table.columns.iter_mut().find(|column| column.name == check) {
        Some(column) => column.checked = true,
        None => table.checks.push(Check {
            name: check,
            clause: String::new(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_servers_defaults_come_out_the_same() {
        let value = |text: &str| Some(Standard::Value(text.to_owned()));
        for (text, mariadb, expression, meant) in [
            ("NULL", true, false, None),
            ("'system'", true, false, value("system")),
            ("'it''s'", true, false, value("it's")),
            ("0", true, false, value("0")),
            ("current_timestamp()", true, false, Some(Standard::Now)),
            ("utc_timestamp(6)", true, false, Some(Standard::UtcNow)),
            ("uuid()", true, false, Some(Standard::Expression("uuid()".to_owned()))),
            ("system", false, false, value("system")),
            ("NULL", false, false, value("NULL")),
            ("CURRENT_TIMESTAMP", false, true, Some(Standard::Now)),
            ("utc_timestamp(6)", false, true, Some(Standard::UtcNow)),
            ("uuid()", false, true, Some(Standard::Expression("uuid()".to_owned()))),
        ] {
            assert_eq!(standard(text, mariadb, expression), meant, "{text} {mariadb}");
        }
    }
}
