//! All tests of the core in one program: each program of its own would be optimized anew across all crates.
//!
//! Only what looks at the whole process, such as its memory, is a program of its own beside this folder.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod count;
mod count_speed;
mod encode;
mod engine;
mod oracle;
mod parity;
mod picky;
mod pretokenize;
mod pretokenize_spec;
mod pretokenize_speed;
mod resume;
mod sequences;
