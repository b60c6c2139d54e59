//! What makes the loop look: tokio-cron-scheduler, once a minute in UTC.
//!
//! Why only that: its jobs keep one UTC offset for ever, know no catch-up and do not mind overlap, so it
//! fires and nothing else. A tick that does not come is made up for here, because a job of it can fail to
//! set its next time and then never fires again.
//!
//! Invariants: ticks that come while the loop is busy are one tick.
//!
//! Must not know: pipelines.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// Six fields, seconds first.
const EVERY_MINUTE: &str = "0 * * * * *";
/// After so long without a tick one is made up.
const PATIENCE: Duration = Duration::from_secs(90);

/// A source of ticks.
pub struct Ticks {
    receiver: mpsc::Receiver<()>,
    patience: Duration,
    /// Fires as long as it is there.
    _scheduler: Option<JobScheduler>,
}

impl Ticks {
    /// A tick at the start of each minute.
    ///
    /// # Errors
    /// Where the ticker cannot be started.
    pub async fn every_minute() -> Result<Self, JobSchedulerError> {
        Self::at(EVERY_MINUTE).await
    }

    async fn at(pattern: &str) -> Result<Self, JobSchedulerError> {
        let (sender, receiver) = mpsc::channel(1);
        let job = Job::new(pattern, move |_, _| {
            // Full: the loop has one tick waiting, which is all it needs.
            let _ = sender.try_send(());
        })?;
        let scheduler = JobScheduler::new().await?;
        scheduler.add(job).await?;
        scheduler.start().await?;
        Ok(Self {
            receiver,
            patience: PATIENCE,
            _scheduler: Some(scheduler),
        })
    }

    /// A tick for each message.
    pub fn by_hand(receiver: mpsc::Receiver<()>) -> Self {
        Self {
            receiver,
            patience: PATIENCE,
            _scheduler: None,
        }
    }

    /// The next tick.
    pub async fn next(&mut self) {
        match tokio::time::timeout(self.patience, self.receiver.recv()).await {
            Ok(Some(())) => {}
            // The sender is gone: from here on the loop's own clock ticks.
            Ok(None) => tokio::time::sleep(Duration::from_secs(60)).await,
            Err(_) => tracing::warn!("no tick for {:?}; looking all the same", self.patience),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime")
    }

    #[test]
    fn ticks_that_pile_up_are_one_and_a_missing_one_is_made_up() {
        runtime().block_on(async {
            let (sender, receiver) = mpsc::channel(1);
            let mut ticks = Ticks::by_hand(receiver);
            ticks.patience = Duration::from_millis(50);
            assert!(sender.try_send(()).is_ok());
            assert!(sender.try_send(()).is_err());
            ticks.next().await;
            let began = std::time::Instant::now();
            ticks.next().await;
            assert!(began.elapsed() >= Duration::from_millis(50));
        });
    }

    #[test]
    fn the_ticker_fires_and_its_pattern_is_the_minute() {
        runtime().block_on(async {
            let mut ticks = Ticks::at("* * * * * *").await.expect("started");
            for _ in 0..2 {
                ticks.receiver.recv().await.expect("a tick");
            }
        });
        let pattern = crate::config::CronText::parse(EVERY_MINUTE).expect("a pattern");
        let at = |text: &str| chrono::NaiveDateTime::parse_from_str(text, "%F %T").expect("a time");
        assert_eq!(pattern.next(at("2026-01-01 00:00:00")), Some(at("2026-01-01 00:01:00")));
    }
}
