//! Greedy matching: the longest token that fits, from the left, from the right, or anywhere first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use aho_corasick::{AhoCorasick, MatchKind};

use super::Scratch;
use super::lexicon::{Lexicon, findable};
use super::pairs::NONE;
use super::symbols::Alphabet;
use super::vocabulary::Vocabulary;
use crate::{Control, Error, Result};

/// How many steps pass between two looks at the control.
const CHECK_EVERY: usize = 1 << 14;

/// From one end to the other the longest token that fits.
#[derive(Debug)]
pub struct Greedy {
    automaton: AhoCorasick,
    ids: Vec<u32>,
    from_the_right: bool,
}

impl Greedy {
    /// Matches from the left, or from the right: then tokens and text are reversed.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] when the automaton cannot hold the tokens.
    pub fn new(vocabulary: &Vocabulary, width: Option<usize>, from_the_right: bool) -> Result<Self> {
        let ids = findable(vocabulary, width);
        let tokens = ids.iter().filter_map(|&id| vocabulary.bytes(id)).map(|token| {
            let mut token = token.to_vec();
            if from_the_right {
                token.reverse();
            }
            token
        });
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(tokens)
            .map_err(|error| Error::Vocabulary {
                message: format!("longest match: {error}"),
            })?;
        Ok(Self {
            automaton,
            ids,
            from_the_right,
        })
    }

    /// Appends the ids of one pretoken.
    ///
    /// # Errors
    /// [`Error::NotEncodable`] for bytes without any symbol, [`Error::Interrupted`].
    pub fn encode(
        &self,
        pretoken: &[u8],
        alphabet: &Alphabet,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        if self.from_the_right {
            return self.encode_reversed(pretoken, alphabet, scratch, control);
        }
        let mut done = 0;
        for (i, found) in self.automaton.find_iter(pretoken).enumerate() {
            if i % CHECK_EVERY == 0 {
                control.check()?;
            }
            spell_gap(pretoken, done, found.start(), alphabet, scratch)?;
            scratch.ids.push(self.ids[found.pattern().as_usize()]);
            done = found.end();
        }
        spell_gap(pretoken, done, pretoken.len(), alphabet, scratch)
    }

    fn encode_reversed(
        &self,
        pretoken: &[u8],
        alphabet: &Alphabet,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        let n = pretoken.len();
        let reversed: Vec<u8> = pretoken.iter().rev().copied().collect();
        let mut found = Vec::new();
        for (i, each) in self.automaton.find_iter(&reversed).enumerate() {
            if i % CHECK_EVERY == 0 {
                control.check()?;
            }
            found.push((n - each.end(), n - each.start(), each.pattern()));
        }
        let mut done = 0;
        for &(start, end, pattern) in found.iter().rev() {
            spell_gap(pretoken, done, start, alphabet, scratch)?;
            scratch.ids.push(self.ids[pattern.as_usize()]);
            done = end;
        }
        spell_gap(pretoken, done, n, alphabet, scratch)
    }
}

/// Appends the symbols of the stretch of a pretoken that no token covers.
pub fn spell_gap(
    pretoken: &[u8],
    start: usize,
    end: usize,
    alphabet: &Alphabet,
    scratch: &mut Scratch,
) -> Result<()> {
    if start == end {
        return Ok(());
    }
    alphabet
        .spell(&pretoken[start..end], &mut scratch.ids, &mut scratch.unknown)
        .map_err(|error| super::shifted(error, start))
}

/// Appends the ids of one pretoken: the longest token anywhere in it, the leftmost of equals, and so on to its left
/// and to its right.
///
/// All places wait in one heap with their longest token. The longest that waits is taken where it is free. What is
/// already taken is at least as long, so whoever overlaps it does so with an end: with its start, and drops out, or
/// with its last byte, and waits again with the longest token that ends before. Memory is one entry a byte.
///
/// # Errors
/// [`Error::NotEncodable`] for bytes without any symbol, [`Error::TooLarge`] for 2^32 bytes,
/// [`Error::Interrupted`].
pub fn longest_first(
    lexicon: &Lexicon,
    pretoken: &[u8],
    alphabet: &Alphabet,
    scratch: &mut Scratch,
    control: &Control,
) -> Result<()> {
    let n = pretoken.len();
    if u32::try_from(n).is_err() {
        return Err(Error::TooLarge {
            message: format!("a pretoken of {n} bytes; at most 2^32 - 1 are supported"),
        });
    }
    let entry = |start: usize, end: usize| {
        let place = lexicon.longest_prefix(&pretoken[start..end])?;
        Some((lexicon.token(place).width, Reverse(start as u32), place))
    };
    let widest = lexicon.widest();
    let mut waiting = Vec::with_capacity(n);
    for start in 0..n {
        if start % CHECK_EVERY == 0 {
            control.check()?;
        }
        waiting.extend(entry(start, n.min(start + widest)));
    }
    let mut heap = BinaryHeap::from(waiting);
    let mut taken = vec![false; n];
    let mut starts = vec![NONE; n];
    let mut steps = 0usize;
    while let Some((width, Reverse(start), place)) = heap.pop() {
        steps += 1;
        if steps % CHECK_EVERY == 0 {
            control.check()?;
        }
        let start = start as usize;
        let end = start + width as usize;
        if taken[start] {
            continue;
        }
        if taken[end - 1] {
            let free = taken[start..end].iter().take_while(|&&taken| !taken).count();
            heap.extend(entry(start, start + free));
            continue;
        }
        taken[start..end].fill(true);
        starts[start] = place;
    }
    let (mut at, mut done) = (0, 0);
    while at < n {
        if starts[at] == NONE {
            at += 1;
            continue;
        }
        let token = lexicon.token(starts[at]);
        spell_gap(pretoken, done, at, alphabet, scratch)?;
        scratch.ids.push(token.id);
        at += token.width as usize;
        done = at;
    }
    spell_gap(pretoken, done, n, alphabet, scratch)
}
