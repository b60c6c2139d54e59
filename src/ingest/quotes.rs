//! Rows that a stray quote has glued together, and where to cut them apart again.
//!
//! Why: a quote that opens and is never closed makes a CSV reader take all following rows for one
//! cell. They are good rows; only the one with the quote is not.
//!
//! Invariants: a well-formed row is never cut, whatever its cells say, so a note that quotes a whole
//! row of another file stays a note (unless the row is too long for its end to be seen).
//!
//! Must not know: what makes a row good; the caller says.

use csv::ByteRecord;

/// How the quotes of a row stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    /// Each opens at the start of a cell and closes at its end.
    Sound,
    /// One closes in the middle of a cell.
    Stray,
    /// One never closes.
    Open,
}

/// Looks at the quotes of one row, by the rules that the `csv` crate reads with.
pub(super) fn scan(raw: &[u8]) -> Quotes {
    enum At {
        Start,
        Plain,
        Quoted,
        Closing,
    }
    let (mut at, mut found) = (At::Start, Quotes::Sound);
    for byte in raw {
        at = match (at, byte) {
            (At::Start, b'"') | (At::Closing, b'"') => At::Quoted,
            (At::Quoted, b'"') => At::Closing,
            (At::Quoted, _) => At::Quoted,
            (_, b',' | b'\n' | b'\r') => At::Start,
            (At::Closing, _) => {
                found = Quotes::Stray;
                At::Plain
            }
            (At::Start | At::Plain, _) => At::Plain,
        };
    }
    if matches!(at, At::Quoted) { Quotes::Open } else { found }
}

/// The byte at which the first line after the first begins that is a good row on its own.
pub(super) fn cut(raw: &[u8], columns: usize, good: impl Fn(&ByteRecord) -> bool) -> Option<usize> {
    let mut at = 0;
    let mut first = true;
    for line in raw.split_inclusive(|b| *b == b'\n' || *b == b'\r') {
        if !first && is_row(line, columns, &good) {
            return Some(at);
        }
        first = false;
        at += line.len();
    }
    None
}

fn is_row(line: &[u8], columns: usize, good: impl Fn(&ByteRecord) -> bool) -> bool {
    // Counting first: making a CSV reader is dear beside a line that cannot be a row.
    let commas = line.iter().filter(|b| **b == b',').count();
    if commas + 1 < columns || scan(line) == Quotes::Open {
        return false;
    }
    let mut csv = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(line);
    let mut fields = ByteRecord::new();
    matches!(csv.read_byte_record(&mut fields), Ok(true)) && fields.len() == columns && good(&fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_told_apart() {
        for sound in [
            &b"a,b"[..],
            b"\"a\",\"b,\n\"\"c\"\"\"",
            b"a,5\" tall",
            b"",
            b"\"\"",
            b"a,\"\",b",
        ] {
            assert_eq!(scan(sound), Quotes::Sound, "{sound:?}");
        }
        for stray in [&b"\"a\"b,c"[..], b"\"a\nb,\"c\",d"] {
            assert_eq!(scan(stray), Quotes::Stray, "{stray:?}");
        }
        for open in [&b"a,\"b"[..], b"a,\"b\"\"", b"\"", b"a,\"b\nc,d"] {
            assert_eq!(scan(open), Quotes::Open, "{open:?}");
        }
    }

    #[test]
    fn the_cut_is_before_the_first_good_line() {
        let raw = b"1,\"x\nnot,good\n2,y\n3,z";
        let starts_with_two = |fields: &ByteRecord| &fields[0] == b"2";
        assert_eq!(cut(raw, 2, starts_with_two), Some(14));
        assert_eq!(cut(raw, 3, starts_with_two), None);
        assert_eq!(cut(b"2,y", 2, starts_with_two), None, "the first line is never cut off");
    }
}
