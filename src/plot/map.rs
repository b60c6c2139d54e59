//! Pace against distance: the workouts with the labels that stand, over the plane as the model divides it.
//!
//! Why: a boundary is believed, or corrected, by whoever sees it among the workouts that they remember.
//!
//! Invariants: what is shaded and where the line is, is asked of the model itself (`stage::boundary`) in
//! `COLUMNS` columns; every dot that is drawn lies at its workout's own pace and distance; both axes are
//! logarithmic, because the model's are.
//!
//! Must not know: which model is active, and what a label should be.

use super::axis::Axis;
use super::sample::{Dot, Sample};
use super::{BLACK, Entry, Figure, Heading, Ink, Mark, PlotError, Point, Swatch, canvas, in_order};
use crate::stage::boundary::{Slice, Stretch, slice};
use crate::stage::model::Model;
use crate::vocab::Label;

/// The model is asked at so many distances, one every three pixels.
const COLUMNS: u32 = 192;

/// What a picture shows at least, whatever the workouts: miles, and minutes a mile.
const DISTANCES: (f64, f64) = (0.5, 8.0);
const PACES: (f64, f64) = (6.0, 25.0);

/// What it shows at most: beyond, no model speaks.
const FARTHEST: (f64, f64) = (0.02, 50.0);
const SLOWEST: (f64, f64) = (1.0, 60.0);

const DISTANCE_TICKS: [f64; 11] = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0];
const PACE_TICKS: [f64; 15] = [
    1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0, 60.0,
];

/// What is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Map<'a> {
    /// Whose boundary.
    pub model: &'a Model,
    /// The workouts within the model's bounds.
    pub sample: &'a Sample,
    /// How many are not: a number is missing or impossible, so they have no place in the picture.
    pub outside: u64,
}

/// The picture.
///
/// # Errors
/// [`PlotError`].
pub fn map(heading: &Heading, map: &Map<'_>) -> Result<String, PlotError> {
    canvas::draw(&figure(heading, map))
}

fn figure(heading: &Heading, map: &Map<'_>) -> Figure {
    let dots = map.sample.dots();
    let x = range(dots.iter().map(|dot| dot.distance_mi), DISTANCES, FARTHEST);
    let y = range(dots.iter().map(|dot| dot.avg_pace), PACES, SLOWEST);
    let slices = slices(map.model, x, y);
    let mut marks = shades(&slices, x.1);
    marks.extend(dotted(&dots));
    marks.extend(lines(&slices, x.1));
    marks.extend(rings(&dots));
    Figure {
        title: "Pace against distance, by label".to_owned(),
        about: vec![heading.line(), shown(map, dots.len())],
        x: Axis::logarithmic("distance (mi, logarithmic scale)", x, DISTANCE_TICKS),
        y: Axis::logarithmic("pace (min/mi, logarithmic scale; slower is higher)", y, PACE_TICKS),
        marks,
        legend: legend(&dots, &slices),
        empty: dots.is_empty().then_some("Nothing is classified in this time."),
    }
}

/// What is drawn of how many, and what is not drawn and why.
fn shown(map: &Map<'_>, drawn: usize) -> String {
    let offered = map.sample.offered();
    let mut text = match offered == drawn as u64 {
        true => format!("{offered} workouts"),
        false => format!("a sample of {drawn} of {offered} workouts"),
    };
    if map.outside > 0 {
        let why = "without a usable pace, distance or duration are not shown";
        text.push_str(&format!("; {} {why}", map.outside));
    }
    if map.model.clusters().is_empty() {
        text.push_str("; the model has no clusters, and so no boundary");
    }
    text
}

/// From the smallest to the largest with some room, at least `least`, at most `most`.
fn range(values: impl Iterator<Item = f64>, least: (f64, f64), most: (f64, f64)) -> (f64, f64) {
    let widen = |(low, high): (f64, f64), x: f64| (low.min(x / 1.08), high.max(x * 1.08));
    let (low, high) = values.fold(least, widen);
    (low.max(most.0), high.min(most.1))
}

/// The model's verdicts in columns, ascending by distance.
fn slices(model: &Model, x: (f64, f64), y: (f64, f64)) -> Vec<Slice> {
    let width = libm::log(x.1 / x.0);
    let column = |i: u32| x.0 * libm::exp(width * f64::from(i) / f64::from(COLUMNS));
    (0..=COLUMNS).map(|i| slice(model, column(i), [y.0, y.1])).collect()
}

/// Neighbouring columns with the same labels in the same order, and the distance at which the next group
/// begins, or `end`.
fn groups(slices: &[Slice], of: fn(&Slice) -> &[Stretch], end: f64) -> impl Iterator<Item = (&[Slice], f64)> {
    let alike = move |a: &Slice, b: &Slice| of(a).iter().map(|s| s.label).eq(of(b).iter().map(|s| s.label));
    let groups: Vec<&[Slice]> = slices.chunk_by(alike).collect();
    let mut ends: Vec<f64> = groups.iter().skip(1).map(|group| group[0].distance_mi).collect();
    ends.push(end);
    groups.into_iter().zip(ends)
}

/// What the model calls each part of the plane.
fn shades(slices: &[Slice], end: f64) -> Vec<Mark> {
    let mut marks = Vec::new();
    for (group, end) in groups(slices, |slice| &slice.labels, end) {
        for (i, stretch) in group[0].labels.iter().enumerate() {
            let mut points = edge(group, |slice| slice.labels[i].pace_to, end);
            points.extend(edge(group, |slice| slice.labels[i].pace_from, end).into_iter().rev());
            marks.push(Mark::Area {
                points,
                ink: Ink::of_label(stretch.label.as_str()).with_alpha(0.16),
            });
        }
    }
    marks
}

/// Where the odds are even.
fn lines(slices: &[Slice], end: f64) -> Vec<Mark> {
    let mut marks = Vec::new();
    for (group, end) in groups(slices, |slice| &slice.likelier, end) {
        for i in 1..group[0].likelier.len() {
            marks.push(Mark::Line {
                points: edge(group, |slice| slice.likelier[i].pace_from, end),
                width: 2,
                ink: BLACK,
            });
        }
    }
    marks
}

/// A line through the columns of a group, on to `end`.
fn edge(group: &[Slice], pace: impl Fn(&Slice) -> f64, end: f64) -> Vec<Point> {
    let mut points: Vec<Point> = group.iter().map(|slice| (slice.distance_mi, pace(slice))).collect();
    if let Some((_, last)) = points.last().copied() {
        points.push((end, last));
    }
    points
}

/// Runs and walks mingled as they come, the rare labels over them.
fn dotted(dots: &[&Dot]) -> Vec<Mark> {
    let rare = |dot: &Dot| !matches!(dot.label.parse(), Ok(Label::RealRun | Label::PupWalk));
    let (radius, alpha) = if dots.len() > 1_000 { (2, 0.55) } else { (3, 0.7) };
    let mark = |dot: &&Dot| Mark::Dot {
        at: (dot.distance_mi, dot.avg_pace),
        radius,
        ink: Ink::of_label(&dot.label).with_alpha(alpha),
    };
    let (rare, common): (Vec<&Dot>, Vec<&Dot>) = dots.iter().copied().partition(|dot| rare(dot));
    common.iter().chain(&rare).map(mark).collect()
}

fn rings(dots: &[&Dot]) -> impl Iterator<Item = Mark> {
    dots.iter().filter(|dot| dot.by_person).map(|dot| Mark::Ring {
        at: (dot.distance_mi, dot.avg_pace),
        radius: 6,
        ink: BLACK,
    })
}

fn legend(dots: &[&Dot], slices: &[Slice]) -> Vec<Entry> {
    let mut legend = vec![Entry::heading("Dots: what stands")];
    for label in in_order(dots.iter().map(|dot| dot.label.as_str())) {
        legend.push(Entry::of(Swatch::Dot, label, Ink::of_label(label)));
    }
    if dots.iter().any(|dot| dot.by_person) {
        legend.push(Entry::of(Swatch::Ring, "set by a person", BLACK));
    }
    let judged = slices.iter().flat_map(|slice| &slice.labels).map(|s| s.label.as_str());
    let judged = in_order(judged);
    if judged.is_empty() {
        return legend;
    }
    legend.push(Entry::heading("Shade: the model says"));
    for label in judged {
        legend.push(Entry::of(Swatch::Square, label, Ink::of_label(label).with_alpha(0.3)));
    }
    legend.push(Entry::of(Swatch::Line, "even odds", BLACK));
    legend
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::params::Params;

    fn sample(dots: &[(f64, f64, &str, bool)]) -> Sample {
        let mut sample = Sample::default();
        for (i, (distance_mi, avg_pace, label, by_person)) in dots.iter().enumerate() {
            sample.push(Dot {
                workout_id: i.to_string(),
                avg_pace: *avg_pace,
                distance_mi: *distance_mi,
                label: (*label).to_owned(),
                by_person: *by_person,
            });
        }
        sample
    }

    fn of(sample: &Sample) -> Figure {
        let heading = Heading {
            window: "all workouts".to_owned(),
            model: "a model".to_owned(),
        };
        let model = Model::fallback_only(&Params::default());
        figure(
            &heading,
            &Map {
                model: &model,
                sample,
                outside: 2,
            },
        )
    }

    #[test]
    fn every_workout_is_a_dot_and_what_a_person_set_has_a_ring() {
        let sample = sample(&[
            (3.0, 9.0, "real_run", false),
            (2.0, 20.0, "outlier", false),
            (1.0, 18.0, "pup_walk", true),
        ]);
        let figure = of(&sample);
        let dots: Vec<_> = figure
            .marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Dot { at, .. } => Some(*at),
                _ => None,
            })
            .collect();
        assert_eq!(dots.len(), 3);
        assert_eq!(dots[2], (2.0, 20.0), "the rare label is drawn last");
        let rings: Vec<_> = figure.marks.iter().filter(|m| matches!(m, Mark::Ring { .. })).collect();
        assert!(matches!(rings[..], [Mark::Ring { at: (1.0, 18.0), .. }]), "{rings:?}");
        assert_eq!(
            figure.about[1],
            "3 workouts; 2 without a usable pace, distance or duration are not shown; the model has no clusters, \
             and so no boundary"
        );
    }

    #[test]
    fn the_axes_hold_every_workout_and_never_more_than_a_model_speaks_on() {
        let figure = of(&sample(&[
            (0.01, 59.9, "real_run", false),
            (49.0, 1.1, "real_run", false),
        ]));
        let near = |x: f64, y: f64| (x - y).abs() < 1e-12;
        let (x, y) = (&figure.x, &figure.y);
        assert!(near(x.low(), 0.02) && near(x.high(), 50.0), "{x:?}");
        assert!(near(y.low(), 1.1 / 1.08) && near(y.high(), 60.0), "{y:?}");
    }
}
