//! One merge: replace the pair wherever it stands.

use super::cells::{Cell, EDGE, INSIDE, LAST};
use super::neighbours::{Replaced, Scratch};
use super::pages::prefetch;
use super::table::Entry;
use super::ties::key;
use super::{Engine, Merged};
use crate::{Control, Error, Result};

/// How many occurrences ahead cells are asked for, so that several cache misses overlap
/// (measured: a fifth of the merge phase).
const AHEAD: usize = 32;

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
        let spelled = [self.tokens.bytes(left), self.tokens.bytes(right)].concat();
        let span = self.spans[left as usize] + self.spans[right as usize];
        if let Some(id) = self.tokens.id_of(&spelled)
            && self.words.token_counts[id as usize] > 0
            && self.spans[id as usize] != span
        {
            self.tokens.mint(&spelled)?;
            return self.rebuild(left, right, id, control);
        }
        let count = self.take_positions(left, right, &mut scratch.positions);
        let result = self.tokens.mint(&spelled)?;
        let n_ids = self.tokens.len();
        self.spans.resize(n_ids, 0);
        self.spans[result as usize] = span;
        if !self.sizes.is_empty() {
            self.sizes.resize(n_ids, 0);
            self.sizes[result as usize] = self.sizes[left as usize] + self.sizes[right as usize];
        }
        self.words.token_counts.resize(n_ids, 0);
        if let Some(rising) = &mut self.rising {
            rising.occurrences.resize(n_ids, Vec::new());
        }
        if let Some(locked) = &mut self.is_locked {
            locked.resize(n_ids, false);
        }
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
        if let Some(rising) = &mut self.rising {
            let positions = scratch.replaced.iter().map(|occurrence| occurrence.position);
            rising.occurrences[result as usize].extend(positions);
        }
        if is_known && self.rising.is_some() {
            self.follow_known(left, right, result, scratch)?;
        } else if is_known {
            self.index(control)?;
        } else {
            self.follow::<TRACK>(left, right, result, scratch)?;
        }
        Ok(Merged {
            result,
            count: if self.setup.overlap || left != right {
                count
            } else {
                replaced
            },
            replaced,
        })
    }

    /// Stops following a pair and takes its positions over; returns its count.
    fn take_positions(&mut self, left: u32, right: u32, positions: &mut Vec<u32>) -> u64 {
        positions.clear();
        if let Some(entry) = self.table.remove(key(left, right)) {
            positions.extend_from_slice(self.blocks.list(entry.start, entry.len));
            self.forget_lists(&entry);
            if self.rising.is_some() && !positions.is_sorted() {
                positions.sort_unstable();
            }
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

    pub(super) fn forget_lists(&mut self, entry: &Entry) {
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
            chain.sums.reset(self.words.weights.n_loud());
            chain.sums.push_row();
        }
        let left_span = self.spans[left as usize] as usize;
        let span = self.spans[result as usize] as usize;
        let cells: &mut [Cell] = &mut self.words.cells;
        let weights = &self.words.weights;
        let n_loud = weights.n_loud();
        let (lengths, silent_lengths) = self.words.lengths.split_at_mut(n_loud);
        let mut total = 0u64;
        // Where the last replacement ends: the next one chains to it if it starts there.
        let mut last_end = 0usize;
        for chunk in positions.chunks(1 << 15) {
            control.check()?;
            for (index, &position) in chunk.iter().enumerate() {
                if let Some(&ahead) = chunk.get(index + AHEAD) {
                    // The cells read lie from the one before to the one behind: in one or two cache lines.
                    prefetch(cells, (ahead as usize).wrapping_sub(1));
                    prefetch(cells, ahead as usize + span);
                }
                if let Some(&ahead) = chunk.get(index + AHEAD / 2) {
                    weights.prefetch(cells[ahead as usize].weight);
                }
                let start = position as usize;
                let middle = start + left_span;
                if cells[start].symbol != left || cells[middle].symbol != right {
                    continue;
                }
                let end = start + span;
                let weight = cells[start].weight;
                let (before, after) = (cells[start - 1].symbol & !LAST, cells[end].symbol);
                cells[middle - 1].symbol = INSIDE;
                cells[middle].symbol = INSIDE;
                cells[start].symbol = result;
                cells[end - 1].symbol = result | LAST;
                let count = weights.total(weight);
                total += count;
                let mut kept_before = EDGE;
                // Rows of the group sums that this occurrence adds to.
                let (mut row_before, mut row_after, mut is_chained) = (None, None, false);
                if start == last_end {
                    chain.count += count;
                    chain.len += 1;
                    if let Some(last) = replaced.last_mut() {
                        last.right = result;
                    }
                    is_chained = true;
                } else if before != EDGE {
                    kept_before = before;
                    row_before = Some(befores.add::<TRACK>(before, count));
                }
                if after != EDGE {
                    row_after = Some(afters.add::<TRACK>(after, count));
                }
                weights.each_of_both(
                    weight,
                    |group, count| {
                        lengths[group as usize] -= count;
                        if TRACK {
                            if let Some(row) = row_before {
                                befores.sums.add(row, group, count);
                            }
                            if let Some(row) = row_after {
                                afters.sums.add(row, group, count);
                            }
                            if is_chained {
                                chain.sums.add(0, group, count);
                            }
                        }
                    },
                    |group, count| silent_lengths[group as usize - n_loud] -= count,
                );
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
}
