//! `report map`: where a model draws its lines, in numbers and as a picture.
//!
//! Why a report of its own: `report models` has a row for each version, and a version's boundary has a row for
//! each label at each distance. In numbers it can be compared with the next version's; as a picture, with the
//! workouts that one remembers.
//!
//! Invariants: the rows are asked of the artifact alone; `--from` and `--to` choose which workouts the picture
//! shows, and nothing else.
//!
//! Must not know: how a model decides.

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::pipeline::choose::load_model;
use crate::plot::map::{Map, map as drawn};
use crate::plot::{Dot, Heading, Sample};
use crate::stage::boundary::{Slice, slice};
use crate::stage::features::{Bounds, duration_min};
use crate::stage::model::Model;
use crate::store::Store;
use crate::store::classifications::ListedClassification;
use crate::store::models::ModelRow;
use crate::store::workouts::Window;

use super::WindowArgs;
use super::exit;
use super::output::{Output, Rows, json, line, list};
use super::read::{ACTIVE, named_model};
use super::report_plot::{PlotArgs, model_text, save, workouts};

/// Miles at which the lines are given: most boundaries are straight in the logarithms, and few points show it.
const DISTANCES: [f64; 4] = [1.0, 3.0, 6.0, 13.1];

/// The fastest pace that is asked about, in min/mi: three times as fast as anybody has run a mile.
const FASTEST: f64 = 1.0;

/// `paceline report map`.
#[derive(Debug, Args)]
pub struct MapArgs {
    /// The model, an id or `active`.
    #[arg(long, default_value = ACTIVE)]
    model: String,
    #[command(flatten)]
    window: WindowArgs,
    #[command(flatten)]
    plot: PlotArgs,
}

#[derive(Debug, Serialize)]
struct MapJson {
    model_id: String,
    model_version: String,
    algorithm: String,
    /// Ascending by distance.
    distances: Vec<Slice>,
}

/// Prints the lines, and draws them among the workouts where a picture is asked for.
pub async fn map(store: &Store, args: &MapArgs, output: Output) -> Result<()> {
    let window = args.window.window()?;
    if window.is_some() && args.plot.file().is_none() {
        return Err(exit::usage(
            "--from and --to choose the workouts of the picture; give --plot FILE.svg as well",
        ));
    }
    let row = named_model(store, &args.model).await?;
    let model = load_model(store, &row.model_id).await?;
    plotted(store, args, window.unwrap_or_default(), &row, &model).await?;
    let paces = [FASTEST, model.bounds().max_pace];
    let value = MapJson {
        model_id: row.model_id,
        model_version: row.model_version,
        algorithm: model.algorithm().to_string(),
        distances: DISTANCES.iter().map(|miles| slice(&model, *miles, paces)).collect(),
    };
    match output {
        Output::Json | Output::Ndjson => json(&value, output)?,
        Output::Table => {
            rows(&value.distances, output)?;
            line(&summary(&value))?;
        }
        Output::Csv => rows(&value.distances, output)?,
    }
    args.plot.said(output)
}

fn rows(slices: &[Slice], output: Output) -> Result<()> {
    let shown = |pace: f64| match output {
        Output::Csv => pace.to_string(),
        Output::Table | Output::Json | Output::Ndjson => format!("{pace:.2}"),
    };
    let mut rows = Rows::new(&["distance_mi", "label", "pace_from", "pace_to"]);
    for slice in slices {
        for stretch in &slice.labels {
            rows.push(vec![
                slice.distance_mi.to_string(),
                stretch.label.to_string(),
                shown(stretch.pace_from),
                shown(stretch.pace_to),
            ]);
        }
    }
    let empty = "This model has no clusters: every workout gets the era's label.";
    list(slices, &rows, empty, output)
}

/// Where the odds are even, and whose they are.
fn summary(value: &MapJson) -> String {
    let even: Vec<String> = value
        .distances
        .iter()
        .flat_map(|slice| {
            let changes = slice.likelier.iter().skip(1);
            changes.map(|s| format!("{:.2} min/mi at {} mi", s.pace_from, slice.distance_mi))
        })
        .collect();
    let even = match even.is_empty() {
        true => String::new(),
        false => format!("Even odds: {}.\n", even.join(", ")),
    };
    format!(
        "{even}Model: {} version {} {}",
        value.model_id, value.model_version, value.algorithm
    )
}

async fn plotted(store: &Store, args: &MapArgs, window: Window, row: &ModelRow, model: &Model) -> Result<()> {
    let Some(file) = args.plot.file() else { return Ok(()) };
    let (mut sample, mut outside) = (Sample::default(), 0);
    let bounds = model.bounds();
    let each = |listed| {
        match dot(listed, bounds) {
            Some(dot) => sample.push(dot),
            None => outside += 1,
        }
        Ok(())
    };
    store.list_classifications(window, None, each).await?;
    let heading = Heading {
        window: workouts(window),
        model: model_text(row),
    };
    let map = Map {
        model,
        sample: &sample,
        outside,
    };
    save(file, drawn(&heading, &map))
}

/// None for a workout that has no place in the picture.
fn dot(listed: ListedClassification, bounds: &Bounds) -> Option<Dot> {
    let (avg_pace, distance_mi) = listed.avg_pace.zip(listed.distance_mi)?;
    let minutes = duration_min(listed.duration_sec?);
    bounds.admits(avg_pace, distance_mi, minutes).then_some(Dot {
        workout_id: listed.workout_id,
        avg_pace,
        distance_mi,
        label: listed.classification,
        by_person: listed.is_user_override,
    })
}
