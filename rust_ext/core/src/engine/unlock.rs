//! Symbols that take part in pairs only from some moment on (BoundlessBPE in one pass).

use super::Engine;
use super::cells::{EDGE, LAST};
use super::gains::Adjacency;
use super::ties::key;
use crate::{Error, Result};

impl Engine {
    /// Lets a symbol take part in pairs with all other unlocked tokens. The counts of these pairs rise from zero.
    ///
    /// # Errors
    /// [`Error::Parameter`] where the run was not set up for it, [`Error::UnknownToken`].
    pub fn unlock(&mut self, id: u32) -> Result<()> {
        if !self.set_locked(id, false)? {
            return Ok(());
        }
        let mut pairs = self.adjacencies_of(id);
        pairs.sort_unstable();
        for run in pairs.chunk_by(|a, b| a.0 == b.0) {
            // Every place of the pair is here, so its count is exact.
            let cells = &self.words.cells;
            let weights = &self.words.weights;
            let positions: Vec<u32> = run.iter().map(|&(_, position)| position).collect();
            let count = positions
                .iter()
                .map(|&position| weights.total(cells[position as usize].weight))
                .sum();
            let (left, right) = super::ties::pair(run[0].0);
            if count >= self.floor && self.is_allowed(left, right) {
                self.start_following(run[0].0, count, &positions)?;
            }
        }
        Ok(())
    }

    /// Takes a symbol out of all pairs; superwords that it has gone into stay.
    ///
    /// # Errors
    /// As [`Engine::unlock`].
    pub fn lock(&mut self, id: u32) -> Result<()> {
        let is_locked = self
            .is_locked
            .as_ref()
            .is_some_and(|locked| locked.get(id as usize) == Some(&true));
        if is_locked {
            return Ok(());
        }
        for (key, _) in self.adjacencies_of(id) {
            self.unfollow(key);
            if let Some(rising) = &mut self.rising {
                rising.forget(key);
            }
        }
        self.set_locked(id, true)?;
        Ok(())
    }

    /// Whether this changed anything.
    fn set_locked(&mut self, id: u32, wanted: bool) -> Result<bool> {
        self.check_whole()?;
        self.check_id(id)?;
        match &mut self.is_locked {
            Some(locked) => Ok(std::mem::replace(&mut locked[id as usize], wanted) != wanted),
            None => Err(Error::Parameter {
                name: "unlock",
                message: "no symbol of this run was ever locked".into(),
            }),
        }
    }

    /// Every place where a token stands beside an unlocked one.
    fn adjacencies_of(&mut self, id: u32) -> Vec<Adjacency> {
        if self
            .rising
            .as_ref()
            .is_none_or(|rising| rising.occurrences.len() <= id as usize)
        {
            return Vec::new();
        }
        let occurrences = self.take_occurrences(id);
        let cells = &self.words.cells;
        let span = self.spans[id as usize];
        let mut found = Vec::new();
        for &position in &occurrences {
            let before = cells[position as usize - 1].symbol & !LAST;
            let after = cells[(position + span) as usize].symbol;
            if before != EDGE && !self.has_locked(before, before) {
                found.push((key(before, id), position - self.spans[before as usize]));
            }
            if after != EDGE && after != id && !self.has_locked(after, after) {
                found.push((key(id, after), position));
            }
        }
        if let Some(rising) = &mut self.rising {
            rising.occurrences[id as usize] = occurrences;
        }
        found
    }
}
