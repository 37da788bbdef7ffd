//! What one merge learns about the tokens beside it: sums in arrays indexed by id, so that a pair is looked up once
//! per distinct neighbour and not once per occurrence.

use super::groups::{GroupSums, Share};

/// No block: the pair with this neighbour is not followed.
pub(super) const NOWHERE: u64 = u64::MAX;

/// One replacement, as the neighbours stand after all of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Replaced {
    pub(super) position: u32,
    pub(super) left: u32,
    pub(super) right: u32,
}

/// What one merge has seen of one neighbouring id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neighbour {
    pub(super) count: u64,
    /// Where the next position of the new pair goes.
    pub(super) cursor: u64,
    pub(super) len: u32,
    /// Its row in the group sums.
    pub(super) row: u32,
}

const UNSEEN: Neighbour = Neighbour {
    count: 0,
    cursor: NOWHERE,
    len: 0,
    row: 0,
};

/// The neighbours on one side of the merges of one pair, by id.
#[derive(Debug, Default)]
pub(super) struct Side {
    pub(super) by_id: Vec<Neighbour>,
    /// The ids seen, in the order of their first sight.
    pub(super) seen: Vec<u32>,
    pub(super) sums: GroupSums,
}

impl Side {
    #[inline]
    pub(super) fn add<const TRACK: bool>(&mut self, id: u32, count: u64) -> u32 {
        let neighbour = &mut self.by_id[id as usize];
        if neighbour.len == 0 {
            if TRACK {
                neighbour.row = self.seen.len() as u32;
                self.sums.push_row();
            }
            self.seen.push(id);
        }
        neighbour.count += count;
        neighbour.len += 1;
        neighbour.row
    }

    pub(super) fn reset(&mut self, n_ids: usize, n_groups: usize) {
        for &id in &self.seen {
            self.by_id[id as usize] = UNSEEN;
        }
        self.seen.clear();
        self.by_id.resize(n_ids, UNSEEN);
        self.sums.reset(n_groups);
    }
}

/// Replacements that stand directly before another one: the pair (result, result).
#[derive(Debug, Default)]
pub(super) struct Chain {
    pub(super) count: u64,
    pub(super) len: u32,
    pub(super) sums: GroupSums,
}

/// Memory that merges use again and again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) positions: Vec<u32>,
    pub(super) replaced: Vec<Replaced>,
    pub(super) left: Side,
    pub(super) right: Side,
    pub(super) chain: Chain,
    pub(super) shares: Vec<Share>,
}
