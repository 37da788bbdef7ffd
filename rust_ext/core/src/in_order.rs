//! Joining the pairs of one long list of symbols, step after step, each step leftmost first.
//!
//! Where a join only makes pairs that later steps join (replaying a training run; encoding with a merge list whose
//! parts are made before they are used), no heap is needed: the places that wait for a step are a list of their
//! own, and the lists are taken in turn. The places of a step are visited in ascending order, so memory is walked
//! through and not jumped about in: 10 MB of one pretoken take a fifth of the time that a heap takes.

use crate::{Control, Error, Result};

/// No step.
pub(crate) const NEVER: u32 = u32::MAX;

/// The steps that join pairs.
pub(crate) trait Steps {
    /// How many there are.
    fn len(&self) -> usize;
    /// The first step from `from` on that joins these two, or [`NEVER`].
    fn find(&mut self, left: u32, right: u32, from: u32) -> u32;
    /// What a step makes.
    fn result(&self, step: u32) -> u32;
}

/// One symbol, on one cache line with what is asked about it.
#[derive(Debug, Clone, Copy)]
struct Symbol {
    id: u32,
    /// The step that joins it with the next one.
    step: u32,
    next: u32,
    previous: u32,
}

/// The id of a symbol that its left neighbour has swallowed.
const GONE: u32 = u32::MAX;
/// How many symbols are looked at between two looks at the control.
const STRIDE: usize = 1 << 15;

/// Carries out all steps on `ids`.
///
/// # Errors
/// [`Error::TooLarge`] for 2^32 - 1 symbols, [`Error::Interrupted`].
pub(crate) fn join_in_order(steps: &mut impl Steps, ids: &mut Vec<u32>, control: &Control) -> Result<()> {
    let n = ids.len();
    let end = u32::try_from(n)
        .ok()
        .filter(|&end| end < GONE)
        .ok_or_else(|| Error::TooLarge {
            message: format!("a pretoken of {n} symbols; at most {} are supported", GONE - 1),
        })?;
    let mut starts = vec![0u32; steps.len() + 1];
    let mut symbols: Vec<Symbol> = Vec::with_capacity(n);
    for (at, &id) in (0..end).zip(ids.iter()) {
        let right = ids.get(at as usize + 1);
        let step = right.map_or(NEVER, |&right| steps.find(id, right, 0));
        if step != NEVER {
            starts[step as usize + 1] += 1;
        }
        symbols.push(Symbol {
            id,
            step,
            next: at + 1,
            previous: at.wrapping_sub(1),
        });
        if at as usize % STRIDE == 0 {
            control.check()?;
        }
    }
    for step in 1..starts.len() {
        starts[step] += starts[step - 1];
    }
    // The places of each step, ascending: first those that are there, then those that come into being.
    let mut places = vec![0u32; starts[steps.len()] as usize];
    let mut cursors = starts.clone();
    for (at, symbol) in (0..end).zip(&symbols) {
        if symbol.step != NEVER {
            let cursor = &mut cursors[symbol.step as usize];
            places[*cursor as usize] = at;
            *cursor += 1;
        }
    }
    drop(cursors);
    let mut added: Vec<Vec<u32>> = vec![Vec::new(); steps.len()];
    let mut both = Vec::new();
    let mut since = 0;
    for step in 0..steps.len() {
        let mine = &places[starts[step] as usize..starts[step + 1] as usize];
        let new = std::mem::take(&mut added[step]);
        let waiting = if new.is_empty() {
            mine
        } else {
            both.clear();
            both.extend_from_slice(mine);
            both.extend_from_slice(&new);
            both.sort_unstable();
            &both[..]
        };
        since += waiting.len();
        if since > STRIDE {
            since = 0;
            control.check()?;
        }
        let result = steps.result(step as u32);
        for &at in waiting {
            let here = at as usize;
            if symbols[here].step != step as u32 {
                continue;
            }
            let gone = symbols[here].next as usize;
            symbols[gone].step = NEVER;
            symbols[gone].id = GONE;
            let after = symbols[gone].next;
            let mut next_step = NEVER;
            if after < end {
                symbols[after as usize].previous = at;
                next_step = steps.find(result, symbols[after as usize].id, step as u32 + 1);
                if next_step != NEVER {
                    added[next_step as usize].push(at);
                }
            }
            let previous = symbols[here].previous;
            symbols[here] = Symbol {
                id: result,
                step: next_step,
                next: after,
                previous,
            };
            if at > 0 {
                let before = &mut symbols[previous as usize];
                before.step = steps.find(before.id, result, step as u32 + 1);
                if before.step != NEVER {
                    added[before.step as usize].push(previous);
                }
            }
        }
    }
    ids.clear();
    ids.extend(symbols.iter().map(|symbol| symbol.id).filter(|&id| id != GONE));
    Ok(())
}
