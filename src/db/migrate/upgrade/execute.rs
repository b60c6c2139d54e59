//! Carries an upgrade out, and goes on where one was cut off.
//!
//! Why: servers commit each DDL statement by itself, so there is no transaction around an upgrade. What holds
//! instead: before each round the catalogue is read anew and the rest is planned from it.
//!
//! Invariants: no statement before every guard is answered with nothing; a failure leaves the database as the
//! last statement left it; a passing fault (a deadlock, a lost connection) is got over by planning again.
//!
//! Must not know: what the statements are for.

use super::super::ATTEMPTS;
use super::super::catalog::Snapshot;
use super::{Guard, Statement, Upgrade, look};
use crate::db::error::DbError;
use crate::db::{Backend, Db};

/// A statement that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The statement.
    pub statement: Statement,
    /// The rows that it changed; of an ALTER TABLE, 0.
    pub rows: u64,
    /// What it did to which row, as far as that can be told.
    pub told: Vec<String>,
}

/// Asks every guard.
///
/// # Errors
/// [`DbError::Migration`] with all that must be looked at first; else the store's.
pub(in crate::db::migrate) async fn ask(db: &Db, guards: &[Guard]) -> Result<(), DbError> {
    let Backend::MySql(mysql) = &db.backend else {
        return Ok(());
    };
    let mut answers = Vec::new();
    for guard in guards {
        let lines = mysql.lines(&format!("look at {}", guard.table), &guard.sql).await?;
        if !lines.is_empty() {
            answers.push(format!(
                "{}: {} (such as {})",
                guard.table,
                guard.meaning,
                lines.join("; ")
            ));
        }
    }
    if answers.is_empty() {
        return Ok(());
    }
    Err(DbError::Migration {
        version: 0,
        detail: format!(
            "nothing was changed, because rows would be lost: {}",
            answers.join("; ")
        ),
    })
}

/// Carries out `first` and whatever is left after it. A statement that found no row to put right is not among
/// what is returned.
///
/// # Errors
/// As [`ask`], and the store's; what was done before an error stays done.
pub(in crate::db::migrate) async fn execute(db: &Db, first: Upgrade) -> Result<Vec<Done>, DbError> {
    let (mut upgrade, mut done, mut faults) = (first, Vec::new(), 0);
    while !upgrade.statements.is_empty() {
        ask(db, &upgrade.guards).await?;
        let mut failure = None;
        for statement in &upgrade.statements {
            match carry_out(db, statement).await {
                Ok(more) => done.extend(more),
                Err(error) => {
                    failure = Some((error, statement));
                    break;
                }
            }
        }
        let rest = look(db, &Snapshot::take(db).await?).await?;
        match failure {
            Some((error, _)) if error.is_transient() && faults + 1 < ATTEMPTS => faults += 1,
            // Where it is not to be done any more, another process that upgrades was first.
            Some((error, statement)) if rest.statements.contains(statement) => return Err(error),
            Some(_) => {}
            None if rest == upgrade => {
                // A server that words something its own way would be asked for ever.
                tracing::warn!(
                    left = rest.statements.len(),
                    "the tables differ from those of a new database still"
                );
                break;
            }
            None => {}
        }
        upgrade = rest;
    }
    Ok(done)
}

/// None where no row had to be put right.
async fn carry_out(db: &Db, statement: &Statement) -> Result<Option<Done>, DbError> {
    let Backend::MySql(mysql) = &db.backend else {
        return Ok(None);
    };
    let title = statement.title();
    let told = match &statement.tell {
        Some(sql) => mysql.lines(&title, sql).await?,
        None => Vec::new(),
    };
    let affected = db.by_itself(&title, mysql.define(&title, &statement.sql)).await?;
    let is_update = statement.what == "rows";
    Ok((!is_update || affected > 0).then(|| Done {
        statement: statement.clone(),
        rows: if is_update { affected } else { 0 },
        told,
    }))
}
