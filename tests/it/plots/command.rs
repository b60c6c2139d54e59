//! `report .. --plot`: the file is written, its marks are those of the rows, both stores draw the same bytes.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use super::svg::{Picture, colour_of};
use crate::support::cli::{Paceline, on_both_stores, on_new_sqlite};

/// The reports that draw, with a range for each.
const DRAWING: [&[&str]; 5] = [
    &["report", "changes", "--from", "2026-01-01"],
    &["report", "stats", "--from", "2026-01-01"],
    &["report", "labels", "--from", "2016-01-01", "--to", "2019-01-01"],
    &["report", "calibration", "--days", "30"],
    &["report", "map", "--from", "2016-01-01", "--to", "2019-01-01"],
];

/// A night over the sample, some answers, and a label that a person set.
fn some_days(paceline: &Paceline) {
    let import = ["run", "pipelines/nightly.toml", "--import", "data/workouts_sample.csv"];
    paceline.at("2026-01-01T02:00:00Z").ok(&import);
    let later = paceline.at("2026-01-02T09:00:00Z");
    let walks = later.json(&["classifications", "--from", "2018-01-01", "--label", "pup_walk"]);
    let ids: Vec<&str> = rows(&walks).map(|row| text(row, "workout_id")).take(6).collect();
    for id in &ids[..4] {
        later.ok(&["feedback", "add", id, "--type", "accept"]);
    }
    later.ok(&["feedback", "add", ids[4], "--type", "correct", "--label", "real_run"]);
    later.ok(&["override", "set", ids[5], "mixed", "--reason", "half and half"]);
}

fn rows(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().expect("rows").iter()
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_else(|| panic!("{key}: {row}"))
}

/// Draws a report; returns the picture's text.
fn plotted(paceline: &Paceline, folder: &TempDir, report: &[&str]) -> String {
    let file: PathBuf = folder.path().join(format!("{}.svg", report[1]));
    let shown = file.display().to_string();
    let said = paceline.ok(&[report, &["--plot", shown.as_str()]].concat());
    assert!(said.stdout.contains(&format!("Plot: {shown}")), "{said}");
    // Of a map, the range is the picture's alone.
    let of_rows = if report[1] == "map" { &report[..2] } else { report };
    let plain = paceline.ok(&[&["--output", "csv"], of_rows].concat());
    let again = paceline.ok(&[&["--output", "csv"], report, &["--plot", shown.as_str()]].concat());
    assert_eq!(again.stdout, plain.stdout, "a picture changes no row");
    std::fs::read_to_string(file).expect("a picture")
}

#[test]
fn both_stores_draw_the_same_bytes_every_time() {
    let drawn = RefCell::new(Vec::new());
    on_both_stores(|paceline, folder| {
        some_days(paceline);
        let at = paceline.at("2026-01-03T00:00:00Z");
        let pictures: Vec<String> = DRAWING.iter().map(|report| plotted(&at, folder, report)).collect();
        for (report, svg) in DRAWING.iter().zip(&pictures) {
            let picture = Picture::parse(svg);
            picture.assert_only_shapes_and_texts();
            picture.assert_texts_fit();
            picture.assert_texts_apart();
            assert!(picture.says("version 1.0.0"), "{report:?} names no version");
            assert!(*svg == plotted(&at, folder, report), "{report:?}");
        }
        drawn.borrow_mut().push(pictures);
    });
    let drawn = drawn.into_inner();
    for (i, report) in DRAWING.iter().enumerate() {
        assert!(drawn[0][i] == drawn[1][i], "{report:?} differs between the stores");
    }
}

#[test]
fn the_marks_are_those_of_the_rows() {
    on_both_stores(|paceline, folder| {
        some_days(paceline);
        let at = paceline.at("2026-01-03T00:00:00Z");
        let picture = |report: &[&str]| Picture::parse(&plotted(&at, folder, report));

        let labels = at.json(DRAWING[2]);
        let mix = picture(DRAWING[2]);
        assert_eq!(mix.plane("rect").len(), rows(&labels).count());
        assert!(mix.says("workouts from 2016-01-01 to before 2019-01-01"));

        // One month: a bar for each label that was given in it.
        let given: BTreeSet<String> = rows(&at.json(DRAWING[0]))
            .map(|r| text(r, "to_label").to_owned())
            .collect();
        assert_eq!(picture(DRAWING[0]).plane("rect").len(), given.len());

        let calibration = at.json(DRAWING[3]);
        let answered = rows(&calibration["bins"]).filter(|bin| bin["answers"] != 0).count();
        let reliability = picture(DRAWING[3]);
        assert_eq!(reliability.plane("circle").len(), answered);
        assert!(reliability.says(&format!("{} answers", calibration["answers"])));
        assert!(reliability.says("noise floor"));

        let list = ["classifications", "--from", "2016-01-01", "--to", "2019-01-01"];
        let mut drawn: BTreeMap<String, usize> = BTreeMap::new();
        let (mut outside, mut rings) = (0, 0);
        for row in rows(&at.json(&list)) {
            // What the era named has no place in the plane.
            if row["method"] == "era_fallback" {
                outside += 1;
                continue;
            }
            *drawn.entry(text(row, "classification").to_owned()).or_default() += 1;
            rings += usize::from(row["is_user_override"] == true);
        }
        let map = picture(DRAWING[4]);
        let circles = map.plane("circle");
        for (label, count) in &drawn {
            let of_colour = circles.iter().filter(|c| c.get("fill") == colour_of(label)).count();
            assert_eq!(of_colour, *count, "{label}");
        }
        assert_eq!(circles.iter().filter(|c| c.get("fill") == "none").count(), rings);
        assert_eq!(rings, 2, "a correction and an override");
        assert!(outside == 0 || map.says(&format!("{outside} without a usable pace")));
    });
}

#[test]
fn the_histogram_has_a_bar_for_each_label_and_twentieth() {
    on_both_stores(|paceline, folder| {
        let import = ["run", "pipelines/nightly.toml", "--import", "data/workouts_sample.csv"];
        paceline.at("2026-01-01T02:00:00Z").ok(&import);
        let mut counted: BTreeMap<(String, u64), u64> = BTreeMap::new();
        for row in rows(&paceline.json(&["classifications"])) {
            let bin = (row["confidence"].as_f64().expect("a confidence") * 20.0).min(19.0) as u64;
            *counted
                .entry((text(row, "classification").to_owned(), bin))
                .or_default() += 1;
        }
        let picture = Picture::parse(&plotted(paceline, folder, &["report", "stats"]));
        let bars = picture.plane("rect");
        assert_eq!(bars.len(), counted.len(), "{counted:?}");
        for label in ["real_run", "pup_walk", "mixed", "outlier"] {
            let of_colour = bars.iter().filter(|b| b.get("fill") == colour_of(label)).count();
            assert_eq!(of_colour, counted.keys().filter(|(l, _)| l == label).count(), "{label}");
        }
    });
}

#[test]
fn the_map_in_numbers_is_what_the_model_says() {
    let (_folder, paceline) = on_new_sqlite();
    paceline.ok(&["run", "pipelines/nightly.toml", "--import", "data/labelled_sample.csv"]);
    let map = paceline.json(&["report", "map"]);
    let distances = map["distances"].as_array().expect("distances");
    assert_eq!(distances.len(), 4);
    let shown = paceline.ok(&["report", "map"]).stdout;
    assert!(
        shown.contains("Even odds: ") && shown.contains("Model: workout_classifier_"),
        "{shown}"
    );
    let csv = paceline.ok(&["--output", "csv", "report", "map"]).stdout;
    let stretches: usize = distances
        .iter()
        .map(|d| d["labels"].as_array().map_or(0, Vec::len))
        .sum();
    assert_eq!(csv.lines().count(), stretches + 1, "{csv}");
    // Every classified workout lies in the stretch of its label, at any distance: this model knows only paces.
    let labels = distances[1]["labels"].as_array().expect("labels");
    let mut checked = 0;
    for row in rows(&paceline.json(&["classifications"])) {
        if row["method"] == "era_fallback" {
            continue;
        }
        let pace = row["avg_pace"].as_f64().expect("a pace");
        let within = |s: &&Value| {
            let end = |key: &str| s[key].as_f64().expect("an end");
            end("pace_from") <= pace && pace < end("pace_to")
        };
        let stretch = labels.iter().find(within).unwrap_or_else(|| panic!("{pace}: {map}"));
        assert_eq!(stretch["label"], row["classification"], "{row}");
        checked += 1;
    }
    assert!(checked > 150, "{checked}");
}

#[test]
fn empty_stores_draw_empty_pictures_and_what_cannot_be_drawn_is_refused() {
    on_both_stores(|paceline, folder| {
        for (report, says) in [
            ("changes", "No label changed in this time."),
            ("stats", "Nothing was classified in this time."),
            ("labels", "Nothing is classified in this time."),
            ("calibration", "Nobody has answered in this time."),
        ] {
            let picture = Picture::parse(&plotted(paceline, folder, &["report", report]));
            assert!(picture.says(says) && picture.says("no active model"), "{report}");
        }
        let file = folder.path().join("map.svg").display().to_string();
        paceline.refused(&["report", "map", "--plot", &file], 1, &["no model is active"]);
        assert!(!std::path::Path::new(&file).exists());
        let nowhere = folder.path().join("nowhere/mix.svg").display().to_string();
        let refused = paceline.refused(
            &["report", "labels", "--plot", &nowhere],
            1,
            &["cannot write", "nowhere/mix.svg", "a folder that exists"],
        );
        assert_eq!(refused.stdout, "");
        paceline.refused(&["report", "map", "--from", "2020-01-01"], 2, &["--plot"]);
    });
}
