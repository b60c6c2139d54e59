//! The second person, who knows what each workout was: canonical CSV with true labels.
//!
//! A slow runner with a fast walk: between twelve and fourteen and a half minutes a mile, pace alone does
//! not tell. Every number here is invented.

use std::io::{self, Write};

use super::calendar::iso;
use super::dice::{Dice, Table};
use super::export::decimal;

const ROWS: u64 = 200;
const FIRST_ID: u64 = 900_000_000_000;
/// 2025-08-31.
const LAST_DAY: u64 = 20_331;

/// Minutes per mile.
const RUN_PACE: &Table = &[(0.0, 8.6), (0.2, 9.8), (0.6, 10.9), (0.9, 12.4), (1.0, 14.4)];
const WALK_PACE: &Table = &[(0.0, 12.1), (0.1, 14.2), (0.5, 17.4), (0.9, 20.5), (1.0, 25.0)];
const RUN_MILES: &Table = &[(0.0, 1.1), (0.5, 3.4), (0.9, 6.4), (1.0, 10.2)];
const WALK_MILES: &Table = &[(0.0, 0.5), (0.5, 2.1), (0.9, 4.0), (1.0, 8.5)];

/// See [`super::labelled`].
pub fn write(out: &mut impl Write, seed: u64) -> io::Result<()> {
    let mut dice = Dice::new(seed, 2);
    writeln!(
        out,
        "workout_id,workout_date,activity_type,kcal_burned,distance_mi,duration_sec,avg_pace,max_pace,steps,link,label"
    )?;
    let mut id = FIRST_ID;
    for n in 0..ROWS {
        id -= dice.whole(1, 90_000_000);
        let day = LAST_DAY - n * 5 - dice.whole(0, 4);
        let (hour, minute, second) = (dice.whole(6, 20), dice.whole(0, 59), dice.whole(0, 59));
        write!(out, "{id},{} {hour:02}:{minute:02}:{second:02},", iso(day))?;
        let kind = dice.unit();
        if kind < 0.08 {
            let sport = dice.pick(&["Bike Ride", "Swim", "Weight Workout"]);
            writeln!(out, "{sport},{},,{},,,,,", dice.whole(150, 600), dice.whole(1200, 5400))?;
        } else {
            on_foot(out, &mut dice, kind < 0.60)?;
        }
    }
    Ok(())
}

fn on_foot(out: &mut impl Write, dice: &mut Dice, runs: bool) -> io::Result<()> {
    let (pace, miles) = if runs {
        (dice.draw(RUN_PACE), dice.draw(RUN_MILES))
    } else {
        (dice.draw(WALK_PACE), dice.draw(WALK_MILES))
    };
    let miles = (miles * 1e4).round() / 1e4;
    let seconds = (miles * pace * 60.0).round();
    let (steps, kcal) = if runs { (1560.0, 104.0) } else { (2150.0, 78.0) };
    // The app's word is worth little here too.
    let sport = if !runs && dice.chance(0.2) { "Walk" } else { "Run" };
    let best = pace * dice.between(0.5, 0.85);
    writeln!(
        out,
        "{sport},{},{},{},{},{},{},,{}",
        (kcal * miles).round(),
        decimal(miles, 4),
        seconds,
        decimal(seconds / 60.0 / miles, 4),
        decimal(best, 4),
        (steps * miles).round(),
        if runs { "run" } else { "walk" }
    )
}
