//! Old history goes into files and comes back: nothing is lost, nothing can be changed unnoticed, and whatever
//! happens on the way is made good by giving the command again.

mod answers;
mod command;
mod golden;
mod midway;
mod moves;
mod tamper;

use std::path::PathBuf;
use std::sync::Arc;

use paceline::app::{made_folder, shelf};
use paceline::audit::archive::file::{Filed, Writer};
use paceline::audit::chain::Segment;
use paceline::audit::encoding::HistoryRow;
use paceline::pipeline::RunError;
use paceline::pipeline::archive::restore::{RestoreReport, Which, restore};
use paceline::pipeline::archive::{ArchiveOptions, ArchiveReport, archive};
use paceline::pipeline::people::say;
use paceline::pipeline::prepare::Options;
use paceline::stage::decide::Retrain;
use paceline::store::archived::Shelf;
use paceline::store::verify::Verification;
use paceline::time::Timestamp;
use paceline::vocab::Label;
use tempfile::TempDir;

use crate::support::TestStore;
use crate::support::world::{CLASSIC, NIGHTLY, SAMPLE, World, correction};

/// Few, so that there are several files.
const FILE_ROWS: u64 = 100;

/// Two years of a store, with rows of ours in several segments, corrections, and rows of others.
struct Years {
    world: World,
    folder: TempDir,
    /// What is sealed before is old: about half of the rows.
    middle: Timestamp,
    /// Some of the first workouts, by id: 0 and 1 a person has set, 3 to 5 others have written of.
    ids: Vec<String>,
    /// Instants at which something has just happened, oldest first.
    instants: Vec<Timestamp>,
}

fn small_nightly() -> String {
    NIGHTLY.replace("chunk_rows = 5000", "chunk_rows = 60")
}

fn churn() -> Options {
    Options {
        accept_churn: true,
        ..Options::default()
    }
}

async fn some_workouts(world: &World, many: usize) -> Vec<String> {
    let query = format!("SELECT workout_id FROM workout_ml_classifications ORDER BY workout_id LIMIT {many}");
    world.raw.rows(&query).await.concat()
}

impl Years {
    async fn new(store: TestStore) -> Self {
        let world = World::new(store);
        let lines: Vec<&str> = SAMPLE.lines().collect();
        let text = |lines: &[&str]| lines.iter().map(|line| format!("{line}\r\n")).collect::<String>();
        let mut instants = Vec::new();
        world.import(&text(&lines[..180])).await;
        world.run(&small_nightly()).await;
        instants.push(world.now());
        world.wait_days(1);
        let ids = some_workouts(&world, 12).await;
        let said = [(0, Label::Mixed), (1, Label::PupWalk), (1, Label::RealRun)];
        for (id, label) in said {
            let said = correction(&ids[id], label, "anna");
            say(&world.store, &said, &world.ambient()).await.expect("a correction");
        }
        instants.push(world.now());
        world.wait_days(1);
        // An older tool relabels three workouts, and writes of one that it has two rows.
        for (id, at) in [(3, 1), (4, 2), (5, 3), (5, 4)] {
            let id = &ids[id];
            world
                .raw
                .run(&format!(
                    "INSERT INTO workout_classification_history (workout_id, new_classification, classification_source, \
                     classification_confidence, changed_by, changed_at, metadata) VALUES ('{id}', 'unknown', \
                     'ml_batch_update', 0.1, 'classifier.py', '2026-01-0{at} 01:02:03.000004', '{{\"a\": 1.50}}')"
                ))
                .await;
            world
                .raw
                .run(&format!(
                    "UPDATE workout_ml_classifications SET current_classification = 'unknown' WHERE workout_id = '{id}'"
                ))
                .await;
        }
        world.try_run(CLASSIC, &churn()).await.expect("a run that adopts");
        instants.push(world.now());
        world.wait_days(200);
        let middle = world.now();
        world.wait_days(200);
        world.import(&text(&[&lines[..1], &lines[180..260]].concat())).await;
        let retrain = Options {
            retrain: Some(Retrain::Always),
            ..churn()
        };
        world.try_run(&small_nightly(), &retrain).await.expect("a run");
        instants.push(world.now());
        world.wait_days(1);
        let said = correction(&ids[3], Label::RealRun, "ben");
        say(&world.store, &said, &world.ambient()).await.expect("a correction");
        instants.push(world.now());
        let verified = world.store.verify(|_| {}).await.expect("verify");
        assert!(verified.ok && verified.adopted == 4, "{verified:?}");
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            world,
            folder,
            middle,
            ids,
            instants,
        }
    }

    fn options(&self) -> ArchiveOptions {
        ArchiveOptions {
            before: self.middle,
            folder: made_folder(self.folder.path()).expect("a folder"),
            file_rows: FILE_ROWS,
            take_over: false,
        }
    }

    async fn try_archive(&self) -> Result<ArchiveReport, RunError> {
        archive(&self.world.store, &self.options(), &self.files(), &self.world.ambient()).await
    }

    /// Archives the older half.
    async fn archive(&self) -> ArchiveReport {
        self.try_archive().await.expect("archived")
    }

    async fn restore(&self, which: Which) -> RestoreReport {
        restore(&self.world.store, &which, false, &self.files(), &self.world.ambient())
            .await
            .expect("restored")
    }

    /// The files where they were written to.
    fn files(&self) -> Arc<dyn Shelf> {
        shelf(None)
    }

    async fn verify(&self) -> Verification {
        self.world.store.verify_with_files(self.files()).await.expect("verify")
    }

    async fn verify_without(&self) -> Verification {
        self.world.store.verify(|_| {}).await.expect("verify")
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }
}

/// A file of `rows` (each with its number and the segment that seals it), whose leaf hashes are right.
fn file_of(segments: &[Segment], rows: &[(i64, HistoryRow, i64)]) -> Vec<u8> {
    let (mut out, mut scratch) = (Vec::new(), Vec::new());
    let mut writer = Writer::new(&mut out, segments).expect("begun");
    for (history_id, row, sealed_by) in rows {
        let filed = Filed {
            history_id: *history_id,
            row: row.borrowed(),
            sealed_by: *sealed_by,
            leaf: row.borrowed().leaf_hash(&mut scratch),
        };
        writer.push(&filed).expect("a row");
    }
    writer.finish().expect("written");
    out
}

/// Panics unless every table is as before; of the chain its beginning, because each archive has sealed its record.
async fn assert_as_before(years: &Years, before: &[(&'static str, Vec<Vec<String>>)], what: &str) {
    let now = years.world.dump().await;
    for (table, old) in before {
        let found = now.iter().find(|(name, _)| name == table);
        let new = found.map(|(_, rows)| rows.as_slice()).unwrap_or_default();
        match *table {
            "audit_segments" => assert!(new.starts_with(old), "{what}: the chain has another beginning"),
            table => assert!(
                old.as_slice() == new,
                "{what}: {table}: {} rows, before {}",
                new.len(),
                old.len()
            ),
        }
    }
}

/// Kinds of findings.
fn kinds(verified: &Verification) -> Vec<&'static str> {
    verified.findings.iter().map(|f| f.kind).collect()
}

#[track_caller]
fn assert_sound(verified: &Verification, unchecked: u64) {
    assert!(verified.ok, "{:?}", verified.findings);
    assert_eq!(verified.unchecked, unchecked, "{:?}", verified.notes);
    let said = verified.notes.iter().filter(|n| n.kind == "not_checked").count();
    assert_eq!(said > 0, unchecked > 0, "{:?}", verified.notes);
}
