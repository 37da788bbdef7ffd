//! A double-array trie of tokens: one lookup per byte. Tokens can be taken out, not put in.

use super::{NONE, Tokens};

#[derive(Debug, Clone, Copy)]
struct Node {
    /// Children lie at `base ^ byte`.
    base: u32,
    /// The parent, or [`NONE`] where the slot is free.
    parent: u32,
    /// The token that ends here, or [`NONE`].
    token: u32,
}

const FREE: Node = Node {
    base: 0,
    parent: NONE,
    token: NONE,
};

/// Places that are tried for the children of one node before a new block is opened.
const ATTEMPTS: usize = 64;

/// A set of tokens to walk through byte by byte.
#[derive(Debug, Clone)]
pub struct Trie {
    nodes: Vec<Node>,
    /// The node at which each token ends.
    ends: Vec<u32>,
}

impl Trie {
    /// The node that stands for no byte yet.
    pub const ROOT: u32 = 0;

    /// Holds the tokens for which `keep` says so.
    pub fn new(tokens: Tokens<'_>, keep: impl Fn(usize) -> bool) -> Self {
        let mut sorted: Vec<u32> = (0..tokens.len() as u32).filter(|&i| keep(i as usize)).collect();
        sorted.sort_unstable_by_key(|&i| tokens.get(i as usize));
        let mut trie = Self {
            nodes: vec![FREE; 256],
            ends: vec![NONE; tokens.len()],
        };
        trie.nodes[0].parent = 0;
        let mut free = 1;
        let mut waiting = vec![(Self::ROOT, 0, 0, sorted.len())];
        let mut children: Vec<(u8, usize, usize)> = Vec::new();
        while let Some((node, depth, mut start, end)) = waiting.pop() {
            while start < end && tokens.get(sorted[start] as usize).len() == depth {
                trie.nodes[node as usize].token = sorted[start];
                trie.ends[sorted[start] as usize] = node;
                start += 1;
            }
            children.clear();
            while start < end {
                let byte = tokens.get(sorted[start] as usize)[depth];
                let same = sorted[start..end].partition_point(|&i| tokens.get(i as usize)[depth] == byte);
                children.push((byte, start, start + same));
                start += same;
            }
            if children.is_empty() {
                continue;
            }
            let base = trie.place(&children, &mut free);
            trie.nodes[node as usize].base = base;
            for &(byte, first, last) in &children {
                let child = base ^ u32::from(byte);
                trie.nodes[child as usize].parent = node;
                waiting.push((child, depth + 1, first, last));
            }
        }
        trie
    }

    /// Finds a base under which the slots of all children are free.
    fn place(&mut self, children: &[(u8, usize, usize)], free: &mut usize) -> u32 {
        while *free < self.nodes.len() && self.nodes[*free].parent != NONE {
            *free += 1;
        }
        let mut tried = 0;
        for slot in *free..self.nodes.len() {
            if self.nodes[slot].parent != NONE {
                continue;
            }
            let base = slot as u32 ^ u32::from(children[0].0);
            let fits = |&(byte, _, _): &(u8, usize, usize)| {
                self.nodes[(base ^ u32::from(byte)) as usize].parent == NONE
            };
            if children.iter().all(fits) {
                return base;
            }
            tried += 1;
            if tried == ATTEMPTS {
                break;
            }
        }
        let base = self.nodes.len() as u32;
        self.nodes.resize(self.nodes.len() + 256, FREE);
        base
    }

    /// The node after one more byte, or [`NONE`].
    #[inline]
    pub fn step(&self, node: u32, byte: u8) -> u32 {
        let child = self.nodes[node as usize].base ^ u32::from(byte);
        if child != Self::ROOT && self.nodes[child as usize].parent == node {
            child
        } else {
            NONE
        }
    }

    /// The token that ends at a node, or [`NONE`].
    #[inline]
    pub fn token(&self, node: u32) -> u32 {
        self.nodes[node as usize].token
    }

    /// Takes a token out.
    pub fn remove(&mut self, token: u32) {
        let node = self.ends[token as usize];
        if node != NONE {
            self.nodes[node as usize].token = NONE;
        }
    }

    /// The longest token that `data` starts with and that is shorter than `limit` bytes: token and length.
    #[inline]
    pub fn longest(&self, data: &[u8], limit: usize) -> (u32, usize) {
        let (mut best, mut node) = ((NONE, 0), Self::ROOT);
        for (at, &byte) in data.iter().take(limit).enumerate() {
            node = self.step(node, byte);
            if node == NONE {
                break;
            }
            let token = self.token(node);
            if token != NONE {
                best = (token, at + 1);
            }
        }
        best
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn finds_exactly_its_tokens() {
        let words: [&[u8]; 7] = [b"a", b"ab", b"abc", b"b", b"\x00", b"\xff\x00", b"ca"];
        let arena: Vec<u8> = words.concat();
        let offsets: Vec<i64> = words
            .iter()
            .scan(0, |end, word| {
                *end += i64::try_from(word.len()).unwrap();
                Some(*end)
            })
            .collect();
        let offsets = [vec![0], offsets].concat();
        let tokens = Tokens::new(&arena, &offsets).unwrap();
        let mut trie = Trie::new(tokens, |i| i != 3);
        for (i, word) in words.iter().enumerate() {
            let expected = if i == 3 { (NONE, 0) } else { (i as u32, word.len()) };
            assert_eq!(trie.longest(word, 9), expected);
        }
        assert_eq!(trie.longest(b"abd", 9), (1, 2));
        assert_eq!(trie.longest(b"abc", 2), (1, 2));
        trie.remove(1);
        assert_eq!(trie.longest(b"abd", 9), (0, 1));
        assert_eq!(trie.longest(b"", 9), (NONE, 0));
    }
}
