//! Everything that is wrong with a schema, at once.
//!
//! Why: a migration stops at the first thing that it must not touch. Who is to mend a database wants the whole
//! list, with what to do about each.
//!
//! Invariants: only reads. A trigger is asked for by its name, because a server lists none to a login that may
//! not make one: what is merely out of sight is not reported as lost. What follows from another fault (the
//! triggers of a table that is gone) is left out.
//!
//! Must not know: what the tables hold.

use super::catalog::Snapshot;
use super::files::{Creates, MIGRATIONS, Migration};
use super::{AppliedMigration, WORKOUTS, check, unapplied};
use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::Params;
use crate::db::{Backend, Db};

static SQLITE_TRIGGER: Statement = Statement::portable(
    "catalog/trigger.sql",
    include_str!("../../../sql/sqlite/catalog/trigger.sql"),
);

/// Migrations that a fault names before it only counts them.
const NAMED: usize = 4;

/// What a fault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Tables, their columns, or the record of what was applied: nothing can be done with the store before.
    Tables,
    /// A trigger that keeps an append-only table so.
    Triggers,
}

/// One thing that is wrong with a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFault {
    /// What it is about.
    pub about: About,
    /// What was found.
    pub evidence: String,
    /// What to do.
    pub next: String,
}

/// How a schema stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaState {
    /// Migrations that are recorded as applied.
    pub applied: usize,
    /// Migrations that this program knows.
    pub known: usize,
    /// What is wrong, the gravest first.
    pub faults: Vec<SchemaFault>,
}

/// See [`Db::schema_state`].
pub(in crate::db) async fn state(db: &Db) -> Result<SchemaState, DbError> {
    let dialect = db.dialect();
    let found = Snapshot::take(db).await?;
    let mut faults = Vec::new();
    for applied in &found.applied {
        if let Err(error) = check::check_applied(&found, applied, dialect) {
            faults.push(table_fault(&error));
        }
    }
    for migration in unapplied(&found) {
        if let Creates::Table(name) = migration.creates
            && let Some(columns) = found.tables.get(name)
            && let Err(error) = check::check_columns(migration, name, columns, dialect)
        {
            faults.push(table_fault(&error));
        }
    }
    if let Some(Err(error)) = found.parent.as_ref().map(|parent| parent.check(dialect)) {
        faults.push(SchemaFault {
            about: About::Tables,
            evidence: error.to_string(),
            next: "change it as said, then run `paceline migrate`".to_owned(),
        });
    }
    faults.extend(pending(db, &found).await?);
    faults.extend(lost_triggers(db, &found).await?);
    Ok(SchemaState {
        applied: found.applied.len(),
        known: MIGRATIONS.len(),
        faults,
    })
}

/// A refusal of `check`, which says what was found and, behind a semicolon, what to do.
fn table_fault(error: &DbError) -> SchemaFault {
    let text = error.to_string();
    let (evidence, next) = text.split_once("; ").unwrap_or((&text, error.hint()));
    SchemaFault {
        about: About::Tables,
        evidence: evidence.to_owned(),
        next: next.to_owned(),
    }
}

/// What is not applied, and what of it is there all the same.
async fn pending(db: &Db, found: &Snapshot) -> Result<Option<SchemaFault>, DbError> {
    let pending: Vec<&Migration> = unapplied(found).collect();
    if pending.is_empty() {
        return Ok(None);
    }
    let mut there = Vec::new();
    for migration in &pending {
        let is_there = match migration.creates {
            // Somebody else's is never made, only recorded.
            Creates::Table(WORKOUTS) => false,
            Creates::Table(name) => found.tables.contains_key(name),
            Creates::Trigger(name) => exists(db, name).await?,
            Creates::NoTrigger(_) | Creates::NoIndex(..) => false,
        };
        if is_there {
            there.push(migration.name);
        }
    }
    let known = MIGRATIONS.len();
    let mut evidence = format!("{} of {known} migrations are not applied", pending.len());
    if pending.len() < known {
        let titles: Vec<String> = pending.iter().take(NAMED).map(|m| m.title()).collect();
        let more = if pending.len() > NAMED { ", .." } else { "" };
        evidence.push_str(&format!(" ({}{more}): the tables are half-migrated", titles.join(", ")));
    }
    if !there.is_empty() {
        let made = there.join(", ");
        evidence.push_str(&if pending.len() < known {
            format!("; without a record, {made} is there all the same")
        } else {
            format!("; {made} are there already: an older tool's are upgraded in place")
        });
    }
    let next = if pending.len() < known {
        "run `paceline migrate`, which goes on where it stopped; its login needs CREATE, INDEX, REFERENCES and TRIGGER"
    } else {
        "run `paceline migrate`"
    };
    Ok(Some(SchemaFault {
        about: About::Tables,
        evidence,
        next: next.to_owned(),
    }))
}

/// Triggers that were made and are gone.
async fn lost_triggers(db: &Db, found: &Snapshot) -> Result<Option<SchemaFault>, DbError> {
    let mut lost = Vec::new();
    let mut versions = Vec::new();
    for AppliedMigration { version, .. } in &found.applied {
        let Some(migration) = MIGRATIONS.iter().find(|m| m.version == *version) else {
            continue;
        };
        let Creates::Trigger(name) = migration.creates else {
            continue;
        };
        // Another has taken its place.
        if MIGRATIONS.iter().any(|later| later.creates == Creates::NoTrigger(name)) {
            continue;
        }
        if found.tables.contains_key(guarded(name)) && !exists(db, name).await? {
            lost.push(name);
            versions.push(version.to_string());
        }
    }
    if lost.is_empty() {
        return Ok(None);
    }
    let next = format!(
        "find out who dropped it and look at `paceline verify`; then delete row {} of {} and run `paceline migrate`, \
         which makes it again",
        versions.join(", "),
        super::BOOKS
    );
    Ok(Some(SchemaFault {
        about: About::Triggers,
        evidence: format!(
            "gone: {}; without it rows can be changed or deleted unnoticed",
            lost.join(", ")
        ),
        next,
    }))
}

/// The table of a trigger `TABLE_no_update`, `TABLE_no_delete` or `TABLE_unarchived`.
fn guarded(trigger: &str) -> &str {
    let rules = ["_no_update", "_no_delete", "_unarchived"];
    let table = rules.iter().find_map(|rule| trigger.strip_suffix(rule));
    table.unwrap_or(trigger)
}

async fn exists(db: &Db, trigger: &'static str) -> Result<bool, DbError> {
    if let Backend::MySql(mysql) = &db.backend {
        // Told even to a login that may not see it: such a one is refused, and no such trigger is another error.
        let asked = mysql.define(trigger, &format!("SHOW CREATE TRIGGER {trigger}")).await;
        return match asked {
            Ok(_) | Err(DbError::Privilege { .. }) => Ok(true),
            Err(DbError::MissingSchema { .. }) => Ok(false),
            Err(error) => Err(error),
        };
    }
    let mut found = false;
    db.query(&SQLITE_TRIGGER, &Params::none().with("name", trigger), |row| {
        found = row.int(0)? > 0;
        Ok(())
    })
    .await?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trigger_says_which_table_it_guards() {
        let tables: Vec<&str> = MIGRATIONS.iter().filter_map(|m| m.creates.table()).collect();
        for migration in &MIGRATIONS {
            if let Creates::Trigger(name) = migration.creates {
                assert!(tables.contains(&guarded(name)), "{name}");
            }
        }
    }

    #[test]
    fn a_refusal_falls_into_evidence_and_remedy() {
        let fault = table_fault(&DbError::Migration {
            version: 7,
            detail: "its table t is gone; restore it".to_owned(),
        });
        assert_eq!(fault.evidence, "migration 7: its table t is gone");
        assert_eq!(fault.next, "restore it");
    }
}
