//! What makes the history provable: the bytes of a row, the Merkle root of a transaction's rows, and
//! the chain that ties each transaction to the one before.
//!
//! Why: a table that refuses UPDATE still has an owner who can drop the trigger. With one head written
//! down elsewhere, any later change to any row shows, and one row can be proved without the others.
//!
//! Invariants: the same rows give the same hashes in every version of Paceline and on every store;
//! a change of the encoding is a new [`encoding::ENCODING_VERSION`], never an edit of the old one.
//!
//! Must not know: where rows are stored, the clock, what labels mean.

pub mod adopted;
pub mod anchor;
pub mod archive;
pub mod chain;
pub mod encoding;
mod hash;
pub mod leaves;
pub mod merkle;
pub mod proof;
pub mod replay;

pub use hash::{Hash, HashError};
