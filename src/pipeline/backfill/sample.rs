//! The model of a backfill, chosen in bounded memory.
//!
//! Why: a backfill is for histories that do not fit into memory; the model that classifies all its windows
//! is chosen before the first of them, by the same policy as a run's, and a policy looks at every row.
//!
//! Invariants: up to [`TRAINING_ROWS`] workouts the choice is a run's to the byte. Above, the decision is
//! still made on all rows, read in slices; only training sees a sample, which depends on the seed and the
//! ids alone, and holds every workout that a person has answered. The registry is told of all rows, so that
//! the next run does not take the rest for new ones.
//!
//! Must not know: windows.

use std::collections::{BinaryHeap, HashSet};

use crate::config::Pipeline;
use crate::stage::decide::{Decision, Fingerprint};
use crate::stage::features::{Bounds, featurize_all};
use crate::stage::fingerprint::Digester;
use crate::stage::frame::{Features, Frame};
use crate::store::workouts::{LoadedWorkouts, Window};
use crate::store::{Store, StoreError};

use super::super::choose::{Choice, Chooser, Chosen};
use super::super::gate::Gated;
use super::super::prepare::source_window;
use super::super::{Ambient, RunError};

/// The most workouts that are in memory at once for training.
pub const TRAINING_ROWS: usize = 50_000;
/// Workouts that are looked at together.
const SLICE_ROWS: usize = 10_000;

/// A chosen model; a fresh one with what the gate says of it on what people said.
pub(super) struct Judged {
    pub choice: Choice,
    /// None where nothing was trained, or there was nothing to hold it against.
    pub gate: Option<Gated>,
    /// True where the gate refused this model before: it is registered.
    pub refused_before: bool,
}

impl Judged {
    fn unseen(choice: Choice) -> Self {
        Self {
            choice,
            gate: None,
            refused_before: false,
        }
    }

    /// The churn is not known before the windows are compared; it has a gate of its own.
    async fn by(chooser: &Chooser<'_>, choice: Choice, ground: &Frame<Features>) -> Result<Self, RunError> {
        let (gate, refused_before) = chooser.gate(&choice.chosen, ground, None).await?;
        Ok(Self {
            choice,
            gate,
            refused_before,
        })
    }
}

/// Chooses the model as a run of the whole source would.
pub(super) async fn choose(
    store: &Store,
    pipeline: &Pipeline,
    chooser: &Chooser<'_>,
    seed: u64,
    ambient: &Ambient,
) -> Result<Judged, RunError> {
    let source = source_window(pipeline);
    if chooser.never_trains() {
        let nothing = Digester::default().finish();
        let choice = chooser.follow(chooser.decision(&nothing), None).await?;
        return Ok(Judged::unseen(choice));
    }
    let count = store.count_workouts(source).await.map_err(load)?;
    ambient.progress.begin("loading", Some(count));
    let choice = if count <= TRAINING_ROWS as u64 {
        let features = load_features(store, pipeline, source, |_| true).await?;
        ambient.progress.end();
        match chooser.choose(&features).await {
            Ok(choice) => Judged::by(chooser, choice, &features).await,
            Err(error) => Err(error),
        }
    } else {
        choose_by_sample(store, pipeline, source, chooser, seed, ambient).await
    };
    ambient.progress.end();
    choice
}

fn load(error: StoreError) -> RunError {
    RunError::store("load", error)
}

async fn choose_by_sample(
    store: &Store,
    pipeline: &Pipeline,
    source: Window,
    chooser: &Chooser<'_>,
    seed: u64,
    ambient: &Ambient,
) -> Result<Judged, RunError> {
    let (fingerprint, highest) = survey(store, pipeline, source, chooser.bounds(), seed, ambient).await?;
    let decision = chooser.decision(&fingerprint);
    if !matches!(decision, Decision::Train { .. }) {
        return Ok(Judged::unseen(chooser.follow(decision, None).await?));
    }
    let answered: HashSet<&str> = chooser.answered().await?.collect();
    let keep = |id: &str| rank(seed, id) <= highest || answered.contains(id);
    let features = load_features(store, pipeline, source, keep).await?;
    let choice = chooser.follow(decision, Some(&features)).await?;
    let judged = Judged::by(chooser, choice, &features).await?;
    Ok(Judged {
        choice: told_of_all(judged.choice, &fingerprint, features.height(), seed),
        ..judged
    })
}

/// The registry holds what the decision was made on: the fingerprint of all rows.
fn told_of_all(mut choice: Choice, fingerprint: &Fingerprint, sampled: usize, seed: u64) -> Choice {
    if let Chosen::Fresh(model) = &mut choice.chosen {
        model.training_rows = fingerprint.rows;
        model.training_data_sha256.clone_from(&fingerprint.data_sha256);
        let note = format!(
            "trained on a sample of {sampled} workouts, seed {seed}; there were {} valid rows",
            fingerprint.rows
        );
        let notes = model.performance_notes.take();
        model.performance_notes = Some(notes.map_or(note.clone(), |notes| format!("{note}; {notes}")));
    }
    choice
}

/// The fingerprint of the whole source, and the highest rank that is in the sample.
async fn survey(
    store: &Store,
    pipeline: &Pipeline,
    source: Window,
    bounds: &Bounds,
    seed: u64,
    ambient: &Ambient,
) -> Result<(Fingerprint, u64), RunError> {
    let mut digester = Digester::default();
    let mut lowest = BinaryHeap::with_capacity(TRAINING_ROWS + 1);
    let mut seen = 0;
    let each = |slice: LoadedWorkouts| {
        seen += slice.frame.height() as u64;
        let featurized = featurize_all(slice.frame, &pipeline.activities)?;
        digester.add(&featurized.features, bounds);
        for id in featurized.features.ids().iter().flatten() {
            lowest.push(rank(seed, id));
            if lowest.len() > TRAINING_ROWS {
                lowest.pop();
            }
        }
        ambient.progress.at(seen);
        Ok(())
    };
    let read = store.workouts_in_slices(source, SLICE_ROWS, |_| true, each).await;
    read.map_err(load)?;
    let full = lowest.len() == TRAINING_ROWS;
    let highest = lowest.peek().copied().filter(|_| full).unwrap_or(u64::MAX);
    Ok((digester.finish(), highest))
}

async fn load_features(
    store: &Store,
    pipeline: &Pipeline,
    source: Window,
    keep: impl FnMut(&str) -> bool + Send,
) -> Result<Frame<Features>, RunError> {
    let mut frame = None;
    let each = |all: LoadedWorkouts| {
        frame = Some(featurize_all(all.frame, &pipeline.activities)?.features);
        Ok(())
    };
    let read = store.workouts_in_slices(source, usize::MAX, keep, each).await;
    read.map_err(load)?;
    frame.ok_or_else(|| RunError::bug("load", "no slice of the workouts came"))
}

/// A workout's place in the draw: evenly spread over all numbers, and a function of seed and id alone.
fn rank(seed: u64, id: &str) -> u64 {
    // FNV-1a over the id, then SplitMix64's finisher, which spreads ids that differ in their last digit.
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed;
    for byte in id.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_spread_evenly_and_depend_on_the_seed() {
        let ids: Vec<String> = (0..10_000).map(|n| format!("{n:012}")).collect();
        let mut buckets = [0u32; 16];
        for id in &ids {
            buckets[(rank(42, id) >> 60) as usize] += 1;
        }
        assert!(buckets.iter().all(|n| (525..725).contains(n)), "{buckets:?}");
        let same = ids.iter().filter(|id| rank(1, id) == rank(2, id)).count();
        assert_eq!(same, 0);
    }
}
