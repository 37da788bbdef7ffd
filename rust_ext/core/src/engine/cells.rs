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
pub(crate) use super::weights::Weights;
use crate::room::require_for_training;
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

/// The words, and what was counted while they were laid out.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) cells: Vec<Cell>,
    pub(crate) weights: Weights,
    /// How often each id occurs now.
    pub(crate) token_counts: Vec<u64>,
    /// How many tokens each group's text has now, silent groups included.
    pub(crate) lengths: Vec<u64>,
}

impl Words {
    pub(crate) fn lay_out(
        counts: &PretokenCounts,
        alphabet: &Alphabet,
        tokens: &Tokens,
        n_silent: usize,
        control: &Control,
    ) -> Result<Self> {
        let n_cells = count_cells(counts, alphabet, control)?;
        require_room(n_cells)?;
        let mut words = Self {
            cells: pages::vec_with_capacity(n_cells),
            weights: Weights::new(counts.groups.len(), n_silent),
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

/// Asks for the cells and the first positions of their pairs before taking either.
pub(super) fn require_room(n_cells: usize) -> Result<()> {
    let n_bytes = n_cells * (size_of::<Cell>() + size_of::<u32>());
    require_for_training(n_bytes, "the words of the counts")
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
