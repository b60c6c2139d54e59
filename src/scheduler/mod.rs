//! Runs pipelines when they are due.

pub mod due;
