//! Faults of a whole server: each on one that no other test needs.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::Diagnosis;
use crate::support::block_on;
use crate::support::cli::Paceline;
use crate::support::private::PrivateServer;

/// One for the tests that only change a setting and put it back; its keeper ends it with this process.
fn setting() -> MutexGuard<'static, PrivateServer> {
    static SERVER: OnceLock<Mutex<PrivateServer>> = OnceLock::new();
    let server = SERVER.get_or_init(|| Mutex::new(PrivateServer::start(&[])));
    server.lock().unwrap_or_else(PoisonError::into_inner)
}

fn migrated(server: &PrivateServer) -> Paceline {
    let paceline = Paceline::new(&block_on(server.store()).url);
    paceline.ok(&["migrate"]);
    paceline
}

#[test]
fn a_server_that_is_down_is_named_in_the_list() {
    let server = PrivateServer::start(&[]);
    let paceline = migrated(&server);
    Diagnosis::of(&paceline).exits(0);
    drop(server);
    let diagnosis = Diagnosis::of(&paceline);
    diagnosis
        .exits(69)
        .names(
            "connection",
            "error",
            &["cannot reach mysql://paceline@127.0.0.1"],
            &["start the server"],
        )
        .names("temporary folder", "ok", &[], &[]);
    diagnosis
        .outcome
        .expect(69, &["cannot reach", "next: check that the server runs"]);
}

#[test]
fn a_server_whose_own_zone_is_not_utc_is_a_warning_and_harms_nothing() {
    let server = setting();
    let paceline = migrated(&server);
    Diagnosis::of(&paceline).names("time zone", "ok", &["session in UTC, server too"], &[]);
    server.admin(&["SET GLOBAL time_zone = '+02:00'"]);
    let diagnosis = Diagnosis::of(&paceline);
    server.admin(&["SET GLOBAL time_zone = SYSTEM"]);
    let evidence = ["session in UTC", "the server's own zone is +02:00"];
    diagnosis
        .exits(0)
        .names("time zone", "warning", &evidence, &["SET GLOBAL time_zone = '+00:00'"]);
}

#[test]
fn a_small_packet_is_a_warning() {
    let server = setting();
    let paceline = migrated(&server);
    let before = server.ask("SELECT @@global.max_allowed_packet")[0].clone();
    server.admin(&["SET GLOBAL max_allowed_packet = 65536"]);
    let diagnosis = Diagnosis::of(&paceline);
    server.admin(&[&format!("SET GLOBAL max_allowed_packet = {before}")]);
    diagnosis.exits(0).names(
        "max_allowed_packet",
        "warning",
        &["65536 bytes"],
        &["SET GLOBAL max_allowed_packet = 16777216"],
    );
    Diagnosis::of(&paceline).names("max_allowed_packet", "ok", &[], &[]);
}

#[test]
fn a_server_that_takes_no_writes_is_an_error() {
    let server = setting();
    let paceline = migrated(&server);
    server.admin(&["SET GLOBAL read_only = 1"]);
    let diagnosis = Diagnosis::of(&paceline);
    server.admin(&["SET GLOBAL read_only = 0"]);
    diagnosis.exits(1).names(
        "writable",
        "error",
        &["read_only is on"],
        &["primary server", "SET GLOBAL read_only = OFF"],
    );
    Diagnosis::of(&paceline).exits(0);
}

#[test]
fn a_server_on_a_data_directory_that_is_only_read_is_an_error() {
    let server = PrivateServer::start(&["--innodb-read-only=1"]);
    let paceline = Paceline::new(&block_on(server.store()).url);
    Diagnosis::of(&paceline).exits(1).names(
        "writable",
        "error",
        &["innodb_read_only is on"],
        &["a disk that can be written"],
    );
}

#[test]
fn a_server_that_logs_statements_is_an_error_before_the_first_run_meets_it() {
    let server = PrivateServer::start(&["--log-bin=log", "--binlog-format=STATEMENT", "--server-id=1"]);
    let paceline = Paceline::new(&block_on(server.store()).url);
    Diagnosis::of(&paceline)
        .exits(1)
        .names("binary log", "error", &["STATEMENT"], &["binlog_format = 'MIXED'"]);
    paceline.run(&["migrate"]).expect(1, &["cannot be written"]);
}
