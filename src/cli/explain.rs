//! `explain`: why a workout is classified as it is.

use std::fmt::Write as _;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::app::{Access, App};
use crate::pipeline::choose::load_model;
use crate::stage::classify::{Explanation, explain as explain_row};
use crate::stage::features::duration_min;
use crate::store::classifications::StoredClassification;
use crate::store::models::ModelRow;

use super::output::{Output, number, one, printable, text};
use super::read::{ACTIVE, named_model, require_workout};

/// `paceline explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The workout: its id, as `paceline classifications` lists it.
    workout_id: String,
    /// The model to ask: an id, as `paceline model list` has it, or `active`.
    #[arg(long, default_value = ACTIVE)]
    model: String,
}

#[derive(Debug, Serialize)]
struct ExplainJson {
    workout_id: String,
    workout_date: String,
    activity_type: Option<String>,
    model_id: String,
    model_version: String,
    algorithm: String,
    explanation: Explanation,
    stored: Option<StoredJson>,
}

#[derive(Debug, Serialize)]
struct StoredJson {
    classification: String,
    confidence: Option<f64>,
    source: String,
    is_user_override: bool,
    model_id: Option<String>,
    change_count: i64,
    label_model_id: Option<String>,
    run_id: Option<String>,
    last_updated: Option<String>,
}

impl From<StoredClassification> for StoredJson {
    fn from(stored: StoredClassification) -> Self {
        Self {
            classification: stored.classification,
            confidence: stored.confidence,
            source: stored.source,
            is_user_override: stored.is_user_override,
            model_id: stored.model_id,
            change_count: stored.change_count,
            label_model_id: stored.label_model_id,
            run_id: stored.run_id,
            last_updated: stored.last_updated.map(|t| t.to_string()),
        }
    }
}

/// Explains one workout by one model, beside what is stored.
pub async fn explain(app: &App, args: &ExplainArgs, output: Output) -> Result<()> {
    let store = app.store(Access::Read).await?;
    let workout = require_workout(&store, &args.workout_id).await?;
    let row: ModelRow = named_model(&store, &args.model).await?;
    let model = load_model(&store, &row.model_id).await?;
    let minutes = workout.duration_sec.map(duration_min);
    let explanation = explain_row(&model, workout.date, workout.avg_pace, workout.distance_mi, minutes);
    let value = ExplainJson {
        workout_id: workout.id,
        workout_date: workout.date.to_string(),
        activity_type: workout.activity_type,
        model_id: row.model_id,
        model_version: row.model_version,
        algorithm: model.algorithm().to_string(),
        explanation,
        stored: store.classification(&args.workout_id).await?.map(Into::into),
    };
    one(&value, || page(&value), output)
}

fn page(value: &ExplainJson) -> String {
    let e = &value.explanation;
    let mut page = String::new();
    let sport = printable(&text(value.activity_type.as_deref()));
    let _ = writeln!(page, "Workout   {}  {}  {sport}", value.workout_id, value.workout_date);
    let _ = writeln!(
        page,
        "Features  pace {} min/mi, distance {} mi, duration {} min",
        number(e.features.avg_pace, 2),
        number(e.features.distance_mi, 2),
        number(e.features.duration_min, 1)
    );
    let _ = writeln!(
        page,
        "Model     {}  version {}  {}",
        value.model_id, value.model_version, value.algorithm
    );
    for cluster in &e.clusters {
        let _ = writeln!(
            page,
            "          {:<9} squared distance {:.4}",
            cluster.label.as_str(),
            cluster.d2
        );
    }
    if let Some(learned) = &e.head {
        let boundary = learned
            .boundary_pace
            .map(|pace| format!("; at this distance a run is below {pace:.2} min/mi"));
        let _ = writeln!(
            page,
            "Learnt    log-odds of a run {:+.4}, from what people said{}",
            learned.log_odds,
            boundary.unwrap_or_default()
        );
    }
    if let Some(p) = &e.posterior {
        let mixed = p.mixed.map(|m| format!(", mixed {m:.4}")).unwrap_or_default();
        let _ = writeln!(
            page,
            "Posterior real_run {:.4}{mixed}, pup_walk {:.4}; band {}",
            p.real_run, p.pup_walk, e.mixed_band
        );
    }
    if let Some(t) = &e.typicality {
        let cut = t.cut.map_or_else(|| "none".to_owned(), |cut| format!("{cut:.4}"));
        let _ = writeln!(page, "Typical   squared distance {:.4}, outlier beyond {cut}", t.d2);
    }
    let _ = writeln!(page, "Rule      {}", e.rule);
    let _ = writeln!(page, "Verdict   {}  confidence {:.4}", e.label, e.confidence);
    let _ = match &value.stored {
        Some(s) if s.is_user_override => {
            writeln!(
                page,
                "Stored    {}, set by a person, who wins over the model",
                s.classification
            )
        }
        Some(s) => writeln!(
            page,
            "Stored    {}  confidence {}  changed {} times",
            s.classification,
            number(s.confidence, 4),
            s.change_count
        ),
        None => writeln!(page, "Stored    nothing: no run has classified it"),
    };
    page
}
