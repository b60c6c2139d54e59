//! The figures in Prometheus' text format.
//!
//! Format: "Text-based format", version 0.0.4, of the Prometheus documentation. `docs/metrics.md` lists the names.
//!
//! Invariants: names begin with `paceline_`, units are base units in the name, and only counters end in `_total`;
//! a figure that is not known is left out, never 0.
//!
//! Must not know: where the text goes.

use anyhow::Result;
use prometheus::core::Collector;
use prometheus::{GaugeVec, IntCounterVec, Opts, Registry, TextEncoder};

use crate::pipeline::measures::Measures;
use crate::scheduler::health::Health;
use crate::store::runs::LedgerRun;
use crate::time::Timestamp;

use super::{Ended, Facts};
use crate::app::telemetry::RunStages;

/// A figure with the values of its labels.
type Sample<'s> = (Vec<&'s str>, f64);

/// The text of all that is known; `requests` are counted by the endpoint that is asked.
///
/// # Errors
/// Where a name is no metric's name, which a test would have found.
pub fn exposition(facts: &Facts, requests: Option<&IntCounterVec>) -> Result<String> {
    let page = Page(Registry::new());
    page.add(
        "paceline_build_info",
        "The version that wrote this.",
        &["version"],
        [(vec![env!("CARGO_PKG_VERSION")], 1.0)],
    )?;
    let up = f64::from(u8::from(facts.measures.is_some()));
    page.add(
        "paceline_store_up",
        "Whether the store answered (1) or not (0).",
        &[],
        [(vec![], up)],
    )?;
    if let Some(measures) = &facts.measures {
        page.runs(measures)?;
        page.store(measures)?;
    }
    page.stages(&facts.stages)?;
    if let Some(ended) = &facts.ended {
        page.ended(ended)?;
    }
    if let Some(health) = &facts.health {
        page.schedule(health)?;
    }
    if let Some(requests) = requests {
        page.register(requests.clone())?;
    }
    Ok(TextEncoder::new().encode_to_string(&page.0.gather())?)
}

struct Page(Registry);

/// A text of the ledger or of the health as Unix time in seconds.
fn seconds(text: &str) -> Option<f64> {
    text.parse().ok().map(unix)
}

fn unix(at: Timestamp) -> f64 {
    at.micros() as f64 / 1e6
}

impl Page {
    fn register(&self, metric: impl Collector + 'static) -> Result<()> {
        Ok(self.0.register(Box::new(metric))?)
    }

    fn add<'s>(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        samples: impl IntoIterator<Item = Sample<'s>>,
    ) -> Result<()> {
        let family = GaugeVec::new(Opts::new(name, help), labels)?;
        for (values, value) in samples {
            family.get_metric_with_label_values(&values)?.set(value);
        }
        self.register(family)
    }

    /// A figure of each pipeline's last run.
    fn of_runs(
        &self,
        name: &str,
        help: &str,
        runs: &[LedgerRun],
        value: impl Fn(&LedgerRun) -> Option<f64>,
    ) -> Result<()> {
        let samples = runs
            .iter()
            .filter_map(|run| Some((vec![run.pipeline.as_str()], value(run)?)));
        self.add(name, help, &["pipeline"], samples)
    }

    fn runs(&self, measures: &Measures) -> Result<()> {
        let runs = &measures.last_runs[..];
        let times = |run: &LedgerRun| Some((seconds(&run.started_at)?, seconds(run.finished_at.as_deref()?)?));
        self.of_runs(
            "paceline_run_last_start_timestamp_seconds",
            "When the last run began that has ended.",
            runs,
            |run| seconds(&run.started_at),
        )?;
        self.of_runs(
            "paceline_run_last_end_timestamp_seconds",
            "When it ended.",
            runs,
            |run| Some(times(run)?.1),
        )?;
        self.of_runs("paceline_run_last_duration_seconds", "How long it took.", runs, |run| {
            times(run).map(|(began, ended)| ended - began)
        })?;
        self.of_runs(
            "paceline_run_last_success",
            "Whether it succeeded (1), or failed or was done in part (0).",
            runs,
            |run| Some(f64::from(u8::from(run.status == "succeeded"))),
        )?;
        let successes = measures.last_successes.iter();
        self.add(
            "paceline_run_last_success_timestamp_seconds",
            "When a run of the pipeline succeeded last.",
            &["pipeline"],
            successes.map(|(pipeline, at)| (vec![pipeline.as_str()], unix(*at))),
        )?;
        self.counts(runs)
    }

    /// What the last runs counted.
    fn counts(&self, runs: &[LedgerRun]) -> Result<()> {
        self.of_runs("paceline_run_last_rows_read", "Workouts that it read.", runs, |run| {
            Some(run.rows.read as f64)
        })?;
        let rows = runs.iter().flat_map(|run| {
            let each = [
                ("classified", run.rows.classified),
                ("skipped", run.rows.skipped),
                ("quarantined", run.rows.quarantined),
            ];
            each.map(|(outcome, rows)| (vec![run.pipeline.as_str(), outcome], rows as f64))
        });
        self.add(
            "paceline_run_last_rows",
            "What became of them; adds up to those read.",
            &["pipeline", "outcome"],
            rows,
        )?;
        self.of_runs(
            "paceline_run_last_rows_fallback",
            "Those among the classified that the era rule spoke for.",
            runs,
            |run| Some(run.rows.fallback as f64),
        )?;
        let changes = runs.iter().flat_map(|run| {
            let counts = run.changes;
            let each = [
                ("new", counts.new),
                ("changed", counts.changed),
                ("refreshed", counts.refreshed),
                ("protected", counts.protected),
                ("unchanged", counts.unchanged),
            ];
            each.map(|(outcome, rows)| (vec![run.pipeline.as_str(), outcome], rows as f64))
        });
        self.add(
            "paceline_run_last_changes",
            "Verdicts of the last run by what they changed.",
            &["pipeline", "outcome"],
            changes,
        )?;
        self.of_runs(
            "paceline_run_last_rows_written",
            "History rows and current rows that it wrote.",
            runs,
            |run| Some(run.rows_written as f64),
        )
    }

    fn store(&self, measures: &Measures) -> Result<()> {
        let labels = measures.labels.iter();
        self.add(
            "paceline_classifications",
            "Workouts by their label now.",
            &["label"],
            labels.map(|(label, count)| (vec![label.as_str()], *count as f64)),
        )?;
        let chain = measures.chain;
        for (name, help, value) in [
            (
                "paceline_corrections_waiting",
                "Corrections that no model has learnt from.",
                measures.waiting,
            ),
            (
                "paceline_audit_segments",
                "Segments of the audit chain.",
                chain.segments,
            ),
            ("paceline_audit_rows", "History rows that they seal.", chain.rows),
            (
                "paceline_audit_unsealed_rows",
                "History rows of others that nothing seals yet.",
                chain.unsealed,
            ),
        ] {
            self.add(name, help, &[], [(vec![], value as f64)])?;
        }
        let active = measures.active.iter();
        let about = active.clone().map(|model| {
            let algorithm = model.algorithm_type.as_deref().unwrap_or("unknown");
            (
                vec![model.model_id.as_str(), model.model_version.as_str(), algorithm],
                1.0,
            )
        });
        self.add(
            "paceline_model_active_info",
            "The active model.",
            &["model_id", "version", "algorithm"],
            about,
        )?;
        let trained = active.filter_map(|model| Some((vec![], seconds(model.trained_at.as_deref()?)?)));
        self.add(
            "paceline_model_active_trained_timestamp_seconds",
            "When the active model was trained; its age is time() minus this.",
            &[],
            trained,
        )?;
        self.leases(measures)
    }

    fn leases(&self, measures: &Measures) -> Result<()> {
        let leases = measures.leases.iter();
        let held = leases.clone().map(|lease| {
            let held = f64::from(u8::from(lease.row.run_id.is_some()));
            (vec![lease.pipeline.as_str()], held)
        });
        self.add(
            "paceline_lease_held",
            "Whether a run holds the pipeline (1) or not (0); one whose time is over holds it no more.",
            &["pipeline"],
            held,
        )?;
        let until = leases.filter(|lease| lease.row.run_id.is_some());
        self.add(
            "paceline_lease_expires_timestamp_seconds",
            "Until when a run holds the pipeline unless it renews its lease.",
            &["pipeline"],
            until.map(|lease| (vec![lease.pipeline.as_str()], unix(lease.row.expires_at))),
        )
    }

    fn stages(&self, runs: &[RunStages]) -> Result<()> {
        let samples = runs.iter().flat_map(|run| {
            let of_run = run.seconds.iter();
            of_run.map(|(stage, seconds)| (vec![run.pipeline.as_str(), *stage], *seconds))
        });
        self.add(
            "paceline_run_last_stage_duration_seconds",
            "How long each stage took of the last run of this process.",
            &["pipeline", "stage"],
            samples,
        )
    }

    fn ended(&self, ended: &Ended) -> Result<()> {
        for (name, help, value) in [
            (
                "paceline_command_exit_code",
                "The exit code of the command that wrote this.",
                f64::from(ended.code),
            ),
            ("paceline_command_duration_seconds", "How long it took.", ended.seconds),
            (
                "paceline_command_end_timestamp_seconds",
                "When it ended.",
                unix(ended.at),
            ),
        ] {
            self.add(name, help, &["command"], [(vec![ended.command.as_str()], value)])?;
        }
        Ok(())
    }

    fn schedule(&self, health: &Health) -> Result<()> {
        let looked = health.last_tick.as_deref().and_then(seconds);
        self.add(
            "paceline_schedule_last_look_timestamp_seconds",
            "When the scheduler looked last whether something is due.",
            &[],
            looked.map(|at| (vec![], at)),
        )?;
        let pipelines = health.pipelines.iter();
        let next = pipelines.clone().filter_map(|it| {
            let next = it.next_due.as_deref().and_then(seconds)?;
            Some((vec![it.pipeline.as_str()], next))
        });
        self.add(
            "paceline_schedule_next_run_timestamp_seconds",
            "When the pipeline is due next.",
            &["pipeline"],
            next,
        )?;
        self.add(
            "paceline_schedule_running",
            "Whether this scheduler runs the pipeline now, or has it waiting in line.",
            &["pipeline"],
            pipelines.map(|it| (vec![it.pipeline.as_str()], f64::from(u8::from(it.running)))),
        )
    }
}
