//! The words: one array of {symbol, weight} over all initial symbols of all unique words.
//!
//! Words stand between [`EDGE`] cells. A token is written at the first and at the last cell it covers; the cells
//! between hold [`INSIDE`]. A token's length in cells follows from its id, so neighbours need no links: the
//! token on the right starts behind the last cell, and the cell before the first names the token on the left.
//! Words of one symbol never meet a neighbour and are only counted.

use super::alphabet::{Alphabet, Piece};
use super::pages;
use super::resume::Segments;
use super::tokens::Tokens;
use crate::{Control, Error, PretokenCounts, Result};

/// Between words.
pub(crate) const EDGE: u32 = u32::MAX;
/// Inside a token of more than two cells.
pub(crate) const INSIDE: u32 = u32::MAX - 1;

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
    fn new(n_groups: usize) -> Self {
        Self {
            group_bits: n_groups.next_power_of_two().ilog2(),
            totals: Vec::new(),
            starts: vec![0],
            groups: Vec::new(),
            counts: Vec::new(),
        }
    }

    fn encode(&mut self, counts: &PretokenCounts, row: usize) -> Result<u32> {
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
        control.start("indexing", counts.len() as u64);
        for row in 0..counts.len() {
            if row % 4096 == 0 {
                control.check()?;
                control.advance(4096.min(counts.len() - row) as u64);
            }
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
        }
        debug_assert!(words.cells.len() <= n_cells);
        Ok(words)
    }
}

impl Words {
    /// Lays words out that are cut already: `spans[id]` cells per token.
    pub(crate) fn lay_out_segments(
        counts: &PretokenCounts,
        segments: &Segments,
        tokens: &Tokens,
        spans: &[u32],
        control: &Control,
    ) -> Result<Self> {
        let wrong = |row: usize| {
            Err(Error::Vocabulary {
                message: format!("the segments of pretoken {row} are not ids of the tokenizer"),
            })
        };
        let ends = &segments.offsets;
        if ends.len() != counts.len() + 1 || ends.first() != Some(&0) {
            return wrong(counts.len().min(ends.len()));
        }
        let mut words = Self {
            cells: Vec::new(),
            weights: Weights::new(counts.groups.len()),
            token_counts: vec![0; tokens.len()],
            lengths: vec![0; counts.groups.len()],
        };
        let edge = Cell {
            symbol: EDGE,
            weight: 0,
        };
        words.cells.push(edge);
        control.start("indexing", counts.len() as u64);
        let mut total_bytes = 0u64;
        for row in 0..counts.len() {
            if row % 4096 == 0 {
                control.check()?;
                control.advance(4096.min(counts.len() - row) as u64);
            }
            let weight = words.weights.encode(counts, row)?;
            let total = words.weights.total(weight);
            // Every sum of the engine is at most this one, so none of them can overflow.
            total_bytes = (counts.pretoken(row).len() as u64)
                .checked_mul(total)
                .and_then(|bytes| total_bytes.checked_add(bytes))
                .ok_or_else(|| Error::TooLarge {
                    message: format!("the counted text reaches 2^64 bytes at pretoken {row}"),
                })?;
            let range = match (usize::try_from(ends[row]), usize::try_from(ends[row + 1])) {
                (Ok(start), Ok(end)) => start..end,
                _ => return wrong(row),
            };
            let Some(ids) = segments.ids.get(range) else {
                return wrong(row);
            };
            if ids
                .iter()
                .any(|&id| id as usize >= spans.len() || spans[id as usize] == 0)
            {
                return wrong(row);
            }
            for (group, count) in counts.cells(row) {
                words.lengths[group as usize] += ids.len() as u64 * count;
            }
            for run in ids.split(|&id| !tokens.is_ordinary(id)) {
                if run.len() > 1 {
                    let cells = &mut words.cells;
                    run.iter()
                        .for_each(|&id| push_token(cells, id, spans[id as usize], weight));
                    cells.push(edge);
                }
            }
            ids.iter()
                .for_each(|&id| words.token_counts[id as usize] += total);
            check_size(words.cells.len())?;
        }
        Ok(words)
    }
}

/// Writes a token at the first and at the last of its cells.
fn push_token(cells: &mut Vec<Cell>, symbol: u32, span: u32, weight: u32) {
    let start = cells.len();
    let inside = Cell {
        symbol: INSIDE,
        weight,
    };
    cells.resize(start + span as usize, inside);
    cells[start].symbol = symbol;
    cells[start + span as usize - 1].symbol = symbol;
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
    for row in 0..counts.len() {
        if row % 4096 == 0 {
            control.check()?;
        }
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
    }
    check_size(total)?;
    Ok(total)
}

/// Positions are 32-bit.
fn check_size(total: usize) -> Result<()> {
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
