//! Pieces of one Unicode script each.
//!
//! The script is the `Script` property (not `Script_Extensions`). Common and Inherited code points (digits, spaces,
//! punctuation, most marks) join the run before them; at the start of the text, the run after them.

use std::sync::LazyLock;

use unicode_script::{Script as Property, UnicodeScript};

use super::class::Table;
use super::scan::Scanner;

const COMMON: u8 = Property::Common as u8;
const INHERITED: u8 = Property::Inherited as u8;

/// Splits where the script changes.
#[derive(Clone, Copy)]
pub struct Script {
    pub table: &'static Table,
}

/// The script of every code point.
pub fn scripts() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| Table::build(|character| character.script() as u8));
    &TABLE
}

#[inline(always)]
fn is_explicit(script: u8) -> bool {
    script != COMMON && script != INHERITED
}

impl Scanner for Script {
    #[inline(always)]
    fn next(&self, data: &[u8], pos: usize) -> usize {
        let (mut run, n) = self.table.at(data, pos);
        let mut end = pos + n;
        while end < data.len() {
            let (script, n) = self.table.at(data, end);
            if is_explicit(script) && script != run {
                if is_explicit(run) {
                    break;
                }
                run = script;
            }
            end += n;
        }
        end
    }

    fn cut(before: u8, after: u8, _first: u8) -> bool {
        is_explicit(before) && is_explicit(after) && before != after
    }

    fn table(&self) -> &'static Table {
        self.table
    }
}
