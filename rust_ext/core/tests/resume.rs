//! Starting from an existing tokenizer: repeated steps, vetoes, inputs that do not fit.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tokbench_core::engine::{Engine, Given, Segments, Setup, Unit, Vetoes, replay};
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

fn replayed(words: &[(&str, u64)], given: &Given, rows: &[[u32; 3]]) -> Segments {
    let control = Control::new();
    replay(
        &counts(words),
        Unit::Byte,
        given,
        rows,
        None,
        None,
        false,
        false,
        &control,
    )
    .unwrap()
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
    assert_eq!(replayed(&[("abcd", 1)], &given, &rows).ids, [258]);
    let rows = [[257, d, 258], [a, b, 259], [259, c, 257]];
    assert_eq!(replayed(&[("abcd", 1)], &given, &rows).ids, [257, d]);
}

#[test]
fn a_pair_joined_twice_waits_for_its_second_step() {
    let given = given(&["ab", "bc", "abc"]);
    let rows = [[256, 99, 258], [97, 98, 256], [256, 99, 258]];
    assert_eq!(replayed(&[("abcabc", 1)], &given, &rows).ids, [258, 258]);
}

#[test]
fn vetoes_hold_from_the_start_and_when_a_token_comes_into_being() {
    let words = [("abc", 5), ("xabcx", 4), ("yz", 3)];
    let given = given(&["ab", "bc"]);
    let table = counts(&words);
    // "abc" is ab·c in one word and a·bc in the other: the second way of making it is passed over.
    let segments = Segments {
        ids: vec![256, 99, 120, 97, 257, 120, 121, 122],
        offsets: vec![0, 2, 6, 8],
    };
    let protected = Segments {
        ids: vec![121, 122],
        offsets: vec![0, 2],
    };
    let vetoes = Vetoes::new(&protected, vec![b"xa".to_vec()], true);
    let control = Control::new();
    let mut engine = Engine::resume(
        &table,
        Setup::default(),
        &given,
        &segments,
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
        let segments = Segments {
            ids: ids.to_vec(),
            offsets: offsets.to_vec(),
        };
        Engine::resume(
            &table,
            Setup::default(),
            &given(&[]),
            &segments,
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
