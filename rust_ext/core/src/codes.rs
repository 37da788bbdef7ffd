//! How many bits a stream of tokens costs under a few codes, each of which a decoder could follow.
//!
//! * order 0: `n·H₀`, the empirical entropy of the stream times its length (the code table is not counted);
//! * order 1: an adaptive code. The next token costs `−log₂ P`, `P = (c(x, y) + d(x)·P₀(y)) / (c(x) + d(x))`, where
//!   `c` counts what was seen so far, `d(x)` is one more than the number of distinct followers of `x`
//!   (Witten and Bell's escape) and `P₀(y) = (c(y) + ½) / (n + V/2)`;
//! * LZ78: each phrase costs `log₂` of the number of phrases so far, plus `log₂ V` for its last token.

use rustc_hash::FxHashMap;

use crate::{Control, Result};

/// `v·log₂ v`, and 0 at 0.
pub(crate) fn x(v: f64) -> f64 {
    if v > 0.0 { v * v.log2() } else { 0.0 }
}

/// Order 0: bits of the stream under its own frequencies.
pub fn order0(ids: &[u32]) -> f64 {
    let mut counts: FxHashMap<u32, u64> = FxHashMap::default();
    for &id in ids {
        *counts.entry(id).or_default() += 1;
    }
    // Sorted, since a sum of floats depends on its order.
    let mut counts: Vec<u64> = counts.into_values().collect();
    counts.sort_unstable();
    x(ids.len() as f64) - counts.iter().map(|&count| x(count as f64)).sum::<f64>()
}

/// Order 1: bits of the stream under the adaptive code; `vocab_size` is the number of tokens it could hold.
///
/// # Errors
/// [`crate::Error::Interrupted`].
pub fn order1(ids: &[u32], vocab_size: usize, control: &Control) -> Result<f64> {
    let mut pairs: FxHashMap<u64, u32> = FxHashMap::default();
    let mut seen: FxHashMap<u32, (u64, u64, u64)> = FxHashMap::default();
    let (mut bits, mut n, mut previous) = (0.0, 0u64, u32::MAX);
    for (at, &id) in ids.iter().enumerate() {
        if at % (1 << 16) == 0 {
            control.check()?;
        }
        let occurrences = seen.get(&id).map_or(0, |&(count, _, _)| count);
        let base = (occurrences as f64 + 0.5) / (n as f64 + 0.5 * vocab_size as f64);
        let pair = pairs
            .entry(u64::from(previous) << 32 | u64::from(id))
            .or_default();
        let (_, followers, followed) = seen.get(&previous).copied().unwrap_or_default();
        let escape = followers as f64 + 1.0;
        bits -= ((f64::from(*pair) + escape * base) / (followed as f64 + escape)).log2();
        let context = seen.entry(previous).or_default();
        context.1 += u64::from(*pair == 0);
        context.2 += 1;
        *pair += 1;
        seen.entry(id).or_default().0 += 1;
        n += 1;
        previous = id;
    }
    Ok(bits)
}

/// LZ78: bits of the stream's phrases.
///
/// # Errors
/// [`crate::Error::Interrupted`].
pub fn lz78(ids: &[u32], vocab_size: usize, control: &Control) -> Result<f64> {
    let mut children: FxHashMap<(u32, u32), u32> = FxHashMap::default();
    let last = (vocab_size.max(2) as f64).log2();
    let (mut node, mut n_phrases, mut bits) = (0u32, 1u32, 0.0);
    for (at, &id) in ids.iter().enumerate() {
        if at % (1 << 16) == 0 {
            control.check()?;
        }
        match children.entry((node, id)) {
            std::collections::hash_map::Entry::Occupied(child) => node = *child.get(),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(n_phrases);
                bits += f64::from(n_phrases).log2() + last;
                n_phrases += 1;
                node = 0;
            }
        }
    }
    if node != 0 {
        // The stream ends inside a phrase that is known: its number alone.
        bits += f64::from(n_phrases).log2();
    }
    Ok(bits)
}

/// The stream as bytes: ids renumbered by falling frequency (of equals the smallest first), seven bits to a byte, the
/// highest bit says that more follow.
pub fn varint(ids: &[u32]) -> Vec<u8> {
    let mut counts: FxHashMap<u32, u64> = FxHashMap::default();
    for &id in ids {
        *counts.entry(id).or_default() += 1;
    }
    let mut order: Vec<(u64, u32)> = counts.into_iter().map(|(id, count)| (count, id)).collect();
    order.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let ranks: FxHashMap<u32, u32> = order
        .iter()
        .enumerate()
        .map(|(rank, &(_, id))| (id, rank as u32))
        .collect();
    let mut bytes = Vec::with_capacity(ids.len() * 2);
    for id in ids {
        let mut rank = ranks[id];
        while rank >= 128 {
            bytes.push((rank & 127) as u8 | 128);
            rank >>= 7;
        }
        bytes.push(rank as u8);
    }
    bytes
}

/// Bytes of [`varint`] after zstd at `level`.
///
/// # Errors
/// [`crate::Error::Parameter`] when the library refuses the level.
pub fn zstd(ids: &[u32], level: i32) -> Result<u64> {
    zstd::bulk::compress(&varint(ids), level)
        .map(|bytes| bytes.len() as u64)
        .map_err(|error| crate::Error::Parameter {
            name: "level",
            message: error.to_string(),
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn small_streams_cost_what_the_formulas_say() {
        let control = Control::new();
        // Two kinds, equally often: one bit each.
        assert!((order0(&[1, 2, 1, 2]) - 4.0).abs() < 1e-12);
        assert!(order0(&[7; 9]).abs() < 1e-12);
        // First token: P₀ = ½/(½·4) = ¼ with escape 1 and nothing seen: 2 bits.
        assert!((order1(&[3], 4, &control).unwrap() - 2.0).abs() < 1e-12);
        // Phrases a, aa, aab: numbers 1, 2, 3 and three last tokens out of 4.
        let bits = lz78(&[0, 0, 0, 0, 0, 1], 4, &control).unwrap();
        assert!((bits - (0.0 + 1.0 + 3f64.log2() + 6.0)).abs() < 1e-12);
        assert_eq!(varint(&[9, 9, 5]), vec![0, 0, 1]);
    }

    #[test]
    fn a_phrase_that_the_end_cuts_short_costs_its_number() {
        let control = Control::new();
        let bits = lz78(&[0, 0, 0], 4, &control).unwrap();
        // a | aa: complete. Then nothing is left.
        assert!((bits - (2.0 + 1.0 + 2.0)).abs() < 1e-12);
        let cut = lz78(&[0, 0], 4, &control).unwrap();
        assert!((cut - (2.0 + 1.0)).abs() < 1e-12);
    }
}
