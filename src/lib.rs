//! Paceline classifies years of workout history nightly, keeps a provable audit trail of every
//! verdict, and learns from the people who correct it.
//!
//! `ARCHITECTURE.md` is the map. Arrows between the modules only go down:
//! `cli -> app -> scheduler -> pipeline -> {store, config} -> {db, ingest, audit, stage} -> {vocab, id, time}`.

pub mod app;
pub mod audit;
pub mod cli;
pub mod config;
pub mod db;
pub mod id;
pub mod ingest;
pub mod pipeline;
pub mod plot;
pub mod scheduler;
pub mod stage;
pub mod store;
pub mod time;
pub mod vocab;
