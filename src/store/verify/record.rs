//! What replay needs of a row, as bytes: small enough to keep a million of them, and to put them on a disk.
//!
//! Why: a history row has four hundred bytes and replay needs twenty of them. Nearly all of what it says
//! (labels, source, model, run) it says in the words of the row before, so those words get a number.
//!
//! ```text
//! record = (length of workout * 4 + kind), workout, word, [place, history_id of a row], [archive of a fact]
//! kind   = 0 a stored state, 1 a history row, 2 a fact: the state after an archive
//! word   = number of known words, or 0, their length, and they themselves
//! place  = 0 where no segment seals the row, else 1, segment_id
//! ```
//!
//! Numbers are LEB128, signed ones zigzag.
//!
//! Invariants: what is written reads back the same; known words have a bound ([`KNOWN_BYTES`]), so a history
//! in which every row says something new takes more room on the disk and not in memory.
//!
//! Must not know: what the words mean to the fold; where records are kept.

use std::collections::HashMap;
use std::sync::Arc;

use crate::audit::replay::{Entry, StateOf};

/// Known words of one kind take at most this many bytes.
const KNOWN_BYTES: usize = 2 << 20;
/// What a known word takes beside its bytes, about.
const KNOWN_OVERHEAD: usize = 64;

/// Words that were said before, numbered from 1.
#[derive(Default)]
pub(super) struct Known {
    numbers: HashMap<Arc<[u8]>, u64>,
    words: Vec<Arc<[u8]>>,
    bytes: usize,
}

impl Known {
    /// Appends the number of `words`, or `words` where there is no room to remember them.
    fn put(&mut self, out: &mut Vec<u8>, words: &[u8]) {
        if let Some(number) = self.numbers.get(words) {
            return put_number(out, *number);
        }
        let cost = words.len() + KNOWN_OVERHEAD;
        if self.bytes + cost <= KNOWN_BYTES {
            let word: Arc<[u8]> = words.into();
            self.words.push(Arc::clone(&word));
            let number = self.words.len() as u64;
            self.numbers.insert(word, number);
            self.bytes += cost;
            return put_number(out, number);
        }
        put_number(out, 0);
        put_number(out, words.len() as u64);
        out.extend_from_slice(words);
    }

    /// The words, by number from 1.
    pub(super) fn words(&self) -> &[Arc<[u8]>] {
        &self.words
    }
}

/// Known words, or the words themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words<'a> {
    Known(usize),
    Said(&'a [u8]),
}

/// A record, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) workout: &'a [u8],
    pub(super) words: Words<'a>,
    pub(super) kind: Kind,
}

/// What a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A stored state.
    State,
    /// A history row: the segment that seals it, and its number.
    Row(Option<i64>, i64),
    /// The state after an archive, which has this place among the archives.
    Fact(usize),
}

/// Appends the record of a history row: its segment or None, and its number.
pub(super) fn put_row(
    out: &mut Vec<u8>,
    known: &mut Known,
    workout: &[u8],
    words: &[u8],
    (place, history_id): (Option<i64>, i64),
) {
    put_number(out, workout.len() as u64 * 4 + 1);
    out.extend_from_slice(workout);
    known.put(out, words);
    put_number(out, u64::from(place.is_some()));
    if let Some(segment_id) = place {
        put_signed(out, segment_id);
    }
    put_signed(out, history_id);
}

/// Appends the record of a stored state.
pub(super) fn put_state(out: &mut Vec<u8>, known: &mut Known, workout: &[u8], words: &[u8]) {
    put_number(out, workout.len() as u64 * 4);
    out.extend_from_slice(workout);
    known.put(out, words);
}

/// Appends the record of a fact of the archive at a place.
pub(super) fn put_fact(out: &mut Vec<u8>, known: &mut Known, workout: &[u8], words: &[u8], archive: usize) {
    put_number(out, workout.len() as u64 * 4 + 2);
    out.extend_from_slice(workout);
    known.put(out, words);
    put_number(out, archive as u64);
}

/// The next record of `rest`, which is moved on; None where it is none.
pub(super) fn next<'a>(rest: &mut &'a [u8]) -> Option<Record<'a>> {
    let head = number(rest)?;
    let workout = bytes(rest, head / 4)?;
    let words = match number(rest)? {
        0 => {
            let length = number(rest)?;
            Words::Said(bytes(rest, length)?)
        }
        known => Words::Known(usize::try_from(known - 1).ok()?),
    };
    let kind = match head % 4 {
        0 => Kind::State,
        1 => {
            let place = if number(rest)? == 1 { Some(signed(rest)?) } else { None };
            Kind::Row(place, signed(rest)?)
        }
        2 => Kind::Fact(usize::try_from(number(rest)?).ok()?),
        _ => return None,
    };
    Some(Record { workout, words, kind })
}

/// The fields of a history row that the fold looks at, but for its workout; as bytes, in this order: previous,
/// new, source, model, run, metadata.
pub(super) fn put_entry(out: &mut Vec<u8>, testimony: bool, fields: [Option<&[u8]>; 6]) {
    out.push(u8::from(testimony));
    for field in fields {
        put_text(out, field);
    }
}

/// What [`put_entry`] wrote, as an entry of no workout.
pub(super) fn entry(mut words: &[u8]) -> Option<Entry<'_>> {
    let (testimony, rest) = words.split_first()?;
    words = rest;
    let words = &mut words;
    Some(Entry {
        workout_id: "",
        testimony: *testimony == 1,
        previous: text(words)?,
        new: text(words)??,
        source: text(words)??,
        model_id: text(words)?,
        run_id: text(words)?,
        metadata: text(words)?,
    })
}

/// Appends a stored state.
pub(super) fn put_stored(out: &mut Vec<u8>, state: &StateOf<&str>) {
    out.push(u8::from(state.is_override));
    put_signed(out, state.change_count);
    put_text(out, Some(state.label.as_bytes()));
    put_text(out, state.model_id.map(str::as_bytes));
    put_text(out, state.run_id.map(str::as_bytes));
}

/// What [`put_stored`] wrote.
pub(super) fn stored(mut words: &[u8]) -> Option<StateOf<&str>> {
    let (is_override, rest) = words.split_first()?;
    words = rest;
    let words = &mut words;
    Some(StateOf {
        is_override: *is_override == 1,
        change_count: signed(words)?,
        label: text(words)??,
        model_id: text(words)?,
        run_id: text(words)?,
        testimony: false,
    })
}

/// Appends a fact: a state as [`put_stored`] has it, and whether others had the last word; or that there was none.
pub(super) fn put_fact_words(out: &mut Vec<u8>, state: Option<&StateOf<&str>>) {
    match state {
        None => out.push(0),
        Some(state) => {
            out.push(1 + u8::from(state.testimony));
            put_stored(out, state);
        }
    }
}

/// What [`put_fact_words`] wrote.
pub(super) fn fact(words: &[u8]) -> Option<Option<StateOf<&str>>> {
    let (head, rest) = words.split_first()?;
    if *head == 0 {
        return Some(None);
    }
    Some(Some(StateOf {
        testimony: *head == 2,
        ..stored(rest)?
    }))
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, (number << 1 ^ number >> 63) as u64);
}

/// 0 for None, else the length and one, and the bytes.
fn put_text(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        None => out.push(0),
        Some(text) => {
            put_number(out, text.len() as u64 + 1);
            out.extend_from_slice(text);
        }
    }
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn signed(rest: &mut &[u8]) -> Option<i64> {
    let number = number(rest)?;
    Some((number >> 1) as i64 ^ -((number & 1) as i64))
}

fn bytes<'a>(rest: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (bytes, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(bytes)
}

/// The outer None is no text at all, the inner one a null.
fn text<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a str>> {
    match number(rest)? {
        0 => Some(None),
        length => Some(Some(std::str::from_utf8(bytes(rest, length - 1)?).ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All records of a text.
    fn records(mut rest: &[u8]) -> Vec<Record<'_>> {
        let mut records = Vec::new();
        while !rest.is_empty() {
            records.push(next(&mut rest).expect("a record"));
        }
        records
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(
            rows in prop::collection::vec((".{0,20}", any::<Option<i64>>(), any::<i64>(), ".{0,3}", any::<Option<String>>()), 1..40),
            counts in prop::collection::vec(any::<i64>(), 1..40),
        ) {
            let (mut out, mut rows_known, mut states_known) = (Vec::new(), Known::default(), Known::default());
            let mut scratch = Vec::new();
            for (workout, place, id, label, run) in &rows {
                scratch.clear();
                let run = run.as_deref().map(str::as_bytes);
                let fields = [None, Some(label.as_bytes()), Some(b"s".as_slice()), run, run, None];
                put_entry(&mut scratch, place.is_none(), fields);
                put_row(&mut out, &mut rows_known, workout.as_bytes(), &scratch, (*place, *id));
            }
            for count in &counts {
                scratch.clear();
                let state = StateOf {
                    label: "l", is_override: count % 2 == 0, change_count: *count, model_id: None, run_id: Some("r"),
                    testimony: false,
                };
                put_stored(&mut scratch, &state);
                prop_assert_eq!(stored(&scratch), Some(state));
                put_state(&mut out, &mut states_known, b"w", &scratch);
            }
            let read = records(&out);
            prop_assert_eq!(read.len(), rows.len() + counts.len());
            for (record, (workout, place, id, label, run)) in read.iter().zip(&rows) {
                prop_assert_eq!(record.workout, workout.as_bytes());
                prop_assert_eq!(record.kind, Kind::Row(*place, *id));
                let Words::Known(number) = record.words else { panic!("there is room for all") };
                let entry = entry(&rows_known.words()[number]).expect("an entry");
                prop_assert_eq!((entry.new, entry.run_id, entry.testimony), (label.as_str(), run.as_deref(), place.is_none()));
            }
        }
    }

    #[test]
    fn facts_read_back_the_same() {
        let state = StateOf {
            label: "l",
            is_override: true,
            change_count: 3,
            model_id: None,
            run_id: Some("r"),
            testimony: true,
        };
        let (mut out, mut known) = (Vec::new(), Known::default());
        let facts = [
            None,
            Some(state.clone()),
            Some(StateOf {
                testimony: false,
                ..state
            }),
        ];
        for (at, state) in facts.iter().enumerate() {
            let mut words = Vec::new();
            put_fact_words(&mut words, state.as_ref());
            put_fact(&mut out, &mut known, b"w", &words, at);
        }
        for (at, record) in records(&out).iter().enumerate() {
            assert_eq!((record.workout, record.kind), (b"w".as_slice(), Kind::Fact(at)));
            let Words::Known(number) = record.words else {
                panic!("there is room for all")
            };
            assert_eq!(fact(&known.words()[number]), Some(facts[at].clone()));
        }
    }

    #[test]
    fn words_without_end_are_said_in_full() {
        let (mut out, mut known) = (Vec::new(), Known::default());
        let words = |n: usize| format!("{n:0>1000}").into_bytes();
        for n in 0..4_000 {
            put_state(&mut out, &mut known, b"w", &words(n));
        }
        assert!(known.bytes <= KNOWN_BYTES && known.words().len() > 1_000);
        for (n, record) in records(&out).iter().enumerate() {
            match record.words {
                Words::Known(number) => assert_eq!(*known.words()[number], *words(n)),
                Words::Said(said) => assert_eq!(said, words(n)),
            }
        }
        assert!(next(&mut [9u8, 1].as_slice()).is_none(), "half a record is none");
    }
}
