//! Logs and timings: what the process says of itself while it works.
//!
//! Why: a night that went wrong is read backwards from its log, so each line says which run it belongs to; and
//! "what took so long" is answered by the spans of the stages, which a trace viewer draws.
//!
//! Invariants: a line that is logged while a run is under way carries the run's id, at any level and with any
//! `RUST_LOG`; without `--trace` and without metrics no span is recorded, and a stage costs a look at a flag.
//!
//! Must not know: what the stages are; spans name themselves.

mod chrome;
mod lines;
mod spans;

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::Result;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterExt, FilterFn, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt;

pub use spans::RunStages;

use chrome::ChromeFile;
use lines::{JsonLine, RunIds};
use spans::Spans;

/// Our own spans and events have targets that begin with this.
const OURS: &str = "paceline";
/// The name of the span of what goes on beside a run.
const BESIDE: &str = "beside";
/// The field by which a span says which run it is of.
const RUN_ID: &str = "run_id";

/// What is logged and recorded.
#[derive(Debug, Clone, Default)]
pub struct TelemetryOptions {
    /// 0: warnings; 1: steps; 2: everything of ours. `RUST_LOG` wins.
    pub verbose: u8,
    /// A JSON document a line, for programs.
    pub json: bool,
    /// Where the spans are written as a Chrome trace.
    pub trace: Option<PathBuf>,
    /// Whether the seconds of each stage are kept, for metrics.
    pub stages: bool,
}

/// What is recorded while the process lives.
#[derive(Clone, Default)]
pub struct Telemetry {
    spans: Option<Spans>,
}

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Begins to log to standard error, and to record what was asked for.
///
/// # Errors
/// Where the trace's file cannot be made.
pub fn init(options: &TelemetryOptions) -> Result<Telemetry> {
    let trace = options.trace.as_deref().map(ChromeFile::create).transpose()?;
    let spans = (trace.is_some() || options.stages).then(|| Spans::new(trace));
    let mut layers: Vec<BoxedLayer> = vec![RunIds.with_filter(of_a_run()).boxed()];
    if let Some(spans) = &spans {
        // What goes on beside a run is no stage of it.
        let is_stage = |it: &Metadata<'_>| it.is_span() && it.target().starts_with(OURS) && it.name() != BESIDE;
        let stages = filter_fn(is_stage).with_max_level_hint(LevelFilter::INFO);
        layers.push(spans.clone().with_filter(stages).boxed());
    }
    layers.push(lines(options));
    // A second initialisation (tests in one process) keeps the first subscriber; nothing is lost.
    let first = tracing_subscriber::registry().with(layers).try_init().is_ok();
    if first && options.json {
        panics_as_lines();
    }
    Ok(Telemetry { spans })
}

/// Lines on standard error. The filter lets the span of a run through whatever else it holds back, or its lines
/// would have no id.
fn lines(options: &TelemetryOptions) -> BoxedLayer {
    let level = match options.verbose {
        0 => "paceline=warn",
        1 => "paceline=info",
        _ => "paceline=debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let filter = filter.or(of_a_run());
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let logs = tracing_subscriber::fmt::layer()
        .with_ansi(colours)
        .with_writer(std::io::stderr);
    if options.json {
        logs.event_format(JsonLine).with_filter(filter).boxed()
    } else {
        logs.with_filter(filter).boxed()
    }
}

/// The spans that carry a run's id. They are of the level ERROR, which no filter but "off" is above.
fn of_a_run() -> FilterFn<fn(&Metadata<'_>) -> bool> {
    fn is_of_a_run(it: &Metadata<'_>) -> bool {
        it.is_span() && *it.level() == Level::ERROR && it.fields().field(RUN_ID).is_some()
    }
    let filter: FilterFn<fn(&Metadata<'_>) -> bool> = FilterFn::new(is_of_a_run);
    filter.with_max_level_hint(LevelFilter::ERROR)
}

/// A panic as a line like any other: whoever reads JSON must not meet prose. Where the filter holds the line back
/// it is prose all the same, or the process would end without a word.
fn panics_as_lines() {
    let prose = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !tracing::enabled!(Level::ERROR) {
            return prose(panic);
        }
        let what = panic.payload_as_str().unwrap_or("without a message");
        let at = panic.location().map(ToString::to_string);
        tracing::error!(at, "panicked: {what}");
    }));
}

impl Telemetry {
    /// The stages of the last run of each pipeline so far; empty where they are not kept.
    pub fn stages(&self) -> Vec<RunStages> {
        self.spans.as_ref().map(Spans::stages).unwrap_or_default()
    }

    /// Ends the trace, with what is still open in it.
    ///
    /// # Errors
    /// Where it could not be written to its end.
    pub fn finish(&self) -> Result<()> {
        self.spans.as_ref().map_or(Ok(()), Spans::finish)
    }
}
