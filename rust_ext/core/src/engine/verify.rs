//! Recounting everything from scratch: the slow truth behind the engine's running sums.

use std::collections::BTreeMap;

use super::Engine;
use super::cells::{EDGE, INSIDE, LAST};
use super::heap::Heap;
use super::ties::{key, pair};
use crate::{Error, Result};

#[derive(Default)]
struct Recount {
    count: u64,
    shares: BTreeMap<u32, u64>,
    positions: Vec<u32>,
}

impl Engine {
    /// Recounts pairs, tokens and lengths from the words and compares them with what the engine believes.
    ///
    /// # Errors
    /// [`Error::Invariant`] naming the first difference; [`Error::Interrupted`] after an interrupted merge.
    pub fn verify(&self) -> Result<()> {
        self.check_whole()?;
        self.verify_cells()?;
        let mut pairs: BTreeMap<u64, Recount> = BTreeMap::new();
        self.walk(|position, left, right, weight| {
            let recount = pairs.entry(key(left, right)).or_default();
            recount.count += self.words.weights.total(weight);
            recount.positions.push(position);
            self.words.weights.each(weight, |group, count| {
                *recount.shares.entry(group).or_default() += count;
            });
        });
        for (&key, recount) in &pairs {
            self.verify_pair(key, recount)?;
        }
        for (key, _) in self.table.iter() {
            if !pairs.contains_key(&key) {
                return fail(format!("{:?} is followed but does not occur", pair(key)));
            }
        }
        let mut claims = BTreeMap::new();
        collect_claims(&self.heap, &mut claims);
        for (key, _) in self.table.iter() {
            let count = self.chosen_count(key);
            if count >= self.floor && claims.get(&key).is_none_or(|&claimed| claimed < count) {
                return fail(format!("the heap under-states {:?}", pair(key)));
            }
        }
        if let Some(groups) = &self.groups {
            for group in 0..groups.len() as u32 {
                let mut claims = BTreeMap::new();
                collect_claims(groups.heap(group), &mut claims);
                for (key, entry) in self.table.iter() {
                    let count = groups.count(entry, group);
                    let claimed = claims.get(&key).copied().unwrap_or(0);
                    if count >= groups.floor(group) && claimed < count {
                        return fail(format!("group {group}'s heap under-states {:?}", pair(key)));
                    }
                }
            }
        }
        Ok(())
    }

    fn verify_pair(&self, key: u64, recount: &Recount) -> Result<()> {
        let (left, right) = pair(key);
        let Some(entry) = self.table.get(key) else {
            let by_group = self.groups.as_ref().is_some_and(|groups| {
                recount
                    .shares
                    .iter()
                    .any(|(&group, &count)| count >= groups.floor(group))
            });
            let gain = self.rising.as_ref().map_or(0, |rising| rising.gain_of(key));
            let is_missed = recount.count >= self.floor + gain || self.is_always_followed(left, right);
            if self.is_allowed(left, right) && (is_missed || by_group) {
                return fail(format!(
                    "({left}, {right}) is not followed but occurs {} times, floor {}",
                    recount.count, self.floor
                ));
            }
            return Ok(());
        };
        if entry.count != recount.count {
            return fail(format!(
                "({left}, {right}) is counted {} times but occurs {} times",
                entry.count, recount.count
            ));
        }
        if let Some(groups) = &self.groups {
            let mut believed = BTreeMap::new();
            groups.each(entry, |group, count| {
                if count > 0 {
                    believed.insert(group, count);
                }
            });
            if believed != recount.shares {
                return fail(format!(
                    "({left}, {right}) has group counts {believed:?} but occurs {:?}",
                    recount.shares
                ));
            }
        }
        let mut list = self.blocks.list(entry.start, entry.len).to_vec();
        if self.rising.is_some() {
            list.sort_unstable();
        }
        if !list.is_sorted() {
            return fail(format!("the positions of ({left}, {right}) do not ascend"));
        }
        match recount
            .positions
            .iter()
            .find(|position| list.binary_search(position).is_err())
        {
            Some(position) => fail(format!("({left}, {right}) at {position} is not in its list")),
            None => Ok(()),
        }
    }

    /// Every token is written at its first and last cell and nothing between; the sums over them are right.
    fn verify_cells(&self) -> Result<()> {
        let cells = &self.words.cells;
        let mut counts = vec![0u64; self.tokens.len()];
        let mut at = 1;
        while at < cells.len() {
            let symbol = cells[at].symbol;
            if symbol == EDGE {
                at += 1;
                continue;
            }
            if symbol == INSIDE || symbol & LAST != 0 {
                return fail(format!("a token should start at cell {at}"));
            }
            let end = at + self.spans[symbol as usize] as usize;
            let inside = at + 1..(end - 1).max(at + 1);
            let last = if end - at > 1 { symbol | LAST } else { symbol };
            if cells[end - 1].symbol != last || cells[inside].iter().any(|cell| cell.symbol != INSIDE) {
                return fail(format!("the token at cell {at} has a torn body"));
            }
            counts[symbol as usize] += self.words.weights.total(cells[at].weight);
            at = end;
        }
        for (id, &count) in counts.iter().enumerate() {
            // Words of one token have no cells, so what they start from may occur more often than they show.
            let believed = self.words.token_counts[id];
            let started_from = id < self.n_given || self.layout.symbols.contains(&(id as u32));
            let exact = !started_from && self.tokens.is_ordinary(id as u32);
            if count > believed || (exact && count != believed) {
                return fail(format!(
                    "token {id} is counted {believed} times but occurs {count} times"
                ));
            }
        }
        let tokens: u64 = self.words.token_counts.iter().sum();
        let lengths: u64 = self.words.lengths[..self.n_groups()].iter().sum();
        if tokens != lengths {
            return fail(format!("there are {tokens} tokens but the groups have {lengths}"));
        }
        Ok(())
    }
}

fn collect_claims(heap: &Heap, into: &mut BTreeMap<u64, u64>) {
    for claim in heap.claims() {
        let count = into.entry(claim.key).or_default();
        *count = (*count).max(claim.count);
    }
}

fn fail(message: String) -> Result<()> {
    Err(Error::Invariant { message })
}
