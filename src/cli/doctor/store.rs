//! Privileges, models, leases and the audit trail, judged.

use crate::app::App;
use crate::pipeline::choose::load_model;
use crate::store::measures::NamedLease;
use crate::store::privileges::{BACKFILL, IMPORT, READ, RUN, VERDICTS};
use crate::store::{Store, StoreError};

use super::{Finding, error, ok, unasked, warning};

/// What runs and imports read and write, and whether this login may; of a schema that is not whole, where there
/// are tables.
pub(super) async fn privileges(store: &Store, is_whole: bool) -> Option<Finding> {
    let mut lacking = Vec::new();
    for needs in [&READ[..], &RUN, &VERDICTS, &BACKFILL, &IMPORT] {
        match store.lacking_where_there(needs).await {
            Ok(more) => lacking.extend(more),
            Err(failed) => return Some(unasked("privileges", &failed)),
        }
    }
    lacking.sort();
    lacking.dedup();
    if lacking.is_empty() {
        return is_whole.then(|| ok("privileges", "all that runs and imports need"));
    }
    let next = "GRANT them to this user; a login that only imports, or only reads, needs fewer";
    Some(error("privileges", format!("missing: {}", lacking.join(", ")), next))
}

/// The active model must be readable; the others are what a rollback would take.
pub(super) async fn models(store: &Store) -> Vec<Finding> {
    match judged(store).await {
        Ok(findings) => findings,
        Err(failed) => vec![unasked("active model", &failed)],
    }
}

async fn judged(store: &Store) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    let mut damaged = Vec::new();
    let mut is_active = false;
    for model in store.models().await? {
        // One without a checksum is an older tool's, and never had an artifact here.
        let has_artifact = model.artifact_sha256.is_some();
        let active = model.status == "active";
        is_active |= active;
        if !active && (!has_artifact || model.status == "failed") {
            continue;
        }
        if active && model.is_of_another_tool() {
            let evidence = format!("{} was registered by another tool, without an artifact", model.model_id);
            let next = "`paceline run PIPELINE.toml` trains one in its place and archives it";
            findings.push(warning("active model", evidence, next));
            continue;
        }
        match load_model(store, &model.model_id).await {
            Ok(_) if active => {
                let evidence = format!("{} version {}, checksum holds", model.model_id, model.model_version);
                findings.push(ok("active model", evidence));
            }
            Ok(_) => {}
            Err(failed) if active => findings.push(error("active model", failed.source.to_string(), failed.hint)),
            Err(_) => damaged.push(model.model_id),
        }
    }
    if !is_active {
        let next = "`paceline run PIPELINE.toml` trains one";
        findings.push(warning("active model", "none", next));
    }
    if !damaged.is_empty() {
        let evidence = format!("artifacts that do not match their checksum: {}", damaged.join(", "));
        let next =
            "restore them from a backup, or `paceline model fail ID --reason damaged`: no rollback can take them";
        findings.push(warning("models", evidence, next));
    }
    Ok(findings)
}

/// Labels of people that somebody wrote over.
pub(super) async fn overrides(store: &Store) -> Finding {
    let evidence = match store.overwritten(None).await.map(|found| found.len()) {
        Err(failed) => return unasked("overrides", &failed),
        Ok(0) => return ok("overrides", "what people said stands"),
        Ok(1) => "1 label that a person set was written over, and nobody took it back".to_owned(),
        Ok(n) => format!("{n} labels that people set were written over, and nobody took them back"),
    };
    let next = "`paceline doctor --repair-overrides` lists them, with --apply it restores them";
    warning("overrides", evidence, next)
}

/// Who holds a pipeline, and who is gone without having given it back.
pub(super) async fn leases(app: &App, store: &Store) -> Vec<Finding> {
    match store.leases().await {
        Ok(leases) => leases.iter().filter_map(|lease| lease_finding(app, lease)).collect(),
        Err(failed) => vec![unasked("lease", &failed)],
    }
}

fn lease_finding(app: &App, lease: &NamedLease) -> Option<Finding> {
    let NamedLease { pipeline, row } = lease;
    let run = row.run_id.as_deref()?;
    let is_gone = || {
        let process = row.process.as_deref();
        let ambient = app.ambient().ok();
        process
            .zip(ambient)
            .is_some_and(|(process, ambient)| (ambient.process.is_gone)(process))
    };
    let held = format!("'{pipeline}' is held by {}", row.describe());
    let why = if row.expires_at <= app.now() {
        format!("{held}, whose lease expired at {} UTC", row.expires_at)
    } else if is_gone() {
        format!("{held}, whose process is gone")
    } else {
        return Some(ok("lease", format!("{held} until {} UTC", row.expires_at)));
    };
    let evidence = format!("{why}; last sign of life at {} UTC", row.heartbeat_at);
    let next = format!(
        "the next run of '{pipeline}' takes it over by itself and does what is left; `paceline runs show {run}` says how \
         far it came"
    );
    Some(warning("lease", evidence, next))
}

/// Rows of the history that nothing seals.
pub(super) async fn unsealed(store: &Store) -> Option<Finding> {
    match store.unsealed().await {
        Ok(0) => Some(ok("audit trail", "every history row is sealed or adopted")),
        Ok(rows) => {
            let next =
                "the next run adopts them, and so does `paceline migrate`; `paceline verify` lists them until then";
            let evidence = format!("{rows} history rows that others wrote are not sealed");
            Some(warning("audit trail", evidence, next))
        }
        Err(failed) => Some(unasked("audit trail", &failed)),
    }
}
