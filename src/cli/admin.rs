//! `migrate`, `completions`: setting up.

use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal, Write};
use std::time::Duration;

use anyhow::Result;
use clap::{Args, CommandFactory};
use serde::Serialize;

use crate::app::{Access, App};
use crate::db::Db;
use crate::db::error::DbError;
use crate::db::migrate::MigrationPlan;
use crate::pipeline::{self, Kind, RunError};
use crate::store::Store;
use crate::store::adopt::Scope;

use super::output::{Output, Rows, count, json, line, list, one};

/// Tables of others that the question before a migration names.
const FOREIGN_SHOWN: usize = 5;

/// How often, and how far apart, a migration that another process may be at work on is looked at.
const MIGRATION_LOOKS: u32 = 20;
const MIGRATION_PAUSE: Duration = Duration::from_millis(100);

/// `paceline migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Goes ahead although the database holds tables that are not Paceline's.
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

/// `paceline completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell; the script goes to standard output. For bash: add `source <(paceline completions bash)` to ~/.bashrc.
    shell: clap_complete::Shell,
}

#[derive(Debug, Serialize)]
struct MigrateJson {
    applied: Vec<MigrationJson>,
    tables: Vec<TableJson>,
    adopted: Option<AdoptedJson>,
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

/// Creates or upgrades the tables.
pub async fn migrate(app: &App, args: &MigrateArgs, output: Output) -> Result<()> {
    let access = if args.dry_run { Access::Preview } else { Access::Bare };
    let store = app.store(access).await?;
    let failed = |error: DbError| RunError::store("migrate", error.into());
    let plan = plan_of(store.db()).await.map_err(failed)?;
    if args.dry_run {
        return print_plan(&plan, output);
    }
    let pending = !plan.pending.is_empty();
    if pending && !plan.foreign_tables.is_empty() && !args.yes {
        confirm(&plan, store.db().target())?;
    }
    let report = store.db().migrate(app.now()).await.map_err(failed)?;
    let applied = report.applied.iter().map(|(version, name)| MigrationJson {
        version: *version,
        name: (*name).to_owned(),
    });
    let table = |t: &crate::db::migrate::TableReport| TableJson {
        table: t.name.to_owned(),
        columns: t.columns,
        created: t.created,
    };
    let adopted = adopt(app, &store, args.adopt_state).await?;
    let value = MigrateJson {
        applied: applied.collect(),
        tables: report.tables.iter().map(table).collect(),
        adopted,
    };
    one(&value, || page(&value, store.db().target()), output)
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
    let mut rows = Rows::new(&["table", "columns", ""]);
    for t in &value.tables {
        let state = if t.created { "created" } else { "was there" };
        rows.push(vec![t.table.clone(), t.columns.to_string(), state.to_owned()]);
    }
    let mut page = format!("{target}: {} migrations applied\n", value.applied.len());
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

fn print_plan(plan: &MigrationPlan, output: Output) -> Result<()> {
    #[derive(Serialize)]
    struct Pending<'a> {
        version: u32,
        name: &'a str,
        sql: &'a str,
    }
    let pending: Vec<Pending<'_>> = plan
        .pending
        .iter()
        .map(|m| Pending {
            version: m.version,
            name: m.name,
            sql: &m.sql,
        })
        .collect();
    match output {
        Output::Json => json(&pending, output),
        Output::Ndjson => list(&pending, &Rows::new(&[]), "", output),
        Output::Table | Output::Csv if pending.is_empty() => line("Nothing to do: every migration is applied."),
        Output::Table | Output::Csv => pending
            .iter()
            .try_for_each(|m| line(&format!("-- {} {}\n{};\n", m.version, m.name, m.sql.trim()))),
    }
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
    let tables = format!("{target} holds {}", foreign(&plan.foreign_tables));
    if !std::io::stdin().is_terminal() {
        return Err(refuse(tables).into());
    }
    let mut stderr = std::io::stderr().lock();
    write!(
        stderr,
        "{tables}.\nThey will not be touched. Create Paceline's tables beside them? [y/N] "
    )?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim().eq_ignore_ascii_case("y") {
        return Ok(());
    }
    Err(refuse("not confirmed; nothing was changed".to_owned()).into())
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

/// Prints a completion script.
pub fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut command = super::Cli::command();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "paceline", &mut script);
    line(String::from_utf8(script)?.trim_end())
}
