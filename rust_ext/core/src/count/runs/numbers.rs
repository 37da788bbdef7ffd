//! From pretokens to their numbers.

use rustc_hash::FxHashMap;

use crate::count::table::{INLINE, inline_key};
use crate::{Error, Result};

/// A pretoken without a number.
pub const NONE: u32 = u32::MAX;

/// The numbers of pretokens: those of up to 15 bytes are their own keys, as in the counting table.
pub struct Numbers {
    shorts: Vec<(u128, u32)>,
    shift: u32,
    longs: FxHashMap<Box<[u8]>, u32>,
}

fn mix(key: u128) -> u64 {
    let folded = (key as u64 ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xd1b5_4a32_d192_ed03)
        ^ ((key >> 64) as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    (folded ^ folded >> 32).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

impl Numbers {
    /// `names[i]` has the number `i`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for 2^32 names.
    pub fn new(names: &[Vec<u8>]) -> Result<Self> {
        if names.len() >= NONE as usize {
            return Err(Error::TooLarge {
                message: "2^32 different pretokens in runs".into(),
            });
        }
        let bits = (names.len() * 2).next_power_of_two().max(16).ilog2();
        let mut numbers = Self {
            shorts: vec![(0, NONE); 1 << bits],
            shift: 64 - bits,
            longs: FxHashMap::default(),
        };
        for (number, name) in (0..).zip(names) {
            if name.is_empty() || name.len() > INLINE {
                numbers.longs.insert(name.as_slice().into(), number);
                continue;
            }
            let mut window = [0; 16];
            window[..name.len()].copy_from_slice(name);
            let key = inline_key(&window, name.len());
            let at = numbers.place(key);
            numbers.shorts[at] = (key, number);
        }
        Ok(numbers)
    }

    fn place(&self, key: u128) -> usize {
        let mask = self.shorts.len() - 1;
        let mut at = (mix(key) >> self.shift) as usize;
        while self.shorts[at].0 != key && self.shorts[at].0 != 0 {
            at = (at + 1) & mask;
        }
        at
    }

    /// The number of the pretoken of `length` bytes at `text[at..]`, or [`NONE`].
    pub fn find(&self, text: &[u8], at: usize, length: usize) -> u32 {
        if length > INLINE {
            return self.longs.get(&text[at..at + length]).copied().unwrap_or(NONE);
        }
        let key = if let Some(window) = text[at..].first_chunk::<16>() {
            inline_key(window, length)
        } else {
            let mut window = [0; 16];
            window[..length].copy_from_slice(&text[at..at + length]);
            inline_key(&window, length)
        };
        self.shorts[self.place(key)].1
    }
}
