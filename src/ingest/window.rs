//! The bytes of a stream from the start of the current row on, so that a row can be shown as it
//! stood in the file and read again in another way.
//!
//! Why: the `csv` crate hands out fields, not the text they came from, and reads a quote that is
//! never closed to the end of the file.
//!
//! Invariants: memory is bounded by the longest allowed row plus two buffers, whatever the file holds;
//! offsets count from the first byte after a UTF-8 byte order mark.
//!
//! Must not know: what a row, a field or a quote is.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

/// The longest row that is read, in bytes.
pub(super) const MAX_ROW_BYTES: usize = 1 << 20;
/// How much is read at a time, and how much may lie behind the row before it is dropped.
pub(super) const BUFFER_BYTES: usize = 1 << 16;

/// The stream went on for more than [`MAX_ROW_BYTES`] since [`Window::begin`].
#[derive(Debug, thiserror::Error)]
#[error("a row is longer than {MAX_ROW_BYTES} bytes")]
pub(super) struct TooLong;

/// A reader that remembers what it handed out since the last [`Window::begin`].
pub(super) struct Window<R> {
    inner: R,
    kept: Vec<u8>,
    /// The offset of `kept[0]`.
    from: u64,
    /// How many of `kept` have been handed out.
    handed: usize,
    /// The offset at which the current row begins.
    row: u64,
}

impl<R: Read> Window<R> {
    /// A window at the start of `inner`, of which the first bytes are `head`, already read.
    pub fn new(inner: R, head: Vec<u8>) -> Self {
        Self {
            inner,
            kept: head,
            from: 0,
            handed: 0,
            row: 0,
        }
    }

    /// Says that a row begins at `offset`; what lies before it may be dropped.
    pub fn begin(&mut self, offset: u64) {
        self.row = offset;
        let behind = self.index(offset);
        if behind > BUFFER_BYTES || behind == self.kept.len() {
            self.kept.drain(..behind);
            self.from = offset;
            self.handed = self.handed.saturating_sub(behind);
        }
    }

    /// The kept bytes from offset `from` up to but not including `to`.
    pub fn slice(&self, from: u64, to: u64) -> &[u8] {
        &self.kept[self.index(from)..self.index(to)]
    }

    /// The offset after the last byte that was read from the stream.
    pub fn end(&self) -> u64 {
        self.from + self.kept.len() as u64
    }

    /// Reads on; false at the end of the stream.
    pub fn extend(&mut self) -> io::Result<bool> {
        let mut buffer = vec![0; BUFFER_BYTES];
        let n = self.pull(&mut buffer)?;
        Ok(n > 0)
    }

    fn pull(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = read_some(&mut self.inner, out)?;
        self.kept.extend_from_slice(&out[..n]);
        Ok(n)
    }

    /// The place of `offset` in `kept`; an offset outside is a bug and is held to the edges.
    fn index(&self, offset: u64) -> usize {
        let index = usize::try_from(offset.saturating_sub(self.from)).unwrap_or(usize::MAX);
        index.min(self.kept.len())
    }
}

impl<R: Read> Read for Window<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let again = &self.kept[self.handed..];
        if !again.is_empty() {
            let n = again.len().min(out.len());
            out[..n].copy_from_slice(&again[..n]);
            self.handed += n;
            return Ok(n);
        }
        if self.end() - self.row > MAX_ROW_BYTES as u64 {
            return Err(io::Error::other(TooLong));
        }
        let n = self.pull(out)?;
        self.handed = self.kept.len();
        Ok(n)
    }
}

impl<R: Read> Seek for Window<R> {
    /// Goes to an absolute offset among the kept bytes; anything else is refused.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            SeekFrom::Start(offset) if (self.from..=self.end()).contains(&offset) => {
                self.handed = self.index(offset);
                Ok(offset)
            }
            _ => Err(io::Error::new(
                ErrorKind::Unsupported,
                "only kept bytes can be read again",
            )),
        }
    }
}

/// One read that an interrupting signal does not end.
fn read_some(input: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(out) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The first bytes of `input`: as many as are asked for, fewer only at its end.
pub(super) fn head(input: &mut impl Read, bytes: usize) -> io::Result<Vec<u8>> {
    let mut head = vec![0; bytes];
    let mut filled = 0;
    while filled < bytes {
        match read_some(input, &mut head[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    head.truncate(filled);
    Ok(head)
}
