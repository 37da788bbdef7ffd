//! What a pretoken became the last time: two caches per thread, both exact, both of bounded size.
//!
//! `ShortWords` holds pretokens of at most 15 bytes that became at most four tokens: 32 bytes a slot, two slots
//! a cache line, the newer pushes the older out. `LongWords` holds the rest up to a length, compares all bytes,
//! and forgets everything when its arena is full.

use super::vocabulary::hash;

/// Longest pretoken of [`ShortWords`], in bytes.
pub const SHORT_BYTES: usize = 15;

/// Longest pretoken of [`LongWords`], in bytes.
pub const LONG_BYTES: usize = 128;

const FIRST_SETS_LOG2: u32 = 12;
const SETS_LOG2: u32 = 18;
const KEY_MASK: u128 = !(0xF0 << 120);
const FIRST_LONG_SLOTS: usize = 1 << 12;
const LONG_SLOTS: usize = 1 << 18;
const LONG_ARENA: usize = 16 << 20;

/// The key of a short pretoken: its bytes, zero-filled, and its length in the top byte.
#[inline]
pub fn short_key(text: &[u8], start: usize, len: usize) -> u128 {
    debug_assert!((1..=SHORT_BYTES).contains(&len));
    let mut bytes = [0u8; 16];
    if let Some(window) = text.get(start..start + 16) {
        bytes.copy_from_slice(window);
    } else {
        bytes[..len].copy_from_slice(&text[start..start + len]);
    }
    let keep = u128::MAX >> (128 - 8 * len);
    (u128::from_le_bytes(bytes) & keep) | (len as u128) << 120
}

/// Pretokens of up to 15 bytes and four tokens. A slot is two words: the key, in whose top byte the number of
/// ids fills the high half, and four ids of 32 bits. The table grows fourfold until it has its final size.
#[derive(Debug)]
pub struct ShortWords {
    words: Vec<u128>,
    /// Index of the first word that starts a cache line.
    start: usize,
    sets_log2: u32,
    put: usize,
}

impl ShortWords {
    /// An empty cache.
    pub fn new() -> Self {
        Self::with_sets(FIRST_SETS_LOG2)
    }

    fn with_sets(sets_log2: u32) -> Self {
        let words = vec![0u128; (4 << sets_log2) + 4];
        let start = words.as_ptr().align_offset(64).min(4);
        Self {
            words,
            start,
            sets_log2,
            put: 0,
        }
    }

    #[inline]
    fn set(&self, key: u128) -> usize {
        let low = key as u64 ^ 0xA076_1D64_78BD_642F;
        let high = (key >> 64) as u64 ^ 0xE703_7ED1_A0B4_28DB;
        let product = u128::from(low) * u128::from(high);
        let hash = product as u64 ^ (product >> 64) as u64;
        self.start + 4 * (hash >> (64 - self.sets_log2)) as usize
    }

    /// Four ids, of which the first `n` count; `None` when the word is not here. Zero ids mean that the word
    /// was too many tokens for a slot.
    #[inline]
    pub fn get(&self, key: u128) -> Option<([u32; 4], usize)> {
        let at = self.set(key);
        let set = &self.words[at..at + 4];
        if set[0] & KEY_MASK == key {
            Some((unpack(set[1]), (set[0] >> 124) as usize))
        } else if set[2] & KEY_MASK == key {
            Some((unpack(set[3]), (set[2] >> 124) as usize))
        } else {
            None
        }
    }

    /// Remembers a word, of more than four tokens only that it is one.
    pub fn put(&mut self, key: u128, ids: &[u32]) {
        if self.put > 1 << self.sets_log2 && self.sets_log2 < SETS_LOG2 {
            let mut larger = Self::with_sets(self.sets_log2 + 2);
            for slot in self.words[self.start..].chunks_exact(2) {
                if slot[0] != 0 {
                    larger.insert(slot[0], slot[1]);
                }
            }
            *self = larger;
        }
        let ids = if ids.len() > 4 { &[] } else { ids };
        let packed = ids
            .iter()
            .rev()
            .fold(0, |packed, &id| packed << 32 | u128::from(id));
        self.insert(key | (ids.len() as u128) << 124, packed);
    }

    fn insert(&mut self, tagged: u128, packed: u128) {
        self.put += 1;
        let at = self.set(tagged & KEY_MASK);
        let set = &mut self.words[at..at + 4];
        set[2] = set[0];
        set[3] = set[1];
        set[0] = tagged;
        set[1] = packed;
    }
}

#[inline]
fn unpack(packed: u128) -> [u32; 4] {
    [
        packed as u32,
        (packed >> 32) as u32,
        (packed >> 64) as u32,
        (packed >> 96) as u32,
    ]
}

#[derive(Debug, Clone, Copy, Default)]
struct LongSlot {
    hash: u64,
    key_start: u32,
    ids_start: u32,
    key_len: u16,
    n_ids: u16,
}

/// Longer pretokens, or those of more than four tokens.
#[derive(Debug, Default)]
pub struct LongWords {
    slots: Vec<LongSlot>,
    used: usize,
    keys: Vec<u8>,
    ids: Vec<u32>,
}

impl LongWords {
    /// The ids of the word, if it is here.
    #[inline]
    pub fn get(&self, word: &[u8]) -> Option<&[u32]> {
        if self.slots.is_empty() {
            return None;
        }
        let hash = hash(word);
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = &self.slots[at];
            if slot.key_len == 0 {
                return None;
            }
            let start = slot.key_start as usize;
            if slot.hash == hash && self.keys[start..start + usize::from(slot.key_len)] == *word {
                let start = slot.ids_start as usize;
                return Some(&self.ids[start..start + usize::from(slot.n_ids)]);
            }
            at = (at + 1) & mask;
        }
    }

    /// Remembers a word that [`LongWords::get`] did not find; words above [`LONG_BYTES`] are left out.
    pub fn put(&mut self, word: &[u8], ids: &[u32]) {
        if word.is_empty() || word.len() > LONG_BYTES || ids.len() > LONG_BYTES {
            return;
        }
        if self.slots.is_empty() {
            self.slots = vec![LongSlot::default(); FIRST_LONG_SLOTS];
        } else if self.used > self.slots.len() / 2 {
            if self.slots.len() < LONG_SLOTS && self.keys.len() <= LONG_ARENA {
                self.grow();
            } else {
                self.forget();
            }
        } else if self.keys.len() > LONG_ARENA {
            self.forget();
        }
        let hash = hash(word);
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at].key_len != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = LongSlot {
            hash,
            key_start: self.keys.len() as u32,
            ids_start: self.ids.len() as u32,
            key_len: word.len() as u16,
            n_ids: ids.len() as u16,
        };
        self.used += 1;
        self.keys.extend_from_slice(word);
        self.ids.extend_from_slice(ids);
    }

    fn grow(&mut self) {
        let larger = vec![LongSlot::default(); self.slots.len() * 4];
        let mask = larger.len() - 1;
        for slot in std::mem::replace(&mut self.slots, larger) {
            if slot.key_len != 0 {
                let mut at = slot.hash as usize & mask;
                while self.slots[at].key_len != 0 {
                    at = (at + 1) & mask;
                }
                self.slots[at] = slot;
            }
        }
    }

    fn forget(&mut self) {
        self.slots.fill(LongSlot::default());
        self.keys.clear();
        self.ids.clear();
        self.used = 0;
    }
}
