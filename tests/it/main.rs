//! All integration tests in one binary: linking Polars once instead of once per file.

mod stages;
mod stages_laws;
mod stages_shared;
