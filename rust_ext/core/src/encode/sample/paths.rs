//! All tokens of a pretoken as edges between its places, and random paths over them.

use super::super::Scratch;
use super::super::greedy::spell_gap;
use super::super::lattice::Lattice;
use super::super::symbols::Alphabet;
use super::draws::Draws;
use crate::{Control, Result};

/// One edge: a token by its place in the lexicon, or a character without a token.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    token: Option<u32>,
    width: usize,
    score: f64,
}

/// The edges that end at each place, the widest first.
#[derive(Debug)]
pub struct Paths {
    ways: Vec<Way>,
    /// Edges that end at place `i` are `ways[ends[i]..ends[i + 1]]`.
    ends: Vec<usize>,
    /// Whether a path leads to each place.
    reached: Vec<bool>,
}

impl Paths {
    /// Finds all edges that a path from the start can take.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn new(lattice: &Lattice, pretoken: &[u8], alphabet: &Alphabet, control: &Control) -> Result<Self> {
        let n = pretoken.len();
        let mut made = Self {
            ways: Vec::new(),
            ends: vec![0, 0],
            reached: vec![true],
        };
        let mut walk = lattice.lexicon().walk();
        let (mut unit_start, mut unit_end) = (0, alphabet.unit_width(pretoken, 0));
        for end in 1..=n {
            if end % (1 << 14) == 0 {
                control.check()?;
            }
            let first = made.ways.len();
            let mut is_unit = false;
            walk.step(pretoken[end - 1], |place| {
                let width = lattice.lexicon().token(place).width as usize;
                is_unit |= end == unit_end && width == end - unit_start;
                if made.reached[end - width] {
                    made.ways.push(Way {
                        token: Some(place),
                        width,
                        score: lattice.score(place),
                    });
                }
            });
            if end == unit_end {
                let piece = &pretoken[unit_start..end];
                if let Some(score) = lattice
                    .gap(piece, alphabet)
                    .filter(|_| !is_unit && made.reached[unit_start])
                {
                    made.ways.push(Way {
                        token: None,
                        width: piece.len(),
                        score,
                    });
                }
                unit_start = end;
                unit_end = end + alphabet.unit_width(pretoken, end);
            }
            made.ways[first..].sort_by_key(|way| std::cmp::Reverse(way.width));
            made.reached.push(made.ways.len() > first);
            made.ends.push(made.ways.len());
        }
        Ok(made)
    }

    /// The last place that a path leads to.
    pub fn reached(&self) -> usize {
        self.reached.iter().rposition(|&reached| reached).unwrap_or(0)
    }

    fn n(&self) -> usize {
        self.reached.len() - 1
    }

    fn leading_to(&self, place: usize) -> &[Way] {
        &self.ways[self.ends[place]..self.ends[place + 1]]
    }

    /// A best path; at every place one of the best ways to get there.
    pub fn tie(&self, draws: &mut Draws) -> Option<Vec<Way>> {
        let mut best = vec![0.0; self.n() + 1];
        let mut last = Vec::with_capacity(self.n() + 1);
        last.push(None);
        for place in 1..=self.n() {
            let value = |way: &Way| best[place - way.width] + way.score;
            let top = self
                .leading_to(place)
                .iter()
                .map(value)
                .fold(f64::NEG_INFINITY, f64::max);
            let equals: Vec<Way> = self
                .leading_to(place)
                .iter()
                .filter(|way| value(way) >= top)
                .copied()
                .collect();
            let chosen = match equals.len() {
                0 => None,
                1 => Some(equals[0]),
                n => Some(equals[draws.below(n)]),
            };
            best[place] = top;
            last.push(chosen);
        }
        self.back(|place| last[place])
    }

    /// A path with probability ∝ exp(α · its score): sums forwards, draws backwards.
    pub fn sample(&self, alpha: f64, draws: &mut Draws) -> Option<Vec<Way>> {
        let mut sums = vec![0.0; self.n() + 1];
        for place in 1..=self.n() {
            let ways = self.leading_to(place);
            let value = |way: &Way| sums[place - way.width] + alpha * way.score;
            let top = ways.iter().map(value).fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = ways.iter().map(|way| (value(way) - top).exp()).sum();
            sums[place] = if ways.is_empty() { top } else { top + total.ln() };
        }
        self.back(|place| {
            let ways = self.leading_to(place);
            let mut left = draws.unit();
            for way in ways {
                left -= (sums[place - way.width] + alpha * way.score - sums[place]).exp();
                if left < 0.0 {
                    return Some(*way);
                }
            }
            ways.last().copied()
        })
    }

    fn back(&self, mut last: impl FnMut(usize) -> Option<Way>) -> Option<Vec<Way>> {
        let mut path = Vec::new();
        let mut place = self.n();
        while place > 0 {
            let way = last(place)?;
            path.push(way);
            place -= way.width;
        }
        path.reverse();
        Some(path)
    }
}

/// Appends the ids of a path.
///
/// # Errors
/// [`crate::Error::NotEncodable`] for a character without any symbol.
pub fn give_out(
    lattice: &Lattice,
    pretoken: &[u8],
    path: &[Way],
    alphabet: &Alphabet,
    scratch: &mut Scratch,
) -> Result<()> {
    let (mut at, mut done) = (0, 0);
    for way in path {
        if let Some(token) = way.token {
            spell_gap(pretoken, done, at, alphabet, scratch)?;
            scratch.ids.push(lattice.lexicon().token(token).id);
            done = at + way.width;
        }
        at += way.width;
    }
    spell_gap(pretoken, done, at, alphabet, scratch)
}
