//! StochasTok: after encoding, tokens fall into pairs of tokens.
//!
//! floor(p · n) times for n tokens: draw a place; if its token is a pair of tokens in at least one way, one of the ways
//! is drawn and taken. Places are counted with what has already fallen apart. Source: Sims et al. 2025.

use rustc_hash::FxHashMap;

use super::super::batch::signed;
use super::super::document::Spans;
use super::super::pairs::NONE;
use super::super::vocabulary::Vocabulary;
use super::draws::Draws;
use crate::{Control, Result};

/// Splits tokens of one document in place.
///
/// # Errors
/// [`crate::Error::Interrupted`].
pub fn split(
    vocabulary: &Vocabulary,
    p: f64,
    spans: &mut Spans,
    draws: &mut Draws,
    control: &Control,
) -> Result<()> {
    let n = spans.ids.len();
    let mut counts = Counts::ones(n);
    let mut pieces: FxHashMap<usize, Vec<u32>> = FxHashMap::default();
    #[expect(clippy::cast_sign_loss, reason = "a share of at least 0")]
    let n_steps = (p * n as f64).floor() as usize;
    for step in 0..n_steps {
        if step % (1 << 12) == 0 {
            control.check()?;
        }
        let (token, within) = counts.find(draws.below(n + counts.added));
        let held = pieces.entry(token).or_insert_with(|| vec![spans.ids[token]]);
        let Some(bytes) = vocabulary
            .bytes(held[within])
            .filter(|bytes| vocabulary.find(bytes) == held[within])
        else {
            continue;
        };
        let ways: Vec<(u32, u32)> = (1..bytes.len())
            .map(|cut| (vocabulary.find(&bytes[..cut]), vocabulary.find(&bytes[cut..])))
            .filter(|&(first, second)| first != NONE && second != NONE)
            .collect();
        if !ways.is_empty() {
            let (first, second) = ways[draws.below(ways.len())];
            held[within] = first;
            held.insert(within + 1, second);
            counts.add(token);
        }
    }
    let mut out = Spans::default();
    for (token, &id) in spans.ids.iter().enumerate() {
        let (start, end) = (spans.ends[2 * token], spans.ends[2 * token + 1]);
        let held = pieces
            .get(&token)
            .map_or(std::slice::from_ref(&id), Vec::as_slice);
        let width = |id: u32| vocabulary.bytes(id).map_or(0, |bytes| signed(bytes.len()));
        let exact = held.iter().map(|&piece| width(piece)).sum::<i64>() == end - start;
        let mut at = start;
        for &piece in held {
            out.ids.push(piece);
            // Of text that a normalizer has changed, all pieces stand for all of the stretch.
            let to = if exact { at + width(piece) } else { end };
            out.ends
                .extend(if held.len() == 1 { [start, end] } else { [at, to] });
            at = if exact { to } else { start };
        }
    }
    *spans = out;
    Ok(())
}

/// How many pieces each token has, with sums over the first ones in log n (Fenwick 1994).
struct Counts {
    sums: Vec<u32>,
    added: usize,
}

impl Counts {
    fn ones(n: usize) -> Self {
        let sums = (0..=n).map(|at| (at & at.wrapping_neg()) as u32).collect();
        Self { sums, added: 0 }
    }

    fn add(&mut self, token: usize) {
        self.added += 1;
        let mut at = token + 1;
        while at < self.sums.len() {
            self.sums[at] += 1;
            at += at & at.wrapping_neg();
        }
    }

    /// The token that holds the piece at `place`, and the piece's place in it.
    fn find(&self, mut place: usize) -> (usize, usize) {
        let mut at = 0;
        let mut step = self.sums.len().next_power_of_two();
        while step > 0 {
            if at + step < self.sums.len() && self.sums[at + step] as usize <= place {
                at += step;
                place -= self.sums[at] as usize;
            }
            step /= 2;
        }
        (at, place)
    }
}
