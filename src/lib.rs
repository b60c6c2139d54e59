//! Paceline classifies years of workout history nightly, keeps a provable audit trail of every
//! verdict, and learns from the people who correct it.
//!
//! `ARCHITECTURE.md` is the map. Arrows between the modules only go down:
//! `cli -> app -> pipeline -> {store, ingest, audit, stage} -> db -> {vocab, id, time}`.

pub mod audit;
pub mod db;
pub mod id;
pub mod ingest;
pub mod stage;
pub mod time;
pub mod vocab;
