//! One document: added tokens out, the text between them normalized, the rest to the pretokens.

use std::borrow::Cow;

use super::added::Part;
use super::batch::signed;
use super::normalize::Alignment;
use super::{Allowed, Encoder, Matchers, Scratch, Worker, shifted};
use crate::{Control, Error, Result};

/// How much text is encoded between two looks at the control.
const CHECK_BYTES: usize = 1 << 18;

/// Ids with the bytes of the document that each one stands for.
///
/// Without a normalizer the spans tile the document. Under a normalizer a token that holds a changed stretch
/// covers all of that stretch's original bytes, so that neighbours may overlap. A space put before the text
/// has an empty span.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Start and end of each token, two entries per token.
    pub ends: Vec<i64>,
}

/// A stretch of normalized text and where it came from.
struct Stretch<'a> {
    text: &'a [u8],
    /// Where `text` starts in the normalized text.
    at: usize,
    /// Normalized text → text between added tokens.
    alignment: &'a Alignment,
    /// Where the text between added tokens starts in the document.
    origin: usize,
    /// How many bytes were put before `text`.
    prefix: usize,
}

impl Stretch<'_> {
    fn span(&self, start: usize, end: usize) -> (usize, usize) {
        let start = self.at + start.saturating_sub(self.prefix);
        let end = self.at + end.saturating_sub(self.prefix);
        let (start, end) = self.alignment.origin(start, end);
        (self.origin + start, self.origin + end)
    }
}

impl Encoder {
    /// Appends the ids of one document to `out`.
    pub(super) fn encode_document(
        &self,
        document: &[u8],
        matchers: &Matchers,
        worker: &mut Worker,
        out: &mut Vec<u32>,
        control: &Control,
    ) -> Result<()> {
        if self.is_plain(matchers) {
            return self.encode_checked(document, worker, out, control);
        }
        // The two visitors are called in turn, never at once; a cell lets both hold the output.
        let sink = std::cell::RefCell::new((worker, out));
        self.visit(
            document,
            matchers,
            |id, _, _| sink.borrow_mut().1.push(id),
            |stretch| {
                let (worker, out) = &mut *sink.borrow_mut();
                self.encode_checked(stretch.text, worker, out, control)
                    .map_err(|error| placed(error, stretch))
            },
        )
    }

    /// What is cut into pretokens: a text without added tokens, normalized and with its prefix space.
    pub fn prepared<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let text = match self.normalizer {
            Some(normalizer) => normalizer.apply(text).0,
            None => Cow::Borrowed(text),
        };
        if !self.prefix_space || text.is_empty() || text.starts_with(b" ") {
            return text;
        }
        Cow::Owned([b" ", &text[..]].concat())
    }

    /// Whether documents go to the pretokens as they are.
    pub(super) fn is_plain(&self, matchers: &Matchers) -> bool {
        matchers.raw.is_empty()
            && matchers.normalized.is_empty()
            && self.normalizer.is_none()
            && !self.prefix_space
    }

    /// Appends the ids of text without added tokens, looking at the control now and then.
    pub(super) fn encode_checked(
        &self,
        text: &[u8],
        worker: &mut Worker,
        out: &mut Vec<u32>,
        control: &Control,
    ) -> Result<()> {
        let mut start = 0;
        while start < text.len() {
            control.check()?;
            let rest = &text[start..];
            let len = if rest.len() > CHECK_BYTES {
                self.cut(rest, CHECK_BYTES, worker, control).unwrap_or(rest.len())
            } else {
                rest.len()
            };
            self.encode_text(&rest[..len], worker, out, control)
                .map_err(|error| shifted(error, start))?;
            start += len;
        }
        Ok(())
    }

    /// The smallest place known from `at` on where cutting the text cannot change its ids.
    ///
    /// Where pretokens are merged, the pretoken before or behind the place must not be one that can be merged. All
    /// places where pretokens are safe are tried in turn; the stretch up to the next one is encoded to see.
    pub(super) fn cut(
        &self,
        text: &[u8],
        at: usize,
        worker: &mut Worker,
        control: &Control,
    ) -> Option<usize> {
        let mut from = self.pretokenizer.safe_split(text, at)?;
        let Some(supers) = &self.supers else {
            return Some(from);
        };
        loop {
            let rest = &text[from..];
            let len = self
                .pretokenizer
                .safe_split(rest, 1)
                .filter(|&len| len < rest.len())?;
            let (mut first, mut last) = (None, true);
            let seen = self.pretokenizer.for_each(&rest[..len], |pretoken| {
                let outcome = self.encode_pretoken(pretoken, &mut worker.scratch, control);
                // What fails here fails again where it is encoded; until there any cut is good.
                last = outcome.is_ok() && supers.joins(&worker.scratch.ids);
                first.get_or_insert(last);
            });
            if seen.is_err() || first == Some(false) {
                return Some(from);
            }
            from += len;
            if !last {
                return Some(from);
            }
        }
    }

    /// The ids of one document with their byte spans.
    ///
    /// # Errors
    /// [`Error::NotEncodable`] with the byte offset, errors of the pre-tokenizer, [`Error::Interrupted`].
    pub fn encode_with_spans(
        &self,
        document: &[u8],
        allowed: Allowed<'_>,
        control: &Control,
    ) -> Result<Spans> {
        control.start("encoding", document.len() as u64);
        let mut worker = self.take_worker();
        let spans = self.with_matchers(allowed, |matchers| {
            self.spans_of(
                document,
                matchers,
                &mut worker,
                control,
                |pretoken, _, scratch, control| self.encode_pretoken(pretoken, scratch, control),
            )
        });
        self.leave_worker(worker);
        spans
    }

    /// Ids and spans of a document; `encode` is given each pretoken and its place, and fills `scratch`.
    pub(super) fn spans_of(
        &self,
        document: &[u8],
        matchers: &Matchers,
        worker: &mut Worker,
        control: &Control,
        mut encode: impl FnMut(&[u8], usize, &mut Scratch, &Control) -> Result<()>,
    ) -> Result<Spans> {
        let spans = std::cell::RefCell::new(Spans::default());
        self.visit(
            document,
            matchers,
            |id, start, end| push(&mut spans.borrow_mut(), id, (start, end)),
            |stretch| self.encode_spans(stretch, worker, &mut spans.borrow_mut(), control, &mut encode),
        )?;
        Ok(spans.into_inner())
    }

    fn encode_spans(
        &self,
        stretch: &Stretch<'_>,
        worker: &mut Worker,
        spans: &mut Spans,
        control: &Control,
        encode: &mut impl FnMut(&[u8], usize, &mut Scratch, &Control) -> Result<()>,
    ) -> Result<()> {
        let mut at = 0;
        let mut place = stretch.origin + stretch.at;
        let mut failed = None;
        let mut since = 0;
        let mut run = Vec::new();
        self.pretokenizer.for_each(stretch.text, |pretoken| {
            if failed.is_some() {
                return;
            }
            since += pretoken.len();
            if since > CHECK_BYTES {
                since = 0;
                failed = control.check().err();
            }
            let outcome = encode(pretoken, place, &mut worker.scratch, control);
            place += pretoken.len();
            if let Err(error) = outcome {
                let waiting: usize = run
                    .iter()
                    .map(|&id| self.vocabulary.bytes(id).map_or(0, <[u8]>::len))
                    .sum();
                failed = Some(placed(shifted(error, at + waiting), stretch));
                return;
            }
            if let Some(supers) = &self.supers {
                if supers.joins(&worker.scratch.ids) {
                    run.extend_from_slice(&worker.scratch.ids);
                    return;
                }
                if let Err(error) = self.push_run(&mut run, &mut at, stretch, spans, control) {
                    failed = Some(error);
                    return;
                }
            }
            let mut unknown = worker.scratch.unknown.iter();
            for &id in &worker.scratch.ids {
                let len = if Some(id) == self.alphabet.unknown() {
                    unknown.next().map_or(0, |&len| len as usize)
                } else {
                    self.vocabulary.bytes(id).map_or(0, <[u8]>::len)
                };
                push(spans, id, stretch.span(at, at + len));
                at += len;
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        self.push_run(&mut run, &mut at, stretch, spans, control)
    }

    /// Merges the open run of pretokens and appends what it becomes.
    fn push_run(
        &self,
        run: &mut Vec<u32>,
        at: &mut usize,
        stretch: &Stretch<'_>,
        spans: &mut Spans,
        control: &Control,
    ) -> Result<()> {
        if let Some(supers) = &self.supers {
            supers.merge(run, control)?;
        }
        for id in run.drain(..) {
            let len = self.vocabulary.bytes(id).map_or(0, <[u8]>::len);
            push(spans, id, stretch.span(*at, *at + len));
            *at += len;
        }
        Ok(())
    }

    /// Walks a document: `token` for every added token (id, start, end), `text` for every stretch between.
    fn visit(
        &self,
        document: &[u8],
        matchers: &Matchers,
        token: impl Fn(u32, usize, usize),
        mut text: impl FnMut(&Stretch<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut buffer = Vec::new();
        matchers.raw.split(document, |part| {
            let (from, to) = match part {
                Part::Token(id, start, end) => {
                    token(id, start, end);
                    return Ok(());
                }
                Part::Text(start, end) => (start, end),
            };
            let (normalized, alignment) = match self.normalizer {
                Some(normalizer) => normalizer.apply(&document[from..to]),
                None => (Cow::Borrowed(&document[from..to]), Alignment::default()),
            };
            matchers.normalized.split(&normalized, |part| match part {
                Part::Token(id, start, end) => {
                    let (start, end) = alignment.origin(start, end);
                    token(id, from + start, from + end);
                    Ok(())
                }
                Part::Text(start, end) => {
                    let mut stretch = Stretch {
                        text: &normalized[start..end],
                        at: start,
                        alignment: &alignment,
                        origin: from,
                        prefix: 0,
                    };
                    if self.prefix_space && !stretch.text.starts_with(b" ") {
                        buffer.clear();
                        buffer.push(b' ');
                        buffer.extend_from_slice(stretch.text);
                        stretch.text = &buffer;
                        stretch.prefix = 1;
                    }
                    text(&stretch)
                }
            })
        })
    }
}

fn push(spans: &mut Spans, id: u32, (start, end): (usize, usize)) {
    spans.ids.push(id);
    spans.ends.extend([signed(start), signed(end)]);
}

/// The error with its offset in the stretch turned into one in the document.
fn placed(error: Error, stretch: &Stretch<'_>) -> Error {
    match error {
        Error::NotEncodable {
            document,
            offset,
            message,
        } => Error::NotEncodable {
            document,
            offset: stretch.span(offset as usize, offset as usize + 1).0 as u64,
            message,
        },
        other => other,
    }
}
