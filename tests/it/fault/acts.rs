//! The writing commands, as the library performs them, each with the store that it is performed on.

use paceline::app::{made_folder, shelf};
use paceline::pipeline::activate::{activate, predecessor, retire};
use paceline::pipeline::archive::restore::{Which, restore};
use paceline::pipeline::archive::{ArchiveOptions, archive};
use paceline::pipeline::import::{ImportOptions, ImportSource, import};
use paceline::pipeline::people::{Said, clear, say};
use paceline::pipeline::prepare::Options;
use paceline::pipeline::run::run;
use paceline::pipeline::{Ambient, RunError};
use paceline::stage::decide::Retrain;
use paceline::store::Store;
use paceline::vocab::{FeedbackType, Label, ModelStatus, Trigger};

use crate::support::TestStore;
use crate::support::world::{NIGHTLY, World, correction, pipeline};

/// The model of the first night: the world's clock stands still but for a day before each run.
pub const FIRST_MODEL: &str = "workout_classifier_20260204_040506";
/// The model of the second.
const SECOND_MODEL: &str = "workout_classifier_20260205_040506";
/// Changes per transaction: few, so that a run has several.
const CHUNK_ROWS: usize = 10;

/// A writing command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A run that trains the first model and classifies everything, in several transactions.
    FirstNight,
    /// A run that trains again, over changed, new, refused and corrected workouts.
    RetrainNight,
    /// A run that only registers a model.
    Candidate,
    /// An import of new, changed, unchanged and refused rows, with labels.
    Import,
    /// A correction.
    Correction,
    /// An answer that changes no label.
    Answer,
    /// A correction is taken back.
    Clear,
    /// An archived model is put in production.
    Activate,
    /// The model before the present one is.
    Rollback,
    /// The active model is withdrawn.
    Deprecate,
    /// Old history goes into files.
    Archive,
    /// It comes back.
    Restore,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::FirstNight,
        Self::RetrainNight,
        Self::Candidate,
        Self::Import,
        Self::Correction,
        Self::Answer,
        Self::Clear,
        Self::Activate,
        Self::Rollback,
        Self::Deprecate,
        Self::Archive,
        Self::Restore,
    ];

    /// The command that it is.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstNight => "run (first night)",
            Self::RetrainNight => "run (retrain)",
            Self::Candidate => "run --no-activate",
            Self::Import => "import --record-labels",
            Self::Correction => "feedback add (correct)",
            Self::Answer => "feedback add (accept)",
            Self::Clear => "override clear",
            Self::Activate => "model activate",
            Self::Rollback => "model rollback",
            Self::Deprecate => "model deprecate",
            Self::Archive => "archive",
            Self::Restore => "archive restore",
        }
    }

    /// Fills a migrated store with what the act is performed on.
    pub async fn prepare(self, raw: TestStore) -> TestStore {
        let world = World::new(raw);
        world.import(&rows(0..36)).await;
        if matches!(self, Self::FirstNight | Self::Import) {
            return world.raw;
        }
        world.run(&nightly()).await;
        say(
            &world.store,
            &correction("w04", Label::PupWalk, "anna"),
            &world.ambient(),
        )
        .await
        .expect("a correction");
        if self == Self::RetrainNight {
            world.import(&rows(24..48)).await;
            world
                .raw
                .run("INSERT INTO workout_summary (workout_id, activity_type) VALUES ('undated', 'Run')")
                .await;
            world
                .raw
                .run("UPDATE workout_summary SET avg_pace = avg_pace + 10, duration_sec = duration_sec + 1800 WHERE workout_id IN ('w02', 'w06')")
                .await;
        }
        if self == Self::Restore {
            move_out(&world.store, &world.ambient()).await.expect("archived");
        }
        if matches!(self, Self::Activate | Self::Rollback | Self::Deprecate) {
            let other = Options {
                retrain: Some(Retrain::Always),
                seed: Some(7),
                accept_churn: true,
                ..Options::default()
            };
            world.import(&rows(30..44)).await;
            world.try_run(&nightly(), &other).await.expect("a second model");
        }
        world.raw
    }

    /// Performs it.
    pub async fn perform(self, store: &Store, ambient: &Ambient) -> Result<(), RunError> {
        let night = Options {
            accept_churn: true,
            ..Options::default()
        };
        let trained = Options {
            retrain: Some(Retrain::Always),
            ..night.clone()
        };
        match self {
            Self::FirstNight => nightly_run(store, &night, ambient).await,
            Self::RetrainNight => nightly_run(store, &trained, ambient).await,
            Self::Candidate => {
                let options = Options {
                    no_activate: true,
                    ..trained
                };
                nightly_run(store, &options, ambient).await
            }
            Self::Import => {
                let text = rows(24..48) + "w99,no date,Run,3,1800,10,\n";
                let source = ImportSource::open("labelled.csv", std::io::Cursor::new(text.into_bytes()))?;
                let options = ImportOptions { record_labels: true };
                import(store, source, options, ambient).await.map(|_| ())
            }
            Self::Correction => say(store, &correction("w08", Label::PupWalk, "anna"), ambient)
                .await
                .map(|_| ()),
            Self::Answer => {
                let said = Said {
                    feedback_type: FeedbackType::Accept,
                    label: None,
                    ..correction("w08", Label::PupWalk, "anna")
                };
                say(store, &said, ambient).await.map(|_| ())
            }
            Self::Clear => clear(store, "w04", "anna", "a mistake", ambient).await.map(|_| ()),
            Self::Activate => activate(store, FIRST_MODEL, None, ambient).await.map(|_| ()),
            Self::Rollback => {
                let previous = predecessor(store).await?;
                activate(store, &previous, None, ambient).await.map(|_| ())
            }
            Self::Deprecate => {
                let (to, now) = (ModelStatus::Deprecated, ambient.now());
                retire(store, SECOND_MODEL, to, "worse", now).await
            }
            Self::Archive => move_out(store, ambient).await,
            Self::Restore => restore(store, &Which::All, false, &shelf(None), ambient)
                .await
                .map(|_| ()),
        }
    }
}

/// Moves everything into files of few rows, in a folder that all stores of one test share.
async fn move_out(store: &Store, ambient: &Ambient) -> Result<(), RunError> {
    let test = std::thread::current().name().unwrap_or("test").replace("::", "-");
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("archives-of-{test}"));
    let options = ArchiveOptions {
        before: "2026-03-01T00:00:00Z".parse().expect("an instant"),
        folder: made_folder(&folder).expect("a folder"),
        file_rows: 20,
        take_over: false,
    };
    archive(store, &options, &shelf(None), ambient).await.map(|_| ())
}

/// The nightly pipeline, in small transactions.
pub fn nightly() -> String {
    NIGHTLY.replace("chunk_rows = 5000", &format!("chunk_rows = {CHUNK_ROWS}"))
}

async fn nightly_run(store: &Store, options: &Options, ambient: &Ambient) -> Result<(), RunError> {
    run(store, &pipeline(&nightly()), options, Trigger::Manual, ambient)
        .await
        .map(|_| ())
}

/// An export in our own columns: runs at 9 to 10 and walks at 19 to 20 minutes a mile in turn, every
/// eleventh a ride, every thirteenth without a distance, each with a label.
pub fn rows(numbers: std::ops::Range<u32>) -> String {
    let mut text = "workout_id,workout_date,activity_type,distance_mi,duration_sec,avg_pace,label\n".to_owned();
    for n in numbers {
        let (pace, label) = if n % 2 == 0 { (9.0, "run") } else { (19.0, "walk") };
        let pace = pace + f64::from(n) / 50.0;
        let activity = if n % 11 == 10 { "Bike Ride" } else { "Run" };
        let distance = if n % 13 == 12 { String::new() } else { "3".to_owned() };
        let (day, seconds) = (1 + n % 28, pace * 180.0);
        text += &format!("w{n:02},2025-01-{day:02},{activity},{distance},{seconds},{pace},{label}\n");
    }
    text
}
