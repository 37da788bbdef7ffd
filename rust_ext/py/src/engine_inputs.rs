//! What the engine's constructors take from Python, in the core's terms.

use numpy::{PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use tokbench_core::engine::{Given, InitialAlphabet, Segments, Sequences, Setup, TieRule, Unit};

use crate::door::misuse;

/// Ids of all pretokens and where each pretoken starts.
pub type SegmentArrays<'py> = (PyReadonlyArray1<'py, u32>, PyReadonlyArray1<'py, i64>);

/// Ids of all sequences, where each starts, and how often it occurs.
pub type SequenceArrays<'py> = (
    PyReadonlyArray1<'py, u32>,
    PyReadonlyArray1<'py, u64>,
    PyReadonlyArray1<'py, u64>,
);

/// The unit of initial symbols.
pub fn parse_unit(unit: &str) -> PyResult<Unit> {
    match unit {
        "byte" => Ok(Unit::Byte),
        "character" => Ok(Unit::Character),
        other => Err(misuse(format!("unit {other:?}"))),
    }
}

/// The tie rule of a name.
pub fn parse_tie_rule(tie_break: &str) -> PyResult<TieRule> {
    match tie_break {
        "ids" => Ok(TieRule::Ids),
        "lexmax" => Ok(TieRule::LexMax),
        "lexmin" => Ok(TieRule::LexMin),
        other => Err(misuse(format!("tie_break {other:?}"))),
    }
}

/// What an existing tokenizer's ids spell.
pub fn given(
    arena: &PyReadonlyArray1<'_, u8>,
    offsets: &PyReadonlyArray1<'_, i64>,
    ordinary: &PyReadonlyArray1<'_, bool>,
    lenders: Vec<u32>,
) -> PyResult<Given> {
    let offsets: Result<Vec<u64>, _> = offsets
        .as_slice()?
        .iter()
        .map(|&offset| u64::try_from(offset))
        .collect();
    Ok(Given {
        arena: arena.to_vec()?,
        offsets: offsets.map_err(|_| misuse("negative token offset"))?,
        ordinary: ordinary.to_vec()?,
        lenders,
    })
}

/// How pretokens are cut.
pub fn segments_of<'a>(arrays: &'a SegmentArrays<'_>) -> PyResult<Segments<'a>> {
    Ok(Segments {
        ids: arrays.0.as_slice()?,
        offsets: arrays.1.as_slice()?,
    })
}

/// Sequences of symbols with their counts.
pub fn sequences_of(arrays: &SequenceArrays<'_>) -> PyResult<Sequences> {
    Ok(Sequences {
        ids: arrays.0.to_vec()?,
        offsets: arrays.1.to_vec()?,
        counts: arrays.2.to_vec()?,
    })
}

/// Left, right and result of each merge.
pub type Columns<'py> = (
    PyReadonlyArray1<'py, u32>,
    PyReadonlyArray1<'py, u32>,
    PyReadonlyArray1<'py, u32>,
);

/// The merges as rows.
pub fn rows_of(merges: &Columns<'_>) -> PyResult<Vec<[u32; 3]>> {
    let (left, right, result) = (merges.0.as_slice()?, merges.1.as_slice()?, merges.2.as_slice()?);
    if left.len() != right.len() || left.len() != result.len() {
        return Err(misuse("left, right and result differ in length"));
    }
    Ok(left
        .iter()
        .zip(right)
        .zip(result)
        .map(|((&left, &right), &result)| [left, right, result])
        .collect())
}

/// What every run that starts from an existing tokenizer has in common.
pub fn start_setup(unit: &str, tie_break: &str) -> PyResult<Setup> {
    Ok(Setup {
        unit: parse_unit(unit)?,
        initial_alphabet: InitialAlphabet::Seen,
        tie_rule: parse_tie_rule(tie_break)?,
        ..Setup::default()
    })
}
