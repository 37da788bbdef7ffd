//! The vocabulary sorted by bytes, as a trie of flat arrays.
//!
//! Tokens that begin with the same bytes are neighbours, so a node of the trie is a range of the sorted order, and the
//! probability of every next byte after a node is one sum per child, over the child's range. The sums are direct: a
//! difference of prefix sums would lose the digits of rare bytes.
//!
//! Nodes are numbered breadth first: the children of node `n` are the nodes `first[n] .. first[n + 1]`, in the order
//! of their bytes. Node 0 is the root. Several tokens may have the same bytes; they end at the same node.

use crate::{Error, Result};

/// No node: the bytes are the beginning of no token.
pub const NOWHERE: u32 = u32::MAX;

/// A probability: single or double precision; sums are double.
pub trait Number: Copy + Into<f64> {
    /// Itself where `on` is 1, zero where it is 0.
    #[must_use]
    fn masked(self, on: u8) -> Self;

    /// In double precision.
    fn double(self) -> f64 {
        self.into()
    }
}

impl Number for f32 {
    fn masked(self, on: u8) -> Self {
        self * Self::from(on)
    }
}

impl Number for f64 {
    fn masked(self, on: u8) -> Self {
        self * Self::from(on)
    }
}

/// A byte-sorted vocabulary.
#[derive(Debug, Clone)]
pub struct Trie {
    n_ids: usize,
    order: Vec<u32>,
    rank: Vec<u32>,
    first: Vec<u32>,
    byte: Vec<u8>,
    low: Vec<u32>,
    middle: Vec<u32>,
    high: Vec<u32>,
}

impl Trie {
    /// Sorts the tokens `ids`; token `i` spells `arena[offsets[i] .. offsets[i + 1]]`.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] for an id outside of the vocabulary, one given twice, or one without bytes.
    pub fn new(arena: &[u8], offsets: &[u64], ids: &[u32]) -> Result<Self> {
        let fail = |message: String| Err(Error::Vocabulary { message });
        let n_ids = offsets.len().saturating_sub(1);
        let spell = |id: u32| &arena[offsets[id as usize] as usize..offsets[id as usize + 1] as usize];
        let mut rank = vec![NOWHERE; n_ids];
        for &id in ids {
            let Some(seen) = rank.get_mut(id as usize) else {
                return fail(format!("token {id} is not in the vocabulary of {n_ids} ids"));
            };
            if *seen != NOWHERE {
                return fail(format!("token {id} is given twice"));
            }
            if spell(id).is_empty() {
                return fail(format!("token {id} has no bytes"));
            }
            *seen = 0;
        }
        let mut order = ids.to_vec();
        order.sort_unstable_by(|&a, &b| spell(a).cmp(spell(b)).then(a.cmp(&b)));
        for (place, &id) in order.iter().enumerate() {
            rank[id as usize] = place as u32;
        }
        let mut trie = Self {
            n_ids,
            rank,
            first: Vec::new(),
            byte: vec![0],
            low: vec![0],
            middle: Vec::new(),
            high: vec![order.len() as u32],
            order,
        };
        let mut depths = vec![0_u32];
        let mut node = 0;
        while node < trie.low.len() {
            let (depth, high) = (depths[node] as usize, trie.high[node]);
            let mut place = trie.low[node];
            while place < high && spell(trie.order[place as usize]).len() == depth {
                place += 1;
            }
            trie.middle.push(place);
            trie.first.push(trie.low.len() as u32);
            while place < high {
                let byte = spell(trie.order[place as usize])[depth];
                let rest = &trie.order[place as usize..high as usize];
                let end = place + rest.partition_point(|&id| spell(id)[depth] == byte) as u32;
                trie.byte.push(byte);
                trie.low.push(place);
                trie.high.push(end);
                depths.push(depth as u32 + 1);
                place = end;
            }
            node += 1;
        }
        trie.first.push(trie.low.len() as u32);
        Ok(trie)
    }

    /// Number of ids of the vocabulary, those without a place in the trie included.
    pub fn n_ids(&self) -> usize {
        self.n_ids
    }

    /// The ids in the order of their bytes.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// The place of every id in the order; [`NOWHERE`] for those that were left out.
    pub fn rank(&self) -> &[u32] {
        &self.rank
    }

    /// Number of nodes.
    pub fn n_nodes(&self) -> usize {
        self.low.len()
    }

    /// The node after one more byte, or [`NOWHERE`].
    pub fn child(&self, node: u32, byte: u8) -> u32 {
        let (start, end) = self.children(node);
        match self.byte[start..end].binary_search(&byte) {
            Ok(at) => (start + at) as u32,
            Err(_) => NOWHERE,
        }
    }

    /// The node of some bytes, or [`NOWHERE`].
    pub fn find(&self, bytes: &[u8]) -> u32 {
        let mut node = 0;
        for &byte in bytes {
            node = self.child(node, byte);
            if node == NOWHERE {
                break;
            }
        }
        node
    }

    /// First child and the one after the last.
    pub fn children(&self, node: u32) -> (usize, usize) {
        (
            self.first[node as usize] as usize,
            self.first[node as usize + 1] as usize,
        )
    }

    /// The byte that leads to a node from its parent.
    pub fn byte(&self, node: usize) -> u8 {
        self.byte[node]
    }

    /// The places of the tokens that end at a node.
    pub fn ending(&self, node: u32) -> std::ops::Range<usize> {
        self.low[node as usize] as usize..self.middle[node as usize] as usize
    }

    /// The places of the tokens that begin with the bytes of a node.
    pub fn range(&self, node: u32) -> std::ops::Range<usize> {
        self.low[node as usize] as usize..self.high[node as usize] as usize
    }

    /// A row of probabilities by id in sorted order, zero where `mask`, in sorted order, is 0; and the probability of
    /// every first byte.
    pub fn sorted<T: Number>(&self, row: &[T], mask: Option<&[u8]>) -> (Vec<T>, [f64; 256]) {
        let ids = self.order.iter();
        let sorted: Vec<T> = match mask {
            None => ids.map(|&id| row[id as usize]).collect(),
            Some(mask) => {
                let pairs = ids.zip(mask);
                pairs.map(|(&id, &on)| row[id as usize].masked(on)).collect()
            }
        };
        let mut first = [0.0; 256];
        self.spread(0, &sorted, 1.0, &mut first);
        (sorted, first)
    }

    /// Adds `weight` times the probability of every next byte after `node` to `out`.
    pub fn spread<T: Number>(&self, node: u32, sorted: &[T], weight: f64, out: &mut [f64; 256]) {
        let (start, end) = self.children(node);
        for child in start..end {
            let range = self.low[child] as usize..self.high[child] as usize;
            out[self.byte[child] as usize] += weight * sum(&sorted[range]);
        }
    }

    /// The sum over all tokens that begin with the bytes of a node.
    pub fn mass<T: Number>(&self, node: u32, sorted: &[T]) -> f64 {
        sum(&sorted[self.range(node)])
    }
}

/// The sum in eight lanes, always in the same order.
pub fn sum<T: Number>(values: &[T]) -> f64 {
    let mut lanes = [0.0_f64; 8];
    let chunks = values.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += value.into();
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane += value.into();
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (b + f)) + ((c + g) + (d + h))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trie(tokens: &[&str]) -> Trie {
        let arena: Vec<u8> = tokens.iter().flat_map(|token| token.bytes()).collect();
        let mut offsets = vec![0];
        for token in tokens {
            offsets.push(offsets.last().copied().unwrap_or(0) + token.len() as u64);
        }
        let ids: Vec<u32> = (0..tokens.len() as u32).collect();
        Trie::new(&arena, &offsets, &ids).expect("a good vocabulary")
    }

    #[test]
    fn every_next_byte_gets_the_tokens_that_begin_so() {
        let trie = trie(&["b", "ab", "a", "abc", "ac"]);
        let (sorted, out) = trie.sorted(&[0.1_f64, 0.2, 0.3, 0.15, 0.25], None);
        assert!((out[usize::from(b'a')] - 0.9).abs() < 1e-12);
        assert!((out[usize::from(b'b')] - 0.1).abs() < 1e-12);
        let mut out = [0.0; 256];
        let node = trie.find(b"a");
        trie.spread(node, &sorted, 2.0, &mut out);
        assert!((out[usize::from(b'b')] - 0.7).abs() < 1e-12);
        assert!((out[usize::from(b'c')] - 0.5).abs() < 1e-12);
        assert_eq!(trie.order()[trie.ending(node)], [2]);
        assert_eq!(trie.find(b"abd"), NOWHERE);
    }

    #[test]
    fn tokens_with_the_same_bytes_end_together() {
        let trie = trie(&["a", "b", "a"]);
        assert_eq!(trie.order()[trie.ending(trie.find(b"a"))], [0, 2]);
    }

    #[test]
    fn an_id_twice_is_an_error() {
        assert!(Trie::new(b"a", &[0, 1], &[0, 0]).is_err());
        assert!(Trie::new(b"a", &[0, 1], &[1]).is_err());
    }
}
