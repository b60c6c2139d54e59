//! Replays partition by partition, and compares with the stored states of the same workouts.
//!
//! Why: a partition holds all rows and the state of its workouts, so nothing outside it has a say in them.
//!
//! Invariants: the findings are those of one fold over everything in the order of sealing, in order of workout,
//! whatever the partitions; memory grows with the partitions that are being replayed and with nothing else.
//!
//! Must not know: segments' hashes, files.

use std::borrow::Cow;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::audit::replay::{Entry, StateOf, compare};
use crate::store::findings::{Finding, FirstOfKind};
use crate::store::replay::{Line, Place};

use super::gather::{Broken, Gathered};
use super::record::{self, Kind, Record, Words};
use super::shelved::Covering;

/// What is said of a workout, in the order in which it is said: of all workouts first this, then that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Chapter {
    Unsealed,
    Joins,
    State,
    /// What the archive at this place has as the state after it.
    Snapshot(usize),
}

/// Where a note belongs: by the place of its row (rows that no segment seals come last), and within a row.
type NoteKey = ((bool, Option<i64>, i64), u8);

/// What replay found in some of the partitions.
#[derive(Default)]
pub(super) struct Settled {
    /// Workouts with a stored state.
    pub(super) workouts: u64,
    findings: FirstOfKind<(Chapter, String)>,
    notes: FirstOfKind<NoteKey>,
}

impl Settled {
    /// Those on the state, and those on what was found when rows of others were adopted.
    pub(super) fn findings(self, findings: &mut super::Findings, notes: &mut super::Findings) {
        self.findings.append_to(findings);
        self.notes.append_to(notes);
    }

    fn with(self, other: Self) -> Self {
        Self {
            workouts: self.workouts + other.workouts,
            findings: self.findings.with(other.findings),
            notes: self.notes.with(other.notes),
        }
    }
}

/// Replays all partitions, as many at a time as there are cores.
///
/// # Errors
/// [`Broken::Spilling`].
pub(super) fn settle(gathered: &Gathered) -> Result<Settled, Broken> {
    let known = Meanings::of(gathered)?;
    (0..gathered.partitions.len())
        .into_par_iter()
        .map(|index| {
            let records = gathered.partitions.take(index)?;
            known.settle(&records).ok_or_else(garbled)
        })
        .try_reduce(Settled::default, |a, b| Ok(a.with(b)))
}

fn garbled() -> Broken {
    let what = "records did not read back as they were written";
    Broken::Spilling(std::io::Error::new(std::io::ErrorKind::InvalidData, what))
}

/// A history row's record, with where it stands.
struct Step<'a> {
    workout: &'a [u8],
    place: Option<i64>,
    history_id: i64,
    words: Words<'a>,
}

impl Step<'_> {
    /// The order of sealing: by segment, within one by number, what no segment seals behind everything.
    fn order(&self) -> (bool, Option<i64>, i64) {
        (self.place.is_none(), self.place, self.history_id)
    }
}

/// The state of a workout after the archive at a place.
type Fact<'a> = (usize, Option<StateOf<&'a str>>);

/// What known words mean.
struct Meanings<'a> {
    entries: Vec<Entry<'a>>,
    states: Vec<StateOf<&'a str>>,
    facts: Vec<Option<StateOf<&'a str>>>,
    covering: &'a Covering,
    /// The places of archives in the order of their last segments.
    ends: Vec<usize>,
}

impl<'a> Meanings<'a> {
    fn of(gathered: &'a Gathered) -> Result<Self, Broken> {
        let entries = gathered.entries.words().iter().map(|words| record::entry(words));
        let states = gathered.states.words().iter().map(|words| record::stored(words));
        let facts = gathered.facts.words().iter().map(|words| record::fact(words));
        let mut ends: Vec<usize> = (0..gathered.covering.spans.len()).collect();
        ends.sort_by_key(|at| gathered.covering.spans[*at].last);
        Ok(Self {
            entries: entries.collect::<Option<_>>().ok_or_else(garbled)?,
            states: states.collect::<Option<_>>().ok_or_else(garbled)?,
            facts: facts.collect::<Option<_>>().ok_or_else(garbled)?,
            covering: &gathered.covering,
            ends,
        })
    }

    fn entry<'r>(&self, words: Words<'r>) -> Option<Entry<'r>>
    where
        'a: 'r,
    {
        match words {
            Words::Known(number) => self.entries.get(number).copied(),
            Words::Said(said) => record::entry(said),
        }
    }

    fn state<'r>(&self, words: Words<'r>) -> Option<StateOf<&'r str>>
    where
        'a: 'r,
    {
        match words {
            Words::Known(number) => self.states.get(number).cloned(),
            Words::Said(said) => record::stored(said),
        }
    }

    fn fact<'r>(&self, words: Words<'r>) -> Option<Option<StateOf<&'r str>>>
    where
        'a: 'r,
    {
        match words {
            Words::Known(number) => self.facts.get(number).cloned(),
            Words::Said(said) => record::fact(said),
        }
    }

    /// Replays one partition; None where its records cannot be read.
    fn settle(&self, mut records: &[u8]) -> Option<Settled> {
        let (mut steps, mut states, mut facts) = (Vec::new(), Vec::new(), Vec::new());
        while !records.is_empty() {
            let Record { workout, words, kind } = record::next(&mut records)?;
            match kind {
                Kind::Row(place, history_id) => steps.push(Step {
                    workout,
                    place,
                    history_id,
                    words,
                }),
                Kind::State => states.push((workout, words)),
                Kind::Fact(archive) => facts.push((workout, archive, words)),
            }
        }
        // Both come nearly in order: a run writes its workouts in order.
        steps.sort_by(|a, b| a.workout.cmp(b.workout).then_with(|| a.order().cmp(&b.order())));
        states.sort_by_key(|(workout, _)| *workout);
        facts.sort_by_key(|(workout, ..)| *workout);
        let mut settled = Settled::default();
        let (mut steps, mut states, mut facts) = (steps.as_slice(), states.as_slice(), facts.as_slice());
        loop {
            let heads = [
                steps.first().map(|s| s.workout),
                states.first().map(|s| s.0),
                facts.first().map(|f| f.0),
            ];
            let Some(workout) = heads.into_iter().flatten().min() else {
                break;
            };
            let known = facts.iter().take_while(|(id, ..)| *id == workout).count();
            let of_workout: Option<Vec<Fact<'_>>> = facts[..known]
                .iter()
                .map(|(_, archive, words)| Some((*archive, self.fact(*words)?)))
                .collect();
            let own = steps.iter().take_while(|step| step.workout == workout).count();
            let stored = states.iter().take_while(|(id, _)| *id == workout).count();
            let state = match stored.checked_sub(1) {
                // There is one, unless the table has lost its unique key.
                Some(last) => Some(self.state(states[last].1)?),
                None => None,
            };
            self.settle_one(
                std::str::from_utf8(workout).ok()?,
                (&steps[..own], &of_workout?),
                state.as_ref(),
                &mut settled,
            )?;
            (steps, states, facts) = (&steps[own..], &states[stored..], &facts[known..]);
        }
        Some(settled)
    }

    /// What replay of a workout begins with: the last state that stands for rows which are not replayed.
    fn basis<'r>(&self, facts: &[Fact<'r>]) -> Option<StateOf<Cow<'r, str>>> {
        if self.covering.whole {
            return None;
        }
        let last = |at: usize| self.covering.spans[at].last;
        let below = facts.iter().filter(|(at, _)| last(*at) <= self.covering.covered);
        let (_, state) = below.max_by_key(|(at, _)| (last(*at), *at))?;
        let text = |text: Option<&'r str>| text.map(Cow::Borrowed);
        state.as_ref().map(|state| StateOf {
            label: Cow::Borrowed(state.label),
            is_override: state.is_override,
            change_count: state.change_count,
            model_id: text(state.model_id),
            run_id: text(state.run_id),
            testimony: state.testimony,
        })
    }

    /// Holds the snapshot of the archive at a place against what the rows up to its end fold to.
    fn hold<S: AsRef<str>>(
        &self,
        workout: &str,
        at: usize,
        (steps, facts): (&[Step<'_>], &[Fact<'_>]),
        folded: Option<&StateOf<S>>,
        settled: &mut Settled,
    ) {
        let (covering, span) = (self.covering, self.covering.spans[at]);
        if !covering.whole && span.last <= covering.covered {
            return;
        }
        let fact = facts.iter().find(|(archive, _)| *archive == at);
        let touches = |step: &Step<'_>| step.place.is_some_and(|place| span.holds(place));
        let archive_id = span.archive_id;
        let differs = match fact {
            Some((_, state)) => compare(state.as_ref(), folded).map(|(_, detail)| detail),
            None if covering.whole && steps.iter().any(touches) => Some("it does not have the workout".to_owned()),
            None => None,
        };
        if let Some(detail) = differs {
            let detail = format!("in the snapshot of archive {archive_id} {detail}");
            let finding = about("snapshot", workout, detail);
            settled
                .findings
                .push((Chapter::Snapshot(at), workout.to_owned()), finding);
        }
    }

    fn settle_one(
        &self,
        workout: &str,
        (steps, facts): (&[Step<'_>], &[Fact<'_>]),
        stored: Option<&StateOf<&str>>,
        settled: &mut Settled,
    ) -> Option<()> {
        settled.workouts += u64::from(stored.is_some());
        let mut line: Line<Cow<'_, str>> = Line::default();
        line.state = self.basis(facts);
        let mut ends = self.ends.iter().peekable();
        for step in steps {
            while let Some(end) =
                ends.next_if(|end| step.place.is_none_or(|place| place > self.covering.spans[**end].last))
            {
                self.hold(workout, *end, (steps, facts), line.state.as_ref(), settled);
            }
            let entry = Entry {
                workout_id: workout,
                ..self.entry(step.words)?
            };
            let at = Place {
                segment_id: step.place,
                history_id: step.history_id,
            };
            let mut nth = 0;
            line.push(at, &entry, |note| {
                settled.notes.push((step.order(), nth), note);
                nth += 1;
            });
        }
        for end in ends {
            self.hold(workout, *end, (steps, facts), line.state.as_ref(), settled);
        }
        let mut say = |chapter: Chapter, finding: Finding| {
            settled.findings.push((chapter, workout.to_owned()), finding);
        };
        if let Some(joins) = line.joins() {
            say(Chapter::Joins, joins);
        }
        let differs = compare(stored, line.state.as_ref());
        let mut unsealed = steps.iter().filter(|step| step.place.is_none());
        if let Some(first) = unsealed.next() {
            let detail = unsealed_detail(first.history_id, 1 + unsealed.count(), differs);
            say(Chapter::Unsealed, about("unsealed", workout, detail));
        } else if let Some((kind, detail)) = differs {
            say(Chapter::State, about(kind, workout, detail));
        }
        Some(())
    }
}

fn about(kind: &'static str, workout: &str, detail: String) -> Finding {
    Finding {
        kind,
        segment_id: None,
        workout_id: Some(workout.to_owned()),
        detail,
    }
}

fn unsealed_detail(first: i64, rows: usize, differs: Option<(&'static str, String)>) -> String {
    let detail = match rows {
        1 => format!("history row {first} was written by others and is sealed by no segment"),
        _ => format!("{rows} history rows from {first} on were written by others and are sealed by no segment"),
    };
    match differs {
        Some((_, differs)) => format!("{detail}; {differs}"),
        None => detail,
    }
}
