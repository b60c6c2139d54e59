//! The `paceline` command: parse, run, print the error with its causes, exit with its code.

use std::process::ExitCode;

use paceline::cli::{Cli, exit, title};

fn main() -> ExitCode {
    // First of all, and before there are threads: the process begins anew.
    if let Err(error) = title::hide_password() {
        report_line(&format!("warning: {error:#}"));
    }
    let cli = Cli::read();
    // At least two workers: a run that computes must not keep its lease's signs of life from being sent.
    let workers = std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = match builder.worker_threads(workers).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&error.into()),
    };
    match runtime.block_on(paceline::cli::main(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if exit::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) if exit::is_stopped(&error) => ExitCode::from(exit::code(&error)),
        Err(error) => report(&error),
    }
}

fn report(error: &anyhow::Error) -> ExitCode {
    report_line(&format!("error: {error:#}"));
    ExitCode::from(exit::code(error))
}

#[allow(clippy::print_stderr, reason = "the one place where errors reach a person")]
fn report_line(text: &str) {
    eprintln!("{text}");
}
