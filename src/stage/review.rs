//! Which workouts to show a person, the most informative first.
//!
//! Why: ten answers on the right workouts are worth fifty on random ones. The right ones are of four
//! kinds, and a queue of one kind alone fails: only the least certain rows, and a slow runner is asked
//! about the fastest of his runs for ever while the model calls the rest walks.
//!
//! The queue is dealt in rounds of five. The first place of a round goes to a workout on which the
//! people disagree or on which the model contradicts a person, while there are any. The others
//! follow `ROUND`: `Unsure` is the workout whose winner has the smallest posterior; `Typical` the one
//! that stands for the most workouts of which none alike has been judged or stands in the queue, then,
//! when few such are left, the farthest outlier. Where a place finds nothing, the least certain takes it.
//!
//! Invariants: a pure function, the same in any order of the words; no workout stands twice; one that
//! a person was asked about comes only when disputed or contradicted, and no more once it was said twice;
//! two that look alike (`APART` in standardised ln pace and ln distance) are not both taken for
//! being unsure while others are left. Era fallbacks are not shown: no model has spoken on them and
//! no answer on them could teach one.
//!
//! Must not know: where words and predictions are stored, and who asks.

mod space;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::classify::Posterior;
use super::feedback::Feedback;
use super::frame::{Features, Frame, Predictions};
use super::table::Table;
use crate::time::WorkoutDate;
use crate::vocab::Label;
use space::Space;

/// What each place of a round of five is for.
const ROUND: [Place; 5] = [
    Place::Unsure,
    Place::Typical,
    Place::Unsure,
    Place::Unsure,
    Place::Typical,
];

/// How far apart two unsure workouts of a queue are to be at first, in standard deviations of the
/// history; halved while there is none.
const APART: f64 = 0.4;

/// Below this distance two workouts are alike enough to stop looking for others.
const ALIKE: f64 = 1e-3;

/// A workout stands for those within this many standard deviations.
const REACH: f64 = 0.55;

/// A workout that stands for a smaller share of the history than this is not typical.
const TYPICAL_SHARE: f64 = 0.02;

/// A label said so often is not asked again.
const SETTLED: u32 = 2;

/// As many neighbours are shown.
const NEIGHBOURS: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Unsure,
    Typical,
}

/// What people say of one workout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// They agree, or one of them has overridden.
    Agreed {
        /// On this.
        label: Label,
        /// And said so as often.
        times: u32,
    },
    /// Their standing answers differ.
    Disputed,
    /// They were asked and do not say.
    Undecided,
}

/// What people say, by workout: the feedback, over which an override wins.
pub fn words(feedback: &Feedback, overrides: impl IntoIterator<Item = (String, Label)>) -> BTreeMap<String, Said> {
    let mut said: BTreeMap<String, Said> = BTreeMap::new();
    for lesson in feedback.lessons() {
        let (label, times) = (lesson.label, lesson.times);
        said.insert(lesson.workout_id.clone(), Said::Agreed { label, times });
    }
    for dispute in feedback.disagreements() {
        said.insert(dispute.workout_id.clone(), Said::Disputed);
    }
    for workout_id in feedback.undecided() {
        said.insert(workout_id.clone(), Said::Undecided);
    }
    for (workout_id, label) in overrides {
        let times = match said.get(&workout_id) {
            Some(Said::Agreed { label: same, times }) if *same == label => *times,
            _ => 1,
        };
        said.insert(workout_id, Said::Agreed { label, times });
    }
    said
}

/// Takes the word on these workouts as final for now: a model that has not been taught it yet must
/// contradict it, and to ask again would waste an answer.
pub fn settle<'a>(said: &mut BTreeMap<String, Said>, workout_ids: impl IntoIterator<Item = &'a str>) {
    for workout_id in workout_ids {
        if let Some(Said::Agreed { times, .. }) = said.get_mut(workout_id) {
            *times = (*times).max(SETTLED);
        }
    }
}

/// Why a workout is in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// People disagree on it.
    Disputed,
    /// A person says something else than the model.
    Contradicted {
        /// The person's word.
        said: Label,
    },
    /// The model is not sure.
    Unsure,
    /// Nobody has judged one like it, and there are many.
    Typical {
        /// As many of a hundred workouts, rounded down.
        percent: u8,
    },
    /// It is unlike anything the model was trained on.
    Unlike,
}

impl Reason {
    /// The word for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disputed => "disputed",
            Self::Contradicted { .. } => "contradicted",
            Self::Unsure => "unsure",
            Self::Typical { .. } => "typical",
            Self::Unlike => "unlike",
        }
    }
}

impl fmt::Display for Reason {
    /// A sentence for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disputed => f.write_str("people disagree on it, so it teaches nothing"),
            Self::Contradicted { said } => write!(f, "a person says {said}, the model does not"),
            Self::Unsure => f.write_str("the model is not sure"),
            Self::Typical { percent } => {
                write!(
                    f,
                    "typical of {percent} % of the workouts, of which nobody has judged one like it"
                )
            }
            Self::Unlike => f.write_str("unlike anything the model was trained on"),
        }
    }
}

/// One workout of the queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// The workout.
    pub workout_id: String,
    /// When it was.
    #[serde(serialize_with = "shown")]
    pub workout_date: WorkoutDate,
    /// Minutes per mile.
    pub avg_pace: Option<f64>,
    /// Miles.
    pub distance_mi: Option<f64>,
    /// Minutes.
    pub duration_min: Option<f64>,
    /// What the model says.
    pub classification: Label,
    /// The confidence of that.
    pub confidence: f64,
    /// The probability of each label.
    pub posterior: Posterior,
    /// Why it is asked about; a sentence where it is written.
    #[serde(serialize_with = "shown")]
    pub reason: Reason,
    /// The nearest other workouts in standardised (ln pace, ln distance), the nearest first.
    pub neighbours: Vec<Neighbour>,
}

/// A workout like the one that is asked about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Neighbour {
    /// The workout.
    pub workout_id: String,
    /// A person's word, or else the model's.
    pub label: Label,
    /// True for a person's.
    pub by_person: bool,
    /// In standard deviations of the history.
    pub distance: f64,
}

fn shown<T: fmt::Display, S: serde::Serializer>(value: &T, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(value)
}

/// At most `limit` workouts to ask a person about, the most informative first; see the module.
///
/// `predictions` are the active model's on the same `features`, row by row; `said` is what people say
/// ([`words`]). A longer queue begins with the shorter one.
///
/// # Panics
/// When the frames are not of the same workouts, which is a bug in the caller.
pub fn review(
    features: &Frame<Features>,
    predictions: &Frame<Predictions>,
    said: &BTreeMap<String, Said>,
    limit: usize,
) -> Vec<Item> {
    assert_eq!(features.height(), predictions.height(), "a prediction for each row");
    let desk = Desk::of(features, predictions, said);
    let mut queue = Queue::of(&desk);
    while queue.taken.len() < limit {
        let Some((row, reason)) = queue.next() else { break };
        queue.take(row, reason);
    }
    queue
        .taken
        .iter()
        .map(|(row, reason)| desk.item(*row, *reason))
        .collect()
}

/// One workout on which the model has spoken.
struct Row {
    /// In the frames.
    index: usize,
    posterior: Posterior,
    label: Label,
    confidence: f64,
    said: Option<Said>,
}

impl Row {
    /// The largest posterior: how sure the model is.
    fn sureness(&self) -> f64 {
        let Posterior {
            real_run,
            mixed,
            pup_walk,
        } = self.posterior;
        real_run.max(pup_walk).max(mixed.unwrap_or(0.0))
    }

    /// Why it is asked about although a person has judged it.
    fn in_doubt(&self) -> Option<Reason> {
        match self.said? {
            Said::Disputed => Some(Reason::Disputed),
            Said::Undecided => None,
            Said::Agreed { label, times } => {
                // Where the model says mixed or outlier it does not contradict anybody: it abstains.
                let binary = |label| matches!(label, Label::RealRun | Label::PupWalk);
                let against = binary(label) && binary(self.label) && self.label != label;
                (against && times < SETTLED).then_some(Reason::Contradicted { said: label })
            }
        }
    }
}

/// Everything there is to choose from.
struct Desk<'a> {
    features: &'a Frame<Features>,
    rows: Vec<Row>,
    space: Space,
}

impl<'a> Desk<'a> {
    fn of(features: &'a Frame<Features>, predictions: &Frame<Predictions>, said: &BTreeMap<String, Said>) -> Self {
        let [run, mixed, walk] =
            ["posterior_real_run", "posterior_mixed", "posterior_pup_walk"].map(|column| predictions.real(column));
        let ids = predictions.ids().iter().map(Option::unwrap_or_default);
        let rows: Vec<Row> = ids
            .enumerate()
            .filter_map(|(index, id)| {
                Some(Row {
                    index,
                    posterior: Posterior {
                        real_run: run.get(index)?,
                        mixed: mixed.get(index),
                        pup_walk: walk.get(index)?,
                    },
                    label: predictions.text("label").get(index)?.parse().ok()?,
                    confidence: predictions.real("confidence").get(index)?,
                    said: said.get(id).copied(),
                })
            })
            .collect();
        let table = Table::of(features);
        let indices: Vec<usize> = rows.iter().map(|row| row.index).collect();
        let space = Space::of(&table, &indices);
        Self { features, rows, space }
    }

    fn item(&self, row: usize, reason: Reason) -> Item {
        let Row {
            index,
            posterior,
            label,
            confidence,
            ..
        } = self.rows[row];
        let number = |column: &str| self.features.real(column).get(index);
        let date = self.features.micros("workout_date").get(index);
        Item {
            workout_id: self.id(row),
            workout_date: WorkoutDate::from_micros(date.unwrap_or_default()),
            avg_pace: number("avg_pace"),
            distance_mi: number("distance_mi"),
            duration_min: number("duration_min"),
            classification: label,
            confidence,
            posterior,
            reason,
            neighbours: self.neighbours(row),
        }
    }

    fn id(&self, row: usize) -> String {
        let id = self.features.ids().get(self.rows[row].index);
        id.unwrap_or_default().to_owned()
    }

    fn neighbours(&self, row: usize) -> Vec<Neighbour> {
        let nearest = self.space.nearest(row, NEIGHBOURS);
        let neighbour = |(other, distance): (usize, f64)| {
            let Row { said, label, .. } = &self.rows[other];
            let person = match said {
                Some(Said::Agreed { label, .. }) => Some(*label),
                Some(Said::Disputed | Said::Undecided) | None => None,
            };
            Neighbour {
                workout_id: self.id(other),
                label: person.unwrap_or(*label),
                by_person: person.is_some(),
                distance,
            }
        };
        nearest.into_iter().map(neighbour).collect()
    }
}

/// The queue so far, and what is left in the order in which it will be asked for.
struct Queue<'a> {
    desk: &'a Desk<'a>,
    taken: Vec<(usize, Reason)>,
    /// By row: a person has judged it, or it is in the queue.
    gone: Vec<bool>,
    /// By row: the distance to the nearest in the queue.
    gap: Vec<f64>,
    coverage: space::Coverage,
    /// The next last: disputed and contradicted rows.
    doubted: Vec<(usize, Reason)>,
    /// The least sure first; judged ones left out.
    unsure: Vec<usize>,
    /// The next last: outliers, judged ones left out.
    outliers: Vec<usize>,
    /// The place in the round at which the queue begins: where the answers before it left off.
    start: usize,
}

impl<'a> Queue<'a> {
    fn of(desk: &'a Desk<'a>) -> Self {
        let rows = &desk.rows;
        let all = 0..rows.len();
        let gone: Vec<bool> = rows.iter().map(|row| row.said.is_some()).collect();
        let ascending = |key: fn(&Row) -> f64| {
            move |a: &usize, b: &usize| -> Ordering { key(&rows[*a]).total_cmp(&key(&rows[*b])).then(a.cmp(b)) }
        };
        let mut doubted: Vec<(usize, Reason)> = all
            .clone()
            .filter_map(|row| Some((row, rows[row].in_doubt()?)))
            .collect();
        let sure = ascending(Row::sureness);
        doubted.sort_by(|(a, why), (b, other)| {
            let dispute = (*why == Reason::Disputed).cmp(&(*other == Reason::Disputed));
            dispute.then_with(|| sure(a, b))
        });
        let mut unsure: Vec<usize> = all.clone().filter(|row| !gone[*row]).collect();
        unsure.sort_unstable_by(ascending(Row::sureness));
        let outlying = |row: &usize| !gone[*row] && rows[*row].label == Label::Outlier;
        let mut outliers: Vec<usize> = all.clone().filter(outlying).collect();
        outliers.sort_unstable_by(|a, b| ascending(|row| row.confidence)(b, a));
        let judged: Vec<usize> = all.filter(|row| gone[*row]).collect();
        Self {
            desk,
            taken: Vec::new(),
            gap: vec![f64::INFINITY; rows.len()],
            coverage: desk.space.coverage(&judged, REACH),
            doubted,
            unsure,
            outliers,
            start: judged.len() % ROUND.len(),
            gone,
        }
    }

    fn next(&mut self) -> Option<(usize, Reason)> {
        let place = self.taken.len();
        if place.is_multiple_of(ROUND.len())
            && let Some(doubt) = self.doubted.pop()
        {
            return Some(doubt);
        }
        let typical = match ROUND[(self.start + place) % ROUND.len()] {
            Place::Typical => self.typical().or_else(|| self.outlier()),
            Place::Unsure => None,
        };
        typical.or_else(|| self.unsure()).or_else(|| self.doubted.pop())
    }

    fn typical(&self) -> Option<(usize, Reason)> {
        let (row, share) = self.desk.space.most_covering(&self.coverage, &self.gone, REACH)?;
        let percent = (share * 100.0) as u8;
        (share >= TYPICAL_SHARE).then_some((row, Reason::Typical { percent }))
    }

    fn outlier(&mut self) -> Option<(usize, Reason)> {
        loop {
            let row = self.outliers.pop()?;
            if !self.gone[row] {
                return Some((row, Reason::Unlike));
            }
        }
    }

    /// The least sure row that is far enough from those in the queue, then from nearer by.
    fn unsure(&self) -> Option<(usize, Reason)> {
        let mut apart = APART;
        loop {
            let left = |row: &&usize| !self.gone[**row] && self.gap[**row] >= apart;
            if let Some(row) = self.unsure.iter().find(left) {
                return Some((*row, Reason::Unsure));
            }
            if apart == 0.0 {
                return None;
            }
            apart = if apart > ALIKE { apart / 2.0 } else { 0.0 };
        }
    }

    fn take(&mut self, row: usize, reason: Reason) {
        self.taken.push((row, reason));
        self.gone[row] = true;
        self.desk.space.narrow(&mut self.gap, row);
        self.desk.space.cover(&mut self.coverage, row, REACH);
    }
}

#[cfg(test)]
mod tests;
