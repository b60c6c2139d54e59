//! A file of spans in the Trace Event Format that `chrome://tracing` and Perfetto open.
//!
//! Format: "Trace Event Format" of the Chromium project, JSON array form, complete events (`ph` = `X`): `ts` and
//! `dur` in microseconds, `tid` the track. The closing bracket may be missing there, so what a killed process
//! leaves behind can be opened too.
//!
//! Invariants: events are written as their spans end; a failure to write is kept and told at the end.
//!
//! Must not know: which spans share a track.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

/// One span that is over.
pub(super) struct Complete<'a> {
    pub(super) name: &'a str,
    pub(super) track: usize,
    /// From the beginning of the recording.
    pub(super) start: Duration,
    pub(super) length: Duration,
    pub(super) args: &'a Map<String, Value>,
}

/// The file.
pub(super) struct ChromeFile {
    path: PathBuf,
    file: BufWriter<File>,
    is_empty: bool,
    is_closed: bool,
    failed: Option<io::Error>,
}

impl ChromeFile {
    /// Makes the file, or empties it.
    ///
    /// # Errors
    /// Where that cannot be done.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot write the trace {}", path.display()))?;
        let mut file = Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
            is_empty: true,
            is_closed: false,
            failed: None,
        };
        let process = json!({"name": "process_name", "ph": "M", "pid": std::process::id(), "tid": 0,
            "args": {"name": concat!("paceline ", env!("CARGO_PKG_VERSION"))}});
        file.put(&process);
        Ok(file)
    }

    /// Adds a span.
    pub(super) fn complete(&mut self, span: &Complete<'_>) {
        let micros = |length: Duration| length.as_nanos() as f64 / 1_000.0;
        self.put(&json!({
            "name": span.name,
            "cat": "paceline",
            "ph": "X",
            "pid": std::process::id(),
            "tid": span.track,
            "ts": micros(span.start),
            "dur": micros(span.length),
            "args": span.args,
        }));
    }

    /// Hands what is written to the system, for whoever looks on.
    pub(super) fn flush(&mut self) {
        let flushed = self.file.flush();
        self.note(flushed);
    }

    /// Ends the document. What comes later is left out.
    ///
    /// # Errors
    /// The first failure to write there was.
    pub(super) fn finish(&mut self) -> Result<()> {
        if !self.is_closed {
            self.is_closed = true;
            let closed = self.file.write_all(b"\n]\n").and_then(|()| self.file.flush());
            self.note(closed);
        }
        match self.failed.take() {
            Some(error) => Err(error).with_context(|| format!("the trace {} is not whole", self.path.display())),
            None => Ok(()),
        }
    }

    fn put(&mut self, event: &Value) {
        if self.is_closed || self.failed.is_some() {
            return;
        }
        let before = if self.is_empty { "[\n" } else { ",\n" };
        self.is_empty = false;
        let written = write!(self.file, "{before}{event}");
        self.note(written);
    }

    fn note(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.failed.get_or_insert(error);
        }
    }
}
