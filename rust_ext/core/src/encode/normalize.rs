//! Unicode normalization before encoding, with the way back to the original bytes.
//!
//! The forms are those of Unicode 11, as the `tokenizers` package computes them: a character whose
//! decomposition or combining class came later is left alone and separates its neighbours. Invalid UTF-8 passes
//! through unchanged. The text is cut where normalization cannot reach across (before a character that starts
//! a new cluster); a cluster that changes maps as a whole to the original cluster.

use std::borrow::Cow;

use unicode_normalization::char::{canonical_combining_class, decompose_canonical, decompose_compatible};
use unicode_normalization::{
    IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfd_quick, is_nfkc_quick, is_nfkd_quick,
};

use super::after_unicode_11::is_later;
use crate::{Error, Result};

/// A Unicode normalization form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalizer {
    /// Canonical composition.
    Nfc,
    /// Canonical decomposition.
    Nfd,
    /// Compatibility composition.
    Nfkc,
    /// Compatibility decomposition.
    Nfkd,
}

/// Where the changed stretches of a normalized text came from; the rest is only shifted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alignment {
    changes: Vec<Change>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Change {
    made: (usize, usize),
    origin: (usize, usize),
}

impl Alignment {
    /// The original span of the normalized span `start..end`.
    pub fn origin(&self, start: usize, end: usize) -> (usize, usize) {
        (self.start(start), self.end(end).max(self.start(start)))
    }

    /// The original position of the byte at `at`: its own, or the start of its changed stretch.
    pub fn start(&self, at: usize) -> usize {
        let after = self.changes.partition_point(|change| change.made.0 <= at);
        match after.checked_sub(1).map(|i| self.changes[i]) {
            None => at,
            Some(change) if at < change.made.1 => change.origin.0,
            Some(change) => change.origin.1 + (at - change.made.1),
        }
    }

    fn end(&self, at: usize) -> usize {
        let after = self.changes.partition_point(|change| change.made.0 < at);
        match after.checked_sub(1).map(|i| self.changes[i]) {
            None => at,
            Some(change) if at <= change.made.1 => change.origin.1,
            Some(change) => change.origin.1 + (at - change.made.1),
        }
    }
}

impl Normalizer {
    /// The form of this name, lower case.
    ///
    /// # Errors
    /// [`Error::Parameter`] naming the four forms.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "nfc" => Ok(Self::Nfc),
            "nfd" => Ok(Self::Nfd),
            "nfkc" => Ok(Self::Nfkc),
            "nfkd" => Ok(Self::Nfkd),
            _ => Err(Error::Parameter {
                name: "normalizer",
                message: format!("{name:?} is not one of nfc, nfd, nfkc, nfkd"),
            }),
        }
    }

    /// The normalized text, borrowed when nothing changes.
    pub fn apply(self, text: &[u8]) -> (Cow<'_, [u8]>, Alignment) {
        let mut made: Option<Vec<u8>> = None;
        let mut changes = Vec::new();
        let mut at = 0;
        for chunk in text.utf8_chunks() {
            let valid = chunk.valid();
            let mut rest = valid;
            while !rest.is_empty() {
                let len = self.untouched(rest);
                if len > 0 {
                    if let Some(made) = &mut made {
                        made.extend_from_slice(&rest.as_bytes()[..len]);
                    }
                    at += len;
                    rest = &rest[len..];
                    continue;
                }
                let len = self.cluster(rest);
                let (cluster, after) = rest.split_at(len);
                let normalized = self.cluster_form(cluster);
                if normalized != cluster {
                    let made = made.get_or_insert_with(|| text[..at].to_vec());
                    let start = made.len();
                    made.extend_from_slice(normalized.as_bytes());
                    changes.push(Change {
                        made: (start, made.len()),
                        origin: (at, at + len),
                    });
                } else if let Some(made) = &mut made {
                    made.extend_from_slice(cluster.as_bytes());
                }
                at += len;
                rest = after;
            }
            if let Some(made) = &mut made {
                made.extend_from_slice(chunk.invalid());
            }
            at += chunk.invalid().len();
        }
        let text = made.map_or(Cow::Borrowed(text), Cow::Owned);
        (text, Alignment { changes })
    }

    /// Length of a prefix that normalization leaves alone, ending where a cluster starts.
    fn untouched(self, text: &str) -> usize {
        let mut last_start = 0;
        for (at, c) in text.char_indices() {
            if c.is_ascii() || self.stands_alone(c) {
                last_start = at;
            } else {
                return last_start;
            }
        }
        text.len()
    }

    /// Whether the character is unchanged by itself and out of reach of what precedes it.
    fn stands_alone(self, c: char) -> bool {
        let one = std::iter::once(c);
        let quick = match self {
            Self::Nfc => is_nfc_quick(one),
            Self::Nfkc => is_nfkc_quick(one),
            Self::Nfd => is_nfd_quick(one),
            Self::Nfkd => is_nfkd_quick(one),
        };
        quick == IsNormalized::Yes && canonical_combining_class(c) == 0
    }

    /// Length of the first cluster: up to the next character that nothing before it can reach.
    fn cluster(self, text: &str) -> usize {
        let mut chars = text.char_indices();
        match chars.next() {
            Some((_, first)) if is_later(first) => return first.len_utf8(),
            _ => {}
        }
        chars
            .find(|&(_, c)| is_later(c) || self.starts_cluster(c))
            .map_or(text.len(), |(at, _)| at)
    }

    fn starts_cluster(self, c: char) -> bool {
        if c.is_ascii() {
            return true;
        }
        if self.stands_alone(c) {
            return true;
        }
        // What it decomposes to decides: its first character must be a starter that composes with nothing before.
        let mut first = None;
        let keep = |d: char| {
            first.get_or_insert(d);
        };
        match self {
            Self::Nfc | Self::Nfd => decompose_canonical(c, keep),
            Self::Nfkc | Self::Nfkd => decompose_compatible(c, keep),
        }
        first.is_some_and(|d| {
            canonical_combining_class(d) == 0 && is_nfc_quick(std::iter::once(d)) == IsNormalized::Yes
        })
    }

    fn cluster_form(self, cluster: &str) -> String {
        if cluster.chars().next().is_some_and(is_later) {
            return cluster.to_owned();
        }
        match self {
            Self::Nfc => cluster.nfc().collect(),
            Self::Nfd => cluster.nfd().collect(),
            Self::Nfkc => cluster.nfkc().collect(),
            Self::Nfkd => cluster.nfkd().collect(),
        }
    }
}
