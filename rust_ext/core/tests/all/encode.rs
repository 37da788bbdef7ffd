//! The encoder through its public surface: merges, caches, threads, errors and interruption.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tokbench_core::encode::{
    AddedToken, Allowed, Encoder, Fallback, Method, Normalizer, Operation, Parts, Sampling, Unit, Vocabulary,
    merges_of_ranks,
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

/// Every method over the same tokens.
fn methods() -> Vec<Method> {
    let merges = merges_of_ranks(&vocabulary(&WORDS), &Control::new()).unwrap();
    let mut operations: Vec<Operation> = merges.iter().copied().map(Operation::Merge).collect();
    operations.push(Operation::Delete(256, vec![116, 104]));
    vec![
        Method::Merges(merges),
        Method::Replay(operations),
        Method::LongestPrefix,
        Method::LongestSuffix,
        Method::LongestFirst,
        Method::Fewest,
        Method::Unigram(vec![-1.5; 261]),
    ]
}

fn by(method: Method, spec: &str) -> Encoder {
    let mut made = parts(&WORDS, spec);
    made.method = method;
    made.whole_words = false;
    Encoder::new(made).unwrap()
}

#[test]
fn every_method_returns_the_bytes_for_any_number_of_threads() {
    let text = "the other é中 word, th\u{ff} ".repeat(50_000);
    let mut data = text.into_bytes();
    data.extend_from_slice(&[0xFF, 0xE4, 0xB8, b't']);
    let bounds = [0, 5, i64::try_from(data.len()).unwrap()];
    for spec in ["none", "gpt2"] {
        for method in methods() {
            let encoder = by(method.clone(), spec);
            let control = Control::new();
            let run = |threads| {
                encoder
                    .encode_batch(&data, &bounds, Allowed::None, threads, &control)
                    .unwrap()
            };
            let one = run(1);
            assert_eq!(one, run(3), "{method:?}");
            let mut bytes = Vec::new();
            encoder.vocabulary().decode(&one.ids, &mut bytes).unwrap();
            assert_eq!(bytes, data, "{method:?}");
        }
    }
}

#[test]
fn a_cancelled_control_stops_every_method_inside_of_a_pretoken() {
    let text = b"the ".repeat(200_000);
    for method in methods() {
        let encoder = by(method.clone(), "none");
        let control = Control::new();
        control.cancel();
        let result = encoder.encode_with_spans(&text, Allowed::None, &control);
        assert_eq!(result.unwrap_err(), Error::Interrupted, "{method:?}");
    }
}

#[test]
fn a_sampling_must_fit_the_model() {
    let encoder = by(Method::Fewest, "none");
    assert!(encoder.sampler(Sampling::Ties, 0).is_ok());
    for sampling in [
        Sampling::Dropout(0.1),
        Sampling::Splits(1.5),
        Sampling::Paths(-1.0),
    ] {
        let result = encoder.sampler(sampling, 0);
        assert!(matches!(result, Err(Error::Parameter { .. })), "{sampling:?}");
    }
}

#[test]
fn tokens_of_other_widths_than_their_parts_are_refused() {
    let mut made = parts(&WORDS, "none");
    let rows = vec![
        Operation::Merge([116, 104, 256]),
        Operation::Delete(256, vec![116, 104, 101]),
    ];
    made.method = Method::Replay(rows);
    assert!(matches!(Encoder::new(made), Err(Error::Vocabulary { .. })));
    let mut made = parts(&WORDS, "none");
    made.scaffold = vec![260];
    made.method = Method::Merges(vec![[116, 104, 256]]);
    assert!(matches!(Encoder::new(made), Err(Error::Vocabulary { .. })));
}

#[test]
fn transient_ids_cannot_be_decoded() {
    let mut made = parts(&WORDS, "none");
    made.vocabulary = {
        let full = vocabulary(&WORDS);
        let mut arena = Vec::new();
        let mut offsets = vec![0];
        for id in 0..full.len() as u32 {
            arena.extend_from_slice(full.bytes(id).unwrap());
            offsets.push(arena.len() as u64);
        }
        Vocabulary::new(arena, offsets, |id| id == 256).unwrap()
    };
    made.transient = vec![256];
    made.scaffold = vec![256];
    let encoder = Encoder::new(made).unwrap();
    assert_eq!(encode(&encoder, b"th", Allowed::None), [116, 104]);
    assert_eq!(encode(&encoder, b"the", Allowed::None), [257]);
    let result = encoder.vocabulary().decode(&[256], &mut Vec::new());
    assert!(matches!(result, Err(Error::UnknownToken { .. })));
}
