//! How a pre-tokenizer is written down: specification text to [`Step`] and back.
//!
//! ```text
//! spec    = name | regex | "seq(" item { "," item } ")"
//! item    = name | regex' | "seq(" … ")"
//! regex   = "regex" [ "-" behaviour ] ":" pattern            the pattern runs to the end, verbatim
//! regex'  = "regex" [ "-" behaviour ] ":'" pattern "'"       inside seq: quoted, a quote is doubled
//! name    = "gpt2" | … | "digits" [ ":" ( n | "r2l" n ) ] | "punctuation" [ ":" behaviour ]
//! behaviour = "isolated" | "contiguous" | "merged_with_previous" | "merged_with_next"
//! ```

use std::fmt::{self, Write};

use super::behaviour::Behaviour;
use super::digits::Grouping;
use crate::{Error, Result};

/// One parsed specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A scanner without parameters, one of [`SCANNERS`].
    Named(&'static str),
    /// Numbers cut into groups.
    Digits(Grouping),
    /// BERT's punctuation, one mark per match.
    Punctuation(Behaviour),
    /// A regular expression.
    Regex(String, Behaviour),
    /// Every step cuts the pieces of the step before it. Flat, at least two steps.
    Sequence(Vec<Step>),
}

/// The scanners without parameters.
pub const SCANNERS: [&str; 17] = [
    "gpt2",
    "cl100k",
    "o200k",
    "llama3",
    "qwen2",
    "qwen3_5",
    "tekken",
    "deepseek3",
    "whitespace",
    "bert",
    "script",
    "script_aware",
    "script_aware_o200k",
    "camel_case",
    "superbpe",
    "lines",
    "none",
];

/// Forms with parameters, as shown to people.
pub const FORMS: [&str; 8] = [
    "digits",
    "digits:1",
    "digits:3",
    "digits:r2l3",
    "punctuation",
    "punctuation:contiguous",
    "regex:PATTERN",
    "seq(digits:3, cl100k)",
];

/// Names under which people know a scanner; never accepted, only suggested.
const KNOWN_AS: [(&str, &str); 29] = [
    ("r50k", "gpt2"),
    ("r50k_base", "gpt2"),
    ("p50k", "gpt2"),
    ("p50k_base", "gpt2"),
    ("p50k_edit", "gpt2"),
    ("bytelevel", "gpt2"),
    ("gpt3", "gpt2"),
    ("gpt4", "cl100k"),
    ("cl100k_base", "cl100k"),
    ("gpt4o", "o200k"),
    ("gpt5", "o200k"),
    ("gptoss", "o200k"),
    ("o200k_base", "o200k"),
    ("o200k_harmony", "o200k"),
    ("llama4", "o200k"),
    ("llama31", "llama3"),
    ("qwen3", "qwen2"),
    ("qwen35", "qwen3_5"),
    ("qwen36", "qwen3_5"),
    ("mistral", "tekken"),
    ("deepseek", "deepseek3"),
    ("deepseek4", "deepseek3"),
    ("deepseekv3", "deepseek3"),
    ("deepseekv4", "deepseek3"),
    ("whitespacesplit", "whitespace"),
    ("line", "lines"),
    ("camelcase", "camel_case"),
    ("snakecase", "camel_case"),
    ("scriptaware", "script_aware"),
];

impl Step {
    /// Reads a specification.
    ///
    /// # Errors
    /// [`Error::Pretokenizer`] saying what was found, what is known, and the nearest name.
    pub fn parse(spec: &str) -> Result<Self> {
        let refuse = |message: String| Error::Pretokenizer {
            spec: spec.to_owned(),
            message,
        };
        if let Some((behaviour, pattern)) = regex_head(spec).map_err(refuse)? {
            return Ok(Self::Regex(pattern.to_owned(), behaviour));
        }
        let mut reader = Reader { rest: spec.trim() };
        let step = reader.item().map_err(refuse)?;
        if !reader.rest.is_empty() {
            return Err(refuse(format!("unexpected {:?} after the end", reader.rest)));
        }
        Ok(step)
    }

    /// Steps one after another, flattened; a single step stays itself.
    ///
    /// # Errors
    /// The message for an empty list.
    pub fn sequence(steps: Vec<Self>) -> std::result::Result<Self, String> {
        let mut flat = Vec::new();
        for step in steps {
            match step {
                Self::Sequence(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        match flat.pop() {
            None => Err("a sequence needs at least one step; to split nothing write none".into()),
            Some(only) if flat.is_empty() => Ok(only),
            Some(last) => {
                flat.push(last);
                Ok(Self::Sequence(flat))
            }
        }
    }

    fn write(&self, out: &mut impl Write, nested: bool) -> fmt::Result {
        match self {
            Self::Named(name) => out.write_str(name),
            Self::Digits(Grouping::Whole) => out.write_str("digits"),
            Self::Digits(Grouping::FromLeft(n)) => write!(out, "digits:{n}"),
            Self::Digits(Grouping::FromRight(n)) => write!(out, "digits:r2l{n}"),
            Self::Punctuation(Behaviour::Isolated) => out.write_str("punctuation"),
            Self::Punctuation(behaviour) => write!(out, "punctuation:{}", behaviour.name()),
            Self::Regex(pattern, behaviour) => {
                out.write_str("regex")?;
                if *behaviour != Behaviour::Isolated {
                    write!(out, "-{}", behaviour.name())?;
                }
                if nested {
                    write!(out, ":'{}'", pattern.replace('\'', "''"))
                } else {
                    write!(out, ":{pattern}")
                }
            }
            Self::Sequence(steps) => {
                out.write_str("seq(")?;
                for (index, step) in steps.iter().enumerate() {
                    if index > 0 {
                        out.write_str(", ")?;
                    }
                    step.write(out, true)?;
                }
                out.write_str(")")
            }
        }
    }
}

impl fmt::Display for Step {
    /// The canonical specification: parsing it gives this step again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, false)
    }
}

type Parsed<T> = std::result::Result<T, String>;

/// Behaviour and the text behind the colon, if `spec` begins as a regular expression.
fn regex_head(spec: &str) -> Parsed<Option<(Behaviour, &str)>> {
    let Some(tail) = spec.strip_prefix("regex") else {
        return Ok(None);
    };
    let Some((behaviour, pattern)) = tail.split_once(':') else {
        return Ok(None);
    };
    match behaviour.strip_prefix('-') {
        None if behaviour.is_empty() => Ok(Some((Behaviour::Isolated, pattern))),
        Some(name) => Ok(Some((behaviour_named(name)?, pattern))),
        None => Ok(None),
    }
}

fn behaviour_named(name: &str) -> Parsed<Behaviour> {
    let found = Behaviour::NAMES.iter().find(|(known, _)| *known == name);
    found.map(|&(_, behaviour)| behaviour).ok_or_else(|| {
        let reason = if name == "removed" {
            "it loses text, and pieces always concatenate to the input"
        } else {
            "not known"
        };
        format!(
            "behaviour {name:?}: {reason}; the behaviours are {}",
            Behaviour::NAMES.map(|(name, _)| name).join(", ")
        )
    })
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn item(&mut self) -> Parsed<Step> {
        self.rest = self.rest.trim_start();
        if let Some(inner) = self.rest.strip_prefix("seq(") {
            self.rest = inner;
            return self.sequence();
        }
        if let Some((behaviour, tail)) = regex_head(self.rest)? {
            self.rest = tail;
            return Ok(Step::Regex(self.quoted()?, behaviour));
        }
        let end = self.rest.find([',', ')']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        named(word.trim())
    }

    fn sequence(&mut self) -> Parsed<Step> {
        let mut steps = Vec::new();
        loop {
            steps.push(self.item()?);
            self.rest = self.rest.trim_start();
            if let Some(rest) = self.rest.strip_prefix(',') {
                self.rest = rest;
            } else if let Some(rest) = self.rest.strip_prefix(')') {
                self.rest = rest;
                return Step::sequence(steps);
            } else if self.rest.is_empty() {
                return Err("the sequence is not closed: ')' is missing".into());
            } else {
                return Err(format!("expected ',' or ')' before {:?}", self.rest));
            }
        }
    }

    fn quoted(&mut self) -> Parsed<String> {
        let mut pattern = String::new();
        let Some(mut rest) = self.rest.strip_prefix('\'') else {
            return Err("inside seq(…) a pattern is quoted: regex:'…', with '' for a quote".into());
        };
        loop {
            let Some((before, after)) = rest.split_once('\'') else {
                return Err("the quote of the pattern is not closed (inside it, '' is a quote)".into());
            };
            pattern.push_str(before);
            if let Some(more) = after.strip_prefix('\'') {
                pattern.push('\'');
                rest = more;
            } else {
                self.rest = after;
                return Ok(pattern);
            }
        }
    }
}

fn named(word: &str) -> Parsed<Step> {
    if let Some(&name) = SCANNERS.iter().find(|&&name| name == word) {
        return Ok(Step::Named(name));
    }
    let (name, argument) = match word.split_once(':') {
        Some((name, argument)) => (name, Some(argument)),
        None => (word, None),
    };
    match (name, argument) {
        ("digits", None) => Ok(Step::Digits(Grouping::Whole)),
        ("digits", Some(argument)) => grouping(argument).map(Step::Digits),
        ("punctuation", None) => Ok(Step::Punctuation(Behaviour::Isolated)),
        ("punctuation", Some(argument)) => behaviour_named(argument).map(Step::Punctuation),
        (name, Some(argument)) if SCANNERS.contains(&name) => {
            Err(format!("{name} takes no argument, got {argument:?}"))
        }
        _ => Err(unknown(word)),
    }
}

fn grouping(argument: &str) -> Parsed<Grouping> {
    let (number, from_right) = match argument.strip_prefix("r2l") {
        Some(number) => (number, true),
        None => (argument, false),
    };
    match number.parse::<usize>() {
        Ok(n) if n >= 1 && n.to_string() == number => Ok(if from_right {
            Grouping::FromRight(n)
        } else {
            Grouping::FromLeft(n)
        }),
        _ => Err(format!(
            "digits takes a group size of at least 1 (digits:3), from the right as digits:r2l3, got {argument:?}"
        )),
    }
}

fn unknown(word: &str) -> String {
    let known = || {
        SCANNERS
            .iter()
            .chain(&FORMS)
            .copied()
            .collect::<Vec<_>>()
            .join(", ")
    };
    if word.is_empty() {
        return format!("a name is missing; known are {}", known());
    }
    let bare: String = word
        .to_lowercase()
        .chars()
        .filter(|c| !matches!(c, '-' | '.' | ' '))
        .collect();
    let alias = KNOWN_AS
        .iter()
        .find(|(name, _)| *name == bare)
        .map(|&(_, scanner)| scanner);
    let names = SCANNERS.iter().chain(&["digits", "punctuation"]);
    let nearest = || {
        names
            .map(|&name| (distance(&bare, name), name))
            .min()
            .filter(|&(far, name)| far <= 2 && far < name.len().min(bare.len()))
            .map(|(_, name)| name)
    };
    if let Some(name) = alias.or_else(nearest) {
        return format!("unknown name; did you mean {name}?");
    }
    if word.contains(['\\', '|', '[', '+', '*', '?', '(']) {
        return "unknown name; a regular expression is written regex:PATTERN, a sequence seq(…, …)".into();
    }
    format!("unknown name; known are {}", known())
}

/// Levenshtein distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
