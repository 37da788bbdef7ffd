//! What a training run starts from: the alphabet's rules, the tie rule, the limits.

use crate::{Error, Result};

/// What one initial symbol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A byte.
    Byte,
    /// A Unicode scalar value.
    Character,
}

/// The order in which the initial symbols receive their ids. Characters are always in code-point order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlphabetOrder {
    /// Bytes by the code point of their printable stand-in in GPT-2's map, as Hugging Face does.
    Gpt2,
    /// Bytes by value.
    Byte,
}

/// Which initial symbols there are besides those that occur.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InitialAlphabet {
    /// All 256 bytes (bytes only).
    All,
    /// Only what occurs.
    Seen,
    /// What occurs and these, whether they occur or not; they are never dropped.
    Given(Vec<Vec<u8>>),
}

/// What becomes of a symbol that the alphabet leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uncovered {
    /// It vanishes, and its neighbours become adjacent (what Hugging Face's `limit_alphabet` does).
    Drop,
    /// It becomes one of 256 fallback tokens per byte, which take no part in merges.
    ByteFallback,
    /// It becomes the special token of this text, which takes no part in merges.
    Unknown(String),
}

/// Which of several equally frequent pairs is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TieRule {
    /// The smallest (left id, right id): Hugging Face, rustbpe, bpeasy (which differ in the alphabet's order).
    Ids,
    /// The largest (left, right) token strings; bytes compare by their printable stand-ins' code points.
    LexMax,
    /// The smallest (left, right) token strings; raw bytes compare.
    LexMin,
}

/// All of it.
#[allow(
    clippy::struct_excessive_bools,
    reason = "four switches that are independent of each other"
)]
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// What one initial symbol is.
    pub unit: Unit,
    /// Texts of the special tokens; they take the first ids in this order.
    pub special_tokens: Vec<String>,
    /// Symbols that exist without occurring.
    pub initial_alphabet: InitialAlphabet,
    /// Keep at most this many symbols, the most frequent ones (ties: the earlier in alphabet order).
    pub limit_alphabet: Option<u64>,
    /// Keep the most frequent symbols that make up this share of all symbols (1 = all of them).
    pub coverage: f64,
    /// What becomes of the others.
    pub uncovered: Uncovered,
    /// The order of the symbols' ids.
    pub alphabet_order: AlphabetOrder,
    /// Which of several equally frequent pairs is merged.
    pub tie_rule: TieRule,
    /// No token of more symbols than this is made.
    pub max_token_length: Option<u32>,
    /// Pairs below this count are never asked for (at least 1).
    pub min_frequency: u64,
    /// About how many merges will be asked for: a hint for speed, never for the result.
    pub expected_merges: u64,
    /// The floor to start with instead of an estimate: for speed, never for the result.
    pub first_floor: Option<u64>,
    /// Whether pair counts are kept per group, so that a group's best pair can be asked for.
    pub track_groups: bool,
    /// So many groups, the last ones, are only segmented along: they count in the lengths, but in no pair.
    pub silent_groups: usize,
    /// Follow no pair for its count over all groups before that is asked for: for speed, never for the result.
    pub total_closed: bool,
    /// Whether `x x x` holds the pair (x, x) twice (as Hugging Face and most others count) or once, as often as it
    /// can be merged (the BoundlessBPE family).
    pub overlap: bool,
    /// Whether tokens can be split again, for which the places of every token are kept.
    pub deletions: bool,
}

impl Default for Setup {
    /// What Hugging Face's byte-level trainer does with all 256 bytes in its initial alphabet.
    fn default() -> Self {
        Self {
            unit: Unit::Byte,
            special_tokens: Vec::new(),
            initial_alphabet: InitialAlphabet::All,
            limit_alphabet: None,
            coverage: 1.0,
            uncovered: Uncovered::Drop,
            alphabet_order: AlphabetOrder::Gpt2,
            tie_rule: TieRule::Ids,
            max_token_length: None,
            min_frequency: 1,
            expected_merges: 32_000,
            first_floor: None,
            track_groups: false,
            silent_groups: 0,
            total_closed: false,
            overlap: true,
            deletions: false,
        }
    }
}

impl Setup {
    /// # Errors
    /// [`Error::Parameter`] naming the first parameter that is out of range or contradicts another.
    pub fn check(&self) -> Result<()> {
        let fail = |name: &'static str, message: String| Err(Error::Parameter { name, message });
        for (index, text) in self.special_tokens.iter().enumerate() {
            if text.is_empty() {
                return fail("special_tokens", format!("special token {index} is empty"));
            }
            if self.special_tokens[..index].contains(text) {
                return fail("special_tokens", format!("{text:?} is given twice"));
            }
        }
        if let Uncovered::Unknown(text) = &self.uncovered
            && !self.special_tokens.contains(text)
        {
            return fail(
                "unknown",
                format!("the unknown token {text:?} must be one of the special tokens"),
            );
        }
        if !(self.coverage > 0.0 && self.coverage <= 1.0) {
            return fail(
                "character_coverage",
                format!("must be above 0 and at most 1, got {}", self.coverage),
            );
        }
        if self.unit == Unit::Byte && (self.uncovered != Uncovered::Drop || self.coverage < 1.0) {
            return fail(
                "unit",
                "character coverage, byte fallback and an unknown token need unit=\"character\"".into(),
            );
        }
        if self.unit == Unit::Character && self.initial_alphabet == InitialAlphabet::All {
            return fail(
                "initial_alphabet",
                "\"bytes\" needs unit=\"byte\"; use \"seen\" or give the characters".into(),
            );
        }
        let sure = match &self.initial_alphabet {
            InitialAlphabet::All => 256,
            InitialAlphabet::Seen => 0,
            InitialAlphabet::Given(symbols) => symbols.len() as u64,
        };
        if let Some(limit) = self.limit_alphabet
            && (limit == 0 || limit < sure)
        {
            return fail(
                "limit_alphabet",
                format!(
                    "must be at least 1 and hold the initial alphabet of {sure} symbols, got {limit}; \
                     use initial_alphabet=\"seen\" to keep only the most frequent symbols"
                ),
            );
        }
        if self.track_groups && (self.deletions || !self.overlap) {
            return fail(
                "track_groups",
                "counts per group can neither rise nor leave overlaps out".into(),
            );
        }
        if self.max_token_length.is_some_and(|limit| limit < 2) {
            return fail("max_token_length", "must be at least 2 (one merge)".into());
        }
        Ok(())
    }
}
