//! Two servers behind five primitives: query, execute, transact, insert_many, migrate.
//!
//! Why: the boundary between Paceline and a database is the statement, not a repository trait; what
//! the domain asks is written once in `store/` and runs on both.
//!
//! Invariants: a transaction is all or nothing; a guarded step that affects another number of rows
//! rolls back; instants are UTC; nothing here prints a password.
//!
//! Must not know: the domain. It sees tables only in the migrations.

pub mod error;
pub mod statement;
pub mod value;
