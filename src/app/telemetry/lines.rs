//! A log line as one JSON document.
//!
//! Why: who searches a journal filters by run, and a filter should not have to climb through a list of spans.
//! So the id stands at the top of the line, wherever in the run it was logged.
//!
//! Invariants: one line an event; `timestamp`, `level`, `target` and `message` are always there; the event's own
//! fields stand beside them.
//!
//! Must not know: what is logged.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

/// The fields of a span or event as JSON.
#[derive(Debug, Default)]
pub(super) struct Fields(pub(super) Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}

/// What a run's span says of it, kept with the span.
struct RunOf(Map<String, Value>);

/// Remembers, with each span of a run, which run that is.
pub(super) struct RunIds;

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for RunIds {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(RunOf(fields.0));
        }
    }
}

/// The format of a line.
pub(super) struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = Map::new();
        let mut within = Vec::new();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            within.push(Value::from(span.name()));
            if let Some(RunOf(fields)) = span.extensions().get::<RunOf>() {
                line.extend(fields.clone());
            }
        }
        if !within.is_empty() {
            line.insert("spans".to_owned(), within.into());
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        line.extend(fields.0);
        let meta = event.metadata();
        let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        line.insert("timestamp".to_owned(), now.into());
        line.insert("level".to_owned(), meta.level().as_str().into());
        line.insert("target".to_owned(), meta.target().into());
        writeln!(writer, "{}", Value::Object(line))
    }
}
