//! One error enum for the crate; its fields carry what a person needs to mend the input.

use std::fmt;
use std::path::PathBuf;

/// The result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, with the place where it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A file could not be opened, read, mapped, decompressed or written.
    File {
        /// The file.
        path: PathBuf,
        /// Byte offset in the (decompressed) content where it happened, if known.
        offset: Option<u64>,
        /// What happened and what was expected.
        message: String,
    },
    /// Text that was required to be UTF-8 is not.
    InvalidUtf8 {
        /// The file, or a description of the iterable.
        source: String,
        /// Byte offset of the first invalid byte.
        offset: u64,
    },
    /// One record of a structured file is malformed.
    Record {
        /// The file.
        path: PathBuf,
        /// Line number, counted from 1.
        line: u64,
        /// What was found and what was expected.
        message: String,
    },
    /// A pre-tokenizer specification cannot be understood or a pattern failed while it ran.
    Pretokenizer {
        /// The specification as given.
        spec: String,
        /// What is wrong with it.
        message: String,
    },
    /// A count table breaks its invariants.
    Counts {
        /// Which invariant, and where.
        message: String,
    },
    /// A vocabulary or merge list is inconsistent.
    Vocabulary {
        /// Which entry, and what was expected.
        message: String,
    },
    /// A token or id that the vocabulary does not have.
    UnknownToken {
        /// The token or id, printable.
        token: String,
    },
    /// A document holds bytes that this vocabulary cannot encode.
    NotEncodable {
        /// Index of the document in the batch.
        document: u64,
        /// Byte offset in the document.
        offset: u64,
        /// What cannot be encoded.
        message: String,
    },
    /// Training ran out of pairs before the vocabulary was full.
    Exhausted {
        /// Vocabulary size asked for.
        requested: u64,
        /// Vocabulary size that the counts allow.
        possible: u64,
        /// What stopped it.
        message: String,
    },
    /// A parameter is outside of its range.
    Parameter {
        /// Its name.
        name: &'static str,
        /// What was given and what is allowed.
        message: String,
    },
    /// The input is larger than an index type of this build.
    TooLarge {
        /// What is too large, its size and the limit.
        message: String,
    },
    /// The caller asked to stop.
    Interrupted,
    /// A recount found a state that must not exist: a defect of this crate.
    Invariant {
        /// What differs.
        message: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File {
                path,
                offset: Some(offset),
                message,
            } => {
                write!(f, "{}: byte {offset}: {message}", path.display())
            }
            Self::File {
                path,
                offset: None,
                message,
            } => write!(f, "{}: {message}", path.display()),
            Self::InvalidUtf8 { source, offset } => {
                write!(f, "{source}: byte {offset} is not valid UTF-8")
            }
            Self::Record { path, line, message } => write!(f, "{}: line {line}: {message}", path.display()),
            Self::Pretokenizer { spec, message } => write!(f, "pre-tokenizer {spec:?}: {message}"),
            Self::UnknownToken { token } => write!(f, "no token {token} in this vocabulary"),
            Self::NotEncodable {
                document,
                offset,
                message,
            } => {
                write!(f, "document {document}, byte {offset}: {message}")
            }
            Self::Exhausted {
                requested,
                possible,
                message,
            } => {
                write!(
                    f,
                    "vocabulary size {requested} asked for, {possible} possible: {message}"
                )
            }
            Self::Parameter { name, message } => write!(f, "{name}: {message}"),
            Self::Counts { message } | Self::Vocabulary { message } | Self::TooLarge { message } => {
                f.write_str(message)
            }
            Self::Interrupted => f.write_str("interrupted"),
            Self::Invariant { message } => write!(f, "internal invariant broken: {message}"),
        }
    }
}

impl std::error::Error for Error {}
