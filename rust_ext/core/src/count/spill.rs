//! Sorted runs on disk: what a counter writes when its share of the memory is full, and how it is read back.
//!
//! A run is a sequence of cells, ascending by pretoken and group: the number of bytes shared with the pretoken
//! before, the number of bytes that follow, these bytes, the group and the count; numbers in LEB128. All runs of
//! a thread lie in one file that has no name, so that nothing is left behind however the process ends.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{Error, Result};

/// Bytes collected before they are written.
const WRITTEN_AT_ONCE: usize = 64 << 10;

/// The runs of one thread.
#[derive(Debug)]
pub struct RunFile {
    directory: PathBuf,
    file: Option<Arc<File>>,
    end: u64,
    runs: Vec<Range<u64>>,
}

impl RunFile {
    /// No run yet; the first one makes the file.
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            file: None,
            end: 0,
            runs: Vec::new(),
        }
    }

    /// Where the file is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Number of runs.
    pub fn n_runs(&self) -> usize {
        self.runs.len()
    }

    fn cannot_write(directory: &Path, error: &std::io::Error) -> Error {
        Error::File {
            path: directory.to_owned(),
            offset: None,
            message: format!(
                "cannot write counts that exceed the memory budget to a temporary file here: {error}; make room, \
                 name another folder as temporary, or raise the memory budget"
            ),
        }
    }

    /// Opens a new run at the end.
    ///
    /// # Errors
    /// [`Error::File`] if there is no file yet and none can be made.
    pub fn write(&mut self) -> Result<RunWriter<'_>> {
        let file = if let Some(file) = &self.file {
            Arc::clone(file)
        } else {
            let made = tempfile::tempfile_in(&self.directory)
                .map_err(|error| Self::cannot_write(&self.directory, &error))?;
            Arc::clone(self.file.insert(Arc::new(made)))
        };
        Ok(RunWriter {
            start: self.end,
            owner: self,
            file,
            buffer: Vec::with_capacity(WRITTEN_AT_ONCE + 256),
            last: Vec::new(),
        })
    }

    /// Readers of all runs, each with a buffer of `buffer_size` bytes.
    pub fn readers(&self, buffer_size: usize) -> Vec<RunReader> {
        let Some(file) = &self.file else {
            return Vec::new();
        };
        self.runs
            .iter()
            .map(|run| RunReader {
                directory: self.directory.clone(),
                file: Arc::clone(file),
                rest: run.clone(),
                buffer: Vec::new(),
                buffer_size,
                at: 0,
                pretoken: Vec::new(),
                group: 0,
                count: 0,
            })
            .collect()
    }
}

/// Writes one run.
pub struct RunWriter<'a> {
    owner: &'a mut RunFile,
    file: Arc<File>,
    start: u64,
    buffer: Vec<u8>,
    last: Vec<u8>,
}

fn put_number(buffer: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        buffer.push(number as u8 | 0x80);
        number >>= 7;
    }
    buffer.push(number as u8);
}

impl RunWriter<'_> {
    /// Appends a cell, which must not be smaller than the one before.
    ///
    /// # Errors
    /// [`Error::File`] if the disk is full or fails.
    pub fn put(&mut self, pretoken: &[u8], group: u32, count: u64) -> Result<()> {
        let shared = pretoken
            .iter()
            .zip(&self.last)
            .take_while(|(a, b)| a == b)
            .count();
        let rest = &pretoken[shared..];
        put_number(&mut self.buffer, shared as u64);
        put_number(&mut self.buffer, rest.len() as u64);
        self.buffer.extend_from_slice(rest);
        put_number(&mut self.buffer, u64::from(group));
        put_number(&mut self.buffer, count);
        self.last.truncate(shared);
        self.last.extend_from_slice(rest);
        if self.buffer.len() >= WRITTEN_AT_ONCE {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let mut file: &File = &self.file;
        file.seek(SeekFrom::Start(self.owner.end))
            .and_then(|_| file.write_all(&self.buffer))
            .map_err(|error| RunFile::cannot_write(&self.owner.directory, &error))?;
        self.owner.end += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Ends the run.
    ///
    /// # Errors
    /// As [`RunWriter::put`].
    pub fn finish(mut self) -> Result<()> {
        self.flush()?;
        let run = self.start..self.owner.end;
        self.owner.runs.push(run);
        Ok(())
    }
}

/// Reads one run, cell by cell.
#[derive(Debug)]
pub struct RunReader {
    directory: PathBuf,
    file: Arc<File>,
    /// What has not been read from the file yet.
    rest: Range<u64>,
    buffer: Vec<u8>,
    buffer_size: usize,
    at: usize,
    /// The pretoken of the current cell.
    pub pretoken: Vec<u8>,
    /// Its group.
    pub group: u32,
    /// Its count.
    pub count: u64,
}

impl RunReader {
    /// Makes sure that `wanted` bytes are buffered, unless the run ends before.
    fn fill(&mut self, wanted: usize) -> Result<()> {
        if self.buffer.len() - self.at >= wanted || self.rest.is_empty() {
            return Ok(());
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        let held = self.buffer.len();
        let left = usize::try_from(self.rest.end - self.rest.start).unwrap_or(usize::MAX);
        let n = self.buffer_size.max(wanted).saturating_sub(held).min(left);
        self.buffer.resize(held + n, 0);
        let mut file: &File = &self.file;
        file.seek(SeekFrom::Start(self.rest.start))
            .and_then(|_| file.read_exact(&mut self.buffer[held..]))
            .map_err(|error| Error::File {
                path: self.directory.clone(),
                offset: None,
                message: format!("cannot read the temporary file of counts back: {error}"),
            })?;
        self.rest.start += n as u64;
        Ok(())
    }

    fn number(&mut self) -> Result<u64> {
        let mut number = 0;
        for shift in (0..).step_by(7) {
            let Some(&byte) = self.buffer.get(self.at).filter(|_| shift < 64) else {
                break;
            };
            self.at += 1;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Error::Invariant {
            message: "a run of counts ends inside of a number".into(),
        })
    }

    /// Goes to the next cell; false after the last.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read.
    pub fn advance(&mut self) -> Result<bool> {
        // Four numbers of up to ten bytes.
        const NUMBERS: usize = 40;
        self.fill(NUMBERS)?;
        if self.at == self.buffer.len() {
            return Ok(false);
        }
        let shared = self.number()? as usize;
        let length = self.number()? as usize;
        self.fill(length.saturating_add(NUMBERS))?;
        let rest = self.at..self.at + length;
        if shared > self.pretoken.len() || rest.end > self.buffer.len() {
            return Err(Error::Invariant {
                message: "a run of counts ends inside of a pretoken".into(),
            });
        }
        self.pretoken.truncate(shared);
        self.pretoken.extend_from_slice(&self.buffer[rest]);
        self.at += length;
        self.group = self.number()? as u32;
        self.count = self.number()?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut runs = RunFile::new(folder.path());
        let long = vec![7; 100_000];
        let cells: Vec<(&[u8], u32, u64)> = vec![
            (b"\x00", 0, 1),
            (b"a", 3, u64::MAX),
            (b"ab", 0, 1 << 53),
            (b"ab", 200, 2),
            (b"b", 0, 1),
            (&long, 1, 5),
        ];
        for _ in 0..3 {
            let mut writer = runs.write().expect("a file");
            for &(pretoken, group, count) in &cells {
                writer.put(pretoken, group, count).expect("room");
            }
            writer.finish().expect("room");
        }
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("the folder").count(),
            0,
            "no name on disk"
        );
        for buffer_size in [1, 50, 1 << 16] {
            for mut reader in runs.readers(buffer_size) {
                for &(pretoken, group, count) in &cells {
                    assert!(reader.advance().expect("readable"));
                    assert_eq!(
                        (&reader.pretoken[..], reader.group, reader.count),
                        (pretoken, group, count)
                    );
                }
                assert!(!reader.advance().expect("readable"));
            }
        }
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = RunFile::new(Path::new("/no/such/folder"))
            .write()
            .err()
            .expect("no folder");
        assert!(
            error.to_string().starts_with("/no/such/folder: cannot write"),
            "{error}"
        );
    }
}
