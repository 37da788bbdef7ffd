//! Which of two equally frequent pairs comes first. Pairs travel as keys `left << 32 | right`.

use super::setup::{TieRule, Unit};
use super::tokens::Tokens;

/// The key of a pair.
#[inline]
pub(crate) fn key(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

/// The pair of a key.
#[inline]
pub(crate) fn pair(key: u64) -> (u32, u32) {
    ((key >> 32) as u32, key as u32)
}

/// GPT-2's printable map sorts the bytes that are printable in Latin-1 first, by value, then the 68 others.
pub(crate) fn gpt2_rank(byte: u8) -> u8 {
    const RANKS: [u8; 256] = gpt2_ranks();
    RANKS[byte as usize]
}

const fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff)
}

const fn gpt2_ranks() -> [u8; 256] {
    let mut ranks = [0u8; 256];
    let mut next = 0usize;
    let mut printable = true;
    loop {
        let mut byte = 0usize;
        while byte < 256 {
            if is_printable(byte as u8) == printable {
                ranks[byte] = next as u8;
                next += 1;
            }
            byte += 1;
        }
        if !printable {
            return ranks;
        }
        printable = false;
    }
}

/// A tie rule with what it compares.
#[derive(Debug)]
pub(crate) struct Ties {
    rule: TieRule,
    /// Whether strings compare by the printable stand-ins of their bytes.
    printable: bool,
}

impl Ties {
    pub(crate) fn new(rule: TieRule, unit: Unit) -> Self {
        Self {
            rule,
            printable: unit == Unit::Byte,
        }
    }

    /// Whether pair `a` is taken before pair `b` when both are equally frequent. A total order on keys.
    #[inline]
    pub(crate) fn before(&self, a: u64, b: u64, tokens: &Tokens) -> bool {
        match self.rule {
            TieRule::Ids => a < b,
            TieRule::LexMax => self.compare(a, b, tokens).is_gt(),
            TieRule::LexMin => self.compare(a, b, tokens).is_lt(),
        }
    }

    fn compare(&self, a: u64, b: u64, tokens: &Tokens) -> std::cmp::Ordering {
        let ((a_left, a_right), (b_left, b_right)) = (pair(a), pair(b));
        let strings = |x: u32, y: u32| {
            let (x, y) = (tokens.bytes(x), tokens.bytes(y));
            if self.printable && self.rule == TieRule::LexMax {
                x.iter()
                    .map(|&byte| gpt2_rank(byte))
                    .cmp(y.iter().map(|&byte| gpt2_rank(byte)))
            } else {
                x.cmp(y)
            }
        };
        strings(a_left, b_left)
            .then_with(|| strings(a_right, b_right))
            .then_with(|| a.cmp(&b))
    }
}
