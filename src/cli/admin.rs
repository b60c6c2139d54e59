//! `validate`, `completions`: setting up.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, CommandFactory};
use serde::Serialize;

use crate::app::{App, read_pipeline};
use crate::scheduler::Entry;

use super::output::{Output, line, one};
use super::schedule::ListedJson;

/// `paceline validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// The pipeline file.
    #[arg(value_name = "PIPELINE.toml")]
    pipeline: PathBuf,
}

/// `paceline completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    shell: clap_complete::Shell,
}

#[derive(Debug, Serialize)]
struct ValidateJson {
    pipeline: String,
    valid: bool,
    algorithm: String,
    seed: u64,
    chunk_rows: usize,
    max_churn: f64,
    schedule: Option<ListedJson>,
}

/// Checks a pipeline file.
pub fn validate(app: &App, args: &ValidateArgs, output: Output) -> Result<()> {
    let pipeline = read_pipeline(&args.pipeline)?;
    let schedule = pipeline.schedule.clone();
    let value = ValidateJson {
        schedule: schedule.map(|schedule| {
            let pipeline = pipeline.clone();
            ListedJson::of(&Entry { pipeline, schedule }, app.now())
        }),
        pipeline: pipeline.name,
        valid: true,
        algorithm: pipeline.params.algorithm.to_string(),
        seed: pipeline.seed,
        chunk_rows: pipeline.chunk_rows,
        max_churn: pipeline.max_churn,
    };
    one(
        &value,
        || {
            let times = value.schedule.as_ref().map_or_else(String::new, ListedJson::text);
            format!(
                "{} is valid: pipeline '{}', {}\n{times}",
                args.pipeline.display(),
                value.pipeline,
                value.algorithm
            )
        },
        output,
    )
}

/// Prints a completion script.
pub fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut command = super::Cli::command();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "paceline", &mut script);
    line(String::from_utf8(script)?.trim_end())
}
