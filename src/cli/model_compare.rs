//! `model compare`: two models side by side, and what each would say of every workout.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::app::read_pipeline;
use crate::pipeline::compare::{Comparison, Side, compare as compare_models};
use crate::store::Store;

use super::model_change::everything;
use super::output::{Output, Rows, count, number, one, printable, text};
use super::read::named_model;

/// `paceline model compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// A model id, as `paceline model list` has it, or `active`.
    a: String,
    /// The other one: a model id, or `active`.
    b: String,
    /// Takes the activities, the source window and the gate from this pipeline file; default: all runs, walks
    /// and hikes.
    #[arg(long, value_name = "PIPELINE.toml")]
    pipeline: Option<PathBuf>,
}

/// Compares two models, and writes nothing.
pub async fn compare(store: &Store, args: &CompareArgs, output: Output) -> Result<()> {
    let pipeline = match &args.pipeline {
        Some(path) => read_pipeline(path)?,
        None => everything()?,
    };
    let (a, b) = (named_model(store, &args.a).await?, named_model(store, &args.b).await?);
    let value = compare_models(store, a, b, &pipeline).await?;
    one(&value, || page(&value), output)
}

fn page(value: &Comparison) -> String {
    let (a, b) = (&value.a, &value.b);
    let mut rows = Rows::new(&["", "A", "B"]);
    let mut field = |name: &str, a: String, b: String| rows.push(vec![name.to_owned(), a, b]);
    field("model_id", a.model_id.clone(), b.model_id.clone());
    field("version", a.model_version.clone(), b.model_version.clone());
    field("algorithm", text(a.algorithm.as_deref()), text(b.algorithm.as_deref()));
    let trained = |side: &Side| text(side.training_workouts.map(|n| n.to_string()).as_deref());
    field("training workouts", trained(a), trained(b));
    field("silhouette", number(a.silhouette, 4), number(b.silhouette, 4));
    field("inertia", number(a.inertia, 4), number(b.inertia, 4));
    let names: std::collections::BTreeSet<&String> = a.labels.keys().chain(b.labels.keys()).collect();
    for name in names {
        let of = |side: &Side| count(side.labels.get(name).copied().unwrap_or(0));
        field(name, of(a), of(b));
    }
    let share = 100.0 * value.agree as f64 / value.workouts.max(1) as f64;
    let mut text = format!(
        "{}\n\nAgree on {} of {} workouts ({share:.1} %)\n",
        rows.table(),
        count(value.agree),
        count(value.workouts)
    );
    text.push_str(&format!(
        "B would relabel {:.1} % of the classified workouts\n",
        100.0 * value.churn
    ));
    for cell in value.matrix.iter().filter(|cell| cell.from.as_ref() != Some(&cell.to)) {
        let from = cell.from.as_deref().unwrap_or("-");
        text.push_str(&format!("  A says {from}, B says {}: {}\n", cell.to, count(cell.count)));
    }
    gate_part(&mut text, value);
    text
}

fn gate_part(text: &mut String, value: &Comparison) {
    match &value.gate {
        Some(gate) => {
            let _ = writeln!(text, "\nGate on B beside A: {}, {}", gate.verdict.as_str(), gate.reason);
        }
        None => {
            text.push_str("\nGate: another tool trained B; how it was trained is not known, so it cannot be judged\n")
        }
    }
    let (a, b) = (value.a.contradicts, value.b.contradicts);
    let _ = writeln!(text, "Contradicts people: A on {}, B on {}", count(a), count(b));
    for c in &value.contradictions {
        let _ = writeln!(
            text,
            "  {}: a person says {}, A {}, B {}",
            printable(&c.workout_id),
            c.said,
            c.a,
            c.b
        );
    }
}
