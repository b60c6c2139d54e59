//! `doctor --repair-overrides`: labels that people set and that somebody wrote over.
//!
//! Why: nobody should have to say twice what a workout is; and nobody should find it said for him without
//! having seen the list.

use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal, Write};

use anyhow::Result;
use serde::Serialize;

use crate::app::{Access, App};
use crate::pipeline::repair::{obstacle, overwritten, restore};
use crate::store::repair::{Overwritten, Standing, Written};

use super::output::{Output, Rows, count, one, text};

#[derive(Debug, Serialize)]
struct RepairJson {
    found: usize,
    restored: usize,
    overrides: Vec<OverwrittenJson>,
}

#[derive(Debug, Serialize)]
struct OverwrittenJson {
    workout_id: String,
    workout_date: Option<String>,
    person: WrittenJson,
    now: Option<StandingJson>,
    overwritten_by: Option<WrittenJson>,
    /// `planned`, `restored`, `already` (somebody was first), or `cannot`.
    outcome: &'static str,
    why: Option<String>,
}

#[derive(Debug, Serialize)]
struct WrittenJson {
    history_id: i64,
    label: String,
    source: String,
    by: String,
    at: String,
    reason: Option<String>,
    model_id: Option<String>,
}

#[derive(Debug, Serialize)]
struct StandingJson {
    label: String,
    is_user_override: bool,
    source: String,
    model_id: Option<String>,
    since: Option<String>,
}

impl From<&Written> for WrittenJson {
    fn from(row: &Written) -> Self {
        Self {
            history_id: row.history_id,
            label: row.label.clone(),
            source: row.source.clone(),
            by: row.by.clone(),
            at: row.at.to_string(),
            reason: row.reason.clone(),
            model_id: row.model_id.clone(),
        }
    }
}

impl From<&Standing> for StandingJson {
    fn from(row: &Standing) -> Self {
        Self {
            label: row.label.clone(),
            is_user_override: row.is_user_override,
            source: row.source.clone(),
            model_id: row.model_id.clone(),
            since: row.since.map(|t| t.to_string()),
        }
    }
}

impl From<&Overwritten> for OverwrittenJson {
    fn from(found: &Overwritten) -> Self {
        let why = obstacle(found);
        Self {
            workout_id: found.workout_id.clone(),
            workout_date: found.workout_date.map(|d| d.to_string()),
            person: (&found.word).into(),
            now: found.now.as_ref().map(Into::into),
            overwritten_by: found.by.as_ref().map(Into::into),
            outcome: if why.is_some() { "cannot" } else { "planned" },
            why,
        }
    }
}

/// Lists the words that were written over; with `apply`, or where somebody at a terminal says so, restores them.
pub async fn repair(app: &App, apply: bool, output: Output) -> Result<()> {
    let store = app.store(Access::Read).await?;
    let found = overwritten(&store).await?;
    let mut value = RepairJson {
        found: found.len(),
        restored: 0,
        overrides: found.iter().map(Into::into).collect(),
    };
    let some = value.overrides.iter().any(|o| o.outcome == "planned");
    if !some || !(apply || confirmed(&value, output)?) {
        return one(&value, || page(&value), output);
    }
    let ambient = app.ambient()?;
    for (found, shown) in found.iter().zip(&mut value.overrides) {
        if shown.outcome == "planned" {
            let restored = restore(&store, found, &ambient).await?;
            shown.outcome = if restored { "restored" } else { "already" };
            value.restored += usize::from(restored);
        }
    }
    one(&value, || page(&value), output)
}

/// Shows the plan and asks, where there is somebody to ask.
fn confirmed(value: &RepairJson, output: Output) -> Result<bool> {
    if output.is_json() || !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut stderr = std::io::stderr().lock();
    write!(stderr, "{}\nRestore them? [y/N] ", page(value))?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

fn page(value: &RepairJson) -> String {
    if value.found == 0 {
        return "Every label that a person set stands, or was taken back by a person.".to_owned();
    }
    let mut rows = Rows::new(&[
        "workout_id",
        "workout_date",
        "person says",
        "said",
        "by",
        "stands now",
        "overwritten by",
        "outcome",
    ]);
    for o in &value.overrides {
        let now = o.now.as_ref().map(|now| match now.is_user_override {
            true => format!("{} (a person's)", now.label),
            false => now.label.clone(),
        });
        let by = o
            .overwritten_by
            .as_ref()
            .map(|by| format!("{} {} ({})", by.by, by.at, by.source));
        rows.push(vec![
            o.workout_id.clone(),
            text(o.workout_date.as_deref()),
            o.person.label.clone(),
            o.person.at.clone(),
            o.person.by.clone(),
            text(now.as_deref()),
            by.unwrap_or_else(|| "nobody in the history".to_owned()),
            o.why.clone().unwrap_or_else(|| o.outcome.to_owned()),
        ]);
    }
    let mut page = rows.table();
    let planned = value.overrides.iter().filter(|o| o.outcome == "planned").count();
    let labels = if value.found == 1 { "label" } else { "labels" };
    let _ = write!(
        page,
        "\n\n{} {labels} that a person set and nobody took back; ",
        count(value.found as u64)
    );
    if planned > 0 {
        let _ = write!(page, "nothing was written. --apply restores {}.", count(planned as u64));
    } else {
        let _ = write!(page, "{} restored as overrides.", count(value.restored as u64));
    }
    page
}
