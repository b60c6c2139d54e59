//! The text columns of our tables, and the character sets they should have.
//!
//! Why: a table that somebody converted, or restored into a database with another default, still works for years,
//! until the first id or note that its character set cannot hold.
//!
//! Invariants: only reads; SQLite has one character set and is not asked.
//!
//! Must not know: what to do about it.

use super::files::MIGRATIONS;
use super::{BOOKS, WORKOUTS};
use crate::db::Db;
use crate::db::error::DbError;
use crate::db::statement::{Dialect, Statement};
use crate::db::value::Params;

static TEXTS: Statement = Statement::portable(
    "catalog/texts.sql",
    include_str!("../../../sql/mysql/catalog/texts.sql"),
);

/// A text column of a server's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextColumn {
    /// Its table.
    pub table: String,
    /// Its name.
    pub column: String,
    /// Its character set.
    pub charset: String,
    /// Its collation.
    pub collation: String,
    /// True for a `workout_id` that refers to `workout_summary`, whose character set it must have.
    pub follows_workouts: bool,
}

impl TextColumn {
    /// True for `workout_summary.workout_id`, which the others follow.
    pub fn is_workout_id(&self) -> bool {
        self.table == WORKOUTS && self.column == "workout_id"
    }
}

/// See [`Db::text_columns`].
pub(in crate::db) async fn texts(db: &Db) -> Result<Vec<TextColumn>, DbError> {
    let mut columns = Vec::new();
    if db.dialect() == Dialect::Sqlite {
        return Ok(columns);
    }
    db.query(&TEXTS, &Params::none(), |row| {
        let (table, column) = (row.text(0)?.to_owned(), row.text(1)?.to_owned());
        let migration = MIGRATIONS.iter().find(|m| m.creates.table() == Some(table.as_str()));
        // Of somebody else's table only the column that ours refer to is any business of ours.
        let is_ours = table == BOOKS || (migration.is_some() && table != WORKOUTS);
        let refers = migration.is_some_and(|m| m.mysql.contains("{{workout_id_charset}}"));
        let found = TextColumn {
            follows_workouts: refers && column == "workout_id",
            charset: row.text(2)?.to_owned(),
            collation: row.text(3)?.to_owned(),
            table,
            column,
        };
        if is_ours || found.is_workout_id() {
            columns.push(found);
        }
        Ok(())
    })
    .await?;
    Ok(columns)
}
