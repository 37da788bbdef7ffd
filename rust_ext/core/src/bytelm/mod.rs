//! From rows of token probabilities to probabilities of bytes.
//!
//! [`Trie`] holds the vocabulary sorted by bytes and sums a row over every continuation of a byte string; [`Cover`]
//! decides which token sequences are the beginning of an encoding.

mod cover;
mod spines;
mod trie;

pub use cover::Cover;
pub use spines::Spines;
pub use trie::{Number, Trie};
