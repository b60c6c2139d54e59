//! Segments, read: their fields, their rows, the lists of their leaves, and proofs of rows.
//!
//! Why: verification and proofs both need what a segment was sealed over.
//!
//! Invariants: only reads; leaves are in the order in which they were sealed; a proof is only made of
//! rows that are as they were sealed.
//!
//! Must not know: who asks.

use std::collections::BTreeMap;

use crate::audit::Hash;
use crate::audit::archive::file::{File, Filed};
use crate::audit::chain::Segment;
use crate::audit::encoding::HistoryRow;
use crate::audit::leaves::{Leaf, StoredLeaf, read_part};
use crate::audit::proof::Proof;
use crate::db::error::DbError;
use crate::db::statement::Statement;
use crate::db::value::{Params, Row};
use crate::sql;

use super::archived::{Shelf, needed};
use super::replay::row_of;
use super::{Store, StoreError};

static SEGMENTS: Statement = sql!("query/verify_segments");
pub(super) static ROWS: Statement = sql!("query/segment_rows");
static LEAVES: Statement = sql!("query/segment_leaves");
static OF_WORKOUT: Statement = sql!("query/workout_segments");

/// A history row and what proves it.
#[derive(Debug, Clone, PartialEq)]
pub struct ProvedRow {
    /// Its number in the store.
    pub history_id: i64,
    /// The row; a row that others wrote has no segment of its own.
    pub row: HistoryRow,
    /// The proof.
    pub proof: Proof,
}

/// The rows of one workout with their proofs, and the chain to check them against.
#[derive(Debug, Clone, PartialEq)]
pub struct Proved {
    /// The sealed rows, oldest first.
    pub rows: Vec<ProvedRow>,
    /// The segments of the whole chain, in order.
    pub segments: Vec<Segment>,
    /// Rows that were asked for and that no segment seals yet.
    pub unsealed: usize,
}

/// Why a row cannot be proved.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The row is not what its segment seals.
    #[error("history row {history_id} is not what segment {segment_id} seals")]
    Broken {
        /// The row.
        history_id: i64,
        /// The segment.
        segment_id: i64,
    },
}

fn segment_of(row: &Row<'_>) -> Result<Segment, DbError> {
    let hash = |index: usize| {
        let text = row.text(index)?;
        text.parse().map_err(|_| DbError::Decode {
            column: format!("audit_segments column {index}"),
            expected: "SHA-256 in hexadecimal",
            found: text.to_owned(),
        })
    };
    Ok(Segment {
        segment_id: row.int(0)?,
        row_count: row.int(1)?.max(0) as u64,
        merkle_root: hash(2)?,
        prev_head: hash(3)?,
        head: hash(4)?,
        // A version that is no u32 is no version of ours: 0 never was one.
        encoding_version: u32::try_from(row.int(5)?).unwrap_or(0),
    })
}

/// The rows of one segment that were asked for, and all its leaves.
#[derive(Default)]
struct Loaded {
    leaves: Vec<Hash>,
    wanted: BTreeMap<i64, (usize, HistoryRow)>,
}

impl Loaded {
    /// Adds the proof of each row that was asked for.
    fn prove(
        mut self,
        segment_id: i64,
        segment: Option<&Segment>,
        wanted: &[i64],
        rows: &mut Vec<ProvedRow>,
    ) -> Result<(), ProveError> {
        for &history_id in wanted {
            let broken = ProveError::Broken { history_id, segment_id };
            let (Some((index, row)), Some(segment)) = (self.wanted.remove(&history_id), segment) else {
                return Err(broken);
            };
            let proof = Proof::new(row.borrowed().encode(), index, &self.leaves, segment);
            rows.push(ProvedRow {
                history_id,
                row,
                proof: proof.ok_or(broken)?,
            });
        }
        Ok(())
    }
}

/// The numbers of a workout's rows in a file, or that of one of them, by segment.
fn places_in(file: &File, workout_id: &str, history_id: Option<i64>) -> Result<BTreeMap<i64, Vec<i64>>, StoreError> {
    let mut places: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    file.each(|filed: Filed<'_>| -> Result<(), StoreError> {
        let asked = history_id.is_none_or(|id| id == filed.history_id);
        if asked && filed.row.workout_id == workout_id {
            places.entry(filed.sealed_by).or_default().push(filed.history_id);
        }
        Ok(())
    })?;
    Ok(places)
}

/// The leaves of some segments in a file, with the rows that are wanted of each.
fn load_filed(file: &File, wanted: &BTreeMap<i64, Vec<i64>>) -> Result<BTreeMap<i64, Loaded>, StoreError> {
    let (mut all, mut scratch): (BTreeMap<i64, Loaded>, Vec<u8>) = Default::default();
    file.each(|filed: Filed<'_>| -> Result<(), StoreError> {
        if let Some(numbers) = wanted.get(&filed.sealed_by) {
            let loaded = all.entry(filed.sealed_by).or_default();
            if numbers.contains(&filed.history_id) {
                let place = (loaded.leaves.len(), filed.row.into_row());
                loaded.wanted.insert(filed.history_id, place);
            }
            loaded.leaves.push(filed.row.leaf_hash(&mut scratch));
        }
        Ok(())
    })?;
    Ok(all)
}

impl Store {
    /// The chain, in order.
    ///
    /// # Errors
    /// [`StoreError::Db`], with [`DbError::Decode`] where a hash is none.
    pub async fn segments(&self) -> Result<Vec<Segment>, StoreError> {
        let mut segments = Vec::new();
        let each = |row: &Row<'_>| {
            segments.push(segment_of(row)?);
            Ok(())
        };
        self.db.query(&SEGMENTS, &Params::none(), each).await?;
        Ok(segments)
    }

    /// The list of leaves that a segment was sealed over; empty where there is none or it cannot be read.
    pub(super) async fn segment_leaves(&self, segment_id: i64) -> Result<Vec<Leaf>, StoreError> {
        let (mut leaves, mut readable) = (Vec::new(), true);
        let each = |row: &Row<'_>| {
            match read_part(row.text(0)?) {
                Ok(part) => leaves.extend(part),
                // A list that was tampered with names nothing, and breaks nothing either.
                Err(_) => readable = false,
            }
            Ok(())
        };
        let params = Params::none().with("segment_id", segment_id);
        self.db.query(&LEAVES, &params, each).await?;
        Ok(if readable { leaves } else { Vec::new() })
    }

    /// The leaves of the rows that are stored for a segment now.
    pub(super) async fn stored_leaves(&self, segment_id: i64) -> Result<Vec<StoredLeaf>, StoreError> {
        let (mut stored, mut scratch) = (Vec::new(), Vec::new());
        let each = |row: &Row<'_>| {
            let sealed = row_of(row)?;
            stored.push(StoredLeaf {
                history_id: row.int(0)?,
                leaf: Leaf {
                    hash: sealed.leaf_hash(&mut scratch),
                    workout_id: sealed.workout_id.to_owned(),
                },
            });
            Ok(())
        };
        let params = Params::none().with("segment_id", segment_id);
        self.db.query(&ROWS, &params, each).await?;
        Ok(stored)
    }

    /// The history rows of a workout, or the one numbered `history_id`, each with its proof; those that are archived
    /// from their files.
    ///
    /// # Errors
    /// [`ProveError::Broken`] where a row is not what its segment seals: `verify` says what is;
    /// [`StoreError::Archived`] where a file is needed and not at hand.
    pub async fn prove(
        &self,
        workout_id: &str,
        history_id: Option<i64>,
        shelf: Option<&dyn Shelf>,
    ) -> Result<Proved, ProveError> {
        let archives = self.archives().await?;
        let mut places: Vec<(i64, Option<i64>)> = Vec::new();
        let each = |row: &Row<'_>| {
            let id = row.int(0)?;
            if history_id.is_none_or(|wanted| wanted == id) {
                places.push((id, row.opt_int(1)?));
            }
            Ok(())
        };
        let params = Params::none().with("workout_id", workout_id);
        self.db
            .query(&OF_WORKOUT, &params, each)
            .await
            .map_err(StoreError::from)?;
        // A row on its way into a file, or out of it, has its neighbours in the file.
        let is_filed = |place: Option<i64>| place.is_some_and(|id| archives.holding(id).is_some());
        places.retain(|(_, place)| !is_filed(*place));
        let segments = self.segments().await?;
        let mut by_segment: BTreeMap<Option<i64>, Vec<i64>> = BTreeMap::new();
        for (id, place) in &places {
            by_segment.entry(*place).or_default().push(*id);
        }
        let mut rows = Vec::new();
        for (segment_id, wanted) in by_segment {
            let Some(segment_id) = segment_id else { continue };
            let segment = segments.iter().find(|s| s.segment_id == segment_id);
            let loaded = self.load_segment(segment_id, &wanted).await?;
            loaded.prove(segment_id, segment, &wanted, &mut rows)?;
        }
        // The one row that was asked for is in the table, or else in a file.
        if history_id.is_none() || places.is_empty() {
            self.prove_filed(workout_id, history_id, shelf, &segments, &mut rows)
                .await?;
        }
        rows.sort_by_key(|row| row.history_id);
        let unsealed = places.iter().filter(|(_, place)| place.is_none()).count();
        Ok(Proved {
            rows,
            segments,
            unsealed,
        })
    }

    /// The rows of a workout that are in files.
    async fn prove_filed(
        &self,
        workout_id: &str,
        history_id: Option<i64>,
        shelf: Option<&dyn Shelf>,
        segments: &[Segment],
        rows: &mut Vec<ProvedRow>,
    ) -> Result<(), ProveError> {
        for archive in self.archives_of(workout_id).await? {
            let file = needed(shelf, &archive, &format!("history of workout {workout_id}"))?;
            let wanted = places_in(&file, workout_id, history_id)?;
            for (segment_id, loaded) in load_filed(&file, &wanted)? {
                let segment = segments.iter().find(|s| s.segment_id == segment_id);
                loaded.prove(segment_id, segment, &wanted[&segment_id], rows)?;
            }
        }
        Ok(())
    }

    async fn load_segment(&self, segment_id: i64, wanted: &[i64]) -> Result<Loaded, StoreError> {
        let (mut loaded, mut scratch) = (Loaded::default(), Vec::new());
        let each = |row: &Row<'_>| {
            let (id, sealed) = (row.int(0)?, row_of(row)?);
            if wanted.contains(&id) {
                loaded.wanted.insert(id, (loaded.leaves.len(), sealed.into_row()));
            }
            loaded.leaves.push(sealed.leaf_hash(&mut scratch));
            Ok(())
        };
        let params = Params::none().with("segment_id", segment_id);
        self.db.query(&ROWS, &params, each).await?;
        Ok(loaded)
    }
}
