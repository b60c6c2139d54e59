//! Writes the sample data: `cargo run --example generate_sample`.
//!
//! Why: everyone can try Paceline without anyone's real history, and a benchmark can have as many
//! workouts as it wants.
//!
//! Without arguments it writes `workouts_sample.csv`, `labelled_sample.csv` and `slow_sample.csv` in `data/`,
//! always the same bytes. With `--out FILE` it writes only workouts, there, with `--rows N` and `--seed S` if given.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod sample;

const USAGE: &str = "usage: generate_sample [--out FILE [--rows N] [--seed S]]";

/// The most rows that were tried; ids are apart for as many.
const MAX_ROWS: u64 = 10_000_000;

struct Arguments {
    out: Option<PathBuf>,
    rows: u64,
    seed: u64,
}

fn main() -> ExitCode {
    match arguments(std::env::args().skip(1)).and_then(|arguments| write(&arguments).map_err(|e| e.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nothing is left to do when standard error is closed too.
            let _ = writeln!(io::stderr(), "generate_sample: {message}");
            ExitCode::FAILURE
        }
    }
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let (mut out, mut rows, mut seed) = (None, None, None);
    while let Some(name) = given.next() {
        let value = given.next().ok_or_else(|| format!("{name} needs a value; {USAGE}"))?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|e| format!("{name} {value}: {e}; {USAGE}"))
        };
        match name.as_str() {
            "--out" => out = Some(PathBuf::from(value)),
            "--rows" => rows = Some(number()?),
            "--seed" => seed = Some(number()?),
            _ => return Err(format!("unknown argument {name}; {USAGE}")),
        }
    }
    if out.is_none() && (rows.is_some() || seed.is_some()) {
        return Err(format!(
            "other rows would replace the committed sample; give --out; {USAGE}"
        ));
    }
    let rows = rows.unwrap_or(sample::ROWS);
    if rows > MAX_ROWS {
        return Err(format!("--rows {rows}: at most {} keep their ids apart", MAX_ROWS));
    }
    Ok(Arguments {
        out,
        rows,
        seed: seed.unwrap_or(sample::SEED),
    })
}

fn write(arguments: &Arguments) -> io::Result<()> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let workouts = arguments
        .out
        .clone()
        .unwrap_or_else(|| data.join("workouts_sample.csv"));
    to_file(&workouts, |out| sample::workouts(out, arguments.rows, arguments.seed))?;
    if arguments.out.is_none() {
        to_file(&data.join("labelled_sample.csv"), |out| {
            sample::labelled(out, arguments.seed)
        })?;
        to_file(&data.join("slow_sample.csv"), |out| sample::slow(out, arguments.seed))?;
    }
    Ok(())
}

fn to_file(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let context = |error: io::Error| io::Error::new(error.kind(), format!("writing {}: {error}", path.display()));
    let mut out = BufWriter::new(File::create(path).map_err(context)?);
    fill(&mut out).and_then(|()| out.flush()).map_err(context)
}
