//! From rows of token probabilities to probabilities of bytes.
//!
//! [`Trie`] holds the vocabulary sorted by bytes and sums a row over every continuation of a byte string.

mod trie;

pub use trie::Trie;
