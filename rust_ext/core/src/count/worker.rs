//! What one thread counts into: a table per group, and runs on disk once its share of the memory is full.

use super::hot::{Entry, Hot, PAIRS};
use super::spill::RunFile;
use super::stream::write_run;
use super::table::{FIRST, Run, Table, hash_long};
use super::waiting::{CUTS, LONGS, OUT, SHORTS, Waiting};
use crate::pretokenize::Pretokenizer;
use crate::room::{can_allocate, out_of_memory};
use crate::{Control, Error, Result};

/// The tables of one thread.
pub struct Worker {
    tables: Vec<Option<Table>>,
    hot: Hot,
    waiting: Box<Waiting>,
    /// The group of what is in `hot` and `waiting`.
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
            waiting: Box::default(),
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

    /// Moves the counts of `waiting` and `hot` to their table.
    fn cool(&mut self, control: &Control) -> Result<()> {
        if self.waiting.n_shorts == 0 && self.waiting.n_out == 0 && self.hot.is_empty() {
            return Ok(());
        }
        let group = self.hot_group;
        let mut table = self.take_table(group);
        self.count_shorts(&mut table, group, control);
        self.count_out(&mut table, group, control);
        let entries: Vec<Entry> = self.hot.drain().collect();
        for (number, entry) in entries.iter().enumerate() {
            if let Some(ahead) = entries.get(number + SHORTS) {
                table.prefetch(ahead.hash);
            }
            self.put(&mut table, group, *entry, control);
        }
        self.tables[group as usize] = Some(table);
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Puts pretokens, which lie one after another from `start` to each of `ends`, among those that wait, and
    /// counts these once they are many.
    #[inline(never)]
    fn take(
        &mut self,
        table: &mut Table,
        group: u32,
        text: &[u8],
        (start, ends): (usize, &[usize]),
        control: &Control,
    ) {
        self.waiting.take(&self.hot, text, start, ends);
        if self.waiting.n_shorts >= SHORTS {
            self.count_shorts(table, group, control);
        }
        if self.waiting.n_longs >= LONGS {
            self.count_longs(table, group, text, control);
        }
    }

    /// Counts the short pretokens that wait.
    #[inline(never)]
    fn count_shorts(&mut self, table: &mut Table, group: u32, control: &Control) {
        let Waiting {
            shorts,
            n_shorts,
            out,
            n_out,
            ..
        } = &mut *self.waiting;
        for &(key, hash) in &shorts[..*n_shorts] {
            if let Some(entry) = self.hot.add(key, hash) {
                out[*n_out] = entry;
                *n_out += usize::from(entry.count > 0);
            }
        }
        *n_shorts = 0;
        if *n_out >= OUT {
            self.count_out(table, group, control);
        }
    }

    /// Counts what the cache has pushed out.
    fn count_out(&mut self, table: &mut Table, group: u32, control: &Control) {
        for entry in &self.waiting.out[..self.waiting.n_out] {
            table.prefetch(entry.hash);
        }
        for number in 0..self.waiting.n_out {
            let entry = self.waiting.out[number];
            self.put(table, group, entry, control);
        }
        self.waiting.n_out = 0;
    }

    /// Counts the long pretokens that wait.
    #[inline(never)]
    fn count_longs(&mut self, table: &mut Table, group: u32, text: &[u8], control: &Control) {
        let mut hashes = [0; LONGS + CUTS];
        let longs = &self.waiting.longs[..self.waiting.n_longs];
        for (hash, &(start, end)) in hashes.iter_mut().zip(longs) {
            *hash = hash_long(&text[start..end]);
            table.prefetch_place(*hash);
        }
        let hashes = &hashes[..longs.len()];
        for &hash in hashes {
            table.prefetch_long(hash);
        }
        for &hash in hashes {
            table.prefetch_bytes(hash);
        }
        for (number, &hash) in hashes.iter().enumerate() {
            let (start, end) = self.waiting.longs[number];
            self.put_long(table, group, &text[start..end], hash, control);
        }
        self.waiting.n_longs = 0;
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
        pretokenizer.for_each_batch(text, control, |ends| {
            self.take(table, group, text, (at, ends), control);
            at = ends.last().copied().unwrap_or(at);
        })?;
        self.count_longs(table, group, text, control);
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
