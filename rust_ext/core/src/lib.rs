//! The loops of tokbench, free of Python: what is slow elsewhere happens here.
//!
//! Every function that can take long receives a [`Control`], through which the caller watches progress and
//! stops the work. Every failure is an [`Error`] whose fields say what was wrong and where.

pub mod borders;
pub mod bytelm;
pub mod codes;
pub mod control;
pub mod count;
pub mod counts;
pub mod cpu;
pub mod encode;
pub mod engine;
pub mod error;
mod in_order;
pub mod omp;
pub mod pretokenize;
pub mod prune;
pub mod scripts;
pub mod vocabulary;
pub mod words;

pub use control::Control;
pub use counts::PretokenCounts;
pub use error::{Error, Result};
pub use pretokenize::Pretokenizer;
