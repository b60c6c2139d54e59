//! `state --as-of`: the classifications of any instant, rebuilt from the history.

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::app::{Access, App};
use crate::pipeline::RunError;
use crate::time::Timestamp;

use super::archive::FilesArgs;
use super::output::{Output, Rows, list, text};

/// `paceline state`.
#[derive(Debug, Args)]
pub struct StateArgs {
    /// The instant (UTC), inclusive: 2025-12-31T23:59:59Z, or a date, which is its midnight.
    #[arg(long, value_name = "TIME")]
    as_of: Timestamp,
    /// Only this workout; default: all.
    workout_id: Option<String>,
    #[command(flatten)]
    files: FilesArgs,
}

#[derive(Debug, Serialize)]
struct StateJson {
    workout_id: String,
    classification: String,
    is_user_override: bool,
    classification_change_count: i64,
    label_model_id: Option<String>,
    run_id: Option<String>,
    /// True where the last word is a row of others: what they wrote, and not what the current row said.
    testimony: bool,
}

/// Prints the state of an instant, by workout.
pub async fn state(app: &App, args: &StateArgs, output: Output) -> Result<()> {
    let store = app.store(Access::Read).await?;
    let shelf = args.files.shelf();
    let states = store
        .state_as_of_with(args.as_of, args.workout_id.as_deref(), Some(shelf.as_ref()))
        .await
        .map_err(|error| RunError::store("state", error))?;
    let mut rows = Rows::new(&[
        "workout_id",
        "classification",
        "by a person",
        "changes",
        "label's model",
        "label's run",
    ]);
    let mut values = Vec::with_capacity(states.len());
    for (workout_id, state) in states {
        rows.push(vec![
            workout_id.clone(),
            state.label.clone(),
            state.is_override.to_string(),
            state.change_count.to_string(),
            text(state.model_id.as_deref()),
            text(state.run_id.as_deref()),
        ]);
        values.push(StateJson {
            workout_id,
            classification: state.label,
            is_user_override: state.is_override,
            classification_change_count: state.change_count,
            label_model_id: state.model_id,
            run_id: state.run_id,
            testimony: state.testimony,
        });
    }
    let empty = match &args.workout_id {
        Some(id) => format!("Workout {id} had not been classified by then."),
        None => "Nothing had been classified by then.".to_owned(),
    };
    list(&values, &rows, &empty, output)
}
