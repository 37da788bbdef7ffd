//! What can be known of the text that follows: from which places of the pattern a match succeeds on it.
//!
//! A profile is the set of [`Node::Read`] nodes that the next character and what comes after it let succeed, and whether
//! the text ends. Whether any other node succeeds follows from it and from the character before. The profile before a
//! character is a function of the character and of the profile after it, so [`Profiles::new`] finds all of them from
//! the empty text backwards; each is the profile of a real text.

use rustc_hash::FxHashMap;

use super::program::{MATCH, Node, NodeId, Program};

/// A profile's number.
pub type ProfileId = u32;

/// The profile of the empty text.
pub const END: ProfileId = 0;

/// Profiles above which a pattern is too complex.
const LIMIT: usize = 20_000;

/// All profiles of a pattern.
#[derive(Debug)]
pub struct Profiles {
    bits: Vec<Box<[u64]>>,
    /// For every read node its place in the bits.
    place: Vec<u32>,
    /// For every profile and class: the profiles that may come after a character of the class.
    after: Vec<Vec<Vec<ProfileId>>>,
}

/// What is known at a place of a text.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// Of the text that follows.
    pub profile: ProfileId,
    /// Class of the character before, if there is one.
    pub before: Option<u16>,
}

/// Where a match goes from a node without reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It reads a character here.
    Read(NodeId),
    /// It is complete.
    Complete,
    /// It fails.
    Fail,
}

/// Truths of nodes at one point, as far as they were asked for.
struct Truths<'a> {
    program: &'a Program,
    profiles: &'a Profiles,
    point: Point,
    known: Vec<Option<bool>>,
    open: Vec<bool>,
}

impl Truths<'_> {
    /// Whether the match succeeds from a node. The second value says that the answer leans on a loop that is still
    /// open, and must not be kept.
    fn ask(&mut self, node: NodeId) -> (bool, bool) {
        let at = node as usize;
        if let Some(known) = self.known[at] {
            return (known, false);
        }
        if self.open[at] {
            // An iteration of a loop that reads nothing leads nowhere.
            return (false, true);
        }
        self.open[at] = true;
        let program = self.program;
        let (value, leans) = match &program.nodes[at] {
            Node::Match => (true, false),
            Node::Read(..) => (self.profiles.reads(self.point.profile, node), false),
            Node::Branch(ways) => {
                let mut outcome = (false, false);
                for &(guide, way) in ways {
                    let (chosen, leans) = self.ask(guide);
                    outcome.1 |= leans;
                    if chosen {
                        let (value, leans) = if guide == way {
                            (true, false)
                        } else {
                            self.ask(way)
                        };
                        outcome = (value, outcome.1 | leans);
                        break;
                    }
                }
                outcome
            }
            Node::Ahead(negated, start, next) => {
                let (seen, leans) = self.ask(*start);
                if seen == *negated {
                    (false, leans)
                } else {
                    self.also(*next, leans)
                }
            }
            Node::Behind(negated, set, at_start, next) => {
                let inside = self.behind(*set, *at_start);
                if inside == *negated {
                    (false, false)
                } else {
                    self.ask(*next)
                }
            }
            Node::AtEnd(next) => {
                if self.point.profile == END {
                    self.ask(*next)
                } else {
                    (false, false)
                }
            }
        };
        self.open[at] = false;
        let leans = leans && !value;
        if !leans {
            self.known[at] = Some(value);
        }
        (value, leans)
    }

    fn also(&mut self, node: NodeId, leans: bool) -> (bool, bool) {
        let (value, more) = self.ask(node);
        (value, leans || more)
    }

    fn behind(&self, set: usize, at_start: bool) -> bool {
        let before = self.point.before;
        before.map_or(at_start, |class| self.program.holds[class as usize][set])
    }
}

impl Profiles {
    /// Finds all profiles.
    ///
    /// # Errors
    /// A message when there are too many.
    pub fn new(program: &Program) -> Result<Self, String> {
        let mut place = vec![u32::MAX; program.nodes.len()];
        let mut reads = Vec::new();
        for (node, kind) in program.nodes.iter().enumerate() {
            if let Node::Read(set, next) = kind {
                place[node] = reads.len() as u32;
                reads.push((*set, *next));
            }
        }
        let words = reads.len().div_ceil(64);
        let mut profiles = Self {
            bits: vec![vec![0; words].into()],
            place,
            after: vec![vec![Vec::new(); program.classes.len()]],
        };
        let mut ids: FxHashMap<Box<[u64]>, ProfileId> = FxHashMap::default();
        let mut done = 0;
        while done < profiles.bits.len() {
            for class in 0..program.classes.len() as u16 {
                let mut truths = profiles.truths(
                    program,
                    Point {
                        profile: done as ProfileId,
                        before: Some(class),
                    },
                );
                let mut bits = vec![0_u64; words].into_boxed_slice();
                for (at, &(set, next)) in reads.iter().enumerate() {
                    if program.holds[class as usize][set] && truths.ask(next).0 {
                        bits[at / 64] |= 1 << (at % 64);
                    }
                }
                let next_id = profiles.bits.len() as ProfileId;
                let id = *ids.entry(bits.clone()).or_insert(next_id);
                if id == next_id {
                    if profiles.bits.len() >= LIMIT {
                        return Err(format!(
                            "the pattern needs more than {LIMIT} kinds of following text"
                        ));
                    }
                    profiles.bits.push(bits);
                    profiles.after.push(vec![Vec::new(); program.classes.len()]);
                }
                profiles.after[id as usize][class as usize].push(done as ProfileId);
            }
            done += 1;
        }
        Ok(profiles)
    }

    /// All profiles' numbers.
    pub fn ids(&self) -> std::ops::Range<ProfileId> {
        0..self.bits.len() as ProfileId
    }

    /// The profiles that may follow a character of a class where `profile` holds before it.
    pub fn after(&self, profile: ProfileId, class: u16) -> &[ProfileId] {
        &self.after[profile as usize][class as usize]
    }

    fn reads(&self, profile: ProfileId, node: NodeId) -> bool {
        let place = self.place[node as usize] as usize;
        self.bits[profile as usize][place / 64] >> (place % 64) & 1 == 1
    }

    fn truths<'a>(&'a self, program: &'a Program, point: Point) -> Truths<'a> {
        Truths {
            program,
            profiles: self,
            point,
            known: vec![None; program.nodes.len()],
            open: vec![false; program.nodes.len()],
        }
    }

    /// Follows the match from a node to the next character that it reads.
    pub fn follow(&self, program: &Program, node: NodeId, point: Point) -> Next {
        let mut truths = self.truths(program, point);
        if !truths.ask(node).0 {
            return Next::Fail;
        }
        let mut node = node;
        let mut open = vec![false; program.nodes.len()];
        while node != MATCH {
            open[node as usize] = true;
            node = match &program.nodes[node as usize] {
                Node::Match => MATCH,
                Node::Read(..) => return Next::Read(node),
                Node::Branch(ways) => {
                    let mut ways = ways.iter();
                    let way = ways.find(|&&(guide, way)| !open[way as usize] && truths.ask(guide).0);
                    match way {
                        Some(&(_, way)) => way,
                        None => return Next::Fail,
                    }
                }
                Node::Ahead(.., next) | Node::Behind(.., next) | Node::AtEnd(next) => *next,
            };
        }
        Next::Complete
    }
}
