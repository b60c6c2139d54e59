//! `migrate`: creates the tables, and upgrades those of an older tool.
//!
//! Why: this is the one command that changes the shape of a database, so it asks first, and says afterwards
//! table by table what it changed and why.

use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal, Write};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::app::{Access, App};
use crate::db::Db;
use crate::db::error::DbError;
use crate::db::migrate::upgrade::{Done, Statement};
use crate::db::migrate::{MigrationPlan, MigrationReport};
use crate::pipeline::{self, Kind, RunError};
use crate::store::Store;
use crate::store::adopt::Scope;

use super::output::{Output, Rows, count, json, line, list, one};

/// Tables of others that the question before a migration names.
const FOREIGN_SHOWN: usize = 5;

/// How often, and how far apart, a migration that another process may be at work on is looked at.
const MIGRATION_LOOKS: u32 = 20;
const MIGRATION_PAUSE: Duration = Duration::from_millis(100);

/// What makes the statements of an upgrade right in any session: without it a server would turn each TIMESTAMP
/// into the time of its own zone.
const IN_UTC: &str = "SET SESSION time_zone = '+00:00';";

/// `paceline migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Goes ahead although the database holds tables that are not Paceline's, and upgrades those of an older tool.
    #[arg(long)]
    yes: bool,
    /// Prints the statements and changes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Also takes over, as they are, the current rows that no history explains. `paceline verify` lists
    /// them first: tampering looks the same.
    #[arg(long, conflicts_with = "dry_run")]
    adopt_state: bool,
}

#[derive(Debug, Serialize)]
struct MigrateJson {
    upgraded: Vec<UpgradedJson>,
    applied: Vec<MigrationJson>,
    tables: Vec<TableJson>,
    adopted: Option<AdoptedJson>,
}

/// A statement that was carried out on a table of an older tool.
#[derive(Debug, Serialize)]
struct UpgradedJson {
    table: String,
    what: &'static str,
    why: Vec<String>,
    rows: u64,
    told: Vec<String>,
    sql: String,
}

/// What others had written, and is sealed now.
#[derive(Debug, Serialize)]
struct AdoptedJson {
    rows: u64,
    segment_id: Option<i64>,
    states: u64,
}

#[derive(Debug, Serialize)]
struct MigrationJson {
    version: u32,
    name: String,
}

#[derive(Debug, Serialize)]
struct TableJson {
    table: String,
    columns: usize,
    created: bool,
}

impl From<Done> for UpgradedJson {
    fn from(done: Done) -> Self {
        let Statement {
            table, what, sql, why, ..
        } = done.statement;
        Self {
            table,
            what,
            why,
            rows: done.rows,
            told: done.told,
            sql,
        }
    }
}

fn failed(error: DbError) -> RunError {
    RunError::store("migrate", error.into())
}

/// Creates or upgrades the tables.
pub async fn migrate(app: &App, args: &MigrateArgs, output: Output) -> Result<()> {
    let access = if args.dry_run { Access::Preview } else { Access::Bare };
    let store = app.store(access).await?;
    let plan = plan_of(store.db()).await.map_err(failed)?;
    store.db().check_upgrade(&plan).await.map_err(failed)?;
    if args.dry_run {
        return print_plan(&plan, output);
    }
    if !plan.pending.is_empty() && !plan.foreign_tables.is_empty() && !args.yes {
        confirm(&plan, store.db().target())?;
    }
    let report = store.db().migrate(app.now()).await.map_err(failed)?;
    let adopted = adopt(app, &store, args.adopt_state).await?;
    let value = value_of(report, adopted);
    one(&value, || page(&value, store.db().target()), output)
}

fn value_of(report: MigrationReport, adopted: Option<AdoptedJson>) -> MigrateJson {
    let applied = report.applied.iter().map(|(version, name)| MigrationJson {
        version: *version,
        name: (*name).to_owned(),
    });
    let table = |t: &crate::db::migrate::TableReport| TableJson {
        table: t.name.to_owned(),
        columns: t.columns,
        created: t.created,
    };
    MigrateJson {
        applied: applied.collect(),
        tables: report.tables.iter().map(table).collect(),
        upgraded: report.upgraded.into_iter().map(Into::into).collect(),
        adopted,
    }
}

/// The plan, once no other process is in the middle of a migration: a server makes a table in one transaction
/// and records it in another, and in between it looks like somebody else's.
async fn plan_of(db: &Db) -> Result<MigrationPlan, DbError> {
    for _ in 0..MIGRATION_LOOKS {
        let plan = db.migration_plan().await?;
        let has_begun = plan.pending.first().is_some_and(|first| first.version > 0);
        let in_the_making = |table: &String| plan.pending.iter().any(|pending| pending.name == table);
        if !has_begun || plan.foreign_tables.is_empty() || !plan.foreign_tables.iter().all(in_the_making) {
            return Ok(plan);
        }
        tokio::time::sleep(MIGRATION_PAUSE).await;
    }
    db.migration_plan().await
}

/// Adoption comes last: what is sealed must not be converted any more.
async fn adopt(app: &App, store: &Store, everything: bool) -> Result<Option<AdoptedJson>> {
    let scope = if everything { Scope::Everything } else { Scope::Openly };
    let adopted = pipeline::adopt::adopt(store, scope, &app.ambient()?).await?;
    Ok(adopted.map(|adopted| AdoptedJson {
        rows: adopted.rows,
        segment_id: adopted.segment_id,
        states: adopted.states,
    }))
}

fn page(value: &MigrateJson, target: &str) -> String {
    let is_upgraded = |table: &str| value.upgraded.iter().any(|u| u.table == table);
    let mut rows = Rows::new(&["table", "columns", ""]);
    for t in &value.tables {
        let state = match t.created {
            true => "created",
            false if is_upgraded(&t.table) => "upgraded",
            false => "was there",
        };
        rows.push(vec![t.table.clone(), t.columns.to_string(), state.to_owned()]);
    }
    let mut page = upgraded_part(value);
    let _ = writeln!(page, "{target}: {} migrations applied", value.applied.len());
    let _ = writeln!(page, "{}", rows.table());
    if let Some(adopted) = &value.adopted {
        let (rows, states) = (count(adopted.rows), count(adopted.states));
        let _ = writeln!(
            page,
            "Adopted {rows} history rows that others wrote, and {states} current rows as they were found."
        );
    }
    page
}

/// Table by table, what was changed and why.
fn upgraded_part(value: &MigrateJson) -> String {
    let mut page = String::new();
    if value.upgraded.is_empty() {
        return page;
    }
    let _ = writeln!(page, "Upgraded in place; no row was dropped:");
    for table in value.tables.iter().map(|t| &t.table) {
        let of_table: Vec<&UpgradedJson> = value.upgraded.iter().filter(|u| u.table == *table).collect();
        if of_table.is_empty() {
            continue;
        }
        let _ = writeln!(page, "\n{table}");
        for done in of_table {
            let rows = match done.rows {
                0 => String::new(),
                1 => "1 row: ".to_owned(),
                n => format!("{} rows: ", count(n)),
            };
            for why in &done.why {
                let _ = writeln!(page, "  {rows}{why}");
            }
            for told in &done.told {
                let _ = writeln!(page, "    {told}");
            }
        }
    }
    page.push('\n');
    page
}

/// A statement that would be carried out.
#[derive(Serialize)]
struct Pending<'a> {
    version: u32,
    name: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    why: &'a [String],
    sql: &'a str,
}

fn print_plan(plan: &MigrationPlan, output: Output) -> Result<()> {
    let upgrade = plan.upgrade.statements.iter().map(|s| Pending {
        version: 0,
        name: &s.table,
        why: &s.why,
        sql: &s.sql,
    });
    let migrations = plan.pending.iter().map(|m| Pending {
        version: m.version,
        name: m.name,
        why: &[],
        sql: &m.sql,
    });
    let pending: Vec<Pending<'_>> = upgrade.chain(migrations).collect();
    match output {
        Output::Json => json(&pending, output),
        Output::Ndjson => list(&pending, &Rows::new(&[]), "", output),
        Output::Table | Output::Csv if pending.is_empty() => line("Nothing to do: every migration is applied."),
        Output::Table | Output::Csv => {
            if !plan.upgrade.statements.is_empty() {
                line(&format!("-- instants are right only in UTC\n{IN_UTC}\n"))?;
            }
            pending.iter().try_for_each(|m| line(&statement(m)))
        }
    }
}

/// A statement with its reasons as comments.
fn statement(pending: &Pending<'_>) -> String {
    let (version, name) = (pending.version, pending.name);
    let mut text = match pending.why {
        [] => format!("-- {version} {name}\n"),
        _ => format!("-- upgrade of {name}\n"),
    };
    for why in pending.why {
        let _ = writeln!(text, "--   {why}");
    }
    let _ = writeln!(text, "{};", pending.sql.trim());
    text
}

/// Asks a person on a terminal; refuses without one.
fn confirm(plan: &MigrationPlan, target: &str) -> Result<()> {
    let refuse = |what: String| {
        RunError::new(
            "migrate",
            Kind::Config,
            what,
            "look at `paceline migrate --dry-run`, then give --yes",
        )
    };
    let (tables, question) = asked(plan, target);
    if !std::io::stdin().is_terminal() {
        return Err(refuse(tables).into());
    }
    let mut stderr = std::io::stderr().lock();
    write!(stderr, "{tables}.\n{question} [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim().eq_ignore_ascii_case("y") {
        return Ok(());
    }
    Err(refuse("not confirmed; nothing was changed".to_owned()).into())
}

/// What is there, and what is asked.
fn asked(plan: &MigrationPlan, target: &str) -> (String, String) {
    let is_upgraded = |table: &&String| plan.upgrade.statements.iter().any(|s| s.table == **table);
    let older: Vec<&str> = plan
        .foreign_tables
        .iter()
        .filter(is_upgraded)
        .map(String::as_str)
        .collect();
    let tables = format!("{target} holds {}", foreign(&plan.foreign_tables));
    if older.is_empty() {
        let question = "They will not be touched. Create Paceline's tables beside them?";
        return (tables, question.to_owned());
    }
    let older = older.join(", ");
    (
        format!("{tables}; {older} are of an older tool and will be upgraded in place"),
        "The others will not be touched. Have you a backup, and is it to go on?".to_owned(),
    )
}

/// `2 tables that are not Paceline's (a, b)`.
fn foreign(tables: &[String]) -> String {
    let shown: Vec<&str> = tables.iter().take(FOREIGN_SHOWN).map(String::as_str).collect();
    let more = if tables.len() > FOREIGN_SHOWN { ", .." } else { "" };
    let what = match tables.len() {
        1 => "1 table that is not Paceline's".to_owned(),
        n => format!("{n} tables that are not Paceline's"),
    };
    format!("{what} ({}{more})", shown.join(", "))
}
