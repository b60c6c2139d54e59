//! Merkle trees as RFC 6962 defines them (section 2.1): roots, inclusion proofs, their check.
//!
//! Why: one root stands for all rows of a transaction, and a proof of a few hashes shows that a row
//! is among them without showing any other.
//!
//! ```text
//! leaf(data)        = SHA-256(0x00 || data)
//! node(left, right) = SHA-256(0x01 || left || right)
//! root()            = SHA-256("")
//! root(l)           = l
//! root(l[0..n])     = node(root(l[0..k]), root(l[k..n])),  k the largest power of two below n
//! ```
//!
//! Invariants: leaves and nodes are hashed in different domains, so no node passes for a leaf; an odd
//! leaf is never doubled, so two lists of leaves of different length have different roots.
//!
//! Must not know: what a leaf is made of.

use sha2::{Digest, Sha256};

use super::Hash;

/// The hash of one leaf's data.
pub fn leaf_hash(data: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(data).finalize().into())
}

/// The hash of two neighbours.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let hasher = Sha256::new().chain_update([1]);
    Hash(hasher.chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The root over no leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

/// The root over `leaves` (leaf hashes, in order).
pub fn root(leaves: &[Hash]) -> Hash {
    let mut tree = Merkle::new();
    for leaf in leaves {
        tree.push(*leaf);
    }
    tree.root()
}

/// Computes a root leaf by leaf; holds one hash per level, so 64 at most.
#[derive(Debug, Clone, Default)]
pub struct Merkle {
    /// The roots of complete subtrees, left to right, each smaller than the one before.
    subtrees: Vec<Hash>,
    leaves: u64,
}

impl Merkle {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a leaf hash on the right.
    pub fn push(&mut self, leaf: Hash) {
        let mut subtree = leaf;
        // Like a carry in binary addition: each set bit is a complete subtree of that size.
        for _ in 0..self.leaves.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                subtree = node_hash(&left, &subtree);
            }
        }
        self.subtrees.push(subtree);
        self.leaves += 1;
    }

    /// How many leaves were added.
    pub fn len(&self) -> u64 {
        self.leaves
    }

    /// True before the first leaf.
    pub fn is_empty(&self) -> bool {
        self.leaves == 0
    }

    /// The root over the leaves so far.
    pub fn root(&self) -> Hash {
        let mut subtrees = self.subtrees.iter().rev();
        let Some(last) = subtrees.next() else {
            return empty_root();
        };
        subtrees.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// The inclusion proof of the leaf at `index` (from 0): its neighbours' hashes from the leaf up to the
/// root. `None` when there is no such leaf.
pub fn prove(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    let (mut part, mut index, mut proof) = (leaves, index, Vec::new());
    while part.len() > 1 {
        let (left, right) = part.split_at(split(part.len()));
        if index < left.len() {
            proof.push(root(right));
            part = left;
        } else {
            proof.push(root(left));
            index -= left.len();
            part = right;
        }
    }
    proof.reverse();
    Some(proof)
}

/// The largest power of two below `n`, for `n` of at least 2.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// True when `proof` shows that `leaf` is the leaf hash at `index` (from 0) among `size` under `root`.
/// A proof that is too short, too long or for another place is false. RFC 9162, section 2.1.3.2.
pub fn check_proof(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for neighbour in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(neighbour, &hash);
            // The last leaf of an incomplete level rises until it has a left neighbour.
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, neighbour);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex(text: &str) -> Vec<u8> {
        let pairs = text.as_bytes().chunks_exact(2);
        pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex"))
            .collect()
    }

    /// The inputs and roots that RFC 6962 implementations test each other with.
    const INPUTS: [&str; 8] = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    #[test]
    fn the_known_roots_come_out() {
        assert_eq!(
            empty_root().to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let mut tree = Merkle::new();
        assert_eq!(tree.root(), empty_root());
        for (input, expected) in INPUTS.iter().zip(ROOTS) {
            tree.push(leaf_hash(&hex(input)));
            assert_eq!(tree.root().to_string(), expected);
        }
        assert_eq!(tree.len(), 8);
    }

    #[test]
    fn leaves_and_nodes_are_hashed_apart() {
        assert_eq!(
            leaf_hash(b"L123456").to_string(),
            "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
        );
        let node: [u8; 32] = Sha256::digest(b"\x01N123N456").into();
        assert_eq!(
            Hash(node).to_string(),
            "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
        );
        let (left, right) = (leaf_hash(b"a"), leaf_hash(b"b"));
        let joined = [left.0, right.0].concat();
        assert_ne!(node_hash(&left, &right), leaf_hash(&joined));
    }

    /// The definition, word for word.
    fn defined_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            many => {
                let k = (0..)
                    .map(|e| 1_usize << e)
                    .take_while(|k| *k < many.len())
                    .last()
                    .expect("at least 1");
                node_hash(&defined_root(&many[..k]), &defined_root(&many[k..]))
            }
        }
    }

    fn leaves(n: usize) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&i.to_le_bytes())).collect()
    }

    #[test]
    fn every_proof_of_every_small_tree_holds_and_for_no_other_place() {
        for n in 0..40_usize {
            let leaves = leaves(n);
            let root = root(&leaves);
            assert_eq!(root, defined_root(&leaves));
            assert_eq!(prove(&leaves, n), None);
            for (i, leaf) in leaves.iter().enumerate() {
                let proof = prove(&leaves, i).expect("the leaf is there");
                for place in 0..=n as u64 {
                    let holds = check_proof(leaf, place, n as u64, &proof, &root);
                    assert_eq!(holds, place == i as u64, "{i} of {n} at {place}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_proof_with_anything_changed_fails(n in 1_usize..300, pick in any::<u64>(), bit in 0_usize..256) {
            let leaves = leaves(n);
            let (index, root) = ((pick % n as u64) as usize, root(&leaves));
            let (leaf, size) = (leaves[index], n as u64);
            let proof = prove(&leaves, index).expect("the leaf is there");
            prop_assert!(check_proof(&leaf, index as u64, size, &proof, &root));
            let flip = |hash: &Hash| { let mut h = *hash; h.0[bit / 8] ^= 1 << (bit % 8); h };
            prop_assert!(!check_proof(&flip(&leaf), index as u64, size, &proof, &root));
            prop_assert!(!check_proof(&leaf, index as u64, size, &proof, &flip(&root)));
            for i in 0..proof.len() {
                let mut changed = proof.clone();
                changed[i] = flip(&changed[i]);
                prop_assert!(!check_proof(&leaf, index as u64, size, &changed, &root));
            }
            let longer = [&proof[..], &[root]].concat();
            prop_assert!(!check_proof(&leaf, index as u64, size, &longer, &root));
            if let Some((_, shorter)) = proof.split_last() {
                prop_assert!(!check_proof(&leaf, index as u64, size, shorter, &root));
            }
        }
    }
}
