//! The rows of a CSV stream: fields, the text they came from, and the line they began on.
//!
//! Why: a refused row must be shown as it stood in the file, with the line an editor shows for it.
//!
//! Invariants: every byte belongs to exactly one row or to a blank line; lines count from 1 and end
//! at LF, CR LF or a lone CR, inside quotes too; a row that is longer than [`MAX_ROW_BYTES`] is
//! skipped to the end of a line, so one unclosed quote cannot eat the file.
//!
//! Must not know: columns, vendors, what makes a row good.

use std::io::{self, Read, SeekFrom};

use csv::{ByteRecord, ErrorKind, Position};

use super::window::{self, BUFFER_BYTES, MAX_ROW_BYTES, TooLong, Window};

/// How a row came out of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// It was read whole: see [`Rows::fields`].
    Whole,
    /// It goes on beyond [`MAX_ROW_BYTES`]: only [`Rows::raw`] is there, its beginning.
    TooLong,
}

/// The rows of a stream, one at a time.
pub(super) struct Rows<R> {
    csv: csv::Reader<Window<R>>,
    fields: ByteRecord,
    lines: Lines,
    /// Where the row begins and ends; the line break belongs to it.
    start: u64,
    end: u64,
    line: u64,
    /// Bytes of the byte order mark.
    mark: u64,
}

impl<R: Read> Rows<R> {
    /// Rows from the beginning of `input`, past a UTF-8 byte order mark; `None` when the mark is that
    /// of UTF-16.
    pub fn begin(mut input: R) -> io::Result<Option<Self>> {
        let mut head = window::head(&mut input, 3)?;
        if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
            return Ok(None);
        }
        let mut mark = 0;
        if head == b"\xef\xbb\xbf" {
            head.clear();
            mark = 3;
        }
        let csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(BUFFER_BYTES)
            .from_reader(Window::new(input, head));
        Ok(Some(Self {
            csv,
            fields: ByteRecord::new(),
            lines: Lines::default(),
            start: 0,
            end: 0,
            line: 0,
            mark,
        }))
    }

    /// Goes to the next row that is not a blank line; `None` at the end.
    pub fn advance(&mut self) -> io::Result<Option<Shape>> {
        let finished = self.csv.get_ref().slice(self.start, self.end);
        self.lines.count(finished);
        loop {
            let from = self.end;
            self.csv.get_mut().begin(from);
            let shape = match self.csv.read_byte_record(&mut self.fields) {
                Ok(true) => Shape::Whole,
                Ok(false) => return Ok(None),
                Err(error) => too_long(error)?,
            };
            let to = match shape {
                Shape::Whole => self.csv.position().byte(),
                Shape::TooLong => self.csv.get_ref().end(),
            };
            let read = self.csv.get_ref().slice(from, to);
            let blank = read.iter().take_while(|b| is_break(**b)).count();
            self.lines.count(&read[..blank]);
            self.start = from + blank as u64;
            self.end = to;
            let bytes = read.len() - blank;
            if shape == Shape::Whole && bytes <= MAX_ROW_BYTES + 1 {
                self.line = self.lines.next_line();
                return Ok(Some(shape));
            }
            if bytes > MAX_ROW_BYTES {
                self.line = self.lines.next_line();
                // The break stays outside, so that `skip_line` finds it and does not skip a line more.
                self.end -= u64::from(read.last().is_some_and(|b| is_break(*b)));
                return Ok(Some(Shape::TooLong));
            }
            // It was blank lines that were many.
            self.end = self.start;
            self.reread(self.start)?;
        }
    }

    /// The fields of a row that was read whole.
    pub fn fields(&self) -> &ByteRecord {
        &self.fields
    }

    /// The row as it stands in the file, without the line break at its end.
    pub fn raw(&self) -> &[u8] {
        let raw = self.csv.get_ref().slice(self.start, self.end);
        let end = raw.iter().rposition(|b| !is_break(*b)).map_or(0, |last| last + 1);
        &raw[..end]
    }

    /// False when no quote can have swallowed a line break or the end of the stream.
    pub fn may_be_torn(&self) -> bool {
        let at_end = self.end >= self.csv.get_ref().end();
        // Without a way out before the end the compiler looks at many bytes at once.
        at_end || self.raw().iter().fold(false, |torn, b| torn | is_break(*b))
    }

    /// The physical line the row begins on; the first line of the file is 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Bytes of the stream up to the end of the row.
    pub fn bytes(&self) -> u64 {
        self.mark + self.end
    }

    /// Ends the row after the first `bytes` of [`Rows::raw`]; the next row begins there.
    pub fn cut(&mut self, bytes: usize) -> io::Result<()> {
        self.end = self.start + bytes as u64;
        self.reread(self.end)
    }

    /// Reads on to the end of the line in which a row that is too long stopped being read.
    /// Returns the first `keep` bytes of what was skipped and the number of bytes it had.
    pub fn skip_line(&mut self, keep: usize) -> io::Result<(Vec<u8>, u64)> {
        let row = self.start;
        let raw = self.raw();
        let kept = raw[..raw.len().min(keep)].to_vec();
        loop {
            let tail = self.csv.get_ref().slice(self.end, u64::MAX);
            if let Some(at) = tail.iter().position(|b| is_break(*b)) {
                self.end += at as u64;
                break;
            }
            self.lines.count(self.csv.get_ref().slice(self.start, u64::MAX));
            self.end = self.csv.get_ref().end();
            self.start = self.end;
            self.csv.get_mut().begin(self.end);
            if !self.csv.get_mut().extend()? {
                break;
            }
        }
        self.reread(self.end)?;
        Ok((kept, self.end - row))
    }

    /// Puts the CSV reader, which may be inside a quote or at an error, to the start of a row.
    fn reread(&mut self, offset: u64) -> io::Result<()> {
        let mut position = Position::new();
        position.set_byte(offset);
        self.csv.seek_raw(SeekFrom::Start(offset), position).map_err(io_error)
    }
}

fn is_break(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

/// [`Shape::TooLong`] if that is what the error says.
fn too_long(error: csv::Error) -> io::Result<Shape> {
    let error = io_error(error);
    if error.get_ref().is_some_and(|inner| inner.is::<TooLong>()) {
        Ok(Shape::TooLong)
    } else {
        Err(error)
    }
}

/// Rows of bytes with any number of fields leave only the stream's own errors.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Counts line breaks. Whether a CR is one of its own shows only at the byte after it.
#[derive(Debug, Default)]
struct Lines {
    breaks: u64,
    after_cr: bool,
}

impl Lines {
    fn count(&mut self, bytes: &[u8]) {
        let number_of = |wanted: u8| bytes.iter().map(|b| u64::from(*b == wanted)).sum::<u64>();
        if !self.after_cr && number_of(b'\r') == 0 {
            self.breaks += number_of(b'\n');
            return;
        }
        for byte in bytes {
            if *byte == b'\n' || self.after_cr {
                self.breaks += 1;
            }
            self.after_cr = *byte == b'\r';
        }
    }

    /// The line of a row that begins after the counted bytes.
    fn next_line(&self) -> u64 {
        1 + self.breaks + u64::from(self.after_cr)
    }
}
