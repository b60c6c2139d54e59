//! `config show`: which settings hold, and where each comes from.
//!
//! Why: four places may have said something: a flag, the environment, a pipeline file, or nobody. The first of them
//! counts; who wonders why sees which it was.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Subcommand};
use serde::Serialize;

use crate::app::{App, CRASH_AT, HOLD_AT, HOLD_FILE, PANIC_AT, read_pipeline, read_text, variable};
use crate::config::key_lines;

use super::WindowArgs;
use super::output::{Output, Rows, list, text};
use super::run::{MemoryArgs, RetrainArg, TrainingArgs};

/// `paceline config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Lists each setting with its value and where it comes from: flag, environment, file, default.
    Show(ShowArgs),
}

/// `paceline config show`.
#[derive(Debug, Args)]
struct ShowArgs {
    /// A pipeline file whose settings are listed too.
    #[arg(value_name = "PIPELINE.toml")]
    pipeline: Option<PathBuf>,
    #[command(flatten)]
    window: WindowArgs,
    /// As for `run`: when a model is trained.
    #[arg(long, value_enum)]
    retrain: Option<RetrainArg>,
    #[command(flatten)]
    training: TrainingArgs,
    #[command(flatten)]
    memory: MemoryArgs,
}

/// One setting.
#[derive(Debug, Serialize)]
struct SettingJson {
    setting: String,
    /// None where it has none.
    value: Option<String>,
    /// `flag`, `environment`, `file`, `default`.
    source: &'static str,
    /// The flag, the variable, or file and line.
    at: Option<String>,
}

/// Lists the settings.
pub fn config(app: &App, args: &ConfigArgs, matches: &ArgMatches, output: Output) -> Result<()> {
    let ConfigCommand::Show(args) = &args.command;
    args.window.window()?;
    let mut settings = of_the_process(app, matches);
    settings.extend(of_the_environment());
    if let Some(path) = &args.pipeline {
        settings.extend(of_the_pipeline(path, args)?);
    }
    let mut rows = Rows::new(&["setting", "value", "from", "where"]);
    for it in &settings {
        let (value, at) = (text(it.value.as_deref()), text(it.at.as_deref()));
        rows.push(vec![it.setting.clone(), value, it.source.to_owned(), at]);
    }
    list(&settings, &rows, "", output)
}

/// The flags that every command has.
fn of_the_process(app: &App, matches: &ArgMatches) -> Vec<SettingJson> {
    let url = match app.database_url() {
        // The password is not shown, nor whether there is one.
        Ok(url) => url.to_string(),
        Err(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
    };
    let shown = |name: &str| {
        let raw = matches.get_raw(name)?.next_back()?;
        Some(raw.to_string_lossy().into_owned())
    };
    let verbose = matches.get_count("verbose");
    let values = [
        ("database_url", Some(url)),
        ("output", shown("output")),
        ("now", shown("now")),
        ("verbose", Some(verbose.to_string())),
        ("log_format", shown("log_format")),
        ("trace", shown("trace")),
        ("metrics_file", shown("metrics_file")),
    ];
    let setting = |(name, value): (&str, Option<String>)| {
        let flag = || Some(format!("--{}", name.replace('_', "-")));
        let (source, at) = match matches.value_source(name) {
            Some(ValueSource::CommandLine) => ("flag", flag()),
            Some(ValueSource::EnvVariable) => ("environment", Some(name.to_uppercase())),
            _ => ("default", None),
        };
        SettingJson {
            setting: name.to_owned(),
            value,
            source,
            at,
        }
    };
    values.map(setting).into()
}

/// The variables that change what a command does, where they are set.
fn of_the_environment() -> impl Iterator<Item = SettingJson> {
    let names = ["RUST_LOG", "NO_COLOR", "TMPDIR", CRASH_AT, PANIC_AT, HOLD_AT, HOLD_FILE];
    names.into_iter().filter_map(|name| {
        Some(SettingJson {
            setting: name.to_owned(),
            value: Some(variable(name)?),
            source: "environment",
            at: Some(name.to_owned()),
        })
    })
}

/// The settings of a pipeline file, under the flags of `run`.
fn of_the_pipeline(path: &Path, args: &ShowArgs) -> Result<Vec<SettingJson>> {
    let pipeline = read_pipeline(path)?;
    let lines = key_lines(&read_text(path)?);
    let flags = args.flags();
    let settings = pipeline.settings().into_iter().map(|setting| {
        let by_flag = flags.iter().find(|(key, ..)| *key == setting.key);
        let (value, source, at) = match (by_flag, lines.get(setting.key)) {
            (Some((_, flag, value)), _) => (Some(value.clone()), "flag", Some((*flag).to_owned())),
            (None, Some(line)) => (setting.value, "file", Some(format!("{}:{line}", path.display()))),
            (None, None) => (setting.value, "default", None),
        };
        SettingJson {
            setting: setting.key.to_owned(),
            value,
            source,
            at,
        }
    });
    Ok(settings.collect())
}

impl ShowArgs {
    /// Which settings of the pipeline flags replace: key, flag, value.
    fn flags(&self) -> Vec<(&'static str, &'static str, String)> {
        let retrain = self.retrain.map(|it| format!("{it:?}").to_lowercase());
        let options = self.training.options();
        // A window on the command line replaces the whole window.
        let has_window = self.window.from.or(self.window.to).is_some();
        let end = |end: Option<crate::time::WorkoutDate>| {
            has_window.then(|| end.map_or_else(|| "open".to_owned(), |end| end.to_string()))
        };
        let all = [
            ("source.from", "--from", end(self.window.from)),
            ("source.to", "--to", end(self.window.to)),
            (
                "model.algorithm",
                "--algorithm",
                options.algorithm.map(|it| it.to_string()),
            ),
            ("model.seed", "--seed", options.seed.map(|it| it.to_string())),
            ("retrain.mode", "--retrain", retrain),
            (
                "limits.max_memory",
                "--max-memory",
                self.memory.max_memory.map(|it| it.to_string()),
            ),
        ];
        let given = all.into_iter();
        given
            .filter_map(|(key, flag, value)| Some((key, flag, value?)))
            .collect()
    }
}
