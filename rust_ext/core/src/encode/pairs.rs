//! Which two adjacent symbols merge, with what rank, into what: the merge list as a hash table.
//!
//! One slot is one `u64`: 21 bits left id, 21 bits right id, 21 bits rank. Ranks are positions in the merge
//! list, so a rank names its result and ties between different pairs cannot happen.
//!
//! Most pairs that are asked for do not merge, and the table is larger than the near caches. A Bloom filter of
//! about ten bits a merge, two of them set within one word, answers nearly all of those without touching it.

use crate::{Error, Result};

/// The rank of a pair that does not merge, and the id of a byte or character without a token.
pub const NONE: u32 = u32::MAX;

/// Ids and ranks of mergeable tokens stay below this, so that a slot fits 64 bits.
pub const ID_LIMIT: u32 = 1 << 21;

const FIELD: u64 = (1 << 21) - 1;
const EMPTY: u64 = u64::MAX;
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The merge list: pair → rank, rank → result.
#[derive(Debug, Clone)]
pub struct PairTable {
    slots: Vec<u64>,
    shift: u32,
    filter: Vec<u64>,
    filter_shift: u32,
    results: Vec<u32>,
    in_order: bool,
}

impl PairTable {
    /// Builds the table from `(left, right, result)` in rank order. Of a pair listed twice the first counts.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when an id or the number of merges reaches 2^21.
    pub fn new(merges: &[[u32; 3]]) -> Result<Self> {
        if merges.len() as u64 > FIELD {
            return Err(Error::TooLarge {
                message: format!("{} merges; at most {FIELD} are supported", merges.len()),
            });
        }
        let bits = (merges.len().max(32) * 2).next_power_of_two().trailing_zeros();
        let mut table = Self {
            slots: vec![EMPTY; 1 << bits],
            shift: 64 - bits,
            filter: vec![0; 1 << (bits - 4)],
            filter_shift: 64 - (bits - 4),
            results: merges.iter().map(|merge| merge[2]).collect(),
            in_order: false,
        };
        for (rank, &[left, right, result]) in merges.iter().enumerate() {
            if left.max(right).max(result) >= ID_LIMIT {
                return Err(Error::TooLarge {
                    message: format!(
                        "merge {rank} ({left}, {right} -> {result}) has an id above {}",
                        ID_LIMIT - 1
                    ),
                });
            }
            table.insert(key(left, right), rank as u64);
        }
        let n_ids = merges.iter().flatten().max().map_or(0, |&id| id as usize + 1);
        table.in_order = super::atoms::is_monotone(merges, n_ids);
        Ok(table)
    }

    fn insert(&mut self, key: u64, rank: u64) {
        let mask = self.slots.len() - 1;
        let hash = key.wrapping_mul(SPREAD);
        self.filter[(hash >> self.filter_shift) as usize] |= filter_bits(hash);
        let mut at = (hash >> self.shift) as usize;
        while self.slots[at] != EMPTY {
            if self.slots[at] >> 21 == key {
                return;
            }
            at = (at + 1) & mask;
        }
        self.slots[at] = key << 21 | rank;
    }

    /// The rank of the pair, or [`NONE`].
    #[inline]
    pub fn rank(&self, left: u32, right: u32) -> u32 {
        if left.max(right) >= ID_LIMIT {
            return NONE;
        }
        let key = key(left, right);
        let hash = key.wrapping_mul(SPREAD);
        let bits = filter_bits(hash);
        if self.filter[(hash >> self.filter_shift) as usize] & bits != bits {
            return NONE;
        }
        let mask = self.slots.len() - 1;
        let mut at = (hash >> self.shift) as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot >> 21 == key {
                return (slot & FIELD) as u32;
            }
            if slot == EMPTY {
                return NONE;
            }
            at = (at + 1) & mask;
        }
    }

    /// Whether every merge ranks above all merges that make its parts.
    pub fn is_in_order(&self) -> bool {
        self.in_order
    }

    /// Number of merges.
    pub fn len(&self) -> usize {
        self.results.len()
    }

    /// The token that the merge of this rank makes.
    #[inline]
    pub fn result(&self, rank: u32) -> u32 {
        self.results[rank as usize]
    }
}

/// Two bits of a filter word, taken from bits of the hash that choose neither the word nor much of the slot.
#[inline]
fn filter_bits(hash: u64) -> u64 {
    1 << (hash >> 34 & 63) | 1 << (hash >> 28 & 63)
}

fn key(left: u32, right: u32) -> u64 {
    u64::from(left) << 21 | u64::from(right)
}
