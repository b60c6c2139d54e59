//! The first person's history as MapMyRun would export it, with the dirt of real exports.

use std::io::{self, Write};

use super::calendar::spelled;
use super::dice::Dice;
use super::runner::{self, Done, Kind};

const HEADER: &str = "Date Submitted,Workout Date,Activity Type,Calories Burned (kcal),Distance (mi),\
                      Workout Time (seconds),Avg Pace (min/mi),Max Pace (min/mi),Avg Speed (mi/h),\
                      Max Speed (mi/h),Avg Heart Rate,Steps,Notes,Source,Link";

/// Ids go down from the first, at most to half of it, so all have twelve digits.
const FIRST_ID: u64 = 740_000_000_000;

/// Things that happen once, and where in the file, in thousandths.
const ONCE: [(u64, Once); 11] = [
    (31, Once::Note("\"Vet says more walks, fewer treats\"")),
    (104, Once::Ragged),
    (187, Once::UnixTime),
    (
        263,
        Once::Note("\"Met the neighbour's two terriers.\r\nThree of us came home muddy.\""),
    ),
    (342, Once::NoLink),
    (
        418,
        Once::Note("caf\u{e9} stop at 2\u{b9}\u{2044}\u{2082} mi \u{1f43e}"),
    ),
    (489, Once::OneSecond),
    (566, Once::BadDate),
    (671, Once::Note("\"said \"\"sit\"\" eleven times\"")),
    (742, Once::LongId),
    (903, Once::Note("legs like wood")),
];

#[derive(Clone, Copy)]
enum Once {
    /// A note, as it stands in the file.
    Note(&'static str),
    /// The app stored the time of day as the duration.
    UnixTime,
    /// Started and stopped.
    OneSecond,
    /// The row ends after the steps.
    Ragged,
    NoLink,
    BadDate,
    /// More digits than an id can have.
    LongId,
}

/// The cells of a row that dirt may change.
struct Row {
    submitted: String,
    date: String,
    activity: &'static str,
    kcal: String,
    miles: f64,
    seconds: u64,
    pace: f64,
    best_pace: f64,
    heart: &'static str,
    steps: String,
    note: &'static str,
    source: &'static str,
    link: String,
}

/// See [`super::workouts`].
pub fn write(out: &mut impl Write, rows: u64, seed: u64) -> io::Result<()> {
    let mut dice = Dice::new(seed, 1);
    let mut id = FIRST_ID;
    let step = (FIRST_ID / 2 / rows.max(1)).clamp(1, 60_000_000);
    write!(out, "{HEADER}\r\n")?;
    for n in 0..rows {
        id -= dice.whole(1, step);
        let place = (n as f64 + dice.unit()) / rows as f64;
        let done = runner::workout(&mut dice, place);
        let mut row = clean(&mut dice, &done, id);
        dirty(&mut dice, &mut row);
        let once = ONCE.iter().find(|(at, _)| at * rows / 1000 == n && rows >= 1000);
        match once {
            Some((_, once)) => special(out, &mut dice, row, *once, &done)?,
            None => line(out, &row)?,
        }
    }
    Ok(())
}

fn clean(dice: &mut Dice, done: &Done, id: u64) -> Row {
    let late = if dice.chance(0.18) { dice.whole(1, 5) } else { 0 };
    let seconds = match done.kind {
        Kind::Other(_) if done.miles == 0.0 => dice.whole(900, 4200),
        _ => (done.miles * done.pace * 60.0).round() as u64,
    };
    let miles = (done.miles * 1e5).round() / 1e5;
    let (steps, kcal) = done.per_mile(dice);
    let steps = (steps * miles).round() as u64;
    let kcal = if miles > 0.0 {
        kcal * miles
    } else {
        seconds as f64 / 10.0
    };
    let blank = matches!(done.kind, Kind::Other(_)) || dice.chance(0.01);
    let unknown = dice.chance(0.05);
    let links = "https://workouts.example.com/workout";
    Row {
        submitted: spelled(done.day + late),
        date: spelled(done.day),
        activity: done.typed(dice),
        kcal: format!("{}", kcal.round() as u64),
        miles,
        seconds,
        pace: if miles > 0.0 {
            seconds as f64 / 60.0 / miles
        } else {
            0.0
        },
        best_pace: if dice.chance(0.05) { 0.0 } else { done.best_pace(dice) },
        heart: if dice.chance(0.1) { "0" } else { "" },
        steps: match (blank, unknown) {
            (true, _) => String::new(),
            (false, true) => "0".to_owned(),
            (false, false) => steps.to_string(),
        },
        note: "",
        source: source(dice, done.day),
        link: format!("{links}/{id}"),
    }
}

fn source(dice: &mut Dice, day: u64) -> &'static str {
    match day {
        _ if dice.chance(0.01) => "",
        ..16_200 => "Stride Pod 1",
        16_200..18_700 => "Pocket Tracker 4c31",
        _ => "Pocket Tracker 9a07",
    }
}

/// What goes wrong now and then.
fn dirty(dice: &mut Dice, row: &mut Row) {
    let fate = dice.unit();
    if row.miles == 0.0 {
        return;
    }
    if fate < 0.0017 {
        // Typed in by hand, without a time.
        row.miles = (row.miles * 2.0).round().max(1.0) / 2.0;
        (row.seconds, row.pace, row.best_pace) = (0, 0.0, 0.0);
        row.kcal = "0".to_owned();
    } else if fate < 0.0107 {
        // Without a position: indoors, or the phone stayed at home.
        (row.miles, row.pace, row.best_pace) = (0.0, 0.0, 0.0);
    } else if fate < 0.0187 {
        // The timer ran on: over lunch, over night, over a weekend.
        row.seconds = if fate < 0.0120 {
            dice.whole(88_000, 210_000)
        } else {
            dice.whole(14_500, 62_000)
        };
        row.pace = row.seconds as f64 / 60.0 / row.miles;
    } else if fate < 0.0267 {
        // Mostly standing and talking.
        row.miles = (row.miles * dice.between(0.04, 0.12) * 1e5).round() / 1e5;
        row.pace = row.seconds as f64 / 60.0 / row.miles;
    }
}

fn special(out: &mut impl Write, dice: &mut Dice, mut row: Row, once: Once, done: &Done) -> io::Result<()> {
    match once {
        Once::Note(note) => row.note = note,
        Once::UnixTime => {
            row.seconds = done.day * 86_400 + dice.whole(30_000, 80_000);
            row.pace = row.seconds as f64 / 60.0 / row.miles.max(0.5);
            row.kcal = "32767".to_owned();
            row.steps = dice.whole(4_000_000_000, 4_290_000_000).to_string();
        }
        Once::OneSecond => {
            row.activity = "Bike Ride";
            (row.miles, row.seconds, row.pace, row.best_pace) = (0.0, 1, 0.0, 0.0);
            (row.kcal, row.steps) = ("0".to_owned(), "0".to_owned());
        }
        Once::Ragged => {
            return write!(
                out,
                "\"{}\",\"{}\",{},{},{},{},,,,,,{}\r\n",
                row.submitted,
                row.date,
                row.activity,
                row.kcal,
                decimal(row.miles, 5),
                row.seconds,
                row.steps
            );
        }
        Once::NoLink => row.link.clear(),
        Once::BadDate => row.date = "Feb. 30, 2020".to_owned(),
        Once::LongId => row.link.push_str("000000000000"),
    }
    line(out, &row)
}

fn line(out: &mut impl Write, row: &Row) -> io::Result<()> {
    let speed = |pace: f64| if pace > 0.0 { 60.0 / pace } else { 0.0 };
    write!(
        out,
        "\"{}\",\"{}\",{},{},{},{},{},{},{},{},{},{},{},{},{}\r\n",
        row.submitted,
        row.date,
        row.activity,
        row.kcal,
        decimal(row.miles, 5),
        row.seconds,
        decimal(row.pace, 4),
        decimal(row.best_pace, 4),
        decimal(speed(row.pace), 5),
        decimal(speed(row.best_pace), 5),
        row.heart,
        row.steps,
        row.note,
        row.source,
        row.link
    )
}

/// At most `places` decimals, without zeros at the end.
pub fn decimal(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}
