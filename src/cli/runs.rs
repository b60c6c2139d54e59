//! `runs`: the ledger.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::{Access, App};
use crate::pipeline::{Kind, RunError};
use crate::store::Store;
use crate::store::runs::{LedgerChunk, LedgerRun};

use crate::vocab::RunStatus;

use super::output::{Output, Rows, count, list, one, text};
use super::undo::{UndoArgs, undo};

/// `paceline runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    #[command(subcommand)]
    command: RunsCommand,
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    /// Lists the latest runs, newest first.
    List {
        /// At most this many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Shows one run with its transactions.
    Show {
        /// The run: an id, as `paceline runs list` has it.
        run_id: String,
    },
    /// Returns each workout that a run changed to what it was before.
    ///
    /// What a person or a newer run has touched since is listed and left. The undo is a run itself and can be undone.
    Undo(UndoArgs),
}

impl RunsArgs {
    /// True for the command that lists runs.
    pub fn is_list(&self) -> bool {
        matches!(self.command, RunsCommand::List { .. })
    }
}

#[derive(Debug, Serialize)]
struct RunJson {
    #[serde(flatten)]
    run: LedgerRun,
    chunks: Vec<LedgerChunk>,
}

/// Lists runs, or shows one.
pub async fn runs(app: &App, args: &RunsArgs, output: Output) -> Result<()> {
    match &args.command {
        RunsCommand::Undo(args) => undo(app, args, output).await,
        RunsCommand::List { limit } => {
            let store = app.store(Access::Read).await?;
            let runs = listed(app, &store, store.runs(*limit).await?).await?;
            list(
                &runs,
                &rows_of(&runs),
                "No run yet. `paceline run PIPELINE.toml` makes one.",
                output,
            )
        }
        RunsCommand::Show { run_id } => {
            let store = app.store(Access::Read).await?;
            let Some(run) = store.run(run_id).await? else {
                let found = format!("there is no run '{run_id}'");
                return Err(RunError::new(
                    "look up",
                    Kind::Data,
                    found,
                    "`paceline runs list` shows those there are",
                )
                .into());
            };
            let chunks = store.chunks(run_id).await?;
            let value = RunJson { run, chunks };
            one(&value, || page(&value), output)
        }
    }
}

/// A run of the list.
#[derive(Debug, Serialize)]
struct ListedRun {
    #[serde(flatten)]
    run: LedgerRun,
    /// True where the ledger has it as running and nobody is at work: the next run closes it.
    abandoned: bool,
}

async fn listed(app: &App, store: &Store, runs: Vec<LedgerRun>) -> Result<Vec<ListedRun>> {
    let process = app.ambient()?.process;
    let mut listed = Vec::with_capacity(runs.len());
    for run in runs {
        let abandoned = run.status == RunStatus::Running.as_str()
            && store.lease(&run.pipeline).await?.is_none_or(|lease| {
                let gone = lease
                    .process
                    .as_deref()
                    .is_some_and(|identity| (process.is_gone)(identity));
                lease.run_id.as_ref() != Some(&run.run_id) || lease.is_free(app.now()) || gone
            });
        listed.push(ListedRun { run, abandoned });
    }
    Ok(listed)
}

impl ListedRun {
    /// `partial (taken_over)`, `running (abandoned)`, `succeeded`.
    fn status(&self) -> String {
        let why = match &self.run.failure {
            Some(failure) => Some(failure.kind.as_str()),
            None => self.abandoned.then_some("abandoned"),
        };
        why.map_or_else(|| self.run.status.clone(), |why| format!("{} ({why})", self.run.status))
    }
}

fn rows_of(runs: &[ListedRun]) -> Rows {
    let mut rows = Rows::new(&[
        "run_id",
        "pipeline",
        "trigger",
        "status",
        "started_at",
        "read",
        "new",
        "changed",
        "written",
    ]);
    for listed in runs {
        let run = &listed.run;
        rows.push(vec![
            run.run_id.clone(),
            run.pipeline.clone(),
            run.trigger.clone(),
            listed.status(),
            run.started_at.clone(),
            run.rows.read.to_string(),
            run.changes.new.to_string(),
            run.changes.changed.to_string(),
            run.rows_written.to_string(),
        ]);
    }
    rows
}

fn page(value: &RunJson) -> String {
    let run = &value.run;
    let mut page = Rows::new(&["field", "value"]);
    let mut field = |name: &str, value: String| page.push(vec![name.to_owned(), value]);
    field("run_id", run.run_id.clone());
    field("pipeline", run.pipeline.clone());
    field("trigger", run.trigger.clone());
    field("status", run.status.clone());
    field("started_at", run.started_at.clone());
    field("finished_at", text(run.finished_at.as_deref()));
    field(
        "window",
        format!(
            "[{}, {})",
            text(run.window_from.as_deref()),
            text(run.window_to.as_deref())
        ),
    );
    field(
        "model",
        format!(
            "{} {}",
            text(run.model_id.as_deref()),
            text(run.model_version.as_deref())
        ),
    );
    field(
        "decision",
        run.decision
            .as_ref()
            .map_or_else(|| "-".to_owned(), |json| json.get().to_owned()),
    );
    let rows = run.rows;
    field(
        "rows",
        format!(
            "{} read = {} classified ({} by the era rule) + {} skipped + {} quarantined",
            rows.read, rows.classified, rows.fallback, rows.skipped, rows.quarantined
        ),
    );
    let c = run.changes;
    field(
        "changes",
        format!(
            "{} new, {} changed, {} refreshed, {} protected, {} unchanged",
            c.new, c.changed, c.refreshed, c.protected, c.unchanged
        ),
    );
    field(
        "rows written",
        format!("{} in {} transactions", count(run.rows_written), value.chunks.len()),
    );
    if let Some(failure) = &run.failure {
        field("failed in", format!("{} ({})", failure.stage, failure.kind));
        field("error", failure.message.clone());
    }
    page.table()
}
