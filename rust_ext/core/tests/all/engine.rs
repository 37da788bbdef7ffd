//! The engine against its own recount: after every step, for every floor, with and without groups.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use tokbench_core::engine::{Engine, InitialAlphabet, Log, Setup, TieRule, Uncovered, Unit, run_plain};
use tokbench_core::{Control, Error, PretokenCounts};

/// A table from (pretoken, group, count) cells; cells of one place are added.
fn table(n_groups: u32, cells: &[(&[u8], u32, u64)]) -> PretokenCounts {
    let mut rows: BTreeMap<&[u8], BTreeMap<u32, u64>> = BTreeMap::new();
    for &(pretoken, group, count) in cells {
        *rows.entry(pretoken).or_default().entry(group).or_default() += count;
    }
    let (mut arena, mut offsets, mut row_starts) = (Vec::new(), vec![0], vec![0]);
    let (mut group_ids, mut counts) = (Vec::new(), Vec::new());
    for (pretoken, row) in rows {
        arena.extend_from_slice(pretoken);
        offsets.push(arena.len() as u64);
        group_ids.extend(row.keys());
        counts.extend(row.values());
        row_starts.push(counts.len() as u64);
    }
    let groups = (0..n_groups).map(|group| format!("g{group}")).collect();
    PretokenCounts::new(groups, arena, offsets, row_starts, group_ids, counts).unwrap()
}

fn seen() -> Setup {
    Setup {
        initial_alphabet: InitialAlphabet::Seen,
        ..Setup::default()
    }
}

fn train(counts: &PretokenCounts, setup: Setup, vocab_size: u64) -> Log {
    let control = Control::new();
    let mut engine = Engine::new(counts, setup, &control).unwrap();
    run_plain(&mut engine, vocab_size, true, &control).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn every_state_recounts_to_itself(
        words in prop::collection::vec(("[abc]{1,12}|a{1,20}|(ab){1,6}", 0u32..3, 1u64..40), 1..20),
        floor in prop::option::of(1u64..60),
        track_groups: bool,
        rule in prop::sample::select(vec![TieRule::Ids, TieRule::LexMax, TieRule::LexMin]),
        limit in prop::option::of(2u32..6),
    ) {
        let cells: Vec<(&[u8], u32, u64)> =
            words.iter().map(|(word, group, count)| (word.as_bytes(), *group, *count)).collect();
        let counts = table(3, &cells);
        let control = Control::new();
        let setup = Setup {
            tie_rule: rule,
            first_floor: floor,
            track_groups,
            max_token_length: limit,
            ..seen()
        };
        let plain = Setup { first_floor: Some(1), track_groups: false, ..setup.clone() };
        let expected = train(&counts, plain, 40);
        let mut engine = Engine::new(&counts, setup, &control).unwrap();
        engine.verify().unwrap();
        for step in 0..expected.left.len() {
            if track_groups {
                for group in 0..3 {
                    if let Some(best) = engine.best(Some(group), &control).unwrap() {
                        prop_assert_eq!(engine.count(best.left, best.right, Some(group)).unwrap(), best.count);
                    }
                }
            }
            let best = engine.best(None, &control).unwrap().unwrap();
            prop_assert_eq!((best.left, best.right), (expected.left[step], expected.right[step]));
            let merged = engine.merge(best.left, best.right, &control).unwrap();
            prop_assert_eq!(merged.count, expected.count[step]);
            prop_assert_eq!(engine.lengths(), &expected.lengths[3 * step..3 * step + 3]);
            engine.verify().unwrap();
        }
    }
}

#[test]
fn counts_beyond_32_and_53_bits_are_exact() {
    // 2^53 + 1 and 2^53 differ by one, which a double could not tell.
    let big = 1u64 << 53;
    let counts = table(
        2,
        &[
            (b"ab", 0, big),
            (b"cd", 0, big),
            (b"cd", 1, 1),
            (b"ef", 1, 1 << 33),
        ],
    );
    let log = train(&counts, seen(), 9);
    assert_eq!(log.count, [big + 1, big, 1 << 33]);
    assert_eq!(log.left, [2, 0, 4]);
    assert_eq!(log.lengths.last_chunk::<2>(), Some(&[2 * big, 1 + (1 << 33)]));
}

#[test]
fn a_text_of_2_to_the_64_bytes_is_refused() {
    let counts = table(1, &[(b"abcd", 0, 1 << 62)]);
    let error = Engine::new(&counts, seen(), &Control::new()).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

#[test]
fn runs_of_one_symbol_merge_from_the_left_and_count_overlaps() {
    let counts = table(1, &[(b"aaaaaaa", 0, 1)]);
    let log = train(&counts, seen(), 99);
    // aaaaaaa: 6 overlapping pairs; AA AA AA a: 2 of (AA, AA); then AAAA AA a.
    assert_eq!(log.count, [6, 2, 1, 1]);
    assert_eq!(log.lengths, [4, 3, 2, 1]);
}

#[test]
fn one_giant_word_trains() {
    let mut state = 1u64;
    let text: Vec<u8> = (0..1_000_000)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            b"ACGT"[(state >> 62) as usize]
        })
        .collect();
    let counts = table(1, &[(&text, 0, 1)]);
    let control = Control::new();
    let mut engine = Engine::new(&counts, seen(), &control).unwrap();
    let log = run_plain(&mut engine, 600, false, &control).unwrap();
    engine.verify().unwrap();
    assert!(log.count.is_sorted_by(|a, b| a >= b));
    assert_eq!(log.left.len(), 596);
    let token = |id: u32| engine.tokens().bytes(id).to_vec();
    for step in 0..log.left.len() {
        let joined = [token(log.left[step]), token(log.right[step])].concat();
        assert_eq!(joined, token(log.result[step]));
    }
}

#[test]
fn characters_outside_of_the_alphabet_stand_between_their_neighbours() {
    let counts = table(
        1,
        &[("aéa".as_bytes(), 0, 5), (b"a\xffa", 0, 1), (b"aaaa", 0, 100)],
    );
    let control = Control::new();
    for (uncovered, tokens_of_others) in [
        (Uncovered::Drop, 0),
        (Uncovered::ByteFallback, 5 * 2 + 1),
        (Uncovered::Unknown("<unk>".into()), 5 + 1),
    ] {
        let setup = Setup {
            unit: Unit::Character,
            coverage: 0.95,
            special_tokens: vec!["<unk>".into()],
            uncovered: uncovered.clone(),
            ..seen()
        };
        let engine = Engine::new(&counts, setup, &control).unwrap();
        let letters = 6 * 2 + 4 * 100;
        assert_eq!(
            engine.length(0).unwrap(),
            letters + tokens_of_others,
            "{uncovered:?}"
        );
        let a = engine.layout().symbols[0];
        let adjacent = if uncovered == Uncovered::Drop { 6 } else { 0 };
        assert_eq!(engine.count(a, a, None).unwrap(), 300 + adjacent);
        assert_eq!(engine.layout().uncovered_symbols, 1);
        engine.verify().unwrap();
    }
}

#[test]
fn exhaustion_says_what_was_possible() {
    let counts = table(1, &[(b"abc", 0, 2)]);
    let control = Control::new();
    let mut engine = Engine::new(&counts, seen(), &control).unwrap();
    let error = run_plain(&mut engine, 1000, false, &control).unwrap_err();
    let expected = (1000, 5);
    assert!(
        matches!(error, Error::Exhausted { requested, possible, .. } if (requested, possible) == expected),
        "{error}"
    );
    assert!(matches!(
        run_plain(&mut engine, 1, true, &control),
        Err(Error::Parameter { .. })
    ));
}

#[test]
fn an_interrupted_engine_says_so() {
    let counts = table(1, &[(b"abc", 0, 2)]);
    let control = Control::new();
    let mut engine = Engine::new(&counts, seen(), &control).unwrap();
    control.cancel();
    assert_eq!(
        run_plain(&mut engine, 5, false, &control),
        Err(Error::Interrupted)
    );
    assert_eq!(
        Engine::new(&counts, seen(), &control).err(),
        Some(Error::Interrupted)
    );
}

#[test]
fn contradictions_are_refused() {
    let counts = table(1, &[(b"abc", 0, 2)]);
    let characters = || Setup {
        unit: Unit::Character,
        ..seen()
    };
    let bad = [
        Setup {
            special_tokens: vec![String::new()],
            ..seen()
        },
        Setup {
            special_tokens: vec!["x".into(), "x".into()],
            ..seen()
        },
        Setup {
            uncovered: Uncovered::Unknown("<unk>".into()),
            ..characters()
        },
        Setup {
            coverage: 0.0,
            ..characters()
        },
        Setup {
            coverage: 0.9,
            ..seen()
        },
        Setup {
            uncovered: Uncovered::ByteFallback,
            ..seen()
        },
        Setup {
            unit: Unit::Character,
            ..Setup::default()
        },
        Setup {
            limit_alphabet: Some(100),
            ..Setup::default()
        },
        Setup {
            max_token_length: Some(1),
            ..seen()
        },
        Setup {
            initial_alphabet: InitialAlphabet::Given(vec![b"ab".to_vec()]),
            ..seen()
        },
    ];
    for setup in bad {
        let refused = Engine::new(&counts, setup.clone(), &Control::new()).err();
        assert!(matches!(refused, Some(Error::Parameter { .. })), "{setup:?}");
    }
}
