//! SplitMix64 streams: small, fast, and easy to write again elsewhere (Steele, Lea and Flood 2014).

use super::super::vocabulary::hash;

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// Random numbers of one pretoken or document.
#[derive(Debug, Clone)]
pub struct Draws {
    state: u64,
}

impl Draws {
    /// What all streams of a document have in common.
    pub fn stream(seed: u64, document: &[u8]) -> u64 {
        mix(mix(seed) ^ hash(document))
    }

    /// The stream of one place in a document.
    pub fn new(stream: u64, place: u64) -> Self {
        Self {
            state: mix(stream ^ place),
        }
    }

    fn next(&mut self) -> u64 {
        let value = mix(self.state);
        self.state = self.state.wrapping_add(STEP);
        value
    }

    /// A number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A whole number below `n`, which must not be 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }
}

fn mix(value: u64) -> u64 {
    let mut value = value.wrapping_add(STEP);
    value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ value >> 31
}
