//! The best path through all tokens of a text, by dynamic programming over its places.
//!
//! A path's value is the sum of its tokens' scores. With −1 for every token the best path is the one of fewest
//! tokens. At every place the best way to get there is kept; of equals the one whose last token is widest, which is
//! also what a forward search with strict comparison keeps (Hugging Face's Unigram).
//!
//! A text without pretokens may be a whole document, so what is decided is given out early: once all the places from
//! which a path can still go on lead back to one common place, nothing before it can change. The window of undecided
//! places is looked at every 2^16 bytes and grows only while the paths have not met.

use std::cmp::Ordering;

use super::Scratch;
use super::greedy::spell_gap;
use super::lexicon::Lexicon;
use super::pairs::NONE;
use super::symbols::Alphabet;
use crate::{Control, Error, Result};

/// What an unknown character costs beside the lowest score (Hugging Face's and SentencePiece's constant).
const UNKNOWN_PENALTY: f64 = 10.0;

/// How many undecided places are gathered before paths are followed back.
const WINDOW: usize = 1 << 16;

/// Marks the symbol of a character without a token: `GAP - width`.
const GAP: u32 = NONE - 1;

/// Tokens with scores.
#[derive(Debug, Clone)]
pub struct Lattice {
    lexicon: Lexicon,
    /// By place in the lexicon.
    scores: Vec<f64>,
    /// Score of a character without a token; `None` counts the symbols that it is spelled in.
    unknown: Option<f64>,
}

/// The window of places, kept between calls.
#[derive(Debug, Default)]
pub struct Places {
    best: Vec<f64>,
    /// Which token leads here: its place in the lexicon, a gap, or [`NONE`] where no path leads.
    last: Vec<u32>,
    path: Vec<u32>,
}

impl Lattice {
    /// Every token counts −1.
    pub fn fewest(lexicon: Lexicon) -> Self {
        Self {
            scores: vec![-1.0; lexicon.tokens().len()],
            unknown: None,
            lexicon,
        }
    }

    /// `scores` are by id.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] when a token has no finite score.
    pub fn with_scores(lexicon: Lexicon, scores: &[f64]) -> Result<Self> {
        let of = |id: u32| scores.get(id as usize).copied().filter(|score| score.is_finite());
        let missing = lexicon.tokens().iter().find(|token| of(token.id).is_none());
        if let Some(token) = missing {
            return Err(Error::Vocabulary {
                message: format!("token {} has no finite score", token.id),
            });
        }
        let scores: Vec<f64> = lexicon.tokens().iter().filter_map(|token| of(token.id)).collect();
        let lowest = scores.iter().copied().fold(f64::INFINITY, f64::min);
        let unknown = if scores.is_empty() { 0.0 } else { lowest };
        Ok(Self {
            lexicon,
            scores,
            unknown: Some(unknown - UNKNOWN_PENALTY),
        })
    }

    /// The automaton of the tokens.
    pub fn lexicon(&self) -> &Lexicon {
        &self.lexicon
    }

    /// The score of a token by its place in the lexicon.
    pub fn score(&self, place: u32) -> f64 {
        self.scores[place as usize]
    }

    /// The score of the symbols of a character without a token; `None` where it has no symbol.
    pub fn gap(&self, piece: &[u8], alphabet: &Alphabet) -> Option<f64> {
        let n = alphabet.n_symbols(piece)?;
        Some(self.unknown.unwrap_or(-(n as f64)))
    }

    /// Appends the ids of one pretoken.
    ///
    /// # Errors
    /// [`Error::NotEncodable`] at the last byte that a path reaches, [`Error::Interrupted`].
    pub fn encode(
        &self,
        pretoken: &[u8],
        alphabet: &Alphabet,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        let mut places = std::mem::take(&mut scratch.places);
        let result = self.find(pretoken, alphabet, &mut places, scratch, control);
        scratch.places = places;
        result
    }

    fn find(
        &self,
        pretoken: &[u8],
        alphabet: &Alphabet,
        places: &mut Places,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        let n = pretoken.len();
        let Places { best, last, path } = places;
        best.clear();
        last.clear();
        best.push(0.0);
        last.push(GAP);
        // Place `base` is the first of the window. No gap ends there: gaps are spelled as a whole.
        let mut base = 0;
        let mut next_look = WINDOW;
        let mut walk = self.lexicon.walk();
        let (mut unit_start, mut unit_end) = (0, alphabet.unit_width(pretoken, 0));
        for end in 1..=n {
            let mut value = f64::NEG_INFINITY;
            let mut token = NONE;
            let mut width = 0;
            let mut is_unit = false;
            walk.step(pretoken[end - 1], |place| {
                let each = self.lexicon.token(place).width as usize;
                is_unit |= each == end - unit_start && end == unit_end;
                let start = (end - each).wrapping_sub(base);
                // A place before the window is on no open path.
                if start >= last.len() || last[start] == NONE {
                    return;
                }
                let candidate = best[start] + self.scores[place as usize];
                if is_better(candidate, each, value, width) {
                    (value, token, width) = (candidate, place, each);
                }
            });
            if end == unit_end {
                let start = unit_start.wrapping_sub(base);
                if !is_unit && start < last.len() && last[start] != NONE {
                    let piece = &pretoken[unit_start..end];
                    if let Some(score) = self.gap(piece, alphabet) {
                        let candidate = best[start] + score;
                        if is_better(candidate, piece.len(), value, width) {
                            (value, token) = (candidate, GAP - piece.len() as u32);
                        }
                    }
                }
                unit_start = end;
                unit_end = end + alphabet.unit_width(pretoken, end);
            }
            best.push(value);
            last.push(token);
            if end - base == next_look && end < n {
                control.check()?;
                let met = self.meeting_place(last, path);
                let Some(mut met) = met else {
                    return Err(unreachable(last, base));
                };
                while met > 0 && last[met] >= GAP - 4 {
                    met -= self.width(last[met]);
                }
                if met == 0 {
                    next_look *= 2;
                } else {
                    self.give_out(
                        &pretoken[base..base + met],
                        base,
                        &last[..=met],
                        path,
                        alphabet,
                        scratch,
                    )?;
                    best.drain(..met);
                    last.drain(..met);
                    base += met;
                    next_look = WINDOW.max(2 * (end - base));
                }
            }
        }
        if last[n - base] == NONE {
            return Err(unreachable(last, base));
        }
        self.give_out(&pretoken[base..], base, last, path, alphabet, scratch)
    }

    /// How many bytes the way into a place covers.
    fn width(&self, last: u32) -> usize {
        if last >= GAP - 4 {
            (GAP - last) as usize
        } else {
            self.lexicon.token(last).width as usize
        }
    }

    /// The last place that all paths which can still go on have in common; `None` when no path can.
    fn meeting_place(&self, last: &[u32], on_path: &mut Vec<u32>) -> Option<usize> {
        let end = last.len() - 1;
        let reach = self.lexicon.widest().max(4);
        on_path.clear();
        on_path.resize(last.len(), 0);
        let mut open = 0usize;
        for place in (end + 1).saturating_sub(reach)..=end {
            if last[place] != NONE {
                on_path[place] = 1;
                open += 1;
            }
        }
        if open == 0 {
            return None;
        }
        let mut place = end;
        loop {
            if on_path[place] == 1 {
                if open == 1 {
                    return Some(place);
                }
                let before = place - self.width(last[place]);
                if on_path[before] == 1 {
                    open -= 1;
                } else {
                    on_path[before] = 1;
                }
            }
            place -= 1;
        }
    }

    /// Appends the ids of the path that ends at the last place; `text` is what the places lie in.
    fn give_out(
        &self,
        text: &[u8],
        at: usize,
        last: &[u32],
        path: &mut Vec<u32>,
        alphabet: &Alphabet,
        scratch: &mut Scratch,
    ) -> Result<()> {
        path.clear();
        let mut place = text.len();
        while place > 0 {
            path.push(last[place]);
            place -= self.width(last[place]);
        }
        // Neighbouring gaps are spelled together, because unknown characters may share a token.
        let mut done = 0;
        for &way in path.iter().rev() {
            let width = self.width(way);
            if way < GAP - 4 {
                spell_gap(text, done, place, alphabet, scratch).map_err(|error| super::shifted(error, at))?;
                scratch.ids.push(self.lexicon.token(way).id);
                done = place + width;
            }
            place += width;
        }
        spell_gap(text, done, place, alphabet, scratch).map_err(|error| super::shifted(error, at))
    }
}

/// Whether a way into a place beats another: by its value, of equal ones by the width of its last token.
#[inline]
fn is_better(value: f64, width: usize, than: f64, than_width: usize) -> bool {
    match value.partial_cmp(&than) {
        Some(Ordering::Greater) => true,
        Some(Ordering::Equal) => width > than_width,
        _ => false,
    }
}

fn unreachable(last: &[u32], base: usize) -> Error {
    let reached = last.iter().rposition(|&way| way != NONE).unwrap_or(0);
    Error::NotEncodable {
        document: 0,
        offset: (base + reached) as u64,
        message: "no sequence of tokens goes on from here, and there is no unknown token".into(),
    }
}
