//! Whether confidences mean what they say: how often people agreed, by the confidence that was said.
//!
//! Invariants: one point for each bin with answers, at its mean confidence and its agreement, with the 95 %
//! interval of the agreement and the number of answers beside it; the diagonal is where every point of a
//! calibrated model would lie but for chance.

use super::axis::Axis;
use super::{BLACK, Entry, Figure, GREY, Heading, Ink, Mark, PlotError, Swatch, canvas};
use crate::stage::calibration::{Bin, Calibration};

/// Of the points: a run's blue would suggest that they are about runs.
const POINT: Ink = Ink::of((213, 94, 0));

/// Half the width of the interval's ends.
const END: f64 = 0.008;

/// The picture.
///
/// # Errors
/// [`PlotError`].
pub fn reliability(heading: &Heading, calibration: &Calibration) -> Result<String, PlotError> {
    canvas::draw(&figure(heading, calibration))
}

fn figure(heading: &Heading, calibration: &Calibration) -> Figure {
    let mut marks = vec![Mark::Line {
        points: vec![(0.0, 0.0), (1.0, 1.0)],
        width: 1,
        ink: GREY,
    }];
    let points: Vec<_> = calibration.bins.iter().filter_map(point).collect();
    let known = !points.is_empty();
    marks.extend(points.into_iter().flatten());
    let shown = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.3}"));
    Figure {
        title: "Reliability: does a confidence mean what it says?".to_owned(),
        about: vec![
            heading.line(),
            format!(
                "{} answers · ECE {} beside a noise floor of {} · Brier {}",
                calibration.answers,
                shown(calibration.ece),
                shown(calibration.noise_floor),
                shown(calibration.brier)
            ),
        ],
        x: Axis::unit("mean confidence of the verdicts looked at"),
        y: Axis::unit("share that people agreed with"),
        marks,
        legend: vec![
            Entry::of(Swatch::Dot, "answers in a tenth", POINT),
            Entry::of(Swatch::Line, "95 % interval", POINT),
            Entry::of(Swatch::Line, "calibrated", GREY),
            Entry::of(Swatch::Heading, "n: number of answers", BLACK),
        ],
        empty: (!known).then_some("Nobody has answered in this time."),
    }
}

fn point(bin: &Bin) -> Option<[Mark; 5]> {
    let (x, y) = bin.mean_confidence.zip(bin.agreement)?;
    let [low, high] = bin.interval;
    let line = |from, to| Mark::Line {
        points: vec![from, to],
        width: 1,
        ink: POINT,
    };
    Some([
        line((x, low), (x, high)),
        line((x - END, low), (x + END, low)),
        line((x - END, high), (x + END, high)),
        Mark::Dot {
            at: (x, y),
            radius: 4,
            ink: POINT,
        },
        Mark::Note {
            at: (x, y),
            text: format!("n={}", bin.answers),
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::calibration::calibration;

    fn of(said: &[(f64, bool)]) -> Figure {
        let heading = Heading {
            window: "all answers".to_owned(),
            model: "no active model".to_owned(),
        };
        figure(&heading, &calibration(said))
    }

    #[test]
    fn one_point_for_each_bin_with_answers() {
        let figure = of(&[(0.95, true), (0.97, false), (0.55, true)]);
        let dots: Vec<_> = figure
            .marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Dot { at, .. } => Some(*at),
                _ => None,
            })
            .collect();
        assert_eq!(dots, [(0.55, 1.0), (0.96, 0.5)]);
        assert_eq!(figure.marks.len(), 11);
    }

    #[test]
    fn without_answers_there_is_the_diagonal_and_a_word() {
        let figure = of(&[]);
        assert_eq!(figure.marks.len(), 1);
        assert_eq!(figure.empty, Some("Nobody has answered in this time."));
    }
}
