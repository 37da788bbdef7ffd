//! Pre-tokenizers one after another: each cuts the pieces of the one before.

use rustc_hash::FxHashMap;

use super::machine::{Machine, Move, Place};

/// States above which a sequence is too complex.
const LIMIT: usize = 200_000;

/// The automaton of a sequence of steps.
///
/// # Errors
/// A message when it becomes too large.
pub fn sequence(machines: Vec<Machine>) -> Result<Machine, String> {
    let mut machines = machines.into_iter();
    let first = machines.next().ok_or("a sequence needs at least one step")?;
    machines.try_fold(first, |outer, inner| product(&outer, &inner))
}

/// The pieces of `outer`, each cut by `inner`: where a piece ends, `inner` sees the end of its text and starts again.
fn product(outer: &Machine, inner: &Machine) -> Result<Machine, String> {
    let (classes, parts) = outer.classes.product(&inner.classes)?;
    let mut made = Machine::empty(classes);
    let mut ids: FxHashMap<(Place, Place), Place> = FxHashMap::default();
    let mut keys: Vec<(Place, Place)> = Vec::new();
    let mut place = |key: (Place, Place), keys: &mut Vec<(Place, Place)>| {
        let next = keys.len() as Place + 1;
        let id = *ids.entry(key).or_insert(next);
        if id == next {
            keys.push(key);
        }
        id
    };
    let begin: Vec<Place> = inner
        .starts
        .iter()
        .copied()
        .filter(|&start| start != Machine::LAST)
        .collect();
    for &start in &outer.starts {
        if start == Machine::LAST {
            made.starts.push(Machine::LAST);
        } else {
            made.starts
                .extend(begin.iter().map(|&inside| place((start, inside), &mut keys)));
        }
    }
    let mut done = 0;
    while done < keys.len() {
        let (outside, inside) = keys[done];
        done += 1;
        let mut moves = Vec::with_capacity(parts.len());
        for &(outer_class, inner_class) in &parts {
            let mut ways = Vec::new();
            for out in &outer.moves[outside as usize][outer_class as usize] {
                for step in &inner.moves[inside as usize][inner_class as usize] {
                    if out.border != (step.to == Machine::LAST) {
                        continue;
                    }
                    if out.to == Machine::LAST {
                        ways.push(Move {
                            border: true,
                            to: Machine::LAST,
                        });
                    } else if out.border {
                        ways.extend(begin.iter().map(|&inside| Move {
                            border: true,
                            to: place((out.to, inside), &mut keys),
                        }));
                    } else {
                        ways.push(Move {
                            border: step.border,
                            to: place((out.to, step.to), &mut keys),
                        });
                    }
                }
            }
            ways.sort_unstable();
            ways.dedup();
            moves.push(ways);
        }
        made.moves.push(moves);
        if keys.len() > LIMIT {
            return Err(format!("the sequence needs more than {LIMIT} states"));
        }
    }
    Ok(trimmed(made).joined())
}

/// The automaton without states from which no text leads to the end.
///
/// The two steps guess what follows apart from each other, and two guesses may not go together.
fn trimmed(mut machine: Machine) -> Machine {
    let n = machine.moves.len();
    let mut before: Vec<Vec<Place>> = vec![Vec::new(); n];
    for (state, moves) in machine.moves.iter().enumerate() {
        for step in moves.iter().flatten() {
            before[step.to as usize].push(state as Place);
        }
    }
    let mut alive = vec![false; n];
    let mut waiting = vec![Machine::LAST];
    alive[0] = true;
    while let Some(state) = waiting.pop() {
        for &earlier in &before[state as usize] {
            if !alive[earlier as usize] {
                alive[earlier as usize] = true;
                waiting.push(earlier);
            }
        }
    }
    for ways in machine.moves.iter_mut().flatten() {
        ways.retain(|step| alive[step.to as usize]);
    }
    machine.starts.retain(|&start| alive[start as usize]);
    machine
}
