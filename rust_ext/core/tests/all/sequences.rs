//! The engine over sequences, with symbols that are locked and unlocked, against counting from scratch; runs of
//! pretokens against a walk over the documents.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tokbench_core::count::RunCounter;
use tokbench_core::engine::{Engine, Sequences, Setup, TieRule};
use tokbench_core::pretokenize::admitted;
use tokbench_core::{Control, Error, Pretokenizer};

fn setup(floor: Option<u64>) -> Setup {
    Setup {
        tie_rule: TieRule::LexMin,
        overlap: false,
        first_floor: floor,
        ..Setup::default()
    }
}

fn packed(sequences: &[(Vec<u32>, u64)]) -> Sequences {
    let mut packed = Sequences {
        offsets: vec![0],
        ..Sequences::default()
    };
    for (ids, count) in sequences {
        packed.ids.extend(ids);
        packed.offsets.push(packed.ids.len() as u64);
        packed.counts.push(*count);
    }
    packed
}

type Spelled = Vec<(Vec<Vec<u8>>, u64)>;

/// The best pair by counting everything; runs of equal tokens are counted as they merge.
fn best_of(spelled: &Spelled, locked: &BTreeSet<Vec<u8>>) -> Option<(u64, Vec<u8>, Vec<u8>)> {
    let mut counts: BTreeMap<(Vec<u8>, Vec<u8>), u64> = BTreeMap::new();
    for (tokens, count) in spelled {
        let mut skip = false;
        for two in tokens.windows(2) {
            let is_double = two[0] == two[1];
            if is_double && skip {
                skip = false;
                continue;
            }
            skip = is_double;
            if !locked.contains(&two[0]) && !locked.contains(&two[1]) {
                *counts.entry((two[0].clone(), two[1].clone())).or_default() += count;
            }
        }
    }
    let top = counts.values().copied().max()?;
    let (pair, _) = counts.into_iter().find(|&(_, count)| count == top)?;
    Some((top, pair.0, pair.1))
}

fn merge_all(spelled: &mut Spelled, left: &[u8], right: &[u8]) {
    for (tokens, _) in spelled {
        let mut at = 0;
        while at + 1 < tokens.len() {
            if tokens[at] == left && tokens[at + 1] == right {
                let joined = [left, right].concat();
                tokens.splice(at..at + 2, [joined]);
            }
            at += 1;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn locking_and_merging_equal_counting_from_scratch(
        sequences in prop::collection::vec((prop::collection::vec(0u32..4, 1..12), 1u64..30), 1..12),
        starts_locked: bool,
        floor in prop::option::of(1u64..40),
        steps in prop::collection::vec((0u8..4, 0u32..4), 1..40),
    ) {
        let names: Vec<Vec<u8>> = [" a", " b", "c", "dd"].iter().map(|name| name.as_bytes().to_vec()).collect();
        let control = Control::new();
        let mut engine =
            Engine::over_sequences(&names, &packed(&sequences), setup(floor), starts_locked, &control).unwrap();
        let mut spelled: Spelled = sequences
            .iter()
            .map(|(ids, count)| (ids.iter().map(|&id| names[id as usize].clone()).collect(), *count))
            .collect();
        let mut locked: BTreeSet<Vec<u8>> = if starts_locked { names.iter().cloned().collect() } else { BTreeSet::new() };
        for (kind, id) in steps {
            if starts_locked && kind == 0 {
                engine.lock(id).unwrap();
                locked.insert(names[id as usize].clone());
            } else if starts_locked && kind == 1 {
                engine.unlock(id).unwrap();
                locked.remove(&names[id as usize]);
            } else {
                let best = engine.best(None, &control).unwrap();
                let expected = best_of(&spelled, &locked);
                let found = best.map(|best| {
                    let token = |id: u32| engine.tokens().bytes(id).to_vec();
                    (best.count, token(best.left), token(best.right))
                });
                prop_assert_eq!(&found, &expected);
                let Some(best) = best else { continue };
                let merged = engine.merge(best.left, best.right, &control).unwrap();
                prop_assert_eq!(merged.replaced, best.count);
                let (_, left, right) = expected.unwrap();
                merge_all(&mut spelled, &left, &right);
            }
            engine.verify().unwrap();
        }
    }
}

#[test]
fn sequences_that_contradict_their_names_are_refused() {
    let control = Control::new();
    let make = |names: &[&str], sequences: &Sequences| {
        let names: Vec<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        Engine::over_sequences(&names, sequences, setup(None), false, &control)
    };
    let good = packed(&[(vec![0, 1], 3)]);
    assert!(make(&["a", "b"], &good).is_ok());
    for names in [&["a"][..], &["a", "a"]] {
        assert!(matches!(
            make(names, &good),
            Err(Error::Parameter {
                name: "sequences",
                ..
            })
        ));
    }
    let torn = Sequences {
        offsets: vec![0, 3],
        ..good
    };
    assert!(make(&["a", "b"], &torn).is_err());
    assert!(matches!(
        make(&["a", "b"], &packed(&[(vec![0, 1], u64::MAX)])),
        Err(Error::TooLarge { .. })
    ));
    assert!(
        make(&["a", "b"], &packed(&[(vec![0, 1], 1)]))
            .unwrap()
            .unlock(0)
            .is_err()
    );
}

#[test]
fn a_pair_that_spells_a_symbol_is_never_merged() {
    let names: Vec<Vec<u8>> = vec![b"x".to_vec(), b"y".to_vec(), b"xy".to_vec()];
    let control = Control::new();
    let sequences = packed(&[(vec![0, 1], 9), (vec![2, 0], 1)]);
    let mut engine = Engine::over_sequences(&names, &sequences, setup(None), false, &control).unwrap();
    let best = engine.best(None, &control).unwrap().unwrap();
    assert_eq!((best.left, best.right, best.count), (2, 0, 1));
    engine.verify().unwrap();
}

#[test]
fn counts_beyond_32_bits_are_exact() {
    let names: Vec<Vec<u8>> = vec![b"x".to_vec(), b"y".to_vec()];
    let control = Control::new();
    let big = (1u64 << 53) + 1;
    let sequences = packed(&[(vec![0, 1], big), (vec![1, 0], 1 << 31)]);
    let mut engine = Engine::over_sequences(&names, &sequences, setup(None), false, &control).unwrap();
    assert_eq!(engine.best(None, &control).unwrap().unwrap().count, big);
    engine.verify().unwrap();
}

#[test]
fn runs_are_maximal_and_end_with_their_document() {
    let names: Vec<Vec<u8>> = ["a", " b", " a-pretoken-of-many-bytes"]
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let documents = [
        "a b b c a b",
        "a",
        " b a",
        " b a-pretoken-of-many-bytes b 1 b b",
        "",
        "a b b",
    ];
    let mut data = Vec::new();
    let mut offsets = vec![0i64];
    for document in documents {
        data.extend_from_slice(document.as_bytes());
        offsets.push(i64::try_from(data.len()).unwrap());
    }
    let pretokenizer = Pretokenizer::parse("whitespace").unwrap();
    for threads in [1, 3] {
        let counter = RunCounter::new(pretokenizer.clone(), &names, None, None).unwrap();
        for _ in 0..2 {
            counter.add(&data, &offsets, threads, &Control::new()).unwrap();
        }
        let runs = counter.finish(threads, &Control::new()).unwrap();
        let rows: Vec<(&[u32], u64)> = runs
            .offsets
            .windows(2)
            .zip(&runs.counts)
            .map(|(ends, &count)| (&runs.ids[ends[0] as usize..ends[1] as usize], count))
            .collect();
        assert_eq!(rows, [(&[0, 1, 1][..], 4), (&[1, 1], 2), (&[1, 2, 1], 2)]);
    }
}

#[test]
fn a_floor_cuts_runs_between_rare_neighbours_and_a_budget_changes_nothing() {
    let names: Vec<Vec<u8>> = ["a", " b", " c", " d"]
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let mut data = Vec::new();
    let mut offsets = vec![0i64];
    for index in 0..300_usize {
        let words = ["a b c", "a b b d", "a d c b", "a b c d b c"];
        data.extend_from_slice(words[index * index % 4].as_bytes());
        offsets.push(i64::try_from(data.len()).unwrap());
    }
    let pretokenizer = Pretokenizer::parse("whitespace").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let control = Control::new();
    let count = |floor: Option<u64>, budget: Option<usize>, threads: usize| {
        let budget = budget.map(|bytes| (bytes, folder.path().to_owned()));
        let counter = RunCounter::new(pretokenizer.clone(), &names, floor, budget).unwrap();
        counter.note(&data, &offsets, threads, &control).unwrap();
        counter.add(&data, &offsets, threads, &control).unwrap();
        counter.finish(threads, &control).unwrap()
    };
    let whole = count(None, None, 1);
    let mut pairs = std::collections::BTreeMap::new();
    for (ends, &n) in whole.offsets.windows(2).zip(&whole.counts) {
        for two in whole.ids[ends[0] as usize..ends[1] as usize].windows(2) {
            *pairs.entry((two[0], two[1])).or_insert(0) += n;
        }
    }
    let floors: Vec<u64> = pairs.values().copied().collect();
    for &floor in &floors {
        let cut = count(Some(floor), None, 1);
        for two in cut.offsets.windows(2) {
            let run = &cut.ids[two[0] as usize..two[1] as usize];
            assert!(run.windows(2).all(|pair| pairs[&(pair[0], pair[1])] > floor));
        }
        let kept: u64 = cut
            .offsets
            .windows(2)
            .zip(&cut.counts)
            .map(|(ends, &n)| (ends[1] - ends[0] - 1) * n)
            .sum();
        let frequent: u64 = pairs.values().filter(|&&n| n > floor).sum();
        assert_eq!(kept, frequent);
        for threads in [1, 3] {
            assert_eq!(count(Some(floor), Some(1), threads), cut);
            assert_eq!(count(Some(floor), None, threads), cut);
        }
    }
    assert_eq!(count(None, Some(1), 2), whole);
}

#[test]
fn the_rules_of_admission() {
    let pretokens: Vec<Vec<u8>> = [
        &b" a"[..],
        b"a",
        b"ab",
        b" 1",
        b"don't",
        b"(ab",
        b"\xffa",
        "été".as_bytes(),
        b"",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    let letter = admitted("letter", &pretokens).unwrap();
    assert_eq!(letter, [true, true, true, false, true, true, false, true, false]);
    let words = admitted("words", &pretokens).unwrap();
    assert_eq!(words, [true, false, true, false, true, false, false, true, false]);
    let own = admitted("regex:^ ", &pretokens).unwrap();
    assert_eq!(own, [true, false, false, true, false, false, false, false, false]);
    for bad in ["letters", "regex:("] {
        assert!(matches!(
            admitted(bad, &pretokens),
            Err(Error::Parameter {
                name: "could_merge",
                ..
            })
        ));
    }
}
