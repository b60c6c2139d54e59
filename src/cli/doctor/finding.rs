//! A finding: what was looked at, what was found, and what to do about it.
//!
//! Why: "it does not work" becomes one line with evidence and a next step, the same for a person and a program.
//!
//! Invariants: what is not well has a next step; a key that has been published stays.
//!
//! Must not know: how it was found.

use serde::Serialize;

use crate::cli::output::Rows;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// It works, and may surprise.
    Warning,
    /// It does not work.
    Error,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub evidence: String,
    /// What to do; empty where all is well.
    pub next: String,
}

/// All is well.
pub fn ok(check: &'static str, evidence: impl Into<String>) -> Finding {
    Finding {
        check,
        severity: Severity::Ok,
        evidence: evidence.into(),
        next: String::new(),
    }
}

/// It works, and may surprise.
pub fn warning(check: &'static str, evidence: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding {
        check,
        severity: Severity::Warning,
        evidence: evidence.into(),
        next: next.into(),
    }
}

/// It does not work.
pub fn error(check: &'static str, evidence: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding {
        check,
        severity: Severity::Error,
        evidence: evidence.into(),
        next: next.into(),
    }
}

/// The findings as a table.
pub fn rows(findings: &[Finding]) -> Rows {
    let mut rows = Rows::new(&["check", "finding", "evidence", "next step"]);
    for found in findings {
        let severity = match found.severity {
            Severity::Ok => "ok",
            Severity::Warning => "warning",
            Severity::Error => "ERROR",
        };
        rows.push(vec![
            found.check.to_owned(),
            severity.to_owned(),
            found.evidence.clone(),
            found.next.clone(),
        ]);
    }
    rows
}

/// How many are errors.
pub fn errors(findings: &[Finding]) -> usize {
    findings.iter().filter(|it| it.severity == Severity::Error).count()
}

/// `1 finding needs attention`.
pub fn in_words(errors: usize) -> String {
    match errors {
        1 => "1 finding needs attention".to_owned(),
        more => format!("{more} findings need attention"),
    }
}
