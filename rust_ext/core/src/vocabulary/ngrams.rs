//! The most frequent byte n-grams inside of pretokens, exactly.
//!
//! All places of the text are sorted by what follows them (at most `max_length` bytes, never past the pretoken's
//! end); then equal n-grams are neighbours, and one pass with the length of the common prefix counts those of
//! every length. Memory: 16 bytes for each byte of the distinct pretokens, and four times the wanted n-grams.

use super::parallel;
use crate::{Control, Error, PretokenCounts, Result};

/// A place in the arena: the position, how many bytes may follow, the pretoken.
type Place = (u64, u32, u32);

/// The `size` most frequent n-grams of 2 to `max_length` bytes: of equal counts the smaller byte string first.
///
/// # Errors
/// [`Error::TooLarge`] when a count exceeds 64 bits, [`Error::Interrupted`].
pub fn most_frequent(
    counts: &PretokenCounts,
    max_length: usize,
    size: usize,
    threads: usize,
    control: &Control,
) -> Result<Vec<(Vec<u8>, u64)>> {
    control.start("sorting", 256);
    let totals: Vec<u64> = (0..counts.len()).map(|row| counts.total(row)).collect();
    let mut starts = [0usize; 257];
    for row in 0..counts.len() {
        let pretoken = counts.pretoken(row);
        for &byte in &pretoken[..pretoken.len() - 1] {
            starts[usize::from(byte) + 1] += 1;
        }
    }
    for byte in 0..256 {
        starts[byte + 1] += starts[byte];
    }
    let mut places: Vec<Place> = vec![(0, 0, 0); starts[256]];
    let mut next = starts;
    for row in 0..counts.len() {
        let (start, end) = (counts.offsets[row], counts.offsets[row + 1]);
        for at in start..end - 1 {
            let slot = &mut next[usize::from(counts.arena[at as usize])];
            places[*slot] = (at, (end - at).min(max_length as u64) as u32, row as u32);
            *slot += 1;
        }
        if row % 4096 == 0 {
            control.check()?;
        }
    }
    let parts = {
        let mut rest = places.as_mut_slice();
        let mut parts = Vec::with_capacity(256);
        for byte in 0..256 {
            let (mine, others) = rest.split_at_mut(starts[byte + 1] - starts[byte]);
            parts.push(std::sync::Mutex::new(mine));
            rest = others;
        }
        parts
    };
    let found = parallel::blocks(
        256,
        1,
        threads,
        control,
        || (),
        |(), range| {
            let mut mine = parts[range.start]
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            mine.sort_unstable_by_key(|&place| text(counts, place));
            let found = count_sorted(counts, &totals, &mine, size, control);
            control.advance(1);
            found
        },
    )?;
    let mut best: Vec<Found<'_>> = found.into_iter().flatten().collect();
    prune(&mut best, size);
    best.sort_unstable_by(order);
    Ok(best
        .into_iter()
        .map(|(count, bytes)| (bytes.to_vec(), count))
        .collect())
}

type Found<'a> = (u64, &'a [u8]);

fn order(a: &Found<'_>, b: &Found<'_>) -> std::cmp::Ordering {
    b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1))
}

fn prune(found: &mut Vec<Found<'_>>, size: usize) {
    if found.len() > size {
        if size > 0 {
            found.select_nth_unstable_by(size - 1, order);
        }
        found.truncate(size);
    }
}

fn text(counts: &PretokenCounts, (at, length, _): Place) -> &[u8] {
    &counts.arena[at as usize..at as usize + length as usize]
}

fn count_sorted<'a>(
    counts: &'a PretokenCounts,
    totals: &[u64],
    places: &[Place],
    size: usize,
    control: &Control,
) -> Result<Vec<Found<'a>>> {
    let mut found: Vec<Found<'a>> = Vec::new();
    let mut open: Vec<u64> = Vec::new();
    let mut previous: &[u8] = &[];
    for (number, &place) in places.iter().enumerate() {
        let here = text(counts, place);
        let common = previous.iter().zip(here).take_while(|(a, b)| a == b).count();
        close(&mut found, &mut open, previous, common);
        open.resize(here.len(), 0);
        let count = totals[place.2 as usize];
        for sum in &mut open[1..] {
            *sum = sum.checked_add(count).ok_or_else(|| Error::TooLarge {
                message: "an n-gram occurs more than 2^64 times".into(),
            })?;
        }
        previous = here;
        if found.len() > 4 * size.max(1 << 10) {
            prune(&mut found, size);
        }
        if number % 65_536 == 0 {
            control.check()?;
        }
    }
    close(&mut found, &mut open, previous, 0);
    prune(&mut found, size);
    Ok(found)
}

/// Takes the n-grams that are longer than what continues.
fn close<'a>(found: &mut Vec<Found<'a>>, open: &mut Vec<u64>, previous: &'a [u8], common: usize) {
    for length in common.max(1) + 1..=open.len() {
        found.push((open[length - 1], &previous[..length]));
    }
    open.truncate(common);
}
