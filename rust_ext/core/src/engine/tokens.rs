//! What each id spells. Ids: special tokens, byte-fallback tokens, alphabet, then merge results, in that order.

use rustc_hash::FxHashMap;

use crate::{Error, Result};

/// The first id that is no token: cells use the highest bit and the two highest values below it for marks.
pub(crate) const MAX_IDS: usize = (1 << 31) - 2;

/// Bytes by id and back.
#[derive(Debug, Default)]
pub struct Tokens {
    arena: Vec<u8>,
    ends: Vec<usize>,
    /// Ids of what merging can produce: the alphabet, merge results, and special tokens of the same spelling.
    ids: FxHashMap<Box<[u8]>, u32>,
    ordinary: Vec<bool>,
}

impl Tokens {
    /// Number of ids.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no id yet.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of token `id`.
    pub fn bytes(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        &self.arena[start..self.ends[id]]
    }

    /// Whether encoding can produce `id`: alphabet and merge results.
    pub fn is_ordinary(&self, id: u32) -> bool {
        self.ordinary[id as usize]
    }

    /// All bytes back to back, and where each token ends.
    pub fn arrays(&self) -> (&[u8], &[usize]) {
        (&self.arena, &self.ends)
    }

    /// Adds an id that encoding produces only on demand (special and fallback tokens).
    pub(crate) fn push_apart(&mut self, bytes: &[u8]) -> Result<u32> {
        if self.ends.len() >= MAX_IDS {
            return Err(Error::TooLarge {
                message: format!("a vocabulary holds at most {MAX_IDS} ids"),
            });
        }
        self.arena.extend_from_slice(bytes);
        self.ends.push(self.arena.len());
        self.ordinary.push(false);
        Ok((self.ends.len() - 1) as u32)
    }

    /// Adds an id of an existing tokenizer; without bytes it is an id that no token has.
    pub(crate) fn push_given(&mut self, bytes: &[u8], is_ordinary: bool) -> Result<u32> {
        let id = self.push_apart(bytes)?;
        if is_ordinary {
            self.ordinary[id as usize] = true;
            self.ids.insert(bytes.into(), id);
        }
        Ok(id)
    }

    /// Lets merging reuse the id of a special token for the token of the same spelling.
    pub(crate) fn allow_reuse(&mut self, id: u32) {
        let bytes = self.bytes(id).into();
        self.ids.insert(bytes, id);
    }

    /// The id of the token `bytes`, which is new unless merging has made it before or a special token lends
    /// its id.
    pub(crate) fn mint(&mut self, bytes: &[u8]) -> Result<u32> {
        if let Some(&id) = self.ids.get(bytes) {
            self.ordinary[id as usize] = true;
            return Ok(id);
        }
        let id = self.push_apart(bytes)?;
        self.ordinary[id as usize] = true;
        self.ids.insert(bytes.into(), id);
        Ok(id)
    }

    /// The id that [`Tokens::mint`] would reuse.
    pub fn id_of(&self, bytes: &[u8]) -> Option<u32> {
        self.ids.get(bytes).copied()
    }
}
