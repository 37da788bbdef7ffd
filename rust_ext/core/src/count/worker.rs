//! What one thread counts into: a table per group, and runs on disk once its share of the memory is full.

use super::hot::{Entry, Hot, PAIRS};
use super::spill::RunFile;
use super::stream::write_run;
use super::table::{FIRST, INLINE, Run, Table, hash_long, inline_key};
use crate::pretokenize::Pretokenizer;
use crate::{Control, Error, Result};

/// Pretokens on their way to the table: so long has the slot's cache line to arrive.
const LOOK_AHEAD: usize = 16;

/// Pretokens on their way to the cache of frequent ones.
const LOOK_AHEAD_HOT: usize = 8;

/// The same for pretokens that are not kept inside of their slot; their bytes are those of the text.
const LOOK_AHEAD_LONG: usize = 8;

/// The tables of one thread.
pub struct Worker {
    tables: Vec<Option<Table>>,
    hot: Hot,
    /// The group whose counts `hot` holds.
    hot_group: u32,
    spill: Option<Spill>,
    first: usize,
    failure: Option<Error>,
}

/// Tables with their groups, and the runs on disk.
pub type Counted = (Vec<(u32, Table)>, Option<RunFile>);

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
        let pairs = bound.as_ref().map_or(PAIRS, |(share, _)| {
            let pairs = (share / 1024).clamp(2, PAIRS);
            1 << pairs.ilog2()
        });
        Self {
            tables: (0..n_groups).map(|_| None).collect(),
            hot: Hot::new(pairs),
            hot_group: 0,
            spill: bound.map(|(share, file)| Spill { share, file }),
            first,
            failure: None,
        }
    }

    /// Ends counting: the tables still to be sorted and the runs written so far.
    ///
    /// # Errors
    /// [`Error::File`] if counts cannot be written to disk; [`Error::Interrupted`].
    pub fn finish(mut self, control: &Control) -> Result<Counted> {
        self.cool(control)?;
        let numbered = self.tables.into_iter().enumerate();
        let tables = numbered
            .filter_map(|(group, table)| table.map(|table| (group as u32, table)))
            .collect();
        Ok((tables, self.spill.map(|spill| spill.file)))
    }

    fn take_table(&mut self, group: u32) -> Table {
        let held = self.tables[group as usize].take();
        held.unwrap_or_else(|| Table::new(self.first))
    }

    /// Moves the counts of `hot` to their table.
    fn cool(&mut self, control: &Control) -> Result<()> {
        let group = self.hot_group;
        let entries: Vec<Entry> = self.hot.drain().collect();
        if entries.is_empty() {
            return Ok(());
        }
        let mut table = self.take_table(group);
        for (number, entry) in entries.iter().enumerate() {
            if let Some(ahead) = entries.get(number + LOOK_AHEAD) {
                table.prefetch(ahead.hash);
            }
            self.put(&mut table, group, *entry, control);
        }
        self.tables[group as usize] = Some(table);
        self.failure.take().map_or(Ok(()), Err)
    }

    #[inline]
    fn put(&mut self, table: &mut Table, group: u32, entry: Entry, control: &Control) {
        while entry.count > 0 && !table.add_short(entry.key, entry.hash, entry.count) {
            self.make_room(table, group, 0, control);
        }
    }

    #[inline]
    fn put_long(&mut self, table: &mut Table, group: u32, bytes: &[u8], hash: u64, control: &Control) {
        while !table.add_long(bytes, hash) {
            self.make_room(table, group, bytes.len(), control);
        }
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
        if group != self.hot_group {
            self.cool(control)?;
            self.hot_group = group;
        }
        let mut table = self.take_table(group);
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
        let mut waiting = [Entry::default(); LOOK_AHEAD];
        let mut next = 0;
        let mut recent = [(0u128, 0u64); LOOK_AHEAD_HOT];
        let mut n_recent = 0;
        // Where longer pretokens start, their lengths (0 for none) and hashes.
        let mut waiting_long = [(0, 0, 0u64); LOOK_AHEAD_LONG];
        let mut next_long = 0;
        pretokenizer.for_each_controlled(text, control, |pretoken| {
            let length = pretoken.len();
            if length > INLINE {
                let hash = hash_long(pretoken);
                table.prefetch_long(hash);
                let place = &mut waiting_long[next_long % LOOK_AHEAD_LONG];
                let (start, length, hash) = std::mem::replace(place, (at, length, hash));
                next_long += 1;
                if length > 0 {
                    self.put_long(table, group, &text[start..start + length], hash, control);
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
                self.hot.prefetch(hash);
                let (key, hash) = std::mem::replace(&mut recent[n_recent % LOOK_AHEAD_HOT], (key, hash));
                n_recent += 1;
                if key != 0 {
                    if let Some(out) = self.hot.add(key, hash) {
                        table.prefetch(out.hash);
                        let entry = std::mem::replace(&mut waiting[next % LOOK_AHEAD], out);
                        next += 1;
                        self.put(table, group, entry, control);
                    }
                }
            }
            at += length;
        })?;
        for (key, hash) in recent {
            if key != 0 {
                if let Some(out) = self.hot.add(key, hash) {
                    self.put(table, group, out, control);
                }
            }
        }
        for entry in waiting {
            self.put(table, group, entry, control);
        }
        for (start, length, hash) in waiting_long {
            if length > 0 {
                self.put_long(table, group, &text[start..start + length], hash, control);
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
    /// where that would exceed the share. A failure to write waits in `failure` for the end of the text.
    #[cold]
    fn make_room(&mut self, table: &mut Table, group: u32, length: usize, control: &Control) {
        if let (Some(spill), None) = (&mut self.spill, &self.failure) {
            let others = self.tables.iter().flatten();
            let held = table.bytes() + others.map(Table::bytes).sum::<usize>();
            if held + table.growth(length) > spill.share {
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
        }
        if !table.has_room(length) {
            table.grow(length);
        }
    }
}
