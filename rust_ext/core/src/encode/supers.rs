//! Super-merges: merges of whole pretokens.
//!
//! Neighbouring pretokens that became one token each form a run; inside a run, tokens merge by rank as the symbols of a
//! pretoken do. Only a token that some super-merge takes can be in a run that matters, so runs break at all others.
//! Source: Schmidt et al. 2025 (BoundlessBPE).

use super::merge::merge;
use super::pairs::PairTable;
use crate::{Control, Result};

/// The super-merges by rank.
#[derive(Debug)]
pub struct Supers {
    table: PairTable,
    takes_part: Vec<bool>,
}

/// A run that lies at the end of the output.
#[derive(Debug, Default)]
pub struct Run {
    /// Where it starts in the output; `None` when no run is open.
    start: Option<usize>,
    scratch: Vec<u32>,
}

impl Supers {
    /// Builds the table from `(left, right, result)` in rank order.
    ///
    /// # Errors
    /// Those of [`PairTable::new`].
    pub fn new(merges: &[[u32; 3]]) -> Result<Self> {
        let table = PairTable::new(merges)?;
        let n = merges
            .iter()
            .map(|merge| merge[0].max(merge[1]))
            .max()
            .map_or(0, |id| id as usize + 1);
        let mut takes_part = vec![false; n];
        for merge in merges {
            takes_part[merge[0] as usize] = true;
            takes_part[merge[1] as usize] = true;
        }
        Ok(Self { table, takes_part })
    }

    /// Whether a pretoken with these ids can be part of a run.
    #[inline]
    pub fn joins(&self, ids: &[u32]) -> bool {
        matches!(ids, [only] if self.takes_part.get(*only as usize).is_some_and(|&takes| takes))
    }

    /// Merges one run.
    ///
    /// # Errors
    /// Those of [`merge`].
    pub fn merge(&self, run: &mut Vec<u32>, control: &Control) -> Result<()> {
        merge(&self.table, run, control)
    }

    /// Notes that the ids of one more pretoken are about to be appended to `out`.
    ///
    /// # Errors
    /// Those of [`Supers::close`].
    #[inline]
    pub fn before(&self, ids: &[u32], run: &mut Run, out: &mut Vec<u32>, control: &Control) -> Result<()> {
        if !self.joins(ids) {
            return self.close(run, out, control);
        }
        if run.start.is_none() {
            run.start = Some(out.len());
        }
        Ok(())
    }

    /// Merges the open run, which ends where `out` ends.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`], [`crate::Error::TooLarge`] for 2^32 pretokens in a run.
    pub fn close(&self, run: &mut Run, out: &mut Vec<u32>, control: &Control) -> Result<()> {
        let Some(start) = run.start.take() else {
            return Ok(());
        };
        if out.len() - start < 2 {
            return Ok(());
        }
        run.scratch.clear();
        run.scratch.extend_from_slice(&out[start..]);
        self.merge(&mut run.scratch, control)?;
        out.truncate(start);
        out.extend_from_slice(&run.scratch);
        Ok(())
    }
}
