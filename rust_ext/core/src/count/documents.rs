//! From a block of a file to its documents.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use memchr::{memchr, memmem};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::read::Block;
use super::source::{Boundary, Format, Source};
use super::weight::Weight;
use crate::{Control, Error, Result};

/// Where a document was found, for messages about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Byte offset of its first byte in the (decompressed) content.
    Byte(u64),
    /// Line of the record that holds it, from 1, and byte offset of its first byte in the record's text.
    Line(u64, u64),
}

/// Calls `visit` once for each document (or piece of one, where the block was cut inside of it), in order.
///
/// # Errors
/// [`Error::Record`] naming the line of a malformed record; whatever `visit` returns.
pub fn for_each_document(
    block: &Block,
    source: &Source,
    mut visit: impl FnMut(&[u8], Place) -> Result<()>,
) -> Result<()> {
    match &source.format {
        Format::Text => pieces(block, &source.boundary, |at, piece| {
            visit(piece, Place::Byte(block.offset + at as u64))
        }),
        Format::Jsonl { field } => for_each_record(block, |line, record| {
            let text: Cow<'_, [u8]> =
                json_value(record, field).map_err(|message| bad_record(source, line, message))?;
            pieces_of_record(&text, &source.boundary, |at, piece| {
                visit(piece, Place::Line(line, at as u64))
            })
        }),
    }
}

/// Calls `visit` once for each document of a JSONL file, with the weight that `weight` names in its record.
///
/// # Errors
/// [`Error::Record`] naming the line of a malformed record or weight; whatever `visit` returns.
pub fn for_each_weighted_document(
    block: &Block,
    source: &Source,
    weight: &str,
    mut visit: impl FnMut(&[u8], Weight) -> Result<()>,
) -> Result<()> {
    let Format::Jsonl { field } = &source.format else {
        return Err(Error::Parameter {
            name: "document_weight",
            message: format!(
                "{}: plain text has no field {weight:?}; only records have",
                source.path.display()
            ),
        });
    };
    for_each_record(block, |line, record| {
        let wrong = |message| bad_record(source, line, message);
        let text: Cow<'_, [u8]> = json_value(record, field).map_err(wrong)?;
        let weight: Weight = json_value(record, weight).map_err(wrong)?;
        pieces_of_record(&text, &source.boundary, |_, piece| visit(piece, weight))
    })
}

fn bad_record(source: &Source, line: u64, message: String) -> Error {
    Error::Record {
        path: source.path.clone(),
        line,
        message,
    }
}

/// Calls `visit` with the line number and the bytes of each line that is not blank.
fn for_each_record(block: &Block, mut visit: impl FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
    let mut line = block.line;
    pieces(block, &Boundary::Line, |_, record| {
        if !record.iter().all(u8::is_ascii_whitespace) {
            visit(line, record)?;
        }
        line += 1;
        Ok(())
    })
}

/// The documents inside of a record's text: a separator cuts it, every other boundary leaves it whole.
fn pieces_of_record(
    text: &[u8],
    boundary: &Boundary,
    mut visit: impl FnMut(usize, &[u8]) -> Result<()>,
) -> Result<()> {
    match boundary {
        Boundary::Separator(_) => pieces(text, boundary, visit),
        _ => visit(0, text),
    }
}

/// Texts back to back, their offsets, and their weights in ten-thousandths where a field of weights is named.
pub type Texts = (Vec<u8>, Vec<i64>, Option<Vec<u64>>);

/// The texts of JSONL records that lie back to back, their offsets and weights; blank records have none.
///
/// `path` and `first` (the line number of the first record) are for messages; record `i` is
/// `data[offsets[i]..offsets[i + 1]]`.
///
/// # Errors
/// [`Error::Record`] naming the line of a malformed record, [`Error::Parameter`] for offsets that do not fit
/// the data, [`Error::Interrupted`].
#[expect(clippy::cast_possible_wrap, reason = "memory holds fewer than 2^63 bytes")]
pub fn json_texts(
    path: &Path,
    first: u64,
    field: &str,
    data: &[u8],
    offsets: &[i64],
    weight: Option<&str>,
    control: &Control,
) -> Result<Texts> {
    let (mut texts, mut ends) = (Vec::with_capacity(data.len()), vec![0]);
    let mut weights = weight.map(|_| Vec::new());
    for (line, pair) in (first..).zip(offsets.windows(2)) {
        let range = usize::try_from(pair[0]).ok().zip(usize::try_from(pair[1]).ok());
        let record = range
            .and_then(|(start, end)| data.get(start..end))
            .ok_or_else(|| Error::Parameter {
                name: "offsets",
                message: format!("{} … {} are not within {} bytes", pair[0], pair[1], data.len()),
            })?;
        if record.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let wrong = |message| Error::Record {
            path: path.to_owned(),
            line,
            message,
        };
        let text: Cow<'_, [u8]> = json_value(record, field).map_err(wrong)?;
        if let (Some(weight), Some(weights)) = (weight, &mut weights) {
            weights.push(json_value::<Weight>(record, weight).map_err(wrong)?.parts);
        }
        texts.extend_from_slice(&text);
        ends.push(texts.len() as i64);
        control.check()?;
    }
    Ok((texts, ends, weights))
}

/// Calls `visit` with the position and the bytes of each document of a text.
///
/// # Errors
/// Whatever `visit` returns.
pub fn pieces(
    text: &[u8],
    boundary: &Boundary,
    mut visit: impl FnMut(usize, &[u8]) -> Result<()>,
) -> Result<()> {
    let mut start = 0;
    match boundary {
        Boundary::File | Boundary::Record => return visit(0, text),
        Boundary::Line | Boundary::LineWithEnd => {
            while let Some(length) = memchr(b'\n', &text[start..]) {
                let line = &text[start..=start + length];
                visit(
                    start,
                    if *boundary == Boundary::LineWithEnd {
                        line
                    } else {
                        without_end(line)
                    },
                )?;
                start += length + 1;
            }
        }
        Boundary::Separator(separator) => {
            for at in memmem::find_iter(text, separator) {
                visit(start, &text[start..at])?;
                start = at + separator.len();
            }
        }
    }
    if start < text.len() {
        visit(start, &text[start..])?;
    }
    Ok(())
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// What stands at `path` of one JSON object; everything else is parsed, checked and dropped. Bytes of a text that
/// are not UTF-8 are kept as they are.
fn json_value<'a, L: Leaf<'a>>(record: &'a [u8], path: &str) -> std::result::Result<L, String> {
    let mut parser = serde_json::Deserializer::from_slice(record);
    let found = Field::<L>::new(path)
        .deserialize(&mut parser)
        .and_then(|found| parser.end().map(|()| found))
        .map_err(|error| format!("{} (column {})", reason(&error), error.column()))?;
    found.ok_or_else(|| match serde_json::from_slice(record) {
        Ok(serde_json::Value::Object(map)) => {
            let mut names = Vec::new();
            list_fields(&map, "", &mut names);
            format!("no field {path:?}; this record has {}", names.join(", "))
        }
        _ => format!("no field {path:?}"),
    })
}

/// serde's message without the position, which counts lines of the record instead of the file.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

fn list_fields(map: &serde_json::Map<String, serde_json::Value>, prefix: &str, names: &mut Vec<String>) {
    const SHOWN: usize = 20;
    for (key, value) in map {
        if names.len() == SHOWN {
            names.push("…".into());
        }
        if names.len() > SHOWN {
            return;
        }
        match value {
            serde_json::Value::Object(inner) if !inner.is_empty() => {
                list_fields(inner, &format!("{prefix}{key}."), names);
            }
            _ => names.push(format!("{prefix}{key}")),
        }
    }
}

/// A value that a field can hold.
trait Leaf<'de>: Sized {
    fn read<D: Deserializer<'de>>(deserializer: D, path: &str) -> std::result::Result<Self, D::Error>;
}

impl<'de> Leaf<'de> for Cow<'de, [u8]> {
    fn read<D: Deserializer<'de>>(deserializer: D, path: &str) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_bytes(Text { path })
    }
}

impl<'de> Leaf<'de> for Weight {
    fn read<D: Deserializer<'de>>(deserializer: D, path: &str) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(Number { path })
    }
}

/// Looks for a dotted path in an object.
struct Field<'p, L> {
    path: &'p str,
    leaf: PhantomData<L>,
}

impl<'p, L> Field<'p, L> {
    fn new(path: &'p str) -> Self {
        Self {
            path,
            leaf: PhantomData,
        }
    }
}

impl<'de, L: Leaf<'de>> DeserializeSeed<'de> for Field<'_, L> {
    type Value = Option<L>;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, L: Leaf<'de>> Visitor<'de> for Field<'_, L> {
    type Value = Option<L>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the field {:?}", self.path)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut found = None;
        let mut exact = false;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if *key == *self.path {
                found = Some(map.next_value_seed(At::<L>(Field::new(self.path)))?);
                exact = true;
                continue;
            }
            let inner = self
                .path
                .strip_prefix(&*key)
                .and_then(|rest| rest.strip_prefix('.'));
            match inner {
                Some(path) if !exact => {
                    if let Some(value) = map.next_value_seed(Field::<L>::new(path))? {
                        found = Some(value);
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

/// The end of a path.
struct At<'p, L>(Field<'p, L>);

impl<'de, L: Leaf<'de>> DeserializeSeed<'de> for At<'_, L> {
    type Value = L;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Self::Value, D::Error> {
        L::read(deserializer, self.0.path)
    }
}

/// Takes a JSON string as bytes.
struct Text<'p> {
    path: &'p str,
}

impl<'de> Visitor<'de> for Text<'_> {
    type Value = Cow<'de, [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a string in the field {:?}", self.path)
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> std::result::Result<Self::Value, E> {
        Ok(Cow::Borrowed(bytes))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> std::result::Result<Self::Value, E> {
        Ok(Cow::Owned(bytes.to_vec()))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, _: A) -> std::result::Result<Self::Value, A::Error> {
        Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self))
    }
}

/// Takes a JSON number as a weight.
struct Number<'p> {
    path: &'p str,
}

impl Number<'_> {
    fn check<E: serde::de::Error>(
        &self,
        weight: std::result::Result<Weight, &'static str>,
        given: impl fmt::Display,
    ) -> std::result::Result<Weight, E> {
        weight.map_err(|reason| {
            E::custom(format!(
                "the weight {given} in the field {:?} {reason}; expected {}",
                self.path,
                Weight::EXPECTED
            ))
        })
    }
}

impl Visitor<'_> for Number<'_> {
    type Value = Weight;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a weight in the field {:?}: {}", self.path, Weight::EXPECTED)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> std::result::Result<Weight, E> {
        self.check(Weight::of_integer(number), number)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> std::result::Result<Weight, E> {
        self.check(
            u64::try_from(number)
                .map_err(|_| "is negative")
                .and_then(Weight::of_integer),
            number,
        )
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> std::result::Result<Weight, E> {
        self.check(Weight::of_float(number), number)
    }
}
