//! `doctor`: probes the store and what it stands on, and says what to do about each finding.
//!
//! Why: "it does not work" becomes one line with evidence and a next step. That the store cannot even be opened is
//! such a line too, with everything else that can still be told.

mod connection;
pub(super) mod finding;
mod places;
mod server;
mod store;
mod tables;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use crate::app::{Access, App, read_text};
use crate::config::check;
use crate::db::statement::Dialect;
use crate::pipeline::{Kind, RunError, store_hint};
use crate::store::{Store, StoreError};

use super::output::{Output, list};
use super::repair::repair;
use super::validate;
use finding::{Finding, Severity, error, errors, in_words, ok, rows, warning};

/// `paceline doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// A pipeline file that is looked at too.
    #[arg(value_name = "PIPELINE.toml")]
    pipeline: Option<PathBuf>,
    /// Lists the labels that people set and that somebody wrote over, and offers to restore them.
    #[arg(long, conflicts_with = "pipeline")]
    repair_overrides: bool,
    /// Restores them without asking.
    #[arg(long, visible_alias = "yes", requires = "repair_overrides")]
    apply: bool,
}

impl DoctorArgs {
    /// True for the findings, which are rows under one header.
    pub fn is_list(&self) -> bool {
        !self.repair_overrides
    }
}

/// Probes the store; fails where it cannot be opened or a finding is an error.
pub async fn doctor(app: &App, args: &DoctorArgs, output: Output) -> Result<()> {
    if args.repair_overrides {
        return repair(app, args.apply, output).await;
    }
    let mut findings = Vec::new();
    let opened = app.store(Access::Probe).await;
    match &opened {
        Ok(opened) => {
            findings.push(ok("connection", opened.db().target()));
            findings.extend(look(app, opened).await);
        }
        Err(failed) => findings.push(connection::failed(failed)),
    }
    findings.extend(places::findings(app));
    let of_store = errors(&findings);
    findings.extend(args.pipeline.as_deref().map(of_pipeline).unwrap_or_default());
    let failed = errors(&findings);
    list(&findings, &rows(&findings), "", output)?;
    opened?;
    let kind = if of_store > 0 { Kind::Data } else { Kind::Config };
    match failed {
        0 => Ok(()),
        failed => Err(RunError::new("doctor", kind, in_words(failed), "").into()),
    }
}

/// Everything that an open store can be asked.
async fn look(app: &App, store: &Store) -> Vec<Finding> {
    let mut findings = Vec::new();
    match store.probe().await {
        Ok(Some(probe)) => {
            let is_local = app.database_url().is_ok_and(|url| url.is_local());
            let here = server::Here {
                now: app.now(),
                is_frozen: app.is_frozen(),
                is_local,
            };
            findings.extend(server::findings(&probe, store.db().dialect(), &here));
        }
        Ok(None) => findings.push(error(
            "server",
            "the probe returned no row",
            "report this with its version",
        )),
        Err(failed) => findings.push(unasked("server", &failed)),
    }
    let (tables, is_whole) = tables::findings(store).await;
    findings.extend(tables);
    if store.db().dialect() == Dialect::MySql {
        findings.extend(store::privileges(store, is_whole).await);
    }
    if is_whole {
        findings.extend(store::models(store).await);
        findings.push(store::overrides(store).await);
        findings.extend(store::leases(app, store).await);
        findings.extend(store::unsealed(store).await);
    }
    findings
}

/// A question that the store did not answer is a finding itself.
fn unasked(check: &'static str, failed: &StoreError) -> Finding {
    error(check, failed.to_string(), store_hint(failed))
}

/// What `validate` says of a pipeline file.
fn of_pipeline(path: &Path) -> Vec<Finding> {
    let text = match read_text(path) {
        Ok(text) => text,
        Err(failed) => {
            let next = "name a pipeline file, such as pipelines/nightly.toml";
            return vec![error("pipeline file", format!("{failed:#}"), next)];
        }
    };
    let checked = check(&text, &path.display().to_string());
    let mut findings: Vec<Finding> = validate::findings(&checked)
        .into_iter()
        .map(|found| Finding {
            check: "pipeline file",
            severity: found.severity,
            evidence: match found.line {
                Some(line) => format!("{}, line {line}: {}", path.display(), found.evidence),
                None => format!("{}: {}", path.display(), found.evidence),
            },
            next: found.next,
        })
        .collect();
    if let Some(pipeline) = checked.pipeline {
        let name = format!("{} is valid: pipeline '{}'", path.display(), pipeline.name);
        findings.insert(0, ok("pipeline file", name));
    }
    findings
}
