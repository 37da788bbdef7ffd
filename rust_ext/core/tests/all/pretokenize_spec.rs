//! What a specification means, how it is written canonically, and what a mistake is told.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use tokbench_core::pretokenize::{Behaviour, Pretokenizer};

fn pieces(pretokenizer: &Pretokenizer, text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    pretokenizer
        .for_each(text.as_bytes(), |piece| {
            pieces.push(String::from_utf8(piece.to_vec()).unwrap());
        })
        .unwrap();
    pieces
}

fn split(spec: &str, text: &str) -> Vec<String> {
    pieces(&Pretokenizer::parse(spec).unwrap(), text)
}

#[test]
fn behaviours_follow_their_definitions() {
    let dash = |behaviour| pieces(&Pretokenizer::split_on("-", behaviour).unwrap(), "-a--b-");
    assert_eq!(dash(Behaviour::Isolated), ["-", "a", "-", "-", "b", "-"]);
    assert_eq!(dash(Behaviour::Contiguous), ["-", "a", "--", "b", "-"]);
    assert_eq!(dash(Behaviour::MergedWithPrevious), ["-", "a-", "-", "b-"]);
    assert_eq!(dash(Behaviour::MergedWithNext), ["-a", "-", "-b", "-"]);
}

#[test]
fn empty_matches_separate() {
    assert_eq!(split("regex:(?=[A-Z])", "fooBarBaz"), ["foo", "Bar", "Baz"]);
}

#[test]
fn digits_group_from_either_side() {
    assert_eq!(split("digits", "a12345b"), ["a", "12345", "b"]);
    assert_eq!(split("digits:1", "a12"), ["a", "1", "2"]);
    assert_eq!(split("digits:3", "1234567x"), ["123", "456", "7", "x"]);
    assert_eq!(split("digits:r2l3", "1234567x"), ["1", "234", "567", "x"]);
    assert_eq!(split("digits:r2l3", "123456"), ["123", "456"]);
    assert_eq!(split("digits:r2l2", "١٢٣"), ["١", "٢٣"]);
}

#[test]
fn scripts_keep_common_characters_with_the_run_before() {
    assert_eq!(
        split("script", "«Да», she said: 漢字とカナ!"),
        ["«Да», ", "she said: ", "漢字", "と", "カナ!"]
    );
}

#[test]
fn white_space_keeps_one_space_with_the_word() {
    assert_eq!(split("whitespace", "a,b  c\n d"), ["a,b", " ", " c", "\n", " d"]);
    assert_eq!(split("bert", "a,b (c"), ["a", ",", "b", " (", "c"]);
    assert_eq!(split("lines", "a\r\nb\n\nc"), ["a\r\n", "b\n", "\n", "c"]);
    assert_eq!(split("none", "a b"), ["a b"]);
    assert!(split("none", "").is_empty());
}

#[test]
fn cl100k_and_llama3_differ_at_the_end_of_the_text_only() {
    assert_eq!(split("cl100k", "a \n "), ["a", " \n "]);
    assert_eq!(split("llama3", "a \n "), ["a", " \n", " "]);
    assert_eq!(split("cl100k", "a \n b"), split("llama3", "a \n b"));
}

#[test]
fn specifications_are_canonical() {
    for (given, canonical) in [
        ("gpt2", "gpt2"),
        (" cl100k ", "cl100k"),
        ("regex: a, (b'|c)", "regex: a, (b'|c)"),
        ("regex-isolated:a", "regex:a"),
        ("regex-contiguous:a", "regex-contiguous:a"),
        ("seq( digits:3 ,cl100k )", "seq(digits:3, cl100k)"),
        ("seq(seq(digits,lines),seq(gpt2))", "seq(digits, lines, gpt2)"),
        ("seq(gpt2)", "gpt2"),
        (
            "seq(regex:'a,''(b)', punctuation:isolated)",
            "seq(regex:'a,''(b)', punctuation)",
        ),
        ("seq(regex:'''')", "regex:'"),
        ("digits:r2l4", "digits:r2l4"),
    ] {
        let parsed = Pretokenizer::parse(given).unwrap();
        assert_eq!(parsed.spec(), canonical);
        assert_eq!(Pretokenizer::parse(parsed.spec()).unwrap(), parsed);
    }
    let listed = Pretokenizer::sequence(&["regex:it's", "gpt2"]).unwrap();
    assert_eq!(listed.spec(), "seq(regex:'it''s', gpt2)");
}

#[test]
fn mistakes_are_named() {
    for (spec, part) in [
        ("cl10k", "did you mean cl100k?"),
        ("GPT-4o", "did you mean o200k?"),
        ("llama4", "did you mean o200k?"),
        ("", "a name is missing"),
        ("xyzzy", "known are gpt2"),
        (r"\p{L}+|.", "regex:PATTERN"),
        ("regex:(a", "not a regular expression"),
        ("digits:0", "at least 1"),
        ("digits:+3", "at least 1"),
        ("gpt2:3", "takes no argument"),
        ("punctuation:removed", "loses text"),
        ("regex-removed:a", "loses text"),
        ("seq(gpt2", "')' is missing"),
        ("seq(gpt2) x", "after the end"),
        ("seq()", "a name is missing"),
        ("seq(regex:a, gpt2)", "quoted"),
        ("seq(regex:'a, gpt2)", "not closed"),
    ] {
        let message = Pretokenizer::parse(spec).unwrap_err().to_string();
        assert!(message.contains(part), "{spec}: {message}");
    }
    let none: [&str; 0] = [];
    let message = Pretokenizer::sequence(&none).unwrap_err().to_string();
    assert!(message.contains("at least one"), "{message}");
}

#[test]
fn a_cancelled_control_stops_the_scan() {
    let control = tokbench_core::Control::new();
    control.cancel();
    for spec in ["gpt2", "regex:a", "digits", "punctuation", "lines"] {
        let pretokenizer = Pretokenizer::parse(spec).unwrap();
        let outcome = pretokenizer.boundaries_controlled(b"a 1.\nb", &control);
        assert_eq!(outcome, Err(tokbench_core::Error::Interrupted), "{spec}");
    }
}
