//! What has been tried: points by command, fault and store.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;

/// Points by (store, command, fault).
static TRIED: Mutex<BTreeMap<(String, String, String), usize>> = Mutex::new(BTreeMap::new());

/// True where every point is asked for.
pub fn is_full() -> bool {
    std::env::var("PACELINE_FAULTS").is_ok_and(|setting| setting == "full")
}

/// Counts points that ended as they must, and writes the matrix so far to `target/tmp/fault-matrix.txt`.
pub fn tried(store: &str, command: &str, fault: &str, points: usize) {
    let mut all = TRIED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    *all.entry((store.to_owned(), command.to_owned(), fault.to_owned()))
        .or_default() += points;
    let mut text = String::new();
    for ((store, command, fault), points) in all.iter() {
        let _ = writeln!(text, "{store:<8} {command:<24} {fault:<44} {points:>5}");
    }
    let _ = writeln!(text, "{:<78} {:>5}", "points in all", all.values().sum::<usize>());
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("fault-matrix.txt"), text).expect("written");
    eprintln!("tried on {store}: {command}, {fault}: {points} points");
}
