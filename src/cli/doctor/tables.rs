//! Tables, triggers and character sets, judged.

use std::collections::BTreeMap;

use crate::db::error::DbError;
use crate::db::migrate::{About, SchemaState, TextColumn};
use crate::store::{Store, StoreError};

use super::{Finding, error, ok, unasked, warning};

/// Columns that a finding names before it only counts them.
const NAMED: usize = 6;

/// The findings, and whether the tables are all there and can be asked.
pub(super) async fn findings(store: &Store) -> (Vec<Finding>, bool) {
    let state = match store.db().schema_state().await {
        Ok(state) => state,
        // Which ones it may not read is listed with the other privileges.
        Err(DbError::Privilege { .. }) => return (Vec::new(), false),
        Err(failed) => return (vec![unasked("schema", &StoreError::Db(failed))], false),
    };
    let is_whole = state.faults.iter().all(|fault| fault.about == About::Triggers);
    let mut findings = schema(&state, is_whole);
    match store.db().text_columns().await {
        Ok(columns) if !columns.is_empty() => findings.extend(character_sets(&columns)),
        Ok(_) => {}
        Err(failed) => findings.push(unasked("character set", &StoreError::Db(failed))),
    }
    (findings, is_whole)
}

fn schema(state: &SchemaState, is_whole: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    if is_whole {
        findings.push(ok("schema", format!("{} migrations applied", state.applied)));
    }
    for fault in &state.faults {
        let check = match fault.about {
            About::Tables => "schema",
            About::Triggers => "triggers",
        };
        findings.push(error(check, fault.evidence.clone(), fault.next.clone()));
    }
    if is_whole && state.faults.is_empty() {
        findings.push(ok("triggers", "every append-only table refuses UPDATE and DELETE"));
    }
    findings
}

/// Our own columns are utf8mb4; those that refer to `workout_summary` are what its key is, whatever that is.
fn character_sets(columns: &[TextColumn]) -> Vec<Finding> {
    let workouts = columns.iter().find(|column| column.is_workout_id());
    let mut findings = Vec::new();
    let mut foreign: BTreeMap<&str, Vec<&TextColumn>> = BTreeMap::new();
    let ours = |column: &&TextColumn| !column.is_workout_id() && !column.follows_workouts;
    for column in columns.iter().filter(ours).filter(|column| column.charset != "utf8mb4") {
        foreign.entry(&column.table).or_default().push(column);
    }
    for (table, columns) in &foreign {
        let names: Vec<&str> = columns
            .iter()
            .take(NAMED)
            .map(|column| column.column.as_str())
            .collect();
        let more = if columns.len() > NAMED { ", .." } else { "" };
        let evidence = format!(
            "{table}: {} columns in {} ({}{more}), which cannot hold every text",
            columns.len(),
            columns[0].charset,
            names.join(", ")
        );
        let next = format!(
            "after a backup: SET foreign_key_checks = 0; ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4 COLLATE \
             utf8mb4_bin"
        );
        findings.push(error("character set", evidence, next));
    }
    if let Some(workouts) = workouts {
        let differs = |column: &&TextColumn| {
            column.follows_workouts && (&column.charset, &column.collation) != (&workouts.charset, &workouts.collation)
        };
        findings.extend(columns.iter().filter(differs).map(|column| unlike(column, workouts)));
        if workouts.charset != "utf8mb4" && findings.is_empty() {
            findings.push(narrow(workouts));
        }
    }
    if findings.is_empty() {
        findings.push(ok("character set", "utf8mb4, and workout ids as in workout_summary"));
    }
    findings
}

fn unlike(column: &TextColumn, workouts: &TextColumn) -> Finding {
    let (table, charset, collation) = (&column.table, &workouts.charset, &workouts.collation);
    let evidence = format!(
        "{table}.workout_id is {}, workout_summary.workout_id is {collation}: ids are compared without an index, or not \
         at all, and no foreign key can hold them together",
        column.collation
    );
    let next = format!(
        "drop the foreign key if there is one, ALTER TABLE {table} MODIFY workout_id VARCHAR(20) CHARACTER SET {charset} \
         COLLATE {collation} NOT NULL, and add the key again"
    );
    error("character set", evidence, next)
}

fn narrow(workouts: &TextColumn) -> Finding {
    let evidence = format!(
        "workout_summary.workout_id is {} ({}): an id with a character outside it is refused",
        workouts.charset, workouts.collation
    );
    let next = "nothing, where ids are numbers; else convert workout_summary and the tables that refer to it to utf8mb4 \
                together";
    warning("character set", evidence, next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Severity;

    fn column(table: &str, column: &str, collation: &str) -> TextColumn {
        TextColumn {
            table: table.to_owned(),
            column: column.to_owned(),
            charset: collation.split('_').next().expect("a character set").to_owned(),
            collation: collation.to_owned(),
            follows_workouts: column == "workout_id" && table != "workout_summary",
        }
    }

    #[test]
    fn a_foreign_key_is_held_against_its_parent_and_not_against_utf8mb4() {
        let parent = column("workout_summary", "workout_id", "latin1_swedish_ci");
        let child = column("workout_ml_classifications", "workout_id", "latin1_swedish_ci");
        let found = character_sets(&[parent.clone(), child]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].severity, Severity::Warning);
        let other = column("workout_ml_classifications", "workout_id", "utf8mb4_bin");
        let found = character_sets(&[parent, other]);
        assert_eq!(found[0].severity, Severity::Error, "{found:?}");
    }
}
