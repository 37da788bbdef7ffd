//! A lazy 4-ary max-heap of (count, pair).
//!
//! The law: *an entry may over-state its pair, never under-state it; whatever can rise is pushed again.* The
//! top is compared with the pair's true count when it is asked for, and sinks if it over-states. So a falling
//! count costs nothing here, and the first top that tells the truth is the maximum.

use super::ties::Ties;
use super::tokens::Tokens;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) count: u64,
    pub(crate) key: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Heap {
    claims: Vec<Claim>,
}

#[inline]
fn above(a: Claim, b: Claim, ties: &Ties, tokens: &Tokens) -> bool {
    a.count > b.count || (a.count == b.count && ties.before(a.key, b.key, tokens))
}

impl Heap {
    pub(crate) fn clear(&mut self) {
        self.claims.clear();
    }

    pub(crate) fn top(&self) -> Option<Claim> {
        self.claims.first().copied()
    }

    pub(crate) fn claims(&self) -> &[Claim] {
        &self.claims
    }

    pub(crate) fn push(&mut self, claim: Claim, ties: &Ties, tokens: &Tokens) {
        let mut at = self.claims.len();
        self.claims.push(claim);
        while at > 0 {
            let parent = (at - 1) / 4;
            if !above(claim, self.claims[parent], ties, tokens) {
                break;
            }
            self.claims[at] = self.claims[parent];
            at = parent;
        }
        self.claims[at] = claim;
    }

    pub(crate) fn pop(&mut self, ties: &Ties, tokens: &Tokens) {
        if let Some(last) = self.claims.pop()
            && !self.claims.is_empty()
        {
            self.sink(last, ties, tokens);
        }
    }

    /// Corrects the top's count downwards.
    pub(crate) fn lower_top(&mut self, count: u64, ties: &Ties, tokens: &Tokens) {
        let claim = Claim {
            count,
            key: self.claims[0].key,
        };
        self.sink(claim, ties, tokens);
    }

    /// Puts `claim` at the top and lets it sink to its place.
    fn sink(&mut self, claim: Claim, ties: &Ties, tokens: &Tokens) {
        let claims = &mut self.claims[..];
        let mut at = 0;
        loop {
            let first = 4 * at + 1;
            if first >= claims.len() {
                break;
            }
            let mut best = first;
            for child in first + 1..(first + 4).min(claims.len()) {
                if above(claims[child], claims[best], ties, tokens) {
                    best = child;
                }
            }
            if !above(claims[best], claim, ties, tokens) {
                break;
            }
            claims[at] = claims[best];
            at = best;
        }
        claims[at] = claim;
    }
}
