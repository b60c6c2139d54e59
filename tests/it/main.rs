//! All integration tests in one binary: linking Polars once instead of once per file.

mod db;
mod ingest;
mod ingest_properties;
mod support;
