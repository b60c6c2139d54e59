//! The arrows between modules only go down, and pure modules stay pure.
//!
//! A rule that only a page states is broken within a month; this one reads the sources.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module and the modules it may name. What is not listed is refused.
const ARROWS: &[(&str, &[&str])] = &[
    ("id", &["time"]),
    ("time", &[]),
    ("vocab", &[]),
    ("stage", &["id", "time", "vocab"]),
    ("ingest", &["id", "time", "vocab"]),
    ("audit", &["id", "time", "vocab"]),
    ("config", &["stage", "id", "time", "vocab"]),
    ("plot", &["stage", "vocab"]),
    ("db", &["id", "time", "vocab", "sql"]),
    // The store reads into the frames that the stages define, and writes their outcomes.
    (
        "store",
        &[
            "db",
            "stage",
            "ingest",
            "audit",
            "id",
            "time",
            "vocab",
            "sql",
            "report_sql",
        ],
    ),
    (
        "pipeline",
        &[
            "store", "config", "stage", "ingest", "audit", "db", "id", "time", "vocab",
        ],
    ),
    ("scheduler", &["pipeline", "store", "config", "id", "time", "vocab"]),
    (
        "app",
        &[
            "scheduler",
            "pipeline",
            "store",
            "config",
            "db",
            "stage",
            "ingest",
            "audit",
            "id",
            "time",
            "vocab",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "scheduler",
            "pipeline",
            "store",
            "config",
            "db",
            "stage",
            "ingest",
            "audit",
            "plot",
            "id",
            "time",
            "vocab",
        ],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// What pure modules must not name, with the reason.
const IMPURE: &[(&str, &str)] = &[
    ("tokio::", "an executor"),
    ("std::fs", "files"),
    ("std::env", "the environment"),
    ("std::time::SystemTime", "the clock"),
    ("Utc::now", "the clock"),
    ("Instant::now", "the clock"),
    ("thread_rng", "entropy"),
    ("from_entropy", "entropy"),
    ("rand::random", "entropy"),
    ("mysql_async", "a database"),
    ("rusqlite", "a database"),
];

const PURE: &[&str] = &["stage", "ingest", "audit", "plot", "config", "id", "time", "vocab"];

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("src is readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// `src/store/write.rs` is in module `store`, `src/time.rs` in `time`.
fn module_of(path: &Path, src: &Path) -> String {
    let inside = path.strip_prefix(src).expect("below src");
    let first = inside.components().next().expect("a name");
    Path::new(first.as_os_str())
        .file_stem()
        .expect("a name")
        .to_string_lossy()
        .into_owned()
}

/// The modules that a line names by `crate::x` (or `paceline::x` in main), outside comments.
fn named_modules(line: &str) -> Vec<&str> {
    let code = line.split("//").next().unwrap_or_default();
    let mut named = Vec::new();
    for prefix in ["crate::", "paceline::"] {
        for (at, _) in code.match_indices(prefix) {
            let rest = &code[at + prefix.len()..];
            let end = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            named.push(&rest[..end]);
        }
    }
    named
}

fn violations(module: &str, text: &str) -> Vec<String> {
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == module) else {
        return vec![format!("module '{module}' is not in the table of arrows")];
    };
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for name in named_modules(line) {
            let own = name == module || name.is_empty();
            if !own && !allowed.contains(&name) {
                found.push(format!("line {}: {module} -> {name}: {}", number + 1, line.trim()));
            }
        }
        let code = line.split("//").next().unwrap_or_default();
        for (word, what) in IMPURE.iter().filter(|_| PURE.contains(&module)) {
            if code.contains(word) {
                found.push(format!(
                    "line {}: {module} is pure and names {what}: {}",
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    found
}

#[test]
fn arrows_between_modules_only_go_down() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    for path in sources(&src) {
        let text = fs::read_to_string(&path).expect("a source file");
        for violation in violations(&module_of(&path, &src), &text) {
            all.push(format!("{}: {violation}", path.display()));
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn the_due_rule_is_pure() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scheduler/due.rs");
    let text = fs::read_to_string(path).expect("a source file");
    for (word, what) in IMPURE
        .iter()
        .chain(&[("crate::store", "a database"), ("crate::pipeline", "runs")])
    {
        assert!(!text.contains(word), "scheduler/due.rs names {what}: {word}");
    }
}

#[test]
fn every_write_of_the_store_goes_past_the_fence() {
    // `Store::transact` checks the lease of a run; what writes around it would let a run write that has
    // lost its pipeline. The lease itself and a run's own ledger row are written without.
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    for path in sources(&src) {
        // privileges.rs asks, by statements that write no row.
        if ["lease.rs", "runs.rs", "privileges.rs"]
            .iter()
            .any(|file| path.ends_with(file))
        {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
        for around in ["db.transact(", "db.execute(", "db.insert_many("] {
            assert!(
                !text.contains(around),
                "{}: {around}..) writes around the fence",
                path.display()
            );
        }
    }
}

#[test]
fn an_upward_use_is_found() {
    for (module, line) in [
        ("stage", "use crate::db::Db;"),
        ("stage", "    let now = chrono::Utc::now();"),
        ("store", "use crate::pipeline::RunError;"),
        ("db", "fn f(x: crate::store::Store) {}"),
        ("ingest", "use std::fs;"),
        ("plot", "use crate::store::Store;"),
        ("unheard_of", ""),
    ] {
        assert!(!violations(module, line).is_empty(), "{module}: {line}");
    }
    assert!(violations("store", "use crate::db::Db; // crate::pipeline is above").is_empty());
}

#[test]
fn the_table_itself_has_no_circle() {
    for (name, allowed) in ARROWS {
        for below in *allowed {
            let back = ARROWS
                .iter()
                .find(|(n, _)| n == below)
                .is_some_and(|(_, a)| a.contains(name));
            assert!(!back, "{name} and {below} name each other");
        }
    }
}

#[test]
fn files_stay_under_500_lines() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&src) {
        let lines = fs::read_to_string(&path).expect("a source file").lines().count();
        assert!(lines <= 500, "{} has {lines} lines; split it", path.display());
    }
}
