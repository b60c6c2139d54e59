//! All integration tests in one binary: linking Polars once instead of once per file.

#![allow(
    clippy::print_stderr,
    reason = "a test says which store it is on and what it skipped"
)]

mod architecture;
mod archive;
mod audit;
mod backfill;
mod bad_input;
mod benches;
mod db;
mod diagnosis;
mod docs;
mod fault;
mod gate;
mod import;
mod ingest;
mod ingest_properties;
mod learning;
mod learning_laws;
mod lease;
mod loading;
mod memory;
mod people;
mod plots;
mod readme;
mod report;
mod review;
mod sample;
mod schedule;
mod schedule_feedback;
mod simulated_reviewer;
mod spine;
mod stages;
mod stages_laws;
mod stages_shared;
mod support;
mod undo;
mod upgrade;
