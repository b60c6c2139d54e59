//! Floats in bulk, bit for bit: as the coordinates of points.
//!
//! Why: a server has no other function that takes a float from its eight bytes.
//!
//! Invariants: the layout is that of the OGC's "well-known binary" (Simple Feature Access, part 1, section 8.2),
//! little endian; every finite float is stored with its own bits.
//!
//! Must not know: what the numbers mean.

/// Bytes of a point: byte order, type, x, y.
pub(super) const TAKEN: usize = 21;

/// Little endian, a point.
const HEAD: [u8; 5] = [1, 1, 0, 0, 0];

/// The points (x, 0) as a hexadecimal literal's digits, one after the other.
pub(super) fn digits(numbers: &[f64]) -> String {
    let mut text = String::with_capacity(numbers.len() * TAKEN * 2);
    for number in numbers {
        HEAD.iter().for_each(|byte| push(&mut text, *byte));
        number.to_le_bytes().iter().for_each(|byte| push(&mut text, *byte));
        text.push_str("0000000000000000");
    }
    text
}

fn push(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.push(char::from(DIGITS[usize::from(byte >> 4)]));
    text.push(char::from(DIGITS[usize::from(byte & 15)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_has_the_bytes_that_a_server_prints() {
        // SELECT HEX(ST_AsWKB(POINT(1.5, 0))) on MariaDB 10.11.
        assert_eq!(digits(&[1.5]), "0101000000000000000000f83f0000000000000000");
        assert_eq!(digits(&[1.5]).len(), 2 * TAKEN);
    }
}
