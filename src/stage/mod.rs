//! The pure stages: DataFrame in, DataFrame or value out.
//!
//! `featurize` -> `decide` -> `train` -> `classify` -> `diff`: each file is one stage, and what it
//! hands to the next is a typed [`frame::Frame`] or a plain value.
//!
//! Must not know: the database, tokio, the clock, the environment, entropy.

pub mod boundary;
pub mod calibration;
pub mod classify;
mod clustering;
pub mod columns;
pub mod decide;
pub mod diff;
pub mod features;
pub mod feedback;
pub mod fingerprint;
pub mod frame;
pub mod gate;
pub mod head;
mod logistic;
pub mod model;
pub mod params;
mod points;
pub mod review;
mod silhouette;
mod statistics;
mod table;
#[cfg(test)]
mod testing;
pub mod train;
mod verdict;
