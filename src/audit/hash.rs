//! A SHA-256 hash as a value.
//!
//! Why: hashes are stored as text, compared as bytes and shown to people; a type keeps a hash from
//! being any other text.
//!
//! Invariants: the text is 64 lower-case hexadecimal digits; reading takes either case.
//!
//! Must not know: what was hashed.

use std::fmt;
use std::str::FromStr;

/// 32 bytes of SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

/// A text that is no hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{found}' is not a hash; it must be 64 hexadecimal digits")]
pub struct HashError {
    /// What was read, at most 80 characters of it.
    pub found: String,
}

impl Hash {
    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.pad(std::str::from_utf8(&text).expect("digits are ASCII"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        parse(text).map(Self).ok_or_else(|| HashError {
            found: text.chars().take(80).collect(),
        })
    }
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|v| u8::try_from(v).ok());
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_survives_its_text_in_either_case() {
        let hash = Hash(std::array::from_fn(|i| (i * 9) as u8));
        let text = hash.to_string();
        assert!(text.starts_with("0009121b") && text.len() == 64, "{text}");
        assert_eq!(text.parse(), Ok(hash));
        assert_eq!(text.to_uppercase().parse(), Ok(hash));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "00",
            &"g".repeat(64),
            &"0".repeat(65),
            &"\u{e9}".repeat(32),
            &format!("+{}", "0".repeat(63)),
        ] {
            assert!(text.parse::<Hash>().is_err(), "{text}");
        }
    }
}
