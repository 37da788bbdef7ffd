//! `SaGe`: how much worse a skip-gram model explains the text when a token is taken away.
//!
//! A line is cut into the longest tokens that fit, from left to right (inside of pretokens, if there are any). For
//! every occurrence of a token of more than one byte the cut is repeated without it: first the longest shorter
//! token, then as always until the next boundary of the first cut. Both stretches are looked at with up to two
//! tokens of the first cut at each side: every ordered pair of tokens at most two apart, not both outside of the
//! stretch, is worth `log σ(E_a · E_b)`. The loss of the token is the sum over its occurrences of the first cut's
//! worth minus the other one's.
//!
//! Worths are added as integers of 2^-40, so that sums do not depend on their order and equal pairs cancel exactly.
//!
//! Source: Yehezkel and Pinter 2023, arXiv 2210.07095, equation 1.

use super::lines::Lines;
use super::skipgram::{self, Parameters};
use super::trie::Trie;
use super::{NONE, Tokens, parallel};
use crate::{Control, Pretokenizer, Result};

/// Tokens beside the stretch that belong to its context, and how far apart a pair may be.
const PAD: usize = 2;
/// One in the units of the sums.
const ONE: f64 = (1u64 << 40) as f64;
const LANES: usize = 4;
/// Lines that one thread takes at a time.
const BLOCK: usize = 256;

/// What one pass over the text has found.
#[derive(Debug, Clone, PartialEq)]
pub struct Losses {
    /// For each token the loss in nats; 0 for single bytes and tokens that do not occur.
    pub losses: Vec<f64>,
    /// How often each token occurs.
    pub uses: Vec<u64>,
}

/// The tokens that are there, and how text is cut into them.
pub struct Cutter {
    trie: Trie,
    n_tokens: usize,
    longest: usize,
    lengths: Vec<u32>,
    pretokenizer: Option<Pretokenizer>,
}

impl Cutter {
    /// Uses the tokens that are `alive`; text is cut into pretokens first, unless that is `none`.
    ///
    /// # Errors
    /// [`crate::Error::Vocabulary`] when a byte has no token; errors of the pre-tokenizer.
    pub fn new(tokens: Tokens<'_>, alive: &[bool], pretokenizer: &str) -> Result<Self> {
        tokens.bytes()?;
        let lengths: Vec<u32> = (0..tokens.len()).map(|i| tokens.get(i).len() as u32).collect();
        let parsed = Pretokenizer::parse(pretokenizer)?;
        Ok(Self {
            trie: Trie::new(tokens, |i| alive[i] || lengths[i] == 1),
            n_tokens: tokens.len(),
            longest: tokens.longest(),
            pretokenizer: (parsed.spec() != "none").then_some(parsed),
            lengths,
        })
    }

    /// The ids of all lines, and the positions where each line's begin and the last one's end.
    ///
    /// # Errors
    /// Errors of the pre-tokenizer, [`crate::Error::Interrupted`].
    pub fn encode(&self, lines: &Lines, threads: usize, control: &Control) -> Result<(Vec<u32>, Vec<usize>)> {
        control.start("encoding", lines.len() as u64);
        let parts = parallel::blocks(
            lines.len(),
            BLOCK,
            threads,
            control,
            Cut::default,
            |cut, range| {
                let (mut ids, mut lengths) = (Vec::new(), Vec::with_capacity(range.len()));
                control.advance(range.len() as u64);
                for i in range {
                    self.cut(lines.get(i), cut)?;
                    ids.extend_from_slice(&cut.ids);
                    lengths.push(cut.ids.len());
                }
                Ok((ids, lengths))
            },
        )?;
        let (mut ids, mut ends) = (Vec::new(), vec![0]);
        for (part, lengths) in parts {
            let mut end = ids.len();
            ids.extend_from_slice(&part);
            ends.extend(lengths.into_iter().map(|length| {
                end += length;
                end
            }));
        }
        Ok((ids, ends))
    }

    /// Vectors of all tokens, from the lines as they are cut now: row `i` belongs to token `i`, alive or not.
    ///
    /// # Errors
    /// As [`Cutter::encode`].
    pub fn vectors(
        &self,
        lines: &Lines,
        p: &Parameters,
        threads: usize,
        control: &Control,
    ) -> Result<Vec<f32>> {
        let (ids, ends) = self.encode(lines, threads, control)?;
        skipgram::train(&ids, &ends, self.n_tokens, p, control)
    }

    /// The loss of every token under `vectors`, rows of `dimensions` numbers by token id.
    ///
    /// # Errors
    /// As [`Cutter::encode`].
    pub fn losses(
        &self,
        lines: &Lines,
        vectors: &[f32],
        dimensions: usize,
        threads: usize,
        control: &Control,
    ) -> Result<Losses> {
        control.start("pruning", lines.len() as u64);
        let pairs = Pairs::new(vectors, dimensions);
        let sums = std::sync::Mutex::new((vec![0i128; self.n_tokens], vec![0u64; self.n_tokens]));
        // A thread's own sums go into the common ones when it ends; integers, so in any order.
        let make = || Own {
            sums: vec![0; self.n_tokens],
            uses: vec![0; self.n_tokens],
            common: &sums,
            cut: Cut::default(),
        };
        parallel::blocks(lines.len(), BLOCK, threads, control, make, |own, range| {
            control.advance(range.len() as u64);
            for i in range {
                self.cut(lines.get(i), &mut own.cut)?;
                self.compare(lines.get(i), own, &pairs);
            }
            Ok(())
        })?;
        let (sums, uses) = sums
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(Losses {
            losses: sums.into_iter().map(|sum| sum as f64 / ONE).collect(),
            uses,
        })
    }

    /// Cuts one line into the longest tokens that fit.
    fn cut(&self, line: &[u8], cut: &mut Cut) -> Result<()> {
        cut.ids.clear();
        cut.pieces.clear();
        cut.token_at.clear();
        cut.token_at.resize(line.len() + 1, NONE);
        let mut start = 0;
        let mut piece = |bytes: &[u8]| {
            let end = start + bytes.len();
            let first = cut.ids.len();
            while start < end {
                let (token, length) = self.trie.longest(&line[start..end], self.longest);
                cut.token_at[start] = cut.ids.len() as u32;
                cut.ids.push(token);
                start += length;
            }
            cut.pieces.push((first, end));
        };
        match &self.pretokenizer {
            None => piece(line),
            Some(pretokenizer) => pretokenizer.for_each(line, piece)?,
        }
        cut.token_at[line.len()] = cut.ids.len() as u32;
        Ok(())
    }

    /// Adds up what the loss of each occurrence of a token would change.
    fn compare(&self, line: &[u8], own: &mut Own<'_>, pairs: &Pairs) {
        let Own { sums, uses, cut, .. } = own;
        let Cut {
            ids,
            pieces,
            token_at,
            with,
            without,
        } = cut;
        let mut start = 0;
        for (number, &(first, end)) in pieces.iter().enumerate() {
            let last = pieces.get(number + 1).map_or(ids.len(), |&(next, _)| next);
            for place in first..last {
                let token = ids[place];
                let length = self.lengths[token as usize] as usize;
                uses[token as usize] += 1;
                if length > 1 {
                    let before = place.saturating_sub(PAD)..place;
                    without.clear();
                    without.extend_from_slice(&ids[before.clone()]);
                    let (shorter, shorter_length) = self.trie.longest(&line[start..], length - 1);
                    without.push(shorter);
                    let mut at = start + shorter_length;
                    // The end of the pretoken is a boundary of the first cut, so this ends there at the latest.
                    while token_at[at] == NONE {
                        let (next, next_length) = self.trie.longest(&line[at..end], self.longest);
                        without.push(next);
                        at += next_length;
                    }
                    let beyond = token_at[at] as usize;
                    let after = beyond..(beyond + PAD).min(ids.len());
                    without.extend_from_slice(&ids[after.clone()]);
                    with.clear();
                    with.extend_from_slice(&ids[before.start..after.end]);
                    let worth = pairs.worth(with, before.len(), after.len())
                        - pairs.worth(without, before.len(), after.len());
                    sums[token as usize] += i128::from(worth);
                }
                start += length;
            }
        }
    }
}

#[derive(Default)]
struct Cut {
    ids: Vec<u32>,
    /// First token and end of each pretoken.
    pieces: Vec<(usize, usize)>,
    /// For each byte (and the end) the number of the token that begins there.
    token_at: Vec<u32>,
    with: Vec<u32>,
    without: Vec<u32>,
}

struct Own<'a> {
    sums: Vec<i128>,
    uses: Vec<u64>,
    common: &'a std::sync::Mutex<(Vec<i128>, Vec<u64>)>,
    cut: Cut,
}

impl Drop for Own<'_> {
    fn drop(&mut self) {
        let mut common = self
            .common
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for (sum, own) in common.0.iter_mut().zip(&self.sums) {
            *sum += own;
        }
        for (sum, own) in common.1.iter_mut().zip(&self.uses) {
            *sum += own;
        }
    }
}

/// `log σ` of the products of vectors.
struct Pairs {
    rows: Vec<f64>,
    width: usize,
}

impl Pairs {
    fn new(vectors: &[f32], dimensions: usize) -> Self {
        let width = dimensions.next_multiple_of(LANES);
        let mut rows = vec![0f64; vectors.len() / dimensions * width];
        for (row, vector) in rows.chunks_exact_mut(width).zip(vectors.chunks_exact(dimensions)) {
            for (value, &given) in row.iter_mut().zip(vector) {
                *value = f64::from(given);
            }
        }
        Self { rows, width }
    }

    /// The worth of all ordered pairs of a stretch that has `left` and `right` tokens of context.
    #[inline]
    fn worth(&self, tokens: &[u32], left: usize, right: usize) -> i64 {
        let mut sum = 0;
        for a in 0..tokens.len() {
            for b in a + 1..(a + PAD + 1).min(tokens.len()) {
                let outside = |at: usize| at < left || at >= tokens.len() - right;
                if !(outside(a) && outside(b)) {
                    sum += self.pair(tokens[a], tokens[b]);
                }
            }
        }
        2 * sum
    }

    #[inline]
    fn pair(&self, a: u32, b: u32) -> i64 {
        let row = |token: u32| &self.rows[token as usize * self.width..(token as usize + 1) * self.width];
        let mut sums = [0f64; LANES];
        for (a, b) in row(a).chunks_exact(LANES).zip(row(b).chunks_exact(LANES)) {
            for lane in 0..LANES {
                sums[lane] += a[lane] * b[lane];
            }
        }
        let product = (sums[0] + sums[2]) + (sums[1] + sums[3]);
        let worth = if product >= 0.0 {
            -(-product).exp().ln_1p()
        } else {
            product - product.exp().ln_1p()
        };
        (worth * ONE).round() as i64
    }
}
