//! The encoder through its public surface: merges, caches, threads, errors and interruption.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tokbench_core::encode::{
    AddedToken, Allowed, Encoder, Fallback, Method, Normalizer, Parts, Unit, Vocabulary, merges_of_ranks,
};
use tokbench_core::{Control, Error, Pretokenizer};

/// The 256 bytes, then `words`.
fn vocabulary(words: &[&[u8]]) -> Vocabulary {
    let mut arena: Vec<u8> = (0..=255).collect();
    let mut offsets: Vec<u64> = (0..=256).collect();
    for word in words {
        arena.extend_from_slice(word);
        offsets.push(arena.len() as u64);
    }
    Vocabulary::new(arena, offsets, |_| false).unwrap()
}

fn parts(words: &[&[u8]], spec: &str) -> Parts {
    let vocabulary = vocabulary(words);
    let merges = merges_of_ranks(&vocabulary, &Control::new()).unwrap();
    Parts {
        vocabulary,
        transient: Vec::new(),
        method: Method::Merges(merges),
        width: None,
        scaffold: Vec::new(),
        supers: Vec::new(),
        pretokenizer: Pretokenizer::parse(spec).unwrap(),
        unit: Unit::Byte,
        fallback: Fallback::default(),
        whole_words: true,
        normalizer: None,
        prefix_space: false,
        added: Vec::new(),
    }
}

fn encode(encoder: &Encoder, text: &[u8], allowed: Allowed<'_>) -> Vec<u32> {
    let bounds = [0, i64::try_from(text.len()).unwrap()];
    encoder
        .encode_batch(text, &bounds, allowed, 1, &Control::new())
        .unwrap()
        .ids
}

const WORDS: [&[u8]; 5] = [b"th", b"the", b" t", "é".as_bytes(), "中".as_bytes()];

#[test]
fn the_second_pass_over_a_text_gives_the_same_ids() {
    let words: Vec<String> = (0..40_000).map(|i| format!("w{i}x{i} ")).collect();
    let long: Vec<String> = (0..5000)
        .map(|i| format!("{}é中{i} ", "longer".repeat(4)))
        .collect();
    let text = words.concat() + &long.concat();
    let encoder = Encoder::new(parts(&WORDS, "gpt2")).unwrap();
    let first = encode(&encoder, text.as_bytes(), Allowed::None);
    let second = encode(&encoder, text.as_bytes(), Allowed::None);
    let fresh = encode(
        &Encoder::new(parts(&WORDS, "gpt2")).unwrap(),
        text.as_bytes(),
        Allowed::None,
    );
    assert_eq!(first, second);
    assert_eq!(first, fresh);
    let mut bytes = Vec::new();
    encoder.vocabulary().decode(&first, &mut bytes).unwrap();
    assert_eq!(bytes, text.as_bytes());
}

#[test]
fn threads_and_cuts_do_not_show() {
    let text = "the other é中 word, 12 ".repeat(200_000);
    let data = text.as_bytes();
    let bounds = [0, 7, 7, 4_000_000, i64::try_from(data.len()).unwrap()];
    let encoder = Encoder::new(parts(&WORDS, "cl100k")).unwrap();
    let control = Control::new();
    let one = encoder
        .encode_batch(data, &bounds, Allowed::None, 1, &control)
        .unwrap();
    for threads in [2, 5] {
        let many = encoder
            .encode_batch(data, &bounds, Allowed::None, threads, &control)
            .unwrap();
        assert_eq!(one, many);
    }
}

#[test]
fn the_first_of_several_errors_is_reported_whatever_the_threads() {
    let arena = b"ab ".to_vec();
    let mut made = parts(&[], "none");
    made.vocabulary = Vocabulary::new(arena, vec![0, 1, 2, 3], |_| false).unwrap();
    made.method = Method::Merges(Vec::new());
    let encoder = Encoder::new(made).unwrap();
    let mut data = b"ab ".repeat(2_000_000);
    data[1_500_007] = b'x';
    data[4_500_001] = b'y';
    let bounds = [0, 1_500_000, 3_000_000, 4_500_000, 6_000_000];
    for threads in [1, 2, 4] {
        let error = encoder
            .encode_batch(&data, &bounds, Allowed::None, threads, &Control::new())
            .unwrap_err();
        assert!(
            matches!(
                error,
                Error::NotEncodable {
                    document: 1,
                    offset: 7,
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn a_cancelled_control_stops_the_work() {
    let encoder = Encoder::new(parts(&WORDS, "none")).unwrap();
    let control = Control::new();
    control.cancel();
    let text = b"th".repeat(1_000_000);
    let bounds = [0, 2_000_000];
    let result = encoder.encode_batch(&text, &bounds, Allowed::None, 1, &control);
    assert_eq!(result.unwrap_err(), Error::Interrupted);
    let result = encoder.encode_with_spans(&text, Allowed::None, &control);
    assert_eq!(result.unwrap_err(), Error::Interrupted);
}

#[test]
fn spans_of_normalized_text_lie_in_the_original() {
    let mut made = parts(&WORDS, "gpt2");
    made.normalizer = Some(Normalizer::Nfc);
    made.added.push(AddedToken {
        content: b"<x>".to_vec(),
        id: 65,
        special: true,
        normalized: true,
        lstrip: false,
        rstrip: false,
    });
    let encoder = Encoder::new(made).unwrap();
    let text = "e\u{301}the<x>e\u{301}";
    let spans = encoder
        .encode_with_spans(text.as_bytes(), Allowed::All, &Control::new())
        .unwrap();
    assert_eq!(spans.ids, [259, 257, 65, 259]);
    assert_eq!(spans.ends, [0, 3, 3, 6, 6, 9, 9, 12]);
}

#[test]
fn offsets_are_checked() {
    let encoder = Encoder::new(parts(&WORDS, "gpt2")).unwrap();
    for bounds in [&[][..], &[0], &[1, 3], &[0, 2], &[0, 3, 2, 3], &[-1, 3]] {
        let result = encoder.encode_batch(b"abc", bounds, Allowed::None, 1, &Control::new());
        assert!(
            matches!(result, Err(Error::Parameter { name: "offsets", .. })),
            "{bounds:?}"
        );
    }
}

#[test]
fn parts_that_contradict_each_other_are_refused() {
    let mut made = parts(&WORDS, "gpt2");
    made.method = Method::Merges(vec![[1, 2, 9999]]);
    assert!(matches!(Encoder::new(made), Err(Error::Vocabulary { .. })));
    let mut made = parts(&WORDS, "gpt2");
    made.fallback.unknown = Some(9999);
    assert!(matches!(Encoder::new(made), Err(Error::Vocabulary { .. })));
    let twice = Vocabulary::new(b"aa".to_vec(), vec![0, 1, 2], |_| false);
    assert!(matches!(twice, Err(Error::Vocabulary { .. })));
}
