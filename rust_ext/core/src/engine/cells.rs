//! The words: one array of {symbol, weight} over all initial symbols of all unique words.
//!
//! Words stand between [`EDGE`] cells. A token is written at the first and, marked [`LAST`], at the last cell it
//! covers (a token of one cell without the mark); the cells between hold [`INSIDE`]. So a cell that holds a token
//! unmarked is where it starts, which a stale position relies on where tokens can be split again. A token's length in cells follows from its id, so neighbours need no links: the
//! token on the right starts behind the last cell, and the cell before the first names the token on the left.
//! Words of one symbol never meet a neighbour and are only counted.

use super::alphabet::{Alphabet, Piece};
use super::pages;
use super::tokens::Tokens;
use crate::{Control, Error, PretokenCounts, Result};

/// Marks the last cell of a token of several.
pub(crate) const LAST: u32 = 1 << 31;
/// Between words.
pub(crate) const EDGE: u32 = LAST - 1;
/// Inside a token of more than two cells.
pub(crate) const INSIDE: u32 = EDGE - 1;

#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Cell {
    pub(crate) symbol: u32,
    /// How often the word occurs, in which groups: decoded by [`Weights`].
    pub(crate) weight: u32,
}

/// What the cells' weights mean. A word of one group with a small count says so in the weight itself
/// (count above, group in the low bits); any other weight is the index of an entry here.
#[derive(Debug)]
pub(crate) struct Weights {
    group_bits: u32,
    totals: Vec<u64>,
    starts: Vec<u64>,
    groups: Vec<u32>,
    counts: Vec<u64>,
}

const INDEX: u32 = 1 << 31;

impl Weights {
    pub(super) fn new(n_groups: usize) -> Self {
        Self {
            group_bits: n_groups.next_power_of_two().ilog2(),
            totals: Vec::new(),
            starts: vec![0],
            groups: Vec::new(),
            counts: Vec::new(),
        }
    }

    pub(super) fn encode(&mut self, counts: &PretokenCounts, row: usize) -> Result<u32> {
        let mut rest = counts.cells(row);
        if let (Some((group, count)), None) = (rest.next(), rest.next())
            && count < 1 << (31 - self.group_bits)
        {
            return Ok((count as u32) << self.group_bits | group);
        }
        let index = self.totals.len() as u32;
        if index >= INDEX {
            return Err(Error::TooLarge {
                message: "more than 2^31 pretokens occur in several groups".into(),
            });
        }
        let mut total = 0;
        for (group, count) in counts.cells(row) {
            total += count;
            self.groups.push(group);
            self.counts.push(count);
        }
        self.totals.push(total);
        self.starts.push(self.groups.len() as u64);
        Ok(INDEX | index)
    }

    /// The weight of something that occurs `count` times in the only group.
    pub(super) fn encode_count(&mut self, count: u64) -> Result<u32> {
        debug_assert_eq!(self.group_bits, 0, "there is one group");
        if count < u64::from(INDEX) {
            return Ok(count as u32);
        }
        let index = self.totals.len() as u32;
        if index >= INDEX {
            return Err(Error::TooLarge {
                message: "more than 2^31 sequences occur 2^31 times".into(),
            });
        }
        self.groups.push(0);
        self.counts.push(count);
        self.totals.push(count);
        self.starts.push(self.groups.len() as u64);
        Ok(INDEX | index)
    }

    /// The count over all groups.
    #[inline]
    pub(crate) fn total(&self, weight: u32) -> u64 {
        if weight < INDEX {
            u64::from(weight >> self.group_bits)
        } else {
            self.totals[(weight & !INDEX) as usize]
        }
    }

    /// Calls `sink(group, count)` for every group, ascending.
    #[inline]
    pub(crate) fn each(&self, weight: u32, mut sink: impl FnMut(u32, u64)) {
        if weight < INDEX {
            let group = weight & ((1 << self.group_bits) - 1);
            sink(group, u64::from(weight >> self.group_bits));
        } else {
            let index = (weight & !INDEX) as usize;
            for at in self.starts[index] as usize..self.starts[index + 1] as usize {
                sink(self.groups[at], self.counts[at]);
            }
        }
    }
}

/// The words, and what was counted while they were laid out.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) cells: Vec<Cell>,
    pub(crate) weights: Weights,
    /// How often each id occurs now.
    pub(crate) token_counts: Vec<u64>,
    /// How many tokens each group's text has now.
    pub(crate) lengths: Vec<u64>,
}

impl Words {
    pub(crate) fn lay_out(
        counts: &PretokenCounts,
        alphabet: &Alphabet,
        tokens: &Tokens,
        control: &Control,
    ) -> Result<Self> {
        let n_cells = count_cells(counts, alphabet, control)?;
        let mut words = Self {
            cells: pages::vec_with_capacity(n_cells),
            weights: Weights::new(counts.groups.len()),
            token_counts: vec![0; tokens.len()],
            lengths: vec![0; counts.groups.len()],
        };
        let edge = Cell {
            symbol: EDGE,
            weight: 0,
        };
        words.cells.push(edge);
        each_row(counts, control, |row| {
            let weight = words.weights.encode(counts, row)?;
            let total = words.weights.total(weight);
            let mut n_pieces = 0u64;
            let mut start = words.cells.len();
            let (cells, token_counts) = (&mut words.cells, &mut words.token_counts);
            alphabet.split(counts.pretoken(row), |piece| {
                n_pieces += 1;
                match piece {
                    Piece::Symbol(symbol) => {
                        token_counts[symbol as usize] += total;
                        cells.push(Cell { symbol, weight });
                    }
                    Piece::Barrier(id) => {
                        token_counts[id as usize] += total;
                        close(cells, &mut start, edge);
                    }
                    // An alphabet that was chosen for these counts drops what it does not cover.
                    Piece::Missing => {}
                }
            });
            close(cells, &mut start, edge);
            for (group, count) in counts.cells(row) {
                words.lengths[group as usize] += n_pieces * count;
            }
            Ok(())
        })?;
        debug_assert!(words.cells.len() <= n_cells);
        Ok(words)
    }
}

/// Visits every row in order, reports progress in bytes and looks up from time to time.
pub(crate) fn each_row(
    counts: &PretokenCounts,
    control: &Control,
    mut visit: impl FnMut(usize) -> Result<()>,
) -> Result<()> {
    control.start("indexing", counts.arena.len() as u64);
    let mut reported = 0;
    for row in 0..counts.len() {
        if counts.offsets[row] >= reported + (1 << 18) || row == 0 {
            control.check()?;
            control.advance(counts.offsets[row] - reported);
            reported = counts.offsets[row];
        }
        visit(row)?;
    }
    Ok(())
}

/// Ends a word that started at `start`; one without a pair leaves nothing behind.
fn close(cells: &mut Vec<Cell>, start: &mut usize, edge: Cell) {
    if cells.len() - *start < 2 {
        cells.truncate(*start);
    } else {
        cells.push(edge);
        *start = cells.len();
    }
}

/// The exact size of the array plus at most one cell, so that it is allocated once.
fn count_cells(counts: &PretokenCounts, alphabet: &Alphabet, control: &Control) -> Result<usize> {
    let mut total = 2usize;
    each_row(counts, control, |row| {
        let mut run = 0usize;
        alphabet.split(counts.pretoken(row), |piece| match piece {
            Piece::Symbol(_) => run += 1,
            Piece::Barrier(_) => {
                total += if run < 2 { 0 } else { run + 1 };
                run = 0;
            }
            Piece::Missing => {}
        });
        total += if run < 2 { 0 } else { run + 1 };
        Ok(())
    })?;
    check_size(total)?;
    Ok(total)
}

/// Positions are 32-bit.
pub(super) fn check_size(total: usize) -> Result<()> {
    if total > u32::MAX as usize {
        return Err(Error::TooLarge {
            message: format!(
                "the unique pretokens hold {total} symbols, more than the {} that positions can tell apart; \
                 use a pre-tokenizer with shorter pretokens or drop the rarest",
                u32::MAX
            ),
        });
    }
    Ok(())
}
