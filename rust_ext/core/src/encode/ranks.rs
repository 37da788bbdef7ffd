//! tiktoken's rule as a merge list: there, the rank of a pair is the id of the bytes it makes.
//!
//! Under that rule only one pair can ever make a given token: two symbols that stand side by side were formed
//! without looking across the border between them, so the same steps happen on the token's bytes alone, and
//! those end in one last pair. A vocabulary's merge list is therefore the last pair of each token's own
//! encoding; a token whose bytes do not end in one symbol has none.
//!
//! Published vocabularies that were extended later (Llama 3, Qwen) have tokens whose parts rank above them: their
//! list uses tokens that only a later merge makes, and the order is not one that training could have found.

use super::pairs::NONE;
use super::vocabulary::Vocabulary;
use crate::{Control, Error, Result};

/// The merges `(left, right, result)` of a vocabulary of ranks, by ascending result.
///
/// # Errors
/// [`Error::Vocabulary`] when one of the 256 bytes has no token, or [`Error::Interrupted`].
pub fn merges_of_ranks(vocabulary: &Vocabulary, control: &Control) -> Result<Vec<[u32; 3]>> {
    let mut bytes = [NONE; 256];
    for (byte, id) in bytes.iter_mut().enumerate() {
        *id = vocabulary.find(&[byte as u8]);
        if *id == NONE {
            return Err(Error::Vocabulary {
                message: format!("byte 0x{byte:02x} has no token; a vocabulary of ranks needs all 256 bytes"),
            });
        }
    }
    let mut merges = Vec::with_capacity(vocabulary.len());
    let mut ends: Vec<usize> = Vec::new();
    for id in 0..vocabulary.len() as u32 {
        if id % 4096 == 0 {
            control.check()?;
        }
        let Some(token) = vocabulary.bytes(id) else {
            continue;
        };
        if token.len() < 2 || vocabulary.find(token) != id {
            continue;
        }
        if let Some(middle) = last_pair(vocabulary, token, &mut ends) {
            merges.push([
                vocabulary.find(&token[..middle]),
                vocabulary.find(&token[middle..]),
                id,
            ]);
        }
    }
    Ok(merges)
}

/// Where the last merge of `token`'s own encoding joins, if the encoding is one token. `ends` is scratch.
fn last_pair(vocabulary: &Vocabulary, token: &[u8], ends: &mut Vec<usize>) -> Option<usize> {
    ends.clear();
    ends.extend(1..=token.len());
    let start = |ends: &[usize], i: usize| if i == 0 { 0 } else { ends[i - 1] };
    let mut ranks: Vec<u32> = (0..token.len() - 1)
        .map(|i| vocabulary.find(&token[i..i + 2]))
        .collect();
    while ends.len() > 2 {
        let (at, &best) = ranks.iter().enumerate().min_by_key(|&(_, &rank)| rank)?;
        if best == NONE {
            return None;
        }
        ends.remove(at);
        ranks.remove(at);
        if at < ranks.len() {
            ranks[at] = vocabulary.find(&token[start(ends, at)..ends[at + 1]]);
        }
        if at > 0 {
            ranks[at - 1] = vocabulary.find(&token[start(ends, at - 1)..ends[at]]);
        }
    }
    Some(ends[0])
}
