//! Many groups, some of them silent: the engine against its own recount and against a floor of 1, step by step.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use tokbench_core::engine::{
    Engine, InitialAlphabet, Measure, Parity, ParityLog, Setup, TieRule, run_parity,
};
use tokbench_core::{Control, Error, PretokenCounts};

const GROUPS: u32 = 9;

fn table(n_groups: u32, cells: &[(String, u32, u64)]) -> PretokenCounts {
    let mut rows: BTreeMap<&[u8], BTreeMap<u32, u64>> = BTreeMap::new();
    for (pretoken, group, count) in cells {
        *rows
            .entry(pretoken.as_bytes())
            .or_default()
            .entry(*group)
            .or_default() += count;
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

fn setup(n_silent: usize, floor: Option<u64>, total_closed: bool) -> Setup {
    Setup {
        initial_alphabet: InitialAlphabet::Seen,
        tie_rule: TieRule::LexMax,
        track_groups: true,
        silent_groups: n_silent,
        first_floor: floor,
        total_closed,
        ..Setup::default()
    }
}

fn rule(n_silent: usize, global_merges: u64, window: Option<(usize, f64)>) -> Parity {
    let n_loud = GROUPS as usize - n_silent;
    // The columns that are measured end with the silent ones.
    let measure = Measure::Lengths {
        first: n_silent,
        weights: vec![1; n_loud],
    };
    Parity::new(measure, global_merges, window, false).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn floors_and_deepening_change_nothing(
        words in prop::collection::vec(("[abcd]{1,9}|a{1,12}|(ab){1,5}", 0..GROUPS, 1u64..40), 1..60),
        floor in prop::option::of(1u64..60),
        n_silent in 0usize..4,
        global_merges in 0u64..4,
        window in prop::option::of((1usize..6, 0.1f64..1.0)),
    ) {
        let counts = table(GROUPS, &words);
        let control = Control::new();
        let mut expected = Engine::new(&counts, setup(n_silent, Some(1), false), &control).unwrap();
        let mut slow = rule(n_silent, global_merges, window);
        let goal = expected.tokens().len() as u64 + 40;
        let whole = run_parity(&mut expected, &mut slow, goal, &control).unwrap();
        expected.verify().unwrap();

        let mut engine = Engine::new(&counts, setup(n_silent, floor, true), &control).unwrap();
        let mut fast = rule(n_silent, global_merges, window);
        let mut steps = ParityLog::default();
        engine.verify().unwrap();
        for size in engine.tokens().len() as u64 + 1..=goal {
            let step = run_parity(&mut engine, &mut fast, size, &control).unwrap();
            engine.verify().unwrap();
            steps.served.extend(step.served);
            steps.log.left.extend(step.log.left);
            steps.log.right.extend(step.log.right);
            steps.log.result.extend(step.log.result);
            steps.log.count.extend(step.log.count);
            steps.log.lengths.extend(step.log.lengths);
        }
        prop_assert_eq!(&steps, &whole);
        prop_assert_eq!(fast.exhausted(), slow.exhausted());
    }
}

#[test]
fn a_silent_group_counts_in_its_length_only() {
    let word = |text: &str, group, count| (text.to_owned(), group, count);
    let counts = table(2, &[word("abab", 1, 50), word("abc", 0, 3), word("abc", 1, 7)]);
    let control = Control::new();
    let mut engine = Engine::new(&counts, setup(1, None, false), &control).unwrap();
    assert_eq!((engine.n_groups(), engine.lengths()), (1, &[9, 221][..]));
    let best = engine.best(None, &control).unwrap().unwrap();
    assert_eq!(best.count, 3);
    assert_eq!(engine.count(best.left, best.right, Some(0)).unwrap(), 3);
    let ab = engine.merge(0, 1, &control).unwrap();
    assert_eq!((ab.count, ab.replaced), (3, 3));
    assert_eq!(engine.lengths(), [6, 114]);
    assert_eq!(engine.count(ab.result, ab.result, None).unwrap(), 0);
    engine.merge(ab.result, ab.result, &control).unwrap();
    assert_eq!(engine.lengths(), [6, 64]);
    engine.verify().unwrap();
    assert!(matches!(
        engine.best(Some(1), &control),
        Err(Error::Parameter { .. })
    ));
    assert_eq!(engine.length(1).unwrap(), 64);
    assert!(engine.length(2).is_err());
}

#[test]
fn rules_that_make_no_sense_are_refused() {
    let lengths = |first| Measure::Lengths {
        first,
        weights: vec![1; 2],
    };
    assert!(Parity::new(lengths(0), 0, Some((0, 0.5)), false).is_err());
    assert!(Parity::new(lengths(0), 0, Some((3, 0.0)), false).is_err());
    assert!(
        Parity::new(
            Measure::Ratio {
                targets: vec![1.0, f64::NAN]
            },
            0,
            None,
            false
        )
        .is_err()
    );
    let counts = table(2, &[("ab".into(), 0, 2), ("cd".into(), 1, 2)]);
    let control = Control::new();
    let mut engine = Engine::new(&counts, setup(0, None, true), &control).unwrap();
    for (mut rule, size) in [
        (Parity::new(lengths(1), 0, None, false).unwrap(), 9),
        (Parity::new(lengths(0), 0, None, false).unwrap(), 1),
        (rule(0, 0, None), 9),
    ] {
        let refused = run_parity(&mut engine, &mut rule, size, &control);
        assert!(matches!(refused, Err(Error::Parameter { .. })));
    }
}
