//! `validate`: what is wrong with a pipeline file, all of it, before a night depends on it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::app::{App, read_pipeline, read_text};
use crate::config::{Checked, ConfigError, Pipeline, check};
use crate::pipeline::{Kind, RunError};
use crate::scheduler::Entry;

use super::doctor::finding::Severity;
use super::output::{Output, Rows, json, line, page, text};
use super::schedule::ListedJson;

/// `paceline validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// The pipeline file; pipelines/nightly.toml shows every key.
    #[arg(value_name = "PIPELINE.toml")]
    pipeline: PathBuf,
}

/// What the file says where nothing is wrong with it, and what was found.
#[derive(Debug, Serialize)]
struct ValidateJson {
    pipeline: Option<String>,
    valid: bool,
    algorithm: Option<String>,
    seed: Option<u64>,
    chunk_rows: Option<usize>,
    max_churn: Option<f64>,
    schedule: Option<ListedJson>,
    findings: Vec<FindingJson>,
}

/// Something that is wrong with a file, or without effect.
#[derive(Debug, Serialize)]
pub(super) struct FindingJson {
    /// How bad it is.
    pub severity: Severity,
    /// The line, from 1, where it is of one.
    pub line: Option<usize>,
    /// What was found.
    pub evidence: String,
    /// What to do.
    pub next: String,
}

impl FindingJson {
    fn of(error: &ConfigError, severity: Severity) -> Self {
        let next = match (&error.suggestion, severity) {
            (Some(nearest), _) => format!("write '{nearest}'"),
            (None, Severity::Error) => "correct it; pipelines/nightly.toml shows every key".to_owned(),
            (None, _) => "remove it, or change what it stands beside".to_owned(),
        };
        Self {
            severity,
            line: error.line,
            evidence: error.message.clone(),
            next,
        }
    }
}

/// The findings of a file, by line.
pub(super) fn findings(checked: &Checked) -> Vec<FindingJson> {
    let errors = checked.errors.iter().map(|it| FindingJson::of(it, Severity::Error));
    let doubts = checked.doubts.iter().map(|it| FindingJson::of(it, Severity::Warning));
    let mut all: Vec<FindingJson> = errors.chain(doubts).collect();
    all.sort_by_key(|it| it.line);
    all
}

/// Reads and checks a file; None where it cannot be read as text.
pub(super) fn look(path: &Path) -> Option<Checked> {
    let text = read_text(path).ok()?;
    Some(check(&text, &path.display().to_string()))
}

/// Checks a pipeline file; fails, with all that is wrong on standard output, where anything is.
pub fn validate(app: &App, args: &ValidateArgs, output: Output) -> Result<()> {
    // What cannot even be read is the same error as everywhere.
    let read = read_pipeline(&args.pipeline);
    let Some(checked) = look(&args.pipeline) else {
        return read.map(|_| ());
    };
    let value = ValidateJson::of(app, &checked);
    match output {
        Output::Table | Output::Csv => print(&value, &checked, &args.pipeline)?,
        Output::Json | Output::Ndjson => json(&value, output)?,
    }
    match (read, checked.errors.len()) {
        (Ok(_), _) => Ok(()),
        (Err(error), 0 | 1) => Err(error),
        (Err(error), many) => {
            let first = error.downcast::<RunError>()?;
            let found = format!("{} (and {} more)", first.source, many - 1);
            Err(RunError::new(first.stage, Kind::Config, found, first.hint).into())
        }
    }
}

impl ValidateJson {
    fn of(app: &App, checked: &Checked) -> Self {
        let pipeline = checked.pipeline.as_ref();
        let schedule = |pipeline: &Pipeline| {
            let entry = Entry {
                schedule: pipeline.schedule.clone()?,
                pipeline: pipeline.clone(),
            };
            Some(ListedJson::of(&entry, app.now()))
        };
        Self {
            valid: pipeline.is_some(),
            algorithm: pipeline.map(|it| it.params.algorithm.to_string()),
            seed: pipeline.map(|it| it.seed),
            chunk_rows: pipeline.map(|it| it.chunk_rows),
            max_churn: pipeline.map(|it| it.max_churn),
            schedule: pipeline.and_then(schedule),
            pipeline: pipeline.map(|it| it.name.clone()),
            findings: findings(checked),
        }
    }
}

fn print(value: &ValidateJson, checked: &Checked, path: &Path) -> Result<()> {
    if !value.findings.is_empty() {
        let mut rows = Rows::new(&["line", "finding", "evidence", "next step"]);
        for found in &value.findings {
            let severity = if found.severity == Severity::Error {
                "ERROR"
            } else {
                "warning"
            };
            rows.push(vec![
                text(found.line.map(|line| line.to_string()).as_deref()),
                severity.to_owned(),
                found.evidence.clone(),
                found.next.clone(),
            ]);
        }
        line(&rows.table())?;
    }
    let Some(pipeline) = &checked.pipeline else {
        return Ok(());
    };
    let times = value.schedule.as_ref().map_or_else(String::new, ListedJson::text);
    page(&format!(
        "{} is valid: pipeline '{}', {}\n{times}",
        path.display(),
        pipeline.name,
        pipeline.params.algorithm
    ))
}
