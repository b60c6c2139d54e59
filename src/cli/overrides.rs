//! `override`: labels that people set, and that stand until a person clears them.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::{Access, App};
use crate::pipeline::people::{Recorded, Said, clear, say};
use crate::stage::feedback::MAX_CERTAINTY;
use crate::store::overrides::ListedOverride;
use crate::vocab::{FeedbackType, Label};

use super::output::{Output, Rows, list, one, text};

/// `paceline override`.
#[derive(Debug, Args)]
pub struct OverrideArgs {
    #[command(subcommand)]
    command: OverrideCommand,
}

impl OverrideArgs {
    /// True for the command that lists overrides.
    pub fn is_list(&self) -> bool {
        matches!(self.command, OverrideCommand::List)
    }
}

#[derive(Debug, Subcommand)]
enum OverrideCommand {
    /// Sets a workout's label; no model changes it until it is cleared.
    Set {
        /// The workout: its id, as `paceline classifications` lists it.
        workout_id: String,
        /// The label: real_run, pup_walk, mixed or outlier.
        label: Label,
        /// Why; kept with the override.
        #[arg(long)]
        reason: Option<String>,
        /// Your name, which is kept in the history.
        #[arg(long, default_value = "user")]
        user: String,
        /// Records an administrator's correction instead of a user's.
        #[arg(long)]
        admin: bool,
    },
    /// Returns a workout to the active model's opinion.
    Clear {
        /// The workout: its id, as `paceline classifications` lists it.
        workout_id: String,
        /// Why; kept in the history.
        #[arg(long, default_value = "override cleared")]
        reason: String,
        /// Your name, which is kept in the history.
        #[arg(long, default_value = "user")]
        user: String,
    },
    /// Lists the labels that people set, beside what the model says.
    List,
}

#[derive(Debug, Serialize)]
struct OverrideJson {
    workout_id: String,
    workout_date: Option<String>,
    classification: String,
    original_ml_classification: Option<String>,
    source: String,
    reason: Option<String>,
    since: Option<String>,
}

#[derive(Debug, Serialize)]
struct ChangeJson {
    workout_id: String,
    changed: bool,
    from: Option<String>,
    to: String,
}

impl From<ListedOverride> for OverrideJson {
    fn from(row: ListedOverride) -> Self {
        Self {
            workout_id: row.workout_id,
            workout_date: row.workout_date.map(|d| d.to_string()),
            classification: row.label,
            original_ml_classification: row.original,
            source: row.source,
            reason: row.reason,
            since: row.since.map(|t| t.to_string()),
        }
    }
}

/// Runs an `override` command.
pub async fn overrides(app: &App, args: OverrideArgs, output: Output) -> Result<()> {
    let store = app.store(Access::Read).await?;
    match args.command {
        OverrideCommand::Set {
            workout_id,
            label,
            reason,
            user,
            admin,
        } => {
            let said = Said {
                workout_id,
                feedback_type: FeedbackType::Correct,
                label: Some(label),
                // A person who sets a label by hand is sure.
                certainty: MAX_CERTAINTY,
                comment: reason,
                user,
                admin,
            };
            let recorded = say(&store, &said, &app.ambient()?).await?;
            let from = match recorded {
                Recorded::Overridden { from, .. } => Some(from),
                Recorded::Kept | Recorded::Already => None,
            };
            let changed = from.is_some();
            let value = ChangeJson {
                workout_id: said.workout_id,
                changed,
                from,
                to: label.to_string(),
            };
            one(&value, || set_sentence(&value), output)
        }
        OverrideCommand::Clear {
            workout_id,
            reason,
            user,
        } => {
            let cleared = clear(&store, &workout_id, &user, &reason, &app.ambient()?).await?;
            let value = ChangeJson {
                workout_id,
                changed: true,
                from: Some(cleared.from),
                to: cleared.to,
            };
            one(
                &value,
                || format!("{}: back to the model, which says {}.", value.workout_id, value.to),
                output,
            )
        }
        OverrideCommand::List => {
            let values: Vec<OverrideJson> = store.overrides().await?.into_iter().map(Into::into).collect();
            list(&values, &rows_of(&values), "No label was set by a person.", output)
        }
    }
}

fn set_sentence(value: &ChangeJson) -> String {
    match &value.from {
        Some(from) => format!(
            "{}: {} from now on, whatever a model says (before: {from}).",
            value.workout_id, value.to
        ),
        None => format!(
            "{}: is {} by a person's word already; nothing was written.",
            value.workout_id, value.to
        ),
    }
}

fn rows_of(values: &[OverrideJson]) -> Rows {
    let mut rows = Rows::new(&[
        "workout_id",
        "workout_date",
        "person says",
        "model says",
        "source",
        "since",
        "reason",
    ]);
    for v in values {
        rows.push(vec![
            v.workout_id.clone(),
            text(v.workout_date.as_deref()),
            v.classification.clone(),
            text(v.original_ml_classification.as_deref()),
            v.source.clone(),
            text(v.since.as_deref()),
            text(v.reason.as_deref()),
        ]);
    }
    rows
}
