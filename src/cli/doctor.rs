//! `doctor`: probes the store and says what to do about each finding.
//!
//! Why: "it does not work" becomes one line with evidence and a next step.

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::app::{Access, App};
use crate::db::statement::Dialect;
use crate::pipeline::choose::load_model;
use crate::pipeline::{Kind, RunError, store_hint};
use crate::store::Store;
use crate::store::privileges::{BACKFILL, IMPORT, RUN, VERDICTS};
use crate::store::probe::Probe;
use crate::time::Timestamp;

use super::output::{Output, Rows, list};
use super::repair::repair;

/// A multi-row insert is sized to fit this many bytes at least.
const SMALL_PACKET: i64 = 1 << 20;
/// Seconds by which two clocks may differ before leases and audit times suffer.
const CLOCK_SKEW_SEC: i64 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    Ok,
    Warning,
    Error,
}

#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    severity: Severity,
    evidence: String,
    next: String,
}

fn ok(check: &'static str, evidence: impl Into<String>) -> Finding {
    Finding {
        check,
        severity: Severity::Ok,
        evidence: evidence.into(),
        next: String::new(),
    }
}

fn warning(check: &'static str, evidence: impl Into<String>, next: &str) -> Finding {
    Finding {
        check,
        severity: Severity::Warning,
        evidence: evidence.into(),
        next: next.to_owned(),
    }
}

fn error(check: &'static str, evidence: impl Into<String>, next: &str) -> Finding {
    Finding {
        check,
        severity: Severity::Error,
        evidence: evidence.into(),
        next: next.to_owned(),
    }
}

/// `paceline doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Lists the labels that people set and that somebody wrote over, and offers to restore them.
    #[arg(long)]
    repair_overrides: bool,
    /// Restores them without asking.
    #[arg(long, visible_alias = "yes", requires = "repair_overrides")]
    apply: bool,
}

impl DoctorArgs {
    /// True for the findings, which are rows under one header.
    pub fn is_list(&self) -> bool {
        !self.repair_overrides
    }
}

/// Probes the store; fails where a finding is an error.
pub async fn doctor(app: &App, args: &DoctorArgs, output: Output) -> Result<()> {
    if args.repair_overrides {
        return repair(app, args.apply, output).await;
    }
    let store = app.store(Access::Probe).await?;
    let mut findings = vec![ok("connection", store.db().target())];
    let now = app.now();
    match store.probe().await? {
        Some(probe) => findings.extend(settings(&probe, store.db().dialect(), now)),
        None => findings.push(error(
            "server",
            "the probe returned no row",
            "report this with the server's version",
        )),
    }
    let migrated = schema(&store, &mut findings).await?;
    if migrated {
        privileges(&store, &mut findings).await?;
        models(&store, &mut findings).await?;
        overrides(&store, &mut findings).await?;
    }
    let failed = findings.iter().filter(|f| f.severity == Severity::Error).count();
    let mut rows = Rows::new(&["check", "finding", "evidence", "next step"]);
    for f in &findings {
        let severity = match f.severity {
            Severity::Ok => "ok",
            Severity::Warning => "warning",
            Severity::Error => "ERROR",
        };
        rows.push(vec![
            f.check.to_owned(),
            severity.to_owned(),
            f.evidence.clone(),
            f.next.clone(),
        ]);
    }
    list(&findings, &rows, "", output)?;
    if failed > 0 {
        let found = match failed {
            1 => "1 finding needs attention".to_owned(),
            more => format!("{more} findings need attention"),
        };
        return Err(RunError::new("doctor", Kind::Data, found, "").into());
    }
    Ok(())
}

fn settings(probe: &Probe, dialect: Dialect, now: Timestamp) -> Vec<Finding> {
    let mut findings = vec![ok("server", probe.version.clone())];
    let skew = (now.micros() - probe.clock.micros()).abs() / 1_000_000;
    findings.push(if skew > CLOCK_SKEW_SEC {
        let next = "synchronise both clocks (NTP): audit times and leases depend on them";
        warning("clock", format!("server and this machine differ by {skew} s"), next)
    } else {
        ok("clock", format!("within {CLOCK_SKEW_SEC} s of the server"))
    });
    findings.push(if probe.read_only {
        error(
            "writable",
            "read_only is on",
            "connect to the primary server, or switch read_only off",
        )
    } else {
        ok("writable", "yes")
    });
    if dialect == Dialect::MySql {
        findings.extend(server_settings(probe));
    }
    findings
}

fn server_settings(probe: &Probe) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.push(if probe.session_time_zone == "+00:00" {
        ok(
            "time zone",
            format!("session in UTC (server default: {})", probe.server_time_zone),
        )
    } else {
        error(
            "time zone",
            probe.session_time_zone.clone(),
            "the session must be in UTC; report this with the server's version",
        )
    });
    findings.push(if probe.character_set.starts_with("utf8mb4") {
        ok("character set", probe.character_set.clone())
    } else {
        let next = "Paceline's own tables are utf8mb4 in any case; ids with emoji need workout_summary in utf8mb4 too";
        warning(
            "character set",
            format!("server default is {}", probe.character_set),
            next,
        )
    });
    let packet = probe.max_allowed_packet.unwrap_or(0);
    findings.push(if packet < SMALL_PACKET {
        let next = "raise it to 16M or more: SET GLOBAL max_allowed_packet = 16777216";
        warning("max_allowed_packet", format!("{packet} bytes"), next)
    } else {
        ok("max_allowed_packet", format!("{packet} bytes"))
    });
    let infile = if probe.local_infile.unwrap_or(0) == 0 {
        "off"
    } else {
        "on"
    };
    findings.push(ok("local_infile", format!("{infile}; Paceline never uses it")));
    findings.push(if probe.durability == 1 {
        ok("durability", "a commit is on disk before it is reported")
    } else {
        let next = "set innodb_flush_log_at_trx_commit = 1, or accept that a power cut can undo the last second";
        warning(
            "durability",
            format!("innodb_flush_log_at_trx_commit = {}", probe.durability),
            next,
        )
    });
    findings
}

/// True where every migration is applied.
async fn schema(store: &Store, findings: &mut Vec<Finding>) -> Result<bool> {
    let plan = match store.db().migration_plan().await {
        Ok(plan) => plan,
        Err(failed) => {
            findings.push(error("schema", failed.to_string(), failed.hint()));
            return Ok(false);
        }
    };
    if plan.pending.is_empty() {
        findings.push(ok("schema", format!("{} migrations applied", plan.applied.len())));
        return Ok(true);
    }
    let evidence = format!(
        "{} of {} migrations are not applied",
        plan.pending.len(),
        plan.pending.len() + plan.applied.len()
    );
    findings.push(error("schema", evidence, "run `paceline migrate`"));
    Ok(false)
}

/// What a run and an import write, and whether this login may.
async fn privileges(store: &Store, findings: &mut Vec<Finding>) -> Result<()> {
    if store.db().dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let mut lacking = Vec::new();
    for needs in [&RUN[..], &VERDICTS, &BACKFILL, &IMPORT] {
        match store.lacking(needs).await {
            Ok(more) => lacking.extend(more),
            Err(failed) => {
                findings.push(error("privileges", failed.to_string(), store_hint(&failed)));
                return Ok(());
            }
        }
    }
    lacking.sort();
    lacking.dedup();
    findings.push(if lacking.is_empty() {
        ok("privileges", "all that runs and imports need")
    } else {
        let next = "GRANT them to this user; a login that only imports, or only reads, needs fewer";
        error("privileges", format!("missing: {}", lacking.join(", ")), next)
    });
    Ok(())
}

async fn models(store: &Store, findings: &mut Vec<Finding>) -> Result<()> {
    let Some(active) = store.active_model().await? else {
        findings.push(warning(
            "active model",
            "none",
            "`paceline run PIPELINE.toml` trains one",
        ));
        return Ok(());
    };
    if active.is_of_another_tool() {
        let evidence = format!(
            "{} was registered by another tool, without an artifact",
            active.model_id
        );
        let next = "`paceline run PIPELINE.toml` trains one in its place and archives it";
        findings.push(warning("active model", evidence, next));
        return Ok(());
    }
    findings.push(match load_model(store, &active.model_id).await {
        Ok(_) => ok(
            "active model",
            format!("{} version {}, checksum holds", active.model_id, active.model_version),
        ),
        Err(failed) => error("active model", failed.source.to_string(), &failed.hint),
    });
    Ok(())
}

/// Labels of people that somebody wrote over.
async fn overrides(store: &Store, findings: &mut Vec<Finding>) -> Result<()> {
    let found = store.overwritten(None).await?.len();
    let evidence = match found {
        0 => {
            findings.push(ok("overrides", "what people said stands"));
            return Ok(());
        }
        1 => "1 label that a person set was written over, and nobody took it back".to_owned(),
        n => format!("{n} labels that people set were written over, and nobody took them back"),
    };
    let next = "`paceline doctor --repair-overrides` lists them, with --apply it restores them";
    findings.push(warning("overrides", evidence, next));
    Ok(())
}
