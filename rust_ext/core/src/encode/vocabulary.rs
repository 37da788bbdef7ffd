//! Token id ↔ bytes: one arena, one open-addressing index over it.

use super::pairs::NONE;
use crate::{Error, Result};

/// The bytes of every id. An empty entry is an id that no token has.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    arena: Vec<u8>,
    offsets: Vec<u64>,
    /// High half: the high half of the hash; low half: the id, [`NONE`] where nothing is.
    index: Vec<u64>,
}

impl Vocabulary {
    /// Takes an arena and its `n + 1` offsets. Ids in `unlisted` are decoded but never found by their bytes
    /// (special tokens, byte-fallback tokens).
    ///
    /// # Errors
    /// [`Error::Vocabulary`] when offsets are wrong or two findable ids have the same bytes.
    pub fn new(arena: Vec<u8>, offsets: Vec<u64>, unlisted: impl Fn(u32) -> bool) -> Result<Self> {
        let fail = |message: String| Err(Error::Vocabulary { message });
        if offsets.first() != Some(&0) || offsets.last() != Some(&(arena.len() as u64)) {
            return fail("token offsets must start at 0 and end at the arena's length".into());
        }
        if offsets.windows(2).any(|pair| pair[0] > pair[1]) {
            return fail("token offsets must not descend".into());
        }
        let n = offsets.len() - 1;
        if n as u64 >= u64::from(NONE) {
            return Err(Error::TooLarge {
                message: format!("{n} tokens; at most 2^32 - 2 are supported"),
            });
        }
        let mut vocabulary = Self {
            arena,
            offsets,
            index: vec![u64::from(NONE); (n.max(4) * 2).next_power_of_two()],
        };
        for id in 0..n as u32 {
            let bytes = vocabulary.range(id);
            if bytes.is_empty() || unlisted(id) {
                continue;
            }
            let mask = vocabulary.index.len() - 1;
            let hash = hash(&vocabulary.arena[bytes.clone()]);
            let mut at = hash as usize & mask;
            while vocabulary.index[at] as u32 != NONE {
                let other = vocabulary.index[at] as u32;
                if vocabulary.arena[vocabulary.range(other)] == vocabulary.arena[bytes.clone()] {
                    return fail(format!(
                        "ids {other} and {id} have the same bytes {:?}",
                        String::from_utf8_lossy(&vocabulary.arena[bytes])
                    ));
                }
                at = (at + 1) & mask;
            }
            vocabulary.index[at] = hash >> 32 << 32 | u64::from(id);
        }
        Ok(vocabulary)
    }

    fn range(&self, id: u32) -> std::ops::Range<usize> {
        self.offsets[id as usize] as usize..self.offsets[id as usize + 1] as usize
    }

    /// The same vocabulary, in which the ids given have no bytes. They must be unlisted.
    #[must_use]
    pub fn without(self, ids: &[u32]) -> Self {
        if ids.is_empty() {
            return self;
        }
        let gone: rustc_hash::FxHashSet<u32> = ids.iter().copied().collect();
        let mut arena = Vec::with_capacity(self.arena.len());
        let mut offsets = vec![0];
        for id in 0..self.len() as u32 {
            if !gone.contains(&id) {
                arena.extend_from_slice(&self.arena[self.range(id)]);
            }
            offsets.push(arena.len() as u64);
        }
        Self {
            arena,
            offsets,
            index: self.index,
        }
    }

    /// One more than the largest id.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a token; `None` for an id that no token has.
    #[inline]
    pub fn bytes(&self, id: u32) -> Option<&[u8]> {
        if (id as usize) < self.len() {
            let bytes = &self.arena[self.range(id)];
            (!bytes.is_empty()).then_some(bytes)
        } else {
            None
        }
    }

    /// The id of the token with these bytes, or [`NONE`].
    #[inline]
    pub fn find(&self, bytes: &[u8]) -> u32 {
        let mask = self.index.len() - 1;
        let hash = hash(bytes);
        let mut at = hash as usize & mask;
        loop {
            let entry = self.index[at];
            let id = entry as u32;
            if id == NONE || entry >> 32 == hash >> 32 && self.arena[self.range(id)] == *bytes {
                return id;
            }
            at = (at + 1) & mask;
        }
    }

    /// The bytes of all ids, one after another, appended to `out`.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] naming the first id that no token has.
    pub fn decode(&self, ids: &[u32], out: &mut Vec<u8>) -> Result<()> {
        for &id in ids {
            match self.bytes(id) {
                Some(bytes) => out.extend_from_slice(bytes),
                None => {
                    return Err(Error::UnknownToken {
                        token: format!(
                            "with id {id} (ids run from 0 to {})",
                            self.len().saturating_sub(1)
                        ),
                    });
                }
            }
        }
        Ok(())
    }
}

/// A multiply-and-fold hash, eight bytes at a time; deterministic, not for hostile keys of a service.
#[inline]
pub fn hash(bytes: &[u8]) -> u64 {
    const KEYS: [u64; 2] = [0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB];
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    let mut state = bytes.len() as u64 ^ KEYS[0];
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0u8; 8];
        word.copy_from_slice(chunk);
        state = fold(state ^ u64::from_le_bytes(word), KEYS[1]);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let mut word = [0u8; 8];
        word[..rest.len()].copy_from_slice(rest);
        state = fold(state ^ u64::from_le_bytes(word), KEYS[1]);
    }
    fold(state ^ KEYS[1], KEYS[0])
}
