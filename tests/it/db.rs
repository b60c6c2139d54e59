//! The database layer: every case that has a meaning on both stores runs on both, from one list.

mod durability;
mod faults;
mod large;
mod migrations;
mod refusals;
mod schema;
mod transactions;
mod updates;
mod values;
