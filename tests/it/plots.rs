//! Pictures of reports: as many marks as the data have, lines where the model draws them, the same bytes every
//! time, and nothing in a store that can break a file.
//!
//! `PACELINE_BLESS=1` writes the golden pictures, and those of the documentation, instead of comparing them.

mod command;
mod docs;
mod svg;

use std::path::Path;

use paceline::plot::confidence::{Binned, confidence_histogram};
use paceline::plot::map::{Map, map};
use paceline::plot::mix::{Counted, Monthly, label_mix};
use paceline::plot::reliability::reliability;
use paceline::plot::{Dot, Heading, MAX_DOTS, Sample};
use paceline::stage::calibration::calibration;
use paceline::stage::classify::{Explanation, explain};
use paceline::stage::model::Model;
use paceline::stage::params::Params;
use paceline::time::WorkoutDate;
use sha2::{Digest, Sha256};

use svg::{Picture, colour_of};

fn heading() -> Heading {
    Heading {
        window: "all workouts".to_owned(),
        model: "workout_classifier_20260101_020000 version 1.2.3".to_owned(),
    }
}

/// A golden artifact of `tests/golden`.
fn model(name: &str) -> Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let text = std::fs::read_to_string(path).expect("a golden artifact");
    let text = text.trim_end();
    let sha256: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    Model::from_stored(text, &sha256).expect("an artifact")
}

fn dot(id: usize, distance_mi: f64, avg_pace: f64, label: &str) -> Dot {
    Dot {
        workout_id: format!("{id:06}"),
        avg_pace,
        distance_mi,
        label: label.to_owned(),
        by_person: false,
    }
}

fn sample(dots: impl IntoIterator<Item = Dot>) -> Sample {
    let mut sample = Sample::default();
    dots.into_iter().for_each(|dot| sample.push(dot));
    sample
}

fn drawn_map(model: &Model, sample: &Sample) -> String {
    let map_of = Map {
        model,
        sample,
        outside: 0,
    };
    map(&heading(), &map_of).expect("a picture")
}

fn monthly(month: &str, label: &str, count: u64) -> Monthly {
    Monthly {
        month: Some(month.to_owned()),
        label: label.to_owned(),
        count,
    }
}

fn asked(model: &Model, distance: f64, pace: f64) -> Explanation {
    let date = WorkoutDate::from_micros(0);
    explain(model, date, Some(pace), Some(distance), Some(pace * distance))
}

/// Two dots at known places, from which the pixels of all others follow.
struct Scale {
    x: (f64, f64),
    y: (f64, f64),
}

const LOW: (f64, f64) = (0.6, 7.0);
const HIGH: (f64, f64) = (7.0, 22.0);

impl Scale {
    /// Of a map whose sample has the dots [`LOW`] and [`HIGH`] and no others.
    fn of(picture: &Picture) -> Self {
        let circles = picture.plane("circle");
        let at = |i: usize| (circles[i].number("cx"), circles[i].number("cy"));
        let (low, high) = if at(0).0 < at(1).0 {
            (at(0), at(1))
        } else {
            (at(1), at(0))
        };
        let line = |p: (f64, f64), v: (f64, f64)| {
            let slope = (v.1.ln() - v.0.ln()) / (p.1 - p.0);
            (v.0.ln() - slope * p.0, slope)
        };
        Self {
            x: line((low.0, high.0), (LOW.0, HIGH.0)),
            y: line((low.1, high.1), (LOW.1, HIGH.1)),
        }
    }

    /// Miles and minutes a mile of a pixel.
    fn measured(&self, (x, y): (f64, f64)) -> (f64, f64) {
        ((self.x.0 + self.x.1 * x).exp(), (self.y.0 + self.y.1 * y).exp())
    }
}

/// Relative steps in pace to either side of a line: two or three pixels.
const ASIDE: f64 = 0.01;

#[test]
fn the_boundary_is_where_the_model_puts_it() {
    for name in ["anchored-kmeans-v1.json", "taught-v1.json", "kmeans-v1.json"] {
        let model = model(name);
        let two = [dot(0, LOW.0, LOW.1, "real_run"), dot(1, HIGH.0, HIGH.1, "pup_walk")];
        let picture = Picture::parse(&drawn_map(&model, &sample(two)));
        let scale = Scale::of(&picture);
        let lines: Vec<_> = picture
            .plane("polyline")
            .into_iter()
            .filter(|line| line.number("stroke-width") == 2.0)
            .collect();
        assert!(!lines.is_empty(), "{name}: no boundary");
        let mut checked = 0;
        for line in lines {
            let points = line.points();
            // The last point carries the line on to the next group of columns.
            for at in &points[..points.len() - 1] {
                let (distance, pace) = scale.measured(*at);
                let forced = |pace: f64| asked(&model, distance, pace).forced_label;
                let (fast, slow) = (forced(pace * (1.0 - ASIDE)), forced(pace * (1.0 + ASIDE)));
                assert!(
                    fast.is_some() && slow.is_some() && fast != slow,
                    "{name}: {fast:?} and {slow:?} beside {pace:.2} min/mi at {distance:.2} mi"
                );
                checked += 1;
            }
        }
        assert!(checked > 50, "{name}: {checked} points");
    }
}

#[test]
fn every_part_of_the_plane_has_the_colour_of_the_label_that_the_model_gives_there() {
    for name in ["anchored-kmeans-v1.json", "taught-v1.json", "kmeans-v1.json"] {
        let model = model(name);
        let two = [dot(0, LOW.0, LOW.1, "real_run"), dot(1, HIGH.0, HIGH.1, "pup_walk")];
        let picture = Picture::parse(&drawn_map(&model, &sample(two)));
        let scale = Scale::of(&picture);
        let mut checked = 0;
        for area in picture.plane("polygon") {
            let points = area.points();
            // First along the slow side, then back along the fast one.
            for i in 0..points.len() / 2 - 1 {
                let (slow, fast) = (points[i], points[points.len() - 1 - i]);
                assert_eq!(slow.0, fast.0, "{name}: {points:?}");
                if fast.1 - slow.1 < 4.0 {
                    continue;
                }
                let (distance, pace) = scale.measured((slow.0, f64::midpoint(slow.1, fast.1)));
                let label = asked(&model, distance, pace).label;
                assert_eq!(
                    area.get("fill"),
                    colour_of(label.as_str()),
                    "{name}: {label} at {pace:.2} min/mi, {distance:.2} mi"
                );
                checked += 1;
            }
        }
        assert!(checked > 150, "{name}: {checked} places");
    }
}

#[test]
fn a_map_has_a_dot_for_each_workout_and_a_ring_for_each_that_a_person_set() {
    let labels = ["real_run", "pup_walk", "mixed", "outlier"];
    let dots = (0..200).map(|i| Dot {
        by_person: i % 20 == 0,
        ..dot(i, 1.0 + i as f64 / 50.0, 7.0 + i as f64 / 10.0, labels[i % 4])
    });
    let picture = Picture::parse(&drawn_map(&model("anchored-kmeans-v1.json"), &sample(dots)));
    let circles = picture.plane("circle");
    let filled = |label: &str| circles.iter().filter(|c| c.get("fill") == colour_of(label)).count();
    assert_eq!(labels.map(filled), [50; 4]);
    assert_eq!(circles.iter().filter(|c| c.get("fill") == "none").count(), 10);
    for text in ["set by a person", "even odds", "Pace against distance, by label"] {
        assert!(picture.says(text), "{text}");
    }
    assert!(picture.says("version 1.2.3") && picture.says("all workouts") && picture.says("200 workouts"));
}

#[test]
fn a_large_history_is_sampled_and_the_picture_says_so() {
    let dots = |i: usize| dot(i, 1.0 + (i % 97) as f64 / 10.0, 7.0 + (i % 89) as f64 / 5.0, "real_run");
    let model = model("anchored-kmeans-v1.json");
    let svg = drawn_map(&model, &sample((0..12_000).map(dots)));
    let picture = Picture::parse(&svg);
    assert_eq!(picture.plane("circle").len(), MAX_DOTS);
    assert!(picture.says("a sample of 5000 of 12000 workouts"));
    let backwards = drawn_map(&model, &sample((0..12_000).rev().map(dots)));
    assert!(svg == backwards, "the order of the workouts is seen");
    let whole = Picture::parse(&drawn_map(&model, &sample((0..MAX_DOTS).map(dots))));
    assert!(whole.says("5000 workouts") && !whole.says("a sample"));
}

#[test]
fn bars_are_as_high_as_their_counts() {
    let counts = [
        monthly("2017-04", "real_run", 10),
        monthly("2017-05", "real_run", 4),
        monthly("2017-05", "pup_walk", 12),
        monthly("2017-07", "pup_walk", 20),
    ];
    let svg = label_mix(&heading(), Counted::Workouts, &counts).expect("a picture");
    let picture = Picture::parse(&svg);
    let bars = picture.plane("rect");
    assert_eq!(bars.len(), counts.len());
    let height = |i: usize| bars[i].number("height");
    let pixels = height(3) / 20.0;
    for (i, counted) in [(0, 10.0), (1, 4.0), (2, 12.0)] {
        assert!(
            (height(i) - counted * pixels).abs() <= 1.0,
            "bar {i}: {} pixels",
            height(i)
        );
    }
    // Walks stand on the runs of their month.
    assert_eq!(bars[1].number("y"), bars[2].number("y") + height(2));
    assert_eq!(bars[1].number("x"), bars[2].number("x"));
    assert_eq!(bars[2].get("fill"), colour_of("pup_walk"));
    assert!(picture.says("2017-04") && picture.says("workouts a month"));
}

#[test]
fn what_a_store_holds_cannot_break_the_file() {
    let hostile = [
        "<script>alert('x')</script>",
        "\"/><circle r=\"9\"/>",
        "a & b ]]> &lt;",
        "\u{0}\u{1b}[31m\u{fffe}\nline",
        "unknown",
        "ünbekannt 歩く",
        &*"x".repeat(500).leak(),
    ];
    let heading = Heading {
        window: "workouts <of> \u{7}2017 & \"more\"".to_owned(),
        model: hostile.join(" "),
    };
    let counts: Vec<Monthly> = hostile.iter().map(|label| monthly("2017-05", label, 3)).collect();
    let binned: Vec<Binned> = hostile
        .iter()
        .map(|label| Binned {
            label: (*label).to_owned(),
            bin: 7,
            count: 2,
        })
        .collect();
    let dots = hostile.iter().enumerate().map(|(i, label)| dot(i, 3.0, 9.0, label));
    let sample = sample(dots);
    let model = Model::fallback_only(&Params::default());
    let map_of = Map {
        model: &model,
        sample: &sample,
        outside: 1,
    };
    for svg in [
        label_mix(&heading, Counted::Changes, &counts).expect("a picture"),
        confidence_histogram(&heading, &binned, 0).expect("a picture"),
        map(&heading, &map_of).expect("a picture"),
        reliability(&heading, &calibration(&[])).expect("a picture"),
    ] {
        let picture = Picture::parse(&svg);
        picture.assert_only_shapes_and_texts();
        picture.assert_texts_fit();
        assert!(picture.says("workouts <of>  2017 & \"more\""), "{svg}");
    }
    let mix = Picture::parse(&label_mix(&heading, Counted::Changes, &counts).expect("a picture"));
    assert!(mix.says("ünbekannt 歩く") && mix.says("a & b ]]> &lt;") && mix.says("<script>alert"));
}

#[test]
fn without_data_each_picture_says_so() {
    let model = model("anchored-kmeans-v1.json");
    for (svg, says) in [
        (
            label_mix(&heading(), Counted::Workouts, &[]).expect("a picture"),
            "Nothing is classified in this time.",
        ),
        (
            label_mix(&heading(), Counted::Changes, &[]).expect("a picture"),
            "No label changed in this time.",
        ),
        (
            confidence_histogram(&heading(), &[], 0).expect("a picture"),
            "Nothing was classified in this time.",
        ),
        (
            reliability(&heading(), &calibration(&[])).expect("a picture"),
            "Nobody has answered in this time.",
        ),
        (
            drawn_map(&model, &Sample::default()),
            "Nothing is classified in this time.",
        ),
    ] {
        let picture = Picture::parse(&svg);
        assert!(picture.says(says), "{says}: {svg}");
        assert_eq!(picture.plane("circle").len() + picture.plane("rect").len(), 0, "{svg}");
    }
}

/// The small pictures that are kept in `tests/golden/plots`.
fn small_pictures() -> [(&'static str, String); 6] {
    let two_years = (0..24).flat_map(|i| {
        let month = format!("{}-{:02}", 2016 + i / 12, i % 12 + 1);
        let walks = if i < 16 { 1 } else { 14 + i as u64 % 5 };
        [
            monthly(&month, "real_run", 12 - i as u64 / 3),
            monthly(&month, "pup_walk", walks),
        ]
    });
    let binned = |label: &str, bin, count| Binned {
        label: label.to_owned(),
        bin,
        count,
    };
    let confidences = [
        binned("real_run", 19, 1_150),
        binned("real_run", 17, 9),
        binned("real_run", 12, 2),
        binned("pup_walk", 19, 1_700),
        binned("pup_walk", 14, 5),
        binned("mixed", 10, 3),
        binned("outlier", 6, 4),
        binned("real_run", 8, 92),
    ];
    let said: Vec<(f64, bool)> = (0..60).map(|i| (0.5 + f64::from(i) / 120.0, i % 7 != 0)).collect();
    let dots = || {
        (0..60).map(|i| Dot {
            by_person: i % 25 == 3,
            ..dot(
                i,
                1.0 + (i % 13) as f64 / 2.0,
                8.0 + i as f64 / 4.0,
                if i < 26 { "real_run" } else { "pup_walk" },
            )
        })
    };
    [
        (
            "mix",
            label_mix(&heading(), Counted::Workouts, &two_years.collect::<Vec<_>>()).expect("a picture"),
        ),
        (
            "confidence",
            confidence_histogram(&heading(), &confidences, 0).expect("a picture"),
        ),
        (
            "reliability",
            reliability(&heading(), &calibration(&said)).expect("a picture"),
        ),
        ("map", drawn_map(&model("anchored-kmeans-v1.json"), &sample(dots()))),
        ("map_taught", drawn_map(&model("taught-v1.json"), &sample(dots()))),
        ("map_kmeans", drawn_map(&model("kmeans-v1.json"), &sample(dots()))),
    ]
}

/// True where golden files are to be written.
fn bless() -> bool {
    std::env::var_os("PACELINE_BLESS").is_some_and(|value| !value.is_empty())
}

/// Compares with a committed file, or writes it.
#[track_caller]
fn assert_committed(path: &Path, found: &str) {
    if bless() {
        std::fs::write(path, found).expect("write a picture");
        return;
    }
    let again = "PACELINE_BLESS=1 makes it again; look at it before you commit it";
    let committed = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}; {again}", path.display()));
    assert!(
        committed == found,
        "{} is not what is drawn now; {again}",
        path.display()
    );
}

#[test]
fn small_pictures_are_drawn_as_they_were() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/plots");
    for (name, svg) in small_pictures() {
        assert_committed(&folder.join(format!("{name}.svg")), &svg);
    }
    for ((name, first), (_, again)) in small_pictures().iter().zip(small_pictures()) {
        assert!(*first == again, "{name} differs from itself");
    }
}

#[test]
fn every_text_has_room_and_every_axis_its_unit() {
    for (name, svg) in small_pictures() {
        let picture = Picture::parse(&svg);
        picture.assert_only_shapes_and_texts();
        picture.assert_texts_fit();
        picture.assert_texts_apart();
        assert!(picture.says("version 1.2.3"), "{name}");
        let unit = match name {
            "mix" => "workouts a month",
            "confidence" => "confidence (0 to 1",
            "reliability" => "share that people agreed with",
            _ => "pace (min/mi",
        };
        assert!(picture.says(unit), "{name}: {unit}");
    }
}
