//! The list of a segment's leaves, kept beside it: with it a broken root becomes the very row.
//!
//! Why: a Merkle root says that something among thousands of rows was changed, and an operator has to
//! know what. The list is no proof: one that does not hash to the sealed root is not believed.
//!
//! Invariants: a list is compared only after it has given the sealed root; rows that are as they were
//! sealed, where they were sealed, are never named.
//!
//! Must not know: stores, what rows mean.

use std::collections::HashMap;

use super::{Hash, HashError, merkle};

/// A leaf and the workout of its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The leaf hash.
    pub hash: Hash,
    /// The workout; for naming, proved by nothing.
    pub workout_id: String,
}

/// A leaf as it is stored now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLeaf {
    /// The row's number.
    pub history_id: i64,
    /// The hash and the workout of the row as it is now.
    pub leaf: Leaf,
}

/// What became of one row of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowBreak {
    /// The row is there with another content.
    Edited(StoredLeaf),
    /// The row was sealed as leaf `index` (from 0) and is not there.
    Deleted {
        /// Its place.
        index: usize,
        /// Its workout, as the list has it.
        workout_id: String,
    },
    /// The row was never sealed.
    Inserted(StoredLeaf),
    /// The row's content was sealed, as leaf `index` (from 0), and stands in another place.
    Moved {
        /// The row.
        row: StoredLeaf,
        /// Where it belongs.
        index: usize,
    },
}

impl RowBreak {
    /// One word for programs: `edited`, `deleted`, `inserted` or `moved`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Edited(_) => "edited",
            Self::Deleted { .. } => "deleted",
            Self::Inserted(_) => "inserted",
            Self::Moved { .. } => "moved",
        }
    }

    /// The workout.
    pub fn workout_id(&self) -> &str {
        match self {
            Self::Edited(row) | Self::Inserted(row) | Self::Moved { row, .. } => &row.leaf.workout_id,
            Self::Deleted { workout_id, .. } => workout_id,
        }
    }

    /// A sentence.
    pub fn detail(&self) -> String {
        match self {
            Self::Edited(row) => format!("history row {} is not as it was sealed", row.history_id),
            Self::Deleted { index, .. } => format!("the row that was sealed as number {} is gone", index + 1),
            Self::Inserted(row) => format!("history row {} was never sealed in its segment", row.history_id),
            Self::Moved { row, index } => format!(
                "history row {} holds what was sealed as number {}: rows were exchanged",
                row.history_id,
                index + 1
            ),
        }
    }
}

/// The texts of a list, `size` leaves each at most: `[["hash", "workout_id"], ..]`.
pub fn parts(leaves: &[Leaf], size: usize) -> Vec<String> {
    // By hand, into one buffer: a night writes a million of these.
    let text = |part: &[Leaf]| {
        let mut text = String::with_capacity(part.len() * 96 + 2);
        for leaf in part {
            text.push(if text.is_empty() { '[' } else { ',' });
            text.push_str("[\"");
            text.push_str(&leaf.hash.to_string());
            text.push_str("\",");
            text.push_str(&serde_json::to_string(&leaf.workout_id).expect("a text is JSON"));
            text.push(']');
        }
        text.push(']');
        text
    };
    leaves.chunks(size.max(1)).map(text).collect()
}

/// Reads one text of a list.
///
/// # Errors
/// A sentence where it is no such text.
pub fn read_part(text: &str) -> Result<Vec<Leaf>, String> {
    let pairs: Vec<(String, String)> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let leaf = |(hash, workout_id): (String, String)| {
        let hash: Result<Hash, HashError> = hash.parse();
        Ok(Leaf {
            hash: hash.map_err(|e| e.to_string())?,
            workout_id,
        })
    };
    pairs.into_iter().map(leaf).collect()
}

/// True where the list is the one that `root` was computed over.
pub fn is_sealed(list: &[Leaf], root: &Hash) -> bool {
    let hashes: Vec<Hash> = list.iter().map(|leaf| leaf.hash).collect();
    merkle::root(&hashes) == *root
}

/// Names the rows that are not as they were sealed: `sealed` is a list that [`is_sealed`], `stored` the
/// rows that are stored for the segment, by `history_id`.
pub fn breaks(sealed: &[Leaf], stored: &[StoredLeaf]) -> Vec<RowBreak> {
    let mut places: HashMap<Hash, usize> = HashMap::new();
    for (index, leaf) in sealed.iter().enumerate() {
        places.entry(leaf.hash).or_insert(index);
    }
    let present: std::collections::HashSet<Hash> = stored.iter().map(|row| row.leaf.hash).collect();
    let (mut s, mut t, mut found) = (0, 0, Vec::new());
    while s < sealed.len() || t < stored.len() {
        match (sealed.get(s), stored.get(t)) {
            (Some(leaf), Some(row)) if leaf.hash == row.leaf.hash => (s, t) = (s + 1, t + 1),
            (Some(leaf), Some(row)) => {
                let (gone, place) = (!present.contains(&leaf.hash), places.get(&row.leaf.hash));
                match (gone, place) {
                    (true, None) if leaf.workout_id == row.leaf.workout_id => {
                        found.push(RowBreak::Edited(row.clone()));
                        (s, t) = (s + 1, t + 1);
                    }
                    (true, _) => {
                        found.push(deleted(s, leaf));
                        s += 1;
                    }
                    (false, None) => {
                        found.push(RowBreak::Inserted(row.clone()));
                        t += 1;
                    }
                    (false, Some(&index)) => {
                        found.push(moved(row, index));
                        (s, t) = (s + 1, t + 1);
                    }
                }
            }
            (Some(leaf), None) => {
                if !present.contains(&leaf.hash) {
                    found.push(deleted(s, leaf));
                }
                s += 1;
            }
            (None, Some(row)) => {
                found.push(match places.get(&row.leaf.hash) {
                    Some(&index) => moved(row, index),
                    None => RowBreak::Inserted(row.clone()),
                });
                t += 1;
            }
            (None, None) => break,
        }
    }
    found
}

fn deleted(index: usize, leaf: &Leaf) -> RowBreak {
    RowBreak::Deleted {
        index,
        workout_id: leaf.workout_id.clone(),
    }
}

fn moved(row: &StoredLeaf, index: usize) -> RowBreak {
    RowBreak::Moved {
        row: row.clone(),
        index,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(name: &str) -> Leaf {
        Leaf {
            hash: merkle::leaf_hash(name.as_bytes()),
            workout_id: name[..1].to_owned(),
        }
    }

    fn sealed() -> Vec<Leaf> {
        ["a", "b", "c", "d", "e"].map(leaf).to_vec()
    }

    /// Kind and workout of each break, for the rows named.
    fn named(names: &[&str]) -> Vec<(&'static str, String)> {
        let stored: Vec<StoredLeaf> = names
            .iter()
            .enumerate()
            .map(|(i, name)| StoredLeaf {
                history_id: i as i64 + 1,
                leaf: leaf(name),
            })
            .collect();
        let found = breaks(&sealed(), &stored);
        found.iter().map(|b| (b.kind(), b.workout_id().to_owned())).collect()
    }

    fn one(kind: &'static str, workout: &str) -> Vec<(&'static str, String)> {
        vec![(kind, workout.to_owned())]
    }

    #[test]
    fn the_row_and_nothing_else_is_named() {
        assert_eq!(named(&["a", "b", "c", "d", "e"]), []);
        assert_eq!(named(&["a", "b", "c2", "d", "e"]), one("edited", "c"));
        assert_eq!(named(&["a2", "b", "c", "d", "e"]), one("edited", "a"));
        assert_eq!(named(&["a", "b", "d", "e"]), one("deleted", "c"));
        assert_eq!(named(&["a", "b", "c", "d"]), one("deleted", "e"));
        assert_eq!(named(&["a", "x", "b", "c", "d", "e"]), one("inserted", "x"));
        assert_eq!(named(&["a", "b", "c", "d", "e", "x"]), one("inserted", "x"));
        let both = |k1, w1: &str, k2, w2: &str| [one(k1, w1), one(k2, w2)].concat();
        assert_eq!(named(&["a", "c", "b", "d", "e"]), both("moved", "c", "moved", "b"));
        assert_eq!(named(&["a", "d", "c", "b", "e"]), both("moved", "d", "moved", "b"));
        assert_eq!(named(&["b", "c2", "d", "e"]), both("deleted", "a", "edited", "c"));
        assert_eq!(named(&["a", "x", "c", "d", "e"]), both("deleted", "b", "inserted", "x"));
        assert_eq!(named(&["a", "b", "c", "d", "e", "b"]), one("moved", "b"));
        assert_eq!(named(&[]).len(), 5);
    }

    #[test]
    fn a_list_survives_its_texts_and_is_believed_only_under_its_root() {
        let list = sealed();
        let texts = parts(&list, 2);
        assert_eq!(texts.len(), 3);
        let pairs: Vec<(String, &str)> = list[4..].iter().map(|l| (l.hash.to_string(), &*l.workout_id)).collect();
        assert_eq!(texts[2], serde_json::to_string(&pairs).expect("JSON"));
        let read: Vec<Leaf> = texts.iter().flat_map(|t| read_part(t).expect("a list")).collect();
        assert_eq!(read, list);
        let hashes: Vec<Hash> = list.iter().map(|l| l.hash).collect();
        assert!(is_sealed(&read, &merkle::root(&hashes)));
        assert!(!is_sealed(&read[1..], &merkle::root(&hashes)));
        for text in ["", "{}", "[[\"a\"]]", "[[\"a\",\"b\"]]", "[1]"] {
            assert!(read_part(text).is_err(), "{text}");
        }
    }
}
