//! What a database can answer, in the kinds that callers act on.
//!
//! Why: "error 1205" is retried, "error 1142" needs a GRANT, "error 1146" needs `paceline migrate`.
//! The backends translate once; the rest of the program matches on kinds and never on codes.
//!
//! Invariants: no message holds a password; every kind has a hint of what to do next.
//!
//! Must not know: which statement means what.

/// Why a statement, transaction or connection failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The database URL cannot be read.
    #[error("database URL {url}: {detail}")]
    BadUrl {
        /// The URL with its password blotted out.
        url: String,
        /// What is wrong with it.
        detail: String,
    },
    /// No server answers, or the file cannot be opened.
    #[error("cannot reach {target}: {detail}")]
    Unreachable {
        /// The server or file, without password.
        target: String,
        /// The driver's message.
        detail: String,
    },
    /// The server answers but refuses the login or the database.
    #[error("{target} refuses the login: {detail}")]
    Denied {
        /// The server, without password.
        target: String,
        /// The server's message.
        detail: String,
    },
    /// The login lacks a privilege.
    #[error("{statement}: missing privilege: {detail}")]
    Privilege {
        /// The statement.
        statement: String,
        /// The server's message, which names the privilege.
        detail: String,
    },
    /// A table or column that the statement needs is not there.
    #[error("{statement}: {detail}")]
    MissingSchema {
        /// The statement.
        statement: String,
        /// The server's message, which names the table or column.
        detail: String,
    },
    /// A unique key refused a row.
    #[error("{statement}: duplicate: {detail}")]
    Duplicate {
        /// The statement.
        statement: String,
        /// The server's message, which names the key.
        detail: String,
    },
    /// Another constraint (foreign key, CHECK, data type, trigger) refused a row.
    #[error("{statement}: refused by the schema: {detail}")]
    Constraint {
        /// The statement.
        statement: String,
        /// The server's message.
        detail: String,
    },
    /// A guarded statement affected another number of rows than it must; all was rolled back.
    #[error("{statement}: expected to affect {expected} rows, affected {found}: another writer was first")]
    Conflict {
        /// The statement.
        statement: String,
        /// The guard.
        expected: u64,
        /// What happened.
        found: u64,
    },
    /// A passing fault (deadlock, lock timeout, lost connection before COMMIT was sent); nothing was written.
    #[error("{statement}: passing fault: {detail}")]
    Transient {
        /// The statement.
        statement: String,
        /// The driver's message.
        detail: String,
    },
    /// The connection was lost during COMMIT: it may or may not have taken effect.
    #[error("{transaction}: the connection was lost during COMMIT; its outcome is unknown: {detail}")]
    CommitUnknown {
        /// The transaction.
        transaction: String,
        /// The driver's message.
        detail: String,
    },
    /// The store cannot be written: read-only server or file, or disk full.
    #[error("{statement}: the store cannot be written: {detail}")]
    Unwritable {
        /// The statement.
        statement: String,
        /// The driver's message.
        detail: String,
    },
    /// A cell is not what its column should hold.
    #[error("column '{column}' should hold a {expected}, found {found}")]
    Decode {
        /// The column.
        column: String,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// A migration cannot be applied.
    #[error("migration {version}: {detail}")]
    Migration {
        /// The migration's version, or 0 for the whole set.
        version: u32,
        /// What is wrong and what to do.
        detail: String,
    },
    /// Anything else the server says.
    #[error("{statement}: {detail}")]
    Other {
        /// The statement.
        statement: String,
        /// The driver's message.
        detail: String,
    },
}

impl DbError {
    /// True where the same work may succeed when tried again from the start.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Transient { .. } | Self::CommitUnknown { .. } | Self::Conflict { .. }
        )
    }

    /// What the operator should do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::BadUrl { .. } => "write it as sqlite://FILE or mysql://USER:PASSWORD@HOST:3306/DATABASE",
            Self::Unreachable { .. } => {
                "check that the server runs and that host and port (or the file's folder) are right"
            }
            Self::Denied { .. } => "check user, password and database in DATABASE_URL",
            Self::Privilege { .. } => "GRANT the named privilege to this user; `paceline doctor` lists what is needed",
            Self::MissingSchema { .. } => {
                "run `paceline migrate`; a workout_summary of your own must have the documented columns"
            }
            Self::Duplicate { .. } => {
                "another process wrote at the same time: run it again; where it stays, the table's collation takes two \
                 ids for one (upper and lower case, accents, emoji)"
            }
            Self::Conflict { .. } => "another process wrote at the same time; run it again",
            Self::Constraint { .. } => "the schema refused the row; the message names the rule",
            Self::Transient { .. } | Self::CommitUnknown { .. } => {
                "run it again: what was written stays, the rest follows"
            }
            Self::Unwritable { .. } => "free disk space or make the store writable, then run it again",
            Self::Decode { .. } => "a cell holds what Paceline cannot read; correct it in the database",
            Self::Migration { .. } => "`paceline migrate --dry-run` shows the statements",
            Self::Other { .. } => "`paceline doctor` probes the store",
        }
    }
}
