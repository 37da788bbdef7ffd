//! Word spans of documents under a named definition of "word".
//!
//! Fertility and its kin divide by words, and no definition of a word serves every script, so the definition is a
//! value with a name. Each byte that is not part of valid UTF-8 behaves as one U+FFFD; spans are byte offsets in
//! the original data whatever the document holds.
//!
//! Sources: Unicode Standard Annex 29, sections 3 and 4 (crate `unicode-segmentation`); the `Whitespace`
//! pre-tokenizer of Hugging Face `tokenizers`, `\w+|[^\w\s]+` in the sense of Unicode Technical Standard 18 (crate
//! `regex-syntax`); the dictionaries of ICU for scripts that do not write words apart (crate `icu_segmenter`).

#![expect(
    clippy::cast_possible_wrap,
    reason = "positions in a slice are at most isize::MAX"
)]

use fancy_regex::Regex;
use icu_segmenter::WordSegmenter;
use icu_segmenter::options::WordBreakInvariantOptions;
use unicode_segmentation::UnicodeSegmentation;

use crate::{Control, Error, Result};

/// What counts as one word.
#[derive(Debug, Clone)]
pub enum WordDefinition {
    /// Segments of UAX 29 that hold at least one alphanumeric character.
    Uax29,
    /// Matches of `\w+|[^\w\s]+`: punctuation runs are words of their own.
    HfWhitespace,
    /// Word-like segments of UAX 29 in which Chinese, Japanese, Thai, Lao, Khmer and Burmese are cut with dictionaries.
    Icu,
    /// Extended grapheme clusters: what a reader sees as one character, white space included.
    Grapheme,
    /// Matches of a pattern that are not empty.
    Pattern(Box<Regex>),
}

/// What comes before the pattern in the name of [`WordDefinition::Pattern`].
const PATTERN: &str = "regex:";

impl WordDefinition {
    /// The names that [`WordDefinition::parse`] knows, beside `regex:PATTERN`.
    pub const NAMES: [&str; 4] = ["uax29", "hf_whitespace", "icu", "grapheme"];

    /// # Errors
    /// [`Error::Parameter`] for a name that is not one of [`WordDefinition::NAMES`], or a pattern that is none.
    pub fn parse(name: &str) -> Result<Self> {
        if let Some(pattern) = name.strip_prefix(PATTERN) {
            return match Regex::new(pattern) {
                Ok(regex) => Ok(Self::Pattern(Box::new(regex))),
                Err(error) => Err(Error::Parameter {
                    name: "word",
                    message: format!("{pattern:?} is not a regular expression: {error}"),
                }),
            };
        }
        match name {
            "uax29" => Ok(Self::Uax29),
            "hf_whitespace" => Ok(Self::HfWhitespace),
            "icu" => Ok(Self::Icu),
            "grapheme" => Ok(Self::Grapheme),
            _ => Err(Error::Parameter {
                name: "word",
                message: format!(
                    "{name:?} is not a word definition; known: {}, {PATTERN}PATTERN",
                    Self::NAMES.join(", ")
                ),
            }),
        }
    }
}

/// Words of many documents: word `w` is bytes `starts[w]..ends[w]` of the whole data, and document `d` holds words
/// `rows[d]..rows[d + 1]`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct WordSpans {
    /// First byte of each word.
    pub starts: Vec<i64>,
    /// One past the last byte of each word.
    pub ends: Vec<i64>,
    /// One more entry than there are documents, from 0 to the number of words.
    pub rows: Vec<i64>,
}

/// How many documents pass between two looks at the control.
const DOCUMENTS_PER_CHECK: usize = 256;

/// Finds the words of documents that lie back to back: document `d` is `data[offsets[d]..offsets[d + 1]]`.
///
/// # Errors
/// [`Error::Parameter`] if `offsets` do not rise from 0 to the length of the data or a pattern gives up on a document;
/// [`Error::Interrupted`].
pub fn word_spans(
    data: &[u8],
    offsets: &[i64],
    definition: &WordDefinition,
    control: &Control,
) -> Result<WordSpans> {
    let bounds = check_offsets(data, offsets)?;
    control.start("counting", data.len() as u64);
    let mut spans = WordSpans {
        rows: vec![0],
        ..WordSpans::default()
    };
    for (index, pair) in bounds.windows(2).enumerate() {
        if index % DOCUMENTS_PER_CHECK == 0 {
            control.check()?;
        }
        let document = &data[pair[0]..pair[1]];
        if let Ok(text) = std::str::from_utf8(document) {
            spans_of_text(text, definition, |start, end| {
                spans.starts.push((pair[0] + start) as i64);
                spans.ends.push((pair[0] + end) as i64);
            })
            .map_err(|error| gave_up(index, &error))?;
        } else {
            let (text, origin) = replace_invalid(document);
            spans_of_text(&text, definition, |start, end| {
                spans.starts.push((pair[0] + origin[start]) as i64);
                spans.ends.push((pair[0] + origin[end]) as i64);
            })
            .map_err(|error| gave_up(index, &error))?;
        }
        spans.rows.push(spans.starts.len() as i64);
        control.advance(document.len() as u64);
    }
    Ok(spans)
}

fn gave_up(document: usize, error: &fancy_regex::Error) -> Error {
    Error::Parameter {
        name: "word",
        message: format!("the pattern gives up on document {document}: {error}"),
    }
}

fn check_offsets(data: &[u8], offsets: &[i64]) -> Result<Vec<usize>> {
    let bounds: Option<Vec<usize>> = offsets
        .iter()
        .map(|&offset| usize::try_from(offset).ok())
        .collect();
    bounds
        .filter(|bounds| {
            bounds.first() == Some(&0) && bounds.last() == Some(&data.len()) && bounds.is_sorted()
        })
        .ok_or_else(|| Error::Parameter {
            name: "offsets",
            message: format!(
                "document offsets must rise from 0 to the {} bytes of the data",
                data.len()
            ),
        })
}

/// The text with one U+FFFD for each invalid byte, and for each byte of the text (and its end) where it came from.
fn replace_invalid(document: &[u8]) -> (String, Vec<usize>) {
    let mut text = String::with_capacity(document.len() + 2);
    let mut origin = Vec::with_capacity(document.len() + 3);
    let mut at = 0;
    for chunk in document.utf8_chunks() {
        text.push_str(chunk.valid());
        origin.extend(at..at + chunk.valid().len());
        at += chunk.valid().len();
        for _ in chunk.invalid() {
            text.push(char::REPLACEMENT_CHARACTER);
            origin.extend([at; char::REPLACEMENT_CHARACTER.len_utf8()]);
            at += 1;
        }
    }
    origin.push(at);
    (text, origin)
}

fn spans_of_text(
    text: &str,
    definition: &WordDefinition,
    mut found: impl FnMut(usize, usize),
) -> std::result::Result<(), fancy_regex::Error> {
    match definition {
        WordDefinition::Grapheme => {
            for (start, cluster) in text.grapheme_indices(true) {
                found(start, start + cluster.len());
            }
        }
        WordDefinition::Icu => {
            let segmenter = WordSegmenter::new_dictionary(WordBreakInvariantOptions::default());
            let mut start = 0;
            for (end, kind) in segmenter.segment_str(text).iter_with_word_type() {
                if kind.is_word_like() && end > start {
                    found(start, end);
                }
                start = end;
            }
        }
        WordDefinition::Pattern(regex) => {
            for matched in regex.find_iter(text) {
                let matched = matched?;
                if matched.end() > matched.start() {
                    found(matched.start(), matched.end());
                }
            }
        }
        WordDefinition::Uax29 => {
            for (start, word) in text.unicode_word_indices() {
                found(start, start + word.len());
            }
        }
        WordDefinition::HfWhitespace => {
            let mut open: Option<(usize, bool)> = None;
            for (at, character) in text.char_indices() {
                let kind = if regex_syntax::is_word_character(character) {
                    Some(true)
                } else if character.is_whitespace() {
                    None
                } else {
                    Some(false)
                };
                if let Some((start, is_word)) = open
                    && kind != Some(is_word)
                {
                    found(start, at);
                    open = None;
                }
                if let (None, Some(is_word)) = (open, kind) {
                    open = Some((at, is_word));
                }
            }
            if let Some((start, _)) = open {
                found(start, text.len());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{WordDefinition, word_spans};
    use crate::Control;

    fn at(position: i64) -> usize {
        usize::try_from(position).expect("positions are not negative")
    }

    fn words(document: &[u8], definition: &WordDefinition) -> Vec<Vec<u8>> {
        let offsets = [0, document.len() as i64];
        let spans = word_spans(document, &offsets, definition, &Control::new()).expect("good offsets");
        assert_eq!(spans.rows, [0, spans.starts.len() as i64]);
        spans
            .starts
            .iter()
            .zip(&spans.ends)
            .map(|(&start, &end)| document[at(start)..at(end)].to_vec())
            .collect()
    }

    #[test]
    fn uax29_keeps_apostrophes_and_decimals_together() {
        let text = "The quick (“brown”) fox can’t jump 32.3 feet, right?";
        let expected = [
            "The", "quick", "brown", "fox", "can’t", "jump", "32.3", "feet", "right",
        ];
        assert_eq!(
            words(text.as_bytes(), &WordDefinition::Uax29),
            expected.map(|word| word.as_bytes().to_vec())
        );
    }

    #[test]
    fn hf_whitespace_makes_words_of_punctuation() {
        let text = "can't stop… हिन्दी_1";
        let expected = ["can", "'", "t", "stop", "…", "हिन्दी_1"];
        assert_eq!(
            words(text.as_bytes(), &WordDefinition::HfWhitespace),
            expected.map(|word| word.as_bytes().to_vec())
        );
    }

    #[test]
    fn grapheme_clusters_tile_the_text() {
        let text = "e\u{301}क्षि\r\n🧑🏿‍🚀🇹🇷 a";
        let expected = ["e\u{301}", "क्षि", "\r\n", "🧑🏿‍🚀", "🇹🇷", " ", "a"];
        assert_eq!(
            words(text.as_bytes(), &WordDefinition::Grapheme),
            expected.map(|word| word.as_bytes().to_vec())
        );
    }

    #[test]
    fn an_invalid_byte_is_a_symbol_of_its_own() {
        let data = b"ab\xe4\xbdcd \xff";
        assert_eq!(
            words(data, &WordDefinition::HfWhitespace),
            [&b"ab"[..], b"\xe4\xbd", b"cd", b"\xff"].map(<[u8]>::to_vec)
        );
        assert_eq!(
            words(data, &WordDefinition::Uax29),
            [b"ab", b"cd"].map(|word| word.to_vec())
        );
    }

    #[test]
    fn dictionaries_cut_scripts_without_spaces() {
        let text = "私は東京に住んでいます。我昨天去 ภาษาไทย can't 3.5";
        let expected = [
            "私",
            "は",
            "東京",
            "に",
            "住",
            "んで",
            "いま",
            "す",
            "我",
            "昨天",
            "去",
            "ภาษา",
            "ไทย",
            "can't",
            "3.5",
        ];
        assert_eq!(
            words(text.as_bytes(), &WordDefinition::Icu),
            expected.map(|word| word.as_bytes().to_vec())
        );
    }

    #[test]
    fn graphemes_hold_their_marks() {
        let expected = ["e\u{301}", " ", "नि", "👩‍👩‍👧", "\r\n"];
        assert_eq!(
            words(expected.concat().as_bytes(), &WordDefinition::Grapheme),
            expected.map(|cluster| cluster.as_bytes().to_vec())
        );
        assert_eq!(
            words(b"a\xff\xfe", &WordDefinition::Grapheme),
            [&b"a"[..], b"\xff", b"\xfe"]
        );
    }

    #[test]
    fn a_pattern_finds_its_matches() {
        let digits = WordDefinition::parse("regex:[0-9]*").expect("a pattern");
        assert_eq!(words(b"a12 3", &digits), [&b"12"[..], b"3"]);
    }

    #[test]
    fn documents_do_not_touch_each_other() {
        let spans = word_spans(b"abcd", &[0, 2, 2, 4], &WordDefinition::Uax29, &Control::new())
            .expect("good offsets");
        assert_eq!(
            (spans.starts, spans.ends, spans.rows),
            (vec![0, 2], vec![2, 4], vec![0, 1, 1, 2])
        );
    }

    #[test]
    fn bad_offsets_and_names_are_refused() {
        for offsets in [&[][..], &[0], &[1, 4], &[0, 3, 2, 4], &[0, -1, 4], &[0, 5]] {
            assert!(word_spans(b"abcd", offsets, &WordDefinition::Uax29, &Control::new()).is_err());
        }
        assert!(WordDefinition::parse("words").is_err());
        assert!(WordDefinition::parse("regex:(").is_err());
    }
}
