//! Less is Better: the longest unit of an ordered lexicon, unless the second longest leads to a better reading.

use super::Scratch;
use super::greedy::spell_gap;
use super::symbols::Alphabet;
use super::vocabulary::Vocabulary;
use crate::vocabulary::lexicon::{Lexicon, symbols};
use crate::{Control, Error, Result};

/// A lexicon whose units are tokens.
#[derive(Debug)]
pub struct Ranked {
    lexicon: Lexicon,
    /// The token of each unit, by rank.
    ids: Vec<u32>,
}

impl Ranked {
    /// The units are the tokens whose score, the rank, is not negative; the best is 0.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] when two tokens have the same rank, or one that is no whole number.
    pub fn new(vocabulary: &Vocabulary, ranks: &[f64]) -> Result<Self> {
        let fail = |message: String| Err(Error::Vocabulary { message });
        let mut units: Vec<(f64, u32, &[u8])> = Vec::new();
        for (id, &rank) in (0..vocabulary.len() as u32).zip(ranks) {
            let Some(bytes) = vocabulary.bytes(id) else {
                continue;
            };
            if rank >= 0.0 && vocabulary.find(bytes) == id {
                if rank.fract() != 0.0 {
                    return fail(format!("scores: the rank {rank} of id {id} is no whole number"));
                }
                units.push((rank, id, bytes));
            }
        }
        units.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        if let Some(pair) = units
            .windows(2)
            .find(|pair| pair[0].0.total_cmp(&pair[1].0).is_eq())
        {
            return fail(format!(
                "scores: ids {} and {} have the same rank {}",
                pair[0].1, pair[1].1, pair[0].0
            ));
        }
        let mut text = Vec::new();
        let mut spelled: Vec<Vec<u32>> = Vec::with_capacity(units.len());
        for &(_, _, bytes) in &units {
            symbols(bytes, &mut text);
            spelled.push(text.clone());
        }
        let mut lexicon = Lexicon::new(spelled.iter().map(Vec::len).max().unwrap_or(0));
        for unit in &spelled {
            lexicon.append(unit);
        }
        Ok(Self {
            lexicon,
            ids: units.into_iter().map(|(_, id, _)| id).collect(),
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
        let mut start = 0;
        for (end, rank) in self.lexicon.segment(pretoken, control)? {
            match rank {
                Some(rank) => scratch.ids.push(self.ids[rank as usize]),
                None => spell_gap(pretoken, start, end, alphabet, scratch)?,
            }
            start = end;
        }
        Ok(())
    }
}
