//! The state that a training run has left a text in, found by repeating its steps.
//!
//! Each step is carried out once, in order, leftmost first. Two things make that fast. A border between two bytes
//! is *closed* where no step joins a token that ends in the one with a token that begins with the other: nothing
//! ever crosses it, so what lies between two closed borders is cut by itself, and remembered. And a long stretch
//! without closed borders (one line of DNA) goes step by step through lists of places instead of a heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use super::Unit;
use super::alphabet::{Alphabet, Piece};
use super::cells::each_row;
use super::pieces::Pieces;
use super::resume::{Given, tokens_of};
use super::ties::key;
use super::tokens::Tokens;
use crate::in_order::{NEVER, Steps, join_in_order};
use crate::{Control, Error, PretokenCounts, Result};

/// What a training run did, as far as it decides how text is cut.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    /// What one initial symbol is.
    pub unit: Unit,
    /// What each id spells.
    pub given: &'a Given,
    /// Left, right and result of each step.
    pub rows: &'a [[u32; 3]],
    /// The id of byte 0's fallback token; the others follow.
    pub fallback: Option<u32>,
    /// The token that stands for symbols without one.
    pub unknown: Option<u32>,
    /// Whether a pretoken that is a token is not cut.
    pub whole_words: bool,
    /// Whether symbols without a token vanish, as they did in a training with a limited alphabet.
    pub drop: bool,
}

/// Cuts every pretoken as training has left it; returns all ids and `n + 1` positions in them.
///
/// # Errors
/// [`Error::NotEncodable`] naming a pretoken with a symbol that has no token, [`Error::Vocabulary`],
/// [`Error::TooLarge`], [`Error::Interrupted`].
pub fn replay(counts: &PretokenCounts, past: &Past<'_>, control: &Control) -> Result<(Vec<u32>, Vec<i64>)> {
    let mut replayer = Replayer::new(past)?;
    let mut ids = Vec::new();
    let mut offsets = vec![0];
    each_row(counts, control, |row| {
        replayer.cut(row, counts.pretoken(row), &mut ids, control)?;
        offsets.push(i64::try_from(ids.len()).unwrap_or(i64::MAX));
        Ok(())
    })?;
    Ok((ids, offsets))
}

/// Which steps of `past` find their pair anywhere in these counts, at any time before they are carried out.
///
/// # Errors
/// As [`replay`].
pub fn steps_met(counts: &PretokenCounts, past: &Past<'_>, control: &Control) -> Result<Vec<bool>> {
    let mut replayer = Replayer::new(past)?;
    let mut ids = Vec::new();
    each_row(counts, control, |row| {
        ids.clear();
        replayer.cut(row, counts.pretoken(row), &mut ids, control)
    })?;
    Ok(replayer.steps.met)
}

/// The steps of a training run, by pair.
struct Rows<'a> {
    steps: &'a [[u32; 3]],
    first: FxHashMap<u64, u32>,
    /// The next step that joins the same pair.
    later: Vec<u32>,
    /// Which steps were found.
    met: Vec<bool>,
}

impl<'a> Rows<'a> {
    fn new(rows: &'a [[u32; 3]]) -> Self {
        let mut first = FxHashMap::default();
        let mut later = vec![NEVER; rows.len()];
        for (step, row) in rows.iter().enumerate().rev() {
            if let Some(next) = first.insert(key(row[0], row[1]), step as u32) {
                later[step] = next;
            }
        }
        Self {
            steps: rows,
            first,
            later,
            met: vec![false; rows.len()],
        }
    }
}

impl Steps for Rows<'_> {
    fn len(&self) -> usize {
        self.steps.len()
    }

    fn find(&mut self, left: u32, right: u32, from: u32) -> u32 {
        let mut step = self.first.get(&key(left, right)).copied().unwrap_or(NEVER);
        while step < from {
            step = self.later[step as usize];
        }
        if step != NEVER {
            self.met[step as usize] = true;
        }
        step
    }

    fn result(&self, step: u32) -> u32 {
        self.steps[step as usize][2]
    }
}

/// Which borders between two bytes some step may cross.
struct Borders([[u64; 4]; 256]);

impl Borders {
    fn new(rows: &[[u32; 3]], tokens: &Tokens) -> Self {
        let mut open = [[0; 4]; 256];
        for &[left, right, _] in rows {
            if let (Some(&before), Some(&after)) = (tokens.bytes(left).last(), tokens.bytes(right).first()) {
                open[before as usize][after as usize >> 6] |= 1 << (after & 63);
            }
        }
        Self(open)
    }

    fn is_closed(&self, before: u8, after: u8) -> bool {
        self.0[before as usize][after as usize >> 6] >> (after & 63) & 1 == 0
    }
}

/// A message shows so many bytes of a pretoken.
const SHOWN: usize = 200;
/// From this many symbols on the lists of places are faster than the heap.
const LONG: usize = 1 << 15;

/// Repeats a training run on one pretoken after another.
pub(super) struct Replayer<'a> {
    tokens: Tokens,
    alphabet: Alphabet,
    whole_words: bool,
    borders: Option<Borders>,
    steps: Rows<'a>,
    word: Word,
    pieces: Pieces,
}

impl<'a> Replayer<'a> {
    pub(super) fn new(past: &Past<'a>) -> Result<Self> {
        let n_ids = past.given.ordinary.len() as u32;
        if past.rows.len() >= NEVER as usize || past.rows.iter().flatten().any(|&id| id >= n_ids) {
            return Err(Error::Vocabulary {
                message: "a merge uses an id that the vocabulary does not have".into(),
            });
        }
        let tokens = tokens_of(past.given, n_ids)?;
        // A character is never cut, and what stands beside a symbol that vanishes is not known in advance.
        let has_borders = past.unit == Unit::Byte && !past.drop;
        Ok(Self {
            alphabet: Alphabet::of_tokens(&tokens, past.unit, past.fallback, past.unknown, past.drop),
            whole_words: past.whole_words,
            borders: has_borders.then(|| Borders::new(past.rows, &tokens)),
            steps: Rows::new(past.rows),
            word: Word::default(),
            pieces: Pieces::new(),
            tokens,
        })
    }

    /// Appends the ids of a pretoken, that of number `row`.
    pub(super) fn cut(
        &mut self,
        row: usize,
        pretoken: &[u8],
        ids: &mut Vec<u32>,
        control: &Control,
    ) -> Result<()> {
        if self.whole_words
            && let Some(id) = self.tokens.id_of(pretoken)
            && self.tokens.is_ordinary(id)
        {
            ids.push(id);
            return Ok(());
        }
        let mut start = 0;
        let mut next_check = 1 << 20;
        for at in 1..=pretoken.len() {
            let ends = at == pretoken.len()
                || self
                    .borders
                    .as_ref()
                    .is_some_and(|borders| borders.is_closed(pretoken[at - 1], pretoken[at]));
            if ends {
                self.cut_piece(row, pretoken, start..at, ids, control)?;
                start = at;
                if at >= next_check {
                    next_check = at + (1 << 20);
                    control.check()?;
                }
            }
        }
        Ok(())
    }

    /// Appends the ids of a stretch between closed borders.
    fn cut_piece(
        &mut self,
        row: usize,
        pretoken: &[u8],
        range: std::ops::Range<usize>,
        ids: &mut Vec<u32>,
        control: &Control,
    ) -> Result<()> {
        let piece = &pretoken[range];
        if let Some(known) = self.pieces.get(piece) {
            ids.extend_from_slice(known);
            return Ok(());
        }
        let word = &mut self.word;
        word.ids.clear();
        let mut covered = true;
        self.alphabet.split(piece, |piece| match piece {
            Piece::Symbol(id) | Piece::Barrier(id) => word.ids.push(id),
            Piece::Missing => covered = false,
        });
        if !covered {
            return Err(Error::NotEncodable {
                document: row as u64,
                offset: 0,
                message: format!(
                    "the pretoken {:?} holds a symbol for which the tokenizer has neither a token nor an unknown \
                     token",
                    String::from_utf8_lossy(&pretoken[..pretoken.len().min(SHOWN)])
                ),
            });
        }
        if word.ids.len() >= LONG {
            join_in_order(&mut self.steps, &mut word.ids, control)?;
        } else {
            word.replay(&mut self.steps);
        }
        ids.extend_from_slice(&word.ids);
        self.pieces.put(piece, &word.ids);
        Ok(())
    }
}

/// A short stretch while its steps are repeated: a linked list of ids, and the joins that wait for their step.
#[derive(Default)]
struct Word {
    ids: Vec<u32>,
    next: Vec<u32>,
    previous: Vec<u32>,
    waiting: BinaryHeap<Reverse<(u32, u32)>>,
}

/// The id of a position that its left neighbour has swallowed.
const GONE: u32 = u32::MAX;

impl Word {
    fn replay(&mut self, steps: &mut Rows<'_>) {
        let end = self.ids.len() as u32;
        self.next.clear();
        self.next.extend(1..=end);
        self.previous.clear();
        self.previous.extend((0..end).map(|at| at.wrapping_sub(1)));
        self.waiting.clear();
        for at in 1..self.ids.len() {
            let step = steps.find(self.ids[at - 1], self.ids[at], 0);
            if step != NEVER {
                self.waiting.push(Reverse((step, at as u32 - 1)));
            }
        }
        while let Some(Reverse((step, at))) = self.waiting.pop() {
            let here = at as usize;
            let right = self.next[here];
            let [left_id, right_id, result] = steps.steps[step as usize];
            if right == end || self.ids[here] != left_id || self.ids[right as usize] != right_id {
                continue;
            }
            self.ids[here] = result;
            self.ids[right as usize] = GONE;
            self.next[here] = self.next[right as usize];
            if self.next[here] < end {
                let after = self.next[here] as usize;
                self.previous[after] = at;
                let later = steps.find(result, self.ids[after], step + 1);
                if later != NEVER {
                    self.waiting.push(Reverse((later, at)));
                }
            }
            if at > 0 {
                let before = self.previous[here];
                let later = steps.find(self.ids[before as usize], result, step + 1);
                if later != NEVER {
                    self.waiting.push(Reverse((later, before)));
                }
            }
        }
        self.ids.retain(|&id| id != GONE);
    }
}
