//! BPE-dropout: merging in which every applicable merge is left out at random, anew in every step.
//!
//! In a step the applicable merges are gone through by rank and place; each is left out with probability p, the first
//! that is not is applied. When all were left out, merging ends. Source: Provilkov et al. 2020.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::pairs::{NONE, PairTable};
use super::draws::Draws;
use crate::{Control, Error, Result};

/// Merges `ids` in place.
///
/// # Errors
/// [`Error::Interrupted`], [`Error::TooLarge`] for 2^32 symbols.
pub fn merge(
    table: &PairTable,
    ids: &mut Vec<u32>,
    p: f64,
    draws: &mut Draws,
    control: &Control,
) -> Result<()> {
    let n = ids.len();
    let end = u32::try_from(n).map_err(|_| Error::TooLarge {
        message: format!("a pretoken of {n} symbols; at most 2^32 - 1 are supported"),
    })?;
    let mut next: Vec<u32> = (1..=end).collect();
    let mut before: Vec<u32> = (0..end).map(|at| at.wrapping_sub(1)).collect();
    let mut ranks: Vec<u32> = ids.windows(2).map(|pair| table.rank(pair[0], pair[1])).collect();
    ranks.push(NONE);
    let waiting = ranks.iter().enumerate().filter(|&(_, &rank)| rank != NONE);
    let mut heap: BinaryHeap<_> = waiting.map(|(at, &rank)| Reverse((rank, at as u32))).collect();
    let mut left_out = Vec::new();
    let mut steps = 0u32;
    while let Some(Reverse((rank, at))) = heap.pop() {
        steps = steps.wrapping_add(1);
        if steps % (1 << 14) == 0 {
            control.check()?;
        }
        let here = at as usize;
        if ranks[here] != rank {
            continue;
        }
        if draws.unit() < p {
            left_out.push(Reverse((rank, at)));
            continue;
        }
        heap.extend(left_out.drain(..));
        let gone = next[here] as usize;
        ids[here] = table.result(rank);
        ranks[gone] = NONE;
        next[here] = next[gone];
        let mut look = |left: usize, right: usize| {
            ranks[left] = if right < n {
                table.rank(ids[left], ids[right])
            } else {
                NONE
            };
            if ranks[left] != NONE {
                heap.push(Reverse((ranks[left], left as u32)));
            }
        };
        look(here, next[here] as usize);
        if at > 0 {
            look(before[here] as usize, here);
        }
        if next[here] < end {
            before[next[here] as usize] = at;
        }
    }
    let (mut read, mut write) = (0, 0);
    while read < n {
        ids[write] = ids[read];
        write += 1;
        read = next[read] as usize;
    }
    ids.truncate(write);
    Ok(())
}
