//! Where a model draws its lines: the labels that it gives along the paces of one distance.
//!
//! Why: a boundary that is written down beside the rule is a second rule, and one day they differ. Here the
//! lines are found by asking the very function that judges every workout, for any model with any features.
//!
//! Invariants: stretches adjoin and ascend; a workout of a stretch's pace is judged as the stretch says. It
//! takes `pace * distance` minutes, as workouts do, but for the rounding of a stored duration.
//!
//! Must not know: what is stored, and how a line is drawn.

use serde::Serialize;

use super::model::Model;
use super::table::Row;
use super::verdict::{Verdict, judge};
use crate::time::WorkoutDate;
use crate::vocab::Label;

/// So many paces are asked before the lines between them are sought: with 400 from 1 to 60 min/mi, one
/// every percent.
const STEPS: u32 = 400;

/// The paces that get one label.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stretch {
    /// The label.
    pub label: Label,
    /// Minutes per mile, inclusive.
    pub pace_from: f64,
    /// Minutes per mile, exclusive, but for the last stretch.
    pub pace_to: f64,
}

/// What a model says of the workouts of one distance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slice {
    /// Miles.
    pub distance_mi: f64,
    /// Its labels, ascending by pace; none where it cannot speak.
    pub labels: Vec<Stretch>,
    /// The same without `mixed` and `outlier`: the likelier label. Where it changes, the odds are even.
    pub likelier: Vec<Stretch>,
}

/// The labels of workouts of `distance_mi` miles with paces from `paces[0]` to `paces[1]` min/mi, as far as
/// the model's bounds admit them.
pub fn slice(model: &Model, distance_mi: f64, paces: [f64; 2]) -> Slice {
    let bounds = model.bounds();
    let from = paces[0];
    let to = paces[1].min(bounds.max_pace).min(bounds.max_duration / distance_mi);
    let at = |pace: f64| {
        let row = Row {
            // Within the bounds no verdict depends on the date.
            date: WorkoutDate::from_micros(0),
            pace,
            distance: distance_mi,
            duration: (pace * distance_mi).min(bounds.max_duration),
        };
        judge(model, &row)
    };
    let spoken = from > 0.0 && from < to && at(from).nearest.is_some();
    let found = |label: fn(&Verdict) -> Label| match spoken {
        true => stretches(from, to, |pace| label(&at(pace))),
        false => Vec::new(),
    };
    Slice {
        distance_mi,
        labels: found(|verdict| verdict.label),
        likelier: found(|verdict| verdict.nearest.map_or(verdict.label, |nearest| nearest.winner)),
    }
}

fn stretches(from: f64, to: f64, label_at: impl Fn(f64) -> Label) -> Vec<Stretch> {
    let (low, width) = (libm::log(from), libm::log(to / from));
    let mut found = Vec::new();
    let mut open = (label_at(from), from);
    let mut before = from;
    for step in 1..=STEPS {
        let pace = match step {
            STEPS => to,
            step => libm::exp(low + width * f64::from(step) / f64::from(STEPS)),
        };
        let here = label_at(pace);
        // A narrow stretch may lie between two paces that were asked: each line is sought from the last one.
        while open.0 != here {
            let edge = edge(before, pace, |pace| label_at(pace) == open.0);
            found.push(Stretch {
                label: open.0,
                pace_from: open.1,
                pace_to: edge,
            });
            open = (label_at(edge), edge);
            before = edge;
        }
        before = pace;
    }
    found.push(Stretch {
        label: open.0,
        pace_from: open.1,
        pace_to: to,
    });
    found
}

/// The first number after a line between `inside`, where `holds`, and `outside`, where it does not.
fn edge(mut inside: f64, mut outside: f64, holds: impl Fn(f64) -> bool) -> f64 {
    loop {
        let middle = inside + (outside - inside) / 2.0;
        if middle <= inside || middle >= outside {
            return outside;
        }
        if holds(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::head::Head;
    use crate::stage::model::{Cluster, Clustering, Feature, Measure, Transform};
    use crate::stage::params::Params;

    fn model(head: Option<Head>) -> Model {
        let cluster = |label, pace: f64| Cluster {
            label,
            centroid: vec![libm::log(pace)],
        };
        let clustering = Clustering {
            features: vec![Feature {
                measure: Measure::AvgPace,
                transform: Transform::Ln,
            }],
            clusters: vec![cluster(Label::RealRun, 10.0), cluster(Label::PupWalk, 20.0)],
            sigma2: 0.04,
            cut: Some(0.25),
            head,
        };
        Model::new(&Params::default(), Some(clustering))
    }

    fn labels(stretches: &[Stretch]) -> Vec<&'static str> {
        stretches.iter().map(|s| s.label.as_str()).collect()
    }

    #[test]
    fn the_lines_of_two_clusters_are_where_they_were_computed_by_hand() {
        let found = slice(&model(None), 3.0, [1.0, 60.0]);
        assert_eq!(
            labels(&found.labels),
            ["outlier", "real_run", "mixed", "pup_walk", "outlier"]
        );
        // The cut is at a distance of 0.5 in log pace; the odds are even at the geometric mean.
        let near = |x: f64, y: f64| (x - y).abs() < 1e-9 * y;
        assert!(near(found.labels[0].pace_to, 10.0 * libm::exp(-0.5)), "{found:?}");
        assert!(near(found.labels[3].pace_to, 20.0 * libm::exp(0.5)), "{found:?}");
        assert_eq!(labels(&found.likelier), ["real_run", "pup_walk"]);
        assert!(near(found.likelier[0].pace_to, libm::sqrt(200.0)), "{found:?}");
        // The band: log-odds of ln 1.5 either way, with a slope of ln 2 / sigma^2.
        let half = libm::log(1.5) * 0.04 / libm::log(2.0);
        assert!(
            near(found.labels[1].pace_to, libm::sqrt(200.0) * libm::exp(-half)),
            "{found:?}"
        );
        assert_eq!((found.labels[0].pace_from, found.labels[4].pace_to), (1.0, 60.0));
    }

    #[test]
    fn a_head_slants_the_line_and_a_narrow_band_is_found() {
        let steep = Head {
            intercept: 2_000.0 * libm::log(14.0),
            log_pace: -2_000.0,
            log_distance: 200.0,
        };
        for distance in [1.0, 4.0] {
            let found = slice(&model(Some(steep)), distance, [8.0, 30.0]);
            assert_eq!(labels(&found.labels), ["real_run", "mixed", "pup_walk"], "{found:?}");
            let boundary = steep.boundary_pace(distance).expect("pace decides");
            assert!(
                (found.likelier[0].pace_to - boundary).abs() < 1e-9,
                "{found:?} for {boundary}"
            );
        }
    }

    #[test]
    fn a_stretch_ends_where_the_bounds_do() {
        let far = slice(&model(None), 48.0, [1.0, 60.0]);
        assert_eq!(
            far.labels.last().map(|s| s.pace_to),
            Some(30.0),
            "1,440 minutes over 48 miles"
        );
        assert_eq!(slice(&model(None), 51.0, [1.0, 60.0]).labels, []);
        assert_eq!(
            slice(&Model::fallback_only(&Params::default()), 3.0, [1.0, 60.0]).labels,
            []
        );
        assert_eq!(slice(&model(None), 3.0, [60.0, 1.0]).likelier, []);
    }
}
