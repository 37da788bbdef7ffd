//! Starting from an existing tokenizer: repeated steps, vetoes, inputs that do not fit.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tokbench_core::engine::{
    Engine, Given, Past, Segments, Setup, Unit, Vetoes, replay, run_plain, steps_met,
};
use tokbench_core::{Control, Error, PretokenCounts};

fn counts(words: &[(&str, u64)]) -> PretokenCounts {
    let mut table = PretokenCounts {
        groups: vec!["all".into()],
        offsets: vec![0],
        row_starts: vec![0],
        ..PretokenCounts::default()
    };
    for &(word, count) in words {
        table.arena.extend_from_slice(word.as_bytes());
        table.offsets.push(table.arena.len() as u64);
        table.group_ids.push(0);
        table.counts.push(count);
        table.row_starts.push(table.counts.len() as u64);
    }
    table
}

/// The 256 bytes and some longer tokens.
fn given(tokens: &[&str]) -> Given {
    let mut given = Given {
        arena: (0..=255).collect(),
        offsets: (0..=256).collect(),
        ordinary: vec![true; 256 + tokens.len()],
        lenders: Vec::new(),
    };
    for token in tokens {
        given.arena.extend_from_slice(token.as_bytes());
        given.offsets.push(given.arena.len() as u64);
    }
    given
}

fn past<'a>(given: &'a Given, rows: &'a [[u32; 3]]) -> Past<'a> {
    Past {
        unit: Unit::Byte,
        given,
        rows,
        fallback: None,
        unknown: None,
        whole_words: false,
        drop: false,
    }
}

fn replayed(words: &[(&str, u64)], given: &Given, rows: &[[u32; 3]]) -> Vec<u32> {
    replay(&counts(words), &past(given, rows), &Control::new())
        .unwrap()
        .0
}

#[test]
fn a_replay_never_goes_back_to_an_earlier_step() {
    let given = given(&["bc", "abc", "abcd", "ab"]);
    let [a, b, c, d] = [97, 98, 99, 100];
    // The last row makes "abc" again, which the second row would join with d.
    let rows = [
        [b, c, 256],
        [a, 256, 257],
        [257, d, 258],
        [a, b, 259],
        [259, c, 257],
    ];
    assert_eq!(replayed(&[("abcd", 1)], &given, &rows), [258]);
    let rows = [[257, d, 258], [a, b, 259], [259, c, 257]];
    assert_eq!(replayed(&[("abcd", 1)], &given, &rows), [257, d]);
}

#[test]
fn a_pair_joined_twice_waits_for_its_second_step() {
    let given = given(&["ab", "bc", "abc"]);
    let rows = [[256, 99, 258], [97, 98, 256], [256, 99, 258]];
    assert_eq!(replayed(&[("abcabc", 1)], &given, &rows), [258, 258]);
}

#[test]
fn vetoes_hold_from_the_start_and_when_a_token_comes_into_being() {
    let words = [("abc", 5), ("xabcx", 4), ("yz", 3)];
    let given = given(&["ab", "bc"]);
    let table = counts(&words);
    // "abc" is ab·c in one word and a·bc in the other: the second way of making it is passed over.
    let segments = Segments {
        ids: &[256, 99, 120, 97, 257, 120, 121, 122],
        offsets: &[0, 2, 6, 8],
    };
    let protected = Segments {
        ids: &[121, 122],
        offsets: &[0, 2],
    };
    let vetoes = Vetoes::new(protected, vec![b"xa".to_vec()], true);
    let control = Control::new();
    let mut engine = Engine::resume(
        &table,
        Setup::default(),
        &given,
        segments,
        300,
        Some(vetoes),
        &control,
    )
    .unwrap();
    engine.verify().unwrap();
    let best = engine.best(None, &control).unwrap().unwrap();
    assert_eq!((best.left, best.right, best.count), (256, 99, 5));
    assert_eq!(engine.merge(256, 99, &control).unwrap().result, 300);
    engine.verify().unwrap();
    let best = engine.best(None, &control).unwrap().unwrap();
    assert_eq!((best.left, best.right, best.count), (257, 120, 4));
    assert!(engine.merge(97, 257, &control).is_err());
    assert!(engine.merge(121, 122, &control).is_err());
    assert!(engine.merge(120, 97, &control).is_err());
    assert_eq!(engine.merge(257, 120, &control).unwrap().result, 301);
    engine.verify().unwrap();
    engine.merge(97, 301, &control).unwrap();
    assert!(engine.best(None, &control).unwrap().is_some());
}

#[test]
fn segments_and_ids_that_do_not_fit_are_refused() {
    let table = counts(&[("ab", 1)]);
    let control = Control::new();
    let resume = |ids: &[u32], offsets: &[i64], first_id| {
        let segments = Segments { ids, offsets };
        Engine::resume(
            &table,
            Setup::default(),
            &given(&[]),
            segments,
            first_id,
            None,
            &control,
        )
    };
    assert!(resume(&[97, 98], &[0, 2], 256).is_ok());
    assert!(matches!(
        resume(&[97, 98], &[0, 2], 255),
        Err(Error::Parameter { .. })
    ));
    for (ids, offsets) in [
        (&[97, 999][..], &[0, 2][..]),
        (&[97, 98], &[0]),
        (&[97, 98], &[0, 3]),
        (&[97, 98], &[0, -1]),
    ] {
        assert!(matches!(resume(ids, offsets, 256), Err(Error::Vocabulary { .. })));
    }
}

/// Bytes without any order: a linear congruence, the same every time.
fn noise(n: usize, letters: &[u8]) -> String {
    let mut state = 1u64;
    (0..n)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            letters[(state >> 40) as usize % letters.len()] as char
        })
        .collect()
}

#[test]
fn a_long_stretch_is_cut_as_its_training_left_it() {
    let text = noise(100_000, b"ab cd");
    let table = counts(&[(&text, 1)]);
    let control = Control::new();
    let mut engine = Engine::new(&table, Setup::default(), &control).unwrap();
    let log = run_plain(&mut engine, 700, false, &control).unwrap();
    let (arena, ends) = engine.tokens().arrays();
    let mut given = Given {
        arena: arena.to_vec(),
        offsets: vec![0],
        ordinary: vec![true; ends.len()],
        lenders: Vec::new(),
    };
    given.offsets.extend(ends.iter().map(|&end| end as u64));
    let rows: Vec<[u32; 3]> = (0..log.left.len())
        .map(|step| [log.left[step], log.right[step], log.result[step]])
        .collect();
    let past = past(&given, &rows);
    let (ids, _) = replay(&table, &past, &control).unwrap();
    assert_eq!(ids.len() as u64, engine.length(0).unwrap());
    let mut spelled = Vec::new();
    let mut seen = vec![0; ends.len()];
    for &id in &ids {
        seen[id as usize] += 1;
        spelled.extend_from_slice(engine.tokens().bytes(id));
    }
    assert_eq!(spelled, text.as_bytes());
    assert_eq!(seen, engine.token_counts());
    assert_eq!(
        steps_met(&table, &past, &control).unwrap(),
        vec![true; rows.len()]
    );

    let mut more = Engine::proceed(&table, Setup::default(), &past, 700, None, &control).unwrap();
    more.verify().unwrap();
    assert!(more.n_cells() < text.len() / 2);
    let first = run_plain(&mut more, 900, false, &control).unwrap();
    more.verify().unwrap();
    let second = run_plain(&mut engine, 900, false, &control).unwrap();
    assert_eq!(first, second);
}

#[test]
fn steps_without_a_place_are_told_from_those_with_one() {
    let given = given(&["ab", "cd", "abc", "bc"]);
    // The second row never has a place; the last has one until the first takes it.
    let rows = [[97, 98, 256], [99, 100, 257], [256, 99, 258], [98, 99, 259]];
    let table = counts(&[("abc", 1), ("b", 2)]);
    let met = steps_met(&table, &past(&given, &rows), &Control::new()).unwrap();
    assert_eq!(met, [true, false, true, true]);
}

#[test]
fn a_token_spelled_again_in_other_cells_is_the_same_token() {
    let given = given(&["ab", "bc", "abc"]);
    let words = [("abcx", 3), ("abcabcx", 2), ("xabcabc", 1), ("abc", 5)];
    let table = counts(&words);
    let segments = Segments {
        ids: &[256, 99, 120, 258, 97, 257, 120, 120, 256, 99, 256, 99, 97, 257],
        offsets: &[0, 3, 7, 12, 14],
    };
    let control = Control::new();
    let mut engine = Engine::resume(&table, Setup::default(), &given, segments, 300, None, &control).unwrap();
    engine.verify().unwrap();
    assert_eq!(engine.merge(256, 99, &control).unwrap().count, 5);
    engine.verify().unwrap();
    assert_eq!(engine.count(258, 120, None).unwrap(), 3);
    assert_eq!(engine.count(258, 258, None).unwrap(), 1);
    let merged = engine.merge(97, 257, &control).unwrap();
    assert_eq!((merged.result, merged.count, merged.replaced), (258, 7, 7));
    engine.verify().unwrap();
    assert_eq!(engine.count(258, 258, None).unwrap(), 3);
    assert_eq!(engine.token_count(258).unwrap(), 3 + 4 + 2 + 5);
    engine.merge(258, 258, &control).unwrap();
    engine.verify().unwrap();
}

#[test]
fn tokens_keep_to_words_and_parts_and_to_their_length_in_bytes() {
    let text = "go to it: go to it: ".repeat(20);
    let table = counts(&[(&text, 4)]);
    let given = given(&["to it", " go"]);
    let control = Control::new();
    for (max_words, forbidden, limit) in [
        (Some(1), vec![], None),
        (Some(2), vec![b": ".to_vec()], None),
        (None, vec![b"t".to_vec()], Some(6)),
    ] {
        let vetoes = Vetoes::default()
            .of_words(max_words)
            .with_parts(forbidden.clone());
        let setup = Setup {
            max_token_length: limit,
            ..Setup::default()
        };
        let rows = [];
        let mut engine =
            Engine::proceed(&table, setup, &past(&given, &rows), 258, Some(vetoes), &control).unwrap();
        engine.verify().unwrap();
        let log = run_plain(&mut engine, 400, true, &control).unwrap();
        engine.verify().unwrap();
        assert!(!log.result.is_empty());
        for &id in &log.result {
            let token = String::from_utf8(engine.tokens().bytes(id).to_vec()).unwrap();
            assert!(max_words.is_none_or(|limit| token.split_ascii_whitespace().count() <= limit as usize));
            assert!(
                !forbidden
                    .iter()
                    .any(|part| token.contains(std::str::from_utf8(part).unwrap()))
            );
            assert!(limit.is_none_or(|limit| token.len() <= limit as usize));
        }
    }
}
