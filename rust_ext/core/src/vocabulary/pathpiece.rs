//! `PathPiece` training: take away, again and again, the token whose loss costs the fewest further tokens.
//!
//! A pretoken `d` is cut into the fewest tokens; of equally many the cut whose last token is widest is taken at
//! every end position. With `F[e]` the fewest tokens of `d[..e]`, `B[b]` those of `d[b..]` and `K = F[n]`, the loss
//! of the token of more than one byte that covers `i..k` of the cut costs
//!
//! `min(min_{i<j<k} F[j] + B[j],  min_{b≤i, e≥k, (b,e)≠(i,k), d[b..e] a token} F[b] + 1 + B[e]) - K`
//!
//! further tokens, times the pretoken's count, summed over all occurrences. The cheapest tokens go; of equally
//! cheap ones the one with the higher id. Only pretokens that contain a token that went are looked at again, so
//! that one token at a time is affordable.
//!
//! Source: Schmidt et al. 2024, arXiv 2402.18376, section 3.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::trie::Trie;
use super::{NONE, Tokens, parallel};
use crate::{Control, Error, PretokenCounts, Result};

/// The longest token that a mask of matches has room for.
pub const MAX_LENGTH: usize = 64;

/// From so many pretokens on, several threads look at them.
const PARALLEL_FROM: usize = 2048;

/// What training did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Tokens in the order in which they went.
    pub dropped: Vec<u32>,
    /// What each was expected to cost, in tokens, when it went.
    pub costs: Vec<u64>,
    /// For the start and after every round the number of tokens of each group's text, group by group.
    pub lengths: Vec<u64>,
}

/// Takes tokens away until there are `sizes[0]`, then `sizes[1]`, … tokens; costs are renewed after each size.
///
/// # Errors
/// [`Error::Vocabulary`] when a byte has no token or a token is too long, [`Error::Parameter`] when the sizes do not
/// descend from that of the vocabulary to 256 at the least, [`Error::TooLarge`] when costs exceed 64 bits,
/// [`Error::Interrupted`].
pub fn train(
    counts: &PretokenCounts,
    tokens: Tokens<'_>,
    sizes: &[usize],
    threads: usize,
    control: &Control,
) -> Result<Outcome> {
    tokens.bytes()?;
    let longest = tokens.longest();
    if longest > MAX_LENGTH {
        return Err(Error::Vocabulary {
            message: format!(
                "a token has {longest} bytes; PathPiece training knows tokens of up to {MAX_LENGTH}"
            ),
        });
    }
    let mut size = tokens.len();
    for &wanted in sizes {
        if wanted > size || wanted < 256 {
            return Err(Error::Parameter {
                name: "sizes",
                message: format!("{wanted} after {size}; sizes must descend and be at least 256"),
            });
        }
        size = wanted;
    }
    let n_drops = tokens.len() - size;
    let mut state = State::new(counts, tokens, longest, threads, control)?;
    control.start("pruning", n_drops as u64);
    let mut outcome = Outcome {
        lengths: state.lengths.clone(),
        ..Outcome::default()
    };
    let mut size = tokens.len();
    for &wanted in sizes {
        let gone = state.cheapest(size - wanted);
        for &(token, cost) in &gone {
            outcome.dropped.push(token);
            outcome.costs.push(u64::try_from(cost).map_err(|_| too_large())?);
        }
        let ids: Vec<u32> = gone.iter().map(|&(token, _)| token).collect();
        state.drop(&ids, threads, control)?;
        outcome.lengths.extend_from_slice(&state.lengths);
        control.advance((size - wanted) as u64);
        control.check()?;
        size = wanted;
    }
    Ok(outcome)
}

fn too_large() -> Error {
    Error::TooLarge {
        message: "the cost of a token exceeds 2^64 tokens".into(),
    }
}

/// What one pretoken contributes: the length of its cut, and tokens with what their loss costs in it.
struct Cut {
    length: u32,
    costs: Vec<(u32, u32)>,
}

#[derive(Default)]
struct Scratch {
    /// Bit `l - 1` of entry `b`: `d[b..b + l]` is a token.
    matches: Vec<u64>,
    forward: Vec<u32>,
    widths: Vec<u8>,
    backward: Vec<u32>,
    /// Tokens seen in this pretoken.
    seen: Vec<u32>,
}

struct State<'a> {
    counts: &'a PretokenCounts,
    trie: Trie,
    longest: usize,
    totals: Vec<u64>,
    /// Cost of each token; `None` for bytes and tokens that went.
    costs: Vec<Option<u128>>,
    /// The cheapest first; an entry whose cost is no longer the token's is passed over.
    queue: BinaryHeap<Reverse<(u128, Reverse<u32>)>>,
    /// Pretokens that contain token `t`: `index[starts[t]..starts[t + 1]]`.
    index: Vec<u32>,
    starts: Vec<usize>,
    /// Present cuts: pretoken `p` has `n_costs[p]` entries of `cuts` from `slots[p]` on.
    cuts: Vec<(u32, u32)>,
    slots: Vec<usize>,
    n_costs: Vec<u32>,
    cut_lengths: Vec<u32>,
    lengths: Vec<u64>,
    touched: Vec<u32>,
}

impl<'a> State<'a> {
    fn new(
        counts: &'a PretokenCounts,
        tokens: Tokens<'_>,
        longest: usize,
        threads: usize,
        control: &Control,
    ) -> Result<Self> {
        let n = counts.len();
        control.start("indexing", n as u64);
        let mut state = Self {
            counts,
            trie: Trie::new(tokens, |_| true),
            longest,
            totals: (0..n).map(|row| counts.total(row)).collect(),
            costs: (0..tokens.len())
                .map(|i| (tokens.get(i).len() > 1).then_some(0))
                .collect(),
            queue: BinaryHeap::new(),
            index: Vec::new(),
            starts: vec![0; tokens.len() + 1],
            cuts: Vec::new(),
            slots: Vec::with_capacity(n + 1),
            n_costs: vec![0; n],
            cut_lengths: vec![0; n],
            lengths: vec![0; counts.groups.len()],
            touched: vec![NONE; n],
        };
        let mut slot = 0;
        for row in 0..n {
            state.slots.push(slot);
            slot += counts.pretoken(row).len() / 2;
        }
        state.cuts = vec![(NONE, 0); slot];
        state.build_index(threads, control)?;
        let rows: Vec<u32> = (0..n as u32).collect();
        state.renew(&rows, threads, control)?;
        for (token, cost) in state.costs.iter().enumerate() {
            if let Some(cost) = *cost {
                state.queue.push(Reverse((cost, Reverse(token as u32))));
            }
        }
        Ok(state)
    }

    /// Finds the pretokens that contain each token.
    fn build_index(&mut self, threads: usize, control: &Control) -> Result<()> {
        let pairs = parallel::blocks(
            self.counts.len(),
            4096,
            threads,
            control,
            Scratch::default,
            |scratch, rows| {
                let mut pairs: Vec<(u32, u32)> = Vec::new();
                for row in rows {
                    self.tokens_in(self.counts.pretoken(row), &mut scratch.seen);
                    pairs.extend(scratch.seen.iter().map(|&token| (token, row as u32)));
                }
                Ok(pairs)
            },
        )?;
        for &(token, _) in pairs.iter().flatten() {
            self.starts[token as usize + 1] += 1;
        }
        for token in 1..self.starts.len() {
            self.starts[token] += self.starts[token - 1];
        }
        let mut next = self.starts.clone();
        self.index = vec![0; self.starts[self.starts.len() - 1]];
        for (token, row) in pairs.into_iter().flatten() {
            self.index[next[token as usize]] = row;
            next[token as usize] += 1;
        }
        Ok(())
    }

    /// The distinct tokens of more than one byte that occur anywhere in `data`.
    fn tokens_in(&self, data: &[u8], seen: &mut Vec<u32>) {
        seen.clear();
        for start in 0..data.len() {
            let mut node = Trie::ROOT;
            for (at, &byte) in data[start..].iter().take(self.longest).enumerate() {
                node = self.trie.step(node, byte);
                if node == NONE {
                    break;
                }
                let token = self.trie.token(node);
                if token != NONE && at > 0 {
                    seen.push(token);
                }
            }
        }
        seen.sort_unstable();
        seen.dedup();
    }

    /// The `n` tokens with the lowest costs.
    fn cheapest(&mut self, n: usize) -> Vec<(u32, u128)> {
        let mut gone = Vec::with_capacity(n);
        while gone.len() < n {
            let Some(Reverse((cost, Reverse(token)))) = self.queue.pop() else {
                break;
            };
            if self.costs[token as usize] == Some(cost) {
                self.costs[token as usize] = None;
                gone.push((token, cost));
            }
        }
        gone
    }

    /// Takes tokens out and renews the costs of all others.
    fn drop(&mut self, gone: &[u32], threads: usize, control: &Control) -> Result<()> {
        for &token in gone {
            self.trie.remove(token);
        }
        let stamp = gone.first().copied().unwrap_or(NONE);
        let mut rows = Vec::new();
        for &token in gone {
            for &row in &self.index[self.starts[token as usize]..self.starts[token as usize + 1]] {
                if self.touched[row as usize] != stamp {
                    self.touched[row as usize] = stamp;
                    rows.push(row);
                }
            }
        }
        let mut changed = self.renew(&rows, threads, control)?;
        changed.sort_unstable();
        changed.dedup();
        for token in changed {
            if let Some(cost) = self.costs[token as usize] {
                self.queue.push(Reverse((cost, Reverse(token))));
            }
        }
        Ok(())
    }

    /// Cuts pretokens anew and returns the tokens whose cost may have changed.
    fn renew(&mut self, rows: &[u32], threads: usize, control: &Control) -> Result<Vec<u32>> {
        let mut changed = Vec::new();
        let threads = if rows.len() < PARALLEL_FROM { 1 } else { threads };
        // A portion at a time, so that the cuts that wait to be taken over stay few.
        for portion in rows.chunks(1 << 18) {
            let cuts = parallel::blocks(
                portion.len(),
                512,
                threads,
                control,
                Scratch::default,
                |scratch, range| {
                    let cut = |&row: &u32| self.cut(self.counts.pretoken(row as usize), scratch);
                    Ok(portion[range].iter().map(cut).collect::<Vec<Cut>>())
                },
            )?;
            for (&row, cut) in portion.iter().zip(cuts.into_iter().flatten()) {
                self.take(row as usize, &cut, &mut changed)?;
            }
        }
        Ok(changed)
    }

    fn take(&mut self, row: usize, cut: &Cut, changed: &mut Vec<u32>) -> Result<()> {
        let total = u128::from(self.totals[row]);
        let slot = self.slots[row];
        let old = slot..slot + self.n_costs[row] as usize;
        if self.cuts[old.clone()] == cut.costs && self.cut_lengths[row] == cut.length {
            return Ok(());
        }
        for &(token, cost) in &self.cuts[old] {
            if let Some(sum) = &mut self.costs[token as usize] {
                *sum -= total * u128::from(cost);
                changed.push(token);
            }
        }
        for &(token, cost) in &cut.costs {
            if let Some(sum) = &mut self.costs[token as usize] {
                *sum += total * u128::from(cost);
                changed.push(token);
            }
        }
        self.cuts[slot..slot + cut.costs.len()].copy_from_slice(&cut.costs);
        self.n_costs[row] = cut.costs.len() as u32;
        // Cuts only grow longer; the first one starts from nothing.
        let longer = u64::from(cut.length - self.cut_lengths[row]);
        self.cut_lengths[row] = cut.length;
        for (group, count) in self.counts.cells(row) {
            let more = count.checked_mul(longer).ok_or_else(too_large)?;
            let sum = &mut self.lengths[group as usize];
            *sum = sum.checked_add(more).ok_or_else(too_large)?;
        }
        Ok(())
    }

    /// The cut of a pretoken into the fewest tokens, and what the loss of each token costs in it.
    fn cut(&self, data: &[u8], scratch: &mut Scratch) -> Cut {
        let n = data.len();
        let Scratch {
            matches,
            forward,
            widths,
            backward,
            ..
        } = scratch;
        matches.clear();
        forward.clear();
        forward.resize(n + 1, u32::MAX);
        widths.clear();
        widths.resize(n + 1, 0);
        backward.clear();
        backward.resize(n + 1, u32::MAX);
        forward[0] = 0;
        backward[n] = 0;
        for start in 0..n {
            let next = forward[start] + 1;
            let (mut node, mut mask) = (Trie::ROOT, 0u64);
            for (at, &byte) in data[start..].iter().take(self.longest).enumerate() {
                node = self.trie.step(node, byte);
                if node == NONE {
                    break;
                }
                if self.trie.token(node) != NONE {
                    mask |= 1 << at;
                    // Starts ascend, so the first to reach an end with so few tokens is the widest.
                    if next < forward[start + at + 1] {
                        forward[start + at + 1] = next;
                        widths[start + at + 1] = at as u8 + 1;
                    }
                }
            }
            matches.push(mask);
        }
        for start in (0..n).rev() {
            let mut left = matches[start];
            let mut fewest = u32::MAX;
            while left != 0 {
                fewest = fewest.min(backward[start + left.trailing_zeros() as usize + 1]);
                left &= left - 1;
            }
            backward[start] = fewest + 1;
        }
        let mut cut = Cut {
            length: forward[n],
            costs: Vec::new(),
        };
        let mut end = n;
        while end > 0 {
            let start = end - usize::from(widths[end]);
            if end - start > 1 {
                let token = self.trie.longest(&data[start..end], MAX_LENGTH).0;
                let cost = self.without(start, end, forward, backward, matches) - cut.length;
                cut.costs.push((token, cost));
            }
            end = start;
        }
        cut
    }

    /// The fewest tokens of a pretoken that are possible without the token that covers `start..end`.
    #[inline]
    fn without(&self, start: usize, end: usize, forward: &[u32], backward: &[u32], matches: &[u64]) -> u32 {
        let fewest = forward[forward.len() - 1];
        let inside = start + 1..end;
        let mut best = inside
            .map(|at| forward[at] + backward[at])
            .min()
            .unwrap_or(u32::MAX);
        for from in end.saturating_sub(self.longest)..=start {
            if best == fewest {
                break;
            }
            // From the bit of the token that ends at `end` on.
            let mut left = matches[from] >> (end - from - 1);
            if from == start {
                left &= !1;
            }
            while left != 0 {
                let to = end + left.trailing_zeros() as usize;
                best = best.min(forward[from] + 1 + backward[to]);
                left &= left - 1;
            }
        }
        best
    }
}
