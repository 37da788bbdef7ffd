//! Which words have become one token.

use super::Engine;
use super::cells::EDGE;

impl Engine {
    /// The tokens that are a whole word somewhere, ascending; words of one initial symbol are not looked at.
    pub fn whole_words(&self) -> Vec<u32> {
        let cells = &self.words.cells;
        let mut whole = Vec::new();
        for start in 1..cells.len() {
            let symbol = cells[start].symbol;
            if cells[start - 1].symbol == EDGE
                && symbol != EDGE
                && cells[start + self.spans[symbol as usize] as usize].symbol == EDGE
            {
                whole.push(symbol);
            }
        }
        whole.sort_unstable();
        whole.dedup();
        whole
    }

    /// Whether `token` is a whole word somewhere.
    pub fn is_whole_word(&mut self, token: u32) -> bool {
        let positions = self.take_occurrences(token);
        let cells = &self.words.cells;
        let span = self.spans[token as usize] as usize;
        let found = positions.iter().any(|&position| {
            let start = position as usize;
            cells[start - 1].symbol == EDGE && cells[start + span].symbol == EDGE
        });
        if let Some(rising) = &mut self.rising
            && let Some(list) = rising.occurrences.get_mut(token as usize)
        {
            *list = positions;
        }
        found
    }
}
