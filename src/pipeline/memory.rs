//! Whether a command fits into the memory that it may use, said before anything is read.
//!
//! Why: a process that the system ends for want of memory has worked for nothing and cannot say why. Who knows
//! the bound can say so, and gets an answer before the first row.
//!
//! Invariants: an estimate lets a command go on just as it would without a bound, or refuses it; it never
//! changes what is done. The estimates are above what was measured (`benches/`), and linear in what they name.
//!
//! Must not know: how much memory the machine has.

use crate::config::{Pipeline, Size};
use crate::store::Store;
use crate::store::workouts::Window;

use super::backfill::{BackfillOptions, TRAINING_ROWS};
use super::prepare::{Options, source_window, window_of};
use super::{Kind, RETRIES, RunError, retrying};

/// The program itself, the embedded store's page cache or the statements that are prepared on a server, and the
/// transactions on their way: whatever the number of rows. Measured: up to 75 MB on SQLite and 120 MB on MariaDB, where
/// the driver keeps a description of each of the fifteen thousand placeholders of a large INSERT.
pub const BASE_BYTES: u64 = 128_000_000;
/// A workout of a run, which holds all of them, the stored state beside them and their verdicts.
pub const BYTES_A_WORKOUT: u64 = 250;
/// A workout of a backfill's slice: the same, and the transaction that writes it.
pub const BYTES_A_SLICED_WORKOUT: u64 = 1_000;
/// What a verification holds beside the program, whatever the number of workouts and of history rows: see
/// "how it reads" in ARCHITECTURE.
pub const VERIFY_BYTES: u64 = 64_000_000;
/// A byte of an archive's file, which is read whole, with what it decodes to a row group at a time.
pub const BYTES_A_FILED_BYTE: u64 = 2;
/// A segment of the chain that is verified, with its tree.
pub const BYTES_A_SEGMENT: u64 = 400;

/// The memory that was allowed: the command line's word, or else the pipeline file's.
fn allowed(pipeline: &Pipeline, options: &Options) -> Option<Size> {
    options.max_memory.or(pipeline.max_memory)
}

fn check(stage: &'static str, allowed: Size, needed: u64, what: &str, hint: &str) -> Result<(), RunError> {
    if needed <= allowed.count() {
        return Ok(());
    }
    let needed = Size::bytes(needed);
    let found = format!("{what} may take {needed}, and max_memory allows {allowed}");
    let hint = format!("nothing was read; {hint}, or allow {needed} (--max-memory, or limits.max_memory)");
    Err(RunError::new(stage, Kind::Config, found, hint))
}

async fn workouts(store: &Store, window: Window) -> Result<u64, RunError> {
    let count = || async { store.count_workouts(window).await };
    retrying(RETRIES, || async {
        count().await.map_err(|error| RunError::store("load", error))
    })
    .await
}

/// Refuses a run, or the plan of one, that may not fit: it holds the workouts of its window, and where a window
/// was given on the command line those of the source besides, which a model learns from.
///
/// # Errors
/// [`RunError`] of kind config where more would be needed; of the store where it cannot be asked.
pub(super) async fn allows_run(store: &Store, pipeline: &Pipeline, options: &Options) -> Result<(), RunError> {
    let Some(allowed) = allowed(pipeline, options) else {
        return Ok(());
    };
    let (window, source) = (window_of(pipeline, options), source_window(pipeline));
    let mut rows = workouts(store, window).await?;
    if window != source {
        rows += workouts(store, source).await?;
    }
    let needed = BASE_BYTES + rows * BYTES_A_WORKOUT;
    let hint = "narrow the pipeline's [source], or classify window by window with `paceline backfill`, whose memory does \
                not grow with the workouts";
    check("load", allowed, needed, &format!("a run over {rows} workouts"), hint)
}

/// Refuses a backfill that may not fit, whatever the number of workouts: it holds the sample that its model
/// learns from, or a slice for each window that is prepared side by side.
///
/// # Errors
/// [`RunError`] of kind config where more would be needed.
pub(super) fn allows_backfill(pipeline: &Pipeline, options: &BackfillOptions) -> Result<(), RunError> {
    let Some(allowed) = allowed(pipeline, &options.run) else {
        return Ok(());
    };
    let cutting = options.cutting();
    let slices = (cutting.concurrency * cutting.slice_rows) as u64 * BYTES_A_SLICED_WORKOUT;
    let needed = BASE_BYTES + slices.max(TRAINING_ROWS as u64 * BYTES_A_WORKOUT);
    let what = format!("a backfill with --concurrency {}", cutting.concurrency);
    let hint = if cutting.concurrency > 1 {
        "take a smaller --concurrency"
    } else {
        "there is no smaller way"
    };
    check("load", allowed, needed, &what, hint)
}

/// Refuses a verification that may not fit: it holds the chain, and spills the rest to the disk.
///
/// # Errors
/// As for a run.
pub async fn allows_verify(store: &Store, allowed: Option<Size>) -> Result<(), RunError> {
    let Some(allowed) = allowed else { return Ok(()) };
    let head = retrying(RETRIES, || async {
        let head = store.chain_head().await;
        head.map_err(|error| RunError::store("verify", error))
    });
    let segments = head.await?.segment_id.max(0) as u64;
    let archives = retrying(RETRIES, || async {
        let archives = store.archives().await;
        archives.map_err(|error| RunError::store("verify", error))
    });
    let archives = archives.await?;
    let file = archives
        .in_force()
        .map(|archive| archive.record.file_bytes)
        .max()
        .unwrap_or(0);
    let needed = BASE_BYTES + VERIFY_BYTES + segments * BYTES_A_SEGMENT + file * BYTES_A_FILED_BYTE;
    let what = format!("the verification of {segments} segments");
    check("verify", allowed, needed, &what, "there is no smaller way")
}
