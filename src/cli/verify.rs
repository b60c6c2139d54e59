//! `verify`: the stored state is what the history says, and the history is as it was sealed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::app::{Access, App, replace_file};
use crate::audit::anchor::Anchor;
use crate::pipeline::memory::allows_verify;
use crate::pipeline::{Kind, Progress, RunError};
use crate::store::findings::Finding;
use crate::store::verify::{Scrutiny, Spill, Verification};
use crate::time::Timestamp;

use super::archive::FilesArgs;
use super::output::{Output, Rows, count, one, text};
use super::run::MemoryArgs;

/// `paceline verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A file outside the database that remembers the chain's head: checked where it is there, written where
    /// it is not, and moved on to the new head where everything holds.
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
    #[command(flatten)]
    files: FilesArgs,
    /// Does not look at the files of archives; what they hold is not checked.
    #[arg(long, conflicts_with = "archive")]
    no_archive: bool,
    #[command(flatten)]
    memory: MemoryArgs,
}

/// What became of the anchor.
#[derive(Debug, Serialize)]
struct AnchorJson {
    file: String,
    /// `written`: it was not there; `extended`: it holds and the chain has grown; `held`: it holds and
    /// nothing is new; `left`: it was not touched because something does not hold.
    status: &'static str,
    segment_id: i64,
    head: String,
}

#[derive(Debug, Serialize)]
struct VerifyJson<'a> {
    #[serde(flatten)]
    verified: &'a Verification,
    anchor: Option<AnchorJson>,
}

fn refused(path: &Path, what: impl std::fmt::Display) -> anyhow::Error {
    let found = format!("cannot use the anchor {}: {what}", path.display());
    let hint = "it was left as it is; restore it from a copy, or name another file to begin a new one";
    RunError::new("verify", Kind::Data, found, hint).into()
}

/// The anchor in a file; None where there is no file. Whatever else is there is refused, because a file that
/// cannot be read may be the only witness.
fn read_anchor(path: &Path) -> Result<Option<Anchor>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refused(path, error)),
    };
    Anchor::read(&text).map(Some).map_err(|error| refused(path, error))
}

/// Writes the anchor where everything holds and it is not there yet or the chain has grown.
fn move_anchor(path: &Path, old: Option<Anchor>, verified: &Verification, now: Timestamp) -> Result<AnchorJson> {
    let new = Anchor {
        segment_id: verified.end.segment_id,
        head: verified.end.head,
        rows: verified.sealed,
        written_at: now,
    };
    let status = match old {
        _ if !verified.ok => "left",
        None => "written",
        Some(old) if old.segment_id == new.segment_id => "held",
        Some(_) => "extended",
    };
    if matches!(status, "written" | "extended") {
        replace_file(path, &new.text())?;
    }
    let shown = match status {
        "left" | "held" => old,
        _ => Some(new),
    };
    Ok(AnchorJson {
        file: path.display().to_string(),
        status,
        segment_id: shown.map_or(0, |anchor| anchor.segment_id),
        head: shown.map_or_else(String::new, |anchor| anchor.head.to_string()),
    })
}

/// Verifies; fails where there are findings.
pub async fn verify(app: &App, args: &VerifyArgs, progress: &Arc<dyn Progress>, output: Output) -> Result<()> {
    let anchored = args.anchor.as_deref().map(read_anchor).transpose()?.flatten();
    let store = app.store(Access::Read).await?;
    allows_verify(&store, args.memory.max_memory).await?;
    progress.begin("verifying", None);
    let scrutiny = Scrutiny {
        anchor: anchored,
        spill: Spill::into_folder(app.temporary_folder()),
        shelf: (!args.no_archive).then(|| args.files.shelf()),
    };
    let verified = store.scrutinize(&scrutiny, |rows| progress.at(rows)).await;
    progress.end();
    let verified = verified.map_err(|error| RunError::store("verify", error))?;
    let moved = args.anchor.as_deref();
    let moved = moved.map(|path| move_anchor(path, anchored, &verified, app.now()));
    let value = VerifyJson {
        verified: &verified,
        anchor: moved.transpose()?,
    };
    one(&value, || page(&value), output)?;
    if verified.ok {
        return Ok(());
    }
    let found = match verified.found {
        1 => "1 finding".to_owned(),
        many => format!("{} findings", count(many)),
    };
    Err(RunError::new("verify", Kind::Data, found, hint(&verified)).into())
}

/// What to do about findings, by what they are.
fn hint(verified: &Verification) -> &'static str {
    let all = |kinds: &[&str]| verified.findings.iter().all(|f| kinds.contains(&f.kind));
    if all(&["unsealed"]) {
        return "rows of others: the next run adopts them, or `paceline migrate` does now";
    }
    let files = ["file_missing", "file_changed", "file_unreadable"];
    if verified.findings.iter().any(|f| files.contains(&f.kind)) {
        return "put the files back from a copy, or name their folder with --archive; `paceline archive list` says which \
                belong where";
    }
    if all(&[
        "unsealed",
        "missing_history",
        "missing_state",
        "label",
        "override",
        "change_count",
    ]) {
        return "`paceline history WORKOUT_ID` shows the rows of a workout; where another tool writes current rows \
                without history, `paceline migrate --adopt-state` takes them over as they are";
    }
    "compare with a backup; `paceline history WORKOUT_ID` shows the rows of a workout"
}

fn page(value: &VerifyJson<'_>) -> String {
    let verified = value.verified;
    let mut page = format!(
        "{} history rows in {} segments, {} workouts\nhead {}\n",
        count(verified.rows),
        count(verified.segments),
        count(verified.workouts),
        verified.head
    );
    if let Some(anchor) = &value.anchor {
        page.push_str(&anchor_line(anchor));
    }
    page.push_str(&archived(verified));
    page.push_str(&notes(verified));
    if verified.ok && verified.unchecked > 0 {
        page.push_str(&format!(
            "Every link of the chain holds, every row that was read is as it was sealed, and replaying them from the sealed \
             snapshot gives the stored state. NOT CHECKED: {} rows in archive files.",
            count(verified.unchecked)
        ));
        return page;
    }
    if verified.ok {
        page.push_str(
            "Every link of the chain holds, every row is as it was sealed, and replaying them gives the stored state.",
        );
        return page;
    }
    let mut rows = Rows::new(&["kind", "segment", "workout", "what"]);
    for f in &verified.findings {
        rows.push(cells(f));
    }
    page.push_str(&rows.table());
    let more = verified.found - verified.findings.len() as u64;
    if more > 0 {
        page.push_str(&format!("\n.. and {} more of these kinds", count(more)));
    }
    page
}

fn cells(f: &Finding) -> Vec<String> {
    let segment = text(f.segment_id.map(|id| id.to_string()).as_deref());
    vec![
        f.kind.to_owned(),
        segment,
        text(f.workout_id.as_deref()),
        f.detail.clone(),
    ]
}

fn anchor_line(anchor: &AnchorJson) -> String {
    let AnchorJson { file, segment_id, .. } = anchor;
    match anchor.status {
        "written" => format!("anchor {file}: written, at segment {segment_id}; keep it away from the database\n"),
        "extended" => format!("anchor {file}: holds, moved on to segment {segment_id}\n"),
        "held" => format!("anchor {file}: holds, at segment {segment_id}\n"),
        _ => format!("anchor {file}: left as it was\n"),
    }
}

/// What is in files.
fn archived(verified: &Verification) -> String {
    if verified.archived == 0 {
        return String::new();
    }
    let (archived, checked) = (verified.archived, verified.archived.saturating_sub(verified.unchecked));
    format!(
        "{} rows are in archive files, {} of them checked\n",
        count(archived),
        count(checked)
    )
}

/// A line for each kind of note, with one example: what others wrote is told, not listed.
fn notes(verified: &Verification) -> String {
    let mut kinds: BTreeMap<&str, (u64, &Finding)> = BTreeMap::new();
    for note in &verified.notes {
        kinds.entry(note.kind).or_insert((0, note)).0 += 1;
    }
    if kinds.is_empty() {
        return String::new();
    }
    let mut rows = Rows::new(&["note", "at least", "such as"]);
    for (kind, (listed, note)) in kinds {
        let about = note
            .workout_id
            .as_ref()
            .map_or_else(String::new, |id| format!("{id}: "));
        rows.push(vec![kind.to_owned(), count(listed), format!("{about}{}", note.detail)]);
    }
    let rows = rows.table();
    if verified.adopted == 0 {
        return format!("{rows}\n");
    }
    let adopted = count(verified.adopted);
    format!(
        "{adopted} rows were written by others and adopted; replay takes their word for what came before.\n{rows}\n"
    )
}
