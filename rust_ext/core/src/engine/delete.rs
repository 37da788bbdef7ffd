//! Splitting a token again, wherever it stands (PickyBPE, BoundlessBPE).

use super::Engine;
use super::cells::{Cell, EDGE, INSIDE, LAST};
use super::setup::Unit;
use super::ties::key;
use crate::{Control, Error, Result};

/// Positions between two looks at the control.
const PER_CHECK: usize = 1 << 14;

impl Engine {
    /// Replaces `token` by `parts` everywhere; returns how often it occurred. The id stays, and a later merge can
    /// make the token again.
    ///
    /// # Errors
    /// [`Error::Parameter`] where the run was not set up for it or the parts do not spell the token;
    /// [`Error::UnknownToken`], [`Error::Interrupted`].
    pub fn delete(&mut self, token: u32, parts: &[u32], control: &Control) -> Result<u64> {
        self.check_whole()?;
        self.check_id(token)?;
        for &part in parts {
            self.check_id(part)?;
        }
        self.check_parts(token, parts)?;
        self.torn = true;
        let positions = self.take_occurrences(token);
        let mut gained = Vec::with_capacity(positions.len() * (parts.len() + 1));
        let span = self.spans[token as usize] as usize;
        let mut total = 0u64;
        for chunk in positions.chunks(PER_CHECK) {
            control.check()?;
            for &position in chunk {
                let start = position as usize;
                let (before, after) = (
                    self.words.cells[start - 1].symbol & !LAST,
                    self.words.cells[start + span].symbol,
                );
                if before != EDGE {
                    // Another of these that stands before it is split already, and gone with all its pairs.
                    self.forget_pair(before, token);
                    gained.push((key(before, parts[0]), position - self.spans[before as usize]));
                }
                if after != EDGE {
                    self.forget_pair(token, after);
                }
                self.write_parts(position, parts, &mut gained);
                if after != EDGE && after != token {
                    let last = parts[parts.len() - 1];
                    let at = start + span - self.spans[last as usize] as usize;
                    gained.push((key(last, after), at as u32));
                }
                let weight = self.words.cells[start].weight;
                total += self.words.weights.total(weight);
                let (weights, lengths) = (&self.words.weights, &mut self.words.lengths);
                weights.each_with_silent(weight, |group, count| {
                    lengths[group as usize] += count * (parts.len() as u64 - 1);
                });
            }
        }
        self.words.token_counts[token as usize] -= total;
        for &part in parts {
            self.words.token_counts[part as usize] += total;
        }
        self.gain(&mut gained)?;
        self.torn = false;
        Ok(total)
    }

    /// The initial symbols that a token consists of.
    pub(super) fn symbols_of(&self, token: u32) -> Vec<u32> {
        let bytes = self.tokens.bytes(token);
        let lengths: Vec<usize> = match self.setup.unit {
            Unit::Byte => vec![1; bytes.len()],
            Unit::Character => String::from_utf8_lossy(bytes)
                .chars()
                .map(char::len_utf8)
                .collect(),
        };
        let mut start = 0;
        lengths
            .into_iter()
            .filter_map(|length| {
                start += length;
                self.tokens.id_of(&bytes[start - length..start])
            })
            .collect()
    }

    fn check_parts(&self, token: u32, parts: &[u32]) -> Result<()> {
        let refuse = |message: String| {
            Err(Error::Parameter {
                name: "delete",
                message,
            })
        };
        if self.rising.is_none() {
            return refuse("this run keeps no occurrences of tokens; set it up with deletions".into());
        }
        let spelled: Vec<u8> = parts
            .iter()
            .flat_map(|&part| self.tokens.bytes(part))
            .copied()
            .collect();
        let span: u32 = parts.iter().map(|&part| self.spans[part as usize]).sum();
        if parts.len() < 2
            || spelled != self.tokens.bytes(token)
            || span != self.spans[token as usize]
            || parts.iter().any(|&part| self.spans[part as usize] == 0)
        {
            return refuse(format!("token {token} does not consist of the parts {parts:?}"));
        }
        Ok(())
    }

    fn forget_pair(&mut self, left: u32, right: u32) {
        self.unfollow(key(left, right));
        if let Some(rising) = &mut self.rising {
            rising.forget(key(left, right));
        }
    }

    /// Writes the parts over the token at `position` and notes the pairs between them.
    fn write_parts(&mut self, position: u32, parts: &[u32], gained: &mut Vec<(u64, u32)>) {
        let cells: &mut [Cell] = &mut self.words.cells;
        let mut at = position;
        for (index, &part) in parts.iter().enumerate() {
            let span = self.spans[part as usize];
            for cell in &mut cells[at as usize..(at + span) as usize] {
                cell.symbol = INSIDE;
            }
            cells[(at + span - 1) as usize].symbol = part | LAST;
            cells[at as usize].symbol = part;
            if let Some(rising) = &mut self.rising
                && (span > 1 || self.is_locked.is_some())
            {
                rising.occurrences[part as usize].push(at);
            }
            if let Some(&next) = parts.get(index + 1) {
                gained.push((key(part, next), at));
            }
            at += span;
        }
    }
}
