//! An amount of memory, as people write it: `512MB`, `1.5GiB`.
//!
//! Why: a bound that is read as another one is worse than none, so a number always has a unit.
//!
//! Invariants: whole bytes, at least one.
//!
//! Must not know: what is bounded.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

/// An amount of memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Size(u64);

/// A text that is no amount of memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no amount of memory; write a number and B, kB, MB, GB (1000 each), KiB, MiB or GiB (1024 each), such as 512MB or 1.5GiB"
)]
pub struct SizeError(String);

/// In the order in which endings are tried: the longer ones first.
const UNITS: [(&str, u64); 7] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("b", 1),
];

impl Size {
    /// So many bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn count(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Size {
    /// `317 MB`, rounded up: what is said to be enough is enough.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MB", self.0.div_ceil(1_000_000))
    }
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let error = || SizeError(text.to_owned());
        let lower = text.trim().to_ascii_lowercase();
        let unit = UNITS
            .iter()
            .find_map(|(name, bytes)| Some((lower.strip_suffix(name)?, *bytes)));
        let (number, unit) = unit.ok_or_else(error)?;
        let number = number.trim_end();
        let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let number = number.parse::<f64>().ok().filter(|_| plain).ok_or_else(error)?;
        let bytes = number * unit as f64;
        if (1.0..9.0e18).contains(&bytes) {
            return Ok(Self(bytes as u64));
        }
        Err(error())
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_its_unit() {
        for (text, bytes) in [
            ("512MB", 512_000_000),
            ("512 mb", 512_000_000),
            ("1GiB", 1 << 30),
            ("1.5GiB", 3 << 29),
            ("64KiB", 65_536),
            ("7kB", 7_000),
            ("2GB", 2_000_000_000),
            ("1b", 1),
        ] {
            assert_eq!(text.parse(), Ok(Size::bytes(bytes)), "{text}");
        }
        assert_eq!(Size::bytes(316_000_001).to_string(), "317 MB");
    }

    #[test]
    fn what_might_mean_two_things_is_refused() {
        for text in [
            "",
            "512",
            "MB",
            "512M",
            "-1MB",
            "1e3MB",
            "infMB",
            "0MB",
            "0.1B",
            "1.2.3GB",
            "99999999999GiB",
        ] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
