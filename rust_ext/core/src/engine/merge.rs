//! One merge: replace the pair everywhere, then follow the pairs that this creates.

use super::cells::{Cell, EDGE, INSIDE};
use super::groups::{GroupSums, Share};
use super::heap::Claim;
use super::pages::prefetch;
use super::table::Entry;
use super::ties::key;
use super::{Engine, Merged};
use crate::{Control, Error, Result};

/// No block: the pair with this neighbour is not followed.
const NOWHERE: u64 = u64::MAX;

/// How many occurrences ahead cells are asked for, so that several cache misses overlap
/// (measured: a fifth of the merge phase).
const AHEAD: usize = 16;
/// The same for table look-ups.
const KEYS_AHEAD: usize = 8;

/// One replacement, as the neighbours stand after all of them.
#[derive(Debug, Clone, Copy)]
struct Replaced {
    position: u32,
    left: u32,
    right: u32,
}

/// What one merge has seen of one neighbouring id.
#[derive(Debug, Clone, Copy)]
struct Neighbour {
    count: u64,
    /// Where the next position of the new pair goes.
    cursor: u64,
    len: u32,
    /// Its row in the group sums.
    row: u32,
}

const UNSEEN: Neighbour = Neighbour {
    count: 0,
    cursor: NOWHERE,
    len: 0,
    row: 0,
};

/// The neighbours on one side of the merges of one pair, by id.
#[derive(Debug, Default)]
struct Side {
    by_id: Vec<Neighbour>,
    /// The ids seen, in the order of their first sight.
    seen: Vec<u32>,
    sums: GroupSums,
}

impl Side {
    #[inline]
    fn add<const TRACK: bool>(&mut self, id: u32, count: u64) -> u32 {
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

    fn reset(&mut self, n_ids: usize, n_groups: usize) {
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
struct Chain {
    count: u64,
    len: u32,
    sums: GroupSums,
}

/// Memory that merges use again and again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    positions: Vec<u32>,
    replaced: Vec<Replaced>,
    left: Side,
    right: Side,
    chain: Chain,
    shares: Vec<Share>,
}

impl Engine {
    /// Replaces `left right` by one token, everywhere, leftmost first. A pair that does not occur still makes
    /// its token; a token that exists keeps its id.
    ///
    /// # Errors
    /// [`crate::Error::UnknownToken`] for ids that do not exist, [`crate::Error::TooLarge`],
    /// [`crate::Error::Interrupted`] (the engine is of no use after that).
    pub fn merge(&mut self, left: u32, right: u32, control: &Control) -> Result<Merged> {
        self.check_whole()?;
        self.check_id(left)?;
        self.check_id(right)?;
        if self.is_vetoed(left, right) {
            return Err(Error::Parameter {
                name: "merge",
                message: format!("({left}, {right}) must not be merged in this run"),
            });
        }
        self.torn = true;
        let mut scratch = std::mem::take(&mut self.scratch);
        let outcome = if self.groups.is_some() {
            self.merge_with::<true>(left, right, &mut scratch, control)
        } else {
            self.merge_with::<false>(left, right, &mut scratch, control)
        };
        self.scratch = scratch;
        if outcome.is_ok() {
            self.torn = false;
        }
        outcome
    }

    fn merge_with<const TRACK: bool>(
        &mut self,
        left: u32,
        right: u32,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<Merged> {
        let count = self.take_positions(left, right, &mut scratch.positions);
        let spelled = [self.tokens.bytes(left), self.tokens.bytes(right)].concat();
        let result = self.tokens.mint(&spelled)?;
        let n_ids = self.tokens.len();
        self.spans.resize(n_ids, 0);
        self.spans[result as usize] = self.spans[left as usize] + self.spans[right as usize];
        self.words.token_counts.resize(n_ids, 0);
        // Only then can pairs with the result exist already, and rise.
        let is_known = self.words.token_counts[result as usize] > 0;

        let n_groups = if TRACK { self.n_groups() } else { 0 };
        scratch.left.reset(n_ids, n_groups);
        scratch.right.reset(n_ids, n_groups);
        scratch.replaced.clear();
        let replaced = self.replace::<TRACK>(left, right, result, scratch, control)?;
        self.words.token_counts[left as usize] -= replaced;
        self.words.token_counts[right as usize] -= replaced;
        self.words.token_counts[result as usize] += replaced;
        self.n_merges += 1;
        if is_known {
            self.index(control)?;
        } else {
            self.follow::<TRACK>(left, right, result, scratch)?;
        }
        Ok(Merged {
            result,
            count,
            replaced,
        })
    }

    /// Stops following a pair and takes its positions over; returns its count.
    fn take_positions(&mut self, left: u32, right: u32, positions: &mut Vec<u32>) -> u64 {
        positions.clear();
        if let Some(entry) = self.table.remove(key(left, right)) {
            positions.extend_from_slice(self.blocks.list(entry.start, entry.len));
            self.forget_lists(&entry);
            return entry.count;
        }
        let mut count = 0;
        self.walk(|position, a, b, weight| {
            if (a, b) == (left, right) {
                positions.push(position);
                count += self.words.weights.total(weight);
            }
        });
        count
    }

    /// Stops following a pair; claims on it then sink to nothing.
    pub(super) fn unfollow(&mut self, key: u64) {
        if let Some(entry) = self.table.remove(key) {
            self.forget_lists(&entry);
        }
    }

    fn forget_lists(&mut self, entry: &Entry) {
        self.blocks.give_back(entry.start, entry.len);
        if let Some(groups) = &mut self.groups {
            groups.remove(entry.groups);
        }
    }

    /// Visits the positions (ascending), skips the stale ones, replaces, and sums up the neighbours. Returns the
    /// weighted number of replacements.
    fn replace<const TRACK: bool>(
        &mut self,
        left: u32,
        right: u32,
        result: u32,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<u64> {
        let Scratch {
            positions,
            replaced,
            left: befores,
            right: afters,
            chain,
            ..
        } = scratch;
        chain.count = 0;
        chain.len = 0;
        if TRACK {
            chain.sums.reset(self.words.lengths.len());
            chain.sums.push_row();
        }
        let left_span = self.spans[left as usize] as usize;
        let span = self.spans[result as usize] as usize;
        let cells: &mut [Cell] = &mut self.words.cells;
        let weights = &self.words.weights;
        let lengths = &mut self.words.lengths[..];
        let mut total = 0u64;
        // Where the last replacement ends: the next one chains to it if it starts there.
        let mut last_end = 0usize;
        for chunk in positions.chunks(1 << 15) {
            control.check()?;
            for (index, &position) in chunk.iter().enumerate() {
                if let Some(&ahead) = chunk.get(index + AHEAD) {
                    prefetch(cells, ahead as usize);
                }
                let start = position as usize;
                let middle = start + left_span;
                if cells[start].symbol != left || cells[middle].symbol != right {
                    continue;
                }
                let end = start + span;
                let weight = cells[start].weight;
                let (before, after) = (cells[start - 1].symbol, cells[end].symbol);
                cells[middle - 1].symbol = INSIDE;
                cells[middle].symbol = INSIDE;
                cells[start].symbol = result;
                cells[end - 1].symbol = result;
                let count = weights.total(weight);
                total += count;
                weights.each(weight, |group, count| lengths[group as usize] -= count);
                let mut kept_before = EDGE;
                if start == last_end {
                    chain.count += count;
                    chain.len += 1;
                    if let Some(last) = replaced.last_mut() {
                        last.right = result;
                    }
                    if TRACK {
                        weights.each(weight, |group, count| chain.sums.add(0, group, count));
                    }
                } else if before != EDGE {
                    kept_before = before;
                    let row = befores.add::<TRACK>(before, count);
                    if TRACK {
                        weights.each(weight, |group, count| befores.sums.add(row, group, count));
                    }
                }
                if after != EDGE {
                    let row = afters.add::<TRACK>(after, count);
                    if TRACK {
                        weights.each(weight, |group, count| afters.sums.add(row, group, count));
                    }
                }
                replaced.push(Replaced {
                    position,
                    left: kept_before,
                    right: after,
                });
                last_end = end;
            }
        }
        Ok(total)
    }

    /// Lowers the pairs that lost occurrences to the merge and follows those that it created.
    fn follow<const TRACK: bool>(
        &mut self,
        left: u32,
        right: u32,
        result: u32,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let Scratch {
            replaced,
            left: befores,
            right: afters,
            chain,
            shares,
            ..
        } = scratch;
        let mut any = false;
        for (index, &id) in befores.seen.iter().enumerate() {
            if let Some(&ahead) = befores.seen.get(index + KEYS_AHEAD) {
                self.table.prefetch(key(ahead, left));
            }
            let seen = &mut befores.by_id[id as usize];
            if TRACK {
                befores.sums.shares(seen.row, shares);
            }
            self.lower::<TRACK>(key(id, left), seen.count, shares);
            seen.cursor = self.follow_new::<TRACK>(id, result, seen.count, seen.len, shares)?;
            any |= seen.cursor != NOWHERE;
        }
        for (index, &id) in afters.seen.iter().enumerate() {
            if let Some(&ahead) = afters.seen.get(index + KEYS_AHEAD) {
                self.table.prefetch(key(right, ahead));
            }
            let seen = &mut afters.by_id[id as usize];
            if TRACK {
                afters.sums.shares(seen.row, shares);
            }
            self.lower::<TRACK>(key(right, id), seen.count, shares);
            let (mut count, mut len) = (seen.count, seen.len);
            if id == left && chain.len > 0 {
                // These were followed by the pair's left token, which the next replacement has taken.
                count -= chain.count;
                len -= chain.len;
                if TRACK {
                    let mut chained = Vec::new();
                    chain.sums.shares(0, &mut chained);
                    subtract(shares, &chained);
                }
            }
            seen.cursor = self.follow_new::<TRACK>(result, id, count, len, shares)?;
            any |= seen.cursor != NOWHERE;
        }
        if chain.len > 0 {
            if TRACK {
                chain.sums.shares(0, shares);
            }
            let cursor = self.follow_new::<TRACK>(result, result, chain.count, chain.len, shares)?;
            // Removed again with the side's other marks.
            afters.seen.push(result);
            afters.by_id[result as usize].cursor = cursor;
            any |= cursor != NOWHERE;
        }
        if !any {
            return Ok(());
        }
        for occurrence in replaced.iter() {
            if occurrence.left != EDGE {
                let seen = &mut befores.by_id[occurrence.left as usize];
                if seen.cursor != NOWHERE {
                    let start = occurrence.position - self.spans[occurrence.left as usize];
                    self.blocks.write(seen.cursor, start);
                    seen.cursor += 1;
                }
            }
            if occurrence.right != EDGE {
                let seen = &mut afters.by_id[occurrence.right as usize];
                if seen.cursor != NOWHERE {
                    self.blocks.write(seen.cursor, occurrence.position);
                    seen.cursor += 1;
                }
            }
        }
        Ok(())
    }

    /// Takes lost occurrences off a pair, if it is followed; a pair below the floor is followed no longer.
    #[inline]
    fn lower<const TRACK: bool>(&mut self, key: u64, lost: u64, shares: &[Share]) {
        let Some(entry) = self.table.get_mut(key) else {
            return;
        };
        entry.count -= lost;
        let mut reaches = entry.count >= self.floor;
        if TRACK && let Some(groups) = &mut self.groups {
            groups.lower(entry.groups, shares);
            reaches = reaches || groups.any_reaches_floor(groups.shares(entry.groups));
        }
        if !reaches && let Some(entry) = self.table.remove(key) {
            self.forget_lists(&entry);
        }
    }

    /// Follows a pair that has come into being, if it can be chosen; returns where its positions go.
    #[inline]
    fn follow_new<const TRACK: bool>(
        &mut self,
        left: u32,
        right: u32,
        count: u64,
        len: u32,
        shares: &[Share],
    ) -> Result<u64> {
        let by_total = count >= self.floor;
        let by_group = TRACK
            && self
                .groups
                .as_ref()
                .is_some_and(|groups| groups.any_reaches_floor(shares));
        if len == 0 || !(by_total || by_group) || !self.is_allowed(left, right) {
            return Ok(NOWHERE);
        }
        let key = key(left, right);
        let start = self.blocks.take(len);
        let mut handle = 0;
        if TRACK && let Some(groups) = &mut self.groups {
            handle = groups.add(shares);
            groups.claim(key, handle, &self.ties, &self.tokens);
        }
        let entry = Entry {
            count,
            start,
            len,
            groups: handle,
        };
        self.table.insert(key, entry)?;
        if by_total {
            self.heap.push(Claim { count, key }, &self.ties, &self.tokens);
        }
        Ok(start)
    }
}

/// Takes `part` off `whole`; both have ascending groups.
fn subtract(whole: &mut Vec<Share>, part: &[Share]) {
    let mut parts = part.iter().peekable();
    for share in whole.iter_mut() {
        if let Some(&&(group, count)) = parts.peek()
            && group == share.0
        {
            share.1 -= count;
            parts.next();
        }
    }
    whole.retain(|share| share.1 > 0);
}
