//! The `paceline` command: parse, run, print the error with its causes, exit with its code.

use std::process::ExitCode;

use paceline::cli::exit;

fn main() -> ExitCode {
    let cli = paceline::cli::parse();
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

#[allow(clippy::print_stderr, reason = "the one place where errors reach a person")]
fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::from(exit::code(error))
}
