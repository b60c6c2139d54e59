//! SQLite's result codes as kinds.
//!
//! Codes are those of <https://www.sqlite.org/rescode.html>.
//!
//! Invariants: a message is SQLite's own.
//!
//! Must not know: statements' meaning.

use rusqlite::{ErrorCode, ffi};

use crate::db::error::DbError;

/// Why a statement failed, or a file could not be opened.
pub(super) fn in_use(target: &str, statement: &str, error: &rusqlite::Error) -> DbError {
    let statement = statement.to_owned();
    let (code, detail) = match error {
        rusqlite::Error::SqliteFailure(code, message) => (code, message.clone().unwrap_or_else(|| code.to_string())),
        rusqlite::Error::SqlInputError { error, msg, .. } => (error, msg.clone()),
        other => {
            return DbError::Other {
                statement,
                detail: other.to_string(),
            };
        }
    };
    let unreachable = |detail: String| DbError::Unreachable {
        target: target.to_owned(),
        detail,
    };
    match code.code {
        ErrorCode::ConstraintViolation => match code.extended_code {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
                DbError::Duplicate { statement, detail }
            }
            _ => DbError::Constraint { statement, detail },
        },
        ErrorCode::TypeMismatch | ErrorCode::TooBig => DbError::Constraint { statement, detail },
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            DbError::Transient { statement, detail }
        }
        ErrorCode::DiskFull | ErrorCode::ReadOnly | ErrorCode::SystemIoFailure => {
            DbError::Unwritable { statement, detail }
        }
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => unreachable(detail),
        ErrorCode::NotADatabase => unreachable("it is not an SQLite database; name another file".into()),
        ErrorCode::DatabaseCorrupt => unreachable(format!("the file is damaged ({detail}); restore it from a backup")),
        _ if missing_schema(&detail) => DbError::MissingSchema { statement, detail },
        _ => DbError::Other { statement, detail },
    }
}

/// SQLite has one code for every error in a statement's text; the message tells them apart.
fn missing_schema(message: &str) -> bool {
    [
        "no such table",
        "no such column",
        "has no column named",
        "foreign key mismatch",
    ]
    .iter()
    .any(|part| message.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_the_kinds_that_callers_act_on() {
        for (code, kind) in [
            (ffi::SQLITE_CONSTRAINT_UNIQUE, "Duplicate"),
            (ffi::SQLITE_CONSTRAINT_PRIMARYKEY, "Duplicate"),
            (ffi::SQLITE_CONSTRAINT_FOREIGNKEY, "Constraint"),
            (ffi::SQLITE_CONSTRAINT_CHECK, "Constraint"),
            (ffi::SQLITE_CONSTRAINT_NOTNULL, "Constraint"),
            (ffi::SQLITE_CONSTRAINT_TRIGGER, "Constraint"),
            (ffi::SQLITE_BUSY, "Transient"),
            (ffi::SQLITE_LOCKED, "Transient"),
            (ffi::SQLITE_FULL, "Unwritable"),
            (ffi::SQLITE_READONLY, "Unwritable"),
            (ffi::SQLITE_IOERR_WRITE, "Unwritable"),
            (ffi::SQLITE_CANTOPEN, "Unreachable"),
            (ffi::SQLITE_NOTADB, "Unreachable"),
            (ffi::SQLITE_CORRUPT, "Unreachable"),
            (ffi::SQLITE_ERROR, "Other"),
        ] {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let found = format!("{:?}", in_use("t", "s", &error));
            assert!(found.starts_with(kind), "{code}: {found}");
        }
    }
}
