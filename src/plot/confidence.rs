//! How sure the verdicts are: counts by confidence, a bar for each label side by side.
//!
//! Why a logarithmic scale: most verdicts are sure, and the few that are not are what one looks for.
//!
//! Invariants: every count is in exactly one bar; a bar's height is its count, from one upwards.

use super::axis::Axis;
use super::{Entry, Figure, Heading, Ink, Mark, PlotError, Swatch, canvas, in_order};

/// Bars of equal width over [0, 1]; the last one includes 1.
pub const BINS: usize = 20;

/// How many verdicts of a label have a confidence in a bin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binned {
    /// The label.
    pub label: String,
    /// From 0 to [`BINS`]; a larger one counts in the last.
    pub bin: usize,
    /// How many.
    pub count: u64,
}

/// The picture; `without` verdicts have no confidence.
///
/// # Errors
/// [`PlotError`].
pub fn confidence_histogram(heading: &Heading, counts: &[Binned], without: u64) -> Result<String, PlotError> {
    canvas::draw(&figure(heading, counts, without))
}

fn figure(heading: &Heading, counts: &[Binned], without: u64) -> Figure {
    let labels = in_order(counts.iter().map(|c| c.label.as_str()));
    let mut heights = vec![[0_u64; BINS]; labels.len()];
    for counted in counts {
        if let Some(place) = labels.iter().position(|label| *label == counted.label) {
            heights[place][counted.bin.min(BINS - 1)] += counted.count;
        }
    }
    let y = Axis::log_counts(
        "verdicts (logarithmic scale)",
        heights.iter().flatten().copied().max().unwrap_or(0),
    );
    // A bin's bars leave a sixth of it free, so that bins can be told apart.
    let (bin, bar) = (
        1.0 / BINS as f64,
        1.0 / (BINS as f64 * 1.2 * labels.len().max(1) as f64),
    );
    let mut marks = Vec::new();
    for (place, (label, heights)) in labels.iter().zip(&heights).enumerate() {
        for (i, height) in heights.iter().enumerate().filter(|(_, height)| **height > 0) {
            let left = (i as f64 + 1.0 / 12.0) * bin + place as f64 * bar;
            marks.push(Mark::Bar {
                from: (left, y.low()),
                to: (left + bar, *height as f64),
                ink: Ink::of_label(label),
            });
        }
    }
    let mut about = vec![heading.line()];
    if without > 0 {
        about.push(format!("{without} verdicts without a confidence are not shown"));
    }
    Figure {
        title: "Confidence of the verdicts, by label".to_owned(),
        about,
        x: Axis::unit("confidence (0 to 1, in steps of 0.05)"),
        y,
        legend: labels
            .iter()
            .map(|label| Entry::of(Swatch::Square, label, Ink::of_label(label)))
            .collect(),
        empty: marks.is_empty().then_some("Nothing was classified in this time."),
        marks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_of_two_labels_share_a_bin_and_one_belongs_to_the_last() {
        let counted = |label: &str, bin, count| Binned {
            label: label.to_owned(),
            bin,
            count,
        };
        let heading = Heading {
            window: "ever".to_owned(),
            model: "no active model".to_owned(),
        };
        let counts = [
            counted("real_run", 19, 4),
            counted("real_run", 20, 900),
            counted("pup_walk", 19, 1),
            counted("mixed", 11, 2),
        ];
        let figure = figure(&heading, &counts, 3);
        let bars: Vec<_> = figure
            .marks
            .iter()
            .map(|mark| match mark {
                Mark::Bar { from, to, .. } => (from.0, to.0, to.1),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(bars.iter().map(|b| b.2).collect::<Vec<_>>(), [904.0, 1.0, 2.0]);
        assert!(
            bars[0].0 >= 0.95 && bars[0].1 <= bars[1].0 + 1e-12 && bars[1].1 < 1.0,
            "{bars:?}"
        );
        assert!(bars[2].0 >= 0.55 && bars[2].1 <= 0.6, "{bars:?}");
        assert_eq!(figure.about[1], "3 verdicts without a confidence are not shown");
    }
}
