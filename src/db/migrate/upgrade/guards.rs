//! What must not be in the rows, because it could be put right only by losing something.
//!
//! Why: two current rows for one workout cannot both stay, and which one goes is a person's decision. It is
//! asked before the first statement, and all at once.
//!
//! Invariants: a guard only reads; the lines it gives name the rows.
//!
//! Must not know: what is found.

use super::columns::{Fit, fit};
use super::repairs::is_key;
use super::shape::{Column, Kind, Reference, Table, TextRule};
use crate::db::migrate::WORKOUTS;

/// How many rows of a kind are named.
const NAMED: usize = 5;

/// A question to the rows that must be answered with nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// The table.
    pub table: String,
    /// A SELECT of one column; each row of it is a line for people.
    pub sql: String,
    /// What it means when there are rows, and what to do.
    pub meaning: String,
}

/// The guards of a table. `others` has the shapes that its foreign keys refer to, as they will be.
pub(super) fn guards(found: &Table, wanted: &Table) -> Vec<Guard> {
    let id = primary(wanted);
    let mut guards = Vec::new();
    for column in &wanted.columns {
        let Some(own) = found.column(&column.name) else {
            continue;
        };
        guards.extend(empty_key(found, own, column, is_key(wanted, &column.name), id));
        guards.extend(narrowed(found, own, column, id));
    }
    guards.extend(
        wanted
            .keys
            .iter()
            .filter_map(|key| doubled(found, wanted, &key.columns, key.unique, id)),
    );
    guards.extend(wanted.checks.iter().filter_map(|check| refused(found, check, id)));
    guards.extend(wanted.references.iter().filter_map(|r| orphans(found, wanted, r, id)));
    guards
}

fn primary(table: &Table) -> &str {
    let key = table.keys.iter().find(|key| key.is_primary());
    key.and_then(|key| key.columns.first()).map_or("1", String::as_str)
}

fn guard(table: &Table, line: &str, rest: &str, meaning: String) -> Guard {
    Guard {
        table: table.name.clone(),
        sql: format!("SELECT {line} FROM {} t {rest} LIMIT {NAMED}", table.name),
        meaning,
    }
}

fn empty_key(found: &Table, own: &Column, wanted: &Column, is_key: bool, id: &str) -> Option<Guard> {
    let may_be_empty = own.nullable && !wanted.nullable && is_key && !wanted.auto_increment;
    may_be_empty.then(|| {
        let line = format!("CONCAT('{id} ', t.{id})");
        let rest = format!("WHERE t.{} IS NULL ORDER BY t.{id}", own.name);
        let meaning = format!("{} is empty, and the row cannot be known without it: fill it", own.name);
        guard(found, &line, &rest, meaning)
    })
}

/// Values that do not fit the type that the column gets.
fn narrowed(found: &Table, own: &Column, wanted: &Column, id: &str) -> Option<Guard> {
    let Fit::Becomes { kind, narrows: true } = fit(&own.kind, &wanted.kind) else {
        return None;
    };
    let name = &own.name;
    let place = does_not_fit(name, &kind)?;
    let line = format!("CONCAT('{id} ', t.{id}, ': {name} ', LEFT(t.{name}, 60))");
    let rest = format!("WHERE {place} ORDER BY t.{id}");
    let meaning = format!(
        "{name} holds what Paceline has no room or no word for ({}): correct it",
        kind.sql()
    );
    Some(guard(found, &line, &rest, meaning))
}

fn does_not_fit(name: &str, kind: &Kind) -> Option<String> {
    if let Some(words) = kind.words() {
        // By bytes: the ENUM compares its words so.
        let text = format!("CONVERT(t.{name} USING utf8mb4) COLLATE utf8mb4_bin");
        return Some(format!("t.{name} IS NOT NULL AND {text} NOT IN ({words})"));
    }
    if let Some(most) = kind.characters() {
        return Some(format!("CHAR_LENGTH(t.{name}) > {most}"));
    }
    let span = kind.span()?;
    Some(format!("t.{name} < {} OR t.{name} > {}", span.least, span.most))
}

/// Rows that a unique key which is not there yet takes for one.
fn doubled(found: &Table, wanted: &Table, columns: &[String], unique: bool, id: &str) -> Option<Guard> {
    let is_new = unique && !found.is_unique(columns) && columns.iter().all(|c| found.column(c).is_some());
    if !is_new || columns.len() != 1 || columns[0] == id {
        return None;
    }
    let name = &columns[0];
    let rule = wanted.column(name).and_then(|c| c.text.as_ref());
    let alike = rule.map_or_else(|| format!("t.{name}"), |rule| as_rule(&format!("t.{name}"), rule));
    let line =
        format!("CONCAT('{name} ', MIN(t.{name}), ': {id} ', GROUP_CONCAT(t.{id} ORDER BY t.{id} SEPARATOR ', '))");
    let rest = format!("WHERE t.{name} IS NOT NULL GROUP BY {alike} HAVING COUNT(*) > 1 ORDER BY MIN(t.{id})");
    let meaning = format!(
        "several rows have the same {name}, and only one of each can stay. Paceline drops no row: copy the others to a \
         table of your own (CREATE TABLE .. AS SELECT ..), delete them here"
    );
    Some(guard(found, &line, &rest, meaning))
}

/// Rows that a check would refuse. Those of JSON and of the model in production are put right instead.
fn refused(found: &Table, check: &super::shape::Check, id: &str) -> Option<Guard> {
    let is_there = found.checks.iter().any(|c| c.name == check.name);
    let is_repaired = check.clause.starts_with("JSON_VALID(") || check.name == "chk_ml_model_registry_production";
    let name = check.clause.split(' ').next()?;
    if is_there || is_repaired || found.column(name).is_none() {
        return None;
    }
    let line = format!("CONCAT('{id} ', t.{id}, ': {name} ', t.{name})");
    let rest = format!("WHERE NOT ({}) ORDER BY t.{id}", check.clause);
    Some(guard(
        found,
        &line,
        &rest,
        format!("{} must hold: correct the value", check.clause),
    ))
}

/// Rows that refer to one that is not there.
fn orphans(found: &Table, wanted: &Table, reference: &Reference, id: &str) -> Option<Guard> {
    let is_there = found.references.iter().any(|r| r.name == reference.name);
    let (own, other) = (reference.columns.first()?, reference.to_columns.first()?);
    let rule = wanted.column(own)?.text.as_ref()?;
    if is_there || found.column(own).is_none() {
        return None;
    }
    let child = as_rule(&format!("t.{own}"), rule);
    // The parent of a workout has this rule already; a model's id has yet to get it.
    let parent = match reference.to_table.as_str() {
        WORKOUTS => format!("p.{other}"),
        _ => as_rule(&format!("p.{other}"), rule),
    };
    let line = format!("CONCAT('{id} ', t.{id}, ': {own} ', t.{own})");
    let to = &reference.to_table;
    let rest = format!(
        "WHERE t.{own} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {to} p WHERE {parent} = {child}) ORDER BY t.{id}"
    );
    let meaning = format!("{own} names a row of {to} that is not there: put it back, or copy these rows away");
    Some(guard(found, &line, &rest, meaning))
}

/// A text as one of this rule.
fn as_rule(text: &str, rule: &TextRule) -> String {
    format!("CONVERT({text} USING {}) COLLATE {}", rule.charset, rule.collation)
}
