//! What short stretches of text were cut into: an exact memory, so that a word that comes again is looked up.
//!
//! Up to 15 bytes are their own key in an open table without pointers; longer stretches, which are rare, are keys
//! of a map.

use rustc_hash::FxHashMap;

/// Stretches up to this many bytes are remembered.
const REMEMBERED: usize = 64;
/// Those up to this many bytes are kept in the table.
const INLINE: usize = 15;
/// So many ids are remembered before all is forgotten.
const MEMORY: usize = 1 << 21;

/// A stretch of up to 15 bytes and the place of its ids; a key of 0 is a free slot.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    key: u128,
    start: u32,
    len: u32,
}

/// Stretch → ids.
#[derive(Debug)]
pub(super) struct Pieces {
    slots: Vec<Slot>,
    used: usize,
    long: FxHashMap<Box<[u8]>, (u32, u32)>,
    ids: Vec<u32>,
}

/// The bytes with their number behind them.
fn key(piece: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    bytes[..piece.len()].copy_from_slice(piece);
    bytes[INLINE] = piece.len() as u8;
    u128::from_le_bytes(bytes)
}

fn hash(key: u128) -> usize {
    let mixed = (key as u64 ^ 0x9e37_79b9_7f4a_7c15)
        .wrapping_mul(0xd6e8_feb8_6659_fd93)
        .wrapping_add((key >> 64) as u64)
        .wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    (mixed ^ mixed >> 32) as usize
}

impl Pieces {
    pub(super) fn new() -> Self {
        Self {
            slots: vec![Slot::default(); 1 << 12],
            used: 0,
            long: FxHashMap::default(),
            ids: Vec::new(),
        }
    }

    fn probe(&self, key: u128) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash(key) & mask;
        while self.slots[at].key != key && self.slots[at].key != 0 {
            at = (at + 1) & mask;
        }
        at
    }

    /// The ids of a stretch that was remembered.
    #[inline]
    pub(super) fn get(&self, piece: &[u8]) -> Option<&[u32]> {
        let (start, len) = if piece.len() <= INLINE {
            let slot = self.slots[self.probe(key(piece))];
            if slot.key == 0 {
                return None;
            }
            (slot.start, slot.len)
        } else if piece.len() <= REMEMBERED {
            *self.long.get(piece)?
        } else {
            return None;
        };
        Some(&self.ids[start as usize..(start + len) as usize])
    }

    /// Remembers a stretch that is not remembered yet; one that is too long is left out.
    pub(super) fn put(&mut self, piece: &[u8], ids: &[u32]) {
        if piece.len() > REMEMBERED {
            return;
        }
        if self.ids.len() > MEMORY {
            *self = Self::new();
        }
        let (start, len) = (self.ids.len() as u32, ids.len() as u32);
        self.ids.extend_from_slice(ids);
        if piece.len() > INLINE {
            self.long.insert(piece.into(), (start, len));
            return;
        }
        if self.used * 2 > self.slots.len() {
            let larger = vec![Slot::default(); self.slots.len() * 4];
            for slot in std::mem::replace(&mut self.slots, larger) {
                if slot.key != 0 {
                    let at = self.probe(slot.key);
                    self.slots[at] = slot;
                }
            }
        }
        let key = key(piece);
        let at = self.probe(key);
        self.slots[at] = Slot { key, start, len };
        self.used += 1;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn remembers_exactly_what_was_put() {
        let mut pieces = Pieces::new();
        let piece = |n: u32| "ab\0".repeat(n as usize % 23).into_bytes();
        let named = |n: u32| [piece(n), n.to_string().into_bytes()].concat();
        for n in 0..60_000 {
            assert_eq!(pieces.get(&named(n)), None);
            pieces.put(&named(n), &vec![n; n as usize % 5]);
        }
        for n in 0..60_000 {
            let expected = vec![n; n as usize % 5];
            let found = pieces.get(&named(n));
            assert_eq!(found, (named(n).len() <= REMEMBERED).then_some(&expected[..]));
        }
        assert_eq!(pieces.get(b"ab"), None);
        assert_eq!(pieces.get(b"ab\0"), None);
    }
}
