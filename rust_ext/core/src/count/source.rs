//! What is read: one file, how its bytes become text, and where its documents end.

use std::fmt;
use std::path::PathBuf;

use crate::{Error, Result};

/// Where one document ends and the next begins.
///
/// Pretokens never cross a document boundary. In JSONL and Parquet the record is the document whatever is
/// asked for, except that a separator also cuts the text inside of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Boundary {
    /// The whole file is one document; not a byte is left out.
    File,
    /// A line without its end (`\n` or `\r\n`). A lone `\r` is text; the end of the last line may be missing;
    /// an empty line is an empty document.
    Line,
    /// A line together with its end; not a byte is left out.
    LineWithEnd,
    /// One JSONL line or one Parquet row.
    Record,
    /// What stands between two occurrences of these bytes (found from left to right, not overlapping). Like
    /// a line end, a separator at the very end closes the last document and opens none.
    Separator(Vec<u8>),
}

impl Boundary {
    /// Reads `file`, `line`, `line+end`, `record` or `separator:XYZ`.
    ///
    /// # Errors
    /// [`Error::Parameter`] for anything else and for an empty separator.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "file" => Ok(Self::File),
            "line" => Ok(Self::Line),
            "line+end" => Ok(Self::LineWithEnd),
            "record" => Ok(Self::Record),
            _ => match text.strip_prefix("separator:") {
                Some(separator) if !separator.is_empty() => {
                    Ok(Self::Separator(separator.as_bytes().to_vec()))
                }
                _ => Err(Error::Parameter {
                    name: "document",
                    message: format!(
                        "{text:?} is not a document boundary; use file, line, line+end, record or separator:TEXT"
                    ),
                }),
            },
        }
    }
}

/// How the bytes on disk become the content of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    Plain,
    /// One or more gzip members.
    Gzip,
    /// One or more Zstandard frames.
    Zstd,
}

impl Compression {
    /// Reads `none`, `gzip` or `zstd`.
    ///
    /// # Errors
    /// [`Error::Parameter`] for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "none" => Ok(Self::Plain),
            "gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            _ => Err(Error::Parameter {
                name: "compression",
                message: format!("{text:?} is not one of none, gzip, zstd"),
            }),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// How the content of a file holds text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// The content is the text.
    Text,
    /// One JSON object per line; the text is the string at this path (`a.b.text`).
    Jsonl {
        /// Keys joined by dots; a key that itself holds dots is found as well.
        field: String,
    },
}

/// One file of a corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// How its bytes are packed.
    pub compression: Compression,
    /// How its content holds text.
    pub format: Format,
    /// Where its documents end.
    pub boundary: Boundary,
    /// The group (language) that its text is counted for.
    pub group: u32,
}

impl Source {
    /// Checks that the boundary makes sense for the format.
    ///
    /// # Errors
    /// [`Error::Parameter`] for records in plain text.
    pub fn check(&self) -> Result<()> {
        if self.format == Format::Text && self.boundary == Boundary::Record {
            return Err(Error::Parameter {
                name: "document",
                message: format!(
                    "{}: plain text has no records; use file, line or separator:TEXT",
                    self.path.display()
                ),
            });
        }
        Ok(())
    }

    /// An error about this file.
    pub fn error(&self, offset: Option<u64>, message: impl Into<String>) -> Error {
        Error::File {
            path: self.path.clone(),
            offset,
            message: message.into(),
        }
    }
}
