//! The automaton of one pattern: its matches, the gaps between them, and what becomes of both.

use rustc_hash::FxHashMap;

use super::machine::{Machine, Move, Place};
use super::profile::{END, Next, Point, ProfileId, Profiles};
use super::program::{Node, NodeId, Program};
use crate::pretokenize::Behaviour;

/// What is being read: a match at a node, or what lies between matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Inside {
    Match(NodeId),
    Gap,
}

type Key = (Inside, ProfileId);

struct Builder<'a> {
    program: &'a Program,
    profiles: &'a Profiles,
    behaviour: Behaviour,
    ids: FxHashMap<Key, Place>,
    keys: Vec<Key>,
}

/// Builds the automaton.
///
/// # Errors
/// A message for a pattern that can match nothing at all where matches do not stand alone.
pub fn machine(program: &Program, profiles: &Profiles, behaviour: Behaviour) -> Result<Machine, String> {
    let mut machine = Machine::empty(program.classes.clone());
    let mut builder = Builder {
        program,
        profiles,
        behaviour,
        ids: FxHashMap::default(),
        keys: Vec::new(),
    };
    for profile in profiles.ids() {
        let point = Point {
            profile,
            before: None,
        };
        let start = if profile == END {
            Machine::LAST
        } else {
            builder.begin(point)?.1
        };
        machine.starts.push(start);
    }
    machine.starts.sort_unstable();
    machine.starts.dedup();
    let mut done = 0;
    while done < builder.keys.len() {
        let (inside, profile) = builder.keys[done];
        done += 1;
        let mut moves = vec![Vec::new(); program.classes.len()];
        for (class, ways) in moves.iter_mut().enumerate() {
            let class = class as u16;
            for &after in profiles.after(profile, class) {
                let point = Point {
                    profile: after,
                    before: Some(class),
                };
                let (border, to) = builder.arrive(inside, point)?;
                ways.push(Move { border, to });
            }
            ways.sort_unstable();
            ways.dedup();
        }
        machine.moves.push(moves);
    }
    Ok(machine.joined())
}

impl Builder<'_> {
    fn place(&mut self, key: Key) -> Place {
        let next = self.keys.len() as Place + 1;
        let id = *self.ids.entry(key).or_insert(next);
        if id == next {
            self.keys.push(key);
        }
        id
    }

    /// What a new piece is: a match if one begins here, else a gap; and whether an empty match stands before it.
    fn begin(&mut self, point: Point) -> Result<(bool, Place, Inside), String> {
        let next = self.profiles.follow(self.program, self.program.start, point);
        let empty = next == Next::Complete;
        if empty && self.behaviour != Behaviour::Isolated {
            return Err(format!(
                "the pattern can match nothing; its automaton is made for isolated matches only, not {}",
                self.behaviour.name()
            ));
        }
        let inside = match next {
            Next::Read(node) => Inside::Match(node),
            Next::Complete | Next::Fail => Inside::Gap,
        };
        Ok((empty, self.place((inside, point.profile)), inside))
    }

    /// The border and state behind a character that was read.
    fn arrive(&mut self, inside: Inside, point: Point) -> Result<(bool, Place), String> {
        let last = point.profile == END;
        if let Inside::Match(node) = inside {
            let Node::Read(_, next) = self.program.nodes[node as usize] else {
                unreachable!("a match reads at a node that reads")
            };
            match self.profiles.follow(self.program, next, point) {
                Next::Read(node) => return Ok((false, self.place((Inside::Match(node), point.profile)))),
                Next::Complete if last => return Ok((true, Machine::LAST)),
                Next::Complete => {}
                Next::Fail => unreachable!("the profile before promised that the match succeeds"),
            }
        }
        if last {
            return Ok((true, Machine::LAST));
        }
        let (empty, place, next) = self.begin(point)?;
        let was_match = inside != Inside::Gap;
        let is_match = next != Inside::Gap;
        let border = match self.behaviour {
            Behaviour::Isolated => was_match || is_match || empty,
            Behaviour::Contiguous => was_match != is_match,
            Behaviour::MergedWithPrevious => was_match,
            Behaviour::MergedWithNext => is_match,
        };
        Ok((border, place))
    }
}
