//! All integration tests in one binary: linking Polars once instead of once per file.

#![allow(clippy::print_stderr, reason = "a skipped test says so loudly, on standard error")]

mod architecture;
mod db;
mod ingest;
mod ingest_properties;
mod learning;
mod learning_laws;
mod sample;
mod stages;
mod stages_laws;
mod stages_shared;
mod support;
