//! `verify`: the stored state is what the history says, and the history is as it was sealed.

use std::sync::Arc;

use anyhow::Result;

use crate::app::{Access, App};
use crate::pipeline::{Kind, Progress, RunError};
use crate::store::verify::Verification;

use super::output::{Output, Rows, count, one, text};

/// Verifies; fails where there are findings.
pub async fn verify(app: &App, progress: &Arc<dyn Progress>, output: Output) -> Result<()> {
    let store = app.store(Access::Read).await?;
    progress.begin("verifying", None);
    let verified = store.verify(|rows| progress.at(rows)).await;
    progress.end();
    let verified = verified.map_err(|error| RunError::store("verify", error))?;
    one(&verified, || page(&verified), output)?;
    if verified.ok {
        return Ok(());
    }
    let found = format!("{} findings", count(verified.found));
    let hint = "compare with a backup; `paceline history WORKOUT_ID` shows the rows of a workout";
    Err(RunError::new("verify", Kind::Data, found, hint).into())
}

fn page(verified: &Verification) -> String {
    let mut page = format!(
        "{} history rows in {} segments, {} workouts\nhead {}\n",
        count(verified.rows),
        count(verified.segments),
        count(verified.workouts),
        verified.head
    );
    if verified.ok {
        page.push_str(
            "Every link of the chain holds, every row is as it was sealed, and replaying them gives the stored state.",
        );
        return page;
    }
    let mut rows = Rows::new(&["kind", "segment", "workout", "what"]);
    for f in &verified.findings {
        let segment = text(f.segment_id.map(|id| id.to_string()).as_deref());
        rows.push(vec![
            f.kind.to_owned(),
            segment,
            text(f.workout_id.as_deref()),
            f.detail.clone(),
        ]);
    }
    page.push_str(&rows.table());
    page
}
