//! All integration tests in one binary: linking Polars once instead of once per file.

#![allow(
    clippy::print_stderr,
    reason = "a test says on stderr which store it is on and what it skipped"
)]

mod db;
mod support;
