//! Which pretokens may become part of a superword.

use fancy_regex::Regex;

use crate::{Error, Result};

/// At least one letter anywhere.
const LETTER: &str = r"\p{L}";
/// Letters with their marks, spaces, underscores and apostrophes only; a letter after at least one character.
const WORDS: &str = r"^(?=.+\p{L})(?:\p{L}\p{M}*|[ _'\u{2019}])+$";

/// The named rules and their patterns.
pub const RULES: [(&str, &str); 2] = [("letter", LETTER), ("words", WORDS)];

/// For each pretoken whether it is valid UTF-8 and `rule` (a name of [`RULES`], or `regex:PATTERN`) is found in it.
///
/// # Errors
/// [`Error::Parameter`] for an unknown rule, or a pattern that does not compile or fails on a pretoken.
pub fn admitted(rule: &str, pretokens: &[Vec<u8>]) -> Result<Vec<bool>> {
    let refuse = |message: String| Error::Parameter {
        name: "could_merge",
        message,
    };
    let named = RULES
        .iter()
        .find(|(name, _)| *name == rule)
        .map(|&(_, pattern)| pattern);
    let pattern = named.or_else(|| rule.strip_prefix("regex:")).ok_or_else(|| {
        let names = RULES.map(|(name, _)| name).join(", ");
        refuse(format!(
            "{rule:?} is not known; give one of {names}, or regex:PATTERN"
        ))
    })?;
    let regex = Regex::new(pattern).map_err(|error| refuse(format!("not a regular expression: {error}")))?;
    pretokens
        .iter()
        .map(|pretoken| match std::str::from_utf8(pretoken) {
            Ok(text) => regex
                .is_match(text)
                .map_err(|error| refuse(format!("failed on {text:?}: {error}"))),
            Err(_) => Ok(false),
        })
        .collect()
}
