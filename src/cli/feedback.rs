//! `feedback`: what people say of classifications.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::{Access, App};
use crate::pipeline::answers::{AnswersReport, import_answers};
use crate::pipeline::lessons::Lessons;
use crate::pipeline::people::{Recorded, Said, say};
use crate::stage::feedback::{DEFAULT_CERTAINTY, Disagreement};
use crate::store::feedback::StoredFeedback;
use crate::vocab::{FeedbackType, Label};

use super::output::{Output, Rows, list, one, printable, text};

/// `paceline feedback`.
#[derive(Debug, Args)]
pub struct FeedbackArgs {
    #[command(subcommand)]
    command: FeedbackCommand,
}

impl FeedbackArgs {
    /// True for the command that lists answers.
    pub fn is_list(&self) -> bool {
        matches!(self.command, FeedbackCommand::List { .. })
    }
}

#[derive(Debug, Subcommand)]
enum FeedbackCommand {
    /// Answers a classification; a correction is obeyed at once and for ever.
    Add(AddArgs),
    /// Reads answers from a CSV file.
    ///
    /// Its header names the columns: workout_id must be there; type, label, certainty, comment and user may be. A row
    /// that means nothing is kept in the quarantine; the file can be given again.
    Import {
        /// The CSV file.
        file: PathBuf,
        /// Who says so, where the file has no column user.
        #[arg(long, default_value = "user")]
        user: String,
    },
    /// Lists what people said, oldest first.
    List {
        /// Only what no model has learned from yet.
        #[arg(long)]
        unprocessed: bool,
    },
    /// Counts answers by type, label and person.
    Stats,
}

#[derive(Debug, Args)]
struct AddArgs {
    /// The workout: its id, as `paceline classifications` lists it.
    workout_id: String,
    /// accept (the label is right), reject (it is wrong, and you do not say what is right), correct (with --label)
    /// or uncertain (you cannot say).
    #[arg(long = "type", value_name = "TYPE")]
    feedback_type: FeedbackType,
    /// For a correction, what is right: real_run, pup_walk, mixed or outlier.
    #[arg(long)]
    label: Option<Label>,
    /// 1 (a guess) to 5 (sure); a surer answer teaches more.
    #[arg(long, default_value_t = DEFAULT_CERTAINTY)]
    certainty: u8,
    /// Free text, kept with the answer.
    #[arg(long)]
    comment: Option<String>,
    /// Your name, which is kept with the answer.
    #[arg(long, default_value = "user")]
    user: String,
    /// Records an administrator's correction instead of a user's.
    #[arg(long)]
    admin: bool,
}

#[derive(Debug, Serialize)]
struct RecordedJson {
    workout_id: String,
    recorded: bool,
    overridden: bool,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Debug, Serialize)]
struct FeedbackJson {
    feedback_id: i64,
    workout_id: String,
    feedback_type: String,
    ai_classification: Option<String>,
    ai_confidence: Option<f64>,
    user_classification: Option<String>,
    user_certainty: Option<i64>,
    user_id: Option<String>,
    comments: Option<String>,
    submitted_at: String,
    processed: bool,
    incorporated_in_model: Option<String>,
}

impl From<StoredFeedback> for FeedbackJson {
    fn from(f: StoredFeedback) -> Self {
        Self {
            feedback_id: f.feedback_id,
            workout_id: f.workout_id,
            feedback_type: f.feedback_type,
            ai_classification: f.ai_classification,
            ai_confidence: f.ai_confidence,
            user_classification: f.user_classification,
            user_certainty: f.certainty,
            user_id: f.user,
            comments: f.comments,
            submitted_at: f.submitted_at.to_string(),
            processed: f.processed,
            incorporated_in_model: f.incorporated_in_model,
        }
    }
}

/// Runs a `feedback` command.
pub async fn feedback(app: &App, args: FeedbackArgs, output: Output) -> Result<()> {
    let store = app.store(Access::Read).await?;
    match args.command {
        FeedbackCommand::Add(add) => {
            let said = said_of(add);
            let recorded = say(&store, &said, &app.ambient()?).await?;
            let value = recorded_json(&said.workout_id, &recorded);
            one(&value, || sentence(&said, &recorded), output)
        }
        FeedbackCommand::Import { file, user } => {
            let (name, input) = crate::app::open_export(&file)?;
            let report = import_answers(&store, &name, input, &user, &app.ambient()?).await?;
            one(&report, || imported(&report), output)
        }
        FeedbackCommand::List { unprocessed } => {
            let values: Vec<FeedbackJson> = store.feedback(unprocessed).await?.into_iter().map(Into::into).collect();
            list(&values, &rows_of(&values), "Nobody has said anything yet.", output)
        }
        FeedbackCommand::Stats => stats(&store.feedback(false).await?, &Lessons::read(&store).await?, output),
    }
}

fn said_of(add: AddArgs) -> Said {
    Said {
        workout_id: add.workout_id,
        feedback_type: add.feedback_type,
        label: add.label,
        certainty: add.certainty,
        comment: add.comment,
        user: add.user,
        admin: add.admin,
    }
}

fn recorded_json(workout_id: &str, recorded: &Recorded) -> RecordedJson {
    let (from, to) = match recorded {
        Recorded::Overridden { from, to } => (Some(from.clone()), Some(to.clone())),
        Recorded::Kept | Recorded::Already => (None, None),
    };
    let recorded_now = *recorded != Recorded::Already;
    RecordedJson {
        workout_id: workout_id.to_owned(),
        recorded: recorded_now,
        overridden: to.is_some(),
        from,
        to,
    }
}

fn sentence(said: &Said, recorded: &Recorded) -> String {
    let id = &said.workout_id;
    match recorded {
        Recorded::Kept => format!("{id}: kept what {} says ({}).", said.user, said.feedback_type),
        Recorded::Overridden { from, to } => format!("{id}: {to} from now on, whatever a model says (before: {from})."),
        Recorded::Already => format!("{id}: {} had said just that before; nothing was written.", said.user),
    }
}

fn imported(report: &AnswersReport) -> String {
    let mut text = format!(
        "{}: {} answers read = {} recorded + {} said before + {} refused; {} labels were corrected.",
        report.file, report.read, report.recorded, report.already, report.refused, report.overridden
    );
    if report.refused > 0 {
        text.push_str("\n  Refused rows are kept with their reasons: `paceline quarantine list`.");
    }
    text
}

fn rows_of(values: &[FeedbackJson]) -> Rows {
    let mut rows = Rows::new(&[
        "id",
        "workout_id",
        "type",
        "model said",
        "person says",
        "certainty",
        "user",
        "submitted_at",
        "learned by",
    ]);
    for v in values {
        rows.push(vec![
            v.feedback_id.to_string(),
            v.workout_id.clone(),
            v.feedback_type.clone(),
            text(v.ai_classification.as_deref()),
            text(v.user_classification.as_deref()),
            text(v.user_certainty.map(|c| c.to_string()).as_deref()),
            text(v.user_id.as_deref()),
            v.submitted_at.clone(),
            text(v.incorporated_in_model.as_deref()),
        ]);
    }
    rows
}

#[derive(Debug, Serialize)]
struct StatsJson {
    answers: u64,
    unprocessed: u64,
    by_type: BTreeMap<String, u64>,
    by_label: BTreeMap<String, u64>,
    by_user: BTreeMap<String, u64>,
    /// Workouts on which people's standing answers differ: they teach nothing until someone yields.
    disagreements: Vec<Disagreement>,
}

fn stats(all: &[StoredFeedback], lessons: &Lessons, output: Output) -> Result<()> {
    let count = |key: &dyn Fn(&StoredFeedback) -> Option<String>| {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for key in all.iter().filter_map(key) {
            *counts.entry(key).or_default() += 1;
        }
        counts
    };
    let value = StatsJson {
        answers: all.len() as u64,
        unprocessed: all.iter().filter(|f| !f.processed).count() as u64,
        by_type: count(&|f| Some(f.feedback_type.clone())),
        by_label: count(&|f| f.user_classification.clone()),
        by_user: count(&|f| f.user.clone()),
        disagreements: lessons.feedback().disagreements().to_vec(),
    };
    one(
        &value,
        || {
            let line = |counts: &BTreeMap<String, u64>| {
                counts
                    .iter()
                    .map(|(name, n)| format!("{name} {n}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            let mut page = format!(
                "{} answers, {} of them not learned from yet\n  by type   {}\n  by label  {}\n  by person {}",
                value.answers,
                value.unprocessed,
                line(&value.by_type),
                line(&value.by_label),
                line(&value.by_user)
            );
            for d in &value.disagreements {
                let words: Vec<String> = d.words.iter().map(|(user, label)| format!("{user} {label}")).collect();
                let words = printable(&words.join(", "));
                page.push_str(&format!("\n  disagree on {}: {words}", printable(&d.workout_id)));
            }
            page
        },
        output,
    )
}
