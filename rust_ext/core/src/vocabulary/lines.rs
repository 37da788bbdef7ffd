//! A bounded sample of lines that depends on what the text holds, not on the order of files.
//!
//! Every line has a key, a hash of its bytes and the seed; the lines with the smallest keys are kept, and read in
//! the order of their keys. So the sample is uniform over distinct lines, the order is as good as shuffled, and
//! neither depends on how documents are spread over files.

use std::collections::BinaryHeap;

use super::random::mix;
use crate::{Control, Error, Result};

/// Lines are added, the ones with the smallest keys stay.
#[derive(Debug)]
pub struct Sample {
    seed: u64,
    limit: usize,
    kept: BinaryHeap<(u64, Vec<u8>)>,
    n_seen: u64,
}

/// Lines back to back.
#[derive(Debug, Default)]
pub struct Lines {
    data: Vec<u8>,
    ends: Vec<usize>,
    /// How many lines there were to choose from.
    pub n_seen: u64,
}

/// FNV-1a over the bytes, then the generator's finalizer with the seed.
fn key(line: &[u8], seed: u64) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    mix(line.iter().fold(0xCBF2_9CE4_8422_2325, step) ^ mix(seed))
}

impl Sample {
    /// Keeps up to `limit` lines.
    pub fn new(seed: u64, limit: usize) -> Self {
        Self {
            seed,
            limit,
            kept: BinaryHeap::new(),
            n_seen: 0,
        }
    }

    /// Cuts documents behind each line feed and adds what is not empty.
    ///
    /// # Errors
    /// [`Error::Parameter`] for offsets that do not ascend within `data`, [`Error::Interrupted`].
    pub fn add(&mut self, data: &[u8], offsets: &[i64], control: &Control) -> Result<()> {
        for pair in offsets.windows(2) {
            let bounds = usize::try_from(pair[0]).ok().zip(usize::try_from(pair[1]).ok());
            let document = bounds
                .and_then(|(start, end)| data.get(start..end))
                .ok_or(Error::Parameter {
                    name: "offsets",
                    message: "must ascend within the data".into(),
                })?;
            for line in document.split_inclusive(|&byte| byte == b'\n') {
                self.n_seen += 1;
                if self.n_seen % 4096 == 0 {
                    control.check()?;
                }
                let key = key(line, self.seed);
                let full = self.kept.len() == self.limit;
                let within = |last: &(u64, Vec<u8>)| (key, line) < (last.0, last.1.as_slice());
                if !full || self.kept.peek().is_some_and(within) {
                    if full {
                        self.kept.pop();
                    }
                    self.kept.push((key, line.to_vec()));
                }
            }
            control.check()?;
        }
        Ok(())
    }

    /// The lines in the order of their keys.
    pub fn finish(&mut self) -> Lines {
        let kept = std::mem::take(&mut self.kept).into_sorted_vec();
        let mut lines = Lines {
            n_seen: self.n_seen,
            ..Lines::default()
        };
        lines.ends.push(0);
        for (_, line) in kept {
            lines.data.extend_from_slice(&line);
            lines.ends.push(lines.data.len());
        }
        lines
    }
}

impl Lines {
    /// Number of lines.
    pub fn len(&self) -> usize {
        self.ends.len().saturating_sub(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all lines.
    pub fn n_bytes(&self) -> usize {
        self.data.len()
    }

    /// Line `i`.
    pub fn get(&self, i: usize) -> &[u8] {
        &self.data[self.ends[i]..self.ends[i + 1]]
    }
}
