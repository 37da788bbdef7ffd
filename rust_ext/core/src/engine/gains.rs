//! Pairs whose counts rise: after a token was split, and after a merge made a token that was there already.
//!
//! A pair that is followed simply grows. One that is not followed has a count below the floor plus what it has
//! gained since it was last counted; that sum is kept here, and only a pair whose bound could reach the best
//! count is counted exactly, from the occurrences of one of its tokens. Pairs of two initial symbols have no such
//! list and are therefore always followed.

use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use super::Engine;
use super::blocks::Blocks;
use super::cells::Cell;
use super::heap::Claim;
use super::neighbours::Scratch;
use super::table::Entry;
use super::ties::{key, pair};
use crate::Result;

/// What only a run needs whose pairs can rise.
#[derive(Debug, Default)]
pub(super) struct Rising {
    /// Where each token starts, by id; with stale and repeated positions. None are kept for initial symbols.
    pub(super) occurrences: Vec<Vec<u32>>,
    /// Whether pairs of two initial symbols are followed whatever their count.
    follows_symbols: bool,
    /// What pairs that are not followed have gained.
    gained: FxHashMap<u64, u64>,
    /// The same with the largest on top; an entry that differs from `gained` is stale.
    largest: BinaryHeap<(u64, u64)>,
}

impl Rising {
    pub(super) fn new(occurrences: Vec<Vec<u32>>, follows_symbols: bool) -> Self {
        Self {
            occurrences,
            follows_symbols,
            ..Self::default()
        }
    }

    /// A bound for how much any pair that is not followed can have above the floor, and the pair.
    fn top(&mut self) -> Option<(u64, u64)> {
        while let Some(&(gain, key)) = self.largest.peek() {
            if self.gained.get(&key) == Some(&gain) {
                return Some((gain, key));
            }
            self.largest.pop();
        }
        None
    }

    fn add(&mut self, key: u64, gain: u64) {
        let sum = self.gained.entry(key).or_default();
        *sum += gain;
        self.largest.push((*sum, key));
    }

    /// Forgets the gain of a pair that has been counted, or cannot occur any more.
    pub(super) fn forget(&mut self, key: u64) {
        self.gained.remove(&key);
    }

    /// To be called when every pair below the floor is known to be below it.
    pub(super) fn clear(&mut self) {
        self.gained.clear();
        self.largest.clear();
    }

    /// What a pair has gained since it was last known to be below the floor.
    pub(super) fn gain_of(&self, key: u64) -> u64 {
        self.gained.get(&key).copied().unwrap_or(0)
    }
}

/// A pair that has come to stand at a position: (key, position of its left token).
pub(super) type Adjacency = (u64, u32);

impl Engine {
    /// Whether a pair is followed however rare it is.
    #[inline]
    pub(super) fn is_always_followed(&self, left: u32, right: u32) -> bool {
        self.rising.as_ref().is_some_and(|rising| rising.follows_symbols)
            && self.spans[left as usize] == 1
            && self.spans[right as usize] == 1
    }

    /// Whether the pair stands at a position of one of its lists.
    #[inline]
    pub(super) fn stands(cells: &[Cell], spans: &[u32], left: u32, right: u32, position: u32) -> bool {
        let start = position as usize;
        cells[start].symbol == left && cells[start + spans[left as usize] as usize].symbol == right
    }

    /// Enters adjacencies that were not there before.
    pub(super) fn gain(&mut self, adjacencies: &mut [Adjacency]) -> Result<()> {
        adjacencies.sort_unstable();
        for run in adjacencies.chunk_by(|a, b| a.0 == b.0) {
            let key = run[0].0;
            let (left, right) = pair(key);
            let cells = &self.words.cells;
            let count: u64 = run
                .iter()
                .map(|&(_, position)| self.words.weights.total(cells[position as usize].weight))
                .sum();
            if self.table.get(key).is_some() {
                self.raise(key, count, run)?;
            } else if self.is_allowed(left, right) {
                if self.is_always_followed(left, right) {
                    let positions: Vec<u32> = run.iter().map(|&(_, position)| position).collect();
                    self.start_following(key, count, &positions)?;
                } else if let Some(rising) = &mut self.rising {
                    rising.add(key, count);
                }
            }
        }
        Ok(())
    }

    /// Adds to a followed pair. Its list is no longer ascending then.
    fn raise(&mut self, key: u64, count: u64, run: &[Adjacency]) -> Result<()> {
        let (left, right) = pair(key);
        let (cells, spans, blocks) = (&self.words.cells, &self.spans, &mut self.blocks);
        let Some(entry) = self.table.get_mut(key) else {
            return Ok(());
        };
        entry.count += count;
        let grown = entry.len + run.len() as u32;
        if Blocks::same_capacity(entry.len, grown) {
            for (at, &(_, position)) in (entry.start + u64::from(entry.len)..).zip(run) {
                blocks.write(at, position);
            }
            entry.len = grown;
        } else {
            let mut positions: Vec<u32> = blocks.list(entry.start, entry.len).to_vec();
            positions.retain(|&position| Self::stands(cells, spans, left, right, position));
            positions.extend(run.iter().map(|&(_, position)| position));
            positions.sort_unstable();
            positions.dedup();
            blocks.give_back(entry.start, entry.len);
            entry.len = positions.len() as u32;
            entry.start = blocks.take(entry.len)?;
            for (at, position) in (entry.start..).zip(positions) {
                blocks.write(at, position);
            }
        }
        let count = entry.count;
        if count >= self.floor {
            self.heap.push(Claim { count, key }, &self.ties, &self.tokens);
        }
        Ok(())
    }

    /// Follows a pair from now on.
    pub(super) fn start_following(&mut self, key: u64, count: u64, positions: &[u32]) -> Result<()> {
        let len = positions.len() as u32;
        let start = self.blocks.take(len)?;
        for (at, &position) in (start..).zip(positions) {
            self.blocks.write(at, position);
        }
        let entry = Entry {
            count,
            start,
            len,
            groups: 0,
        };
        self.table.insert(key, entry)?;
        if count >= self.floor {
            self.heap.push(Claim { count, key }, &self.ties, &self.tokens);
        }
        Ok(())
    }

    /// Counts every pair that is not followed and could reach `threshold`; true if one is followed now.
    pub(super) fn settle_gains(&mut self, threshold: u64) -> Result<bool> {
        let mut any = false;
        while let Some(rising) = &mut self.rising
            && let Some((gain, key)) = rising.top()
            && self.floor - 1 + gain >= threshold
        {
            rising.forget(key);
            if self.table.get(key).is_some() {
                continue;
            }
            let (left, right) = pair(key);
            let positions = self.positions_of(left, right);
            let cells = &self.words.cells;
            let count: u64 = positions
                .iter()
                .map(|&position| self.words.weights.total(cells[position as usize].weight))
                .sum();
            if count >= self.floor && self.is_allowed(left, right) {
                self.start_following(key, count, &positions)?;
                any = true;
            }
        }
        Ok(any)
    }

    /// Where a pair stands, ascending, found through the rarer of its tokens.
    fn positions_of(&mut self, left: u32, right: u32) -> Vec<u32> {
        let len = |id: u32| match &self.rising {
            Some(rising) if self.has_occurrences(id) => rising.occurrences[id as usize].len(),
            _ => usize::MAX,
        };
        let by_left = len(left) <= len(right);
        let id = if by_left { left } else { right };
        debug_assert!(self.has_occurrences(id), "pairs of initial symbols are followed");
        let occurrences = self.take_occurrences(id);
        let (cells, spans) = (&self.words.cells, &self.spans);
        let back = if by_left { 0 } else { spans[left as usize] };
        let positions = occurrences
            .iter()
            .filter_map(|&position| position.checked_sub(back))
            .filter(|&position| Self::stands(cells, spans, left, right, position))
            .collect();
        if let Some(rising) = &mut self.rising {
            rising.occurrences[id as usize] = occurrences;
        }
        positions
    }

    /// Whether a list of the places of a token is kept.
    #[inline]
    pub(super) fn has_occurrences(&self, id: u32) -> bool {
        self.spans[id as usize] > 1 || self.is_locked.is_some()
    }

    /// Where a token stands, ascending. Its list is empty then, until it is given back.
    pub(super) fn take_occurrences(&mut self, id: u32) -> Vec<u32> {
        let Some(rising) = &mut self.rising else {
            return Vec::new();
        };
        let mut positions = std::mem::take(&mut rising.occurrences[id as usize]);
        let cells = &self.words.cells;
        positions.retain(|&position| cells[position as usize].symbol == id);
        if !positions.is_sorted() {
            positions.sort_unstable();
        }
        positions.dedup();
        positions
    }

    /// After a merge whose result occurred already: what was lost sinks, what was gained rises.
    pub(super) fn follow_known(
        &mut self,
        left: u32,
        right: u32,
        result: u32,
        scratch: &mut Scratch,
    ) -> Result<()> {
        for &id in &scratch.left.seen {
            self.lower::<false>(key(id, left), scratch.left.by_id[id as usize].count, &[]);
        }
        for &id in &scratch.right.seen {
            self.lower::<false>(key(right, id), scratch.right.by_id[id as usize].count, &[]);
        }
        let mut adjacencies = Vec::with_capacity(2 * scratch.replaced.len());
        for occurrence in &scratch.replaced {
            if occurrence.left != super::cells::EDGE {
                let start = occurrence.position - self.spans[occurrence.left as usize];
                adjacencies.push((key(occurrence.left, result), start));
            }
            if occurrence.right != super::cells::EDGE {
                adjacencies.push((key(result, occurrence.right), occurrence.position));
            }
        }
        self.gain(&mut adjacencies)
    }
}
