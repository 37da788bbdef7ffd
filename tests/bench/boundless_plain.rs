//! Two-pass BoundlessBPE, written down plainly: what `boundless.py --plain` compares with.
//!
//! This is our own program for the published procedure (Schmidt et al., arXiv 2504.00178 and 2604.05192) with the
//! published data structures and nobody's code: tokens are byte strings, a hash map counts pairs, an ordered set of
//! (count, pair) gives the best one, and every token knows the words it occurs in. A merge visits the words that hold
//! both of its parts and recounts the neighbourhood of each replacement: O(occurrences × log(pairs)) with hashed byte
//! strings, no ids, no arenas. One thread, only the standard library: `rustc -O boundless_plain.rs`.
//!
//! Usage: `boundless_plain WORDS RUNS VOCAB_SIZE TAU [load]`. A line of WORDS is a count and a pretoken in hexadecimal,
//! one of RUNS a count and the pretokens of a run. Printed are the rows of the word pass, then those of the filled
//! vocabulary. With `load` the files are only read, to know what that costs.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::io::Write;

type Token = Vec<u8>;
type Pair = (Token, Token);

/// Multiply and rotate, eight bytes at a time: far cheaper than the default for short keys.
#[derive(Default)]
struct Quick(u64);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }
    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
}

type Map<K, V> = HashMap<K, V, BuildHasherDefault<Quick>>;
type Set<K> = HashSet<K, BuildHasherDefault<Quick>>;

/// Counts the pairs of a stretch of tokens; of a run of equal tokens every second pair counts.
fn count_pairs(tokens: &[Token], times: i64, changes: &mut Map<Pair, i64>) {
    let mut at = 0;
    while at + 1 < tokens.len() {
        let (left, right) = (&tokens[at], &tokens[at + 1]);
        *changes.entry((left.clone(), right.clone())).or_default() += times;
        let overlaps = left == right && tokens.get(at + 2) == Some(right);
        at += 1 + usize::from(overlaps);
    }
}

/// Words with their counts, and everything that is kept about them.
struct Text {
    words: Vec<Vec<Token>>,
    counts: Vec<i64>,
    pairs: Map<Pair, i64>,
    order: BTreeSet<(Reverse<i64>, Pair)>,
    singles: Map<Token, i64>,
    places: Map<Token, Set<usize>>,
}

impl Text {
    fn new(words: Vec<Vec<Token>>, counts: Vec<i64>) -> Self {
        let mut text = Self {
            pairs: Map::default(),
            order: BTreeSet::new(),
            singles: Map::default(),
            places: Map::default(),
            words,
            counts,
        };
        let mut changes = Map::default();
        for (place, (word, &count)) in text.words.iter().zip(&text.counts).enumerate() {
            count_pairs(word, count, &mut changes);
            for token in word {
                *text.singles.entry(token.clone()).or_default() += count;
                text.places.entry(token.clone()).or_default().insert(place);
            }
        }
        text.apply(changes);
        text
    }

    fn apply(&mut self, changes: Map<Pair, i64>) {
        for (pair, change) in changes.into_iter().filter(|(_, change)| *change != 0) {
            let old = self.pairs.get(&pair).copied().unwrap_or(0);
            if old > 0 {
                self.order.remove(&(Reverse(old), pair.clone()));
            }
            if old + change > 0 {
                self.order.insert((Reverse(old + change), pair.clone()));
                self.pairs.insert(pair, old + change);
            } else {
                self.pairs.remove(&pair);
            }
        }
    }

    fn best(&self) -> Option<(i64, Pair)> {
        self.order.first().map(|(count, pair)| (count.0, pair.clone()))
    }

    fn n(&self, token: &Token) -> i64 {
        self.singles.get(token).copied().unwrap_or(0)
    }

    /// Replaces every `old` of a word at `places` by `new`, leftmost first; says how often, counts included.
    fn replace(&mut self, places: Vec<usize>, old: &[Token], new: &[Token]) -> i64 {
        let mut changes = Map::default();
        let mut carried_out = 0;
        for place in places {
            let word = &self.words[place];
            let times = self.counts[place];
            let (mut made, mut at) = (Vec::with_capacity(word.len()), 0);
            // The first replacement, its end in the old word, and the end of the last one in both.
            let mut touched: Option<(usize, usize, usize)> = None;
            while at < word.len() {
                if word[at..].starts_with(old) {
                    made.extend_from_slice(new);
                    let first = touched.map_or(at, |(first, _, _)| first);
                    at += old.len();
                    touched = Some((first, at, made.len()));
                    carried_out += times;
                } else {
                    made.push(word[at].clone());
                    at += 1;
                }
            }
            let Some((first, end, made_end)) = touched else { continue };
            // A stretch that begins and ends between two different tokens can be recounted by itself.
            let mut start = first.saturating_sub(1);
            while start > 0 && word[start - 1] == word[start] {
                start -= 1;
            }
            let mut tail = usize::from(end < word.len());
            while tail > 0 && end + tail < word.len() && word[end + tail] == word[end + tail - 1] {
                tail += 1;
            }
            count_pairs(&word[start..end + tail], -times, &mut changes);
            count_pairs(&made[start..made_end + tail], times, &mut changes);
            for token in old.iter().filter(|token| !made.contains(token)) {
                if let Some(places) = self.places.get_mut(token) {
                    places.remove(&place);
                }
            }
            for token in new {
                self.places.entry(token.clone()).or_default().insert(place);
            }
            self.words[place] = made;
        }
        for token in old {
            *self.singles.entry(token.clone()).or_default() -= carried_out;
        }
        for token in new {
            *self.singles.entry(token.clone()).or_default() += carried_out;
        }
        self.apply(changes);
        carried_out
    }

    fn merge(&mut self, (left, right): &Pair) {
        let none = Set::default();
        let of = |token| self.places.get(token).unwrap_or(&none);
        let both: Vec<usize> = of(left).intersection(of(right)).copied().collect();
        let joined = [left.as_slice(), right.as_slice()].concat();
        self.replace(both, &[left.clone(), right.clone()], &[joined]);
    }

    fn delete(&mut self, token: &Token) {
        let places = self.places.get(token).map_or_else(Vec::new, |set| set.iter().copied().collect());
        let bytes: Vec<Token> = token.iter().map(|&byte| vec![byte]).collect();
        self.replace(places, &[token.clone()], &bytes);
    }
}

/// A row of a run: what was merged or deleted, and how often.
enum Row {
    Merge(Pair, i64),
    Delete(Token),
}

/// PickyBPE: merge the best pair; delete a part of it of which the share `tau` or more went into the merge.
fn word_pass(mut text: Text, size: usize, tau: f64) -> Vec<Row> {
    let mut vocabulary: Set<Token> = (0..=255).map(|byte| vec![byte]).collect();
    let mut rows = Vec::new();
    while vocabulary.len() < size {
        let Some((count, pair)) = text.best() else { break };
        let before = [text.n(&pair.0), text.n(&pair.1)];
        text.merge(&pair);
        vocabulary.insert([pair.0.as_slice(), pair.1.as_slice()].concat());
        let mut parts = vec![(pair.0.clone(), before[0])];
        if pair.0 != pair.1 {
            parts.push((pair.1.clone(), before[1]));
        }
        rows.push(Row::Merge(pair, count));
        for (part, n) in parts {
            if part.len() > 1 && count as f64 / n as f64 >= tau {
                text.delete(&part);
                vocabulary.remove(&part);
                rows.push(Row::Delete(part));
            }
        }
    }
    rows
}

/// Takes word rows and superwords, whichever counts more (words of equals), until the vocabulary is full.
fn fill(mut runs: Text, words: &[Row], size: usize, out: &mut impl Write) -> std::io::Result<()> {
    let mut vocabulary: Set<Token> = (0..=255).map(|byte| vec![byte]).collect();
    let mut next = 0;
    while vocabulary.len() < size {
        let word = match words.get(next) {
            Some(Row::Merge(_, count)) => *count,
            _ => 0,
        };
        match runs.best() {
            Some((count, pair)) if count > word && vocabulary.contains(&pair.0) && vocabulary.contains(&pair.1) => {
                runs.merge(&pair);
                vocabulary.insert([pair.0.as_slice(), pair.1.as_slice()].concat());
                writeln!(out, "super {} {} {count}", hex(&pair.0), hex(&pair.1))?;
            }
            _ if next == words.len() => break,
            _ => loop {
                write_row(out, &words[next])?;
                match &words[next] {
                    Row::Merge(pair, _) => vocabulary.insert([pair.0.as_slice(), pair.1.as_slice()].concat()),
                    Row::Delete(token) => vocabulary.remove(token),
                };
                next += 1;
                if !matches!(words.get(next), Some(Row::Delete(_))) {
                    break;
                }
            },
        }
    }
    Ok(())
}

fn write_row(out: &mut impl Write, row: &Row) -> std::io::Result<()> {
    match row {
        Row::Merge(pair, count) => writeln!(out, "merge {} {} {count}", hex(&pair.0), hex(&pair.1)),
        Row::Delete(token) => writeln!(out, "delete {}", hex(token)),
    }
}

fn hex(token: &Token) -> String {
    token.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Token {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("two hexadecimal digits a byte");
    (0..text.len()).step_by(2).map(digit).collect()
}

/// Reads lines of a count and byte strings.
fn read(path: &str) -> (Vec<Vec<Token>>, Vec<i64>) {
    let text = std::fs::read_to_string(path).expect("the file can be read");
    let mut rows = (Vec::new(), Vec::new());
    for line in text.lines() {
        let mut fields = line.split(' ');
        let count = fields.next().and_then(|field| field.parse().ok());
        rows.1.push(count.expect("a line begins with a count"));
        rows.0.push(fields.map(from_hex).collect());
    }
    rows
}

fn main() -> std::io::Result<()> {
    let given: Vec<String> = std::env::args().collect();
    let [_, words, runs, size, tau, ..] = given.as_slice() else {
        panic!("usage: boundless_plain WORDS RUNS VOCAB_SIZE TAU [load]")
    };
    let (words, word_counts) = read(words);
    let (runs, run_counts) = read(runs);
    if given.len() > 5 {
        return Ok(());
    }
    let size = size.parse().expect("a size");
    let spelled = words.iter().map(|word| word[0].iter().map(|&byte| vec![byte]).collect());
    let rows = word_pass(Text::new(spelled.collect(), word_counts), size, tau.parse().expect("a share"));
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for row in &rows {
        write_row(&mut out, row)?;
    }
    writeln!(out, "filled")?;
    fill(Text::new(runs, run_counts), &rows, size, &mut out)?;
    out.flush()
}
