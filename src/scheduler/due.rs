//! The due rule: is a run due, and if not, when is the next one. Pure.
//!
//! Why: a scheduler that only asks "is it half past two now" misses the night in which it was down, runs
//! twice in the night in which the clock is set back, and not at all in the night in which half past
//! two does not exist. One rule over the stored instant of the last run answers all three.
//!
//! Invariants: the occurrences of a schedule are instants in ascending order. A wall-clock time
//! that the zone skips falls on the first instant that exists after it, a time that it repeats on
//! the first of the two. So each wall-clock time that the pattern names gives exactly one instant (and
//! several skipped ones the same one), and each instant is due at most once. For a pattern that
//! names every hour this means that a repeated hour is passed over, by the same rule.
//!
//! Must not know: the clock, the ledger, what a run does.

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use crate::config::{Catchup, Schedule};
use crate::time::Timestamp;

/// With `catchup = "none"`: how old an occurrence may be when it is seen. A scheduler looks once a
/// minute; two minutes allow for one look that came late.
const STILL_ON_TIME: TimeDelta = TimeDelta::minutes(2);

/// The steps in which the end of a skipped stretch of the wall clock is looked for.
const GAP_STEP: TimeDelta = TimeDelta::minutes(15);

/// No zone ever skipped more than a day (Samoa, December 2011); beyond that the search has no sense.
const GAP_STEPS: usize = 4 * 48;

/// What the rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A run is due.
    Due {
        /// Since when: the latest occurrence, which stands for all that were missed.
        at: Timestamp,
    },
    /// No run is due.
    NotDue {
        /// The next occurrence; None without a pattern, and past the year 4999.
        next: Option<Timestamp>,
    },
}

/// Whether a run is due at `now`.
///
/// `last` is when the last scheduled run began. One that never ran counts as having missed its last
/// occurrence: it is due at once, unless `catchup = "none"`. After that a run is due when an
/// occurrence lies after `last` and not after `now`; several give one run. Without a pattern none ever is.
pub fn due(schedule: &Schedule, last: Option<Timestamp>, now: Timestamp) -> Due {
    let Some(at) = last_at_or_before(schedule, now) else {
        return Due::NotDue {
            next: next_after(schedule, now),
        };
    };
    let handled = last.is_some_and(|last| last >= at);
    let late = now.micros() - at.micros() > STILL_ON_TIME.num_microseconds().unwrap_or(i64::MAX);
    if handled || (late && schedule.catchup == Catchup::None) {
        return Due::NotDue {
            next: next_after(schedule, now),
        };
    }
    Due::Due { at }
}

/// The next `n` occurrences after `now`, ascending.
pub fn next_n(schedule: &Schedule, now: Timestamp, n: usize) -> Vec<Timestamp> {
    std::iter::successors(next_after(schedule, now), |at| next_after(schedule, *at))
        .take(n)
        .collect()
}

/// The first occurrence after `now`.
fn next_after(schedule: &Schedule, now: Timestamp) -> Option<Timestamp> {
    let cron = schedule.cron.as_ref()?;
    // A time of the wall clock at or before the present one has no instant in the future, so the
    // search begins here; while an hour repeats, times ahead on the wall clock may have had theirs.
    let mut wall = wall_clock(schedule.zone, now);
    loop {
        wall = cron.next(wall)?;
        let at = instant(schedule.zone, wall)?;
        if at > now {
            return Some(at);
        }
    }
}

/// The last occurrence at or before `now`.
fn last_at_or_before(schedule: &Schedule, now: Timestamp) -> Option<Timestamp> {
    let cron = schedule.cron.as_ref()?;
    let mut wall = latest_wall_clock(schedule.zone, now);
    loop {
        wall = cron.last(wall)?;
        let at = instant(schedule.zone, wall)?;
        if at <= now {
            return Some(at);
        }
        wall -= TimeDelta::seconds(1);
    }
}

fn in_zone(zone: Tz, at: Timestamp) -> DateTime<Tz> {
    zone.from_utc_datetime(&at.naive())
}

fn wall_clock(zone: Tz, at: Timestamp) -> NaiveDateTime {
    in_zone(zone, at).naive_local()
}

/// The latest time that the wall clock may have shown until `at`: later than what it shows now
/// where it was set back a moment ago.
fn latest_wall_clock(zone: Tz, at: Timestamp) -> NaiveDateTime {
    let now = in_zone(zone, at);
    match zone.from_local_datetime(&now.naive_local()) {
        LocalResult::Ambiguous(first, second) if now >= second => now.naive_local() + (second - first),
        _ => now.naive_local(),
    }
}

/// The instant of a wall-clock time; None only where the zone's table makes no sense.
fn instant(zone: Tz, wall: NaiveDateTime) -> Option<Timestamp> {
    let earliest = |wall: NaiveDateTime| zone.from_local_datetime(&wall).earliest();
    let found = match earliest(wall) {
        Some(found) => found,
        None => earliest(end_of_gap(zone, wall)?)?,
    };
    Some(Timestamp::from(found.naive_utc()))
}

/// The first second of the wall clock that exists after `wall`, which does not.
fn end_of_gap(zone: Tz, wall: NaiveDateTime) -> Option<NaiveDateTime> {
    let exists = |wall: NaiveDateTime| zone.from_local_datetime(&wall).earliest().is_some();
    let mut skipped = wall;
    let mut valid = (1..=GAP_STEPS)
        .map(|step| wall + GAP_STEP * i32::try_from(step).unwrap_or(i32::MAX))
        .find(|later| exists(*later))?;
    while valid - skipped > TimeDelta::seconds(1) {
        let middle = skipped + TimeDelta::seconds((valid - skipped).num_seconds() / 2);
        if exists(middle) {
            valid = middle;
        } else {
            skipped = middle;
        }
    }
    Some(valid)
}

#[cfg(test)]
mod tests;
