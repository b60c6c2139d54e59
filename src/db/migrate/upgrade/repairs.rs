//! Rows that a new schema would refuse, and what they become: UPDATEs, each of which says why.
//!
//! Why: two models in production, nothing where something must stand, or text that is no JSON would stop the
//! statement that follows. What can be put right without losing a value is put right here; what cannot is
//! a [guard](super::guards).
//!
//! Invariants: an UPDATE touches only rows that need it, so that a second one finds none; a column that
//! sets itself to the time whenever its row is updated (a server gives that to the first TIMESTAMP of a table
//! unasked) is held where it is.
//!
//! Must not know: how many rows there are.

use super::Statement;
use super::columns::{Fit, fit, stand_in, standard};
use super::shape::{Column, Standard, Table};
use crate::db::statement::strip_comments;

const ONE_ACTIVE: &str = include_str!("../../../../sql/mysql/upgrade/one_active.sql");
const ONE_ACTIVE_TELL: &str = include_str!("../../../../sql/mysql/upgrade/one_active_tell.sql");

/// Stands for an instant that nobody wrote down, or that is none (`0000-00-00`).
const UNKNOWN_INSTANT: &str = "'1970-01-01 00:00:01'";

/// The columns that say best when something was, for a row that does not.
const INSTANTS: [&str; 8] = [
    "activated_at",
    "trained_at",
    "created_at",
    "updated_at",
    "changed_at",
    "submitted_at",
    "last_updated",
    "classified_at",
];

/// The UPDATEs of a table, in order.
pub(super) fn repairs(found: &Table, wanted: &Table) -> Vec<Statement> {
    let all = [zero_dates(found, wanted), empty(found, wanted), not_json(found, wanted)];
    let mut repairs: Vec<Statement> = all.into_iter().flatten().collect();
    repairs.extend(one_active(found, wanted));
    repairs
}

/// `UPDATE t SET a = .., held = held WHERE ..`.
fn update(table: &Table, sets: &[(String, String)], places: &[String], why: String) -> Option<Statement> {
    if sets.is_empty() {
        return None;
    }
    let is_set = |column: &Column| sets.iter().any(|(name, _)| *name == column.name);
    let held = table.columns.iter().filter(|c| c.on_update && !is_set(c));
    let sets = sets.iter().map(|(name, value)| format!("{name} = {value}"));
    let sets: Vec<String> = sets.chain(held.map(|c| format!("{0} = {0}", c.name))).collect();
    Some(Statement {
        table: table.name.clone(),
        what: "rows",
        sql: format!(
            "UPDATE {}\nSET {}\nWHERE {}",
            table.name,
            sets.join(",\n    "),
            places.join("\n   OR ")
        ),
        why: vec![why],
        tell: None,
    })
}

/// `0000-00-00`, which servers once took for "nothing", is no date that could be converted.
fn zero_dates(found: &Table, wanted: &Table) -> Option<Statement> {
    let pairs = wanted.columns.iter().filter_map(|w| found.column(&w.name).zip(Some(w)));
    let times = pairs.filter(|(f, w)| {
        let is_time = f.kind.fraction().is_some() || f.kind.word() == "date";
        is_time && matches!(fit(&f.kind, &w.kind), Fit::Becomes { .. })
    });
    let (mut sets, mut places) = (Vec::new(), Vec::new());
    for (f, _) in times {
        let name = &f.name;
        let instead = if f.nullable { "NULL" } else { UNKNOWN_INSTANT };
        sets.push((
            name.clone(),
            format!("CASE WHEN YEAR({name}) = 0 THEN {instead} ELSE {name} END"),
        ));
        places.push(format!("YEAR({name}) = 0"));
    }
    let why = "0000-00-00 is no date: nothing, or 1970-01-01 where something must stand, takes its place";
    update(found, &sets, &places, why.to_owned())
}

/// Nothing, where a new schema wants something. Keys are not filled: see the guards.
fn empty(found: &Table, wanted: &Table) -> Option<Statement> {
    let (mut sets, mut places, mut said) = (Vec::new(), Vec::new(), Vec::new());
    for column in wanted
        .columns
        .iter()
        .filter(|w| !w.nullable && !is_key(wanted, &w.name))
    {
        let Some(own) = found.column(&column.name).filter(|f| f.nullable) else {
            continue;
        };
        let value = match stand_in(column) {
            Standard::UtcNow => best_instant(found, &own.name),
            other => standard(&other),
        };
        sets.push((own.name.clone(), format!("COALESCE({}, {value})", own.name)));
        places.push(format!("{} IS NULL", own.name));
        said.push(format!("{} {value}", own.name));
    }
    let why = format!("where nothing stands and something must: {}", said.join("; "));
    update(found, &sets, &places, why)
}

/// The nearest thing to an instant that a row says.
fn best_instant(found: &Table, but: &str) -> String {
    let there = INSTANTS
        .iter()
        .filter(|name| **name != but && found.column(name).is_some());
    let names: Vec<&str> = there.copied().chain([UNKNOWN_INSTANT]).collect();
    if names.len() == 1 {
        return names[0].to_owned();
    }
    format!("COALESCE({})", names.join(", "))
}

/// Text where JSON is asked for becomes a JSON string of that text, which loses nothing.
fn not_json(found: &Table, wanted: &Table) -> Option<Statement> {
    let (mut sets, mut places, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for check in &wanted.checks {
        let Some(name) = check
            .clause
            .strip_prefix("JSON_VALID(")
            .and_then(|rest| rest.strip_suffix(')'))
        else {
            continue;
        };
        let is_there = found.checks.iter().any(|c| c.name == check.name);
        let Some(own) = found
            .column(name)
            .filter(|c| !is_there && !c.checked && c.kind.sql() != "json")
        else {
            continue;
        };
        let place = format!("{name} IS NOT NULL AND NOT JSON_VALID({name})");
        sets.push((
            own.name.clone(),
            format!("CASE WHEN {place} THEN JSON_QUOTE({name}) ELSE {name} END"),
        ));
        places.push(format!("({place})"));
        names.push(name);
    }
    let why = format!("text that is no JSON becomes a JSON string of it: {}", names.join(", "));
    update(found, &sets, &places, why)
}

/// At most one model in production, and status and flag of one mind.
fn one_active(found: &Table, wanted: &Table) -> Option<Statement> {
    let production = wanted
        .checks
        .iter()
        .find(|c| c.name == "chk_ml_model_registry_production")?;
    if found.checks.iter().any(|c| c.name == production.name) {
        return None;
    }
    let there = INSTANTS.iter().filter(|name| found.column(name).is_some());
    let mut instants: Vec<&str> = there.copied().collect();
    instants.push(UNKNOWN_INSTANT);
    let held = found.columns.iter().filter(|c| c.on_update);
    let held: String = held.map(|c| format!(",\n    m.{0} = m.{0}", c.name)).collect();
    let filled = |text: &str| {
        strip_comments(text)
            .replace("{{instants}}", &instants.join(", "))
            .replace("{{kept}}", &held)
    };
    Some(Statement {
        table: found.name.clone(),
        what: "rows",
        sql: filled(ONE_ACTIVE),
        why: vec!["one model is in production: of several the newest stays active, the others are archived".to_owned()],
        tell: Some(filled(ONE_ACTIVE_TELL)),
    })
}

/// True for a column by which others, or a unique key, know the row.
pub(super) fn is_key(wanted: &Table, name: &str) -> bool {
    let in_key = wanted
        .keys
        .iter()
        .any(|k| k.unique && k.columns.iter().any(|c| c == name));
    in_key || wanted.references.iter().any(|r| r.columns.iter().any(|c| c == name))
}
