//! The most frequent pairs, for objectives that weigh several against each other.

use super::ties::pair;
use super::{Best, Engine};
use crate::{Control, Result};

impl Engine {
    /// The `k` most frequent pairs over all groups, best first; fewer when fewer reach the minimum frequency.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn top(&mut self, k: usize, control: &Control) -> Result<Vec<Best>> {
        self.check_whole()?;
        loop {
            let mut claims = Vec::with_capacity(k);
            while claims.len() < k
                && let Some(claim) = self.settle_top(None)
            {
                // A pair may have two claims; the second says the same and is let go.
                if claims
                    .last()
                    .is_none_or(|last: &super::Claim| last.key != claim.key)
                {
                    claims.push(claim);
                }
                self.heap.pop(&self.ties, &self.tokens);
            }
            for &claim in &claims {
                self.heap.push(claim, &self.ties, &self.tokens);
            }
            let threshold = match claims.last() {
                Some(last) if claims.len() == k => last.count,
                _ => self.floor,
            };
            if self.rising.is_some() && self.settle_gains(threshold)? {
                continue;
            }
            if claims.len() == k || !self.lower_floor(None, control)? {
                return Ok(claims
                    .into_iter()
                    .map(|claim| {
                        let (left, right) = pair(claim.key);
                        Best {
                            left,
                            right,
                            count: claim.count,
                        }
                    })
                    .collect());
            }
        }
    }

    /// The id that merging `left right` would give: a new one, or that of the token it spells.
    ///
    /// # Errors
    /// [`crate::Error::UnknownToken`] for an id that does not exist.
    pub fn id_of(&self, left: u32, right: u32) -> Result<u32> {
        self.check_id(left)?;
        self.check_id(right)?;
        let spelled = [self.tokens.bytes(left), self.tokens.bytes(right)].concat();
        Ok(self.tokens.id_of(&spelled).unwrap_or(self.tokens.len() as u32))
    }
}
