//! Scaffold tokens: merged as all others, then broken down into the parts of their merge.
//!
//! `parts(t) = [t]` unless t is scaffold, then the shortest `parts(left) + parts(right)` over the merges that make it,
//! of equals the first. Source: Lian et al. 2024 (Scaffold-BPE).

use super::vocabulary::Vocabulary;
use crate::{Error, Result};

/// What every scaffold token becomes.
#[derive(Debug, Default)]
pub struct Scaffold {
    parts: Vec<u32>,
    /// Where each id's parts lie; empty for tokens that stay.
    spans: Vec<(u32, u32)>,
}

impl Scaffold {
    /// Works out the parts of all scaffold tokens.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] when no merge makes one of them.
    pub fn new(tokens: &[u32], merges: &[[u32; 3]], vocabulary: &Vocabulary) -> Result<Self> {
        let n_ids = vocabulary.len();
        let mut is_scaffold = vec![false; n_ids];
        for &token in tokens {
            if let Some(slot) = is_scaffold.get_mut(token as usize) {
                *slot = true;
            }
        }
        let width = |id: u32| vocabulary.bytes(id).map_or(0, <[u8]>::len);
        let mut producers: Vec<&[u32; 3]> = merges
            .iter()
            .filter(|merge| is_scaffold[merge[2] as usize])
            .collect();
        // Parts are shorter than what they make, so all producers of a token come before its first use.
        producers.sort_by_key(|merge| width(merge[2]));
        let mut found: rustc_hash::FxHashMap<u32, Vec<u32>> = rustc_hash::FxHashMap::default();
        for &&[left, right, result] in &producers {
            let mut parts = Vec::new();
            for side in [left, right] {
                match found.get(&side) {
                    Some(inner) => parts.extend_from_slice(inner),
                    None => parts.push(side),
                }
            }
            let best = found.entry(result).or_insert_with(|| parts.clone());
            if parts.len() < best.len() {
                *best = parts;
            }
        }
        let mut made = Self {
            parts: Vec::new(),
            spans: vec![(0, 0); n_ids],
        };
        for &token in tokens {
            let Some(parts) = found.get(&token) else {
                return Err(Error::Vocabulary {
                    message: format!("scaffold token {token} is made by no merge"),
                });
            };
            let start = made.parts.len() as u32;
            made.parts.extend_from_slice(parts);
            made.spans[token as usize] = (start, made.parts.len() as u32);
        }
        Ok(made)
    }

    /// Replaces the scaffold tokens among `ids` by their parts.
    pub fn demolish(&self, ids: &mut Vec<u32>) {
        let span = |id: u32| self.spans.get(id as usize).copied().unwrap_or_default();
        let extra: usize = ids
            .iter()
            .map(|&id| span(id))
            .filter(|&(start, end)| end > start)
            .map(|(start, end)| (end - start) as usize - 1)
            .sum();
        if extra == 0 {
            return;
        }
        // From the back, so that nothing is overwritten before it is read.
        let mut read = ids.len();
        ids.resize(read + extra, 0);
        let mut write = ids.len();
        while write > read {
            read -= 1;
            let (start, end) = span(ids[read]);
            if end > start {
                let parts = &self.parts[start as usize..end as usize];
                write -= parts.len();
                ids[write..write + parts.len()].copy_from_slice(parts);
            } else {
                write -= 1;
                ids[write] = ids[read];
            }
        }
    }
}
