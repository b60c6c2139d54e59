//! `completions`: setting up a shell.

use anyhow::Result;
use clap::{Args, CommandFactory};

use super::output::line;

/// `paceline completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell; the script goes to standard output. For bash: add `source <(paceline completions bash)` to ~/.bashrc.
    shell: clap_complete::Shell,
}

/// Prints a completion script.
pub fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut command = super::Cli::command();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "paceline", &mut script);
    line(String::from_utf8(script)?.trim_end())
}
