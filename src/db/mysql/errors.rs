//! The server's error codes and the driver's failures, as kinds.
//!
//! Codes are those of the MySQL and MariaDB error references; MariaDB's own begin at 1900 and 4000.
//!
//! Invariants: a failure of the connection is never a verdict on the statement; a message is the
//! server's or the driver's own, neither of which repeats the password.
//!
//! Must not know: statements' meaning.

use mysql_async::{DriverError, Error, IoError, ServerError};

use crate::db::error::DbError;

/// What the codes mean to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Denied,
    Privilege,
    MissingSchema,
    Duplicate,
    Constraint,
    Transient,
    Unwritable,
    Other,
}

fn kind(error: &ServerError) -> Kind {
    match error.code {
        // Login: no access to database, wrong password, unknown database, no access without password, host blocked or
        // not allowed, old password, plugin missing, account locked, password expired, TLS demanded.
        1044 | 1045 | 1049 | 1698 | 1129 | 1130 | 1251 | 1524 | 3118 | 4151 | 1820 | 1862 | 3159 => Kind::Denied,
        // Table, column, special or routine privilege; SUPER for triggers on a logging server; EXECUTE.
        1142 | 1143 | 1227 | 1419 | 1370 => Kind::Privilege,
        // Table, column, trigger.
        1146 | 1054 | 1360 => Kind::MissingSchema,
        1062 | 1586 => Kind::Duplicate,
        // Too many connections (server, user), shutdown, interrupted, killed, lock wait, deadlock, record changed,
        // aborted while waiting, cluster not ready, group replication certification.
        1040 | 1203 | 1226 | 1053 | 1317 | 1927 | 1205 | 1213 | 1020 | 1047 | 1614 | 1689 | 3100 | 3101 => {
            Kind::Transient
        }
        // Foreign keys, NULL, no default, CHECK (MySQL, MariaDB), wrong string, too long, out of range, truncated,
        // wrong date, not JSON, SIGNAL.
        1216 | 1217 | 1451 | 1452 | 1048 | 1364 | 3819 | 4025 | 1366 | 1406 | 1264 | 1265 | 1292 | 1690 | 3140
        | 1644 => Kind::Constraint,
        // Illegal mix of collations, of two, three, many: a text that the column's character set cannot hold.
        1267 | 1270 | 1271 => Kind::Constraint,
        // Read-only by option, transaction or mode; table or disk full; statement-based binary log (see the module
        // above).
        1290 | 1792 | 1836 | 1114 | 1021 | 1665 => Kind::Unwritable,
        // "Got error N from storage engine": the message alone says that the disk is full.
        1026 | 1030 if error.message.contains("No space left") => Kind::Unwritable,
        _ => Kind::Other,
    }
}

/// Why no connection came about.
pub(super) fn at_connect(target: &str, error: &Error) -> DbError {
    let target = target.to_owned();
    let server = match error {
        Error::Server(server) => server,
        Error::Driver(
            DriverError::UnknownAuthPlugin { .. }
            | DriverError::CleartextPluginDisabled
            | DriverError::MysqlOldPasswordDisabled,
        ) => {
            return DbError::Denied {
                target,
                detail: plain(error),
            };
        }
        Error::Driver(DriverError::NoClientSslFlagFromServer) => {
            return DbError::Unreachable {
                target,
                detail: "the URL asks for TLS and the server offers none".to_owned(),
            };
        }
        other => {
            return DbError::Unreachable {
                target,
                detail: plain(other),
            };
        }
    };
    let detail = server.to_string();
    match kind(server) {
        Kind::Transient => DbError::Unreachable { target, detail },
        Kind::Denied => DbError::Denied { target, detail },
        _ => DbError::Other {
            statement: format!("connect to {target}"),
            detail,
        },
    }
}

/// Why a statement failed on a connection that stood; nothing of its transaction was committed.
pub(super) fn in_use(statement: &str, error: &Error) -> DbError {
    let statement = statement.to_owned();
    let server = match error {
        Error::Server(server) => server,
        Error::Io(_) | Error::Driver(DriverError::ConnectionClosed | DriverError::PoolDisconnected) => {
            return DbError::Transient {
                statement,
                detail: plain(error),
            };
        }
        other => {
            return DbError::Other {
                statement,
                detail: plain(other),
            };
        }
    };
    let mut detail = server.to_string();
    if matches!(server.code, 1267 | 1270 | 1271) {
        detail.push_str("; a text has characters that the column's character set cannot hold");
    }
    match kind(server) {
        Kind::Denied => DbError::Denied {
            target: statement,
            detail,
        },
        Kind::Privilege => DbError::Privilege { statement, detail },
        Kind::MissingSchema => DbError::MissingSchema { statement, detail },
        Kind::Duplicate => DbError::Duplicate { statement, detail },
        Kind::Constraint => DbError::Constraint { statement, detail },
        Kind::Transient => DbError::Transient { statement, detail },
        Kind::Unwritable => DbError::Unwritable { statement, detail },
        Kind::Other => DbError::Other { statement, detail },
    }
}

/// Why a COMMIT failed. Where the server did not say that it rolled back, nobody knows.
pub(super) fn at_commit(transaction: &str, error: &Error) -> DbError {
    let unknown = match error {
        // Shutdown, interrupted, killed, cluster node cut off: each may come after the commit took effect.
        Error::Server(server) => matches!(server.code, 1053 | 1317 | 1927 | 1047),
        _ => true,
    };
    if unknown {
        return DbError::CommitUnknown {
            transaction: transaction.to_owned(),
            detail: plain(error),
        };
    }
    in_use(transaction, error)
}

/// The driver's message without its own "Input/output error: Input/output error:" prefixes.
fn plain(error: &Error) -> String {
    match error {
        Error::Io(IoError::Io(io)) => io.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(code: u16, message: &str) -> Error {
        Error::Server(ServerError {
            code,
            message: message.to_owned(),
            state: "HY000".to_owned(),
        })
    }

    fn lost() -> Error {
        Error::Io(IoError::Io(std::io::Error::from(std::io::ErrorKind::ConnectionReset)))
    }

    #[test]
    fn codes_become_the_kinds_that_callers_act_on() {
        let shown = |code| format!("{:?}", in_use("s", &server(code, "m")));
        for (codes, kind) in [
            (&[1044, 1045, 1049, 1698][..], "Denied"),
            (&[1142, 1143, 1227, 1419, 1370], "Privilege"),
            (&[1146, 1054, 1360], "MissingSchema"),
            (&[1062], "Duplicate"),
            (&[1205, 1213, 1020], "Transient"),
            (
                &[1452, 1451, 1048, 3819, 4025, 1366, 1406, 1265, 1264, 1644, 1270],
                "Constraint",
            ),
            (&[1290, 1792, 1836, 1114, 1021], "Unwritable"),
            (&[1064], "Other"),
        ] {
            for code in codes {
                assert!(shown(*code).starts_with(kind), "{code}: {}", shown(*code));
            }
        }
        let full = in_use(
            "s",
            &server(1030, "Got error 28 \"No space left on device\" from storage engine"),
        );
        assert!(matches!(full, DbError::Unwritable { .. }));
    }

    #[test]
    fn a_lost_connection_is_judged_by_its_moment() {
        assert!(matches!(at_connect("t", &lost()), DbError::Unreachable { .. }));
        assert!(matches!(in_use("s", &lost()), DbError::Transient { .. }));
        assert!(matches!(at_commit("x", &lost()), DbError::CommitUnknown { .. }));
        assert!(matches!(
            at_commit("x", &server(1053, "Server shutdown in progress")),
            DbError::CommitUnknown { .. }
        ));
        assert!(matches!(
            at_commit("x", &server(1213, "Deadlock found")),
            DbError::Transient { .. }
        ));
        assert!(matches!(
            at_connect("t", &server(1040, "Too many connections")),
            DbError::Unreachable { .. }
        ));
    }
}
