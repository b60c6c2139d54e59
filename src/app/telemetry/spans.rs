//! How long each span took, as a picture and as sums.
//!
//! Why a layer of our own: the crate for this format writes an event each time that a task is polled, or leaves the
//! nesting of tasks on several threads to the viewer. A stage that waits for a server is one bar from beginning to
//! end here, under the bar of what it is part of.
//!
//! Invariants: spans on one track never overlap unless one is inside the other: a span shares the track of the
//! span it is part of where that is free, and gets one of its own where a sibling is at work there; the stages of
//! a run are the spans directly under it.
//!
//! Must not know: what the stages are.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Map, Value};
use tracing::Subscriber;
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::RUN_ID;
use super::chrome::{ChromeFile, Complete};
use super::lines::Fields;

/// The name of the span of a run.
const RUN: &str = "run";

/// What the stages of a run took.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunStages {
    /// The pipeline.
    pub pipeline: String,
    /// The run.
    pub run_id: String,
    /// Seconds by stage. One that was begun more than once, after a passing fault, counts each time.
    pub seconds: BTreeMap<&'static str, f64>,
}

/// The layer; clones share what they record.
#[derive(Clone)]
pub(super) struct Spans {
    state: Arc<Mutex<State>>,
}

struct State {
    began: Instant,
    open: HashMap<u64, Open>,
    /// True where a span has the track.
    tracks: Vec<bool>,
    trace: Option<ChromeFile>,
    stages: BTreeMap<String, RunStages>,
}

/// A span that is not over.
struct Open {
    name: &'static str,
    parent: Option<u64>,
    start: Duration,
    track: usize,
    /// Whether the track is that of `parent`.
    is_guest: bool,
    /// Whether a span that is part of this one is on its track.
    has_guest: bool,
    args: Map<String, Value>,
}

impl Open {
    fn text(&self, field: &str) -> Option<&str> {
        self.args.get(field)?.as_str()
    }
}

impl Spans {
    pub(super) fn new(trace: Option<ChromeFile>) -> Self {
        let state = State {
            began: Instant::now(),
            open: HashMap::new(),
            tracks: Vec::new(),
            trace,
            stages: BTreeMap::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    pub(super) fn stages(&self) -> Vec<RunStages> {
        self.lock().stages.values().cloned().collect()
    }

    pub(super) fn finish(&self) -> Result<()> {
        let mut state = self.lock();
        let mut left: Vec<u64> = state.open.keys().copied().collect();
        left.sort_unstable();
        for id in left {
            if let Some(open) = state.open.get_mut(&id) {
                open.args.insert("unfinished".to_owned(), true.into());
            }
            state.close(id);
        }
        state.trace.as_mut().map_or(Ok(()), ChromeFile::finish)
    }

    /// A panic elsewhere leaves numbers behind, and no half of one.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn open(&mut self, id: u64, parent: Option<u64>, name: &'static str, args: Map<String, Value>) {
        let host = parent.and_then(|parent| self.open.get_mut(&parent));
        let (track, is_guest) = match host.filter(|host| !host.has_guest) {
            Some(host) => {
                host.has_guest = true;
                (host.track, true)
            }
            None => (self.free_track(), false),
        };
        let open = Open {
            name,
            parent,
            start: self.began.elapsed(),
            track,
            is_guest,
            has_guest: false,
            args,
        };
        if let (RUN, Some(pipeline), Some(run_id)) = (name, open.text("pipeline"), open.text(RUN_ID)) {
            let stages = RunStages {
                pipeline: pipeline.to_owned(),
                run_id: run_id.to_owned(),
                seconds: BTreeMap::new(),
            };
            self.stages.insert(pipeline.to_owned(), stages);
        }
        self.open.insert(id, open);
    }

    fn free_track(&mut self) -> usize {
        let track = self.tracks.iter().position(|taken| !taken).unwrap_or(self.tracks.len());
        if track == self.tracks.len() {
            self.tracks.push(true);
        }
        self.tracks[track] = true;
        track
    }

    fn close(&mut self, id: u64) {
        let Some(span) = self.open.remove(&id) else { return };
        let length = self.began.elapsed().saturating_sub(span.start);
        let host = span.parent.and_then(|parent| self.open.get_mut(&parent));
        match host {
            Some(host) if span.is_guest => host.has_guest = false,
            _ if !span.is_guest => self.tracks[span.track] = false,
            _ => {}
        }
        let run = span.parent.and_then(|parent| self.open.get(&parent));
        let pipeline = run.filter(|run| run.name == RUN).and_then(|run| run.text("pipeline"));
        if let Some(stages) = pipeline.and_then(|pipeline| self.stages.get_mut(pipeline)) {
            *stages.seconds.entry(span.name).or_default() += length.as_secs_f64();
        }
        if let Some(trace) = &mut self.trace {
            trace.complete(&Complete {
                name: span.name,
                track: span.track,
                start: span.start,
                length,
                args: &span.args,
            });
            if span.parent.is_none() {
                trace.flush();
            }
        }
    }
}

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let parent = context.span(id).and_then(|span| span.parent());
        let parent = parent.map(|parent| parent.id().into_u64());
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        self.lock()
            .open(id.into_u64(), parent, attributes.metadata().name(), fields.0);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(open) = self.lock().open.get_mut(&id.into_u64()) {
            open.args.extend(fields.0);
        }
    }

    fn on_close(&self, id: Id, _context: Context<'_, S>) {
        self.lock().close(id.into_u64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(path: &std::path::Path) -> Spans {
        Spans::new(Some(ChromeFile::create(path).expect("a file")))
    }

    fn events(path: &std::path::Path) -> Vec<Value> {
        let text = std::fs::read_to_string(path).expect("a trace");
        let all: Vec<Value> = serde_json::from_str(&text).expect("a JSON array");
        all.into_iter().filter(|event| event["ph"] == "X").collect()
    }

    #[test]
    fn siblings_at_the_same_time_get_tracks_of_their_own_and_give_them_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.json");
        let spans = spans(&path);
        {
            let mut state = spans.lock();
            let run = serde_json::json!({"run_id": "r", "pipeline": "p"});
            state.open(1, None, RUN, run.as_object().cloned().expect("fields"));
            for (id, name) in [(2, "a"), (3, "b")] {
                state.open(id, Some(1), name, Map::new());
            }
            state.open(4, Some(3), "inner", Map::new());
            for id in [2, 4, 3] {
                state.close(id);
            }
            state.open(5, Some(1), "c", Map::new());
            state.close(5);
        }
        spans.finish().expect("written");
        let track = |name: &str| {
            let event = events(&path).into_iter().find(|event| event["name"] == name);
            event.expect(name)["tid"].as_u64().expect("a track")
        };
        assert_eq!([RUN, "a", "c"].map(track), [0, 0, 0]);
        assert_eq!(["b", "inner"].map(track), [1, 1]);
        let stages = &spans.stages()[0];
        assert_eq!(stages.seconds.keys().copied().collect::<Vec<_>>(), ["a", "b", "c"]);
        let left = events(&path).into_iter().find(|event| event["name"] == RUN);
        assert_eq!(left.expect("the run")["args"]["unfinished"], true);
    }

    #[test]
    fn a_trace_without_its_end_is_a_beginning_of_an_array() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.json");
        let spans = spans(&path);
        spans.lock().open(1, None, "load", Map::new());
        spans.lock().close(1);
        let text = std::fs::read_to_string(&path).expect("a trace");
        let all: Vec<Value> = serde_json::from_str(&format!("{text}]")).expect("an array but for its bracket");
        assert_eq!(all.len(), 2);
    }
}
