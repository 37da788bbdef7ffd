//! PickyBPE: plain BPE that splits a token again once nearly all of it has gone into a longer one.
//!
//! After each merge (a, b) that was carried out c times, each of a and b, if it is longer than one symbol and
//! occurred n times before, is deleted when c / n reaches τ: its remaining occurrences are split. A deleted
//! token may be made again. Every merge makes more of a longest token, so the run ends for every τ.

use super::Engine;
use crate::{Control, Error, Result};

/// What becomes of the remaining occurrences of a deleted token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// The initial symbols ("blowup").
    Symbols,
    /// The pair that first made it, whether its tokens are in the vocabulary or not.
    Pair,
    /// The pair that first made it, each of the two again split as long as it is not in the vocabulary.
    Present,
}

/// When a part of a merged pair is deleted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deletion {
    /// The share of a token that must have gone into the merge.
    pub tau: f64,
    /// Whether the share must exceed τ (the original PickyBPE) or reach it (the BoundlessBPE family).
    pub strict: bool,
    /// What is left of it.
    pub parts: Parts,
}

impl Deletion {
    /// Whether a token of which `n` occurred before a merge that was made `count` times is deleted. A pair of two
    /// equal tokens uses up two of them each time, which the original takes into account.
    pub fn takes(&self, count: u64, n: u64, is_double: bool) -> bool {
        if self.strict {
            count as f64 / (n - if is_double { count } else { 0 }) as f64 > self.tau
        } else {
            count as f64 / n as f64 >= self.tau
        }
    }
}

/// What a run did, step by step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Operations {
    /// Whether the step is a deletion.
    pub is_deletion: Vec<bool>,
    /// The token that was made or deleted.
    pub token: Vec<u32>,
    /// The pair that was merged, or the parts of a deleted token.
    pub parts: Vec<u32>,
    /// `n + 1` positions in `parts`.
    pub offsets: Vec<u64>,
    /// How often the pair was merged, or how many occurrences of the token were left to be split.
    pub count: Vec<u64>,
    /// Tokens of each group's text after each step: `steps × groups`, steps outermost.
    pub lengths: Vec<u64>,
}

impl Operations {
    fn push(&mut self, is_deletion: bool, token: u32, parts: &[u32], count: u64, engine: &Engine) {
        if self.offsets.is_empty() {
            self.offsets.push(0);
        }
        self.is_deletion.push(is_deletion);
        self.token.push(token);
        self.parts.extend_from_slice(parts);
        self.offsets.push(self.parts.len() as u64);
        self.count.push(count);
        self.lengths.extend_from_slice(engine.lengths());
    }
}

/// Which tokens are there, and of what they were first made.
pub(super) struct Presence {
    is_present: Vec<bool>,
    n_present: u64,
    made_of: Vec<Option<(u32, u32)>>,
}

impl Presence {
    pub(super) fn new(n_ids: usize) -> Self {
        Self {
            is_present: vec![true; n_ids],
            n_present: n_ids as u64,
            made_of: vec![None; n_ids],
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.n_present
    }

    pub(super) fn add(&mut self, token: u32, left: u32, right: u32) {
        let at = token as usize;
        if at >= self.is_present.len() {
            self.is_present.resize(at + 1, false);
            self.made_of.resize(at + 1, None);
        }
        self.made_of[at].get_or_insert((left, right));
        self.n_present += u64::from(!self.is_present[at]);
        self.is_present[at] = true;
    }

    pub(super) fn remove(&mut self, token: u32) {
        self.n_present -= u64::from(self.is_present[token as usize]);
        self.is_present[token as usize] = false;
    }

    /// Into what a token is split.
    pub(super) fn parts(&self, token: u32, parts: Parts, engine: &Engine) -> Vec<u32> {
        let (Some((left, right)), Parts::Pair | Parts::Present) = (self.made_of[token as usize], parts)
        else {
            return engine.symbols_of(token);
        };
        if parts == Parts::Pair {
            return vec![left, right];
        }
        let mut made = Vec::new();
        let mut rest = vec![right, left];
        while let Some(part) = rest.pop() {
            match self.made_of[part as usize] {
                Some((left, right)) if !self.is_present[part as usize] => rest.extend([right, left]),
                _ => made.push(part),
            }
        }
        made
    }
}

/// Merges and deletes until there are `vocab_size` tokens.
///
/// # Errors
/// [`Error::Parameter`] if the alphabet and the special tokens are more than `vocab_size`;
/// [`Error::Exhausted`] if the pairs run out, unless `allow_smaller`; [`Error::Interrupted`].
pub fn run_picky(
    engine: &mut Engine,
    vocab_size: u64,
    deletion: Deletion,
    allow_smaller: bool,
    control: &Control,
) -> Result<Operations> {
    let mut presence = Presence::new(engine.tokens().len());
    let at_start = presence.len();
    if vocab_size < at_start {
        return Err(Error::Parameter {
            name: "vocab_size",
            message: format!(
                "must be at least {at_start}, the special tokens and the alphabet together; got {vocab_size}"
            ),
        });
    }
    let mut operations = Operations::default();
    let mut furthest = at_start;
    control.start("merging", vocab_size - at_start);
    while presence.len() < vocab_size {
        control.check()?;
        let Some(best) = engine.best(None, control)? else {
            if allow_smaller {
                break;
            }
            return Err(Error::Exhausted {
                requested: vocab_size,
                possible: presence.len(),
                message: format!(
                    "no pair is left that occurs at least {} times; use more text, a smaller vocab_size or \
                     allow_smaller",
                    engine.setup().min_frequency.max(1)
                ),
            });
        };
        let (left, right) = (best.left, best.right);
        let before = [
            (left, engine.token_count(left)?),
            (right, engine.token_count(right)?),
        ];
        let merged = engine.merge(left, right, control)?;
        presence.add(merged.result, left, right);
        operations.push(false, merged.result, &[left, right], merged.count, engine);
        let is_double = left == right;
        for &(token, n) in &before[..if is_double { 1 } else { 2 }] {
            // What was there from the start stays, a special token that lends its id included.
            if u64::from(token) < at_start || !deletion.takes(merged.replaced, n, is_double) {
                continue;
            }
            let parts = presence.parts(token, deletion.parts, engine);
            let count = engine.delete(token, &parts, control)?;
            presence.remove(token);
            operations.push(true, token, &parts, count, engine);
        }
        if presence.len() > furthest {
            control.advance(presence.len() - furthest);
            furthest = presence.len();
        }
    }
    if operations.offsets.is_empty() {
        operations.offsets.push(0);
    }
    Ok(operations)
}
