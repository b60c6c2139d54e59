//! The pure stages: DataFrame in, DataFrame or value out.
//!
//! Must not know: the database, tokio, the clock, the environment, entropy.

pub mod frame;
