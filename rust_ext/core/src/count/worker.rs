//! What one thread counts into: a table per group, and runs on disk once its share of the memory is full.

use super::room::{can_allocate, out_of_memory};
use super::spill::RunFile;
use super::stream::write_run;
use super::table::{FIRST, INLINE, Run, Table, inline_key};
use crate::pretokenize::Pretokenizer;
use crate::{Control, Error, Result};

/// Pretokens between scanner and table: so long has the slot's cache line to arrive.
const LOOK_AHEAD: usize = 16;

/// The tables of one thread.
pub struct Worker {
    tables: Vec<Option<Table>>,
    spill: Option<Spill>,
    first: usize,
    failure: Option<Error>,
}

/// What a thread does when its tables have grown to their share.
struct Spill {
    /// Bytes that the tables of this thread may take.
    share: usize,
    file: RunFile,
}

impl Worker {
    /// Nothing counted in any of `n_groups` groups. `share` bounds the bytes of the tables; what exceeds it is
    /// written to a file.
    pub fn new(n_groups: usize, bound: Option<(usize, RunFile)>) -> Self {
        let first = bound.as_ref().map_or(FIRST, |(share, _)| {
            let slots = (share / 256).clamp(16, FIRST);
            1 << slots.ilog2()
        });
        Self {
            tables: (0..n_groups).map(|_| None).collect(),
            spill: bound.map(|(share, file)| Spill { share, file }),
            first,
            failure: None,
        }
    }

    /// The sorted tables still to be made and the runs written so far.
    pub fn finish(self) -> (Vec<(u32, Table)>, Option<RunFile>) {
        let numbered = self.tables.into_iter().enumerate();
        let tables = numbered
            .filter_map(|(group, table)| table.map(|table| (group as u32, table)))
            .collect();
        (tables, self.spill.map(|spill| spill.file))
    }

    /// Counts the pretokens of one document, or of one piece of a document, after checking it where that is
    /// asked for.
    ///
    /// # Errors
    /// That of `strict` for the position of the first byte that is not UTF-8; [`Error::File`] if counts cannot
    /// be written to disk; [`Error::Pretokenizer`]; [`Error::Interrupted`].
    pub fn count(
        &mut self,
        pretokenizer: &Pretokenizer,
        group: u32,
        text: &[u8],
        strict: Option<&dyn Fn(u64) -> Error>,
        control: &Control,
    ) -> Result<()> {
        if let Some(error) = strict {
            if let Err(invalid) = std::str::from_utf8(text) {
                return Err(error(invalid.valid_up_to() as u64));
            }
        }
        let held = self.tables[group as usize].take();
        let mut table = held.unwrap_or_else(|| Table::new(self.first));
        let outcome = self.count_into(&mut table, group, pretokenizer, text, control);
        self.tables[group as usize] = Some(table);
        outcome
    }

    fn count_into(
        &mut self,
        table: &mut Table,
        group: u32,
        pretokenizer: &Pretokenizer,
        text: &[u8],
        control: &Control,
    ) -> Result<()> {
        let mut at = 0;
        let mut waiting = [(0u128, 0u64); LOOK_AHEAD];
        let mut next = 0;
        pretokenizer.for_each_controlled(text, control, |pretoken| {
            let length = pretoken.len();
            if length > INLINE {
                while !table.add_long(pretoken) {
                    self.make_room(table, group, length, control);
                }
            } else if length > 0 {
                // The pretokens concatenate to the text: the next 16 bytes stand at `at`, unless it ends before.
                let ahead = text.get(at..).and_then(|rest| rest.first_chunk::<16>());
                let key = if let Some(window) = ahead {
                    inline_key(window, length)
                } else {
                    let mut window = [0; 16];
                    window[..length].copy_from_slice(pretoken);
                    inline_key(&window, length)
                };
                let hash = Table::hash(key);
                table.prefetch(hash);
                let (key, hash) = std::mem::replace(&mut waiting[next % LOOK_AHEAD], (key, hash));
                next += 1;
                if key != 0 {
                    while !table.add_short(key, hash) {
                        self.make_room(table, group, 0, control);
                    }
                }
            }
            at += length;
        })?;
        for (key, hash) in waiting {
            while key != 0 && !table.add_short(key, hash) {
                self.make_room(table, group, 0, control);
            }
        }
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        if at != text.len() {
            return Err(Error::Invariant {
                message: format!(
                    "pre-tokenizer {} returned {at} of {} bytes",
                    pretokenizer.spec(),
                    text.len()
                ),
            });
        }
        if table.overflowed() {
            return Err(Error::TooLarge {
                message: "more than 2^32 different long pretokens in one group; give a memory budget".into(),
            });
        }
        Ok(())
    }

    /// Lets `table` grow for a pretoken of `length` bytes, after writing everything to disk and starting afresh
    /// where that would exceed the share, or what the system grants. A failure waits in `failure` for the end of the
    /// text; what is counted until then is lost.
    #[cold]
    fn make_room(&mut self, table: &mut Table, group: u32, length: usize, control: &Control) {
        let is_granted = can_allocate(table.growth(length));
        if let (Some(spill), None) = (&mut self.spill, &self.failure) {
            let others = self.tables.iter().flatten();
            let held = table.bytes() + others.map(Table::bytes).sum::<usize>();
            if held + table.growth(length) > spill.share || !is_granted {
                let others = self.tables.iter_mut().zip(0..);
                let mut runs: Vec<Run> = others
                    .filter_map(|(other, group)| other.take().map(|other| other.into_run(group)))
                    .collect();
                let full = std::mem::replace(table, Table::new(self.first));
                runs.push(full.into_run(group));
                if runs.iter().any(|run| !run.is_empty()) {
                    self.failure = write_run(runs, &mut spill.file, control).err();
                }
            }
        } else if self.failure.is_none() && !is_granted {
            self.failure = Some(out_of_memory(table.growth(length)));
        }
        if self.failure.is_some() {
            *table = Table::new(self.first);
        }
        if !table.has_room(length) {
            table.grow(length);
        }
    }
}
