//! Everything that is wrong with a pipeline file, at once.
//!
//! Why: who corrects one line, runs again, and is told of the next, has been told too little.
//!
//! How: the file is read as it is for a run, which stops at the first error. That line is blotted out and the
//! rest is read again, until nothing is wrong any more. Lines keep their numbers. Where the file is no TOML at
//! all, its errors are the parser's, and nothing else is said: what follows from them would be guesses.
//!
//! Invariants: the first error is the one that a run would stop at; what is right is never called wrong because
//! something else is.
//!
//! Must not know: files, commands.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeTable;

use super::settings::key_lines;
use super::{ConfigError, File, Pipeline, located};
use crate::stage::decide::Retrain;
use crate::vocab::Algorithm;

/// More errors than this are not looked for.
const MOST: usize = 50;
/// Stands in for a name that is missing, so that the rest can be read.
const NAMED: &str = "name = \"unnamed\"\n";

/// A file that has been looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The pipeline, where nothing is wrong.
    pub pipeline: Option<Pipeline>,
    /// What a run would refuse.
    pub errors: Vec<ConfigError>,
    /// What a run would take, and has no effect.
    pub doubts: Vec<ConfigError>,
}

/// Checks the text of a pipeline file; `file` is its name for messages.
pub fn check(text: &str, file: &str) -> Checked {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (_, syntax) = DeTable::parse_recoverable(text);
    let (pipeline, errors) = if syntax.is_empty() {
        read(text, file)
    } else {
        let errors = syntax.iter().take(MOST);
        (None, errors.map(|error| located(error, text, file)).collect())
    };
    let doubts = pipeline.as_ref().map_or_else(Vec::new, |it| doubts(it, text, file));
    Checked {
        pipeline: pipeline.filter(|_| errors.is_empty()),
        errors,
        doubts,
    }
}

/// What is left of the file when everything wrong is blotted out, and what that was.
fn read(text: &str, file: &str) -> (Option<Pipeline>, Vec<ConfigError>) {
    let mut rest = text.to_owned();
    let mut before = "";
    let mut errors = Vec::new();
    for _ in 0..MOST {
        let whole = format!("{before}{rest}");
        let error = match toml::from_str::<File>(&whole) {
            Ok(parsed) => {
                let pipeline = Pipeline::from_file(parsed);
                let wrong = pipeline.contradictions().into_iter();
                errors.extend(wrong.map(|message| ConfigError::of_file(file, message)));
                return (Some(pipeline), errors);
            }
            Err(error) => error,
        };
        let mut found = located(&error, &whole, file);
        found.line = found.line.map(|line| line - before.lines().count().min(line - 1));
        let is_nameless = before.is_empty() && found.message.contains("missing field `name`");
        let is_after_effect = !is_nameless && is_section(&whole, found.line, &errors, before);
        if !is_after_effect {
            errors.push(found);
        }
        let own = |at: usize| at.saturating_sub(before.len());
        let span = error.span().map(|span| own(span.start)..own(span.end));
        if is_nameless {
            before = NAMED;
        } else if !span.is_some_and(|span| blot(&mut rest, span)) {
            break;
        }
    }
    (None, errors)
}

/// True for the first line of a section in which something was wrong already: what the section lacks now is what
/// was blotted out.
fn is_section(whole: &str, line: Option<usize>, errors: &[ConfigError], before: &str) -> bool {
    let Some(line) = line else { return false };
    let is_header = |text: &&str| text.trim_start().starts_with('[');
    let mut from = whole.lines().skip(before.lines().count() + line - 1);
    if !from.next().as_ref().is_some_and(is_header) {
        return false;
    }
    let end = line + from.take_while(|text| !is_header(text)).count();
    errors
        .iter()
        .filter_map(|error| error.line)
        .any(|wrong| line < wrong && wrong <= end)
}

/// Blots out the lines of a span, or the section that one of them begins; false where there is nothing left.
fn blot(text: &mut String, span: Range<usize>) -> bool {
    let start = text[..span.start.min(text.len())].rfind('\n').map_or(0, |at| at + 1);
    let is_header = text[start..].trim_start().starts_with('[');
    let from = if is_header {
        start
    } else {
        span.end.clamp(start, text.len())
    };
    let line_end = |from: usize| text[from..].find('\n').map_or(text.len(), |at| from + at);
    let mut end = line_end(from);
    while is_header && end < text.len() && !text[end + 1..].trim_start_matches([' ', '\t']).starts_with('[') {
        end = line_end(end + 1);
    }
    let blank = |c: char| {
        if c == '\n' {
            "\n".to_owned()
        } else {
            " ".repeat(c.len_utf8())
        }
    };
    let blotted: String = text[start..end].chars().map(blank).collect();
    let is_new = blotted != text[start..end];
    text.replace_range(start..end, &blotted);
    is_new
}

/// Keys that are set and say nothing, by what they stand beside.
fn doubts(pipeline: &Pipeline, text: &str, file: &str) -> Vec<ConfigError> {
    let lines = key_lines(text);
    let mut found = Vec::new();
    let mut useless = |keys: &[&str], why: &str| found.extend(said_for_nothing(&lines, keys, why, file));
    match pipeline.params.algorithm {
        Algorithm::Kmeans => useless(
            &["model.anchors", "model.anchor_weight"],
            "has no effect with algorithm = \"kmeans\"",
        ),
        Algorithm::AnchoredKmeans => useless(
            &["model.clusters", "model.restarts"],
            "has no effect with algorithm = \"anchored-kmeans\", which has two clusters and needs no restarts",
        ),
    }
    let policy = [
        "retrain.max_age_days",
        "retrain.new_share",
        "retrain.feedback_threshold",
    ];
    match pipeline.reuse.retrain {
        Retrain::Auto => {}
        Retrain::Always => useless(&policy, "has no effect with mode = \"always\""),
        Retrain::Never => useless(&policy, "has no effect with mode = \"never\""),
    }
    found.sort_by_key(|doubt| doubt.line);
    found
}

fn said_for_nothing(lines: &BTreeMap<String, usize>, keys: &[&str], why: &str, file: &str) -> Vec<ConfigError> {
    let said = keys.iter().filter_map(|key| Some((key, *lines.get(*key)?)));
    said.map(|(key, line)| ConfigError {
        line: Some(line),
        ..ConfigError::of_file(file, format!("{key} {why}"))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(Option<usize>, String)> {
        let errors = check(text, "p.toml").errors.into_iter();
        errors.map(|error| (error.line, error.message)).collect()
    }

    #[test]
    fn several_errors_are_found_at_once_each_with_its_line() {
        let text = "name = 'n'\n[model]\nmixed_band = 2\nalgoritm = 'kmeans'\n[gaet]\nmax_churn = 0.1\n\
                    [retrain]\nmode = 'sometimes'\n[write]\nchunk_rows = 0\n";
        let found: Vec<Option<usize>> = lines(text).into_iter().map(|(line, _)| line).collect();
        let mut sorted = found.clone();
        sorted.sort();
        assert_eq!(sorted, [3, 4, 5, 8, 10].map(Some), "{found:?}");
        assert_eq!(check(text, "p.toml").pipeline, None);
    }

    #[test]
    fn the_first_error_is_the_one_that_a_run_stops_at() {
        for text in [
            "nmae = 'n'\n[model]\nseed = -1\n",
            "[model]\nseed = -1\n",
            "name = ''\n[source]\nfrom = 2024-02-01\nto = 2024-01-01\n",
            "name = 'n'\nname = 'm'\n",
            "name = 'n\n",
        ] {
            let alone = Pipeline::parse(text, "p.toml").expect_err(text);
            let all = check(text, "p.toml").errors;
            assert_eq!(all.first().map(|first| &first.message), Some(&alone.message), "{text}");
        }
    }

    #[test]
    fn a_missing_name_does_not_hide_the_rest() {
        let found = lines("[model]\nmixed_band = 2\n[gate]\nmax_churn = 7\n");
        let (nameless, rest): (Vec<_>, Vec<_>) = found
            .iter()
            .partition(|(_, message)| message.contains("missing field `name`"));
        assert_eq!(nameless.len(), 1, "{found:?}");
        let mut numbers: Vec<Option<usize>> = rest.iter().map(|(line, _)| *line).collect();
        numbers.sort();
        assert_eq!(numbers, [Some(2), Some(4)], "{found:?}");
    }

    #[test]
    fn values_that_contradict_each_other_are_all_named() {
        let found = lines(
            "name = ''\n[source]\nfrom = 2024-02-01\nto = 2024-01-01\n[retrain]\nmode = 'never'\n\
                           [schedule]\non_feedback = true\n",
        );
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn what_is_right_is_not_called_wrong() {
        for text in [
            include_str!("../../pipelines/nightly.toml"),
            include_str!("../../pipelines/classic.toml"),
            include_str!("../../pipelines/retrain.toml"),
            "\u{feff}name = 'n'\r\n[model]\r\nseed = 7\r\n",
        ] {
            let checked = check(text, "p.toml");
            assert_eq!(checked.errors, []);
            assert_eq!(checked.pipeline, Pipeline::parse(text, "p.toml").ok());
        }
    }

    #[test]
    fn a_key_without_effect_is_doubted() {
        let text = "name = 'n'\n[model]\nalgorithm = 'kmeans'\nanchors = [9.0, 18.0]\n[retrain]\nmode = 'never'\nnew_share = 0.1\n";
        let doubts = check(text, "p.toml").doubts;
        let found: Vec<Option<usize>> = doubts.iter().map(|doubt| doubt.line).collect();
        assert_eq!(found, [Some(4), Some(7)], "{doubts:?}");
    }
}
