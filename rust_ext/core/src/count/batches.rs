//! Whole documents in batches: the way into everything but counting.

use std::sync::Arc;

use super::documents::{for_each_document, for_each_weighted_document};
use super::read::BlockReader;
use super::source::{Boundary, Format, Source};
use crate::{Control, Result};

/// Reads whole files of documents into batches: the path of everything but counting.
pub struct DocumentReader {
    blocks: BlockReader,
    weight: Option<String>,
    spare: Vec<u8>,
    documents: u64,
}

/// Documents back to back: document `i` is `data[offsets[i]..offsets[i + 1]]`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct DocumentBatch {
    /// The bytes of all documents.
    pub data: Vec<u8>,
    /// One more than there are documents, from 0.
    pub offsets: Vec<i64>,
    /// The weight of each document in ten-thousandths, where a field of weights was named.
    pub weights: Option<Vec<u64>>,
}

impl DocumentReader {
    /// Opens a file whose documents are handed out in batches of about `batch_size` bytes. `weight` names the field
    /// of a record that says how often its documents count.
    ///
    /// # Errors
    /// As [`BlockReader::open`].
    pub fn open(source: Source, weight: Option<String>, batch_size: usize) -> Result<Self> {
        Ok(Self {
            blocks: BlockReader::open(Arc::new(source), batch_size)?,
            weight,
            spare: Vec::new(),
            documents: 0,
        })
    }

    /// The next documents, or `None` after the last. A file read whole is one document even if it is empty.
    ///
    /// # Errors
    /// As [`BlockReader::next`]; [`Error::Record`] for a malformed record.
    pub fn next_batch(&mut self, control: &Control) -> Result<Option<DocumentBatch>> {
        let source = Arc::clone(&self.blocks.source);
        loop {
            let spare = std::mem::take(&mut self.spare);
            let Some(block) = self.blocks.next(None, spare, control)? else {
                let empty_file =
                    self.documents == 0 && source.format == Format::Text && source.boundary == Boundary::File;
                self.documents += u64::from(empty_file);
                return Ok(empty_file.then(|| DocumentBatch {
                    data: Vec::new(),
                    offsets: vec![0, 0],
                    weights: None,
                }));
            };
            let mut batch = DocumentBatch {
                data: Vec::with_capacity(block.len()),
                offsets: vec![0],
                weights: None,
            };
            if let Some(field) = &self.weight {
                let mut weights = Vec::new();
                for_each_weighted_document(&block, &source, field, |document, weight| {
                    batch.push(document);
                    weights.push(weight.parts);
                    Ok(())
                })?;
                batch.weights = Some(weights);
            } else {
                for_each_document(&block, &source, |document, _| {
                    batch.push(document);
                    Ok(())
                })?;
            }
            self.spare = block.recycle();
            self.documents += batch.offsets.len() as u64 - 1;
            if batch.offsets.len() > 1 {
                return Ok(Some(batch));
            }
        }
    }
}

impl DocumentBatch {
    fn push(&mut self, document: &[u8]) {
        self.data.extend_from_slice(document);
        #[expect(clippy::cast_possible_wrap, reason = "no buffer is longer than 2^63 bytes")]
        self.offsets.push(self.data.len() as i64);
    }
}
