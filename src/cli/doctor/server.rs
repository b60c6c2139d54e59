//! What a server says of itself, judged.
//!
//! Invariants: pure: the same answers give the same findings.

use crate::db::statement::Dialect;
use crate::store::probe::Probe;
use crate::time::Timestamp;

use super::{Finding, Severity, error, ok, warning};

/// A multi-row insert is sized to fit this many bytes at least.
const SMALL_PACKET: i64 = 1 << 20;
/// Seconds by which two clocks may differ before leases and audit times suffer.
const CLOCK_SKEW_SEC: i64 = 5;
/// Seconds of a lease: clocks that differ by more make runs take pipelines from each other.
const LEASE_SEC: i64 = 60;

/// What a judgement needs to know of this side.
pub(super) struct Here {
    /// This machine's clock.
    pub now: Timestamp,
    /// Whether `--now` has stopped it.
    pub is_frozen: bool,
    /// Whether the server is on this machine.
    pub is_local: bool,
}

/// The findings, the same checks in the same order for every server.
pub(super) fn findings(probe: &Probe, dialect: Dialect, here: &Here) -> Vec<Finding> {
    let mut findings = vec![ok("server", probe.version.clone()), clock(probe, here)];
    if dialect == Dialect::MySql {
        findings.push(writable(probe));
        findings.push(time_zone(probe));
        findings.push(packet(probe));
        findings.push(tls(probe, here));
        findings.extend(binary_log(probe));
        findings.extend(clustering(probe));
        findings.push(infile(probe));
        findings.push(durability(probe));
    }
    findings
}

fn clock(probe: &Probe, here: &Here) -> Finding {
    let skew = (here.now.micros() - probe.clock.micros()).abs() / 1_000_000;
    if skew <= CLOCK_SKEW_SEC {
        return ok("clock", format!("within {CLOCK_SKEW_SEC} s of the server"));
    }
    let mut evidence = format!("server and this machine differ by {skew} s");
    if here.is_frozen {
        evidence.push_str(" (this machine's clock is the one that --now gives)");
    } else if skew >= LEASE_SEC {
        evidence.push_str(": more than a lease lasts, so two machines take each other's runs for dead");
    }
    let next = "synchronise both clocks (NTP: timedatectl, chronyc): audit times and leases depend on them";
    warning("clock", evidence, next)
}

fn writable(probe: &Probe) -> Finding {
    if probe.is_on("innodb_read_only") {
        let next =
            "start the server without innodb_read_only, and with its data directory on a disk that can be written";
        return error("writable", "innodb_read_only is on: no table can be written", next);
    }
    if probe.read_only {
        let next = "connect to the primary server, or SET GLOBAL read_only = OFF";
        return error(
            "writable",
            "read_only is on: the server takes no writes of this login",
            next,
        );
    }
    ok("writable", "the server takes writes")
}

fn time_zone(probe: &Probe) -> Finding {
    if probe.session_time_zone != "+00:00" {
        let next = "the session must be in UTC; report this with the server's version";
        return error("time zone", format!("session in {}", probe.session_time_zone), next);
    }
    let system = probe.variable("system_time_zone").unwrap_or("unknown");
    let zone = match probe.server_time_zone.as_str() {
        "SYSTEM" => format!("SYSTEM, which is {system}"),
        named => named.to_owned(),
    };
    let is_utc = match probe.zone_offsets {
        Some(offsets) => offsets == (0, 0),
        None => zone.contains("UTC"),
    };
    if is_utc {
        return ok("time zone", format!("session in UTC, server too ({zone})"));
    }
    let next = "nothing is wrong with what Paceline writes; where other tools write TIMESTAMP columns or NOW() beside \
                it, SET GLOBAL time_zone = '+00:00' (default_time_zone in the server's configuration)";
    let evidence = format!("session in UTC, but the server's own zone is {zone}: other tools' times differ from ours");
    warning("time zone", evidence, next)
}

fn packet(probe: &Probe) -> Finding {
    let packet = probe.max_allowed_packet.unwrap_or(0);
    if packet >= SMALL_PACKET {
        return ok("max_allowed_packet", format!("{packet} bytes"));
    }
    let evidence = format!("{packet} bytes: large statements are cut small, and a model's artifact may not fit");
    let next = "raise it to 16M or more: SET GLOBAL max_allowed_packet = 16777216, and in the server's configuration";
    warning("max_allowed_packet", evidence, next)
}

fn tls(probe: &Probe, here: &Here) -> Finding {
    match (probe.variable("Ssl_cipher"), here.is_local) {
        (Some(cipher), _) => {
            let version = probe.variable("Ssl_version").unwrap_or("TLS");
            ok("tls", format!("{version}, {cipher}"))
        }
        (None, true) => ok("tls", "not encrypted; the server is on this machine"),
        (None, false) => {
            let next = "add ?ssl-mode=VERIFY_IDENTITY&ssl-ca=FILE to DATABASE_URL (or ssl-mode=REQUIRED)";
            warning("tls", "not encrypted, and the server is on another machine", next)
        }
    }
}

/// A server that logs statements refuses the writes of sessions at READ COMMITTED.
fn binary_log(probe: &Probe) -> Option<Finding> {
    let format = probe.variable("binlog_format").filter(|_| probe.is_on("log_bin"))?;
    Some(if format.eq_ignore_ascii_case("statement") {
        let next = "SET GLOBAL binlog_format = 'MIXED' (or ROW), and in the server's configuration";
        error(
            "binary log",
            "binlog_format is STATEMENT: the server refuses Paceline's writes",
            next,
        )
    } else {
        ok("binary log", format!("on, {format}"))
    })
}

fn clustering(probe: &Probe) -> Option<Finding> {
    let is_galera = probe.is_on("wsrep_on");
    if is_galera {
        let said = |name: &str| probe.variable(name).unwrap_or("unknown").to_owned();
        let nodes = said("wsrep_cluster_size");
        let (cluster, state) = (said("wsrep_cluster_status"), said("wsrep_local_state_comment"));
        let evidence = format!("Galera, {nodes} nodes, this one {state} in a {cluster} component");
        if probe.is_on("wsrep_ready") {
            return Some(ok("clustering", evidence));
        }
        let next = "this node takes no statements now: connect to another, or bring it back into the cluster";
        return Some(error("clustering", evidence, next));
    }
    let group = probe.variable("group_replication_group_name")?;
    Some(ok("clustering", format!("group replication, group {group}")))
}

fn infile(probe: &Probe) -> Finding {
    let infile = if probe.local_infile.unwrap_or(0) == 0 {
        "off"
    } else {
        "on"
    };
    ok("local_infile", format!("{infile}; Paceline never uses it"))
}

fn durability(probe: &Probe) -> Finding {
    if probe.durability == 1 {
        return ok("durability", "a commit is on disk before it is reported");
    }
    let next = "set innodb_flush_log_at_trx_commit = 1, or accept that a power cut can undo the last second";
    let evidence = format!("innodb_flush_log_at_trx_commit = {}", probe.durability);
    Finding {
        severity: Severity::Warning,
        ..error("durability", evidence, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(more: &[(&str, &str)]) -> Probe {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("an instant");
        let more = more
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Probe {
            version: "11.4.2-MariaDB".to_owned(),
            session_time_zone: "+00:00".to_owned(),
            server_time_zone: "SYSTEM".to_owned(),
            character_set: "utf8mb4".to_owned(),
            max_allowed_packet: Some(16 << 20),
            local_infile: Some(0),
            read_only: false,
            durability: 1,
            clock: now,
            zone_offsets: Some((0, 0)),
            more: more.collect(),
        }
    }

    fn of(probe: &Probe, check: &str, is_local: bool) -> Option<Finding> {
        let here = Here {
            now: probe.clock,
            is_frozen: false,
            is_local,
        };
        let all = findings(probe, Dialect::MySql, &here);
        all.into_iter().find(|found| found.check == check)
    }

    #[test]
    fn a_well_kept_server_has_nothing_to_attend_to() {
        let here = Here {
            now: probe(&[]).clock,
            is_frozen: false,
            is_local: true,
        };
        for found in findings(&probe(&[]), Dialect::MySql, &here) {
            assert_eq!(found.severity, Severity::Ok, "{found:?}");
        }
    }

    #[test]
    fn a_galera_node_is_shown_and_one_that_left_its_cluster_is_an_error() {
        let node = |ready| {
            probe(&[
                ("wsrep_on", "ON"),
                ("wsrep_cluster_size", "3"),
                ("wsrep_local_state_comment", "Synced"),
                ("wsrep_cluster_status", "Primary"),
                ("wsrep_ready", ready),
            ])
        };
        let synced = of(&node("ON"), "clustering", true).expect("shown");
        assert_eq!(synced.severity, Severity::Ok);
        assert!(synced.evidence.contains("Galera, 3 nodes"), "{synced:?}");
        let lost = of(&node("OFF"), "clustering", true).expect("shown");
        assert_eq!(lost.severity, Severity::Error);
        assert_eq!(of(&probe(&[("wsrep_on", "OFF")]), "clustering", true), None);
        let group = probe(&[("group_replication_group_name", "aaaa-1")]);
        assert!(
            of(&group, "clustering", true)
                .expect("shown")
                .evidence
                .contains("aaaa-1")
        );
    }

    #[test]
    fn a_british_winter_is_not_utc() {
        let london = Probe {
            zone_offsets: Some((0, 3600)),
            ..probe(&[("system_time_zone", "GMT")])
        };
        let found = of(&london, "time zone", true).expect("a finding");
        assert_eq!(found.severity, Severity::Warning);
        assert!(found.evidence.contains("GMT"), "{found:?}");
    }

    #[test]
    fn what_crosses_a_network_should_be_encrypted() {
        let severity = |probe: &Probe, is_local| of(probe, "tls", is_local).expect("a finding").severity;
        assert_eq!(severity(&probe(&[]), true), Severity::Ok);
        assert_eq!(severity(&probe(&[("Ssl_cipher", "")]), false), Severity::Warning);
        assert_eq!(severity(&probe(&[("Ssl_cipher", "AES")]), false), Severity::Ok);
    }

    #[test]
    fn a_statement_log_refuses_our_writes() {
        let logging = |format| probe(&[("log_bin", "ON"), ("binlog_format", format)]);
        let severity = |format| of(&logging(format), "binary log", true).expect("a finding").severity;
        assert_eq!(severity("STATEMENT"), Severity::Error);
        assert_eq!(severity("MIXED"), Severity::Ok);
    }
}
