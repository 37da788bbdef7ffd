//! A pattern as a program: nodes that read a character, branch in order of preference, or look.
//!
//! Whether the match can succeed from a node is a question about the text that follows, and about the one character
//! before. A branch asks it of the *guide* of each of its ways and takes the first that says yes. Outside of atomic
//! groups a way guides itself. An atomic group `(?>X)` must choose as X alone would, whatever comes after it, so X is
//! written twice: once ending in success, to guide, and once leading on.

use fancy_regex::{Assertion, Expr, LookAround};

use super::classes::{Classes, Set, set_of};

/// A node's number.
pub type NodeId = u32;

/// The end of the match.
pub const MATCH: NodeId = 0;

/// Nodes above which a pattern is too large.
const LIMIT: usize = 20_000;

/// A place in a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// The match is complete.
    Match,
    /// One character of a set, then on.
    Read(usize, NodeId),
    /// The first way whose guide can succeed.
    Branch(Vec<(NodeId, NodeId)>),
    /// On, if the look-ahead that starts at a node succeeds, or fails where negated.
    Ahead(bool, NodeId, NodeId),
    /// On, if the character before is in a set; what the start of the text counts as; negated or not.
    Behind(bool, usize, bool, NodeId),
    /// On, if the text ends here.
    AtEnd(NodeId),
}

/// A compiled pattern.
#[derive(Debug)]
pub struct Program {
    /// The nodes; [`MATCH`] is the first.
    pub nodes: Vec<Node>,
    /// Where matching starts.
    pub start: NodeId,
    /// The classes of characters.
    pub classes: Classes,
    /// For every class, which sets hold it.
    pub holds: Vec<Vec<bool>>,
}

struct Compiler {
    nodes: Vec<Node>,
    sets: Vec<Set>,
}

/// A node and its guide.
type Guided = (NodeId, NodeId);
type Compiled<T> = std::result::Result<T, String>;

impl Program {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// A message for a pattern that cannot be read, and for what an automaton cannot follow.
    pub fn compile(pattern: &str) -> Compiled<Self> {
        let tree = Expr::parse_tree(pattern).map_err(|error| format!("not a regular expression: {error}"))?;
        let mut compiler = Compiler {
            nodes: vec![Node::Match],
            sets: Vec::new(),
        };
        let (start, _) = compiler.expression(&tree.expr, (MATCH, MATCH))?;
        let (classes, holds) = Classes::of_sets(&compiler.sets)?;
        Ok(Self {
            nodes: compiler.nodes,
            start,
            classes,
            holds,
        })
    }
}

impl Compiler {
    fn push(&mut self, node: Node) -> Compiled<NodeId> {
        if self.nodes.len() >= LIMIT {
            return Err(format!("the pattern unfolds to more than {LIMIT} places"));
        }
        self.nodes.push(node);
        Ok(self.nodes.len() as NodeId - 1)
    }

    fn set(&mut self, set: Set) -> usize {
        if let Some(known) = self.sets.iter().position(|known| *known == set) {
            return known;
        }
        self.sets.push(set);
        self.sets.len() - 1
    }

    /// The same node for both, or one for each where a guide leads elsewhere.
    fn twice(&mut self, next: Guided, make: impl Fn(NodeId) -> Node) -> Compiled<Guided> {
        let node = self.push(make(next.0))?;
        if next.0 == next.1 {
            return Ok((node, node));
        }
        Ok((node, self.push(make(next.1))?))
    }

    fn read(&mut self, pattern: &str, ignore_case: bool, next: Guided) -> Compiled<Guided> {
        let set = set_of(pattern, ignore_case)?;
        let set = self.set(set);
        self.twice(next, |next| Node::Read(set, next))
    }

    fn branch(&mut self, ways: &[Guided], guided: bool) -> Compiled<Guided> {
        let guides: Vec<Guided> = ways.iter().map(|&(_, guide)| (guide, guide)).collect();
        let ways = ways.iter().map(|&(way, guide)| (guide, way)).collect();
        let node = self.push(Node::Branch(ways))?;
        if !guided {
            return Ok((node, node));
        }
        Ok((node, self.push(Node::Branch(guides))?))
    }

    /// Compiles an expression that is followed by `next`.
    fn expression(&mut self, expression: &Expr, next: Guided) -> Compiled<Guided> {
        match expression {
            Expr::Empty => Ok(next),
            Expr::Any { newline: true, .. } => self.read("(?s:.)", false, next),
            Expr::Any { crlf: false, .. } => self.read(".", false, next),
            Expr::Any { crlf: true, .. } => self.read(r"[^\r\n]", false, next),
            Expr::Literal { val, casei } => val.chars().rev().try_fold(next, |next, character| {
                let escaped = regex_syntax::escape(character.encode_utf8(&mut [0; 4]));
                self.read(&escaped, *casei, next)
            }),
            Expr::Delegate { inner, casei } => self.read(inner, *casei, next),
            Expr::GeneralNewline { .. } => {
                let atomic = Expr::parse_tree(r"(?>\r\n|[\n\x0b\x0c\r\x{85}\x{2028}\x{2029}])");
                let atomic = atomic.map_err(|error| error.to_string())?;
                self.expression(&atomic.expr, next)
            }
            Expr::Concat(parts) => {
                let parts = parts.iter().rev();
                parts
                    .into_iter()
                    .try_fold(next, |next, part| self.expression(part, next))
            }
            Expr::Alt(ways) => {
                let ways = ways.iter().map(|way| self.expression(way, next));
                let ways: Vec<Guided> = ways.collect::<Compiled<_>>()?;
                self.branch(&ways, next.0 != next.1)
            }
            Expr::Group(inner) => self.expression(inner, next),
            Expr::Repeat {
                child,
                lo,
                hi,
                greedy,
            } => self.repeat(child, *lo, *hi, *greedy, next),
            Expr::AtomicGroup(inner) => {
                let (node, _) = self.expression(inner, (next.0, MATCH))?;
                if next.0 == next.1 {
                    return Ok((node, node));
                }
                Ok((node, self.expression(inner, (next.1, MATCH))?.0))
            }
            Expr::LookAround(inner, kind) => self.look(inner, *kind, next),
            Expr::Assertion(assertion) => self.assertion(*assertion, next),
            other => Err(format!(
                "{}: an automaton cannot follow this; next bytes under `valid` need a pattern without it",
                name_of(other)
            )),
        }
    }

    fn repeat(&mut self, child: &Expr, lo: usize, hi: usize, greedy: bool, next: Guided) -> Compiled<Guided> {
        let guided = next.0 != next.1;
        let order = |into: Guided, past: Guided| if greedy { [into, past] } else { [past, into] };
        let mut then = next;
        if hi == usize::MAX {
            let (node, guide) = self.branch(&[], guided)?;
            let into = self.expression(child, (node, guide))?;
            let ways = order(into, next);
            self.nodes[node as usize] = Node::Branch(ways.iter().map(|&(way, guide)| (guide, way)).collect());
            if guided {
                let guides = ways.iter().map(|&(_, guide)| (guide, guide)).collect();
                self.nodes[guide as usize] = Node::Branch(guides);
            }
            then = (node, guide);
        } else {
            for _ in lo..hi {
                let into = self.expression(child, then)?;
                then = self.branch(&order(into, next), guided)?;
            }
        }
        for _ in 0..lo {
            then = self.expression(child, then)?;
        }
        Ok(then)
    }

    fn look(&mut self, inner: &Expr, kind: LookAround, next: Guided) -> Compiled<Guided> {
        let negated = matches!(kind, LookAround::LookAheadNeg | LookAround::LookBehindNeg);
        match kind {
            LookAround::LookAhead | LookAround::LookAheadNeg => {
                let (start, _) = self.expression(inner, (MATCH, MATCH))?;
                self.twice(next, |next| Node::Ahead(negated, start, next))
            }
            LookAround::LookBehind | LookAround::LookBehindNeg => {
                let set =
                    one_character(inner).ok_or("looking back further than one character is not followed")?;
                let set = set_of(&set.0, set.1)?;
                let set = self.set(set);
                self.twice(next, |next| Node::Behind(negated, set, false, next))
            }
        }
    }

    fn assertion(&mut self, assertion: Assertion, next: Guided) -> Compiled<Guided> {
        let parsed = match assertion {
            Assertion::EndText => return self.twice(next, Node::AtEnd),
            Assertion::StartText => {
                let nothing = self.set(Vec::new());
                return self.twice(next, |next| Node::Behind(false, nothing, true, next));
            }
            Assertion::StartLine { crlf: false } => {
                let newline = self.set(vec![(10, 10)]);
                return self.twice(next, |next| Node::Behind(false, newline, true, next));
            }
            Assertion::EndTextIgnoreTrailingNewlines { crlf: false } => r"(?=\n*\z)",
            Assertion::EndLine { crlf: false } => r"(?=\n|\z)",
            Assertion::WordBoundary => r"(?:(?<=\w)(?!\w)|(?<!\w)(?=\w))",
            Assertion::NotWordBoundary => r"(?:(?<=\w)(?=\w)|(?<!\w)(?!\w))",
            Assertion::LeftWordBoundary => r"(?<!\w)(?=\w)",
            Assertion::RightWordBoundary => r"(?<=\w)(?!\w)",
            Assertion::LeftWordHalfBoundary => r"(?<!\w)",
            Assertion::RightWordHalfBoundary => r"(?!\w)",
            _ => return Err(format!("{assertion:?} is not followed")),
        };
        let tree = Expr::parse_tree(parsed).map_err(|error| error.to_string())?;
        self.expression(&tree.expr, next)
    }
}

/// The pattern of an expression that reads one character.
fn one_character(expression: &Expr) -> Option<(String, bool)> {
    match expression {
        Expr::Delegate { inner, casei } => Some((inner.clone(), *casei)),
        Expr::Literal { val, casei } if val.chars().count() == 1 => Some((regex_syntax::escape(val), *casei)),
        Expr::Any { newline: true, .. } => Some(("(?s:.)".into(), false)),
        Expr::Any { crlf: false, .. } => Some((".".into(), false)),
        Expr::Group(inner) => one_character(inner),
        Expr::Concat(parts) if parts.len() == 1 => one_character(&parts[0]),
        _ => None,
    }
}

fn name_of(expression: &Expr) -> &'static str {
    match expression {
        Expr::Backref { .. } | Expr::BackrefWithRelativeRecursionLevel { .. } => "a reference to a group",
        Expr::KeepOut => r"\K",
        Expr::ContinueFromPreviousMatchEnd => r"\G",
        Expr::Conditional { .. } | Expr::BackrefExistsCondition { .. } => "a condition",
        Expr::SubroutineCall(_) => "a call of a group",
        Expr::Absent(_) => "an absence",
        _ => "an extension of regular expressions",
    }
}
