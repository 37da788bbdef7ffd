//! Reading one file block by block: mapped where it is plain, streamed where it is compressed.
//!
//! A block ends at a document boundary, or inside of a long document at a place that the caller's `split`
//! declares harmless. What is cut where therefore never changes what is counted; only `line` numbers and byte
//! offsets travel along for error messages.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::ops::{Deref, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memchr::{memchr_iter, memmem, memrchr};
use memmap2::Mmap;

use super::source::{Boundary, Compression, Format, Source};
use crate::{Control, Result};

/// Finds the first harmless place at or after a position inside of one document.
pub type Split<'a> = &'a (dyn Fn(&[u8], usize) -> Option<usize> + Sync);

/// Files below this size are read at once: mapping costs more than copying.
const MAP_FROM: u64 = 64 << 10;
/// How far a harmless place must lie before the end of what has been read so far, so that text not yet read
/// cannot change the verdict (the named scanners look at most a few characters ahead).
const MARGIN: usize = 256;
/// Decompressed at a time between two looks at the control.
const STEP: usize = 256 << 10;

/// The bytes of a block.
#[derive(Debug)]
enum Bytes {
    Owned(Vec<u8>),
    Mapped(Arc<Mmap>, Range<usize>),
}

/// A stretch of a file's content.
#[derive(Debug)]
pub struct Block {
    bytes: Bytes,
    /// Where the block starts in the (decompressed) content.
    pub offset: u64,
    /// Line number of its first byte, from 1; counted for JSONL only.
    pub line: u64,
    /// Number of the block in its file, from 0.
    pub index: u64,
}

impl Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Owned(bytes) => bytes,
            Bytes::Mapped(map, range) => &map[range.clone()],
        }
    }
}

impl Block {
    /// Gives the buffer back for the next block; mapped pages are let go, so that they do not count as ours.
    pub fn recycle(self) -> Vec<u8> {
        match self.bytes {
            Bytes::Owned(mut bytes) => {
                bytes.clear();
                bytes
            }
            Bytes::Mapped(map, range) => {
                release(&map, range);
                Vec::new()
            }
        }
    }
}

#[cfg(unix)]
fn release(map: &Mmap, range: Range<usize>) {
    // SAFETY: the mapping is a read-only view of a file; dropped pages are read again from the file.
    let advised =
        unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.len()) };
    // Advice only: a kernel that refuses it leaves the pages where they are, and nothing else changes.
    drop(advised);
}

#[cfg(not(unix))]
fn release(_map: &Mmap, _range: Range<usize>) {}

/// Counts the bytes taken from the file below a decompressor.
struct Tally<R> {
    inner: R,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Tally<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.taken.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

enum Input {
    Mapped(Arc<Mmap>),
    Stream {
        reader: Box<dyn Read + Send>,
        /// Read but not yet handed out.
        carry: Vec<u8>,
        ended: bool,
        taken: Arc<AtomicU64>,
        reported: u64,
    },
}

/// Hands out one file block by block.
pub struct BlockReader {
    /// The file.
    pub source: Arc<Source>,
    input: Input,
    block_size: usize,
    offset: u64,
    line: u64,
    index: u64,
    finished: bool,
}

fn describe(error: &std::io::Error, compression: Compression) -> String {
    match (compression, error.kind()) {
        (Compression::Plain, _) => error.to_string(),
        (packed, ErrorKind::UnexpectedEof) => {
            format!("the {packed} stream ends too early; the file is truncated, fetch it again")
        }
        (packed, _) => format!("the {packed} stream is damaged ({error}); fetch the file again"),
    }
}

impl BlockReader {
    /// Opens a file to be read in blocks of about `block_size` bytes.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be opened, mapped or is an empty archive.
    pub fn open(source: Arc<Source>, block_size: usize) -> Result<Self> {
        source.check()?;
        let fail = |error: std::io::Error| source.error(None, error.to_string());
        let file = File::open(&source.path).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        if metadata.is_dir() {
            return Err(source.error(None, "is a directory, expected a file"));
        }
        let taken = Arc::new(AtomicU64::new(0));
        let mappable = metadata.is_file() && metadata.len() >= MAP_FROM;
        if source.compression != Compression::Plain && metadata.is_file() && metadata.len() == 0 {
            return Err(source.error(
                None,
                format!("is empty, expected a {} stream", source.compression),
            ));
        }
        // A file that is larger than the address space allowed (`ulimit -v`) is read as a stream instead.
        let map = if source.compression == Compression::Plain && mappable {
            // SAFETY: the mapping is read-only; as with every mapped reader, the file must not be truncated
            // by somebody else while it is read.
            unsafe { Mmap::map(&file) }.ok()
        } else {
            None
        };
        let input = if let Some(map) = map {
            Input::Mapped(Arc::new(map))
        } else {
            let tally = Tally {
                inner: file,
                taken: Arc::clone(&taken),
            };
            let reader: Box<dyn Read + Send> = match source.compression {
                Compression::Plain => Box::new(tally),
                Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(
                    BufReader::with_capacity(STEP, tally),
                )),
                Compression::Zstd => {
                    let mut decoder = zstd::stream::read::Decoder::new(tally).map_err(fail)?;
                    decoder.window_log_max(31).map_err(fail)?;
                    Box::new(decoder)
                }
            };
            Input::Stream {
                reader,
                carry: Vec::new(),
                ended: false,
                taken,
                reported: 0,
            }
        };
        Ok(Self {
            source,
            input,
            block_size: block_size.max(4 * MARGIN),
            offset: 0,
            line: 1,
            index: 0,
            finished: false,
        })
    }

    /// Number of the block that [`BlockReader::next`] will hand out.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The next block, or `None` after the last. Without `split`, documents stay whole however long they are.
    /// `spare` is a buffer to reuse.
    ///
    /// # Errors
    /// [`Error::File`] when reading or decompressing fails, [`Error::Interrupted`].
    pub fn next(
        &mut self,
        split: Option<Split<'_>>,
        spare: Vec<u8>,
        control: &Control,
    ) -> Result<Option<Block>> {
        if self.finished {
            return Ok(None);
        }
        let block = match &self.input {
            Input::Mapped(map) => {
                let map = Arc::clone(map);
                self.next_mapped(&map, split)
            }
            Input::Stream { .. } => self.next_streamed(split, spare, control)?,
        };
        let Some(bytes) = block else {
            return Ok(None);
        };
        let block = Block {
            bytes,
            offset: self.offset,
            line: self.line,
            index: self.index,
        };
        self.offset += block.len() as u64;
        self.index += 1;
        if matches!(self.source.format, Format::Jsonl { .. }) {
            self.line += memchr_iter(b'\n', &block).count() as u64;
        }
        control.advance(match &mut self.input {
            Input::Mapped(_) => block.len() as u64,
            Input::Stream { taken, reported, .. } => {
                let now = taken.load(Ordering::Relaxed);
                now - std::mem::replace(reported, now)
            }
        });
        Ok(Some(block))
    }

    fn next_mapped(&mut self, map: &Arc<Mmap>, split: Option<Split<'_>>) -> Option<Bytes> {
        let start = self.offset as usize;
        if start == map.len() {
            self.finished = true;
            return None;
        }
        let mut size = self.block_size;
        loop {
            let end = start.saturating_add(size).min(map.len());
            #[cfg(target_os = "linux")]
            {
                // One call instead of a fault per 16 pages. Systems before 5.14 refuse and fault.
                let asked = map.advise_range(memmap2::Advice::PopulateRead, start, end - start);
                drop(asked);
            }
            let whole = end == map.len();
            match self.cut(&map[start..end], whole, split) {
                Some(length) => return Some(Bytes::Mapped(Arc::clone(map), start..start + length)),
                None => size = size.saturating_mul(2),
            }
        }
    }

    fn next_streamed(
        &mut self,
        split: Option<Split<'_>>,
        mut spare: Vec<u8>,
        control: &Control,
    ) -> Result<Option<Bytes>> {
        let mut size = self.block_size;
        let source = Arc::clone(&self.source);
        let start = self.offset;
        spare.clear();
        let Input::Stream { carry, .. } = &mut self.input else {
            return Ok(None);
        };
        // The rest of the last block is short unless a long document began in it.
        spare.extend_from_slice(carry);
        carry.clear();
        loop {
            let Input::Stream { reader, ended, .. } = &mut self.input else {
                return Ok(None);
            };
            while !*ended && spare.len() < size {
                control.check()?;
                let wanted = (size - spare.len()).min(STEP) as u64;
                let n = reader
                    .by_ref()
                    .take(wanted)
                    .read_to_end(&mut spare)
                    .map_err(|error| {
                        source.error(
                            Some(start + spare.len() as u64),
                            describe(&error, source.compression),
                        )
                    })?;
                *ended = (n as u64) < wanted;
            }
            let whole = *ended;
            if whole && spare.is_empty() {
                self.finished = true;
                return Ok(None);
            }
            if let Some(length) = self.cut(&spare, whole, split) {
                if let Input::Stream { carry, .. } = &mut self.input {
                    carry.extend_from_slice(&spare[length..]);
                }
                spare.truncate(length);
                return Ok(Some(Bytes::Owned(spare)));
            }
            size = size.saturating_mul(2);
        }
    }

    /// The length of the next block within `window`, or `None` if more must be read to tell. `whole` says
    /// that the file ends with the window.
    fn cut(&self, window: &[u8], whole: bool, split: Option<Split<'_>>) -> Option<usize> {
        let target = self.block_size - self.block_size / 8;
        if whole && window.len() <= self.block_size {
            return Some(window.len());
        }
        let (boundary, splittable) = match (&self.source.format, &self.source.boundary) {
            (Format::Jsonl { .. }, _) => (memrchr(b'\n', window).map(|at| at + 1), false),
            (Format::Text, Boundary::Line | Boundary::LineWithEnd) => {
                (memrchr(b'\n', window).map(|at| at + 1), true)
            }
            // From the left, as documents are split: `\n\n` in `\n\n\n` is the first two.
            (Format::Text, Boundary::Separator(separator)) => (
                memmem::find_iter(window, separator)
                    .last()
                    .map(|at| at + separator.len()),
                true,
            ),
            (Format::Text, Boundary::File | Boundary::Record) => (None, true),
        };
        if boundary.is_some() {
            return boundary;
        }
        if let (true, Some(split)) = (splittable, split) {
            let margin = match &self.source.boundary {
                Boundary::Separator(separator) => MARGIN.max(separator.len()),
                _ => MARGIN,
            };
            match split(window, target) {
                Some(at) if at > 0 && at + margin <= window.len() => return Some(at),
                _ => {}
            }
        }
        whole.then_some(window.len())
    }
}
