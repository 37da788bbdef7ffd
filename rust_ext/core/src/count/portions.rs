//! Cutting a buffer of documents into pieces of work of about equal size.

use std::ops::Range;

use crate::pretokenize::Pretokenizer;

/// Cuts documents into portions of about a block: many short documents, or a piece of a long one.
pub fn portions(
    pretokenizer: &Pretokenizer,
    block_size: usize,
    data: &[u8],
    offsets: &[u64],
) -> Vec<Portion> {
    let block = block_size.max(1);
    let mut portions: Vec<Portion> = Vec::new();
    for (document, pair) in offsets.windows(2).enumerate() {
        let (start, end) = (pair[0] as usize, pair[1] as usize);
        if end - start <= block {
            match portions.last_mut() {
                Some(last) if last.is_whole && last.bytes.len() + (end - start) <= block => {
                    last.bytes.end = end;
                }
                _ => portions.push(Portion {
                    bytes: start..end,
                    first: document,
                    is_whole: true,
                }),
            }
            continue;
        }
        let mut from = start;
        while from < end {
            let text = &data[from..end];
            let cut = if text.len() > block {
                pretokenizer.safe_split(text, block).filter(|&at| at > 0)
            } else {
                None
            };
            let to = cut.map_or(end, |at| from + at);
            portions.push(Portion {
                bytes: from..to,
                first: document,
                is_whole: false,
            });
            from = to;
        }
    }
    portions
}

/// A stretch of a buffer of documents.
pub struct Portion {
    /// Where its bytes are.
    pub bytes: Range<usize>,
    /// Its first document.
    first: usize,
    /// Whether it consists of whole documents; otherwise it is a piece of `first`.
    is_whole: bool,
}

/// A document, or a piece of one.
pub struct Piece {
    /// Where its bytes are.
    pub bytes: Range<usize>,
    /// Number of the document.
    pub document: usize,
}

impl Portion {
    /// Its documents, in order.
    pub fn pieces<'a>(&'a self, offsets: &'a [u64]) -> impl Iterator<Item = Piece> + 'a {
        let end = self.bytes.end as u64;
        let whole = offsets[self.first..]
            .windows(2)
            .take_while(move |pair| self.is_whole && pair[1] <= end)
            .enumerate()
            .map(|(n, pair)| Piece {
                bytes: pair[0] as usize..pair[1] as usize,
                document: self.first + n,
            });
        let part = (!self.is_whole).then(|| Piece {
            bytes: self.bytes.clone(),
            document: self.first,
        });
        whole.chain(part)
    }
}
