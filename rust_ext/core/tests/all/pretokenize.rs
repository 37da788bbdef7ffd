//! Every scanner against the regular expressions it stands for, run by fancy-regex itself.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use crate::oracle::{
    NASTY, SPECS, all_patterns, assert_equal, interesting_characters, nasty_text, shared_text,
};
use proptest::prelude::*;
use tokbench_core::pretokenize::{DEEPSEEK_PATTERNS, KNOWN_PATTERNS, Pretokenizer};

/// Contexts in which every code point is tried; `@` stands for it.
const CONTEXTS: [&str; 12] = [
    "a@b",
    " @1",
    "@@",
    "'@",
    "a'@e",
    "@\n x",
    "A@a",
    "1@",
    "  @ ",
    "!@\n",
    "中@B",
    "\n@ \u{e000}@",
];

fn check_characters(characters: impl Iterator<Item = char>) {
    for character in characters {
        for context in CONTEXTS {
            let text = context.replace('@', character.encode_utf8(&mut [0; 4]));
            for pair in all_patterns() {
                assert_equal(pair, text.as_bytes());
            }
        }
    }
}

#[test]
fn scanners_equal_their_patterns_around_every_change_of_class() {
    check_characters(interesting_characters().into_iter());
}

#[test]
#[ignore = "slow: all 1.1 million scalar values"]
fn scanners_equal_their_patterns_for_every_scalar_value() {
    std::thread::scope(|scope| {
        for part in 0..2 {
            scope.spawn(move || check_characters((char::MIN..=char::MAX).skip(part).step_by(2)));
        }
    });
}

#[test]
fn scanners_equal_their_patterns_on_every_short_text() {
    for a in NASTY {
        for b in NASTY {
            for c in NASTY.iter().step_by(4) {
                let text = [*a, *b, *c].concat();
                for pair in all_patterns() {
                    assert_equal(pair, &text);
                }
            }
        }
    }
}

/// Long texts without invalid bytes: these the scanners read 64 bytes at a time, where the processor can.
#[test]
fn scanners_equal_their_patterns_on_all_short_texts_in_a_row() {
    let units: Vec<&[u8]> = valid_units().collect();
    for a in &units {
        let mut text = Vec::new();
        for b in &units {
            for c in units.iter().step_by(4) {
                for part in [a, b, c, &&b" x"[..]] {
                    text.extend_from_slice(part);
                }
            }
        }
        for pair in all_patterns() {
            assert_equal(pair, &text);
        }
    }
}

fn valid_units() -> impl Iterator<Item = &'static [u8]> {
    NASTY
        .iter()
        .copied()
        .filter(|unit| std::str::from_utf8(unit).is_ok())
}

#[test]
#[ignore = "slow: more than 50 MB of real text through a regular-expression engine"]
fn scanners_equal_their_patterns_on_real_text() {
    let text = shared_text(1_800_000);
    assert!(text.len() >= 50_000_000, "only {} bytes of real text", text.len());
    std::thread::scope(|scope| {
        for part in 0..2 {
            let text = &text;
            scope.spawn(move || {
                for pair in all_patterns().iter().skip(part).step_by(2) {
                    for document in text.chunks(1 << 20) {
                        assert_equal(pair, document);
                    }
                }
            });
        }
    });
}

/// Nasty units with common ones between them, 150 to 300 of them.
fn long_valid_text() -> impl Strategy<Value = Vec<&'static [u8]>> {
    const COMMON: [&[u8]; 9] = [
        b" ",
        b"x",
        b"the",
        b"Ab",
        b" is",
        b"''",
        b"1234",
        b"\n \n",
        b"\xc3\xa9\xc3\xa9",
    ];
    let nasty: Vec<&[u8]> = valid_units().collect();
    let unit = prop_oneof![
        proptest::sample::select(nasty),
        proptest::sample::select(COMMON.to_vec())
    ];
    proptest::collection::vec(unit, 150..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn scanners_equal_their_patterns_on_nasty_text(text in nasty_text(24)) {
        for pair in all_patterns() {
            assert_equal(pair, &text);
        }
    }

    #[test]
    fn scanners_equal_their_patterns_on_long_valid_text(units in long_valid_text()) {
        let text = units.concat();
        for pair in all_patterns() {
            assert_equal(pair, &text);
        }
    }

    #[test]
    fn scanners_equal_their_patterns_on_arbitrary_bytes(text in proptest::collection::vec(any::<u8>(), 0..40)) {
        for pair in all_patterns() {
            assert_equal(pair, &text);
        }
    }

    #[test]
    fn splitting_at_a_safe_place_changes_nothing(text in nasty_text(30), at in 0usize..60) {
        for spec in SPECS {
            let pretokenizer = Pretokenizer::parse(spec).unwrap();
            if let Some(place) = pretokenizer.safe_split(&text, at) {
                prop_assert!(place >= at && place > 0 && place < text.len(), "{spec} {text:?} {place}");
                let whole = pretokenizer.boundaries(&text).unwrap();
                let mut parts = pretokenizer.boundaries(&text[..place]).unwrap();
                let behind = pretokenizer.boundaries(&text[place..]).unwrap();
                parts.extend(behind.into_iter().map(|end| end + place));
                prop_assert_eq!(whole, parts, "{} at {} of {:?}", spec, place, text);
            }
        }
    }

    #[test]
    fn pieces_concatenate_to_the_input_and_are_not_empty(text in nasty_text(40)) {
        for spec in SPECS {
            let pretokenizer = Pretokenizer::parse(spec).unwrap();
            let mut joined = Vec::new();
            pretokenizer.for_each(&text, |piece| {
                assert!(!piece.is_empty());
                joined.extend_from_slice(piece);
            }).unwrap();
            prop_assert_eq!(&joined, &text, "{}", spec);
        }
    }
}

#[test]
fn every_safe_place_of_a_short_text_is_safe() {
    for a in NASTY {
        for b in NASTY {
            let text = [b"x", *a, *b, b"y"].concat();
            for spec in SPECS {
                let pretokenizer = Pretokenizer::parse(spec).unwrap();
                let whole = pretokenizer.boundaries(&text).unwrap();
                for at in 0..text.len() {
                    let Some(place) = pretokenizer.safe_split(&text, at) else {
                        continue;
                    };
                    let mut parts = pretokenizer.boundaries(&text[..place]).unwrap();
                    let behind = pretokenizer.boundaries(&text[place..]).unwrap();
                    parts.extend(behind.into_iter().map(|end| end + place));
                    assert_eq!(whole, parts, "{spec} at {place} of {text:?}");
                }
            }
        }
    }
}

#[test]
fn safe_places_are_found_in_common_text() {
    let texts = [
        "one two three",
        "das Öl, die Äpfel",
        "汉字汉字。汉字",
        "ภาษา ไทย",
        "كتب\nقرأ",
        "가나 다라",
    ];
    for spec in &SPECS[..8] {
        let pretokenizer = Pretokenizer::parse(spec).unwrap();
        for text in texts {
            let place = pretokenizer.safe_split(text.as_bytes(), 2);
            assert!(place.is_some(), "{spec} {text}");
        }
        let mixed = Pretokenizer::parse(&format!("seq(digits:3, {spec})")).unwrap();
        assert!(mixed.safe_split(b"no digit in here", 4).is_some(), "{spec}");
    }
    for spec in ["none", "regex:a"] {
        let pretokenizer = Pretokenizer::parse(spec).unwrap();
        assert_eq!(pretokenizer.safe_split(b"one two", 1), None);
    }
    let lines = Pretokenizer::parse("lines").unwrap();
    assert_eq!(lines.safe_split(b"ab\ncd\n", 0), Some(3));
    assert_eq!(lines.safe_split(b"ab\ncd\n", 3), Some(3));
    assert_eq!(lines.safe_split(b"ab\ncd\n", 4), None);
    assert_eq!(lines.safe_split(b"ab", 9), None);
}

#[test]
fn known_patterns_get_their_scanner_and_others_stay() {
    for (pattern, name) in KNOWN_PATTERNS {
        assert_eq!(Pretokenizer::from_regex(pattern).unwrap().spec(), *name);
        let literal = pattern.replace(r"\r", "\r").replace(r"\n", "\n");
        assert_eq!(Pretokenizer::from_regex(&literal).unwrap().spec(), *name);
        let other = format!("{pattern}|x");
        assert_eq!(
            Pretokenizer::from_regex(&other).unwrap().spec(),
            format!("regex:{other}")
        );
    }
    let deepseek = Pretokenizer::from_regexes(&DEEPSEEK_PATTERNS).unwrap();
    assert_eq!(deepseek.spec(), "deepseek3");
    let two = Pretokenizer::from_regexes(&[r"\p{N}", "x'y"]).unwrap();
    assert_eq!(two.spec(), "seq(digits:1, regex:'x''y')");
}

#[test]
fn long_runs_take_linear_time() {
    let size = 500_000;
    for unit in [
        "x", "X", " ", "\n", "1", "'", "中", "a\u{301}", "\u{e000}", "\n ", "Aʰ",
    ] {
        let text = unit.repeat(size / unit.len());
        for spec in SPECS.iter().filter(|spec| !spec.contains("regex")) {
            let mut n = 0;
            let pretokenizer = Pretokenizer::parse(spec).unwrap();
            pretokenizer
                .for_each(text.as_bytes(), |piece| n += piece.len())
                .unwrap();
            assert_eq!(n, text.len());
        }
    }
}
