//! The `[schedule]` section: when a pipeline runs, as checked values.
//!
//! Why: a cron text or a zone name that is wrong is found when the file is read, not in the night in
//! which nothing happens.
//!
//! Invariants: a [`Schedule`] that exists has a pattern, or watches what people say, or both; a pattern
//! has a first occurrence and says nothing about years, so it always has a next one.
//!
//! Must not know: the current time, and what counts as due (`scheduler::due`).

use std::fmt;

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

/// What becomes of times that passed while nothing was there to start a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Catchup {
    /// The last of them is made up for, once.
    #[default]
    Last,
    /// None is.
    None,
}

/// A cron pattern over the wall clock of some place.
///
/// Five fields: minute, hour, day of month, month, day of week (`30 2 * * *`: half past two every
/// night). Six: seconds first. Both days given: either matches, as in every cron; `+` before the day
/// of week asks for both. Names (`MON`, `JAN`), `L` (last), `W` (nearest weekday), `#` (n-th weekday)
/// and `@daily` and its like are understood.
#[derive(Clone, PartialEq)]
pub struct CronText {
    text: String,
    cron: Cron,
}

/// When a pipeline runs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Section")]
pub struct Schedule {
    /// The pattern, over local times of `zone`; None for a pipeline that only watches.
    pub cron: Option<CronText>,
    /// The place whose wall clock counts.
    pub zone: Tz,
    /// What becomes of missed times.
    pub catchup: Catchup,
    /// True where it also runs as soon as enough corrections wait to be learnt.
    pub on_feedback: bool,
}

impl Schedule {
    /// The pattern as it was written.
    pub fn pattern(&self) -> Option<&str> {
        self.cron.as_ref().map(CronText::as_str)
    }
}

impl CronText {
    /// Reads a pattern of five or six fields.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parser = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            .build();
        let wrong = |what: String| {
            format!(
                "cron '{text}': {what}; write minute, hour, day of month, month, day of week, such as \"30 2 * * *\""
            )
        };
        let cron = parser.parse(text).map_err(|error| wrong(error.to_string()))?;
        let pattern = Self {
            text: text.to_owned(),
            cron,
        };
        // Any start will do, because no field limits the years.
        match pattern.next(NaiveDateTime::default()) {
            Some(_) => Ok(pattern),
            None => Err(wrong("no date ever matches it".to_owned())),
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first matching wall-clock time after `from`, by whole seconds; None past the year 4999.
    ///
    /// The pattern is asked in UTC, where every wall-clock time exists once: croner's own treatment of
    /// clock changes can return an instant before the one that was asked from (its issue 51).
    pub fn next(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        let found = self.cron.find_next_occurrence(&whole_seconds(from), false).ok()?;
        Some(found.naive_utc())
    }

    /// The last matching wall-clock time at or before `until`, by whole seconds; None before the year 1.
    pub fn last(&self, until: NaiveDateTime) -> Option<NaiveDateTime> {
        let found = self.cron.find_previous_occurrence(&whole_seconds(until), true).ok()?;
        Some(found.naive_utc())
    }
}

fn whole_seconds(time: NaiveDateTime) -> DateTime<Utc> {
    let time = time.and_utc();
    DateTime::from_timestamp(time.timestamp(), 0).unwrap_or(time)
}

impl fmt::Debug for CronText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CronText({:?})", self.text)
    }
}

impl fmt::Display for CronText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The section as it stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    #[serde(default, deserialize_with = "cron")]
    cron: Option<CronText>,
    #[serde(default, deserialize_with = "zone")]
    timezone: Option<Tz>,
    #[serde(default)]
    catchup: Option<Catchup>,
    #[serde(default)]
    on_feedback: bool,
}

impl TryFrom<Section> for Schedule {
    type Error = String;

    fn try_from(section: Section) -> Result<Self, String> {
        if section.cron.is_none() {
            if !section.on_feedback {
                return Err(
                    "[schedule] says no time: give it cron = \"30 2 * * *\", or on_feedback = true, or both".to_owned(),
                );
            }
            for (key, given) in [
                ("timezone", section.timezone.is_some()),
                ("catchup", section.catchup.is_some()),
            ] {
                if given {
                    return Err(format!("{key} is about the times of cron, and there is no cron"));
                }
            }
        }
        Ok(Self {
            cron: section.cron,
            zone: section.timezone.unwrap_or_default(),
            catchup: section.catchup.unwrap_or_default(),
            on_feedback: section.on_feedback,
        })
    }
}

fn cron<'de, D: Deserializer<'de>>(d: D) -> Result<Option<CronText>, D::Error> {
    let pattern = CronText::parse(&String::deserialize(d)?);
    pattern.map(Some).map_err(D::Error::custom)
}

fn zone<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Tz>, D::Error> {
    let zone = parse_zone(&String::deserialize(d)?);
    zone.map(Some).map_err(D::Error::custom)
}

/// Reads an IANA zone name.
///
/// # Errors
/// A sentence with the nearest name there is.
pub fn parse_zone(name: &str) -> Result<Tz, String> {
    name.parse().map_err(|_| {
        let wanted = name.to_lowercase();
        let likeness = |zone: &Tz| strsim::jaro_winkler(&zone.name().to_lowercase(), &wanted);
        let nearest = TZ_VARIANTS
            .iter()
            .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
            .filter(|zone| likeness(zone) > 0.7);
        let hint = nearest.map_or_else(String::new, |zone| format!("; did you mean '{}'?", zone.name()));
        format!("timezone '{name}' is no IANA zone, such as UTC or Europe/Berlin{hint}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Pipeline;

    fn at(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").expect("a time")
    }

    #[test]
    fn patterns_match_wall_clock_times() {
        for (text, after, next) in [
            ("30 2 * * *", "2026-01-01 02:29:59", "2026-01-01 02:30:00"),
            ("30 2 * * *", "2026-01-01 02:30:00", "2026-01-02 02:30:00"),
            ("15 30 2 * * *", "2026-01-01 02:30:00", "2026-01-01 02:30:15"),
            ("0 4 * * SUN", "2026-01-01 00:00:00", "2026-01-04 04:00:00"),
            ("0 0 L * *", "2026-02-01 00:00:00", "2026-02-28 00:00:00"),
            ("0 0 29 2 *", "2026-01-01 00:00:00", "2028-02-29 00:00:00"),
            ("@daily", "2026-01-01 00:00:00", "2026-01-02 00:00:00"),
        ] {
            let cron = CronText::parse(text).expect("a pattern");
            assert_eq!(cron.next(at(after)), Some(at(next)), "{text} after {after}");
            assert_eq!(cron.last(at(next)), Some(at(next)), "{text} at {next}");
        }
    }

    #[test]
    fn a_pattern_of_nothing_is_refused() {
        for text in [
            "",
            "30 2 * *",
            "61 2 * * *",
            "30 2 * * * * 2026",
            "0 0 30 2 *",
            "daily",
            "30 25 * * *",
        ] {
            let error = CronText::parse(text).expect_err(text);
            assert!(error.contains("write minute, hour"), "{error}");
        }
    }

    #[test]
    fn a_misspelt_zone_names_the_nearest() {
        assert_eq!(parse_zone("Europe/Berlin"), Ok(Tz::Europe__Berlin));
        let error = parse_zone("europe/berlin").expect_err("names are case-sensitive");
        assert!(error.contains("did you mean 'Europe/Berlin'?"), "{error}");
    }

    #[test]
    fn a_pipeline_may_watch_what_people_say_with_or_without_a_time() {
        let parse = |keys: &str| Pipeline::parse(&format!("name='n'\n[schedule]\n{keys}"), "p.toml");
        let watching = parse("on_feedback = true").expect("valid");
        let schedule = watching.schedule.expect("a schedule");
        assert_eq!((schedule.pattern(), schedule.on_feedback), (None, true));
        let both = parse("on_feedback = true\ncron = '@daily'").expect("valid").schedule;
        assert_eq!(both.expect("a schedule").pattern(), Some("@daily"));
        for (keys, why) in [
            ("", "says no time"),
            ("on_feedback = false", "says no time"),
            (
                "on_feedback = true\ntimezone = 'UTC'",
                "timezone is about the times of cron",
            ),
            (
                "on_feedback = true\ncatchup = 'none'",
                "catchup is about the times of cron",
            ),
            (
                "on_feedback = true\n[retrain]\nmode = 'never'",
                "retrain.mode = \"auto\"",
            ),
            (
                "on_feedback = true\n[retrain]\nmode = 'always'",
                "retrain.mode = \"auto\"",
            ),
        ] {
            let error = parse(keys).expect_err(keys);
            assert!(error.message.contains(why), "{error}");
        }
        let error = parse("catchup = 'last'").expect_err("no time");
        assert_eq!(error.line, Some(2), "{error}");
    }
}
