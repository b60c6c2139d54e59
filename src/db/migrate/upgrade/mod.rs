//! The tables of an older tool become those of a new database, in place and without losing a row or a value.
//!
//! Why: whoever has years of history in MySQL or MariaDB will not copy it into new tables first. The older
//! tool made the four audit tables with other types, collations and foreign keys, and rows that the new
//! schema would refuse.
//!
//! How: `plan` is a pure function of two shapes of the same tables: the one that the catalogue shows (`found`)
//! and the one that this program's own migrations make (`wanted`). It gives statements, each with its reasons, in
//! an order in which each can be done: foreign keys that cascade go, rows are put right (`repairs`), columns,
//! indexes and checks follow, the foreign keys come back. `guards` are asked first.
//!
//! Invariants: of a table that is as in a new database nothing is planned, so what was begun goes on
//! where it was cut off, and a second time there is nothing to do; `workout_summary` is never altered;
//! no row and no column is dropped. Only a table that no migration of ours has made is looked at: what
//! later migrations change is theirs.
//!
//! Must not know: what the rows say.

mod columns;
mod execute;
mod found;
mod guards;
mod keys;
mod repairs;
mod shape;
mod wanted;

use super::catalog::{Parent, Snapshot};
use super::files::{Migration, index_drops};
use super::{WORKOUTS, unapplied};
use crate::db::error::DbError;
use crate::db::statement::Dialect;
use crate::db::{Backend, Db};

pub use execute::Done;
pub(super) use execute::{ask, execute};
pub use guards::Guard;

use found::Found;
use shape::Table;

/// The columns without which a table of this name is not the older tool's: it belongs to somebody else.
const OLDER: [(&str, &[&str]); 4] = [
    (
        "ml_model_registry",
        &["registry_id", "model_id", "status", "is_production"],
    ),
    (
        "workout_classification_history",
        &[
            "history_id",
            "workout_id",
            "new_classification",
            "classification_source",
            "changed_at",
        ],
    ),
    (
        "workout_ml_classifications",
        &[
            "classification_id",
            "workout_id",
            "current_classification",
            "is_user_override",
        ],
    ),
    (
        "user_classification_feedback",
        &["feedback_id", "workout_id", "feedback_type", "submitted_at"],
    ),
];

/// One statement of an upgrade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The table.
    pub table: String,
    /// What of it: `foreign keys`, `rows`, `columns`, `indexes and checks`.
    pub what: &'static str,
    /// The SQL as it is sent. Instants are right only in a session in UTC.
    pub sql: String,
    /// Why, a line for each thing that it changes.
    pub why: Vec<String>,
    /// A SELECT of one column that says, before the statement, what it will do to which row.
    pub tell: Option<String>,
}

/// How the tables of an older tool become those of a new database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upgrade {
    /// Questions to the rows; each must be answered with nothing before the first statement.
    pub guards: Vec<Guard>,
    /// In order.
    pub statements: Vec<Statement>,
}

/// A part of an ALTER TABLE, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Clause {
    sql: String,
    why: String,
}

impl Statement {
    /// For errors and traces: `upgrade ml_model_registry: columns`.
    fn title(&self) -> String {
        format!("upgrade {}: {}", self.table, self.what)
    }
}

/// True where a table of this name and with these columns is an older tool's, which an upgrade can be
/// planned for. Only on servers: the older tool knew no SQLite, and a file with a table of ours that no
/// migration has made was made by nobody we know.
pub(super) fn is_older(name: &str, columns: &[String], dialect: Dialect) -> bool {
    let has = |wanted: &&str| columns.iter().any(|c| c.eq_ignore_ascii_case(wanted));
    let older = OLDER.iter().find(|(table, _)| *table == name);
    dialect == Dialect::MySql && older.is_some_and(|(_, needed)| needed.iter().all(has))
}

/// The migrations whose tables an older tool has made.
fn to_upgrade(snapshot: &Snapshot, dialect: Dialect) -> Vec<&'static Migration> {
    let is_there = |m: &&Migration| {
        let table = m
            .creates
            .table()
            .filter(|name| OLDER.iter().any(|(older, _)| older == name));
        table.is_some_and(|name| snapshot.tables.get(name).is_some_and(|c| is_older(name, c, dialect)))
    };
    unapplied(snapshot).filter(is_there).collect()
}

/// What an upgrade would do now; nothing where there is nothing of an older tool.
///
/// # Errors
/// [`DbError::Migration`] where the tables cannot be upgraded by any statement.
pub(super) async fn look(db: &Db, snapshot: &Snapshot) -> Result<Upgrade, DbError> {
    let migrations = to_upgrade(snapshot, db.dialect());
    if migrations.is_empty() || matches!(db.backend, Backend::Sqlite(_)) {
        return Ok(Upgrade::default());
    }
    let found = found::look(db).await?;
    let wanted = targets(&migrations, snapshot.parent.as_ref());
    let obstacles = obstacles(&found, &wanted, snapshot.parent.is_some());
    if obstacles.is_empty() {
        return Ok(plan(&found, &wanted));
    }
    Err(DbError::Migration {
        version: 0,
        detail: format!(
            "the tables of an older tool cannot be upgraded: {}",
            obstacles.join("; ")
        ),
    })
}

/// The tables as a new database would have them beside this `workout_summary`. An index that a later migration drops
/// is not among theirs: it would be built over every row to be dropped at once, and somebody's own over the same
/// column would be renamed to it and go with it.
fn targets(migrations: &[&Migration], parent: Option<&Parent>) -> Vec<Table> {
    let rendered = migrations.iter().map(|m| m.rendered(Dialect::MySql, parent));
    let mut tables: Vec<Table> = rendered.filter_map(|sql| wanted::table(&sql)).collect();
    for Table { name, keys, .. } in &mut tables {
        keys.retain(|key| !index_drops(name).any(|drop| drop.name == key.name));
    }
    tables
}

/// What stands in the way of any plan.
fn obstacles(found: &Found, wanted: &[Table], has_parent: bool) -> Vec<String> {
    let mut obstacles = Vec::new();
    if !has_parent {
        obstacles.push(format!(
            "{WORKOUTS}, which they refer to, is not there: restore it from a backup first"
        ));
    }
    for target in wanted {
        let Some(table) = found.tables.get(&target.name) else {
            continue;
        };
        if table.engine.is_none() {
            obstacles.push(format!("{} is a view: rename it", target.name));
            continue;
        }
        let primary = |table: &Table| table.keys.iter().find(|k| k.is_primary()).map(|k| k.columns.clone());
        let (has, asks) = (primary(table).unwrap_or_default(), primary(target).unwrap_or_default());
        if has != asks {
            obstacles.push(format!(
                "the primary key of {} must be ({}), found ({})",
                target.name,
                asks.join(", "),
                has.join(", ")
            ));
        }
    }
    for reference in &found.from_others {
        let (to, columns) = (&reference.to_table, &reference.to_columns);
        let on_it = wanted.iter().filter(|w| w.name == *to).any(|w| {
            let own = found.tables.get(to);
            own.is_some_and(|own| columns.iter().any(|column| is_changed(own, w, column)))
        });
        if on_it {
            obstacles.push(format!(
                "the foreign key {} of {} refers to {to} ({}), whose type changes: drop it, and add it again afterwards",
                reference.name,
                reference.table,
                columns.join(", ")
            ));
        }
    }
    obstacles
}

fn is_changed(found: &Table, wanted: &Table, column: &str) -> bool {
    let pair = found.column(column).zip(wanted.column(column));
    pair.is_some_and(|(own, target)| columns::change(own, target, true).is_some())
}

/// How the found tables become the wanted ones. Pure: no server is asked, no row is read.
fn plan(found: &Found, wanted: &[Table]) -> Upgrade {
    let pairs = || {
        wanted
            .iter()
            .filter_map(move |w| found.tables.get(&w.name).map(|f| (f, w)))
    };
    let changes = |table: &str, column: &str| {
        let pair = pairs().find(|(_, w)| w.name == table);
        pair.is_some_and(|(f, w)| is_changed(f, w, column))
    };
    let mut upgrade = Upgrade::default();
    let mut add = |statement: Option<Statement>| upgrade.statements.extend(statement);
    for (f, w) in pairs() {
        add(alter(f, "foreign keys", None, keys::dropped(f, w, changes)));
    }
    for (f, w) in pairs() {
        let shape = column_clauses(f, w);
        let keys = keys::changes(f, w);
        // A table that has nothing to change has nothing to put right either.
        if !shape.is_empty() || !keys.is_empty() {
            repairs::repairs(f, w).into_iter().for_each(|s| add(Some(s)));
        }
        add(alter(f, "columns", engine(f, w), shape));
        add(alter(f, "indexes and checks", None, keys));
    }
    for (f, w) in pairs() {
        add(alter(f, "foreign keys", None, keys::added(f, w, changes)));
    }
    if !upgrade.statements.is_empty() {
        upgrade.guards = pairs().flat_map(|(f, w)| guards::guards(f, w)).collect();
    }
    upgrade
}

/// Foreign keys ask for InnoDB.
fn engine(found: &Table, wanted: &Table) -> Option<Clause> {
    (found.engine != wanted.engine).then(|| Clause {
        sql: "ENGINE = InnoDB".to_owned(),
        why: format!("engine {} becomes InnoDB", found.engine.as_deref().unwrap_or("none")),
    })
}

fn column_clauses(found: &Table, wanted: &Table) -> Vec<Clause> {
    let mut clauses = Vec::new();
    clauses.extend(columns::table_text(found, wanted));
    for target in &wanted.columns {
        clauses.extend(match found.column(&target.name) {
            Some(own) => columns::change(own, target, repairs::is_key(wanted, &target.name)),
            None => Some(columns::addition(target)),
        });
    }
    let others = found.columns.iter().filter(|c| wanted.column(&c.name).is_none());
    clauses.extend(others.filter_map(columns::relaxation));
    clauses
}

fn alter(table: &Table, what: &'static str, first: Option<Clause>, rest: Vec<Clause>) -> Option<Statement> {
    let clauses: Vec<Clause> = first.into_iter().chain(rest).collect();
    if clauses.is_empty() {
        return None;
    }
    let sql: Vec<&str> = clauses.iter().map(|c| c.sql.as_str()).collect();
    Some(Statement {
        table: table.name.clone(),
        what,
        sql: format!("ALTER TABLE {}\n    {}", table.name, sql.join(",\n    ")),
        why: clauses.into_iter().map(|c| c.why).collect(),
        tell: None,
    })
}

/// All migrations of the older tool's tables, for tests of the planner.
#[cfg(test)]
fn all_targets() -> Vec<Table> {
    let all: Vec<&Migration> = super::files::MIGRATIONS
        .iter()
        .filter(|m| OLDER.iter().any(|(n, _)| *n == m.name))
        .collect();
    targets(&all, None)
}

#[cfg(test)]
mod tests;
