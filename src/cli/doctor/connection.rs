//! Why the store could not be opened, told apart by who can mend it.

use crate::db::error::DbError;
use crate::pipeline::RunError;
use crate::store::StoreError;

use super::{Finding, error};

/// The finding of a store that could not be opened.
pub(super) fn failed(failed: &anyhow::Error) -> Finding {
    let Some(run) = failed.downcast_ref::<RunError>() else {
        return error("connection", format!("{failed:#}"), "see the message");
    };
    let evidence = run.source.to_string();
    let next = match run.source.downcast_ref::<StoreError>() {
        Some(StoreError::Db(db)) => remedy(db).unwrap_or(&run.hint),
        _ => &run.hint,
    };
    error("connection", evidence, next)
}

/// More than the hint of its kind, where the server's code says more.
fn remedy(failed: &DbError) -> Option<&'static str> {
    let DbError::Denied { detail, .. } = failed else {
        return match failed {
            DbError::Unreachable { target, .. } if target.starts_with("mysql:") => Some(
                "start the server (systemctl start mariadb), and check host and port in DATABASE_URL and any firewall \
                 between",
            ),
            DbError::Unreachable { .. } => {
                Some("check the path in DATABASE_URL, and that this user may read and write the file and its folder")
            }
            _ => None,
        };
    };
    let codes = [
        (
            "ERROR 1045 ",
            "wrong user or password: correct them in DATABASE_URL (a reserved character is written %XX, @ is %40), or \
             set the password anew: ALTER USER .. IDENTIFIED BY ..",
        ),
        (
            "ERROR 1049 ",
            "the database does not exist: correct its name in DATABASE_URL, or CREATE DATABASE .. CHARACTER SET utf8mb4 \
             COLLATE utf8mb4_bin",
        ),
        (
            "ERROR 1044 ",
            "the database does not exist, or this user has no privilege in it: correct its name in DATABASE_URL, or \
             GRANT SELECT, INSERT, UPDATE ON DATABASE.* TO the user",
        ),
        (
            "ERROR 1130 ",
            "the server takes no connection from this machine: CREATE USER for this host, or connect from another",
        ),
        (
            "ERROR 1129 ",
            "the server has blocked this machine after failed connections: FLUSH HOSTS there",
        ),
        ("ERROR 3118 ", "the account is locked: ALTER USER .. ACCOUNT UNLOCK"),
        ("ERROR 4151 ", "the account is locked: ALTER USER .. ACCOUNT UNLOCK"),
        (
            "ERROR 1820 ",
            "the password has expired: ALTER USER .. IDENTIFIED BY ..",
        ),
        (
            "ERROR 1862 ",
            "the password has expired: ALTER USER .. IDENTIFIED BY ..",
        ),
        (
            "ERROR 3159 ",
            "the server asks for TLS: add ?ssl-mode=REQUIRED to DATABASE_URL",
        ),
    ];
    codes
        .iter()
        .find(|(code, _)| detail.contains(code))
        .map(|(_, next)| *next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(code: u16) -> DbError {
        DbError::Denied {
            target: "t".to_owned(),
            detail: format!("ERROR {code} (28000): m"),
        }
    }

    #[test]
    fn each_refusal_has_its_own_remedy() {
        for (code, part) in [
            (1045, "password"),
            (1049, "CREATE DATABASE"),
            (1044, "GRANT"),
            (1130, "host"),
            (3159, "ssl-mode=REQUIRED"),
        ] {
            let next = remedy(&denied(code)).expect("a remedy");
            assert!(next.contains(part), "{code}: {next}");
        }
        assert_eq!(remedy(&denied(9999)), None);
    }
}
