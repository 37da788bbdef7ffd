//! Merges and deletions in the order of training: from the current place in the list the earliest later operation
//! that applies is applied everywhere, and so on.
//!
//! A symbol is known by the place of its first unit, and its width in units follows from its id, so that neither
//! merging nor falling apart moves anything. Every place waits in a heap under the next operation that concerns it:
//! its own deletion, or the merge with its right neighbour. What changes looks for its next operation behind the
//! current one; what does not change keeps its own, which is later already. n log n in the number of changes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::pairs::{ID_LIMIT, NONE, PairTable};
use crate::{Control, Error, Result};

/// One step of a training.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// `(left, right, result)`.
    Merge([u32; 3]),
    /// The token, and the parts that its places hold from here on.
    Delete(u32, Vec<u32>),
}

/// How many heap steps pass between two looks at the control.
const CHECK_EVERY: u32 = 1 << 14;

/// The operations, ready to be found by what they concern.
#[derive(Debug)]
pub struct Replay {
    operations: Vec<Operation>,
    /// Pair → a row of `merges_of`.
    pairs: PairTable,
    /// Operations of each pair, ascending.
    merges_of: Vec<Vec<u32>>,
    /// Deletions of each id, ascending.
    deletions_of: Vec<Vec<u32>>,
    /// Width of each id in units.
    widths: Vec<u32>,
}

impl Replay {
    /// Builds the tables.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] when a token's parts have not always the same number of units, [`Error::TooLarge`].
    pub fn new(operations: Vec<Operation>) -> Result<Self> {
        let n_ids = operations.iter().map(|operation| match operation {
            Operation::Merge(row) => row.iter().copied().max().unwrap_or(0),
            Operation::Delete(token, parts) => parts.iter().copied().fold(*token, u32::max),
        });
        let n_ids = n_ids.max().map_or(0, |id| id as usize + 1);
        if n_ids > ID_LIMIT as usize || u32::try_from(operations.len()).is_err() {
            return Err(Error::TooLarge {
                message: format!("operations with ids up to {n_ids}; at most {ID_LIMIT} are supported"),
            });
        }
        let mut widths = vec![1u32; n_ids];
        let mut made = vec![false; n_ids];
        let mut pairs = Vec::new();
        let mut rows = rustc_hash::FxHashMap::default();
        let mut merges_of: Vec<Vec<u32>> = Vec::new();
        let mut deletions_of = vec![Vec::new(); n_ids];
        for (index, operation) in operations.iter().enumerate() {
            let (target, parts) = match operation {
                Operation::Merge([left, right, result]) => (*result as usize, vec![*left, *right]),
                Operation::Delete(token, parts) => (*token as usize, parts.clone()),
            };
            let width = parts.iter().map(|&part| widths[part as usize]).sum();
            let is_merge = matches!(operation, Operation::Merge(_));
            if made[target] && widths[target] != width || !made[target] && !is_merge {
                return Err(Error::Vocabulary {
                    message: format!(
                        "operation {index}: id {target} has {} units, its parts have {width}",
                        widths[target]
                    ),
                });
            }
            widths[target] = width;
            made[target] = true;
            match operation {
                Operation::Merge(row) => {
                    let place = *rows.entry((row[0], row[1])).or_insert_with(|| {
                        pairs.push(*row);
                        merges_of.push(Vec::new());
                        merges_of.len() - 1
                    });
                    merges_of[place].push(index as u32);
                }
                Operation::Delete(..) => deletions_of[target].push(index as u32),
            }
        }
        Ok(Self {
            pairs: PairTable::new(&pairs)?,
            operations,
            merges_of,
            deletions_of,
            widths,
        })
    }

    #[inline]
    fn width(&self, id: u32) -> usize {
        self.widths.get(id as usize).map_or(1, |&width| width as usize)
    }

    /// The first operation from `from` on that concerns the symbol `id` with `right` behind it.
    fn next(&self, id: u32, right: Option<u32>, from: u32) -> u32 {
        let mut first = self
            .deletions_of
            .get(id as usize)
            .map_or(NONE, |list| at_least(list, from));
        if let Some(right) = right {
            let row = self.pairs.rank(id, right);
            if row != NONE {
                first = first.min(at_least(&self.merges_of[row as usize], from));
            }
        }
        first
    }

    /// Replays all operations on the units in `ids`.
    ///
    /// # Errors
    /// [`Error::Interrupted`], or [`Error::TooLarge`] for 2^32 units.
    pub fn apply(&self, ids: &mut Vec<u32>, control: &Control) -> Result<()> {
        let n = ids.len();
        if n < 2 {
            return Ok(());
        }
        if u32::try_from(n).is_err() {
            return Err(Error::TooLarge {
                message: format!("a pretoken of {n} symbols; at most 2^32 - 1 are supported"),
            });
        }
        let mut line = Line {
            replay: self,
            ids,
            before: (0..n as u32).map(|at| at.wrapping_sub(1)).collect(),
            waits_for: vec![NONE; n],
            heap: BinaryHeap::with_capacity(n),
        };
        for at in 0..n {
            if at % (1 << 16) == 0 {
                control.check()?;
            }
            line.look(at, 0);
        }
        let mut steps = 0u32;
        while let Some(Reverse(entry)) = line.heap.pop() {
            steps = steps.wrapping_add(1);
            if steps % CHECK_EVERY == 0 {
                control.check()?;
            }
            line.take((entry >> 32) as u32, entry as u32 as usize);
        }
        let (mut read, mut write) = (0, 0);
        while read < n {
            let id = ids[read];
            ids[write] = id;
            write += 1;
            read += self.width(id);
        }
        ids.truncate(write);
        Ok(())
    }
}

/// The units of one pretoken while operations are applied.
struct Line<'a> {
    replay: &'a Replay,
    /// By unit; only those where a symbol starts count.
    ids: &'a mut Vec<u32>,
    /// Where the symbol before starts.
    before: Vec<u32>,
    /// The operation that a symbol waits for; an entry of the heap with another one is out of date.
    waits_for: Vec<u32>,
    heap: BinaryHeap<Reverse<u64>>,
}

impl Line<'_> {
    /// Lets the symbol at `at` wait for its next operation.
    fn look(&mut self, at: usize, from: u32) {
        let id = self.ids[at];
        let right = self.ids.get(at + self.replay.width(id)).copied();
        let next = self.replay.next(id, right, from);
        self.waits_for[at] = next;
        if next != NONE {
            self.heap.push(Reverse(u64::from(next) << 32 | at as u64));
        }
    }

    fn take(&mut self, index: u32, at: usize) {
        if self.waits_for[at] != index {
            return;
        }
        let replay = self.replay;
        let end = at + replay.width(self.ids[at]);
        let mut last = at;
        match &replay.operations[index as usize] {
            Operation::Merge([_, _, result]) => {
                self.waits_for[end] = NONE;
                self.ids[at] = *result;
                self.look(at, index + 1);
            }
            Operation::Delete(_, parts) => {
                let mut place = at;
                for &part in parts {
                    self.ids[place] = part;
                    if place > at {
                        self.before[place] = last as u32;
                    }
                    last = place;
                    place += replay.width(part);
                }
                let mut place = at;
                for &part in parts {
                    self.look(place, index + 1);
                    place += replay.width(part);
                }
            }
        }
        let behind = last + replay.width(self.ids[last]);
        if behind < self.ids.len() {
            self.before[behind] = last as u32;
        }
        if at > 0 {
            self.look(self.before[at] as usize, index + 1);
        }
    }
}

/// The first entry of an ascending list that is at least `from`.
#[inline]
fn at_least(list: &[u32], from: u32) -> u32 {
    match list {
        [] => NONE,
        [only] => {
            if *only >= from {
                *only
            } else {
                NONE
            }
        }
        _ => list
            .get(list.partition_point(|&index| index < from))
            .copied()
            .unwrap_or(NONE),
    }
}
