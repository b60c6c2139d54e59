//! Logistic regression of three coefficients on weighted rows with soft targets.
//!
//! Why our own: `linfa-logistic` (read at its repository, 2026) takes neither sample weights nor soft
//! targets, refuses targets of one class, which is just what a runner without walks gives, and uses
//! the platform's `exp` and `ln`, whose last bits differ between machines. Three coefficients need no
//! more than a damped Newton iteration.
//!
//! Invariants: the objective is strictly convex, so there is one answer, finite for any rows, also of
//! one class; only `+ - * /`, `sqrt` and `libm` in row order, so the bits depend on the rows alone.
//!
//! Must not know: what the columns mean.

#![allow(
    clippy::needless_range_loop,
    reason = "matrices of three are read as they are written on paper: by index"
)]

/// The intercept's constant 1 and two features.
pub(super) type Columns = [f64; 3];

/// One row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub x: Columns,
    /// The probability of the positive class, from 0 to 1.
    pub y: f64,
    /// Above 0.
    pub weight: f64,
}

/// The penalty `sum of strength * (b - centre)^2 / 2`; every strength is above 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ridge {
    pub strength: Columns,
    pub centre: Columns,
}

/// Far more than Newton needs on a convex function of three coefficients.
const MAX_STEPS: usize = 100;

/// A step is halved at most so often; then the objective is as low as doubles can tell.
const MAX_HALVINGS: usize = 40;

/// See [`polished`].
const POLISHING_STEPS: usize = 2;

/// The coefficients that minimise the weighted log loss of `groups` plus the ridge. The weights of a
/// group are multiplied by its factor, so that one group can be weighed against another.
pub(super) fn fit(groups: &[(&[Sample], f64)], ridge: &Ridge) -> Columns {
    let mut b = ridge.centre;
    let mut value = objective(groups, ridge, &b);
    for _ in 0..MAX_STEPS {
        let Some(step) = newton(groups, ridge, &b) else { break };
        let Some((next, lower)) = descend(groups, ridge, &b, &step, value) else {
            break;
        };
        let gained = value - lower;
        (b, value) = (next, lower);
        if gained <= 1e-13 * (1.0 + value.abs()) {
            break;
        }
    }
    polished(groups, ridge, b)
}

/// The objective is flat at its lowest: it stands still while the coefficients still have eight good
/// digits. There Newton's step needs no check, and doubles the digits.
fn polished(groups: &[(&[Sample], f64)], ridge: &Ridge, mut b: Columns) -> Columns {
    for _ in 0..POLISHING_STEPS {
        let Some(step) = newton(groups, ridge, &b) else { break };
        if (0..3).any(|i| step[i].abs() > 1e-4 * (1.0 + b[i].abs())) {
            break;
        }
        b = [0, 1, 2].map(|i| b[i] - step[i]);
    }
    b
}

/// The first of the halved steps that does not raise the objective, which was `value`.
fn descend(
    groups: &[(&[Sample], f64)],
    ridge: &Ridge,
    b: &Columns,
    step: &Columns,
    value: f64,
) -> Option<(Columns, f64)> {
    let mut scale = 1.0;
    for _ in 0..MAX_HALVINGS {
        let next = [0, 1, 2].map(|i| b[i] - scale * step[i]);
        let lower = objective(groups, ridge, &next);
        if lower <= value {
            return Some((next, lower));
        }
        scale /= 2.0;
    }
    None
}

fn objective(groups: &[(&[Sample], f64)], ridge: &Ridge, b: &Columns) -> f64 {
    let mut sum = 0.0;
    for (samples, factor) in groups {
        let mut part = 0.0;
        for s in *samples {
            part += s.weight * loss(dot(b, &s.x), s.y);
        }
        sum += factor * part;
    }
    for i in 0..3 {
        let off = b[i] - ridge.centre[i];
        sum += 0.5 * ridge.strength[i] * off * off;
    }
    sum
}

/// The log loss of log-odds `z` against the target `y`: `ln(1 + e^z) - y z`.
pub(super) fn loss(z: f64, y: f64) -> f64 {
    z.max(0.0) + libm::log1p(libm::exp(-z.abs())) - y * z
}

/// `1 / (1 + e^-z)`, exact to the last bits on both sides.
pub(super) fn logistic(z: f64) -> f64 {
    let e = libm::exp(-z.abs());
    if z >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

pub(super) fn dot(b: &Columns, x: &Columns) -> f64 {
    b[0] * x[0] + b[1] * x[1] + b[2] * x[2]
}

/// The Newton step: Hessian^-1 gradient. None where rounding leaves no positive definite Hessian.
fn newton(groups: &[(&[Sample], f64)], ridge: &Ridge, b: &Columns) -> Option<Columns> {
    let mut gradient = [0, 1, 2].map(|i| ridge.strength[i] * (b[i] - ridge.centre[i]));
    let mut hessian = [[0.0; 3]; 3];
    for (i, row) in hessian.iter_mut().enumerate() {
        row[i] = ridge.strength[i];
    }
    for (samples, factor) in groups {
        for s in *samples {
            let p = logistic(dot(b, &s.x));
            let weight = factor * s.weight;
            let (slope, bend) = (weight * (p - s.y), weight * p * (1.0 - p));
            for i in 0..3 {
                gradient[i] += slope * s.x[i];
                for j in 0..=i {
                    hessian[i][j] += bend * s.x[i] * s.x[j];
                }
            }
        }
    }
    solve(&hessian, &gradient)
}

/// Solves `a x = b` for a symmetric positive definite `a`, given by its lower triangle (Cholesky).
fn solve(a: &[[f64; 3]; 3], b: &Columns) -> Option<Columns> {
    let mut l = [[0.0; 3]; 3];
    for i in 0..3 {
        for j in 0..=i {
            let mut rest = a[i][j];
            for k in 0..j {
                rest -= l[i][k] * l[j][k];
            }
            l[i][j] = match i == j {
                true if rest > 0.0 => rest.sqrt(),
                true => return None,
                false => rest / l[j][j],
            };
        }
    }
    let mut x = *b;
    for i in 0..3 {
        for k in 0..i {
            x[i] -= l[i][k] * x[k];
        }
        x[i] /= l[i][i];
    }
    for i in (0..3).rev() {
        for k in i + 1..3 {
            x[i] -= l[k][i] * x[k];
        }
        x[i] /= l[i][i];
    }
    x.iter().all(|v| v.is_finite()).then_some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEAK: Ridge = Ridge {
        strength: [1e-9; 3],
        centre: [0.0; 3],
    };

    fn row(x: f64, y: f64, weight: f64) -> Sample {
        Sample {
            x: [1.0, x, 0.0],
            y,
            weight,
        }
    }

    #[test]
    fn a_saturated_model_reproduces_the_shares() {
        // Two cells: 1 of 4 and 3 of 4 positive, so the logits are -ln 3 and ln 3.
        let rows = [
            row(0.0, 1.0, 1.0),
            row(0.0, 0.0, 3.0),
            row(1.0, 1.0, 3.0),
            row(1.0, 0.0, 1.0),
        ];
        let b = fit(&[(&rows, 1.0)], &WEAK);
        let third = libm::log(3.0);
        assert!(
            (b[0] + third).abs() < 1e-6 && (b[1] - 2.0 * third).abs() < 1e-6,
            "{b:?}"
        );
        // A soft target is the same as its share of hard ones; a factor as its weights.
        let soft = [row(0.0, 0.25, 2.0), row(1.0, 0.75, 2.0)];
        let again = fit(&[(&soft, 2.0)], &WEAK);
        assert!(
            b.iter().zip(again).all(|(a, b)| (a - b).abs() < 1e-6),
            "{b:?} {again:?}"
        );
    }

    #[test]
    fn one_class_and_separable_rows_stay_finite() {
        let ridge = Ridge {
            strength: [1e-4, 1e-3, 1e-1],
            centre: [0.0, -5.0, 0.0],
        };
        let ones: Vec<Sample> = (0..10).map(|i| row(f64::from(i), 1.0, 1.0)).collect();
        let b = fit(&[(&ones, 1.0)], &ridge);
        assert!(b.iter().all(|v| v.is_finite() && v.abs() < 1e3), "{b:?}");
        assert!(ones.iter().all(|s| logistic(dot(&b, &s.x)) > 0.9));
        let split: Vec<Sample> = (0..10)
            .map(|i| row(f64::from(i), f64::from(u8::from(i < 5)), 1.0))
            .collect();
        let b = fit(&[(&split, 1.0)], &ridge);
        assert!((4.0..5.0).contains(&(-b[0] / b[1])), "{b:?}");
        assert_eq!(fit(&[], &ridge), ridge.centre);
    }

    #[test]
    fn the_gradient_vanishes_at_the_answer() {
        let rows: Vec<Sample> = (0..40)
            .map(|i| {
                let x = f64::from(i * 7 % 40) / 10.0;
                let y = f64::from(u8::from((i * 13) % 40 > i));
                Sample {
                    x: [1.0, x, f64::from(i % 5)],
                    y,
                    weight: 0.2 * f64::from(1 + i % 5),
                }
            })
            .collect();
        let ridge = Ridge {
            strength: [1e-4, 3e-3, 0.1],
            centre: [2.0, -4.0, 0.0],
        };
        let b = fit(&[(&rows, 1.0)], &ridge);
        let at = objective(&[(&rows, 1.0)], &ridge, &b);
        for i in 0..3 {
            for off in [1e-4, -1e-4] {
                let mut near = b;
                near[i] += off;
                assert!(objective(&[(&rows, 1.0)], &ridge, &near) > at, "{i} {off}");
            }
        }
    }

    #[test]
    fn loss_and_logistic_do_not_overflow() {
        assert_eq!(loss(1e4, 1.0), 0.0);
        assert_eq!(loss(1e4, 0.0), 1e4);
        assert_eq!((logistic(-1e4), logistic(1e4), logistic(0.0)), (0.0, 1.0, 0.5));
        assert!((loss(0.0, 1.0) - libm::log(2.0)).abs() < 1e-16);
    }
}
