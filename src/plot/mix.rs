//! How many of each label, month by month: bars in a stack.
//!
//! Invariants: every count is in exactly one bar, but for those without a month, which the picture names;
//! months without counts are shown as gaps; more than `MAX_STACKS` months are drawn by longer spans.

use std::collections::BTreeMap;

use super::axis::Axis;
use super::{Entry, Figure, Heading, Ink, Mark, PlotError, Swatch, canvas, in_order};

/// The most stacks side by side: each is two pixels wide.
const MAX_STACKS: i32 = 240;

/// Months in a stack, and how that is called.
const SPANS: [(i32, &str); 6] = [
    (1, "month"),
    (3, "quarter"),
    (12, "year"),
    (60, "five years"),
    (120, "decade"),
    (1_200, "century"),
];

/// How many of a label are in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monthly {
    /// `YYYY-MM`; anything else counts as no month.
    pub month: Option<String>,
    /// The label.
    pub label: String,
    /// How many.
    pub count: u64,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Workouts, by their month and the label that stands.
    Workouts,
    /// Changes, by the month in which the new label was given and that label.
    Changes,
}

/// The picture.
///
/// # Errors
/// [`PlotError`].
pub fn label_mix(heading: &Heading, counted: Counted, counts: &[Monthly]) -> Result<String, PlotError> {
    canvas::draw(&figure(heading, counted, counts))
}

fn figure(heading: &Heading, counted: Counted, counts: &[Monthly]) -> Figure {
    let (title, unit, when, empty) = match counted {
        Counted::Workouts => (
            "Label mix over time",
            "workouts",
            "date of the workout",
            "Nothing is classified in this time.",
        ),
        Counted::Changes => (
            "Labels given over time",
            "changes",
            "time of the change (UTC)",
            "No label changed in this time.",
        ),
    };
    let dated: Vec<(i32, &Monthly)> = counts
        .iter()
        .filter_map(|c| Some((months(c.month.as_deref()?)?, c)))
        .collect();
    let undated: u64 = counts.iter().map(|c| c.count).sum::<u64>() - dated.iter().map(|(_, c)| c.count).sum::<u64>();
    let span = Span::of(dated.iter().map(|(month, _)| *month));
    let labels = in_order(dated.iter().map(|(_, c)| c.label.as_str()));
    let (marks, most) = stacks(&dated, &labels, &span);
    let mut about = vec![heading.line()];
    if undated > 0 {
        about.push(format!("{undated} {unit} without a date are not shown"));
    }
    Figure {
        title: format!("{title}, by {} and label", span.name),
        about,
        x: span.axis(when),
        y: Axis::counts(&format!("{unit} a {}", span.name), most),
        legend: labels
            .iter()
            .map(|label| Entry::of(Swatch::Square, label, Ink::of_label(label)))
            .collect(),
        empty: marks.is_empty().then_some(empty),
        marks,
    }
}

/// The bars, and the height of the highest stack.
fn stacks(dated: &[(i32, &Monthly)], labels: &[&str], span: &Span) -> (Vec<Mark>, u64) {
    let mut by_stack: BTreeMap<i32, BTreeMap<&str, u64>> = BTreeMap::new();
    for (month, counted) in dated {
        let stack = by_stack.entry(span.stack(*month)).or_default();
        *stack.entry(counted.label.as_str()).or_default() += counted.count;
    }
    // Where stacks are wide there is room for a gap between them.
    let gap = if span.stacks > 60 { 0.0 } else { 0.1 };
    let (mut marks, mut most) = (Vec::new(), 0);
    for (stack, counts) in &by_stack {
        let (left, right) = (f64::from(*stack) + gap, f64::from(stack + 1) - gap);
        let mut height = 0;
        for label in labels {
            let count = counts.get(label).copied().unwrap_or(0);
            if count > 0 {
                marks.push(Mark::Bar {
                    from: (left, height as f64),
                    to: (right, (height + count) as f64),
                    ink: Ink::of_label(label),
                });
            }
            height += count;
        }
        most = most.max(height);
    }
    (marks, most)
}

/// Months since the year 0 of `YYYY-MM`.
fn months(text: &str) -> Option<i32> {
    let (year, month) = text.split_once('-')?;
    let (year, month): (i32, i32) = (year.parse().ok()?, month.parse().ok()?);
    ((0..=9_999).contains(&year) && (1..=12).contains(&month)).then_some(year * 12 + month - 1)
}

/// How months are gathered into stacks.
struct Span {
    /// The first month of the first stack.
    first: i32,
    /// Months in a stack.
    step: i32,
    name: &'static str,
    stacks: i32,
}

impl Span {
    fn of(months: impl Iterator<Item = i32> + Clone) -> Self {
        let first = months.clone().min().unwrap_or(0);
        let last = months.max().unwrap_or(0);
        let stacks = |step: i32| last.div_euclid(step) - first.div_euclid(step) + 1;
        let fitting = SPANS.iter().find(|(step, _)| stacks(*step) <= MAX_STACKS);
        let (step, name) = fitting.copied().unwrap_or(SPANS[SPANS.len() - 1]);
        Self {
            first: first.div_euclid(step) * step,
            step,
            name,
            stacks: stacks(step),
        }
    }

    fn stack(&self, month: i32) -> i32 {
        (month - self.first).div_euclid(self.step)
    }

    /// A tick in the middle of each of few stacks, otherwise at the beginning of round years.
    fn axis(&self, title: &str) -> Axis {
        // One bar as wide as the picture would look like a frame.
        let beside = f64::from((8 - self.stacks).max(0)) / 2.0;
        let range = (-beside, f64::from(self.stacks) + beside);
        let last = self.first + self.stacks * self.step;
        if last - self.first <= 30 {
            let every = (self.stacks + 9) / 10;
            let ticks = (0..self.stacks).step_by(every as usize).map(|stack| {
                let month = self.first + stack * self.step;
                let text = format!("{:04}-{:02}", month / 12, month % 12 + 1);
                (f64::from(stack) + 0.5, text)
            });
            return Axis::linear(title, range, ticks);
        }
        let years = (last - self.first) / 12;
        let steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];
        let every = steps.into_iter().find(|every| years / every <= 10).unwrap_or(1_000);
        let from = (self.first + 11).div_euclid(12);
        let ticks = (from..=last.div_euclid(12))
            .filter(|year| year % every == 0)
            .map(|year| {
                let at = f64::from(year * 12 - self.first) / f64::from(self.step);
                (at, year.to_string())
            });
        Axis::linear(title, range, ticks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monthly(month: &str, label: &str, count: u64) -> Monthly {
        Monthly {
            month: Some(month.to_owned()),
            label: label.to_owned(),
            count,
        }
    }

    fn of(counts: &[Monthly]) -> Figure {
        let heading = Heading {
            window: "all workouts".to_owned(),
            model: "no active model".to_owned(),
        };
        figure(&heading, Counted::Workouts, counts)
    }

    #[test]
    fn every_count_is_in_one_bar_and_the_bars_of_a_month_stand_on_one_another() {
        let figure = of(&[
            monthly("2017-12", "pup_walk", 3),
            monthly("2017-12", "real_run", 5),
            monthly("2018-02", "real_run", 2),
        ]);
        let bars: Vec<_> = figure
            .marks
            .iter()
            .map(|mark| match mark {
                Mark::Bar { from, to, .. } => (from.0.floor(), from.1, to.1),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(bars, [(0.0, 0.0, 5.0), (0.0, 5.0, 8.0), (2.0, 0.0, 2.0)]);
        assert_eq!(figure.title, "Label mix over time, by month and label");
    }

    #[test]
    fn a_wild_date_makes_longer_spans_and_no_date_is_counted_apart() {
        let mut counts = vec![monthly("1970-01", "real_run", 1), monthly("2025-06", "real_run", 7)];
        counts.push(monthly("2025-13", "real_run", 4));
        counts.push(Monthly {
            month: None,
            ..monthly("", "mixed", 2)
        });
        let figure = of(&counts);
        assert_eq!(figure.title, "Label mix over time, by quarter and label");
        assert_eq!(figure.about[1], "6 workouts without a date are not shown");
        assert_eq!(figure.marks.len(), 2);
        let far = of(&[monthly("0001-01", "mixed", 1), monthly("9999-12", "mixed", 1)]);
        assert_eq!(far.title, "Label mix over time, by century and label");
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        let figure = of(&[]);
        assert_eq!((figure.marks.len(), figure.legend.len()), (0, 0));
        assert_eq!(figure.empty, Some("Nothing is classified in this time."));
    }
}
