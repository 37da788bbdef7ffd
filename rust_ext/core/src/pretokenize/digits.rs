//! Numbers cut into groups; everything between two numbers is one piece.
//!
//! A number is a run of `\p{N}`, whatever its script.

use super::class::{NUMBER, Table};
use super::run;
use super::scan::first_cut;
use crate::{Control, Result};

/// How the numbers are cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grouping {
    /// Not at all.
    Whole,
    /// Groups of this size from the left; the last may be shorter.
    FromLeft(usize),
    /// Groups of this size from the right; the first may be shorter.
    FromRight(usize),
}

/// Splits around numbers and inside of them.
#[derive(Clone, Copy)]
pub struct Digits {
    pub table: &'static Table,
    pub grouping: Grouping,
}

impl Digits {
    /// Calls `f` for every piece.
    #[inline]
    pub fn each(self, data: &[u8], control: &Control, mut f: impl FnMut(&[u8])) -> Result<()> {
        let table = self.table;
        let mut pos = 0;
        while pos < data.len() {
            let number = run::outside(table, data, pos, NUMBER);
            if number > pos {
                f(&data[pos..number]);
            }
            pos = run::inside(table, data, number, NUMBER);
            let (size, mut group) = match self.grouping {
                Grouping::Whole => (usize::MAX, usize::MAX),
                Grouping::FromLeft(size) => (size, size),
                Grouping::FromRight(size) => (size, units(table, &data[number..pos]) % size),
            };
            let mut start = number;
            if group == 0 {
                group = size;
            }
            while start < pos {
                let end = run::at_most(table, data, start, NUMBER, group);
                f(&data[start..end]);
                start = end;
                group = size;
            }
            control.check()?;
        }
        Ok(())
    }

    /// The first place from `at` on where a number starts or ends.
    pub fn safe_split(&self, data: &[u8], at: usize) -> Option<usize> {
        first_cut(self.table, data, at, |before, after, _| {
            (before & NUMBER) != (after & NUMBER)
        })
    }
}

fn units(table: &Table, data: &[u8]) -> usize {
    let mut n = 0;
    let mut pos = 0;
    while pos < data.len() {
        pos += table.at(data, pos).1;
        n += 1;
    }
    n
}
