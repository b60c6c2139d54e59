//! The `paceline` command: parse, run, print the error with its causes, exit with its code.

use std::process::ExitCode;

use clap::Parser;
use paceline::cli::{Cli, exit};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&error.into()),
    };
    match runtime.block_on(paceline::cli::main(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if exit::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

#[allow(clippy::print_stderr, reason = "the one place where errors reach a person")]
fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::from(exit::code(error))
}
