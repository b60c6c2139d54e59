//! The gate: whether a candidate may replace the active model, on the labels that people gave.
//!
//! Why: a model that learnt from a mistake, or from one bad evening of answers, must not reach
//! production because it is newer. The evidence is a value, stored as it is and never changed.
//!
//! **Nobody is asked what he was told.** The labelled workouts are dealt into folds. Each is judged
//! - for the candidate, by a model of its parameters taught by the answers outside the fold;
//! - for the active model, by itself where it was not taught that workout. Where it was, by a refit: its
//!   own parameters on today's rows, taught by the answers it knew without those of the fold. Judged as it
//!   is, it would look better than it is on the very answers it has learnt, and no candidate could win;
//!   leaving those workouts out would throw most of the evidence away.
//!
//! The clusters of candidate and refit see the paces of all workouts, which carry no label.
//!
//! **Two questions.** Over all labelled workouts, who is right more often; and over those that the
//! active model was taught, whether the candidate is significantly worse there. The second finds a
//! candidate taught by wrong answers: it may agree with them, but it forgets what was known before.
//!
//! A workout counts once whatever its certainty. Right means the likelier of run and walk; `mixed` and
//! `outlier` are neither here.
//!
//! Invariants: the verdict follows from the counts and the [`Limits`] by [`Evaluation`]'s table; the
//! same inputs give the same evidence.
//!
//! Must not know: the registry, and who may force a candidate.

mod conclude;
pub mod figures;

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::feedback::Feedback;
use super::frame::{Features, Frame};
use super::model::Model;
use super::params::Params;
use super::table::{Row, Table};
use super::train::teach::{self, Example, Teacher};
use super::train::{Ground, TrainError};
use super::verdict::judge;
use crate::vocab::Label;
use conclude::{Scores, conclude};
use figures::{brier, least_discordant, mcnemar, wilson};

/// As many workouts that the candidate has wrong and the active model right are named.
const NAMED: usize = 20;

/// What the gate asks for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Significant is a p below this.
    pub alpha: f64,
    /// The largest share of classified workouts that a candidate may relabel without showing that it is
    /// better; without, churn is not looked at.
    pub max_churn: Option<f64>,
}

impl Default for Limits {
    /// Five percent, and any churn.
    fn default() -> Self {
        Self {
            alpha: 0.05,
            max_churn: None,
        }
    }
}

/// A model that wants to be active. It is not needed itself: it is judged by models made as it was.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Its parameters.
    pub params: &'a Params,
    /// Its seed.
    pub seed: u64,
    /// The share of classified workouts that it would relabel, where that is known.
    pub churn: Option<f64>,
}

/// The model in production.
#[derive(Debug, Clone, Copy)]
pub struct Active<'a> {
    /// Its artifact.
    pub model: &'a Model,
    /// Its parameters; without them it is judged as it is everywhere.
    pub params: Option<&'a Params>,
    /// The answers it was taught by; none for a model without a head. Where they are not known any
    /// more, none: it is then judged as it is, which favours it.
    pub taught: &'a Feedback,
}

/// What the gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There is enough evidence and the candidate is not worse.
    Pass,
    /// The candidate is worse, or changes too much for what it shows.
    Fail,
    /// There is too little evidence to tell, and the candidate is not worse.
    Insufficient,
}

impl Verdict {
    /// The word as stored and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Insufficient => "insufficient",
        }
    }

    /// True where the candidate may become active without being forced.
    pub const fn admits(self) -> bool {
        !matches!(self, Self::Fail)
    }
}

/// How two models compare on the same workouts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Labelled workouts.
    pub labelled: u64,
    /// On which the candidate is right.
    pub candidate_correct: u64,
    /// On which the active model is right.
    pub active_correct: u64,
    /// On which only the candidate is right.
    pub b: u64,
    /// On which only the active model is right.
    pub c: u64,
    /// Of the exact two-sided McNemar test.
    pub p: f64,
}

/// A workout that the candidate has wrong and the active model right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// The workout.
    pub workout_id: String,
    /// What people say it is.
    pub said: Label,
}

/// The evidence. The verdict, with the first that holds:
///
/// | evidence | verdict |
/// |---|---|
/// | over `earlier`, c > b and p < alpha | fail |
/// | over all, c > b (significantly where p < alpha) | fail |
/// | churn above the limit, and neither over all nor over `stored` b > c and p < alpha | fail |
/// | b + c below `needed` | insufficient |
/// | otherwise | pass |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What follows.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: String,
    /// Over all labelled workouts, each as a run or a walk, whichever the model finds likelier.
    pub all: Score,
    /// Over all labelled workouts, each by the label that would be stored: on one that is called `mixed`
    /// nobody is right. Churn counts stored labels, so it is these that can be worth it.
    pub stored: Score,
    /// Over those that the active model was taught.
    pub earlier: Score,
    /// The fewest discordant workouts that could be significant.
    pub needed: u64,
    /// The 95 % Wilson interval of the candidate's accuracy.
    pub candidate_interval: [f64; 2],
    /// The 95 % Wilson interval of the active model's accuracy.
    pub active_interval: [f64; 2],
    /// The candidate's Brier score, of the probability of a run; absent without labelled workouts.
    pub candidate_brier: Option<f64>,
    /// The active model's.
    pub active_brier: Option<f64>,
    /// Folds of the cross-validation.
    pub folds: u64,
    /// Labelled workouts on which people disagree: they are not in the evidence.
    pub disagreements: u64,
    /// The share of classified workouts that the candidate would relabel.
    pub churn: Option<f64>,
    /// What was asked for.
    pub limits: Limits,
    /// The first of the workouts that only the active model has right, at most 20, ascending.
    pub missed: Vec<Missed>,
}

/// Compares `candidate` with `active` on what `feedback` says of the workouts of `features`.
///
/// The labelled workouts are those that could teach the candidate: agreed runs and walks within its
/// bounds and its typicality cut.
///
/// # Errors
/// [`TrainError`] where the candidate's parameters, or for a refit the active model's, give no model on
/// these rows.
pub fn evaluate(
    features: &Frame<Features>,
    feedback: &Feedback,
    candidate: &Candidate<'_>,
    active: &Active<'_>,
    limits: &Limits,
) -> Result<Evaluation, TrainError> {
    if feedback.lessons().is_empty() {
        // Nothing to compare on: clustering the history twice would show nothing.
        let mut evaluation = Evaluation::without_evidence(candidate.churn, limits);
        evaluation.disagreements = feedback.disagreements().len() as u64;
        return Ok(evaluation);
    }
    let contender = Contender::of(features, feedback, candidate.params, candidate.seed)?;
    let defender = Defender::of(features, active, candidate.seed)?;
    let folds = teach::folds(&contender.examples, teach::FOLDS);
    let judged: Vec<Vec<Judged>> = folds
        .par_iter()
        .map(|fold| {
            let rows: BTreeSet<usize> = fold.iter().map(|i| contender.examples[*i].row).collect();
            let challenger = contender.without(&rows);
            let refit = defender.without(&rows);
            let asked = fold.iter().map(|i| &contender.examples[*i]);
            asked
                .map(|example| Judged {
                    row: example.row,
                    run: example.run,
                    candidate: contender.says(&challenger, example),
                    active: defender.says(refit.as_ref(), example, &contender.ground.table),
                    earlier: defender.taught.contains(&example.row),
                })
                .collect()
        })
        .collect();
    let mut judged: Vec<Judged> = judged.into_iter().flatten().collect();
    judged.sort_unstable_by_key(|j| j.row);
    let id = |row: usize| features.ids().get(row).unwrap_or_default().to_owned();
    let mut evaluation = Evaluation::of(&judged, folds.len(), candidate.churn, limits, id);
    evaluation.disagreements = feedback.disagreements().len() as u64;
    Ok(evaluation)
}

/// A model's word on one row.
#[derive(Debug, Clone, Copy)]
struct Word {
    label: Label,
    /// As it would be stored: `mixed` and `outlier` too.
    stored: Label,
    /// Of a run, among run and walk; 1/2 where a model cannot speak.
    probability: f64,
}

impl Word {
    fn of(model: &Model, row: &Row) -> Self {
        let verdict = judge(model, row);
        let Some(nearest) = verdict.nearest else {
            return Self {
                label: verdict.label,
                stored: verdict.label,
                probability: 0.5,
            };
        };
        let (run, walk) = (nearest.posterior.real_run, nearest.posterior.pup_walk);
        let label = if run >= walk { Label::RealRun } else { Label::PupWalk };
        let either = run + walk;
        Self {
            label,
            stored: verdict.label,
            probability: if either > 0.0 { run / either } else { 0.5 },
        }
    }

    fn is_right(&self, run: bool) -> bool {
        self.label == truth(run)
    }

    fn is_stored_rightly(&self, run: bool) -> bool {
        self.stored == truth(run)
    }
}

fn truth(run: bool) -> Label {
    if run { Label::RealRun } else { Label::PupWalk }
}

/// One labelled workout and both words on it.
struct Judged {
    row: usize,
    run: bool,
    candidate: Word,
    active: Word,
    earlier: bool,
}

/// Makes models of one set of parameters and answers with some answers withheld.
struct Contender<'a> {
    ground: Ground<'a>,
    untaught: Model,
    teacher: Option<Teacher>,
    examples: Vec<Example>,
}

impl<'a> Contender<'a> {
    fn of(
        features: &'a Frame<Features>,
        feedback: &Feedback,
        params: &'a Params,
        seed: u64,
    ) -> Result<Self, TrainError> {
        let ground = Ground::of(features, params, seed)?;
        let examples = ground.examples(features, feedback).found;
        Ok(Self {
            untaught: ground.model(),
            teacher: ground.teacher(),
            ground,
            examples,
        })
    }

    /// The model taught by all answers but those on `rows`.
    fn without(&self, rows: &BTreeSet<usize>) -> Model {
        let others = self.examples.iter().filter(|e| !rows.contains(&e.row)).cloned();
        let others: Vec<Example> = others.collect();
        let taught = self.teacher.as_ref().and_then(|teacher| teacher.teach(&others));
        self.untaught.clone().with_head(taught.map(|taught| taught.head))
    }

    fn says(&self, model: &Model, example: &Example) -> Word {
        Word::of(model, &self.ground.table.row(example.row))
    }
}

/// The active model, and how to make it again without some answers.
struct Defender<'a> {
    model: &'a Model,
    refit: Option<Contender<'a>>,
    /// The rows it was taught; empty where it cannot be made again.
    taught: BTreeSet<usize>,
}

impl<'a> Defender<'a> {
    fn of(features: &'a Frame<Features>, active: &Active<'a>, seed: u64) -> Result<Self, TrainError> {
        let learnt = active.model.head().is_some() && !active.taught.is_empty();
        let refit = match active.params.filter(|_| learnt) {
            Some(params) => Some(Contender::of(features, active.taught, params, seed)?),
            None => None,
        };
        let taught = refit
            .iter()
            .flat_map(|refit| refit.examples.iter().map(|e| e.row))
            .collect();
        Ok(Self {
            model: active.model,
            refit,
            taught,
        })
    }

    /// The refit without the answers on `rows`, where it was taught any of them.
    fn without(&self, rows: &BTreeSet<usize>) -> Option<Model> {
        let refit = self.refit.as_ref().filter(|_| !self.taught.is_disjoint(rows))?;
        Some(refit.without(rows))
    }

    fn says(&self, refit: Option<&Model>, example: &Example, table: &Table<'_>) -> Word {
        let told = self.taught.contains(&example.row);
        let model = refit.filter(|_| told).unwrap_or(self.model);
        Word::of(model, &table.row(example.row))
    }
}

impl Score {
    fn of<'a>(judged: impl Iterator<Item = &'a Judged>, is_right: impl Fn(&Word, bool) -> bool) -> Self {
        let mut score = Self::default();
        for j in judged {
            let (candidate, active) = (is_right(&j.candidate, j.run), is_right(&j.active, j.run));
            score.labelled += 1;
            score.candidate_correct += u64::from(candidate);
            score.active_correct += u64::from(active);
            score.b += u64::from(candidate && !active);
            score.c += u64::from(active && !candidate);
        }
        score.p = mcnemar(score.b, score.c);
        score
    }
}

impl Evaluation {
    /// The evaluation where nobody has labelled anything: only the churn can speak against a candidate.
    pub fn without_evidence(churn: Option<f64>, limits: &Limits) -> Self {
        Self::of(&[], 0, churn, limits, |_| String::new())
    }

    fn of(judged: &[Judged], folds: usize, churn: Option<f64>, limits: &Limits, id: impl Fn(usize) -> String) -> Self {
        let all = Score::of(judged.iter(), Word::is_right);
        let stored = Score::of(judged.iter(), Word::is_stored_rightly);
        let earlier = Score::of(judged.iter().filter(|j| j.earlier), Word::is_right);
        let needed = least_discordant(limits.alpha);
        let (verdict, reason) = conclude(&Scores { all, stored, earlier }, needed, churn, limits);
        let lost = |j: &&Judged| j.active.is_right(j.run) && !j.candidate.is_right(j.run);
        let missed = judged.iter().filter(lost).take(NAMED).map(|j| Missed {
            workout_id: id(j.row),
            said: if j.run { Label::RealRun } else { Label::PupWalk },
        });
        Self {
            verdict,
            reason,
            all,
            stored,
            earlier,
            needed,
            candidate_interval: wilson(all.candidate_correct, all.labelled),
            active_interval: wilson(all.active_correct, all.labelled),
            candidate_brier: brier(judged.iter().map(|j| (j.candidate.probability, j.run))),
            active_brier: brier(judged.iter().map(|j| (j.active.probability, j.run))),
            folds: folds as u64,
            disagreements: 0,
            churn,
            limits: *limits,
            missed: missed.collect(),
        }
    }
}

#[cfg(test)]
mod tests;
