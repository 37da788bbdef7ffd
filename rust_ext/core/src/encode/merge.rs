//! The merge loop on one pretoken: again and again the pair of lowest rank, the leftmost of equals.
//!
//! Short words scan all ranks for the minimum (they fit one or two cache lines); long ones keep a heap of
//! (rank, position) over a linked list, n log n; very long ones go through the ranks in turn (`in_order`). All make
//! the same choices, because a rank names one pair.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::pairs::{NONE, PairTable};
use crate::in_order::{Steps, join_in_order};
use crate::{Control, Error, Result};

/// Up to this many symbols the linear scan is used.
pub const SHORT: usize = 64;

/// From this many symbols on ranks are taken in turn instead of from a heap, where the merge list allows it.
const LONG: usize = 1 << 15;

/// How many heap steps pass between two looks at the control.
const CHECK_EVERY: u32 = 1 << 14;

/// Merges `ids` in place until no pair has a rank.
///
/// # Errors
/// [`Error::Interrupted`], or [`Error::TooLarge`] for 2^32 symbols.
pub fn merge(table: &PairTable, ids: &mut Vec<u32>, control: &Control) -> Result<()> {
    if ids.len() < 2 {
        return Ok(());
    }
    if ids.len() <= SHORT {
        let mut ranks = [NONE; SHORT];
        for (rank, pair) in ranks.iter_mut().zip(ids.windows(2)) {
            *rank = table.rank(pair[0], pair[1]);
        }
        merge_scanning(table, ids, &mut ranks);
        Ok(())
    } else {
        merge_by_heap(table, ids, control)
    }
}

/// The short-word loop; `ranks[i]` must hold the rank of symbols `i`, `i + 1`.
#[inline]
pub fn merge_scanning(table: &PairTable, ids: &mut Vec<u32>, ranks: &mut [u32; SHORT]) {
    let mut n = ids.len();
    debug_assert!((1..=SHORT).contains(&n));
    loop {
        let mut best = NONE;
        let mut at = 0;
        for (i, &rank) in ranks[..n - 1].iter().enumerate() {
            if rank < best {
                best = rank;
                at = i;
            }
        }
        if best == NONE {
            break;
        }
        let made = table.result(best);
        ids[at] = made;
        ids.copy_within(at + 2..n, at + 1);
        ranks.copy_within(at + 1..n - 1, at);
        n -= 1;
        if at > 0 {
            ranks[at - 1] = table.rank(ids[at - 1], made);
        }
        if at + 1 < n {
            ranks[at] = table.rank(made, ids[at + 1]);
        }
    }
    ids.truncate(n);
}

/// The merge list as steps that are carried out in turn.
struct Ranks<'a>(&'a PairTable);

impl Steps for Ranks<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn find(&mut self, left: u32, right: u32, _from: u32) -> u32 {
        self.0.rank(left, right)
    }

    fn result(&self, step: u32) -> u32 {
        self.0.result(step)
    }
}

fn merge_by_heap(table: &PairTable, ids: &mut Vec<u32>, control: &Control) -> Result<()> {
    if ids.len() >= LONG && table.is_in_order() {
        return join_in_order(&mut Ranks(table), ids, control);
    }
    let n = ids.len();
    let end = u32::try_from(n).map_err(|_| Error::TooLarge {
        message: format!("a pretoken of {n} symbols; at most 2^32 - 1 are supported"),
    })?;
    let mut next: Vec<u32> = (1..=end).collect();
    let mut previous: Vec<u32> = (0..end).map(|i| i.wrapping_sub(1)).collect();
    let mut ranks: Vec<u32> = vec![NONE; n];
    let mut waiting = Vec::with_capacity(n);
    for i in 0..n - 1 {
        if i % (1 << 16) == 0 {
            control.check()?;
        }
        ranks[i] = table.rank(ids[i], ids[i + 1]);
        if ranks[i] != NONE {
            waiting.push(Reverse(u64::from(ranks[i]) << 32 | i as u64));
        }
    }
    let mut heap = BinaryHeap::from(waiting);
    let mut steps = 0u32;
    while let Some(Reverse(entry)) = heap.pop() {
        steps = steps.wrapping_add(1);
        if steps % CHECK_EVERY == 0 {
            control.check()?;
        }
        let (rank, at) = ((entry >> 32) as u32, entry as u32);
        let here = at as usize;
        // A symbol that was swallowed, or whose right neighbour changed, has another rank by now.
        if ranks[here] != rank {
            continue;
        }
        let gone = next[here] as usize;
        let made = table.result(rank);
        ids[here] = made;
        ranks[gone] = NONE;
        ids[gone] = NONE;
        next[here] = next[gone];
        if next[here] < end {
            let right = next[here] as usize;
            previous[right] = at;
            ranks[here] = table.rank(made, ids[right]);
            if ranks[here] != NONE {
                heap.push(Reverse(u64::from(ranks[here]) << 32 | u64::from(at)));
            }
        } else {
            ranks[here] = NONE;
        }
        if at > 0 {
            let before = previous[here];
            let left = before as usize;
            ranks[left] = table.rank(ids[left], made);
            if ranks[left] != NONE {
                heap.push(Reverse(u64::from(ranks[left]) << 32 | u64::from(before)));
            }
        }
    }
    let mut write = 0;
    let mut read = 0;
    while read < n {
        ids[write] = ids[read];
        write += 1;
        read = next[read] as usize;
    }
    ids.truncate(write);
    Ok(())
}
