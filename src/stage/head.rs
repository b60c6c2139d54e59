//! The head: the boundary between runs and walks that people's answers taught.
//!
//! Why: the clusters know paces and nothing of the person. Where answers exist, the probability of a
//! run is `logistic(intercept + log_pace * ln pace + log_distance * ln distance)`, pace in minutes per
//! mile and distance in miles; the clusters still decide what is typical.
//!
//! Invariants: the three coefficients are finite, in units of the plain logarithms, so that a verdict
//! needs nothing else.
//!
//! Must not know: how it was taught.

use serde::{Deserialize, Serialize};

use super::table::Row;

/// The coefficients of the log-odds of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The constant.
    pub intercept: f64,
    /// Per unit of `ln(min/mi)`; below zero where slower means a walk.
    pub log_pace: f64,
    /// Per unit of `ln(mi)`.
    pub log_distance: f64,
}

impl Head {
    /// The log-odds of a run; `pace` in min/mi and `distance` in mi, both above 0.
    pub fn log_odds(&self, pace: f64, distance: f64) -> f64 {
        self.intercept + self.log_pace * libm::log(pace) + self.log_distance * libm::log(distance)
    }

    /// The pace in min/mi at which a workout of `distance` mi is as likely a run as a walk; None where
    /// pace decides nothing or the number is out of a double's range.
    pub fn boundary_pace(&self, distance: f64) -> Option<f64> {
        let pace = libm::exp(-(self.intercept + self.log_distance * libm::log(distance)) / self.log_pace);
        (pace.is_finite() && pace > 0.0).then_some(pace)
    }

    pub(super) fn of_row(&self, row: &Row) -> f64 {
        self.log_odds(row.pace, row.distance)
    }

    pub(super) fn is_finite(&self) -> bool {
        [self.intercept, self.log_pace, self.log_distance]
            .iter()
            .all(|w| w.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_is_where_the_odds_are_even() {
        let head = Head {
            intercept: 20.0,
            log_pace: -8.0,
            log_distance: 0.5,
        };
        let pace = head.boundary_pace(3.0).expect("pace decides");
        assert!(head.log_odds(pace, 3.0).abs() < 1e-12, "{pace}");
        assert!(head.log_odds(pace - 1.0, 3.0) > 0.0);
        let blind = Head { log_pace: 0.0, ..head };
        assert_eq!(blind.boundary_pace(3.0), None);
    }
}
