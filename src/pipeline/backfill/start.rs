//! What a backfill has to do: begin anew, or go on with one that is not finished.
//!
//! Why: after a crash the same command line must not silently do everything again, nor silently leave half
//! of it out; which of the two is meant is for the person to say.
//!
//! Invariants: nothing is written here. Without `--resume` or `--restart`, an unfinished backfill of the same
//! pipeline, range and window is never begun anew; what was asked for is never guessed between several.
//!
//! Must not know: models.

use crate::config::Pipeline;
use crate::store::Store;
use crate::store::backfill::{StoredBackfill, StoredWindow};
use crate::store::workouts::Window;
use crate::time::WorkoutDate;

use super::super::RunError;
use super::windows::{DateWindow, Span, shown, split};
use super::{BackfillOptions, Failure, Reprocess, Start};

/// Where a backfill begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Way {
    /// From nothing; the backfills named are given up for it.
    Anew { instead_of: Vec<String> },
    /// Where this one stopped.
    Resume { backfill_id: String },
}

/// What has to be done, as far as it can be said before a model is chosen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Resolved {
    pub span: Span,
    pub from: WorkoutDate,
    pub to: WorkoutDate,
    pub way: Way,
    /// All windows, by date.
    pub windows: Vec<StoredWindow>,
}

/// A window that is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    pub window_no: u32,
    pub window: DateWindow,
    /// How often earlier runs have tried it.
    pub attempts: u64,
}

/// True for a window that is to be done whatever the model.
fn is_wanted(window: &StoredWindow, options: &BackfillOptions) -> bool {
    match window.status.as_str() {
        "completed" => options.reprocess == Reprocess::Completed,
        "failed" => options.reprocess != Reprocess::None,
        _ => true,
    }
}

impl Resolved {
    /// True where nothing is to be done: then no model is chosen either, and what is finished stays finished.
    pub fn is_idle(&self, options: &BackfillOptions) -> bool {
        !self.windows.iter().any(|window| is_wanted(window, options))
    }

    /// The windows that are to be done with a model, in the order in which they are done: with those that are
    /// wanted, what another model has done.
    pub fn jobs(&self, options: &BackfillOptions, model_id: Option<&str>) -> Vec<Job> {
        let of_another = |w: &StoredWindow| w.status == "completed" && w.model_id.as_deref() != model_id;
        let wanted = |window: &&StoredWindow| is_wanted(window, options) || of_another(window);
        let job = |window: &StoredWindow| Job {
            window_no: window.window_no,
            window: DateWindow {
                from: window.from,
                to: window.to,
            },
            attempts: window.attempts.max(0) as u64,
        };
        let mut jobs: Vec<Job> = self.windows.iter().filter(wanted).map(job).collect();
        if options.newest_first {
            jobs.reverse();
        }
        jobs
    }
}

fn load(error: crate::store::StoreError) -> RunError {
    RunError::store("load", error)
}

/// Finds out what has to be done; None where there are no workouts to do it to.
pub(super) async fn resolve(
    store: &Store,
    pipeline: &Pipeline,
    options: &BackfillOptions,
) -> Result<Option<Resolved>, Failure> {
    let known = store.backfills(&pipeline.name).await.map_err(load)?;
    match way(&known, options).map_err(Failure::Usage)? {
        Way::Anew { instead_of } => anew(store, pipeline, options, instead_of).await,
        Way::Resume { backfill_id } => {
            let old = known.iter().find(|known| known.backfill_id == backfill_id);
            let Some(old) = old else {
                return Err(RunError::bug("load", "a backfill has vanished").into());
            };
            let span = old.span.parse().map_err(|error| RunError::bug("load", error))?;
            let (from, to) = (old.from, old.to);
            let windows = store.backfill_windows(&backfill_id).await.map_err(load)?;
            Ok(Some(Resolved {
                span,
                from,
                to,
                way: Way::Resume { backfill_id },
                windows,
            }))
        }
    }
}

async fn anew(
    store: &Store,
    pipeline: &Pipeline,
    options: &BackfillOptions,
    instead_of: Vec<String>,
) -> Result<Option<Resolved>, Failure> {
    let span = options.span.unwrap_or(Span::MONTH);
    let Some((from, to)) = range(store, pipeline, options, span).await? else {
        return Ok(None);
    };
    let windows = split(from, to, span).map_err(|error| Failure::Usage(error.to_string()))?;
    let pending = |(number, window): (usize, &DateWindow)| StoredWindow {
        window_no: number as u32,
        from: window.from,
        to: window.to,
        status: "pending".to_owned(),
        attempts: 0,
        run_id: None,
        model_id: None,
        failure: None,
    };
    Ok(Some(Resolved {
        span,
        from,
        to,
        way: Way::Anew { instead_of },
        windows: windows.iter().enumerate().map(pending).collect(),
    }))
}

/// The range that was asked for; an end that was not is the pipeline's, or else that of the workouts, from
/// the beginning of the first one's month, week or day to the end of the last one's day.
async fn range(
    store: &Store,
    pipeline: &Pipeline,
    options: &BackfillOptions,
    span: Span,
) -> Result<Option<(WorkoutDate, WorkoutDate)>, Failure> {
    let (from, to) = (options.from.or(pipeline.from), options.to.or(pipeline.to));
    if let (Some(from), Some(to)) = (from, to) {
        return Ok(Some((from, to)));
    }
    let found = store.workout_range(Window { from, to }).await.map_err(load)?;
    let Some((first, last)) = found else { return Ok(None) };
    let day = Span::new(1, super::windows::Unit::Days);
    let end = WorkoutDate::from_micros(day.floor(last).micros() + 86_400_000_000);
    Ok(Some((from.unwrap_or_else(|| span.floor(first)), to.unwrap_or(end))))
}

fn matches(known: &StoredBackfill, options: &BackfillOptions) -> bool {
    options.from.is_none_or(|from| from == known.from)
        && options.to.is_none_or(|to| to == known.to)
        && options.span.is_none_or(|span| span.to_string() == known.span)
}

fn is_unfinished(known: &&StoredBackfill) -> bool {
    known.completed < known.windows
}

/// Which of the two is meant; `known` newest first.
fn way(known: &[StoredBackfill], options: &BackfillOptions) -> Result<Way, String> {
    let matching: Vec<&StoredBackfill> = known.iter().filter(|known| matches(known, options)).collect();
    let unfinished: Vec<&StoredBackfill> = matching.iter().copied().filter(is_unfinished).collect();
    let id = |backfill: &StoredBackfill| backfill.backfill_id.clone();
    match options.start {
        Start::Restart => Ok(Way::Anew {
            instead_of: unfinished.into_iter().map(id).collect(),
        }),
        Start::Ask if unfinished.is_empty() => Ok(Way::Anew { instead_of: Vec::new() }),
        Start::Ask => Err(refusal(
            "a backfill like this is not finished; say --resume to go on with it or --restart to begin anew",
            &unfinished,
            options,
        )),
        Start::Resume => match (unfinished.as_slice(), matching.first()) {
            ([one], _) => Ok(Way::Resume { backfill_id: id(one) }),
            ([], Some(finished)) => Ok(Way::Resume {
                backfill_id: id(finished),
            }),
            ([], None) => {
                let others: Vec<&StoredBackfill> = known.iter().filter(is_unfinished).collect();
                if others.is_empty() {
                    return Ok(Way::Anew { instead_of: Vec::new() });
                }
                let what = "no backfill with this range and window is there to go on with";
                Err(refusal(what, &others, options))
            }
            _ => {
                let what = "several backfills are not finished; say which by its range and window";
                Err(refusal(what, &unfinished, options))
            }
        },
    }
}

fn refusal(what: &str, unfinished: &[&StoredBackfill], options: &BackfillOptions) -> String {
    let mut text = what.to_owned();
    for known in unfinished {
        text.push_str(&format!(
            "\n  {}: {} of {} windows done, {} failed\n    go on: {} --resume{}",
            known.backfill_id,
            known.completed,
            known.windows,
            known.failed,
            command(&options.command, known.from, known.to, &known.span),
            if known.failed > 0 { " --reprocess failed" } else { "" },
        ));
    }
    text
}

/// The command line of a backfill of `[from, to)`.
pub(super) fn command(command: &str, from: WorkoutDate, to: WorkoutDate, span: &str) -> String {
    let quoted = |date| {
        let text = shown(date);
        if text.contains(' ') { format!("'{text}'") } else { text }
    };
    format!("{command} --from {} --to {} --window {span}", quoted(from), quoted(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> WorkoutDate {
        text.parse().expect("a date")
    }

    fn known(id: &str, from: &str, completed: u64) -> StoredBackfill {
        StoredBackfill {
            backfill_id: id.to_owned(),
            span: "1mo".to_owned(),
            from: date(from),
            to: date("2025-01-01"),
            windows: 12,
            completed,
            failed: 0,
        }
    }

    fn options(start: Start, from: Option<&str>) -> BackfillOptions {
        BackfillOptions {
            start,
            from: from.map(date),
            command: "paceline backfill p.toml".to_owned(),
            ..BackfillOptions::default()
        }
    }

    #[test]
    fn what_is_meant_is_never_guessed() {
        let [a, b, done] = [
            known("a", "2024-01-01", 3),
            known("b", "2023-01-01", 0),
            known("c", "2022-01-01", 12),
        ];
        let anew = |instead: &[&str]| {
            Ok(Way::Anew {
                instead_of: instead.iter().map(ToString::to_string).collect(),
            })
        };
        let resume = |id: &str| {
            Ok(Way::Resume {
                backfill_id: id.to_owned(),
            })
        };
        let all = [a.clone(), b.clone(), done.clone()];
        assert_eq!(way(&[], &options(Start::Ask, None)), anew(&[]));
        assert_eq!(way(&[], &options(Start::Resume, None)), anew(&[]));
        assert_eq!(
            way(&all, &options(Start::Ask, Some("2022-01-01"))),
            anew(&[]),
            "it is finished"
        );
        assert_eq!(
            way(&all, &options(Start::Ask, Some("2021-01-01"))),
            anew(&[]),
            "another range"
        );
        assert_eq!(way(&all, &options(Start::Resume, Some("2024-01-01"))), resume("a"));
        assert_eq!(way(&all, &options(Start::Restart, Some("2024-01-01"))), anew(&["a"]));
        assert_eq!(way(&all, &options(Start::Resume, Some("2022-01-01"))), resume("c"));
        assert_eq!(way(&[a, done.clone()], &options(Start::Resume, None)), resume("a"));
        assert_eq!(way(&[done], &options(Start::Resume, None)), resume("c"));

        let refused = way(&all, &options(Start::Ask, Some("2024-01-01"))).expect_err("unfinished");
        let hint = "paceline backfill p.toml --from 2024-01-01 --to 2025-01-01 --window 1mo --resume";
        assert!(refused.contains(hint) && refused.contains("3 of 12"), "{refused}");
        let several = way(&all, &options(Start::Resume, None)).expect_err("several");
        assert!(
            several.contains("a: 3 of 12") && several.contains("b: 0 of 12"),
            "{several}"
        );
        let none = way(&all, &options(Start::Resume, Some("2020-01-01"))).expect_err("no such");
        assert!(none.contains("no backfill with this range"), "{none}");
    }
}
