//! Statements, multi-row inserts and transactions, as data.
//!
//! Why: a transaction that is a list of steps can be read, logged and tested without a server, and
//! one executor per server runs it. A step that must affect a given number of rows says so; a
//! mismatch rolls everything back as a conflict. That one idea gives compare-and-swap without
//! locks that clustered servers do not have.
//!
//! Invariants: one text serves both servers unless `sql/mysql` and `sql/sqlite` hold it; every
//! statement has a name, which errors carry.
//!
//! Must not know: what the statements mean.

pub use super::batch::Batch;
use super::value::Params;

/// Which SQL a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// MySQL and MariaDB.
    MySql,
    /// SQLite.
    Sqlite,
}

/// One SQL statement with named parameters, usually from a file in `sql/`.
#[derive(Debug, Clone, Copy)]
pub struct Statement {
    /// The file it comes from; errors and traces name it.
    pub name: &'static str,
    mysql: &'static str,
    sqlite: &'static str,
    variables: bool,
    pub(super) large: bool,
}

impl Statement {
    /// A statement whose text serves both servers.
    pub const fn portable(name: &'static str, text: &'static str) -> Self {
        Self {
            name,
            mysql: text,
            sqlite: text,
            variables: false,
            large: false,
        }
    }

    /// The same statement, which has no parameters and whose result is a whole table: a server may be asked on a
    /// connection for just that.
    #[must_use]
    pub const fn large(self) -> Self {
        Self { large: true, ..self }
    }

    /// A statement whose parameters stand as `@name`, which a MySQL client reads as its own variables: the
    /// same file can be run there by hand.
    pub const fn by_variables(name: &'static str, text: &'static str) -> Self {
        Self {
            variables: true,
            ..Self::portable(name, text)
        }
    }

    /// A statement with a text for each server.
    pub const fn per_dialect(name: &'static str, mysql: &'static str, sqlite: &'static str) -> Self {
        Self {
            name,
            mysql,
            sqlite,
            variables: false,
            large: false,
        }
    }

    /// The text for `dialect`, without `--` comment lines (they may hold colons and quotes, which
    /// the drivers' parameter parsers would read).
    pub fn text(&self, dialect: Dialect) -> String {
        let text = match dialect {
            Dialect::MySql => self.mysql,
            Dialect::Sqlite => self.sqlite,
        };
        let text = strip_comments(text);
        if self.variables { text.replace('@', ":") } else { text }
    }

    /// The text with each `(:list)` expanded to `(:list_0, :list_1, ..)`.
    pub(super) fn expanded(&self, dialect: Dialect, params: &Params) -> String {
        let mut text = self.text(dialect);
        for (name, values) in &params.lists {
            let names: Vec<String> = (0..values.len()).map(|i| format!(":{name}_{i}")).collect();
            let list = if names.is_empty() {
                "NULL".to_owned()
            } else {
                names.join(", ")
            };
            text = text.replace(&format!("(:{name})"), &format!("({list})"));
        }
        text
    }
}

/// Drops lines that hold only a `--` comment.
pub(super) fn strip_comments(text: &str) -> String {
    let kept: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .collect();
    kept.join("\n").trim().trim_end_matches(';').to_owned()
}

/// A [`Statement`] from `sql/<path>.sql`.
#[macro_export]
macro_rules! sql {
    ($path:literal) => {
        $crate::db::statement::Statement::portable(
            concat!($path, ".sql"),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $path, ".sql")),
        )
    };
}

/// As [`sql!`], for a statement whose parameters stand as `@name` ([`Statement::by_variables`]).
#[macro_export]
macro_rules! report_sql {
    ($path:literal) => {
        $crate::db::statement::Statement::by_variables(
            concat!($path, ".sql"),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $path, ".sql")),
        )
    };
}

/// A multi-row insert: a table, its columns, and the conflict tail of each dialect.
#[derive(Debug, Clone, Copy)]
pub struct Insert {
    /// The table.
    pub table: &'static str,
    /// The columns, in the order of the [`Batch`]'s columns.
    pub columns: &'static [&'static str],
    /// Appended on MySQL (`ON DUPLICATE KEY UPDATE ..`), or empty: a duplicate is an error.
    pub mysql_tail: &'static str,
    /// Appended on SQLite (`ON CONFLICT .. DO UPDATE ..`), or empty.
    pub sqlite_tail: &'static str,
}

/// A multi-row update by key: every row must be there.
#[derive(Debug, Clone, Copy)]
pub struct Update {
    /// The table.
    pub table: &'static str,
    /// Its unique column that names the row: the batch's first column, no key twice.
    pub key: &'static str,
    /// The columns that are set, in the order of the batch's other columns. At best few of them have a value
    /// for each row, and the others the same in all.
    pub columns: &'static [&'static str],
}

impl Update {
    pub(super) fn name(&self) -> String {
        format!("update of {}", self.table)
    }
}

/// How many rows a step must affect. Rows *found* count, as on SQLite, not only rows changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Any number.
    Any,
    /// Exactly this many; otherwise the transaction rolls back as [`super::error::DbError::Conflict`].
    Rows(u64),
}

/// One step of a transaction.
#[derive(Debug, Clone)]
pub enum Step {
    /// A statement, guarded by the number of rows it must affect.
    Execute {
        /// The statement.
        statement: &'static Statement,
        /// Its parameters.
        params: Params,
        /// Its guard.
        expect: Expect,
    },
    /// A multi-row insert.
    InsertMany {
        /// Table, columns, tails.
        insert: &'static Insert,
        /// The rows.
        rows: Batch,
    },
    /// A multi-row update; rolls back as [`super::error::DbError::Conflict`] where a row is not there.
    UpdateMany {
        /// Table, key, columns.
        update: &'static Update,
        /// The rows.
        rows: Batch,
    },
}

impl Step {
    /// The statement's name, or the table of an insert or update.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Execute { statement, .. } => statement.name,
            Self::InsertMany { insert, .. } => insert.table,
            Self::UpdateMany { update, .. } => update.table,
        }
    }
}

/// A transaction: all steps commit together or none does.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// For errors and traces.
    pub name: &'static str,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// After so many steps the next one in a line may begin; None: when this one is committed.
    pub hands_on_after: Option<usize>,
}

impl Transaction {
    /// An empty transaction.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            steps: Vec::new(),
            hands_on_after: None,
        }
    }

    /// In a line of transactions ([`super::turn::Turn`]), the next one may begin here: it depends on no order
    /// between its statements and those that follow.
    #[must_use]
    pub fn hand_on(mut self) -> Self {
        self.hands_on_after = Some(self.steps.len());
        self
    }

    /// Adds a guarded statement.
    #[must_use]
    pub fn execute(mut self, statement: &'static Statement, params: Params, expect: Expect) -> Self {
        self.steps.push(Step::Execute {
            statement,
            params,
            expect,
        });
        self
    }

    /// Adds a multi-row insert; none for an empty batch.
    #[must_use]
    pub fn insert_many(mut self, insert: &'static Insert, rows: Batch) -> Self {
        if rows.rows() > 0 {
            self.steps.push(Step::InsertMany { insert, rows });
        }
        self
    }

    /// Adds a multi-row update; none for an empty batch.
    #[must_use]
    pub fn update_many(mut self, update: &'static Update, rows: Batch) -> Self {
        if rows.rows() > 0 {
            self.steps.push(Step::UpdateMany { update, rows });
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::value::Value;

    #[test]
    fn lists_expand_and_comments_go() {
        static S: Statement = Statement::portable("t", "-- it's: a comment\nSELECT 1 WHERE x IN (:ids) AND y = :y;\n");
        let params = Params::none()
            .with("y", 1i64)
            .with_list("ids", vec![Value::Int(1), Value::Int(2)]);
        assert_eq!(
            S.expanded(Dialect::Sqlite, &params),
            "SELECT 1 WHERE x IN (:ids_0, :ids_1) AND y = :y"
        );
        let none = Params::none().with_list("ids", vec![]);
        assert_eq!(
            S.expanded(Dialect::MySql, &none),
            "SELECT 1 WHERE x IN (NULL) AND y = :y"
        );
    }
}
