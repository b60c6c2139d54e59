//! The three figures that evidence is made of.
//!
//! Invariants: pure arithmetic with `libm`; no figure is NaN for any counts.
//!
//! Must not know: models.

use std::f64::consts::LN_2;

/// The 97.5 % quantile of the normal distribution.
const Z_95: f64 = 1.959_963_984_540_054;

/// The two-sided p of the exact McNemar test: of `b + c` workouts on which exactly one of two models is
/// right, `b` and `c` speak for one each. Twice the smaller binomial tail at 1/2, at most 1; 1 where
/// there are none (McNemar 1947; the exact form in Fagerland, Lydersen and Laake 2013).
pub fn mcnemar(b: u64, c: u64) -> f64 {
    let n = (b + c) as f64;
    let whole = libm::lgamma(n + 1.0) - n * LN_2;
    let tail: f64 = (0..=b.min(c))
        .map(|k| {
            let k = k as f64;
            libm::exp(whole - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0))
        })
        .sum();
    (2.0 * tail).min(1.0)
}

/// The fewest discordant workouts with which [`mcnemar`] can fall below `alpha`: all on one side.
pub fn least_discordant(alpha: f64) -> u64 {
    let mut n = 1;
    while mcnemar(n, 0) >= alpha && n < 64 {
        n += 1;
    }
    n
}

/// The 95 % score interval of `right` of `all` (Wilson 1927), from 0 to 1; all of it where there is nothing.
pub fn wilson(right: u64, all: u64) -> [f64; 2] {
    if all == 0 {
        return [0.0, 1.0];
    }
    let (n, z2) = (all as f64, Z_95 * Z_95);
    let share = right as f64 / n;
    let centre = share + z2 / (2.0 * n);
    let spread = Z_95 * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    [(centre - spread) / scale, (centre + spread) / scale].map(|x| x.clamp(0.0, 1.0))
}

/// The mean of `(p - y)^2` over pairs of a probability and what happened (Brier 1950); None of none.
pub fn brier(said: impl IntoIterator<Item = (f64, bool)>) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0_u64);
    for (p, happened) in said {
        let off = p - f64::from(u8::from(happened));
        sum += off * off;
        n += 1;
    }
    (n > 0).then(|| sum / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mcnemar_by_the_shared_vectors() {
        for (b, c, p) in [
            (10, 2, 0.038_574_2),
            (6, 0, 0.031_25),
            (5, 0, 0.062_5),
            (5, 1, 0.218_75),
            (0, 0, 1.0),
            (4, 4, 1.0),
        ] {
            for found in [mcnemar(b, c), mcnemar(c, b)] {
                assert!((found - p).abs() < 5e-8, "{b} {c}: {found}");
            }
        }
        let many = mcnemar(60_000, 50_000);
        assert!((0.0..1e-100).contains(&many), "{many}");
    }

    #[test]
    fn six_can_show_five_percent_and_five_cannot() {
        assert_eq!(least_discordant(0.05), 6);
        assert_eq!(least_discordant(0.01), 8);
        assert_eq!(least_discordant(0.0), 64);
    }

    #[test]
    fn wilson_by_the_shared_vectors() {
        for (k, n, low, high) in [(8, 10, 0.490, 0.943), (45, 50, 0.786, 0.957)] {
            let [found_low, found_high] = wilson(k, n);
            assert!(
                (found_low - low).abs() < 5e-4 && (found_high - high).abs() < 5e-4,
                "{k} of {n}"
            );
        }
        assert_eq!(wilson(0, 0), [0.0, 1.0]);
        assert!(wilson(0, 7)[0] < 1e-15 && wilson(7, 7)[1] > 1.0 - 1e-15);
    }

    #[test]
    fn brier_by_the_shared_vector() {
        let said = [(0.1, false), (0.9, true), (0.8, true), (0.3, false)];
        assert!((brier(said).expect("four") - 0.0375).abs() < 1e-15);
        assert_eq!(brier([]), None);
    }
}
