//! The Unicode script of each byte of a text.
//!
//! The script is the `Script` property of the character that the byte belongs to, as a number; [`names`] has the ISO
//! 15924 codes of all numbers. A byte outside of valid UTF-8 is of the script Unknown (`Zzzz`).

use std::sync::LazyLock;

use unicode_script::{Script, UnicodeScript};

use crate::{Error, Result};

const UNKNOWN: u8 = Script::Unknown as u8;

/// ISO 15924 codes by number; numbers that no character has are empty.
pub fn names() -> &'static [&'static str] {
    static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        let mut names = vec![""; 256];
        for character in '\0'..=char::MAX {
            let script = character.script();
            names[usize::from(script as u8)] = script.short_name();
        }
        let used = names
            .iter()
            .rposition(|name| !name.is_empty())
            .map_or(0, |last| last + 1);
        names.truncate(used);
        names
    });
    &NAMES
}

/// Finds the script of every byte; documents are `data[offsets[d]..offsets[d + 1]]`, and no character crosses.
///
/// # Errors
/// [`Error::Parameter`] if `offsets` do not rise from 0 to the length of the data.
pub fn byte_scripts(data: &[u8], offsets: &[i64]) -> Result<Vec<u8>> {
    let mut scripts = Vec::with_capacity(data.len());
    for pair in offsets.windows(2) {
        let document = usize::try_from(pair[0])
            .ok()
            .zip(usize::try_from(pair[1]).ok())
            .filter(|&(start, _)| start == scripts.len())
            .and_then(|(start, end)| data.get(start..end))
            .ok_or_else(|| wrong(data.len()))?;
        for chunk in document.utf8_chunks() {
            for character in chunk.valid().chars() {
                let script = character.script() as u8;
                scripts.extend(std::iter::repeat_n(script, character.len_utf8()));
            }
            scripts.extend(std::iter::repeat_n(UNKNOWN, chunk.invalid().len()));
        }
    }
    if scripts.len() == data.len() {
        Ok(scripts)
    } else {
        Err(wrong(data.len()))
    }
}

fn wrong(length: usize) -> Error {
    Error::Parameter {
        name: "offsets",
        message: format!("document offsets must rise from 0 to the {length} bytes of the data"),
    }
}

#[cfg(test)]
mod tests {
    use super::{byte_scripts, names};

    #[test]
    fn every_byte_has_the_script_of_its_character() {
        let data = "aж!中".as_bytes();
        let found = byte_scripts(data, &[0, 3, 7]).expect("good offsets");
        let codes: Vec<&str> = found.iter().map(|&script| names()[usize::from(script)]).collect();
        assert_eq!(codes, ["Latn", "Cyrl", "Cyrl", "Zyyy", "Hani", "Hani", "Hani"]);
        let broken = byte_scripts(b"\xff", &[0, 1]).expect("good offsets");
        assert_eq!(names()[usize::from(broken[0])], "Zzzz");
        assert!(byte_scripts(b"ab", &[0, 1]).is_err());
    }
}
