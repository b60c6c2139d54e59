//! Progress bars on standard error, on a terminal only.
//!
//! Why: a long step without a sign of life is killed by its user.
//!
//! Invariants: nothing is drawn where standard error is no terminal, so logs stay clean; a step
//! without a known length counts rows.
//!
//! Must not know: what the steps do.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::pipeline::Progress;

/// Draws one bar at a time.
#[derive(Default)]
pub struct Bars {
    current: Mutex<Option<ProgressBar>>,
}

impl Bars {
    fn with(&self, act: impl FnOnce(&mut Option<ProgressBar>)) {
        // A poisoned lock means that a drawing thread panicked: progress is not worth a second panic.
        if let Ok(mut current) = self.current.lock() {
            act(&mut current);
        }
    }
}

impl Progress for Bars {
    fn begin(&self, step: &'static str, total: Option<u64>) {
        let bar = match total {
            Some(total) => ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()).with_style(style(
                "{msg:12} {bar:30} {human_pos}/{human_len} rows, {per_sec}, {eta} left",
            )),
            None => ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
                .with_style(style("{msg:12} {spinner} {human_pos} rows, {per_sec}")),
        };
        bar.set_message(step);
        bar.enable_steady_tick(Duration::from_millis(200));
        self.with(|current| {
            if let Some(previous) = current.replace(bar) {
                previous.finish_and_clear();
            }
        });
    }

    fn at(&self, done: u64) {
        self.with(|current| {
            if let Some(bar) = current {
                bar.set_position(done);
            }
        });
    }

    fn end(&self) {
        self.with(|current| {
            if let Some(bar) = current.take() {
                bar.finish_and_clear();
            }
        });
    }
}

/// The style of a template; indicatif's default where a template does not parse (the tests parse both).
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
