//! Whole characters as a start of merging bytes: three symbols of a CJK character become one look-up.
//!
//! Starting from a character's own token instead of its bytes is exact under two conditions.
//! 1. The merge list is *monotone*: every merge ranks above all merges that make its parts. Then what has been
//!    merged below a rank does not depend on the order in which places are visited.
//! 2. Neither border of the character is *open*: no merge joins, across it, symbols of which one is only a part
//!    of a character. Then nothing outside touches the character before it is one symbol.
//!
//! Borders are judged by the two bytes around them; where one is open the character is spelled in bytes.

use super::pairs::{NONE, PairTable};
use super::vocabulary::Vocabulary;
use crate::Result;

/// The tokens of single characters, and which borders between characters are open.
#[derive(Debug, Clone)]
pub struct Atoms {
    /// By code point of the basic plane; [`NONE`] where bytes are to be used.
    tokens: Vec<u32>,
    /// Bit `right byte` of row `left byte`: the border is open.
    open: Vec<[u64; 4]>,
}

impl Atoms {
    /// Reads the atoms off a merge list; `None` where the list is not monotone.
    ///
    /// # Errors
    /// Those of [`super::merge::merge`].
    pub fn new(
        merges: &[[u32; 3]],
        table: &PairTable,
        vocabulary: &Vocabulary,
        bytes: &[u32; 256],
    ) -> Result<Option<Self>> {
        if !is_monotone(merges, vocabulary.len()) {
            return Ok(None);
        }
        let mut open = vec![[0u64; 4]; 256];
        for &[left, right, _] in merges {
            let (Some(left), Some(right)) = (vocabulary.bytes(left), vocabulary.bytes(right)) else {
                continue;
            };
            let (before, after) = (left[left.len() - 1], right[0]);
            if !is_continuation(after) && (ends_in_a_part(left) || starts_with_a_part(right)) {
                open[usize::from(before)][usize::from(after >> 6)] |= 1 << (after & 63);
            }
        }
        let mut tokens = vec![NONE; 1 << 16];
        let control = crate::Control::new();
        let mut ids = Vec::new();
        for (code, token) in tokens.iter_mut().enumerate().skip(0x80) {
            let Some(c) = char::from_u32(code as u32) else {
                continue;
            };
            let mut buffer = [0; 4];
            ids.clear();
            ids.extend(
                c.encode_utf8(&mut buffer)
                    .bytes()
                    .map(|byte| bytes[usize::from(byte)]),
            );
            super::merge::merge(table, &mut ids, &control)?;
            if let [only] = ids[..] {
                *token = only;
            }
        }
        Ok(Some(Self { tokens, open }))
    }

    /// Appends the symbols of valid text: atoms where they are exact, bytes elsewhere.
    #[inline]
    pub fn spell(&self, text: &str, bytes: &[u32; 256], ids: &mut Vec<u32>) {
        let raw = text.as_bytes();
        let mut start = 0;
        while start < raw.len() {
            let lead = raw[start];
            if lead < 0x80 {
                ids.push(bytes[usize::from(lead)]);
                start += 1;
                continue;
            }
            let len = if lead < 0xE0 {
                2
            } else if lead < 0xF0 {
                3
            } else {
                4
            };
            let end = start + len;
            let code = match raw[start..end] {
                [a, b] => u32::from(a & 0x1F) << 6 | u32::from(b & 0x3F),
                [a, b, c] => u32::from(a & 0x0F) << 12 | u32::from(b & 0x3F) << 6 | u32::from(c & 0x3F),
                _ => u32::MAX,
            };
            let token = self.tokens.get(code as usize).copied().unwrap_or(NONE);
            let closed = token != NONE
                && (start == 0 || !self.is_open(raw[start - 1], lead))
                && (end == raw.len() || !self.is_open(raw[end - 1], raw[end]));
            if closed {
                ids.push(token);
            } else {
                ids.extend(raw[start..end].iter().map(|&byte| bytes[usize::from(byte)]));
            }
            start = end;
        }
    }

    fn is_open(&self, before: u8, after: u8) -> bool {
        self.open[usize::from(before)][usize::from(after >> 6)] >> (after & 63) & 1 == 1
    }
}

/// Whether every merge ranks above all merges that make its parts.
pub(super) fn is_monotone(merges: &[[u32; 3]], n_ids: usize) -> bool {
    let mut last_made = vec![None; n_ids];
    for (rank, &[_, _, result]) in merges.iter().enumerate() {
        last_made[result as usize] = Some(rank);
    }
    merges.iter().enumerate().all(|(rank, &[left, right, _])| {
        let before = |id: u32| last_made[id as usize].is_none_or(|made| made < rank);
        before(left) && before(right)
    })
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// Whether the last character of these bytes has lost its first byte.
fn ends_in_a_part(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| is_continuation(byte))
}

/// Whether the first character of these bytes has lost its last byte.
fn starts_with_a_part(bytes: &[u8]) -> bool {
    let len = match bytes[0] {
        0..0xC0 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    };
    bytes.len() < len
}
