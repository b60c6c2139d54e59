//! Axes: a range, a scale, and where its ticks are.
//!
//! Invariants: the range is not empty and its ends are finite, on a logarithmic scale above zero; every tick
//! lies within it; any number at all has a place on it.
//!
//! Must not know: pixels.

/// One axis of a figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    /// What it shows, with the unit.
    pub title: String,
    /// Both ends are shown.
    range: (f64, f64),
    logarithmic: bool,
    /// Ascending, each with its text.
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis from `range.0` to `range.1`; ticks outside are left out.
    pub fn linear(title: &str, range: (f64, f64), ticks: impl IntoIterator<Item = (f64, String)>) -> Self {
        let within = |x: &f64| (range.0..=range.1).contains(x);
        Self {
            title: title.to_owned(),
            range,
            logarithmic: false,
            ticks: ticks.into_iter().filter(|(x, _)| within(x)).collect(),
        }
    }

    /// The same with a logarithmic scale; both ends are above zero.
    pub fn logarithmic(title: &str, range: (f64, f64), ticks: impl IntoIterator<Item = f64>) -> Self {
        let ticks = ticks.into_iter().map(|x| (x, x.to_string()));
        Self {
            logarithmic: true,
            ..Self::linear(title, range, ticks)
        }
    }

    /// From zero to a round number that is not below `most`, with six ticks at most.
    pub fn counts(title: &str, most: u64) -> Self {
        let step = round_step(most);
        let top = most.max(1).div_ceil(step).saturating_mul(step);
        let ticks = (0..=top / step).map(|i| (i * step) as f64).map(|x| (x, x.to_string()));
        Self::linear(title, (0.0, top as f64), ticks)
    }

    /// Counts on a logarithmic scale. A count of one has a height too: the axis begins at a half.
    pub fn log_counts(title: &str, most: u64) -> Self {
        let top = most.max(10) as f64 * 1.5;
        let powers = std::iter::successors(Some(1.0), |x| Some(x * 10.0));
        Self::logarithmic(title, (0.5, top), powers.take_while(|x| *x <= top))
    }

    /// From 0 to 1 by tenths.
    pub fn unit(title: &str) -> Self {
        let ticks = (0..=10_u8).map(|i| (f64::from(i) / 10.0, format!("{:.1}", f64::from(i) / 10.0)));
        Self::linear(title, (0.0, 1.0), ticks)
    }

    /// The lower end.
    pub fn low(&self) -> f64 {
        self.range.0
    }

    /// The upper end.
    pub fn high(&self) -> f64 {
        self.range.1
    }

    /// The value half way along the axis.
    pub fn middle(&self) -> f64 {
        match self.logarithmic {
            true => libm::sqrt(self.range.0 * self.range.1),
            false => f64::midpoint(self.range.0, self.range.1),
        }
    }

    /// How far along the axis a value lies, from 0 to 1: what is outside the range lies at its end, what is no
    /// number at the lower one.
    pub fn share(&self, value: f64) -> f64 {
        let (low, high) = self.range;
        let value = value.max(low).min(high);
        match self.logarithmic {
            true => libm::log(value / low) / libm::log(high / low),
            false => (value - low) / (high - low),
        }
    }

    /// Where the ticks are.
    pub fn ticks(&self) -> Vec<f64> {
        self.ticks.iter().map(|(x, _)| *x).collect()
    }

    /// The text of the tick at `value`.
    pub fn tick_text(&self, value: f64) -> String {
        let tick = self.ticks.iter().find(|(x, _)| *x == value);
        tick.map_or_else(String::new, |(_, text)| text.clone())
    }
}

/// 1, 2 or 5 times a power of ten, so that at most five of it reach `most`.
fn round_step(most: u64) -> u64 {
    let powers = std::iter::successors(Some(1_u64), |x| x.checked_mul(10));
    let mut steps = powers.flat_map(|x| [x, x.saturating_mul(2), x.saturating_mul(5)]);
    steps.find(|step| most.div_ceil(*step) <= 5).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_end_at_a_round_number_and_have_few_ticks() {
        for (most, step) in [
            (0, 1),
            (1, 1),
            (5, 1),
            (6, 2),
            (17, 5),
            (100, 20),
            (101, 50),
            (2_983, 1_000),
        ] {
            assert_eq!(round_step(most), step, "{most}");
            let axis = Axis::counts("workouts", most);
            assert!(
                axis.low() == 0.0 && axis.high() >= most as f64 && axis.ticks.len() <= 6,
                "{axis:?}"
            );
        }
        assert_eq!(round_step(u64::MAX), 5_000_000_000_000_000_000);
    }

    #[test]
    fn every_number_has_a_place_within_the_axis() {
        let axis = Axis::logarithmic("pace", (5.0, 20.0), [2.0, 5.0, 10.0, 20.0, 50.0]);
        assert_eq!(axis.ticks.len(), 3);
        for value in [f64::NAN, f64::NEG_INFINITY, -1.0, 0.0, 7.0, 1e300, f64::INFINITY] {
            assert!((0.0..=1.0).contains(&axis.share(value)), "{value}");
        }
        assert_eq!((axis.share(10.0), axis.middle()), (0.5, 10.0));
        assert_eq!(axis.tick_text(10.0), "10");
        assert_eq!(axis.tick_text(0.0), "");
    }
}
