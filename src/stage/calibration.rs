//! Do confidences mean what they say? The reliability table, and the figures over it.
//!
//! Why: a confidence of 0.9 that is right in 70 % of the cases misleads everyone who sets a threshold by it.
//! The expected calibration error (ECE) is never zero for finitely many answers, so it is given beside the
//! error that a perfectly calibrated model would show on as many.
//!
//! Invariants: pure arithmetic; every answer is in exactly one bin; no figure is NaN.
//!
//! Must not know: who answered, and where answers are kept.

use serde::Serialize;

use super::gate::figures::{brier, wilson};

/// Bins of equal width over [0, 1]; the last one includes 1.
pub const BINS: usize = 10;

/// The answers whose confidence is in [`from`, `to`), or in [`from`, 1] for the last bin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bin {
    /// Inclusive.
    pub from: f64,
    /// Exclusive, but for the last bin.
    pub to: f64,
    /// Answers.
    pub answers: u64,
    /// Those that agree.
    pub agreed: u64,
    /// Of the answers' confidences; absent without answers.
    pub mean_confidence: Option<f64>,
    /// `agreed / answers`; absent without answers.
    pub agreement: Option<f64>,
    /// The 95 % score interval of the agreement (Wilson 1927).
    pub interval: [f64; 2],
}

/// What [`calibration`] returns.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Answers in all.
    pub answers: u64,
    /// The mean of `|agreement - mean confidence|` over the bins, weighted by their answers
    /// (Naeini, Cooper and Hauskrecht 2015); absent without answers.
    pub ece: Option<f64>,
    /// What the ECE of a perfectly calibrated model would be on average for as many answers in the same
    /// bins: below it, nothing can be said against the model.
    pub noise_floor: Option<f64>,
    /// The mean squared difference of confidence and agreement, 0 to 1 (Brier 1950).
    pub brier: Option<f64>,
    /// Ascending.
    pub bins: Vec<Bin>,
}

/// The figures over pairs of a confidence, from 0 to 1, and whether a person agreed. A confidence outside
/// counts in the nearest bin.
pub fn calibration(said: &[(f64, bool)]) -> Calibration {
    let mut sums = [(0.0, 0_u64, 0_u64); BINS];
    for (confidence, agreed) in said {
        let bin = ((confidence * BINS as f64) as usize).min(BINS - 1);
        sums[bin].0 += confidence;
        sums[bin].1 += 1;
        sums[bin].2 += u64::from(*agreed);
    }
    let bins: Vec<Bin> = sums.iter().enumerate().map(|(i, sum)| bin_of(i, *sum)).collect();
    let answers = said.len() as u64;
    let over_bins = |figure: fn(&Bin, f64) -> f64| {
        let weighted = |bin: &Bin| Some(figure(bin, bin.mean_confidence?) * bin.answers as f64);
        (answers > 0).then(|| bins.iter().filter_map(weighted).sum::<f64>() / answers as f64)
    };
    Calibration {
        answers,
        ece: over_bins(|bin, confidence| (bin.agreed as f64 / bin.answers as f64 - confidence).abs()),
        noise_floor: over_bins(|bin, confidence| mean_deviation(bin.answers, confidence)),
        brier: brier(said.iter().copied()),
        bins,
    }
}

fn bin_of(index: usize, (confidences, answers, agreed): (f64, u64, u64)) -> Bin {
    let edge = |i: usize| i as f64 / BINS as f64;
    let of_answers = |sum: f64| (answers > 0).then(|| sum / answers as f64);
    Bin {
        from: edge(index),
        to: edge(index + 1),
        answers,
        agreed,
        mean_confidence: of_answers(confidences),
        agreement: of_answers(agreed as f64),
        interval: wilson(agreed, answers),
    }
}

/// `E|X/n - p|` for X binomial in n and p, by De Moivre's closed form:
/// `2 (1-p) v C(n,v) p^v (1-p)^(n-v) / n` with `v = floor(np) + 1` (Diaconis and Zabell 1991).
fn mean_deviation(n: u64, p: f64) -> f64 {
    if n == 0 || p <= 0.0 || p >= 1.0 {
        return 0.0;
    }
    let n = n as f64;
    let v = (n * p).floor() + 1.0;
    let choose = libm::lgamma(n + 1.0) - libm::lgamma(v + 1.0) - libm::lgamma(n - v + 1.0);
    let log = choose + v * libm::log(p) + (n - v + 1.0) * libm::log1p(-p);
    2.0 * v * libm::exp(log) / n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_every_answer_once_and_the_edges_belong_upwards() {
        let found = calibration(&[
            (0.0, true),
            (0.1, true),
            (0.95, false),
            (1.0, true),
            (1.5, true),
            (-1.0, false),
        ]);
        let answers: Vec<u64> = found.bins.iter().map(|bin| bin.answers).collect();
        assert_eq!(answers, [2, 1, 0, 0, 0, 0, 0, 0, 0, 3]);
        assert_eq!(found.answers, 6);
        assert_eq!((found.bins[9].from, found.bins[9].to), (0.9, 1.0));
        assert_eq!(found.bins[2].agreement, None);
        assert_eq!(found.bins[2].interval, [0.0, 1.0]);
    }

    #[test]
    fn a_hand_computed_table() {
        // 0.85 said four times, right three times; 0.65 said once, wrong.
        let said = [(0.85, true), (0.85, true), (0.85, true), (0.85, false), (0.65, false)];
        let found = calibration(&said);
        let near = |x: Option<f64>, y: f64| (x.expect("answers") - y).abs() < 1e-12;
        assert!(near(found.ece, (0.1 * 4.0 + 0.65) / 5.0), "{found:?}");
        assert!(near(found.brier, (3.0 * 0.0225 + 0.7225 + 0.4225) / 5.0), "{found:?}");
        assert!(near(found.bins[8].agreement, 0.75));
    }

    #[test]
    fn the_noise_floor_is_the_mean_deviation_counted_out() {
        for (n, p) in [(1_u64, 0.3), (2, 0.5), (7, 0.9), (10, 0.2), (30, 0.97)] {
            let mean: f64 = (0..=n)
                .map(|k| {
                    let choose: f64 = (1..=k).map(|i| (n - k + i) as f64 / i as f64).product();
                    let chance = choose * libm::pow(p, k as f64) * libm::pow(1.0 - p, (n - k) as f64);
                    chance * (k as f64 / n as f64 - p).abs()
                })
                .sum();
            let found = mean_deviation(n, p);
            assert!((found - mean).abs() < 1e-12, "{n} {p}: {found} for {mean}");
        }
        assert_eq!(
            (mean_deviation(5, 1.0), mean_deviation(5, 0.0), mean_deviation(0, 0.5)),
            (0.0, 0.0, 0.0)
        );
    }

    #[test]
    fn no_answers_no_figures() {
        let none = calibration(&[]);
        assert_eq!((none.ece, none.noise_floor, none.brier), (None, None, None));
        assert_eq!(none.bins.len(), BINS);
    }
}
