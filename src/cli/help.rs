//! What `--help` says beyond the flags: an example or two for each command, exit codes, environment.
//!
//! Why: a list of flags does not say what to type first. Here are the lines that people type, once, for the
//! long help, the pages of `docs/commands/` and the man pages alike.
//!
//! Invariants: every example is run by a test (`docs::commands`), in the order of its page, on a store that
//! holds the sample data classified once; `MODEL_ID` and `RUN_ID` stand for ids of that store.
//!
//! Must not know: what a command does.

use std::fmt::Write as _;

use clap::Command;

use super::exit;

/// What an example does, and the line to type.
pub type Example = (&'static str, &'static str);

/// The examples of each command, by its path without the program's name.
pub static EXAMPLES: &[(&str, &[Example])] = &[
    (
        "migrate",
        &[
            ("The statements, and nothing else", "paceline migrate --dry-run"),
            ("Create or upgrade the tables", "paceline migrate"),
            (
                "The same from a script, in a database that holds other tables too",
                "paceline migrate --yes",
            ),
        ],
    ),
    (
        "import",
        &[
            ("An export of MapMyRun", "paceline import data/workouts_sample.csv"),
            (
                "A file with a column of labels, which are kept where a workout has none yet",
                "paceline import data/labelled_sample.csv --record-labels",
            ),
        ],
    ),
    (
        "run",
        &[
            (
                "What a nightly job does; an import first is optional",
                "paceline run pipelines/nightly.toml --import data/workouts_sample.csv",
            ),
            (
                "Only the workouts of 2024, with the model that is active",
                "paceline run pipelines/nightly.toml --from 2024-01-01 --to 2025-01-01 --retrain never",
            ),
            (
                "Train now; the gate decides whether the new model may classify",
                "paceline run pipelines/nightly.toml --retrain always --notes 'after the new watch'",
            ),
            (
                "For a program",
                "paceline run pipelines/nightly.toml --output json > report.json",
            ),
        ],
    ),
    (
        "plan",
        &[
            ("What the next run would do", "paceline plan pipelines/nightly.toml"),
            (
                "Each row that it would write, for a spreadsheet",
                "paceline plan pipelines/nightly.toml --rows --output csv > planned.csv",
            ),
        ],
    ),
    (
        "backfill",
        &[
            (
                "What a year would write, month by month",
                "paceline backfill pipelines/nightly.toml --from 2024-01-01 --to 2025-01-01 --dry-run",
            ),
            (
                "Do it",
                "paceline backfill pipelines/nightly.toml --from 2024-01-01 --to 2025-01-01 --window 1mo",
            ),
            (
                "After a crash, or after some windows have failed: go on",
                "paceline backfill pipelines/nightly.toml --from 2024-01-01 --to 2025-01-01 --reprocess failed",
            ),
        ],
    ),
    (
        "schedule",
        &[
            (
                "When would it run",
                "paceline schedule pipelines/nightly.toml pipelines/retrain.toml --list",
            ),
            (
                "From cron: do what is due, then end",
                "paceline schedule pipelines/nightly.toml pipelines/retrain.toml --once",
            ),
        ],
    ),
    (
        "classifications",
        &[
            (
                "What is too close to call this year",
                "paceline classifications --from 2025-01-01 --label mixed",
            ),
            (
                "Everything, for a spreadsheet",
                "paceline classifications --output csv > verdicts.csv",
            ),
        ],
    ),
    (
        "history",
        &[("Who called it what, and when", "paceline history 649714363550")],
    ),
    (
        "explain",
        &[
            ("By the model in production", "paceline explain 649714363550"),
            ("By another one", "paceline explain 649714363550 --model MODEL_ID"),
        ],
    ),
    (
        "review",
        &[
            ("The three workouts to ask about first", "paceline review --limit 3"),
            (
                "For a form or a spreadsheet; `paceline feedback import` reads the answers",
                "paceline review --limit 50 --output csv > questions.csv",
            ),
        ],
    ),
    (
        "feedback add",
        &[
            (
                "It was a walk",
                "paceline feedback add 649714363550 --type correct --label pup_walk --certainty 5 --user anna",
            ),
            (
                "The model is right",
                "paceline feedback add 649757783559 --type accept --user anna",
            ),
        ],
    ),
    (
        "feedback import",
        &[(
            "Answers from a spreadsheet: workout_id,type,label and, if you like, certainty,comment,user",
            "paceline feedback import answers.csv --user anna",
        )],
    ),
    (
        "feedback list",
        &[("What no model has learnt yet", "paceline feedback list --unprocessed")],
    ),
    ("feedback stats", &[("How many, from whom", "paceline feedback stats")]),
    (
        "override set",
        &[(
            "A race with a stroller, whatever a model thinks of its pace",
            "paceline override set 649714363550 pup_walk --user anna --reason 'with the stroller'",
        )],
    ),
    (
        "override list",
        &[("Who overruled the model, and what it says", "paceline override list")],
    ),
    (
        "override clear",
        &[(
            "Back to the model's opinion",
            "paceline override clear 649714363550 --user anna",
        )],
    ),
    ("model list", &[("Every version", "paceline model list")]),
    (
        "model show",
        &[(
            "The one in production, with what the gate said of it",
            "paceline model show active",
        )],
    ),
    (
        "model compare",
        &[(
            "Whom it would relabel, and whom it contradicts",
            "paceline model compare active MODEL_ID --pipeline pipelines/nightly.toml",
        )],
    ),
    (
        "model lineage",
        &[("From the active model back to the first", "paceline model lineage")],
    ),
    (
        "model train",
        &[(
            "A candidate that nobody classifies with until it is activated",
            "paceline model train pipelines/nightly.toml --no-activate --notes 'a trial'",
        )],
    ),
    (
        "model activate",
        &[("The candidate", "paceline model activate MODEL_ID")],
    ),
    (
        "model rollback",
        &[(
            "The model before the present one again, and its verdicts",
            "paceline model rollback --pipeline pipelines/nightly.toml",
        )],
    ),
    (
        "model deprecate",
        &[(
            "Withdraw the active model; the next run trains another",
            "paceline model deprecate active --reason 'its watch was replaced'",
        )],
    ),
    (
        "model fail",
        &[(
            "Never again",
            "paceline model fail MODEL_ID --reason 'trained on a broken import'",
        )],
    ),
    (
        "report changes",
        &[("What changed this year", "paceline report changes --from 2026-01-01")],
    ),
    (
        "report overrides",
        &[("Where people and models differ", "paceline report overrides")],
    ),
    (
        "report models",
        &[("Every version and its part", "paceline report models")],
    ),
    (
        "report accuracy",
        &[(
            "What people said in the last month",
            "paceline report accuracy --days 30",
        )],
    ),
    (
        "report stats",
        &[(
            "Since a date, for a program",
            "paceline report stats --from 2026-01-01 --output json",
        )],
    ),
    (
        "report labels",
        &[
            (
                "What stands, month by month",
                "paceline report labels --from 2024-01-01",
            ),
            ("The same as a picture", "paceline report labels --plot labels.svg"),
        ],
    ),
    (
        "report map",
        &[(
            "Pace against distance, and where the model draws its lines",
            "paceline report map --plot map.svg",
        )],
    ),
    (
        "report calibration",
        &[("Does 0.9 mean nine in ten", "paceline report calibration")],
    ),
    ("runs list", &[("The last five", "paceline runs list --limit 5")]),
    (
        "runs show",
        &[("One, with its transactions", "paceline runs show RUN_ID")],
    ),
    (
        "runs undo",
        &[
            ("What would be put back", "paceline runs undo RUN_ID --dry-run"),
            (
                "Put it back",
                "paceline runs undo RUN_ID --user anna --reason 'wrong pipeline file'",
            ),
        ],
    ),
    (
        "quarantine list",
        &[("What was refused, and why", "paceline quarantine list")],
    ),
    (
        "quarantine export",
        &[(
            "The rows as they stood, to be mended and imported again",
            "paceline quarantine export refused.csv",
        )],
    ),
    (
        "config show",
        &[(
            "Every setting of a pipeline, and where each comes from",
            "paceline config show pipelines/nightly.toml",
        )],
    ),
    (
        "archive",
        &[
            (
                "What would leave the table",
                "paceline archive --older-than 1y --to archive --dry-run",
            ),
            (
                "Move the history of more than a year ago into files",
                "paceline archive --older-than 1y --to archive",
            ),
        ],
    ),
    (
        "archive restore",
        &[("All of it back", "paceline archive restore --all")],
    ),
    ("archive list", &[("What is in which file", "paceline archive list")]),
    (
        "state",
        &[
            (
                "As it was at the end of last year",
                "paceline state --as-of 2025-12-31T23:59:59Z",
            ),
            (
                "One workout, on a day",
                "paceline state --as-of 2030-01-01 649714363550",
            ),
        ],
    ),
    (
        "verify",
        &[
            ("Does everything hold", "paceline verify"),
            (
                "The same, against a head that is kept away from the database",
                "paceline verify --anchor anchor.json",
            ),
        ],
    ),
    (
        "prove",
        &[(
            "For somebody without the database, who checks it with docs/check_proof.py",
            "paceline prove 649714363550 --output json > proof.json",
        )],
    ),
    (
        "validate",
        &[(
            "Before it goes to the server",
            "paceline validate pipelines/nightly.toml",
        )],
    ),
    (
        "doctor",
        &[
            ("What is wrong, and what to do", "paceline doctor"),
            ("For a monitor", "paceline doctor --output json"),
        ],
    ),
    (
        "completions",
        &[("For bash", "paceline completions bash > paceline.bash")],
    ),
];

/// What the environment says, where the command line does not.
pub static ENVIRONMENT: &[(&str, &str)] = &[
    (
        "DATABASE_URL",
        "the store, where --database-url is not given; a password in it is never printed",
    ),
    (
        "RUST_LOG",
        "what is logged to standard error, such as paceline=debug; wins over --verbose",
    ),
    ("NO_COLOR", "where it is set and not empty, logs have no colours"),
    ("TMPDIR", "where `verify` puts what does not fit into memory"),
];

/// The examples of the command at `path`; none where there are none.
pub fn examples(path: &str) -> &'static [Example] {
    let found = EXAMPLES.iter().find(|(of, _)| *of == path);
    found.map_or(&[], |(_, examples)| *examples)
}

/// Adds to each command of the tree what `--help` shows after its flags.
pub fn annotated(command: Command) -> Command {
    let command = command.after_long_help(end_of_help());
    command.mut_subcommands(|sub| with_examples(sub, ""))
}

fn with_examples(command: Command, parent: &str) -> Command {
    let path = format!("{parent} {}", command.get_name()).trim_start().to_owned();
    let command = match examples(&path) {
        [] => command,
        some => command.after_long_help(examples_text(some)),
    };
    command.mut_subcommands(|sub| with_examples(sub, &path))
}

fn examples_text(examples: &[Example]) -> String {
    let mut text = "Examples:".to_owned();
    for (says, line) in examples {
        let _ = write!(text, "\n  {says}:\n    $ {line}");
    }
    text
}

fn end_of_help() -> String {
    let mut text = "Exit codes:".to_owned();
    for (code, meaning) in exit::MEANINGS {
        let _ = write!(text, "\n  {code:>3}  {meaning}");
    }
    text.push_str("\n\nEnvironment:");
    for (name, meaning) in ENVIRONMENT {
        let _ = write!(text, "\n  {name:<12}  {meaning}");
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_example_is_of_a_command_that_there_is() {
        let root = super::super::Cli::command();
        for (path, examples) in EXAMPLES {
            let mut command = &root;
            for name in path.split(' ') {
                let found = command.get_subcommands().find(|sub| sub.get_name() == name);
                command = found.unwrap_or_else(|| panic!("there is no command '{path}'"));
            }
            for (says, line) in *examples {
                assert!(line.contains(&format!("paceline {path}")), "{path}: {line}");
                assert!(!says.is_empty() && !says.ends_with('.'), "{path}: {says}");
            }
        }
    }

    #[test]
    fn no_line_is_so_long_that_help_would_break_it() {
        // `max_term_width` of the command.
        const WIDTH: usize = 100;
        let texts = EXAMPLES.iter().map(|(_, examples)| examples_text(examples));
        for text in texts.chain([end_of_help()]) {
            let long = text.lines().find(|line| line.chars().count() > WIDTH);
            assert_eq!(long, None);
        }
    }

    #[test]
    fn every_command_has_an_example() {
        fn leaves(command: &Command, parent: &str, found: &mut Vec<String>) {
            for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
                let path = format!("{parent} {}", sub.get_name()).trim_start().to_owned();
                if sub.has_subcommands() {
                    leaves(sub, &path, found);
                } else {
                    found.push(path);
                }
            }
        }
        let mut found = Vec::new();
        leaves(&super::super::Cli::command(), "", &mut found);
        let without: Vec<&String> = found.iter().filter(|path| examples(path).is_empty()).collect();
        assert!(without.is_empty(), "give them an example in cli/help.rs: {without:?}");
    }
}
