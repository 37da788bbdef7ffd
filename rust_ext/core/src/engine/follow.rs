//! After a merge: the pairs that lost occurrences sink, the pairs that came into being are followed.

use super::Engine;
use super::cells::EDGE;
use super::groups::Share;
use super::heap::Claim;
use super::neighbours::{NOWHERE, Scratch};
use super::table::Entry;
use super::ties::key;
use crate::Result;

/// How many neighbours ahead table look-ups are begun.
const KEYS_AHEAD: usize = 8;

impl Engine {
    /// Lowers the pairs that lost occurrences to the merge and follows those that it created.
    pub(super) fn follow<const TRACK: bool>(
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
    pub(super) fn lower<const TRACK: bool>(&mut self, key: u64, lost: u64, shares: &[Share]) {
        let Some(entry) = self.table.get_mut(key) else {
            return;
        };
        entry.count -= lost;
        let mut reaches = entry.count >= self.floor;
        if TRACK && let Some(groups) = &mut self.groups {
            groups.lower(entry.groups, shares);
            reaches = reaches || groups.reaches_floor(entry);
        }
        if !reaches && entry.count > 0 && self.rising.is_some() {
            let (left, right) = super::ties::pair(key);
            reaches = self.is_always_followed(left, right);
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
        let start = self.blocks.take(len)?;
        let mut entry = Entry {
            count,
            start,
            len,
            groups: 0,
        };
        if TRACK && let Some(groups) = &mut self.groups {
            entry.groups = groups.add(shares)?;
            groups.claim(key, &entry, &self.ties, &self.tokens, |_| true);
        }
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
