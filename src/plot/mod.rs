//! Pictures of reports: data in, the text of an SVG file out.
//!
//! Why: how labels go over the months, where a boundary lies among the workouts and how far a confidence
//! keeps its word are seen at a glance, and are pages of numbers in a table.
//!
//! Each picture is a function that turns data into a `Figure`: axes, marks in the units of the data, a
//! legend. `canvas` draws any figure, and is the one file that knows the charting crate.
//!
//! Invariants: pure, the same data give the same bytes on every machine (no font is looked up: a text is
//! written as a text, and its width is never asked); no more marks than a screen can show, and a picture that
//! leaves something out says so; what comes from a store (labels, ids) cannot break the file; without data the
//! picture says that there are none.
//!
//! Must not know: stores, files, the clock, and where the data came from.

mod axis;
mod canvas;
pub mod confidence;
pub mod map;
pub mod mix;
pub mod reliability;
mod sample;

pub use sample::{Dot, MAX_DOTS, Sample};

use crate::vocab::Label;
use axis::Axis;

/// Pixels across, and down.
pub const SIZE: (u32, u32) = (800, 500);

/// A picture that the charting crate refused to draw, which no data is known to cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the picture cannot be drawn: {0}")]
pub struct PlotError(String);

/// What every picture says of its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// The time that it is about, such as `workouts of 2017`.
    pub window: String,
    /// The model and its version, such as `workout_classifier_20260101_020000 version 1.0.0`.
    pub model: String,
}

impl Heading {
    /// The line under a title.
    fn line(&self) -> String {
        format!("{} · {}", self.window, self.model)
    }
}

/// A picture before it is drawn.
#[derive(Debug, Clone, PartialEq)]
struct Figure {
    title: String,
    /// The lines under the title, two at most.
    about: Vec<String>,
    x: Axis,
    y: Axis,
    /// Drawn in this order, over one another.
    marks: Vec<Mark>,
    legend: Vec<Entry>,
    /// What stands in the middle where there is nothing to draw.
    empty: Option<&'static str>,
}

/// A place in the units of the axes.
type Point = (f64, f64);

/// What is drawn on the plane of the axes.
#[derive(Debug, Clone, PartialEq)]
enum Mark {
    /// A filled rectangle between two corners.
    Bar { from: Point, to: Point, ink: Ink },
    /// A filled circle; the radius is in pixels.
    Dot { at: Point, radius: i32, ink: Ink },
    /// The line of a circle; the radius is in pixels.
    Ring { at: Point, radius: i32, ink: Ink },
    /// A line through points, so many pixels wide.
    Line { points: Vec<Point>, width: u32, ink: Ink },
    /// A filled polygon.
    Area { points: Vec<Point>, ink: Ink },
    /// A small text beside a point, and above it.
    Note { at: Point, text: String },
}

/// One line of the legend.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    swatch: Swatch,
    name: String,
    ink: Ink,
}

/// What stands before the name in a legend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Swatch {
    /// Nothing: the line is a heading.
    Heading,
    Square,
    Dot,
    Ring,
    Line,
}

impl Entry {
    fn heading(name: &str) -> Self {
        Self::of(Swatch::Heading, name, BLACK)
    }

    fn of(swatch: Swatch, name: &str, ink: Ink) -> Self {
        Self {
            swatch,
            name: name.to_owned(),
            ink,
        }
    }
}

/// A colour, and how much of it: 0 is nothing, 1 covers what is below.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ink {
    rgb: (u8, u8, u8),
    alpha: f64,
}

const BLACK: Ink = Ink::of((0, 0, 0));
const GREY: Ink = Ink::of((130, 130, 130));

impl Ink {
    const fn of(rgb: (u8, u8, u8)) -> Self {
        Self { rgb, alpha: 1.0 }
    }

    const fn with_alpha(self, alpha: f64) -> Self {
        Self { rgb: self.rgb, alpha }
    }

    /// The colour of a label, the same in every picture. From the palette of Okabe and Ito (2008), whose
    /// colours stay apart for people who do not see red or green; what an older tool wrote is grey.
    fn of_label(label: &str) -> Self {
        match label.parse() {
            Ok(Label::RealRun) => Self::of((0, 114, 178)),
            Ok(Label::PupWalk) => Self::of((230, 159, 0)),
            Ok(Label::Mixed) => Self::of((0, 158, 115)),
            Ok(Label::Outlier) => Self::of((204, 121, 167)),
            Err(_) => GREY,
        }
    }
}

/// The labels that occur, each once: ours in the order of the vocabulary, then others by name.
fn in_order<'a>(labels: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let place = |label: &str| label.parse::<Label>().map_or(Label::ALL.len(), |label| label as usize);
    let mut found: Vec<&str> = labels.collect();
    found.sort_unstable_by_key(|label| (place(label), *label));
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stand_in_one_order_and_each_of_ours_has_its_own_colour() {
        let found = in_order(["unknown", "outlier", "pup_walk", "jog", "real_run", "pup_walk"].into_iter());
        assert_eq!(found, ["real_run", "pup_walk", "outlier", "jog", "unknown"]);
        let mut colours: Vec<_> = Label::ALL.iter().map(|l| Ink::of_label(l.as_str()).rgb).collect();
        colours.push(Ink::of_label("unknown").rgb);
        colours.sort_unstable();
        colours.dedup();
        assert_eq!(colours.len(), Label::ALL.len() + 1);
    }
}
