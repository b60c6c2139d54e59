//! Bad input, and what it gets: a clear error or a counted outcome, the documented exit code, and
//! nothing half-written. Everything here runs the real binary.
