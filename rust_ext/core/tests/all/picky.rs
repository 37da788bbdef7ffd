//! Counts without overlaps, and tokens that are split again: every state recounts to itself, and no floor
//! changes a choice.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use tokbench_core::engine::{
    Deletion, Engine, InitialAlphabet, Operations, Parts, Setup, TieRule, run_picky, run_plain,
};
use tokbench_core::{Control, Error, PretokenCounts};

fn table(words: &[(String, u64)]) -> PretokenCounts {
    let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
    for (word, count) in words {
        *rows.entry(word).or_default() += count;
    }
    let (mut arena, mut offsets) = (Vec::new(), vec![0]);
    for word in rows.keys() {
        arena.extend_from_slice(word.as_bytes());
        offsets.push(arena.len() as u64);
    }
    let n = rows.len();
    PretokenCounts::new(
        vec!["all".into()],
        arena,
        offsets,
        (0..=n as u64).collect(),
        vec![0; n],
        rows.into_values().collect(),
    )
    .unwrap()
}

fn setup(floor: Option<u64>) -> Setup {
    Setup {
        initial_alphabet: InitialAlphabet::Seen,
        tie_rule: TieRule::LexMin,
        first_floor: floor,
        overlap: false,
        deletions: true,
        ..Setup::default()
    }
}

fn words() -> impl Strategy<Value = Vec<(String, u64)>> {
    prop::collection::vec(("[abc]{1,12}|a{1,20}|(ab){1,6}|(aab){1,5}", 1u64..40), 1..20)
}

fn picky(counts: &PretokenCounts, floor: Option<u64>, vocab_size: u64, deletion: Deletion) -> Operations {
    let control = Control::new();
    let mut engine = Engine::new(counts, setup(floor), &control).unwrap();
    let operations = run_picky(&mut engine, vocab_size, deletion, true, &control).unwrap();
    engine.verify().unwrap();
    operations
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn every_state_recounts_to_itself(
        words in words(),
        floor in prop::option::of(1u64..60),
        choices in prop::collection::vec((0u8..3, any::<prop::sample::Index>()), 1..60),
    ) {
        let counts = table(&words);
        let control = Control::new();
        let mut engine = Engine::new(&counts, setup(floor), &control).unwrap();
        let mut twin = Engine::new(&counts, setup(Some(1)), &control).unwrap();
        let n_symbols = engine.tokens().len();
        let mut made: Vec<(u32, u32, u32)> = Vec::new();
        engine.verify().unwrap();
        for (kind, index) in choices {
            let best = engine.best(None, &control).unwrap();
            prop_assert_eq!(best, twin.best(None, &control).unwrap());
            engine.verify().unwrap();
            if kind > 0 || made.is_empty() {
                let Some(best) = best else { break };
                prop_assert_eq!(engine.count(best.left, best.right, None).unwrap(), best.count);
                let merged = engine.merge(best.left, best.right, &control).unwrap();
                prop_assert_eq!((merged.count, merged.replaced), (best.count, best.count));
                twin.merge(best.left, best.right, &control).unwrap();
                made.push((merged.result, best.left, best.right));
            } else {
                let (token, left, right) = made[index.index(made.len())];
                let bytes = engine.tokens().bytes(token).to_vec();
                let symbols: Vec<u32> =
                    bytes.iter().map(|byte| engine.tokens().id_of(&[*byte]).unwrap()).collect();
                let parts = if index.index(2) == 0 { symbols } else { vec![left, right] };
                let expected = engine.token_count(token).unwrap();
                prop_assert_eq!(engine.delete(token, &parts, &control).unwrap(), expected);
                prop_assert_eq!(engine.token_count(token).unwrap(), 0);
                twin.delete(token, &parts, &control).unwrap();
            }
            engine.verify().unwrap();
            twin.verify().unwrap();
            prop_assert_eq!(engine.lengths(), twin.lengths());
            prop_assert!(engine.tokens().len() >= n_symbols);
        }
    }

    #[test]
    fn no_floor_changes_a_run(
        words in words(),
        floor in 1u64..80,
        tau in prop::sample::select(vec![0.1, 0.5, 0.6, 0.9, 1.0]),
        strict: bool,
        parts in prop::sample::select(vec![Parts::Symbols, Parts::Pair, Parts::Present]),
    ) {
        let counts = table(&words);
        let deletion = Deletion { tau, strict, parts };
        let expected = picky(&counts, Some(1), 30, deletion);
        prop_assert_eq!(picky(&counts, Some(floor), 30, deletion), expected);
    }

    #[test]
    fn beyond_one_nothing_is_deleted(words in words()) {
        let counts = table(&words);
        let control = Control::new();
        let mut engine = Engine::new(&counts, Setup { deletions: false, ..setup(None) }, &control).unwrap();
        let plain = run_plain(&mut engine, 30, true, &control).unwrap();
        let deletion = Deletion { tau: 1.1, strict: false, parts: Parts::Symbols };
        let operations = picky(&counts, None, 30, deletion);
        prop_assert!(!operations.is_deletion.contains(&true));
        // Plain training counts ids and so does not see that a token is made a second time.
        let n = plain.left.len().min(operations.token.len());
        prop_assert_eq!(&operations.token[..n], &plain.result[..n]);
        prop_assert_eq!(&operations.count[..n], &plain.count[..n]);
    }
}

#[test]
fn runs_of_one_symbol_count_as_often_as_they_merge() {
    let counts = table(&[("aaaaaaa".into(), 1)]);
    let control = Control::new();
    let mut engine = Engine::new(&counts, setup(None), &control).unwrap();
    let log = run_plain(&mut engine, 99, true, &control).unwrap();
    // aaaaaaa holds aa three times; AA AA AA a holds (AA, AA) once; AAAA AA a.
    assert_eq!(log.count, [3, 1, 1, 1]);
}

#[test]
fn a_deleted_token_is_split_and_can_come_back() {
    let counts = table(&[("abx".into(), 9), ("ab".into(), 1), ("yab".into(), 1)]);
    let control = Control::new();
    let mut engine = Engine::new(&counts, setup(None), &control).unwrap();
    let deletion = Deletion {
        tau: 0.8,
        strict: false,
        parts: Parts::Symbols,
    };
    let operations = run_picky(&mut engine, 99, deletion, true, &control).unwrap();
    assert_eq!(operations.is_deletion, [false, false, true, false, false]);
    assert_eq!(operations.count, [11, 9, 2, 2, 1]);
}

#[test]
fn what_cannot_be_deleted_is_refused() {
    let counts = table(&[("ab".into(), 1)]);
    let control = Control::new();
    let refused = |engine: &mut Engine, token: u32, parts: &[u32]| {
        let outcome = engine.delete(token, parts, &Control::new());
        assert!(
            matches!(outcome, Err(Error::Parameter { name: "delete", .. })),
            "{outcome:?}"
        );
    };
    let mut plain = Engine::new(
        &counts,
        Setup {
            deletions: false,
            ..setup(None)
        },
        &control,
    )
    .unwrap();
    let token = plain.merge(0, 1, &control).unwrap().result;
    refused(&mut plain, token, &[0, 1]);
    let mut engine = Engine::new(&counts, setup(None), &control).unwrap();
    let token = engine.merge(0, 1, &control).unwrap().result;
    refused(&mut engine, token, &[1, 0]);
    refused(&mut engine, token, &[token]);
    refused(&mut engine, 0, &[]);
    assert!(engine.delete(token, &[0, 99], &control).is_err());
    let tracked = Setup {
        track_groups: true,
        ..setup(None)
    };
    assert!(matches!(
        Engine::new(&counts, tracked, &control),
        Err(Error::Parameter { .. })
    ));
}
