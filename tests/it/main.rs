//! All integration tests in one binary: linking Polars once instead of once per file.

mod ingest;
mod ingest_properties;
mod sample;
