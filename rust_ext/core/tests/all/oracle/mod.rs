//! The slow way to the same pieces, and the texts on which both are compared.
#![allow(dead_code, reason = "not every test binary uses all of it")]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use fancy_regex::Regex;
use proptest::prelude::*;
use tokbench_core::pretokenize::{DEEPSEEK_PATTERNS, KNOWN_PATTERNS, Pretokenizer};

/// One of everything, for properties that hold for all.
pub const SPECS: [&str; 24] = [
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
    "lines",
    "none",
    "digits",
    "digits:1",
    "digits:r2l3",
    "punctuation",
    "punctuation:contiguous",
    "punctuation:merged_with_previous",
    "punctuation:merged_with_next",
    "regex:[a-z]+| ?'",
    "seq(digits:3, cl100k)",
    "seq(punctuation, digits:r2l3, o200k)",
    "seq(script, gpt2)",
];

/// Units that sit on the edges of the patterns, valid and not.
pub const NASTY: &[&[u8]] = &[
    b"a",
    b"e",
    b"s",
    b"l",
    b"R",
    b"V",
    b"S",
    b"T",
    b"'",
    b" ",
    b"  ",
    b"\t",
    b"\n",
    b"\r",
    b"1",
    b"23",
    b"/",
    b"!",
    b"$",
    b"_",
    "ſ".as_bytes(),
    "é".as_bytes(),
    "Ж".as_bytes(),
    "ж".as_bytes(),
    "ǅ".as_bytes(),
    "ʰ".as_bytes(),
    "ª".as_bytes(),
    "中".as_bytes(),
    "龦".as_bytes(),
    "か".as_bytes(),
    "・".as_bytes(),
    "゙".as_bytes(),
    "ー".as_bytes(),
    "ไ".as_bytes(),
    "\u{301}".as_bytes(),
    "\u{20dd}".as_bytes(),
    "²".as_bytes(),
    "٣".as_bytes(),
    "Ⅷ".as_bytes(),
    "。".as_bytes(),
    "\u{a0}".as_bytes(),
    "\u{85}".as_bytes(),
    "\u{3000}".as_bytes(),
    "\u{2028}".as_bytes(),
    "\u{200d}".as_bytes(),
    "\u{e000}".as_bytes(),
    "\u{378}".as_bytes(),
    "\0".as_bytes(),
    "\u{7f}".as_bytes(),
    "🙂".as_bytes(),
    "𝐀".as_bytes(),
    "𝐚".as_bytes(),
    "𐐀".as_bytes(),
    "𠀀".as_bytes(),
    "\u{10ffff}".as_bytes(),
    b"\xff",
    b"\x80",
    b"\xc2",
    b"\xc0\x80",
    b"\xe4\xb8",
    b"\xed\xa0\x80",
    b"\xe0\x80\x80",
    b"\xf0\x9f\x99",
    b"\xf4\x90\x80\x80",
    b"\xf0\x80\x80\x80",
];

/// Texts of up to `n` nasty units, with longer runs of one unit among them.
pub fn nasty_text(n: usize) -> impl Strategy<Value = Vec<u8>> {
    let unit = (
        proptest::sample::select(NASTY),
        prop_oneof![9 => Just(1usize), 1 => 2usize..12],
    );
    proptest::collection::vec(unit, 0..n).prop_map(|units| {
        units
            .into_iter()
            .flat_map(|(unit, times)| unit.repeat(times))
            .collect()
    })
}

/// A scanner and the patterns that it must equal, one after another.
pub struct Pair {
    name: String,
    scanner: Pretokenizer,
    patterns: Vec<Regex>,
}

/// Every known pattern text with its scanner, and what has no pattern text in the table.
pub fn all_patterns() -> &'static [Pair] {
    static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(compile);
    &PAIRS
}

fn compile() -> Vec<Pair> {
    let pair = |name: &str, patterns: &[&str]| Pair {
        name: name.to_owned(),
        scanner: Pretokenizer::parse(name).unwrap(),
        patterns: patterns.iter().map(|text| Regex::new(text).unwrap()).collect(),
    };
    let mut pairs: Vec<Pair> = KNOWN_PATTERNS
        .iter()
        .map(|(text, name)| pair(name, &[text]))
        .collect();
    pairs.push(pair("deepseek3", &DEEPSEEK_PATTERNS));
    pairs.push(pair("lines", &[r"[^\n]*\n|[^\n]+"]));
    pairs.push(pair("punctuation", &[r"[\p{P}$+<=>^`|~]"]));
    pairs.push(pair("punctuation:contiguous", &[r"[\p{P}$+<=>^`|~]+"]));
    pairs.push(pair("digits:r2l3", &[r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))"]));
    pairs.push(pair(
        "seq(digits:1, o200k)",
        &[
            r"\p{N}",
            KNOWN_PATTERNS.iter().find(|row| row.1 == "o200k").unwrap().0,
        ],
    ));
    pairs
}

/// The text as a pattern sees it, with the position in `data` of every position in it.
fn shown(data: &[u8]) -> (String, Vec<usize>) {
    let (mut text, mut positions, mut pos) = (String::new(), Vec::new(), 0);
    for chunk in data.utf8_chunks() {
        for character in chunk.valid().chars() {
            positions.extend((0..character.len_utf8()).map(|_| pos));
            text.push(character);
            pos += character.len_utf8();
        }
        for _ in chunk.invalid() {
            positions.extend([pos; 3]);
            text.push('\u{fffd}');
            pos += 1;
        }
    }
    positions.push(data.len());
    (text, positions)
}

fn ends(patterns: &[Regex], text: &str, offset: usize, out: &mut Vec<usize>) {
    let Some((first, others)) = patterns.split_first() else {
        out.push(offset + text.len());
        return;
    };
    let mut pos = 0;
    let mut piece = |start: usize, end: usize| {
        if end > start {
            ends(others, &text[start..end], offset + start, out);
        }
    };
    for found in first.find_iter(text) {
        let found = found.unwrap();
        piece(pos, found.start());
        piece(found.start(), found.end());
        pos = found.end();
    }
    piece(pos, text.len());
}

/// Fails if scanner and patterns disagree on `data`.
pub fn assert_equal(pair: &Pair, data: &[u8]) {
    let (text, positions) = shown(data);
    let mut expected = Vec::new();
    ends(&pair.patterns, &text, 0, &mut expected);
    let expected: Vec<usize> = expected.into_iter().map(|end| positions[end]).collect();
    let got = pair.scanner.boundaries(data).unwrap();
    if got != expected {
        let at = got
            .iter()
            .zip(&expected)
            .position(|(a, b)| a != b)
            .unwrap_or(got.len().min(expected.len()));
        let from = if at == 0 { 0 } else { expected[at - 1] };
        let to = data.len().min(from + 60);
        panic!(
            "{}: after byte {from} of {}: scanner ends at {:?}, pattern at {:?}, text {:?}",
            pair.name,
            data.len(),
            got.get(at),
            expected.get(at),
            data[from..to].escape_ascii().to_string()
        );
    }
}

/// First, second and last character of every run of one class, and the ends of the planes.
pub fn interesting_characters() -> Vec<char> {
    let classes = [
        r"[\p{Lu}\p{Lt}]",
        r"\p{Ll}",
        r"[\p{Lm}\p{Lo}]",
        r"\p{M}",
        r"\p{N}",
        r"\s",
        r"[\p{P}\p{S}]",
        r"[\r\n]",
        r"[一-龥]",
        r"[\u{3040}-ヿ]",
        r"(?i:[strevmld])",
    ];
    let mut found: Vec<char> = ('\0'..='\u{24f}')
        .chain([
            '\u{d7ff}',
            '\u{e000}',
            '\u{fffd}',
            '\u{ffff}',
            '\u{10000}',
            char::MAX,
        ])
        .collect();
    for class in classes {
        let parsed = regex_syntax::Parser::new().parse(class).unwrap();
        let regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(ranges)) = parsed.into_kind()
        else {
            panic!("{class} is a class");
        };
        for range in ranges.iter() {
            let (start, end) = (range.start() as u32, range.end() as u32);
            let near = [start.wrapping_sub(1), start, start + 1, end, end + 1];
            found.extend(near.into_iter().filter_map(char::from_u32));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn shared_folder() -> PathBuf {
    match std::env::var_os("TOKBENCH_SHARED") {
        Some(named) => PathBuf::from(named),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    }
}

/// All monolingual texts of the shared folder, one after another, each cut to `limit` bytes.
pub fn shared_text(limit: usize) -> Vec<u8> {
    let folder = shared_folder().join("data/mono");
    let listing = std::fs::read_dir(&folder);
    let mut paths: Vec<PathBuf> = listing
        .unwrap_or_else(|error| panic!("{}: {error} (set TOKBENCH_SHARED)", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let mut text = Vec::new();
    for path in paths
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "zst"))
    {
        let whole = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
        text.extend_from_slice(&whole[..whole.len().min(limit)]);
    }
    text
}

/// The first `limit` bytes of one monolingual text of the shared folder.
pub fn language_text(name: &str, limit: usize) -> Vec<u8> {
    let path = shared_folder().join(format!("data/mono/{name}.txt.zst"));
    let file = std::fs::File::open(&path)
        .unwrap_or_else(|error| panic!("{}: {error} (set TOKBENCH_SHARED)", path.display()));
    let mut text = zstd::decode_all(file).unwrap();
    text.truncate(limit);
    text
}
