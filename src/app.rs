//! The composition root: the only place that opens stores and reads the clock, the environment,
//! entropy and files.
//!
//! Why: everything below is handed what it needs, so a test hands it something else.
//!
//! Invariants: nothing below this module reads the environment or the time; a read-only command never
//! creates a store.
//!
//! Must not know: how results are printed.

pub mod metrics;
mod places;
mod points;
mod process;
mod shelf;
mod signals;
pub mod telemetry;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};

use crate::config::Pipeline;
use crate::db::error::DbError;
use crate::db::url::DatabaseUrl;
use crate::db::{ConnectOptions, Db};
use crate::pipeline::stop::Stop;
use crate::pipeline::{Ambient, Kind, Progress, RunError};
use crate::store::Store;
use crate::time::Timestamp;

use points::Points;
use telemetry::Telemetry;

/// What the command line says of the world.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The store.
    pub database_url: String,
    /// A fixed instant in the place of the clock.
    pub now: Option<Timestamp>,
    /// The file that metrics are written to.
    pub metrics_file: Option<PathBuf>,
}

/// What a command may do to the store's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The store must exist and be migrated.
    Read,
    /// As `Read`, but an embedded store is created and migrated on the way.
    Write,
    /// Anything that can be reached, migrated or not; an embedded store is created.
    Bare,
    /// As `Bare`, and nothing is created.
    Probe,
    /// As `Probe`, where an embedded store that is not there yet is looked at as the empty one that it
    /// would be.
    Preview,
}

/// The world as commands see it.
pub struct App {
    settings: Settings,
    progress: Arc<dyn Progress>,
    telemetry: Telemetry,
    points: OnceLock<Points>,
}

impl App {
    /// From the command line's settings; progress goes to `progress`, and `telemetry` records.
    pub fn new(settings: Settings, progress: Arc<dyn Progress>, telemetry: Telemetry) -> Self {
        Self {
            settings,
            progress,
            telemetry,
            points: OnceLock::new(),
        }
    }

    /// One set of points for the whole process: they count.
    fn points(&self) -> Result<&Points> {
        if let Some(points) = self.points.get() {
            return Ok(points);
        }
        let points = Points::new(|variable| std::env::var(variable).ok())?;
        Ok(self.points.get_or_init(|| points))
    }

    /// The current instant, or the fixed one.
    pub fn now(&self) -> Timestamp {
        self.settings.now.unwrap_or_else(system_now)
    }

    /// The file that metrics are written to, where there is to be one.
    pub fn metrics_file(&self) -> Option<&Path> {
        self.settings.metrics_file.as_deref()
    }

    /// What is recorded while the process lives.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// Where the store is, checked.
    ///
    /// # Errors
    /// [`RunError`] of kind config for a URL that cannot be read.
    pub fn database_url(&self) -> Result<DatabaseUrl> {
        Ok(self.settings.database_url.parse().map_err(db_error)?)
    }

    /// True where the clock stands still (`--now`).
    pub fn is_frozen(&self) -> bool {
        self.settings.now.is_some()
    }

    /// Clock, entropy, progress and named points for a pipeline.
    ///
    /// # Errors
    /// Where [`CRASH_AT`] or [`HOLD_AT`] is set and unreadable.
    pub fn ambient(&self) -> Result<Ambient> {
        let (fixed, points) = (self.settings.now, self.points()?.clone());
        Ok(Ambient {
            clock: Arc::new(move || fixed.unwrap_or_else(system_now)),
            entropy: Arc::new(rand::random::<u32>),
            progress: Arc::clone(&self.progress),
            at_point: Arc::new(move |point| points.reached(point)),
            process: process::this(),
            stop: Stop::default(),
        })
    }

    /// The folder for files that a command needs only while it lasts (`TMPDIR`).
    pub fn temporary_folder(&self) -> PathBuf {
        std::env::temp_dir()
    }

    /// Opens the store.
    ///
    /// # Errors
    /// [`RunError`] of kind unreachable or config, with a hint.
    #[tracing::instrument(name = "open", skip_all)]
    pub async fn store(&self, access: Access) -> Result<Store> {
        let db = self.connect(access).await?;
        let plan = match access {
            Access::Bare | Access::Probe | Access::Preview => None,
            Access::Read | Access::Write => Some(db.migration_plan().await.map_err(db_error)?),
        };
        let Some(plan) = plan.filter(|plan| !plan.pending.is_empty()) else {
            return Ok(Store::new(db));
        };
        let embedded = db.dialect() == crate::db::statement::Dialect::Sqlite;
        // An embedded store is one file of ours: there is nobody to ask before bringing it up to date.
        if embedded && access == Access::Write && plan.foreign_tables.is_empty() {
            db.migrate(self.now()).await.map_err(db_error)?;
            return Ok(Store::new(db));
        }
        let found = format!(
            "{} migrations of {} are not applied to {}",
            plan.pending.len(),
            plan.pending.len() + plan.applied.len(),
            db.target()
        );
        Err(RunError::new("open store", Kind::Config, found, "run `paceline migrate` on it first").into())
    }

    async fn connect(&self, access: Access) -> Result<Db> {
        let mut url = self.database_url()?;
        if let DatabaseUrl::Sqlite(path) = &url
            && !path.exists()
        {
            match access {
                Access::Read | Access::Probe => return Err(no_store(path).into()),
                // Where the folder is missing too, connecting says so and creates nothing.
                Access::Preview if folder_of(path).is_dir() => url = DatabaseUrl::Sqlite(":memory:".into()),
                Access::Preview | Access::Write | Access::Bare => {}
            }
        }
        // Whoever probes wants to know now, and not when a server that restarts has come back.
        let options = match access {
            Access::Probe => ConnectOptions {
                retries: 1,
                ..ConnectOptions::default()
            },
            _ => ConnectOptions::default(),
        };
        let db = Db::connect(&url, &options).await.map_err(db_error)?;
        Ok(match self.points()?.watch() {
            Some(watch) => db.watched(watch),
            None => db,
        })
    }
}

fn no_store(path: &Path) -> RunError {
    let found = format!("there is no store at {}", path.display());
    let hint = "create it with `paceline import FILE` or `paceline migrate`, or name another with --database-url";
    RunError::new("open store", Kind::Unreachable, found, hint)
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn db_error(error: DbError) -> RunError {
    RunError::store("open store", error.into())
}

pub use places::{Place, file_bytes, free_bytes, place};
pub use points::{CRASH_AT, HOLD_AT, HOLD_FILE, PANIC_AT};
pub use shelf::{made_folder, shelf};
pub use signals::{signals, stop_at_signals};

/// A variable of the environment, where it is set.
pub fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

fn system_now() -> Timestamp {
    Timestamp::from(chrono::Utc::now())
}

/// Reads a file, with what was tried in the error.
///
/// # Errors
/// Where the path cannot be read as text.
pub fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Reads and checks a pipeline file.
///
/// # Errors
/// [`RunError`] of kind config, with file, line and the nearest valid key.
pub fn read_pipeline(path: &Path) -> Result<Pipeline> {
    let text = read_text(path).map_err(|error| {
        let hint = "name a pipeline file, such as pipelines/nightly.toml";
        RunError::new("pipeline file", Kind::Config, format!("{error:#}"), hint)
    })?;
    let parsed = Pipeline::parse(&text, &path.display().to_string());
    Ok(parsed.map_err(|error| {
        let hint = "pipelines/nightly.toml shows every key; `paceline validate` checks a file without running it";
        RunError::new("pipeline file", Kind::Config, error, hint)
    })?)
}

/// Replaces a file at once: who reads it sees the old text or the new one, never half of one, also after
/// a power cut.
///
/// # Errors
/// Where it cannot be written.
pub fn replace_file(path: &Path, text: &str) -> Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let write = || {
        let mut file = std::fs::File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        // Renamed before its contents are on the disk, it could be there and empty afterwards.
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Opens an export for import; a directory is refused here, where its name is known.
///
/// # Errors
/// [`RunError`] of kind data.
pub fn open_export(path: &Path) -> Result<(String, std::fs::File)> {
    let fail = |what: String| {
        RunError::new(
            "import",
            Kind::Data,
            what,
            "name a CSV export, such as data/workouts_sample.csv",
        )
    };
    if path.is_dir() {
        return Err(fail(format!("{} is a directory", path.display())).into());
    }
    let file = std::fs::File::open(path).map_err(|e| fail(format!("cannot open {}: {e}", path.display())))?;
    let name = path
        .file_name()
        .map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    Ok((name, file))
}
