//! Two people who know what each of their workouts was: canonical CSV with true labels.
//!
//! The second person walks fast: between twelve and fourteen and a half minutes a mile, pace alone does not
//! tell. The third one runs at the pace of other people's walks, which only answers can teach. Every number
//! here is invented.

use std::io::{self, Write};

use super::calendar::iso;
use super::dice::{Dice, Table};
use super::export::decimal;

const ROWS: u64 = 200;
/// 2025-08-31.
const LAST_DAY: u64 = 20_331;

/// What a person does, and how.
pub struct Person {
    /// Keeps the people of one seed apart.
    stream: u64,
    first_id: u64,
    /// The share of workouts that are not on foot.
    other_sports: f64,
    /// The share of those and of the runs together.
    up_to_runs: f64,
    /// Minutes per mile.
    run_pace: &'static Table,
    walk_pace: &'static Table,
    /// Miles.
    run_miles: &'static Table,
    walk_miles: &'static Table,
}

/// The second person.
pub const SECOND: Person = Person {
    stream: 2,
    first_id: 900_000_000_000,
    other_sports: 0.08,
    up_to_runs: 0.60,
    run_pace: &[(0.0, 8.6), (0.2, 9.8), (0.6, 10.9), (0.9, 12.4), (1.0, 14.4)],
    walk_pace: &[(0.0, 12.1), (0.1, 14.2), (0.5, 17.4), (0.9, 20.5), (1.0, 25.0)],
    run_miles: &[(0.0, 1.1), (0.5, 3.4), (0.9, 6.4), (1.0, 10.2)],
    walk_miles: &[(0.0, 0.5), (0.5, 2.1), (0.9, 4.0), (1.0, 8.5)],
};

/// The third person.
pub const SLOW: Person = Person {
    stream: 3,
    first_id: 800_000_000_000,
    other_sports: 0.0,
    up_to_runs: 0.85,
    run_pace: &[(0.0, 11.8), (0.1, 12.8), (0.5, 14.2), (0.9, 15.8), (1.0, 17.0)],
    walk_pace: &[(0.0, 18.0), (0.1, 19.2), (0.5, 21.4), (0.9, 24.0), (1.0, 27.0)],
    run_miles: &[(0.0, 0.9), (0.3, 2.4), (0.6, 3.2), (0.9, 5.5), (1.0, 13.1)],
    walk_miles: &[(0.0, 0.5), (0.5, 1.6), (0.9, 3.0), (1.0, 5.0)],
};

/// Writes a person's workouts, newest first.
pub fn write(out: &mut impl Write, person: &Person, seed: u64) -> io::Result<()> {
    let mut dice = Dice::new(seed, person.stream);
    writeln!(
        out,
        "workout_id,workout_date,activity_type,kcal_burned,distance_mi,duration_sec,avg_pace,max_pace,steps,link,label"
    )?;
    let mut id = person.first_id;
    for n in 0..ROWS {
        id -= dice.whole(1, 90_000_000);
        let day = LAST_DAY - n * 5 - dice.whole(0, 4);
        let (hour, minute, second) = (dice.whole(6, 20), dice.whole(0, 59), dice.whole(0, 59));
        write!(out, "{id},{} {hour:02}:{minute:02}:{second:02},", iso(day))?;
        let kind = dice.unit();
        if kind < person.other_sports {
            let sport = dice.pick(&["Bike Ride", "Swim", "Weight Workout"]);
            writeln!(out, "{sport},{},,{},,,,,", dice.whole(150, 600), dice.whole(1200, 5400))?;
        } else {
            on_foot(out, &mut dice, person, kind < person.up_to_runs)?;
        }
    }
    Ok(())
}

fn on_foot(out: &mut impl Write, dice: &mut Dice, person: &Person, runs: bool) -> io::Result<()> {
    let (pace, miles) = if runs {
        (dice.draw(person.run_pace), dice.draw(person.run_miles))
    } else {
        (dice.draw(person.walk_pace), dice.draw(person.walk_miles))
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
