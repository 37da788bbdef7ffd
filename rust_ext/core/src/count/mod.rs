//! From files and buffers to documents.

pub mod documents;
pub mod read;
pub mod source;

pub use read::{DocumentBatch, DocumentReader};
pub use source::{Boundary, Compression, Format, Source};
