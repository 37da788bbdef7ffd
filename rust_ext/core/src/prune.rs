//! Which tokens of a merge list to give up, so that the rest costs the fewest bits.
//!
//! A token that is given up still takes part in merging; at the end it falls into the parts of its merge (and they
//! into theirs, if they were given up too). So giving one up changes the text's tokens only where it stands, and its
//! cost follows from counts of tokens and of neighbours, without encoding anything again:
//!
//! * order 0: `X(n) − Σ X(f)` over the tokens' counts `f`, `X(v) = v·log₂ v`, `n = Σ f`; kept exact throughout;
//! * order 1: `Σ X(f) − Σ X(c)` over the counts `c` of neighbours, plus `novelty` bits for each distinct pair of
//!   neighbours; taken once, in the stream as it is before anything is given up;
//! * `token` bits for each token more that the text then has.
//!
//! Greedy: each token has a cost as it was when last looked at; the cheapest by these (of equals the smallest id) is
//! looked at again and given up if it is still the cheapest, until enough are given up. Costs are compared in units of
//! 2⁻²⁰ bit. A token that two merges make
//! is kept.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::codes::x;
use crate::{Control, Error, Result};

/// What giving tokens up costs besides the change of order 0.
#[derive(Debug, Clone, Copy)]
pub struct Price {
    /// Bits for each distinct pair of neighbours.
    pub novelty: f64,
    /// Bits for each token of the text.
    pub token: f64,
}

/// No merge makes this id.
const NONE: u32 = u32::MAX;

/// Sparse rows, columns ascending.
struct Rows {
    starts: Vec<usize>,
    columns: Vec<u32>,
    counts: Vec<f64>,
}

impl Rows {
    /// Adds up sorted keys `row << 32 | column`.
    fn new(keys: &[u64], n_rows: usize) -> Self {
        let mut rows = Self {
            starts: vec![0; n_rows + 1],
            columns: Vec::new(),
            counts: Vec::new(),
        };
        let mut previous = u64::MAX;
        for &key in keys {
            if key == previous {
                if let Some(count) = rows.counts.last_mut() {
                    *count += 1.0;
                }
                continue;
            }
            previous = key;
            rows.columns.push(key as u32);
            rows.counts.push(1.0);
            rows.starts[(key >> 32) as usize + 1] += 1;
        }
        for row in 0..n_rows {
            rows.starts[row + 1] += rows.starts[row];
        }
        rows
    }

    fn row(&self, row: u32) -> impl Iterator<Item = (u32, f64)> + '_ {
        let range = self.starts[row as usize]..self.starts[row as usize + 1];
        self.columns[range.clone()]
            .iter()
            .copied()
            .zip(self.counts[range].iter().copied())
    }

    fn get(&self, row: u32, column: u32) -> f64 {
        let range = self.starts[row as usize]..self.starts[row as usize + 1];
        self.columns[range.clone()]
            .binary_search(&column)
            .map_or(0.0, |at| self.counts[range.start + at])
    }
}

/// What `X` gains, and how many entries are saved, when row `from` is added to row `into`, the columns `apart` left
/// aside.
fn joined(rows: &Rows, from: u32, into: u32, apart: [u32; 2]) -> (f64, f64) {
    let (mut gain, mut saved) = (0.0, 0.0);
    let mut others = rows.row(into).peekable();
    for (column, count) in rows.row(from).filter(|(column, _)| !apart.contains(column)) {
        while others.next_if(|&(other, _)| other < column).is_some() {}
        if let Some(&(_, other)) = others.peek().filter(|&&(other, _)| other == column) {
            gain += x(count + other) - x(count) - x(other);
            saved += 1.0;
        }
    }
    (gain, saved)
}

/// What `X` gains, and how many entries come into being (less than none: are saved), when several cells and `more`
/// become one.
fn together(cells: &[f64], more: f64) -> (f64, f64) {
    let sum = cells.iter().sum::<f64>() + more;
    let before = cells.iter().filter(|&&count| count > 0.0).count() as f64;
    let gain = x(sum) - cells.iter().map(|&count| x(count)).sum::<f64>();
    (gain, f64::from(u8::from(sum > 0.0)) - before)
}

/// Chooses `give_up` tokens to give up and returns their ids in that order.
///
/// `ids` and `offsets` hold the documents' tokens; `merges` the rows (left, right, result) in order; `n_ids` is the
/// number of ids.
///
/// # Errors
/// [`Error::Parameter`] when fewer than `keep` can remain, [`Error::Interrupted`].
pub fn prune(
    ids: &[u32],
    offsets: &[i64],
    merges: &[[u32; 3]],
    n_ids: usize,
    give_up: usize,
    price: Price,
    control: &Control,
) -> Result<Vec<u32>> {
    if ids
        .iter()
        .chain(merges.iter().flatten())
        .any(|&id| id as usize >= n_ids)
    {
        return Err(Error::Vocabulary {
            message: format!("an id is not below {n_ids}, the number of ids"),
        });
    }
    control.start("pruning", give_up as u64);
    let mut parents = vec![[NONE; 2]; n_ids];
    let mut twice = vec![false; n_ids];
    for &[left, right, result] in merges {
        let parent = &mut parents[result as usize];
        twice[result as usize] = parent[0] != NONE;
        if parent[0] == NONE {
            *parent = [left, right];
        }
    }
    let candidates: Vec<u32> = (0..n_ids as u32)
        .filter(|&id| parents[id as usize][0] != NONE && !twice[id as usize])
        .collect();
    if candidates.len() < give_up {
        return Err(Error::Parameter {
            name: "give_up",
            message: format!("{give_up} asked for, {} tokens can be given up", candidates.len()),
        });
    }
    let once = first_order(ids, offsets, &parents, &candidates, n_ids, price.novelty, control)?;
    let mut state = State {
        counts: vec![0.0; n_ids],
        n: ids.len() as f64,
        gone: vec![false; n_ids],
        parents,
        once,
        token: price.token,
        parts: Vec::new(),
        stack: Vec::new(),
    };
    for &id in ids {
        state.counts[id as usize] += 1.0;
    }
    let mut heap: BinaryHeap<Reverse<(i64, u32)>> = candidates
        .iter()
        .map(|&id| Reverse((state.cost(id), id)))
        .collect();
    let mut order = Vec::with_capacity(give_up);
    let mut n_looks = 0u32;
    while order.len() < give_up {
        let Some(Reverse((_, id))) = heap.pop() else { break };
        n_looks = n_looks.wrapping_add(1);
        if n_looks % 256 == 0 {
            control.check()?;
        }
        // What it costs now, which others that were given up may have changed.
        let now = Reverse((state.cost(id), id));
        if heap.peek().is_some_and(|next| now < *next) {
            heap.push(now);
            continue;
        }
        state.give_up(id);
        order.push(id);
        control.advance(1);
    }
    Ok(order)
}

struct State {
    counts: Vec<f64>,
    n: f64,
    gone: Vec<bool>,
    parents: Vec<[u32; 2]>,
    /// The first-order share of each token's cost.
    once: Vec<f64>,
    token: f64,
    parts: Vec<u32>,
    stack: Vec<u32>,
}

impl State {
    /// The tokens into which `id` would fall now, sorted, into `self.parts`.
    fn fall(&mut self, id: u32) {
        self.parts.clear();
        self.stack.clear();
        self.stack.extend(self.parents[id as usize]);
        while let Some(part) = self.stack.pop() {
            if self.gone[part as usize] {
                self.stack.extend(self.parents[part as usize]);
            } else {
                self.parts.push(part);
            }
        }
        self.parts.sort_unstable();
    }

    /// In units of 2⁻²⁰ bit, so that what costs the same compares as equal however it was summed up.
    fn cost(&mut self, id: u32) -> i64 {
        let count = self.counts[id as usize];
        if count == 0.0 {
            return 0;
        }
        self.fall(id);
        let more = count * (self.parts.len() - 1) as f64;
        let mut zeroth = x(self.n + more) - x(self.n) + x(count);
        for run in self.parts.chunk_by(|a, b| a == b) {
            let before = self.counts[run[0] as usize];
            zeroth -= x(before + run.len() as f64 * count) - x(before);
        }
        ((zeroth + self.once[id as usize] + self.token * more) * f64::from(1 << 20)).round() as i64
    }

    fn give_up(&mut self, id: u32) {
        self.fall(id);
        let count = std::mem::take(&mut self.counts[id as usize]);
        for &part in &self.parts {
            self.counts[part as usize] += count;
        }
        self.n += count * (self.parts.len() - 1) as f64;
        self.gone[id as usize] = true;
    }
}

/// The first-order cost of each candidate, in the stream as it is.
fn first_order(
    ids: &[u32],
    offsets: &[i64],
    parents: &[[u32; 2]],
    candidates: &[u32],
    n_ids: usize,
    novelty: f64,
    control: &Control,
) -> Result<Vec<f64>> {
    // Documents begin and end with a mark, so that every token has two neighbours.
    let mark = n_ids as u32;
    let mut keys = Vec::with_capacity(ids.len() + offsets.len());
    let mut counts = vec![0.0; n_ids + 1];
    for ends in offsets.windows(2) {
        control.check()?;
        let mut previous = mark;
        counts[mark as usize] += 1.0;
        let document = usize::try_from(ends[0])
            .ok()
            .zip(usize::try_from(ends[1]).ok())
            .and_then(|(start, end)| ids.get(start..end))
            .ok_or_else(|| Error::Vocabulary {
                message: "document offsets must not descend or pass the last id".into(),
            })?;
        for &id in document {
            keys.push(u64::from(previous) << 32 | u64::from(id));
            counts[id as usize] += 1.0;
            previous = id;
        }
        keys.push(u64::from(previous) << 32 | u64::from(mark));
    }
    keys.sort_unstable();
    control.check()?;
    let after = Rows::new(&keys, n_ids + 1);
    for key in &mut keys {
        *key = key.rotate_left(32);
    }
    keys.sort_unstable();
    control.check()?;
    let before = Rows::new(&keys, n_ids + 1);
    drop(keys);
    let mut costs = vec![0.0; n_ids];
    for (index, &id) in candidates.iter().enumerate() {
        if index % 64 == 0 {
            control.check()?;
        }
        let count = counts[id as usize];
        if count == 0.0 {
            continue;
        }
        let [left, right] = parents[id as usize];
        let (count_left, count_right) = (counts[left as usize], counts[right as usize]);
        let rows = if left == right {
            x(count_left + 2.0 * count) - x(count_left) - x(count)
        } else {
            x(count_left + count) - x(count_left) + x(count_right + count) - x(count_right) - x(count)
        };
        // The row of `id` goes: its followers now follow `right`. Its predecessors now precede `left`.
        let (gain_after, saved_after) = joined(&after, id, right, [left, id]);
        let (gain_before, saved_before) = joined(&before, id, left, [right, id]);
        // What meets in one cell from several sides: (right, left), and the inside of `id`.
        let meeting = [
            after.get(right, left),
            after.get(id, left),
            after.get(right, id),
            after.get(id, id),
        ];
        let inside = after.get(left, right);
        let (gain_cells, new_cells) = if left == right {
            let [_, rest @ ..] = meeting;
            together(&[inside, rest[0], rest[1], rest[2]], count)
        } else {
            let (gain_meeting, new_meeting) = together(&meeting, 0.0);
            let (gain_inside, new_inside) = together(&[inside], count);
            (gain_meeting + gain_inside, new_meeting + new_inside)
        };
        let cells = gain_cells + gain_after + gain_before;
        let pairs = new_cells - saved_after - saved_before;
        costs[id as usize] = rows - cells + novelty * pairs;
    }
    Ok(costs)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    const FREE: Price = Price {
        novelty: 0.0,
        token: 0.0,
    };

    #[test]
    fn a_token_that_never_stands_alone_goes_first() {
        // 0 1 are symbols, 2 = 01, 3 = 22; the text holds 3 and single symbols only.
        let merges = [[0, 1, 2], [2, 2, 3]];
        let ids = [3, 3, 3, 3, 0, 1, 3, 3];
        let gone = prune(&ids, &[0, 8], &merges, 4, 1, FREE, &Control::new()).unwrap();
        assert_eq!(gone, vec![2]);
    }

    #[test]
    fn a_price_on_tokens_saves_the_frequent_ones() {
        let merges = [[0, 1, 2], [1, 0, 3]];
        let mut ids = vec![2; 50];
        ids.extend([3; 5]);
        let price = Price {
            novelty: 0.0,
            token: 100.0,
        };
        let gone = prune(&ids, &[0, 55], &merges, 4, 1, price, &Control::new()).unwrap();
        assert_eq!(gone, vec![3]);
    }

    #[test]
    fn more_cannot_be_given_up_than_merges_have_made() {
        let fault = prune(&[0], &[0, 1], &[[0, 0, 1]], 2, 2, FREE, &Control::new());
        assert!(matches!(fault, Err(Error::Parameter { name: "give_up", .. })));
    }
}
