//! Characters that a pattern cannot tell apart are one class.

use std::ops::RangeInclusive;

/// A set of characters: ascending, disjoint, not adjacent ranges of code points; surrogates are in none.
pub type Set = Vec<(u32, u32)>;

const LAST: u32 = 0x10_FFFF;
const SURROGATES: RangeInclusive<u32> = 0xD800..=0xDFFF;

/// A partition of all characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classes {
    /// First code point of every stretch, ascending from 0.
    starts: Vec<u32>,
    /// Its class.
    class: Vec<u16>,
    total: usize,
}

impl Classes {
    /// The coarsest partition in which every set is a union of classes, and for every class the sets that hold it.
    ///
    /// # Errors
    /// A message where there are more than 65,000.
    pub fn of_sets(sets: &[Set]) -> std::result::Result<(Self, Vec<Vec<bool>>), String> {
        let mut edges = vec![0, *SURROGATES.start(), SURROGATES.end() + 1];
        for &(start, end) in sets.iter().flatten() {
            edges.push(start);
            if end < LAST {
                edges.push(end + 1);
            }
        }
        edges.sort_unstable();
        edges.dedup();
        let mut cursors = vec![0; sets.len()];
        let signatures = edges.iter().map(|&at| {
            let holds = sets.iter().zip(&mut cursors).map(|(set, cursor)| {
                while set.get(*cursor).is_some_and(|&(_, end)| end < at) {
                    *cursor += 1;
                }
                set.get(*cursor).is_some_and(|&(start, _)| start <= at)
            });
            let holds: Vec<bool> = holds.collect();
            (!SURROGATES.contains(&at)).then_some(holds)
        });
        Self::of_signatures(edges.clone(), signatures.collect())
    }

    /// One class per distinct signature; None is no character and joins the class before.
    pub fn of_signatures<T: Clone + Eq + std::hash::Hash>(
        starts: Vec<u32>,
        signatures: Vec<Option<T>>,
    ) -> std::result::Result<(Self, Vec<T>), String> {
        let mut seen: rustc_hash::FxHashMap<T, u16> = rustc_hash::FxHashMap::default();
        let mut members = Vec::new();
        let mut class = Vec::with_capacity(starts.len());
        for signature in signatures {
            let Some(signature) = signature else {
                class.push(class.last().copied().unwrap_or(0));
                continue;
            };
            let next = u16::try_from(members.len()).ok().filter(|&n| n < 65_000);
            let next = next.ok_or("more than 65,000 kinds of characters")?;
            class.push(*seen.entry(signature.clone()).or_insert(next));
            if members.len() < seen.len() {
                members.push(signature);
            }
        }
        let made = Self {
            starts,
            class,
            total: members.len(),
        };
        Ok((made, members))
    }

    /// The partition that both refine to, and for every class the two it lies in.
    pub fn product(&self, other: &Self) -> std::result::Result<(Self, Vec<(u16, u16)>), String> {
        let mut starts: Vec<u32> = self.starts.iter().chain(&other.starts).copied().collect();
        starts.sort_unstable();
        starts.dedup();
        let signatures = starts.iter().map(|&at| {
            let pair = (self.class_of(at), other.class_of(at));
            (!SURROGATES.contains(&at)).then_some(pair)
        });
        let signatures = signatures.collect();
        Self::of_signatures(starts, signatures)
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        self.total
    }

    /// The class of a code point.
    pub fn class_of(&self, point: u32) -> u16 {
        self.class[self.starts.partition_point(|&start| start <= point) - 1]
    }

    /// The classes of the code points in a range, ascending, each once.
    pub fn within(&self, range: RangeInclusive<u32>) -> Vec<u16> {
        let first = self.starts.partition_point(|start| start <= range.start()) - 1;
        let last = self.starts.partition_point(|start| start <= range.end());
        let stretches = first..last;
        let mut found: Vec<u16> = stretches
            .filter(|&at| !SURROGATES.contains(&self.starts[at]))
            .map(|at| self.class[at])
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The characters that a pattern for one character matches.
///
/// # Errors
/// A message when it cannot be read or matches something else than one character.
pub fn set_of(pattern: &str, ignore_case: bool) -> std::result::Result<Set, String> {
    use regex_syntax::hir::{Class, HirKind};
    let parsed = regex_syntax::ParserBuilder::new()
        .case_insensitive(ignore_case)
        .build()
        .parse(pattern)
        .map_err(|error| format!("{pattern:?} cannot be read: {error}"))?;
    let wrong = || format!("{pattern:?} is no set of characters");
    match parsed.kind() {
        HirKind::Class(Class::Unicode(class)) => Ok(class
            .iter()
            .map(|range| (range.start() as u32, range.end() as u32))
            .collect()),
        HirKind::Class(Class::Bytes(class)) if class.is_ascii() => Ok(class
            .iter()
            .map(|range| (u32::from(range.start()), u32::from(range.end())))
            .collect()),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).map_err(|_| wrong())?;
            let mut characters = text.chars();
            match (characters.next(), characters.next()) {
                (Some(only), None) => Ok(vec![(only as u32, only as u32)]),
                _ => Err(wrong()),
            }
        }
        _ => Err(wrong()),
    }
}
