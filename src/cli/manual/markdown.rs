//! The pages in Markdown: one for each command with its sub-commands, and an index.
//!
//! Why not the crate `clap-markdown`: it makes one page of everything, repeats the options of every command under
//! each, and knows no help headings. This is its reflection over clap's definitions, laid out for `docs/commands/`.
//!
//! Invariants: `README.md` is the index; examples are `console` blocks, which a test runs.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command};

use crate::cli::{exit, help};

use super::Pages;

/// The first line of each page, which a reader of the rendered page does not see.
const MADE: &str = "<!-- Made by `paceline manual` from src/cli; edit there, then: \
                    PACELINE_BLESS=1 cargo test --test it docs::commands -->\n\n";

/// Where the options stand that every command takes.
const GLOBALS: &str = "README.md#options-of-every-command";

/// All pages of the built tree.
pub(super) fn pages(root: &Command) -> Pages {
    let mut pages = Pages::new();
    pages.insert("README.md".to_owned(), index(root));
    for command in shown(root) {
        let mut text = MADE.to_owned();
        section(&mut text, command, "", 1);
        let _ = writeln!(
            text,
            "[All commands](README.md) · [the options that each takes]({GLOBALS}) · [exit codes](README.md#exit-codes)"
        );
        pages.insert(format!("{}.md", command.get_name()), text);
    }
    pages
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|sub| !sub.is_hide_set())
}

fn index(root: &Command) -> String {
    let mut text = format!("{MADE}# Commands\n\n");
    let _ = writeln!(text, "{}\n", long_about(root));
    text.push_str("| command | what it does |\n|---|---|\n");
    for command in shown(root) {
        let name = command.get_name();
        let _ = writeln!(text, "| [`{name}`]({name}.md) | {} |", sentence(&about(command)));
        for sub in shown(command) {
            let of_page = format!("{name}.md#paceline-{name}-{}", sub.get_name());
            let what = sentence(&about(sub));
            let _ = writeln!(text, "| [`{name} {}`]({of_page}) | {what} |", sub.get_name());
        }
    }
    text.push_str("\n## Options of every command\n\n");
    let globals = root.get_arguments().filter(|arg| arg.is_global_set());
    globals.for_each(|arg| option(&mut text, arg));
    text.push_str("\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for (code, meaning) in exit::MEANINGS {
        let _ = writeln!(text, "| {code} | {meaning} |");
    }
    text.push_str("\n## Environment\n\n| variable | meaning |\n|---|---|\n");
    for (name, meaning) in help::ENVIRONMENT {
        let _ = writeln!(text, "| `{name}` | {meaning} |");
    }
    text
}

/// One command, and below it its sub-commands.
fn section(text: &mut String, command: &Command, parent: &str, level: usize) {
    let path = format!("{parent} {}", command.get_name()).trim_start().to_owned();
    let _ = writeln!(text, "{} paceline {path}\n", "#".repeat(level));
    let _ = writeln!(text, "{}\n", long_about(command));
    if !command.has_subcommands() {
        usage(text, command);
        arguments(text, command);
        examples(text, &path);
    }
    for sub in shown(command) {
        section(text, sub, &path, level + 1);
    }
}

fn usage(text: &mut String, command: &Command) {
    let usage = command.clone().render_usage().to_string();
    let line = usage.trim_start_matches("Usage:").trim();
    let _ = writeln!(text, "```text\n{line}\n```\n");
}

/// Positional arguments, then options; those of every command and `--help` stand in the index.
fn arguments(text: &mut String, command: &Command) {
    let own = |arg: &&Arg| {
        let is_help = matches!(
            arg.get_action(),
            ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
        );
        !arg.is_global_set() && !arg.is_hide_set() && !is_help
    };
    let mut any = false;
    let (positional, flags): (Vec<&Arg>, Vec<&Arg>) =
        command.get_arguments().filter(own).partition(|arg| arg.is_positional());
    for arg in positional.into_iter().chain(flags) {
        option(text, arg);
        any = true;
    }
    if any {
        text.push('\n');
    }
}

/// A line for the argument, and one for each of its possible values that is explained.
fn option(text: &mut String, arg: &Arg) {
    let help = arg.get_long_help().or_else(|| arg.get_help());
    let help = help
        .map(|help| sentence(&one_line(&help.to_string())))
        .unwrap_or_default();
    let mut line = format!("- `{}`: {}", invocation(arg), escaped(&help));
    let defaults: Vec<String> = arg
        .get_default_values()
        .iter()
        .map(|value| format!("`{}`", value.to_string_lossy()))
        .collect();
    // A switch has a default too, which says nothing.
    if !defaults.is_empty() && arg.get_action().takes_values() {
        let _ = write!(line, " Default: {}.", defaults.join(", "));
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(line, " Environment: `{}`.", variable.to_string_lossy());
    }
    let _ = writeln!(text, "{line}");
    for value in arg.get_possible_values().iter().filter(|value| !value.is_hide_set()) {
        if let Some(help) = value.get_help().filter(|_| arg.get_action().takes_values()) {
            let help = sentence(&one_line(&help.to_string()));
            let _ = writeln!(text, "  - `{}`: {}", value.get_name(), escaped(&help));
        }
    }
}

/// `-o, --output <OUTPUT>`, `PIPELINE.toml`, `FILE...`.
fn invocation(arg: &Arg) -> String {
    let takes = arg.get_action().takes_values();
    let names = arg.get_value_names().unwrap_or_default();
    let mut value = names.first().map_or_else(String::new, ToString::to_string);
    let choices: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|choice| !choice.is_hide_set())
        .map(|choice| choice.get_name().to_owned())
        .collect();
    if takes && !choices.is_empty() {
        value = choices.join("|");
    }
    if arg.is_positional() {
        let many = arg.get_num_args().is_some_and(|n| n.max_values() > 1);
        let value = if many { format!("{value}...") } else { value };
        return if arg.is_required_set() {
            value
        } else {
            format!("[{value}]")
        };
    }
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let flags = short.into_iter().chain(long).collect::<Vec<_>>().join(", ");
    if takes { format!("{flags} {value}") } else { flags }
}

fn examples(text: &mut String, path: &str) {
    for (says, line) in help::examples(path) {
        let _ = writeln!(text, "{says}:\n\n```console\n$ {line}\n```\n");
    }
}

fn about(command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string);
    escaped(&one_line(&about.unwrap_or_default()))
}

/// Every paragraph of the description.
fn long_about(command: &Command) -> String {
    let about = command.get_long_about().or_else(|| command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let paragraphs = about.split("\n\n").map(|paragraph| sentence(&one_line(paragraph)));
    escaped(&paragraphs.collect::<Vec<_>>().join("\n\n"))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// clap takes the full stop from a short description.
fn sentence(text: &str) -> String {
    let ends = text.is_empty() || text.ends_with(['.', '!', '?', ':']);
    if ends { text.to_owned() } else { format!("{text}.") }
}

/// What Markdown would take for a tag or for the border of a table's cell.
fn escaped(text: &str) -> String {
    text.replace('<', "\\<").replace('|', "\\|")
}
