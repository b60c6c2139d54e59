//! The migrations, from `sql/{mysql,sqlite}/migrations/`, in order.
//!
//! Why: the list is in the program, so that one binary is all that a database needs.
//!
//! Invariants: numbers ascend without a gap; a file that was released is never edited (its checksum
//! stands in databases), a change is a new file; parents come before the tables that refer to them.
//!
//! Must not know: how they are applied.

/// What a migration makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Creates {
    /// A table with its indexes.
    Table(&'static str),
    /// A trigger.
    Trigger(&'static str),
    /// That a trigger is gone.
    NoTrigger(&'static str),
    /// That an index is gone, and of which table.
    NoIndex(&'static str, &'static str),
}

impl Creates {
    /// The table, where it makes one.
    pub(super) fn table(self) -> Option<&'static str> {
        match self {
            Self::Table(name) => Some(name),
            Self::Trigger(_) | Self::NoTrigger(_) | Self::NoIndex(..) => None,
        }
    }
}

/// One numbered step of the schema.
#[derive(Debug)]
pub(super) struct Migration {
    /// From 1.
    pub(super) version: u32,
    /// The file's name without number.
    pub(super) name: &'static str,
    /// What it makes.
    pub(super) creates: Creates,
    /// One statement, with variables.
    pub(super) mysql: &'static str,
    /// A script.
    pub(super) sqlite: &'static str,
}

macro_rules! migration {
    ($version:literal, $number:literal, $kind:ident $name:literal $(of $table:literal)?) => {
        Migration {
            version: $version,
            name: $name,
            creates: Creates::$kind($name $(, $table)?),
            mysql: include_str!(concat!("../../../sql/mysql/migrations/V", $number, "__", $name, ".sql")),
            sqlite: include_str!(concat!(
                "../../../sql/sqlite/migrations/V",
                $number,
                "__",
                $name,
                ".sql"
            )),
        }
    };
}

/// All of them.
pub(super) static MIGRATIONS: [Migration; 35] = [
    migration!(1, "001", Table "workout_summary"),
    migration!(2, "002", Table "pipeline_runs"),
    migration!(3, "003", Table "audit_segments"),
    migration!(4, "004", Trigger "audit_segments_no_update"),
    migration!(5, "005", Trigger "audit_segments_no_delete"),
    migration!(6, "006", Table "ml_model_registry"),
    migration!(7, "007", Table "workout_classification_history"),
    migration!(8, "008", Trigger "workout_classification_history_no_update"),
    migration!(9, "009", Trigger "workout_classification_history_no_delete"),
    migration!(10, "010", Table "workout_ml_classifications"),
    migration!(11, "011", Table "user_classification_feedback"),
    migration!(12, "012", Table "pipeline_chunks"),
    migration!(13, "013", Table "quarantined_rows"),
    migration!(14, "014", Table "pipeline_lease"),
    migration!(15, "015", Table "model_evaluations"),
    migration!(16, "016", Trigger "model_evaluations_no_update"),
    migration!(17, "017", Trigger "model_evaluations_no_delete"),
    migration!(18, "018", Table "model_feedback"),
    migration!(19, "019", Table "audit_adopted"),
    migration!(20, "020", Trigger "audit_adopted_no_update"),
    migration!(21, "021", Trigger "audit_adopted_no_delete"),
    migration!(22, "022", Table "audit_leaves"),
    migration!(23, "023", Trigger "audit_leaves_no_update"),
    migration!(24, "024", Trigger "audit_leaves_no_delete"),
    migration!(25, "025", Table "backfill_windows"),
    migration!(26, "026", Table "audit_archives"),
    migration!(27, "027", Trigger "audit_archives_no_update"),
    migration!(28, "028", Trigger "audit_archives_no_delete"),
    migration!(29, "029", Table "audit_snapshot"),
    migration!(30, "030", Trigger "audit_snapshot_no_update"),
    migration!(31, "031", Trigger "audit_snapshot_no_delete"),
    migration!(32, "032", Table "archive_status"),
    // In this order the history is never without a guard.
    migration!(33, "033", Trigger "workout_classification_history_unarchived"),
    migration!(34, "034", NoTrigger "workout_classification_history_no_delete"),
    migration!(35, "035", NoIndex "idx_classifications_model" of "workout_ml_classifications"),
];

/// The migrations that drop an index of this table; each has the index's name.
pub(super) fn index_drops(table: &str) -> impl Iterator<Item = &'static Migration> {
    MIGRATIONS
        .iter()
        .filter(move |m| matches!(m.creates, Creates::NoIndex(_, of) if of == table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_and_a_mysql_file_holds_one_statement() {
        for (i, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.version as usize, i + 1);
            let text = crate::db::statement::strip_comments(migration.mysql);
            // The body of a trigger may hold a condition, whose parts end with one each; the server reads it whole.
            let body = if text.ends_with("END IF") { 2 } else { 0 };
            let ends = text.matches(';').count();
            assert!(
                ends == 0 || ends + 1 == body,
                "{}: more than one statement",
                migration.name
            );
        }
    }

    #[test]
    fn each_file_makes_what_the_list_says() {
        for migration in &MIGRATIONS {
            let (Creates::Table(name) | Creates::Trigger(name) | Creates::NoTrigger(name) | Creates::NoIndex(name, _)) =
                migration.creates;
            for text in [migration.mysql, migration.sqlite] {
                assert!(text.contains(&format!(" {name} ")), "{name}");
            }
        }
    }

    #[test]
    fn an_index_is_dropped_after_the_table_that_has_it() {
        for migration in &MIGRATIONS {
            let Creates::NoIndex(name, table) = migration.creates else {
                continue;
            };
            let made = MIGRATIONS.iter().find(|m| m.creates == Creates::Table(table));
            let made = made.expect("a table of ours");
            assert!(made.version < migration.version, "{name}");
            assert!(made.mysql.contains(&format!("KEY {name} (")), "{name}");
            assert!(made.sqlite.contains(&format!("{name} ON {table} ")), "{name}");
        }
    }
}
