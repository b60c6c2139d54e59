//! A row of the binary protocol, read where it lies.
//!
//! Why: most cells are looked at once, on their way into a column; so a row is only measured, and a cell is made
//! when it is asked for.
//!
//! Invariants: the cells are those that the driver would give ([`super::super::convert`]); a row that ends early
//! is an error, never a panic.
//!
//! Must not know: what the rows mean.

use std::io;

use mysql_common::constants::{ColumnFlags, ColumnType};
use mysql_common::packets::Column;

use super::super::convert;
use super::stream::broken;
use crate::db::value::Cell;

/// How a column's cells are written (MySQL, "Binary Protocol Value").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// So many bytes, little endian, signed.
    Int(usize),
    /// The same, unsigned.
    Unsigned(usize),
    Single,
    Real,
    /// A length, and calendar parts as far as they are not zero.
    Date,
    /// A length, and what no cell holds.
    Time,
    /// A length, and bytes: texts, decimals, BLOBs.
    Bytes,
}

impl Kind {
    fn of(column: &Column) -> Self {
        use ColumnType as T;
        let whole = |size| match column.flags().contains(ColumnFlags::UNSIGNED_FLAG) {
            true => Self::Unsigned(size),
            false => Self::Int(size),
        };
        match column.column_type() {
            T::MYSQL_TYPE_TINY => whole(1),
            T::MYSQL_TYPE_SHORT | T::MYSQL_TYPE_YEAR => whole(2),
            T::MYSQL_TYPE_LONG | T::MYSQL_TYPE_INT24 => whole(4),
            T::MYSQL_TYPE_LONGLONG => whole(8),
            T::MYSQL_TYPE_FLOAT => Self::Single,
            T::MYSQL_TYPE_DOUBLE => Self::Real,
            T::MYSQL_TYPE_DATE | T::MYSQL_TYPE_DATETIME | T::MYSQL_TYPE_TIMESTAMP => Self::Date,
            T::MYSQL_TYPE_TIME => Self::Time,
            _ => Self::Bytes,
        }
    }
}

/// Where a cell lies in its row; a NULL is nowhere.
#[derive(Debug, Clone, Copy)]
struct Place {
    start: u32,
    /// [`NULL`], or bytes without the length before them.
    length: u32,
}

const NULL: u32 = u32::MAX;

/// The columns of a result, and the row that was measured last.
#[derive(Debug)]
pub(super) struct Layout {
    kinds: Vec<Kind>,
    names: Vec<String>,
    places: Vec<Place>,
}

impl Layout {
    pub(super) fn of(columns: &[Column]) -> Self {
        let nowhere = Place { start: 0, length: NULL };
        Self {
            kinds: columns.iter().map(Kind::of).collect(),
            names: columns.iter().map(|column| column.name_str().into_owned()).collect(),
            places: vec![nowhere; columns.len()],
        }
    }

    /// Measures a row: a zero byte, a bit for each NULL, and the cells that are none.
    pub(super) fn row<'r>(&'r mut self, packet: &'r [u8]) -> io::Result<WireCells<'r>> {
        let cut = || broken("a row ends early");
        let mut at = 1 + (self.kinds.len() + 9) / 8;
        if packet.len() < at {
            return Err(cut());
        }
        for (n, (kind, place)) in self.kinds.iter().zip(&mut self.places).enumerate() {
            // The first two bits are reserved.
            if packet[1 + (n + 2) / 8] >> ((n + 2) % 8) & 1 == 1 {
                place.length = NULL;
                continue;
            }
            let length = match kind {
                Kind::Int(size) | Kind::Unsigned(size) => *size,
                Kind::Single => 4,
                Kind::Real => 8,
                Kind::Date | Kind::Time | Kind::Bytes => length(packet, &mut at).ok_or_else(cut)?,
            };
            let end = at
                .checked_add(length)
                .filter(|end| *end <= packet.len())
                .ok_or_else(cut)?;
            *place = Place {
                start: at as u32,
                length: length as u32,
            };
            at = end;
        }
        Ok(WireCells { layout: self, packet })
    }
}

/// A length-encoded number at `at`, which moves behind it.
#[inline(always)]
fn length(packet: &[u8], at: &mut usize) -> Option<usize> {
    let first = *packet.get(*at)?;
    let more = match first {
        0..=250 => 0,
        0xfc => 2,
        0xfd => 3,
        0xfe => 8,
        _ => return None,
    };
    *at += 1;
    if more == 0 {
        return Some(usize::from(first));
    }
    let bytes = packet.get(*at..*at + more)?;
    *at += more;
    usize::try_from(little(bytes)).ok()
}

/// Up to eight bytes, the lowest first.
#[inline(always)]
fn little(bytes: &[u8]) -> u64 {
    let mut eight = [0; 8];
    eight[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(eight)
}

/// A row on the wire.
pub(in crate::db) struct WireCells<'r> {
    layout: &'r Layout,
    packet: &'r [u8],
}

impl<'r> WireCells<'r> {
    #[inline(always)]
    pub(in crate::db) fn cell(&self, index: usize) -> Result<Cell<'r>, String> {
        let (Some(kind), Some(place)) = (self.layout.kinds.get(index), self.layout.places.get(index)) else {
            return Err(format!("no column {index} in this result"));
        };
        if place.length == NULL {
            return Ok(Cell::Null);
        }
        let start = place.start as usize;
        let bytes = &self.packet[start..start + place.length as usize];
        match kind {
            Kind::Bytes => convert::text(bytes),
            Kind::Real => Ok(Cell::Real(f64::from_bits(little(bytes)))),
            Kind::Single => Ok(Cell::Single(f32::from_bits(little(bytes) as u32))),
            Kind::Date => date(bytes),
            Kind::Int(size) => {
                let unused = 64 - 8 * *size as u32;
                Ok(Cell::Int((little(bytes) << unused) as i64 >> unused))
            }
            Kind::Unsigned(_) => convert::unsigned(little(bytes)),
            Kind::Time => convert::time(),
        }
    }

    pub(in crate::db) fn name(&self, index: usize) -> String {
        let name = self.layout.names.get(index);
        name.cloned().unwrap_or_else(|| format!("#{index}"))
    }
}

/// Year, month, day; hour, minute, second; microseconds. What is missing at the end is zero.
#[inline(always)]
fn date(bytes: &[u8]) -> Result<Cell<'static>, String> {
    let mut parts = [0; 11];
    let Some(known) = parts.get_mut(..bytes.len()) else {
        return Err(format!("a date of {} bytes", bytes.len()));
    };
    known.copy_from_slice(bytes);
    let [low, high, month, day, hour, minute, second, micros @ ..] = parts;
    convert::date(
        u16::from_le_bytes([low, high]),
        [month, day, hour, minute, second],
        u32::from_le_bytes(micros),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(types: &[(ColumnType, bool)]) -> Layout {
        let column = |(kind, unsigned): &(ColumnType, bool)| {
            let flags = match unsigned {
                true => ColumnFlags::UNSIGNED_FLAG,
                false => ColumnFlags::empty(),
            };
            Column::new(*kind).with_name(b"c").with_flags(flags)
        };
        Layout::of(&types.iter().map(column).collect::<Vec<_>>())
    }

    #[test]
    fn every_kind_of_cell() {
        use ColumnType as T;
        let mut layout = layout(&[
            (T::MYSQL_TYPE_TINY, false),
            (T::MYSQL_TYPE_TINY, true),
            (T::MYSQL_TYPE_LONGLONG, false),
            (T::MYSQL_TYPE_LONGLONG, true),
            (T::MYSQL_TYPE_FLOAT, false),
            (T::MYSQL_TYPE_DOUBLE, false),
            (T::MYSQL_TYPE_DATETIME, false),
            (T::MYSQL_TYPE_VAR_STRING, false),
            (T::MYSQL_TYPE_BLOB, false),
            (T::MYSQL_TYPE_TIME, false),
        ]);
        // Ten cells: two bytes of NULL bits, of which the ninth cell's is set.
        let mut packet = vec![0, 0, 0b100];
        packet.extend([0xff, 0xff]);
        packet.extend((-2i64).to_le_bytes());
        packet.extend(u64::MAX.to_le_bytes());
        packet.extend(0.1f32.to_le_bytes());
        packet.extend((-0.0f64).to_le_bytes());
        packet.extend([4, 0xe8, 7, 2, 29]);
        packet.extend([2, 0xc3, 0xa9]);
        packet.extend([0]);
        let row = layout.row(&packet).expect("a row");
        let cell = |index| row.cell(index);
        assert_eq!(cell(0), Ok(Cell::Int(-1)));
        assert_eq!(cell(1), Ok(Cell::Int(255)));
        assert_eq!(cell(2), Ok(Cell::Int(-2)));
        assert_eq!(cell(3), Err("18446744073709551615, beyond 64 signed bits".to_owned()));
        assert_eq!(cell(4), Ok(Cell::Single(0.1)));
        assert!(matches!(cell(5), Ok(Cell::Real(zero)) if zero == 0.0 && zero.is_sign_negative()));
        assert_eq!(cell(6), Ok(Cell::Micros(1_709_164_800_000_000)), "29 February 2024");
        assert_eq!(cell(7), Ok(Cell::Text("é")));
        assert_eq!(cell(8), Ok(Cell::Null));
        assert!(cell(9).is_err() && cell(10).is_err());
        assert_eq!((row.name(0), row.name(10)), ("c".to_owned(), "#10".to_owned()));
    }

    #[test]
    fn lengths_of_all_sizes_and_dates_of_all_lengths() {
        let mut layout = layout(&[(ColumnType::MYSQL_TYPE_VAR_STRING, false)]);
        for (size, head) in [
            (250usize, vec![250u8]),
            (251, vec![0xfc, 251, 0]),
            (70_000, vec![0xfd, 0x70, 0x11, 1]),
            (3, vec![0xfe, 3, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            let packet = [vec![0, 0], head, vec![b'x'; size]].concat();
            let row = layout.row(&packet).expect("a row");
            assert_eq!(row.cell(0), Ok(Cell::Text("x".repeat(size).as_str())));
        }
        let at = |bytes: &[u8]| date(bytes);
        let day = 1_709_164_800_000_000;
        assert_eq!(at(&[0xe8, 7, 2, 29]), Ok(Cell::Micros(day)));
        assert_eq!(at(&[0xe8, 7, 2, 29, 1, 2, 3]), Ok(Cell::Micros(day + 3_723_000_000)));
        assert_eq!(
            at(&[0xe8, 7, 2, 29, 1, 2, 3, 4, 0, 0, 0]),
            Ok(Cell::Micros(day + 3_723_000_004))
        );
        assert_eq!(at(&[]), Err("the impossible date 0000-00-00".to_owned()));
        assert!(at(&[0; 12]).is_err());
    }

    #[test]
    fn a_row_that_ends_early_is_an_error_wherever_it_ends() {
        let text = ColumnType::MYSQL_TYPE_VAR_STRING;
        let mut layout = layout(&[(text, false), (ColumnType::MYSQL_TYPE_DOUBLE, false), (text, false)]);
        let mut packet = vec![0, 0, 1, b'a'];
        packet.extend(1.5f64.to_le_bytes());
        packet.extend([0xfc, 3, 0, b'a', b'b', b'c']);
        assert!(layout.row(&packet).is_ok());
        for length in 0..packet.len() {
            assert!(layout.row(&packet[..length]).is_err(), "{length}");
        }
        let endless = [vec![0, 0, 0xfe], vec![0xff; 8]].concat();
        assert!(layout.row(&endless).is_err());
    }
}
