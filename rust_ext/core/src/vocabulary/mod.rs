//! Training that starts from a large vocabulary and takes tokens away, or that keeps a lexicon with a memory.
//!
//! One file per method: [`pathpiece`] drops the tokens whose loss costs the fewest further tokens, [`sage`] those
//! whose contexts a skip-gram model ([`skipgram`]) would rather do without, [`lexicon`] (Less is Better) orders
//! units by how often they shorten a reading. [`ngrams`] finds a vocabulary to start from, [`lines`] a sample of
//! running text that does not depend on the order of files.

pub mod lexicon;
pub mod lines;
pub mod ngrams;
mod parallel;
pub mod pathpiece;
mod random;
pub mod sage;
pub mod skipgram;
mod trie;

/// No token.
pub const NONE: u32 = u32::MAX;

/// The bytes of tokens: token `i` is `arena[offsets[i]..offsets[i + 1]]`.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a> {
    arena: &'a [u8],
    offsets: &'a [i64],
}

impl<'a> Tokens<'a> {
    /// Takes tokens that lie back to back.
    ///
    /// # Errors
    /// [`crate::Error::Vocabulary`] unless the offsets run from 0 to the end of the arena and ascend strictly.
    pub fn new(arena: &'a [u8], offsets: &'a [i64]) -> crate::Result<Self> {
        let ends_there = offsets
            .last()
            .is_some_and(|&end| usize::try_from(end) == Ok(arena.len()));
        if offsets.first() != Some(&0) || !ends_there || offsets.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(crate::Error::Vocabulary {
                message: "token offsets must start at 0, ascend and end at the arena's length".into(),
            });
        }
        Ok(Self { arena, offsets })
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of token `i`.
    #[expect(
        clippy::cast_sign_loss,
        reason = "`new` has checked that no offset is negative"
    )]
    pub fn get(&self, i: usize) -> &'a [u8] {
        &self.arena[self.offsets[i] as usize..self.offsets[i + 1] as usize]
    }

    /// Length of the longest token.
    pub fn longest(&self) -> usize {
        (0..self.len()).map(|i| self.get(i).len()).max().unwrap_or(0)
    }

    /// The ids of the 256 single bytes.
    ///
    /// # Errors
    /// [`crate::Error::Vocabulary`] naming the first byte without a token.
    pub fn bytes(&self) -> crate::Result<[u32; 256]> {
        let mut ids = [NONE; 256];
        for i in 0..self.len() {
            if let &[byte] = self.get(i) {
                ids[usize::from(byte)] = i as u32;
            }
        }
        match ids.iter().position(|&id| id == NONE) {
            None => Ok(ids),
            Some(byte) => Err(crate::Error::Vocabulary {
                message: format!("the initial vocabulary lacks byte 0x{byte:02x}; all 256 are needed"),
            }),
        }
    }
}
