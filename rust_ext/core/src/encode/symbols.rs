//! The symbols that merging starts from: bytes, or characters with a way out for those without a token.

use rustc_hash::FxHashMap;

use super::atoms::Atoms;
use super::pairs::{NONE, PairTable};
use super::vocabulary::Vocabulary;
use crate::{Error, Result};

/// What a pretoken is cut into before merging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// One symbol per byte.
    Byte,
    /// One symbol per character; a byte that is not UTF-8 counts as a character without a token.
    Character,
}

/// What stands for a character or byte without a token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fallback {
    /// One id per byte, for all the bytes of the character. [`NONE`] entries are not available.
    pub bytes: Option<Vec<u32>>,
    /// The unknown token, tried after `bytes`.
    pub unknown: Option<u32>,
    /// Whether neighbouring unknown characters of one pretoken share one unknown token.
    pub fuse: bool,
}

/// The first symbols of a vocabulary.
#[derive(Debug, Clone)]
pub struct Alphabet {
    unit: Unit,
    bytes: [u32; 256],
    characters: FxHashMap<char, u32>,
    fallback: Fallback,
    atoms: Option<Atoms>,
}

impl Alphabet {
    /// Reads the one-byte and one-character tokens off the vocabulary.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] when the fallback does not have 256 entries.
    pub fn new(vocabulary: &Vocabulary, unit: Unit, fallback: Fallback) -> Result<Self> {
        if fallback.bytes.as_ref().is_some_and(|ids| ids.len() != 256) {
            return Err(Error::Vocabulary {
                message: "byte fallback needs 256 ids".into(),
            });
        }
        let mut bytes = [NONE; 256];
        for (byte, id) in bytes.iter_mut().enumerate() {
            *id = vocabulary.find(&[byte as u8]);
        }
        let mut characters = FxHashMap::default();
        if unit == Unit::Character {
            for id in 0..vocabulary.len() as u32 {
                let Some(token) = vocabulary.bytes(id) else {
                    continue;
                };
                let Ok(text) = std::str::from_utf8(token) else {
                    continue;
                };
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(c), None) if vocabulary.find(token) == id => {
                        characters.insert(c, id);
                    }
                    _ => {}
                }
            }
        }
        Ok(Self {
            unit,
            bytes,
            characters,
            fallback,
            atoms: None,
        })
    }

    /// Lets byte spelling start from whole characters where that cannot change a result.
    ///
    /// # Errors
    /// Those of [`Atoms::new`].
    pub fn use_atoms(
        &mut self,
        merges: &[[u32; 3]],
        table: &PairTable,
        vocabulary: &Vocabulary,
    ) -> Result<()> {
        if self.unit == Unit::Byte && !self.bytes.contains(&NONE) {
            self.atoms = Atoms::new(merges, table, vocabulary, &self.bytes)?;
        }
        Ok(())
    }

    /// The unknown token's id.
    pub fn unknown(&self) -> Option<u32> {
        self.fallback.unknown
    }

    /// Appends the symbols of a pretoken to `ids`; the byte length of each unknown token goes to `unknown`.
    ///
    /// # Errors
    /// [`Error::NotEncodable`] at the first byte, counted from the start of the pretoken, without any symbol.
    #[inline]
    pub fn spell(&self, pretoken: &[u8], ids: &mut Vec<u32>, unknown: &mut Vec<u32>) -> Result<()> {
        match self.unit {
            Unit::Byte => {
                if let (Some(atoms), false) = (&self.atoms, pretoken.is_ascii()) {
                    if let Ok(text) = std::str::from_utf8(pretoken) {
                        atoms.spell(text, &self.bytes, ids);
                        return Ok(());
                    }
                }
                let start = ids.len();
                ids.extend(pretoken.iter().map(|&byte| self.bytes[usize::from(byte)]));
                if ids[start..].contains(&NONE) {
                    ids.truncate(start);
                    self.spell_pieces(pretoken.chunks(1).enumerate(), ids, unknown)?;
                }
                Ok(())
            }
            Unit::Character => {
                let mut at = 0;
                let pieces = pretoken.utf8_chunks().flat_map(|chunk| {
                    let valid = chunk.valid();
                    let characters = valid
                        .char_indices()
                        .map(|(i, c)| &valid.as_bytes()[i..i + c.len_utf8()]);
                    characters.chain(chunk.invalid().chunks(1))
                });
                let placed = pieces.map(|piece| {
                    let start = at;
                    at += piece.len();
                    (start, piece)
                });
                self.spell_pieces(placed, ids, unknown)
            }
        }
    }

    /// As [`Alphabet::spell`], but always unit by unit, never from whole characters of a byte vocabulary.
    ///
    /// # Errors
    /// As [`Alphabet::spell`].
    pub fn spell_units(&self, pretoken: &[u8], ids: &mut Vec<u32>, unknown: &mut Vec<u32>) -> Result<()> {
        match self.unit {
            Unit::Byte => self.spell_pieces(pretoken.chunks(1).enumerate(), ids, unknown),
            Unit::Character => self.spell(pretoken, ids, unknown),
        }
    }

    /// How many bytes the unit at `at` has: 1, or those of a character; 0 at the end.
    #[inline]
    pub fn unit_width(&self, text: &[u8], at: usize) -> usize {
        let rest = &text[at..];
        let Some(&lead) = rest.first() else { return 0 };
        let width = match lead {
            _ if self.unit == Unit::Byte => 1,
            0..0xC0 => 1,
            0xC0..0xE0 => 2,
            0xE0..0xF0 => 3,
            _ => 4,
        };
        let whole = rest
            .get(..width)
            .is_some_and(|unit| std::str::from_utf8(unit).is_ok());
        if whole { width } else { 1 }
    }

    /// How many symbols a unit is spelled in; `None` when there is none for it.
    pub fn n_symbols(&self, unit: &[u8]) -> Option<usize> {
        let available = |bytes: &&Vec<u32>| unit.iter().all(|&byte| bytes[usize::from(byte)] != NONE);
        if self.find(unit) != NONE {
            Some(1)
        } else if self
            .fallback
            .bytes
            .as_ref()
            .is_some_and(|bytes| available(&bytes))
        {
            Some(unit.len())
        } else {
            self.fallback.unknown.map(|_| 1)
        }
    }

    fn spell_pieces<'text>(
        &self,
        pieces: impl Iterator<Item = (usize, &'text [u8])>,
        ids: &mut Vec<u32>,
        unknown: &mut Vec<u32>,
    ) -> Result<()> {
        let mut open = false;
        for (at, piece) in pieces {
            let id = self.find(piece);
            if id != NONE {
                ids.push(id);
                open = false;
                continue;
            }
            let available = |bytes: &&Vec<u32>| piece.iter().all(|&byte| bytes[usize::from(byte)] != NONE);
            if let Some(bytes) = self.fallback.bytes.as_ref().filter(available) {
                ids.extend(piece.iter().map(|&byte| bytes[usize::from(byte)]));
                open = false;
                continue;
            }
            let Some(unknown_id) = self.fallback.unknown else {
                return Err(Error::NotEncodable {
                    document: 0,
                    offset: at as u64,
                    message: format!(
                        "the vocabulary has no token for {:?} and no unknown token",
                        String::from_utf8_lossy(piece)
                    ),
                });
            };
            match unknown.last_mut() {
                Some(len) if open && self.fallback.fuse => *len += piece.len() as u32,
                _ => {
                    ids.push(unknown_id);
                    unknown.push(piece.len() as u32);
                }
            }
            open = true;
        }
        Ok(())
    }

    fn find(&self, piece: &[u8]) -> u32 {
        if self.unit == Unit::Byte || piece.len() == 1 && !piece[0].is_ascii() {
            // A lone byte of a character vocabulary is no character, whatever one-byte tokens there are.
            return if self.unit == Unit::Byte {
                self.bytes[usize::from(piece[0])]
            } else {
                NONE
            };
        }
        std::str::from_utf8(piece)
            .ok()
            .and_then(|text| text.chars().next())
            .and_then(|c| self.characters.get(&c).copied())
            .unwrap_or(NONE)
    }
}
