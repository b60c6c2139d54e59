//! Faults on purpose: statements that fail, answers that are lost, processes and servers that die, two
//! writers at once. Whatever happens, the tables end as those of one clean run.
//!
//! `PACELINE_FAULTS=full` tries every point on both stores; without it the slower store and the child
//! processes get every few.

mod acts;
mod children;
mod connection;
mod disk;
mod kills;
mod lab;
pub mod matrix;
mod pauses;
mod races;
mod server;
mod statements;
mod trial;
