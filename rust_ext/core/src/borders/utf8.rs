//! UTF-8 read byte by byte: which bytes may follow the beginning of a character.

use std::ops::RangeInclusive;

/// What a byte makes of the bytes before it that begin a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// The bytes are this character.
    Character(u32),
    /// They begin one.
    Partial(Partial),
    /// They begin none.
    Invalid,
}

/// The first one to three bytes of a longer character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Partial {
    bytes: [u8; 3],
    len: u8,
}

impl Partial {
    /// No byte.
    pub const NONE: Self = Self {
        bytes: [0; 3],
        len: 0,
    };

    /// Whether there is no byte.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len as usize]
    }

    /// Reads one more byte.
    pub fn then(self, byte: u8) -> Read {
        let mut whole = [0; 4];
        whole[..self.len as usize].copy_from_slice(self.bytes());
        whole[self.len as usize] = byte;
        let whole = &whole[..=self.len as usize];
        match std::str::from_utf8(whole) {
            Ok(text) => text
                .chars()
                .next()
                .map_or(Read::Invalid, |it| Read::Character(it as u32)),
            Err(error) if error.error_len().is_none() => {
                let mut bytes = [0; 3];
                bytes[..whole.len()].copy_from_slice(whole);
                Read::Partial(Self {
                    bytes,
                    len: whole.len() as u8,
                })
            }
            Err(_) => Read::Invalid,
        }
    }

    /// The code points of the characters that begin so; surrogates may lie between them.
    pub fn characters(self) -> RangeInclusive<u32> {
        let mut low = u32::MAX;
        let mut high = 0;
        let mut end = |bytes: &[u8], last: bool| {
            let mut bytes = bytes.to_vec();
            let mut partial = Self::NONE;
            let mut at = 0;
            loop {
                let candidates: Vec<u8> = match bytes.get(at) {
                    Some(&byte) => vec![byte],
                    None if last => (0x80..=0xBF).rev().collect(),
                    None => (0x80..=0xBF).collect(),
                };
                let found = candidates.into_iter().find_map(|byte| match partial.then(byte) {
                    Read::Invalid => None,
                    read => Some((byte, read)),
                });
                match found {
                    Some((_, Read::Character(point))) => {
                        low = low.min(point);
                        high = high.max(point);
                        break;
                    }
                    Some((byte, Read::Partial(more))) => {
                        if at == bytes.len() {
                            bytes.push(byte);
                        }
                        partial = more;
                        at += 1;
                    }
                    _ => break,
                }
            }
        };
        end(self.bytes(), false);
        end(self.bytes(), true);
        low..=high
    }
}
