//! Records by workout, in bounded memory: partitions by a hash of the workout, on the disk where they are full.
//!
//! Why: replay needs all rows of a workout together, and they stand far apart in the history. A partition holds
//! whole workouts, so partitions are replayed one after the other and forgotten.
//!
//! Invariants: buffers take at most [`Spill::budget`] bytes where there is a folder, whatever is pushed; records
//! of a partition come back in the order in which they were pushed; the file has no name, so nothing is left
//! behind, however the process ends.
//!
//! Must not know: what records are.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Records of a partition that replay holds in memory at once, about.
const RECORDS: u64 = 32_768;
/// The fewest and the most partitions; both powers of two.
const FEWEST: u64 = 16;
const MOST: u64 = 4_096;
/// The smallest buffer of a partition.
const SMALLEST: usize = 64;

/// Where records go that do not fit into memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spill {
    /// A folder for a file without a name; None: everything stays in memory.
    pub folder: Option<PathBuf>,
    /// Bytes of memory that the buffers may take before they are written to the file.
    pub budget: usize,
}

impl Spill {
    /// 32 MiB.
    pub const BUDGET: usize = 32 << 20;

    /// Into an unnamed file in `folder`, above the usual budget.
    pub fn into_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: Some(folder.into()),
            budget: Self::BUDGET,
        }
    }

    /// Never: memory grows with what is verified.
    pub fn never() -> Self {
        Self {
            folder: None,
            budget: Self::BUDGET,
        }
    }
}

/// A part of a partition in the file.
#[derive(Debug, Clone, Copy)]
struct Block {
    offset: u64,
    length: usize,
}

#[derive(Debug, Default)]
struct Partition {
    buffer: Vec<u8>,
    blocks: Vec<Block>,
}

/// Records, by partition.
#[derive(Debug)]
pub(super) struct Partitions {
    spill: Spill,
    partitions: Vec<Mutex<Partition>>,
    /// A buffer of this size is written to the file.
    full: usize,
    file: Option<Mutex<File>>,
    written: u64,
}

impl Partitions {
    /// For about so many records; that there are more or fewer makes partitions larger or smaller, no more.
    pub(super) fn new(spill: Spill, records: u64) -> Self {
        let many = (records / RECORDS).clamp(FEWEST, MOST).next_power_of_two();
        Self {
            full: (spill.budget / many as usize).max(SMALLEST),
            spill,
            partitions: (0..many).map(|_| Mutex::default()).collect(),
            file: None,
            written: 0,
        }
    }

    /// How many partitions there are.
    pub(super) fn len(&self) -> usize {
        self.partitions.len()
    }

    /// Adds the record of a workout.
    ///
    /// # Errors
    /// Where the file cannot be made or written.
    pub(super) fn push(&mut self, workout: &[u8], record: &[u8]) -> io::Result<()> {
        let index = hash(workout) as usize & (self.partitions.len() - 1);
        let partition = self.partitions[index].get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = &self.spill.folder
            && partition.buffer.len() + record.len() > self.full
            && !partition.buffer.is_empty()
        {
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(Mutex::new(tempfile::tempfile_in(folder)?)),
            };
            let file = file.get_mut().unwrap_or_else(PoisonError::into_inner);
            file.write_all(&partition.buffer)?;
            partition.blocks.push(Block {
                offset: self.written,
                length: partition.buffer.len(),
            });
            self.written += partition.buffer.len() as u64;
            partition.buffer.clear();
        }
        let buffer = &mut partition.buffer;
        if self.spill.folder.is_some() && buffer.capacity() < self.full && buffer.len() + record.len() > self.full / 2 {
            // The last growth is to the size that it will have, not to the next power of two.
            buffer.reserve_exact(self.full - buffer.len());
        }
        buffer.extend_from_slice(record);
        Ok(())
    }

    /// All records of a partition, which is empty after that.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub(super) fn take(&self, index: usize) -> io::Result<Vec<u8>> {
        let partition = {
            let mut partition = self.partitions[index].lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *partition)
        };
        let Some(file) = self.file.as_ref().filter(|_| !partition.blocks.is_empty()) else {
            return Ok(partition.buffer);
        };
        let spilled: usize = partition.blocks.iter().map(|block| block.length).sum();
        let mut records = vec![0; spilled];
        let mut at = 0;
        for block in &partition.blocks {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(block.offset))?;
            file.read_exact(&mut records[at..at + block.length])?;
            at += block.length;
        }
        records.extend_from_slice(&partition.buffer);
        Ok(records)
    }
}

/// FNV-1a, with its high bits folded into the low ones.
fn hash(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^ hash >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(spill: Spill) -> Partitions {
        let mut partitions = Partitions::new(spill, 1_000_000);
        for n in 0..5_000u64 {
            let workout = format!("w{}", n % 700);
            partitions
                .push(workout.as_bytes(), format!("{workout}={n};").as_bytes())
                .expect("pushed");
        }
        partitions
    }

    fn all(partitions: &Partitions) -> Vec<Vec<u8>> {
        (0..partitions.len())
            .map(|i| partitions.take(i).expect("read"))
            .collect()
    }

    #[test]
    fn spilled_or_not_they_come_back_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = pushed(Spill::never());
        assert_eq!(kept.written, 0);
        let expected = all(&kept);
        assert!(
            expected.iter().filter(|p| !p.is_empty()).count() > 10,
            "they are spread"
        );
        for budget in [0, 8_000, 20_000] {
            let folder = Some(folder.path().to_owned());
            let spilled = pushed(Spill { folder, budget });
            assert!(spilled.written > 0, "a budget of {budget} is too small for all");
            let held = spilled
                .partitions
                .iter()
                .map(|p| p.lock().expect("sound").buffer.capacity());
            let most = budget.max(SMALLEST * spilled.len());
            assert!(held.sum::<usize>() <= most, "no more is held than {most}");
            assert_eq!(all(&spilled), expected, "budget {budget}");
        }
        let left = std::fs::read_dir(folder.path()).expect("readable").count();
        assert_eq!(left, 0, "the file has no name");
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_and_not_an_end() {
        let folder = Some(PathBuf::from("/nowhere/at/all"));
        let mut partitions = Partitions::new(Spill { folder, budget: 0 }, 0);
        let pushed = (0..100).try_for_each(|_| partitions.push(b"w", b"0123456789"));
        assert_eq!(pushed.expect_err("no folder").kind(), io::ErrorKind::NotFound);
    }
}
