//! Which tokens may stand side by side inside of a pretoken that is merged by rank.
//!
//! A token is *reachable* if its bytes merge to it. Merging two reachable tokens' bytes together gives the two again
//! unless some merge crosses the border between them. What stands left of the border is, at any time, a node on the
//! right spine of the left token's tree of merges; what stands right of it one on the left spine of the right token's.
//! The pair (x, y) of two such nodes merges, at its rank, if that comes before x is merged to its left (the leftmost of
//! equals goes first, so at equal rank x is) and not after y is merged to its right. A sequence inside of a pretoken is
//! what merging makes of its bytes exactly if all its tokens are reachable and all its neighbours may stand so: merges
//! are local.
//!
//! For one left token all forbidden right ones are found at once. Tokens with y on their left spine are y's subtree
//! in the tree in which a token's parent is its left part; with children in descending order of rank, those for which
//! (x, y) comes first are one interval of the preorder. So each merge that a node of the right spine can begin is one
//! interval.
//!
//! This needs merges that come after the tokens they use are made, in rank. Vocabularies extended by hand break that in
//! places: a token or merge which does is *irregular*, and is tested by merging.

use rustc_hash::FxHashMap;

/// No token.
pub const NONE: u32 = u32::MAX;

/// A token's last merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Made {
    left: u32,
    right: u32,
    rank: u32,
}

/// A merge that a token can begin.
#[derive(Debug, Clone, Copy)]
struct Follower {
    right: u32,
    rank: u32,
    regular: bool,
}

/// What merging starts from: the token of every byte, or of every character that has one.
#[derive(Debug)]
enum Letters {
    Bytes(Box<[u32; 256]>),
    Characters(FxHashMap<char, u32>),
}

/// The trees of merges of a vocabulary.
#[derive(Debug)]
pub struct Spines {
    arena: Vec<u8>,
    offsets: Vec<u64>,
    letters: Letters,
    table: FxHashMap<(u32, u32), (u32, u32)>,
    reachable: Vec<bool>,
    regular: Vec<bool>,
    made: Vec<Option<Made>>,
    followers: FxHashMap<u32, Vec<Follower>>,
    /// Tokens in preorder of the left-part tree.
    preorder: Vec<u32>,
    /// Where each reachable token stands in it.
    enter: Vec<u32>,
    /// One past its subtree.
    leave: Vec<u32>,
    children: FxHashMap<u32, Vec<u32>>,
    irregular: Vec<u32>,
}

impl Spines {
    /// Takes the bytes of all ids, `(left, right, result)` in rank order, the ids that text reaches by its bytes, and
    /// whether merging starts from characters.
    pub fn new(
        arena: Vec<u8>,
        offsets: Vec<u64>,
        merges: &[[u32; 3]],
        listed: &[u32],
        characters: bool,
    ) -> Self {
        let n = offsets.len().saturating_sub(1);
        let mut table = FxHashMap::default();
        for (rank, &[left, right, result]) in merges.iter().enumerate() {
            table.entry((left, right)).or_insert((rank as u32, result));
        }
        let mut spines = Self {
            arena,
            offsets,
            letters: Letters::Bytes(Box::new([NONE; 256])),
            table,
            reachable: vec![false; n],
            regular: vec![true; n],
            made: vec![None; n],
            followers: FxHashMap::default(),
            preorder: Vec::new(),
            enter: vec![NONE; n],
            leave: vec![NONE; n],
            children: FxHashMap::default(),
            irregular: Vec::new(),
        };
        spines.letters = spines.letters_of(listed, characters);
        spines.derive(listed);
        spines.follow(merges);
        spines.number();
        spines
    }

    fn letters_of(&self, listed: &[u32], characters: bool) -> Letters {
        if characters {
            let letter = |id: u32| Some((only_character(self.spell(id))?, id));
            return Letters::Characters(listed.iter().filter_map(|&id| letter(id)).collect());
        }
        let mut letters = Box::new([NONE; 256]);
        for &id in listed {
            if let [byte] = *self.spell(id) {
                letters[byte as usize] = id;
            }
        }
        Letters::Bytes(letters)
    }

    /// Whether a character is one that merging starts from.
    pub fn has_character(&self, character: char) -> bool {
        match &self.letters {
            Letters::Bytes(_) => true,
            Letters::Characters(letters) => letters.contains_key(&character),
        }
    }

    fn symbols(&self, bytes: &[u8]) -> Option<Vec<u32>> {
        match &self.letters {
            Letters::Bytes(letters) => {
                let symbols = bytes.iter().map(|&byte| letters[byte as usize]);
                symbols.map(|id| (id != NONE).then_some(id)).collect()
            }
            Letters::Characters(letters) => {
                let text = std::str::from_utf8(bytes).ok()?;
                text.chars().map(|it| letters.get(&it).copied()).collect()
            }
        }
    }

    fn derive(&mut self, listed: &[u32]) {
        let mut by_length = listed.to_vec();
        by_length.sort_unstable_by_key(|&id| (self.spell(id).len(), id));
        // When a token is complete: the rank of its last merge, unless a part was complete only later.
        let mut time = vec![-1_i64; self.made.len()];
        for id in by_length {
            let Some((symbols, last)) = self.merged(self.spell(id)) else {
                continue;
            };
            if symbols != [id] {
                continue;
            }
            self.reachable[id as usize] = true;
            let Some(made) = last else { continue };
            self.made[id as usize] = Some(made);
            let parts = time[made.left as usize].max(time[made.right as usize]);
            time[id as usize] = parts.max(i64::from(made.rank));
            let regular = i64::from(made.rank) > parts;
            let parts_regular = self.regular[made.left as usize] && self.regular[made.right as usize];
            self.regular[id as usize] = regular && parts_regular;
            if !self.regular[id as usize] {
                self.irregular.push(id);
            }
        }
    }

    fn follow(&mut self, merges: &[[u32; 3]]) {
        for (rank, &[left, right, _]) in merges.iter().enumerate() {
            let rank = rank as u32;
            let known = self
                .table
                .get(&(left, right))
                .is_some_and(|&(first, _)| first == rank);
            if !known || !self.is_reachable(left) || !self.is_reachable(right) {
                continue;
            }
            let regular = self.comes_after(rank, left) && self.comes_after(rank, right);
            self.followers
                .entry(left)
                .or_default()
                .push(Follower { right, rank, regular });
        }
    }

    /// Whether a token is complete before a rank.
    fn comes_after(&self, rank: u32, token: u32) -> bool {
        self.regular[token as usize] && self.made[token as usize].is_none_or(|made| made.rank < rank)
    }

    fn number(&mut self) {
        let mut roots = Vec::new();
        for id in 0..self.made.len() as u32 {
            if !self.is_reachable(id) {
                continue;
            }
            match self.made[id as usize] {
                Some(made) => self.children.entry(made.left).or_default().push(id),
                None => roots.push(id),
            }
        }
        let rank = |id: u32| self.made[id as usize].map_or(0, |made| made.rank);
        #[expect(clippy::iter_over_hash_type, reason = "each list is sorted by itself")]
        for children in self.children.values_mut() {
            children.sort_unstable_by_key(|&id| (std::cmp::Reverse(rank(id)), id));
        }
        for root in roots {
            let mut stack = vec![(root, false)];
            while let Some((id, done)) = stack.pop() {
                if done {
                    self.leave[id as usize] = self.preorder.len() as u32;
                    continue;
                }
                self.enter[id as usize] = self.preorder.len() as u32;
                self.preorder.push(id);
                stack.push((id, true));
                let children = self.children.get(&id).map_or(&[][..], Vec::as_slice);
                stack.extend(children.iter().rev().map(|&child| (child, false)));
            }
        }
    }

    /// The bytes of a token.
    pub fn spell(&self, id: u32) -> &[u8] {
        &self.arena[self.offsets[id as usize] as usize..self.offsets[id as usize + 1] as usize]
    }

    /// Whether the bytes of a token merge to it.
    pub fn is_reachable(&self, id: u32) -> bool {
        self.reachable.get(id as usize).copied().unwrap_or(false)
    }

    /// How many tokens and merges are tested by merging.
    pub fn n_irregular(&self) -> usize {
        self.irregular.len()
    }

    /// Merges some bytes: the tokens, and the last merge. None where a byte or character has no token.
    fn merged(&self, bytes: &[u8]) -> Option<(Vec<u32>, Option<Made>)> {
        let mut symbols = self.symbols(bytes)?;
        let mut found: Vec<Option<(u32, u32)>> = symbols
            .windows(2)
            .map(|pair| self.table.get(&(pair[0], pair[1])).copied())
            .collect();
        let mut last = None;
        loop {
            let ranked = found
                .iter()
                .enumerate()
                .filter_map(|(at, found)| Some((found.as_ref()?.0, at)));
            let Some((rank, at)) = ranked.min() else {
                return Some((symbols, last));
            };
            let result = found[at].map_or(NONE, |(_, result)| result);
            last = Some(Made {
                left: symbols[at],
                right: symbols[at + 1],
                rank,
            });
            symbols[at] = result;
            symbols.remove(at + 1);
            found.remove(at);
            if at < found.len() {
                found[at] = self.table.get(&(result, symbols[at + 1])).copied();
            }
            if at > 0 {
                found[at - 1] = self.table.get(&(symbols[at - 1], result)).copied();
            }
        }
    }

    fn stands_by_merging(&self, left: u32, right: u32) -> bool {
        let bytes = [self.spell(left), self.spell(right)].concat();
        self.merged(&bytes)
            .is_some_and(|(symbols, _)| symbols == [left, right])
    }

    /// Whether a reachable token may stand right of another.
    pub fn may_stand(&self, left: u32, right: u32) -> bool {
        if !self.regular[left as usize] || !self.regular[right as usize] {
            return self.stands_by_merging(left, right);
        }
        let (mut x, mut x_ends) = (left, u32::MAX);
        loop {
            let (mut y, mut y_ends) = (right, u32::MAX);
            loop {
                if let Some(&(rank, _)) = self.table.get(&(x, y)) {
                    if !self.comes_after(rank, x) || !self.comes_after(rank, y) {
                        return self.stands_by_merging(left, right);
                    }
                    if rank < x_ends && rank <= y_ends {
                        return false;
                    }
                }
                let Some(made) = self.made[y as usize] else { break };
                (y, y_ends) = (made.left, made.rank);
            }
            let Some(made) = self.made[x as usize] else { break };
            (x, x_ends) = (made.right, made.rank);
        }
        true
    }

    /// For every id, whether it may not stand right of a reachable token. Unreachable ids are left as they are.
    pub fn forbidden_after(&self, left: u32) -> Vec<bool> {
        let mut steps = vec![0_i32; self.preorder.len() + 1];
        let mut doubtful: Vec<u32> = self.irregular.clone();
        let left_regular = self.regular[left as usize];
        let (mut x, mut x_ends) = (left, u32::MAX);
        loop {
            for follower in self.followers.get(&x).map_or(&[][..], Vec::as_slice) {
                let y = follower.right;
                if !left_regular || !follower.regular {
                    let subtree = self.enter[y as usize] as usize..self.leave[y as usize] as usize;
                    doubtful.extend_from_slice(&self.preorder[subtree]);
                } else if follower.rank < x_ends {
                    let children = self.children.get(&y).map_or(&[][..], Vec::as_slice);
                    let later = children.partition_point(|&child| {
                        self.made[child as usize].is_some_and(|made| made.rank >= follower.rank)
                    });
                    let end = children
                        .get(later)
                        .map_or(self.leave[y as usize], |&child| self.enter[child as usize]);
                    steps[self.enter[y as usize] as usize] += 1;
                    steps[end as usize] -= 1;
                }
            }
            let Some(made) = self.made[x as usize] else { break };
            (x, x_ends) = (made.right, made.rank);
        }
        let mut forbidden = vec![false; self.made.len()];
        let mut depth = 0;
        for (step, &id) in steps.iter().zip(&self.preorder) {
            depth += step;
            forbidden[id as usize] = depth > 0;
        }
        for id in doubtful {
            forbidden[id as usize] = !self.stands_by_merging(left, id);
        }
        forbidden
    }
}

/// The character that some bytes are, if they are one.
fn only_character(bytes: &[u8]) -> Option<char> {
    let mut characters = std::str::from_utf8(bytes).ok()?.chars();
    let first = characters.next();
    first.filter(|_| characters.next().is_none())
}
