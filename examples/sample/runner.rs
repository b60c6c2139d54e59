//! The first person: five years of running, then a dog.
//!
//! The phone app keeps calling everything a run. Runs are at about nine and a half minutes a mile and
//! slow down a little with the years; the dog walks at twenty at first, and at twenty-four when it is old.
//! Every number here is invented.

use super::dice::{Dice, Table, interpolate};

/// 2012-03-05, the first workout can be then.
const FIRST_DAY: f64 = 15_404.0;
/// 2017-05-13, the dog moves in.
const DOG_DAY: f64 = 17_299.0;
/// 2025-09-30, the day of the export.
pub const LAST_DAY: f64 = 20_361.0;

/// Which day a workout is on, by its place in the file (0 newest, 1 oldest).
const DAYS: &Table = &[(0.0, LAST_DAY), (0.80, DOG_DAY), (1.0, FIRST_DAY)];

/// By day: pace of a usual run, pace of a usual walk (min/mi), share of runs among workouts on foot.
const RUN_PACE: &Table = &[(FIRST_DAY, 9.7), (16_000.0, 9.1), (DOG_DAY, 9.3), (LAST_DAY, 10.0)];
const WALK_PACE: &Table = &[(FIRST_DAY, 18.5), (DOG_DAY, 19.2), (19_000.0, 21.5), (LAST_DAY, 24.0)];
const RUN_SHARE: &Table = &[
    (FIRST_DAY, 0.95),
    (DOG_DAY - 1.0, 0.93),
    (DOG_DAY, 0.55),
    (18_000.0, 0.30),
    (19_000.0, 0.10),
    (LAST_DAY, 0.13),
];

/// Differences from the usual pace, as a share of it.
const RUN_SPREAD: &Table = &[
    (0.0, -0.17),
    (0.1, -0.08),
    (0.5, 0.0),
    (0.9, 0.09),
    (0.98, 0.2),
    (1.0, 0.33),
];
const WALK_SPREAD: &Table = &[
    (0.0, -0.22),
    (0.1, -0.11),
    (0.5, 0.0),
    (0.9, 0.16),
    (0.98, 0.4),
    (1.0, 0.8),
];

const RUN_MILES: &Table = &[
    (0.0, 0.8),
    (0.1, 2.1),
    (0.3, 3.1),
    (0.6, 5.2),
    (0.9, 8.3),
    (0.98, 13.1),
    (1.0, 20.4),
];
const WALK_MILES: &Table = &[
    (0.0, 0.25),
    (0.1, 0.9),
    (0.5, 1.75),
    (0.9, 2.9),
    (0.98, 4.2),
    (1.0, 7.0),
];
const BOTH_MILES: &Table = &[(0.0, 1.5), (0.5, 3.0), (1.0, 6.2)];

/// What was really done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Run,
    Walk,
    /// Runs with walks in between.
    Both,
    /// Not on foot.
    Other(&'static str),
}

/// A workout as it happened.
pub struct Done {
    /// Days since 1970-01-01.
    pub day: u64,
    pub kind: Kind,
    pub miles: f64,
    /// Minutes per mile.
    pub pace: f64,
}

/// The workout at a place in the file, from 0 (newest) to 1 (oldest).
pub fn workout(dice: &mut Dice, place: f64) -> Done {
    let day = interpolate(DAYS, place).floor();
    let kind = kind(dice, day);
    let (miles, pace) = match kind {
        Kind::Run => (
            dice.draw(RUN_MILES),
            interpolate(RUN_PACE, day) * (1.0 + dice.draw(RUN_SPREAD)),
        ),
        Kind::Walk => (
            dice.draw(WALK_MILES),
            interpolate(WALK_PACE, day) * (1.0 + dice.draw(WALK_SPREAD)),
        ),
        Kind::Both => (dice.draw(BOTH_MILES), dice.between(11.5, 16.5)),
        Kind::Other("Swim") => (dice.between(0.4, 1.2), dice.between(38.0, 55.0)),
        Kind::Other("Bike Ride" | "Indoor Bike Ride") => (dice.between(4.0, 22.0), dice.between(3.6, 6.0)),
        Kind::Other(_) => (0.0, 0.0),
    };
    Done {
        day: day as u64,
        kind,
        miles,
        pace,
    }
}

fn kind(dice: &mut Dice, day: f64) -> Kind {
    if dice.chance(0.007) {
        let others = [
            "Bike Ride",
            "Indoor Bike Ride",
            "Swim",
            "Weight Workout",
            "Machine Workout",
        ];
        return Kind::Other(others[dice.whole(0, 4) as usize]);
    }
    if day >= DOG_DAY && dice.chance(0.04) {
        return Kind::Both;
    }
    if dice.chance(interpolate(RUN_SHARE, day)) {
        Kind::Run
    } else {
        Kind::Walk
    }
}

impl Done {
    /// What the app calls it: nearly always a run.
    pub fn typed(&self, dice: &mut Dice) -> &'static str {
        match self.kind {
            Kind::Other(sport) => sport,
            Kind::Run if dice.chance(0.004) => "Indoor Run / Jog",
            Kind::Walk if dice.chance(0.007) => "Hike",
            Kind::Walk if dice.chance(0.035) => "Walk",
            Kind::Run | Kind::Walk | Kind::Both => "Run",
        }
    }

    /// Steps to the mile and kilocalories to the mile.
    pub fn per_mile(&self, dice: &mut Dice) -> (f64, f64) {
        match self.kind {
            Kind::Run => (dice.between(1450.0, 1720.0), dice.between(98.0, 122.0)),
            Kind::Walk => (dice.between(2050.0, 4300.0), dice.between(68.0, 92.0)),
            Kind::Both => (dice.between(1700.0, 2300.0), dice.between(85.0, 108.0)),
            Kind::Other(_) => (0.0, dice.between(30.0, 60.0)),
        }
    }

    /// The best pace a phone would claim, in minutes per mile.
    pub fn best_pace(&self, dice: &mut Dice) -> f64 {
        match self.kind {
            // A phone's position jumps, so walks hold a moment of running.
            Kind::Walk | Kind::Both => self.pace * dice.between(0.28, 0.62),
            Kind::Run | Kind::Other(_) => self.pace * dice.between(0.55, 0.86),
        }
    }
}
