//! The automaton of the step that cuts where the script changes.

use unicode_script::{Script, UnicodeScript};

use super::classes::Classes;
use super::machine::{Machine, Move, Place};

/// A state is the script of the run so far, if it has one, and whether a border was just put, so that another must
/// follow.
pub fn machine() -> Machine {
    let starts: Vec<u32> = (0..=0x10_FFFF_u32).collect();
    let scripts: Vec<Option<u8>> = starts
        .iter()
        .map(|&at| char::from_u32(at).map(|it| it.script() as u8))
        .collect();
    let (mut edges, mut kinds) = (Vec::new(), Vec::new());
    for (&at, &script) in starts.iter().zip(&scripts) {
        if kinds.last() != Some(&script) {
            edges.push(at);
            kinds.push(script);
        }
    }
    let Ok((classes, members)) = Classes::of_signatures(edges, kinds) else {
        unreachable!("a script is a byte, so there are at most 256 classes")
    };
    let explicit = |class: usize| {
        let script = members[class];
        script != Script::Common as u8 && script != Script::Inherited as u8
    };
    let mut machine = Machine::empty(classes);
    let n = members.len();
    // State 1 is no script yet; then for every class a run of it that goes on, and one that a border has ended.
    let goes_on = |class: usize| 2 + 2 * class as Place;
    let ended = |class: usize| 3 + 2 * class as Place;
    machine.starts = vec![Machine::LAST, 1];
    let arrive = |run: Option<usize>| {
        let mut ways = vec![Move {
            border: true,
            to: Machine::LAST,
        }];
        match run {
            None => ways.push(Move { border: false, to: 1 }),
            Some(run) => {
                ways.push(Move {
                    border: false,
                    to: goes_on(run),
                });
                ways.push(Move {
                    border: true,
                    to: ended(run),
                });
            }
        }
        ways.sort_unstable();
        ways
    };
    machine.moves.push(
        (0..n)
            .map(|class| arrive(explicit(class).then_some(class)))
            .collect(),
    );
    for run in 0..n {
        let inside = (0..n).map(|class| {
            if class == run || !explicit(class) {
                arrive(Some(run))
            } else {
                Vec::new()
            }
        });
        machine.moves.push(inside.collect());
        let other = (0..n).map(|class| {
            if class != run && explicit(class) {
                arrive(Some(class))
            } else {
                Vec::new()
            }
        });
        machine.moves.push(other.collect());
    }
    machine
}
