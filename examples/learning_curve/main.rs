//! Prints how fast Paceline learns: `cargo run --example learning_curve -- [--limit N] [--rounds N] [FILE..]`.
//!
//! Why: "ten answers are worth fifty" is a claim, and this is its proof. For each file a simulated reviewer
//! asks for `--limit` workouts of the review queue, answers with the truth, retrains, and so on; a file
//! with a `label` column knows the truth, in any other a pace below 13 min/mi is a run. Without files the
//! committed sample is learnt. Three run-only slow runners follow, of whom pace alone knows nothing.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

mod simulated;

use simulated::Person;

const USAGE: &str = "usage: learning_curve [--limit N] [--rounds N] [FILE..]";

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nothing is left to do when standard error is closed too.
            let _ = writeln!(io::stderr(), "learning_curve: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut given: impl Iterator<Item = String>) -> Result<(), String> {
    let (mut limit, mut rounds, mut files) = (5, 5, Vec::new());
    while let Some(name) = given.next() {
        match name.as_str() {
            "--limit" => limit = number(given.next())?,
            "--rounds" => rounds = number(given.next())?,
            _ if name.starts_with('-') => return Err(format!("unknown option '{name}'; {USAGE}")),
            _ => files.push(PathBuf::from(name)),
        }
    }
    if files.is_empty() {
        files.push(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/labelled_sample.csv"));
    }
    let read = files.iter().map(|file| Person::read(file));
    let slow = (1..=3).map(Person::slow_runner);
    for person in read.chain(slow) {
        show(&person?, limit, rounds).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn number(text: Option<String>) -> Result<usize, String> {
    let parsed = text.and_then(|t| t.parse().ok()).filter(|n| *n > 0);
    parsed.ok_or_else(|| format!("a whole number above 0 is missing; {USAGE}"))
}

fn show(person: &Person, limit: usize, rounds: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}, {} workouts on foot", person.name, person.features.height())?;
    writeln!(
        out,
        "  answers   run or walk   stored label   called walks   clusters count as"
    )?;
    for point in person.curve(limit, rounds, 5) {
        let weight = point
            .prior_weight
            .map_or_else(|| "all".to_owned(), |w| format!("{w} rows"));
        writeln!(
            out,
            "  {:>7}   {:>11.4}   {:>12.4}   {:>12.4}   {weight:>17}",
            point.answers, point.forced, point.strict, point.walks
        )?;
    }
    Ok(())
}
