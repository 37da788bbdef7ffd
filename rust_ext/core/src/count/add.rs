//! Arithmetic on finished tables: totals, cutting off the rare, adding.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::merge::Stretch;
use crate::{Control, Error, PretokenCounts, Result};

impl PretokenCounts {
    /// Pretokens and bytes counted in each group.
    pub fn totals(&self) -> (Vec<u64>, Vec<u64>) {
        let mut counts = vec![0; self.groups.len()];
        let mut bytes = vec![0; self.groups.len()];
        for row in 0..self.len() {
            let length = self.pretoken(row).len() as u64;
            for (group, count) in self.cells(row) {
                counts[group as usize] += count;
                bytes[group as usize] += length * count;
            }
        }
        (counts, bytes)
    }

    /// The rows whose counts sum to at least `min_count`.
    #[must_use]
    pub fn at_least(&self, min_count: u64) -> Self {
        let mut kept = Stretch::default();
        for row in (0..self.len()).filter(|&row| self.total(row) >= min_count) {
            for (position, (group, count)) in self.cells(row).enumerate() {
                kept.push(self.pretoken(row), position == 0, group, count);
            }
        }
        kept.into_table(self.groups.clone())
    }
}

/// The sum of tables, whose groups are matched by name with `groups`.
///
/// # Errors
/// [`Error::Counts`] for a group that `groups` does not name, or a sum above 2⁶⁴ - 1; [`Error::Interrupted`].
pub fn add(groups: Vec<String>, tables: &[&PretokenCounts], control: &Control) -> Result<PretokenCounts> {
    let mut ids = Vec::with_capacity(tables.len());
    for table in tables {
        let known = table
            .groups
            .iter()
            .map(|name| groups.iter().position(|group| group == name));
        let Some(known) = known.collect::<Option<Vec<usize>>>() else {
            return Err(Error::Counts {
                message: "a table has a group that the sum has not".into(),
            });
        };
        ids.push(known);
    }
    control.start("merging", tables.iter().map(|table| table.len() as u64).sum());
    let mut heads: BinaryHeap<Reverse<(&[u8], usize, usize)>> = tables
        .iter()
        .enumerate()
        .filter(|(_, table)| !table.is_empty())
        .map(|(number, table)| Reverse((table.pretoken(0), number, 0)))
        .collect();
    let mut sum = Stretch::default();
    let mut row: Vec<u64> = vec![0; groups.len()];
    let mut steps = 0u64;
    while let Some(&Reverse((pretoken, _, _))) = heads.peek() {
        while let Some(&Reverse((same, number, at))) = heads.peek() {
            if same != pretoken {
                break;
            }
            heads.pop();
            for (group, count) in tables[number].cells(at) {
                let cell = &mut row[ids[number][group as usize]];
                *cell = cell.checked_add(count).ok_or_else(|| Error::Counts {
                    message: "a count rises above 2^64 - 1".into(),
                })?;
            }
            if at + 1 < tables[number].len() {
                heads.push(Reverse((tables[number].pretoken(at + 1), number, at + 1)));
            }
            steps += 1;
            if steps % (1 << 14) == 0 {
                control.check()?;
                control.advance(1 << 14);
            }
        }
        let mut is_new = true;
        for (group, count) in row.iter_mut().enumerate().filter(|(_, count)| **count > 0) {
            sum.push(pretoken, is_new, group as u32, std::mem::take(count));
            is_new = false;
        }
    }
    Ok(sum.into_table(groups))
}
