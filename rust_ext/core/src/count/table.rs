//! The hash table of one thread for one group.
//!
//! A pretoken of up to 15 bytes is its own key: the bytes from the top of a `u128` downwards, the length in
//! the lowest byte. Such keys compare as their pretokens do, so a finished table is sorted where it lies.
//! Longer pretokens (mostly unsegmented scripts) live in an arena, found through a second, smaller table.

use super::slots::Slots;
use crate::engine::pages::prefetch;

/// Pretokens up to this many bytes are kept inside of their slot.
pub const INLINE: usize = 15;

/// Slots of a new table; a power of two.
pub const FIRST: usize = 1 << 10;

/// One pretoken of up to [`INLINE`] bytes; an all-zero key is a free slot.
#[derive(Debug, Clone, Copy, Default)]
pub struct Short {
    /// The upper half of the key.
    hi: u64,
    /// The lower half of the key.
    lo: u64,
    /// How often it occurred.
    pub count: u64,
}

impl Short {
    /// Whether it holds a pretoken: the length byte of a key is never 0.
    #[inline]
    pub fn is_used(&self) -> bool {
        self.lo != 0
    }

    /// The key as a number that orders as the bytes do.
    #[inline]
    pub fn key(&self) -> u128 {
        u128::from(self.hi) << 64 | u128::from(self.lo)
    }
}

/// One longer pretoken: `length` bytes at `offset` in the arena.
#[derive(Debug, Clone, Copy)]
pub struct Long {
    /// Its first eight bytes as a number that orders as they do: most comparisons end here.
    prefix: u64,
    offset: u64,
    length: u64,
    /// How often it occurred.
    pub count: u64,
}

impl Long {
    /// Its bytes.
    #[inline]
    pub fn bytes<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        &arena[self.offset as usize..(self.offset + self.length) as usize]
    }
}

const fn masks() -> [u128; 16] {
    let mut masks = [0; 16];
    let mut length = 1;
    while length < 16 {
        masks[length] = u128::MAX << (128 - 8 * length);
        length += 1;
    }
    masks
}

const MASKS: [u128; 16] = masks();

/// The key of the first `length` (1 to 15) bytes of `window`.
#[inline]
pub fn inline_key(window: &[u8; 16], length: usize) -> u128 {
    (u128::from_be_bytes(*window) & MASKS[length & 15]) | length as u128
}

/// The key that orders a longer pretoken among the others as far as its first 15 bytes decide.
#[inline]
pub fn prefix_key(bytes: &[u8]) -> u128 {
    let mut window = [0; 16];
    window[..INLINE].copy_from_slice(&bytes[..INLINE]);
    u128::from_be_bytes(window) | 16
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xd1b5_4a32_d192_ed03);
    product as u64 ^ (product >> 64) as u64
}

/// The hash of more than [`INLINE`] bytes: words of eight, the last of which may overlap the one before.
pub fn hash_long(bytes: &[u8]) -> u64 {
    let mut state = bytes.len() as u64;
    let mut rest = bytes;
    while let Some((word, others)) = rest.split_first_chunk::<8>() {
        state = fold(state, u64::from_le_bytes(*word));
        rest = others;
    }
    match bytes.last_chunk::<8>() {
        Some(word) if !rest.is_empty() => fold(state, u64::from_le_bytes(*word)),
        _ => state,
    }
}

/// Counts of pretokens; open addressing, linear probing, at most three quarters full.
///
/// A table never grows by itself: it says that it has no room, and its owner decides ([`Table::grow`]).
#[derive(Debug)]
pub struct Table {
    shorts: Slots,
    used: usize,
    /// How many slots may be used before it must grow.
    limit: usize,
    shift: u32,
    longs: Vec<Long>,
    arena: Vec<u8>,
    /// Upper half: hash of a long pretoken; lower half: its index in `longs` plus one, 0 for a free slot.
    places: Vec<u64>,
    overflowed: bool,
}

impl Table {
    /// An empty table of `first` slots, a power of two.
    pub fn new(first: usize) -> Self {
        Self {
            shorts: Slots::new(first),
            used: 0,
            limit: first / 4 * 3,
            shift: 64 - first.trailing_zeros(),
            longs: Vec::new(),
            arena: Vec::new(),
            places: vec![0; 64],
            overflowed: false,
        }
    }

    /// The hash of an inline key.
    #[inline]
    pub fn hash(key: u128) -> u64 {
        fold((key >> 64) as u64, key as u64)
    }

    /// Asks for the cache lines in which a key of this hash will be looked for: most often two.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        let at = (hash >> self.shift) as usize;
        prefetch(&self.shorts, at);
        prefetch(&self.shorts, at + 2);
    }

    /// Asks for the cache line in which a longer pretoken of this hash will be looked for.
    #[inline]
    pub fn prefetch_place(&self, hash: u64) {
        prefetch(&self.places, (hash >> 32) as usize & (self.places.len() - 1));
    }

    /// Once that is there, for the entry that it points to.
    #[inline]
    pub fn prefetch_long(&self, hash: u64) {
        let place = self.places[(hash >> 32) as usize & (self.places.len() - 1)];
        prefetch(&self.longs, (place as u32 as usize).wrapping_sub(1));
    }

    /// Once that is there too, for its bytes.
    #[inline]
    pub fn prefetch_bytes(&self, hash: u64) {
        let place = self.places[(hash >> 32) as usize & (self.places.len() - 1)];
        if let Some(long) = self.longs.get((place as u32 as usize).wrapping_sub(1)) {
            prefetch(&self.arena, long.offset as usize);
        }
    }

    /// Counts `count` occurrences of an inline key; false if there is no room for it.
    #[inline]
    #[must_use]
    pub fn add_short(&mut self, key: u128, hash: u64, count: u64) -> bool {
        let (hi, lo) = ((key >> 64) as u64, key as u64);
        let mask = self.shorts.len() - 1;
        let mut at = (hash >> self.shift) as usize;
        loop {
            let slot = &mut self.shorts[at & mask];
            if slot.lo == lo && slot.hi == hi {
                slot.count += count;
                return true;
            }
            if !slot.is_used() {
                if self.used == self.limit {
                    return false;
                }
                *slot = Short { hi, lo, count };
                self.used += 1;
                return true;
            }
            at += 1;
        }
    }

    fn grow_shorts(&mut self) {
        let size = self.shorts.len() * 2;
        let old = std::mem::replace(&mut self.shorts, Slots::new(size));
        self.shift -= 1;
        self.limit = size / 4 * 3;
        for &slot in old.iter() {
            if slot.is_used() {
                let mut at = (fold(slot.hi, slot.lo) >> self.shift) as usize;
                while self.shorts[at & (size - 1)].is_used() {
                    at += 1;
                }
                self.shorts[at & (size - 1)] = slot;
            }
        }
    }

    /// Counts one occurrence of a pretoken longer than [`INLINE`] bytes; false if there is no room for it.
    #[must_use]
    pub fn add_long(&mut self, bytes: &[u8], hash: u64) -> bool {
        let tag = hash >> 32;
        let mask = self.places.len() - 1;
        let mut at = tag as usize;
        loop {
            let place = self.places[at & mask];
            if place == 0 {
                break;
            }
            if place >> 32 == tag {
                let long = &mut self.longs[(place as u32 - 1) as usize];
                if long.bytes(&self.arena) == bytes {
                    long.count += 1;
                    return true;
                }
            }
            at += 1;
        }
        if !self.has_room(bytes.len()) {
            return false;
        }
        let Ok(index) = u32::try_from(self.longs.len() + 1) else {
            self.overflowed = true;
            return true;
        };
        self.places[at & mask] = tag << 32 | u64::from(index);
        self.longs.push(Long {
            prefix: bytes.first_chunk().map_or(0, |first| u64::from_be_bytes(*first)),
            offset: self.arena.len() as u64,
            length: bytes.len() as u64,
            count: 1,
        });
        self.arena.extend_from_slice(bytes);
        true
    }

    fn places_are_full(&self) -> bool {
        (self.longs.len() + 1) * 4 > self.places.len() * 3
    }

    /// Whether one more pretoken of `length` bytes fits in.
    pub fn has_room(&self, length: usize) -> bool {
        if length <= INLINE {
            return self.used < self.limit;
        }
        !self.places_are_full()
            && self.longs.len() < self.longs.capacity()
            && self.arena.len() + length <= self.arena.capacity()
    }

    /// Bytes that [`Table::grow`] takes; the old arrays, which it frees after, are not among them.
    pub fn growth(&self, length: usize) -> usize {
        if length <= INLINE {
            return 2 * self.shorts.len() * size_of::<Short>();
        }
        let mut bytes = 0;
        if self.places_are_full() {
            bytes += 2 * self.places.len() * size_of::<u64>();
        }
        if self.longs.len() == self.longs.capacity() {
            bytes += larger(self.longs.capacity(), 1) * size_of::<Long>();
        }
        if self.arena.len() + length > self.arena.capacity() {
            bytes += larger(self.arena.capacity(), length);
        }
        bytes
    }

    /// Makes room for one more pretoken of `length` bytes.
    #[cold]
    pub fn grow(&mut self, length: usize) {
        if length <= INLINE {
            return self.grow_shorts();
        }
        if self.places_are_full() {
            self.grow_places();
        }
        if self.longs.len() == self.longs.capacity() {
            let wanted = larger(self.longs.capacity(), 1);
            self.longs.reserve_exact(wanted - self.longs.len());
        }
        if self.arena.len() + length > self.arena.capacity() {
            let wanted = larger(self.arena.capacity(), length);
            self.arena.reserve_exact(wanted - self.arena.len());
        }
    }

    fn grow_places(&mut self) {
        let size = self.places.len() * 2;
        let old = std::mem::replace(&mut self.places, vec![0; size]);
        for place in old {
            if place != 0 {
                let mut at = (place >> 32) as usize;
                while self.places[at & (size - 1)] != 0 {
                    at += 1;
                }
                self.places[at & (size - 1)] = place;
            }
        }
    }

    /// Whether a pretoken was turned away because 2³² others came before it.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.shorts.bytes()
            + self.longs.capacity() * size_of::<Long>()
            + self.arena.capacity()
            + self.places.capacity() * size_of::<u64>()
    }

    /// Ends counting: the same memory, sorted.
    pub fn into_run(self, group: u32) -> Run {
        let Self {
            mut shorts,
            mut longs,
            arena,
            ..
        } = self;
        shorts.compact();
        shorts.sort_unstable_by_key(Short::key);
        longs.sort_unstable_by(|a, b| {
            let by_prefix = a.prefix.cmp(&b.prefix);
            by_prefix.then_with(|| a.bytes(&arena).cmp(b.bytes(&arena)))
        });
        Run {
            group,
            shorts,
            longs,
            arena,
        }
    }
}

/// The capacity after `capacity` that holds at least `more` elements more: half as much again.
fn larger(capacity: usize, more: usize) -> usize {
    capacity + (capacity / 2).max(more).max(32)
}

/// The sorted contents of one table.
#[derive(Debug)]
pub struct Run {
    /// The group that was counted.
    pub group: u32,
    /// Pretokens of up to [`INLINE`] bytes, ascending.
    pub shorts: Slots,
    /// The longer ones, ascending.
    pub longs: Vec<Long>,
    /// Bytes of the longer ones.
    pub arena: Vec<u8>,
}

impl Run {
    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of pretokens.
    pub fn len(&self) -> usize {
        self.shorts.len() + self.longs.len()
    }

    /// Bytes of all pretokens.
    pub fn n_bytes(&self) -> usize {
        let shorts = self.shorts.iter().map(|short| short.lo as usize & 0xff);
        shorts.sum::<usize>() + self.arena.len()
    }
}
