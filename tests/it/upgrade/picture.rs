//! A database as two pictures that can be compared: every value of every row, and the schema.

use std::collections::BTreeMap;

use super::older::TABLES;
use crate::support::TestStore;

/// A column of the older tool's, and the expression that gives its value whatever its type is.
#[derive(Debug, Clone)]
pub struct Lens {
    table: String,
    pub column: String,
    expression: String,
}

/// Every table of the older tool's.
const ALL: [&str; 5] = [TABLES[0], TABLES[1], TABLES[2], TABLES[3], "workout_summary"];

/// Rows of each table, as text, in the order of the primary key.
pub type Values = BTreeMap<String, Vec<Vec<String>>>;

/// How each column is looked at, before the upgrade and after it: an instant as microseconds since 1970, a
/// float as the double that it is, all else as it stands.
pub async fn lenses(store: &TestStore) -> Vec<Lens> {
    let mut lenses = Vec::new();
    for table in ALL {
        let query = format!(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = DATABASE() \
             AND table_name = '{table}' ORDER BY ordinal_position"
        );
        for row in store.rows(&query).await {
            let (column, kind) = (row[0].clone(), row[1].as_str());
            let expression = match kind {
                "timestamp" => format!("CAST(UNIX_TIMESTAMP({column}) * 1000000 AS SIGNED)"),
                "float" | "decimal" => format!("CAST({column} AS DOUBLE)"),
                "date" => format!("CAST({column} AS DATETIME)"),
                _ => column.clone(),
            };
            lenses.push(Lens {
                table: table.to_owned(),
                column,
                expression,
            });
        }
    }
    lenses
}

/// Every value.
pub async fn values(store: &TestStore, lenses: &[Lens]) -> Values {
    let mut values = Values::new();
    for table in ALL {
        let of_table: Vec<&str> = columns(lenses, table).map(|l| l.expression.as_str()).collect();
        let key = columns(lenses, table).next().expect("a column").column.clone();
        // The rows of the older tool: what Paceline adds to the history stands behind them.
        let place = match table {
            "workout_classification_history" => "WHERE NOT (COALESCE(metadata, '') LIKE '{\"adopted_state\"%')",
            _ => "",
        };
        let query = format!("SELECT {} FROM {table} {place} ORDER BY {key}", of_table.join(", "));
        values.insert(table.to_owned(), store.rows(&query).await);
    }
    values
}

fn columns<'l>(lenses: &'l [Lens], table: &'l str) -> impl Iterator<Item = &'l Lens> {
    lenses.iter().filter(move |lens| lens.table == table)
}

/// Where two pictures of values differ: table, row, column, before and after.
pub fn differences(lenses: &[Lens], before: &Values, after: &Values) -> Vec<String> {
    let mut found = Vec::new();
    for (table, rows) in before {
        let later = &after[table];
        if rows.len() != later.len() {
            found.push(format!("{table}: {} rows, {} rows", rows.len(), later.len()));
        }
        for (row, new) in rows.iter().zip(later) {
            for (number, lens) in columns(lenses, table).enumerate() {
                if row[number] != new[number] {
                    found.push(format!(
                        "{table} {} {}: {} -> {}",
                        row[1], lens.column, row[number], new[number]
                    ));
                }
            }
        }
    }
    found
}

/// The schema of the four tables, down to names and defaults, a line for each thing.
pub async fn schema(store: &TestStore) -> Vec<String> {
    let tables: Vec<String> = TABLES.iter().map(|table| format!("'{table}'")).collect();
    let tables = tables.join(", ");
    let questions = [
        format!(
            "SELECT table_name, engine, table_collation FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_name IN ({tables}) ORDER BY 1"
        ),
        format!(
            "SELECT table_name, ordinal_position, column_name, column_type, is_nullable, \
             COALESCE(column_default, '-'), COALESCE(collation_name, '-'), extra, COALESCE(generation_expression, '-') \
             FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name IN ({tables}) ORDER BY 1, 2"
        ),
        format!(
            "SELECT table_name, index_name, seq_in_index, column_name, non_unique, COALESCE(sub_part, '-') \
             FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name IN ({tables}) ORDER BY 1, 2, 3"
        ),
        format!(
            "SELECT k.table_name, k.constraint_name, k.column_name, k.referenced_table_name, k.referenced_column_name, \
             r.delete_rule, r.update_rule FROM information_schema.key_column_usage k \
             JOIN information_schema.referential_constraints r ON r.constraint_schema = k.constraint_schema \
             AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name \
             WHERE k.table_schema = DATABASE() AND k.table_name IN ({tables}) ORDER BY 1, 2"
        ),
        format!(
            "SELECT table_name, constraint_name, check_clause FROM information_schema.check_constraints \
             WHERE constraint_schema = DATABASE() AND table_name IN ({tables}) ORDER BY 1, 2"
        ),
        format!(
            "SELECT event_object_table, trigger_name, event_manipulation FROM information_schema.triggers \
             WHERE trigger_schema = DATABASE() AND event_object_table IN ({tables}) ORDER BY 1, 2"
        ),
    ];
    let mut lines = Vec::new();
    for question in &questions {
        lines.extend(store.rows(question).await.into_iter().map(|row| row.join(" | ")));
    }
    lines
}
