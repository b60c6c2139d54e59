//! What a server says of itself, for `doctor`.
//!
//! Why: most failures of a first night are settings, and a setting can be asked for.
//!
//! Invariants: only reads.
//!
//! Must not know: what is good or bad about an answer.

use std::collections::BTreeMap;

use crate::db::error::DbError;
use crate::db::statement::{Dialect, Statement};
use crate::db::value::{Params, Row};
use crate::time::Timestamp;

use super::{Store, StoreError};

static PROBE: Statement = Statement::per_dialect(
    "probe.sql",
    include_str!("../../sql/mysql/probe.sql"),
    include_str!("../../sql/sqlite/probe.sql"),
);

static VARIABLES: Statement = Statement::portable("variables.sql", include_str!("../../sql/mysql/variables.sql"));
static STATUS: Statement = Statement::portable("status.sql", include_str!("../../sql/mysql/status.sql"));

/// A server's own account of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Name and version.
    pub version: String,
    /// The session's time zone; ours is always `+00:00`.
    pub session_time_zone: String,
    /// The server's default time zone.
    pub server_time_zone: String,
    /// The default character set of new tables.
    pub character_set: String,
    /// Bytes a statement may have; None on SQLite.
    pub max_allowed_packet: Option<i64>,
    /// Whether `LOAD DATA LOCAL` is allowed; None on SQLite.
    pub local_infile: Option<i64>,
    /// True where the server takes no writes.
    pub read_only: bool,
    /// How durable a commit is (1 on a server, 2 on SQLite: to disk before it is reported).
    pub durability: i64,
    /// The server's clock.
    pub clock: Timestamp,
    /// By how many seconds the server's own zone is ahead of UTC in winter and in summer; None where it cannot
    /// be told.
    pub zone_offsets: Option<(i64, i64)>,
    /// What not every server has, by name: variables, and the connection's and the cluster's status. Empty on
    /// SQLite.
    pub more: BTreeMap<String, String>,
}

impl Probe {
    /// One of [`Probe::more`], where the server has it and it says anything.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.more
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// True where a variable is there and on.
    pub fn is_on(&self, name: &str) -> bool {
        let is_on = |value: &str| value == "1" || value.eq_ignore_ascii_case("on");
        self.variable(name).is_some_and(is_on)
    }
}

fn decode(row: &Row<'_>) -> Result<Probe, DbError> {
    Ok(Probe {
        version: row.text(0)?.to_owned(),
        session_time_zone: row.text(1)?.to_owned(),
        server_time_zone: row.text(2)?.to_owned(),
        character_set: row.text(3)?.to_owned(),
        max_allowed_packet: row.opt_int(4)?,
        local_infile: row.opt_int(5)?,
        read_only: row.opt_int(6)?.unwrap_or(0) != 0,
        durability: row.opt_int(7)?.unwrap_or(0),
        clock: row.instant(8)?,
        zone_offsets: row.opt_int(9)?.zip(row.opt_int(10)?),
        more: BTreeMap::new(),
    })
}

impl Store {
    /// Asks the server about itself.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn probe(&self) -> Result<Option<Probe>, StoreError> {
        let Some(mut probe) = self.row(&PROBE, &Params::none(), decode).await? else {
            return Ok(None);
        };
        if self.db.dialect() == Dialect::MySql {
            let pair = |row: &Row<'_>| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()));
            for statement in [&VARIABLES, &STATUS] {
                probe.more.extend(self.rows(statement, &Params::none(), pair).await?);
            }
        }
        Ok(Some(probe))
    }
}
