//! The Python class of an encoder: bytes and arrays in, arrays out.

use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokbench_core::Control;
use tokbench_core::encode::{
    AddedToken, Allowed, Encoder, Fallback, Method, Normalizer, Operation, Parts, Sampling, Unit, Vocabulary,
    merges_of_ranks,
};
use tokbench_core::pretokenize::Pretokenizer;

use crate::door::{misuse, raise, run};

/// Below this many bytes an encoding is done before a waiting thread would have started.
const SMALL: usize = 1 << 16;

type Added = (Vec<u8>, u32, bool, bool, bool, bool);
type Pair<'py, A, B> = (Bound<'py, PyArray1<A>>, Bound<'py, PyArray1<B>>);
type Columns<'py> = (
    PyReadonlyArray1<'py, u32>,
    PyReadonlyArray1<'py, u32>,
    PyReadonlyArray1<'py, u32>,
);
type Spans<'py> = (Bound<'py, PyArray1<u32>>, Bound<'py, PyArray2<i64>>);
type Triple<'py> = (
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u32>>,
);

/// Text → ids and back.
#[pyclass(frozen, module = "tokbench._rust")]
pub struct BpeEncoder {
    encoder: Encoder,
}

/// `None`: no special token; `True`: all; a list: these ids.
#[derive(FromPyObject)]
enum AllowedIds {
    All(bool),
    Only(Vec<u32>),
}

fn allowed(given: Option<&AllowedIds>) -> Allowed<'_> {
    match given {
        Some(AllowedIds::All(true)) => Allowed::All,
        Some(AllowedIds::Only(ids)) => Allowed::Only(ids),
        None | Some(AllowedIds::All(false)) => Allowed::None,
    }
}

fn vocabulary(
    arena: &PyReadonlyArray1<'_, u8>,
    offsets: &PyReadonlyArray1<'_, i64>,
    unlisted: &[u32],
) -> PyResult<tokbench_core::Result<Vocabulary>> {
    let mut sorted = unlisted.to_vec();
    sorted.sort_unstable();
    let offsets = offsets.as_slice()?.iter().map(|&offset| u64::try_from(offset));
    let offsets: Result<Vec<u64>, _> = offsets.collect();
    let offsets = offsets.map_err(|_| misuse("negative token offset"))?;
    Ok(Vocabulary::new(arena.to_vec()?, offsets, |id| {
        sorted.binary_search(&id).is_ok()
    }))
}

fn rows((left, right, result): &Columns<'_>) -> PyResult<Vec<[u32; 3]>> {
    let (left, right, result) = (left.as_slice()?, right.as_slice()?, result.as_slice()?);
    if left.len() != right.len() || left.len() != result.len() {
        return Err(misuse("left, right and result differ in length"));
    }
    let rows = left.iter().zip(right).zip(result);
    Ok(rows
        .map(|((&left, &right), &result)| [left, right, result])
        .collect())
}

fn operations_of(flat: &[u32], ends: &[i64]) -> PyResult<Vec<Operation>> {
    let row = |bounds: &[i64]| -> Option<Operation> {
        let start = usize::try_from(bounds[0]).ok()?;
        let end = usize::try_from(bounds[1]).ok()?;
        match flat.get(start..end)? {
            &[result, left, right] if result >> 31 == 0 => Some(Operation::Merge([left, right, result])),
            [first, parts @ ..] if first >> 31 == 1 && parts.len() > 1 => {
                Some(Operation::Delete(first & 0x7FFF_FFFF, parts.to_vec()))
            }
            _ => None,
        }
    };
    ends.windows(2)
        .map(|bounds| row(bounds).ok_or_else(|| misuse("operations: a row of another form")))
        .collect()
}

fn sampling_of(name: &str, parameter: f64) -> PyResult<Sampling> {
    Ok(match name {
        "dropout" => Sampling::Dropout(parameter),
        "splits" => Sampling::Splits(parameter),
        "ties" => Sampling::Ties,
        "paths" => Sampling::Paths(parameter),
        other => return Err(misuse(format!("sampling {other:?}"))),
    })
}

#[pymethods]
impl BpeEncoder {
    /// `merges` are (left, right, result) arrays in rank order, or None; `operations` are flat ids and row starts, a
    /// merge being (result, left, right) and a deletion (token | 2^31, parts…); `unlisted` ids are decoded but never
    /// found by their bytes; `added` rows are (content, id, special, normalized, lstrip, rstrip).
    #[new]
    #[pyo3(signature = (
        arena, offsets, merges, *, operations, method, supers, scaffold, transient, scores, width, unlisted,
        pretokenizer, characters, byte_fallback, unknown, fuse_unknown, whole_words, normalizer, prefix_space, added
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of an encoder, named on the Python side"
    )]
    #[expect(clippy::fn_params_excessive_bools, reason = "keywords on the Python side")]
    fn new(
        py: Python<'_>,
        arena: PyReadonlyArray1<'_, u8>,
        offsets: PyReadonlyArray1<'_, i64>,
        merges: Option<Columns<'_>>,
        operations: Option<(PyReadonlyArray1<'_, u32>, PyReadonlyArray1<'_, i64>)>,
        method: &str,
        supers: Option<Columns<'_>>,
        scaffold: Vec<u32>,
        transient: Vec<u32>,
        scores: Option<PyReadonlyArray1<'_, f64>>,
        width: Option<usize>,
        unlisted: Vec<u32>,
        pretokenizer: &str,
        characters: bool,
        byte_fallback: Option<Vec<u32>>,
        unknown: Option<u32>,
        fuse_unknown: bool,
        whole_words: bool,
        normalizer: Option<&str>,
        prefix_space: bool,
        added: Vec<Added>,
    ) -> PyResult<Self> {
        let vocabulary = vocabulary(&arena, &offsets, &unlisted)?;
        let method = match (method, merges, operations, scores) {
            ("merges", Some(merges), ..) => Method::Merges(rows(&merges)?),
            ("replay", _, Some((flat, ends)), _) => {
                Method::Replay(operations_of(flat.as_slice()?, ends.as_slice()?)?)
            }
            ("longest", ..) => Method::LongestPrefix,
            ("longest_suffix", ..) => Method::LongestSuffix,
            ("longest_first", ..) => Method::LongestFirst,
            ("fewest", ..) => Method::Fewest,
            ("unigram", _, _, Some(scores)) => Method::Unigram(scores.to_vec()?),
            ("lib", _, _, Some(ranks)) => Method::Ranked(ranks.to_vec()?),
            (other, ..) => return Err(misuse(format!("method {other:?} without what it needs"))),
        };
        let supers = supers.as_ref().map(rows).transpose()?.unwrap_or_default();
        let added = added
            .into_iter()
            .map(|(content, id, special, normalized, lstrip, rstrip)| AddedToken {
                content,
                id,
                special,
                normalized,
                lstrip,
                rstrip,
            })
            .collect();
        py.detach(|| {
            Encoder::new(Parts {
                vocabulary: vocabulary?,
                transient,
                method,
                width,
                scaffold,
                supers,
                pretokenizer: Pretokenizer::parse(pretokenizer)?,
                unit: if characters { Unit::Character } else { Unit::Byte },
                fallback: Fallback {
                    bytes: byte_fallback,
                    unknown,
                    fuse: fuse_unknown,
                },
                whole_words,
                normalizer: normalizer.map(Normalizer::parse).transpose()?,
                prefix_space,
                added,
            })
        })
        .map(|encoder| Self { encoder })
        .map_err(|error| raise(py, &error))
    }

    /// The ids of one document.
    #[pyo3(signature = (data, allowed_special=None, threads=1))]
    fn encode<'py>(
        &self,
        py: Python<'py>,
        data: &[u8],
        allowed_special: Option<AllowedIds>,
        threads: usize,
    ) -> PyResult<Bound<'py, PyArray1<u32>>> {
        let work = |control: &Control| {
            let bounds = [0, i64::try_from(data.len()).unwrap_or(i64::MAX)];
            let special = allowed(allowed_special.as_ref());
            self.encoder
                .encode_batch(data, &bounds, special, threads, control)
        };
        let encoded = if data.len() < SMALL {
            py.detach(|| work(&Control::new()))
                .map_err(|error| raise(py, &error))?
        } else {
            run(py, None, work)?
        };
        Ok(encoded.ids.into_pyarray(py))
    }

    /// What is cut into pretokens: the text normalized and with its prefix space.
    fn prepared<'py>(&self, py: Python<'py>, data: &[u8]) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| self.encoder.prepared(data)))
    }

    /// Flat ids and offsets of the documents `data[offsets[i]:offsets[i + 1]]`.
    #[pyo3(signature = (data, offsets, allowed_special=None, threads=1, progress=None))]
    fn encode_batch<'py>(
        &self,
        py: Python<'py>,
        data: PyReadonlyArray1<'py, u8>,
        offsets: PyReadonlyArray1<'py, i64>,
        allowed_special: Option<AllowedIds>,
        threads: usize,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Pair<'py, u32, i64>> {
        let (data, offsets) = (data.as_slice()?, offsets.as_slice()?);
        let encoded = run(py, progress.as_ref(), |control| {
            let special = allowed(allowed_special.as_ref());
            self.encoder
                .encode_batch(data, offsets, special, threads, control)
        })?;
        Ok((encoded.ids.into_pyarray(py), encoded.offsets.into_pyarray(py)))
    }

    /// Ids and an `[n, 2]` array of byte spans of one document.
    #[pyo3(signature = (data, allowed_special=None))]
    fn encode_with_spans<'py>(
        &self,
        py: Python<'py>,
        data: &[u8],
        allowed_special: Option<AllowedIds>,
    ) -> PyResult<Spans<'py>> {
        let spans = run(py, None, |control| {
            self.encoder
                .encode_with_spans(data, allowed(allowed_special.as_ref()), control)
        })?;
        let n = spans.ids.len();
        let ends = spans.ends.into_pyarray(py).reshape([n, 2])?;
        Ok((spans.ids.into_pyarray(py), ends))
    }

    /// As `encode_batch`, one sampled encoding of each document. `sampling` is dropout, splits, ties or paths.
    #[pyo3(signature = (data, offsets, sampling, parameter, seed, allowed_special=None, threads=1, progress=None))]
    #[expect(clippy::too_many_arguments, reason = "an encoding and a sampling")]
    fn sample_batch<'py>(
        &self,
        py: Python<'py>,
        data: PyReadonlyArray1<'py, u8>,
        offsets: PyReadonlyArray1<'py, i64>,
        sampling: &str,
        parameter: f64,
        seed: u64,
        allowed_special: Option<AllowedIds>,
        threads: usize,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Pair<'py, u32, i64>> {
        let (data, offsets) = (data.as_slice()?, offsets.as_slice()?);
        let sampling = sampling_of(sampling, parameter)?;
        let encoded = run(py, progress.as_ref(), |control| {
            let sampler = self.encoder.sampler(sampling, seed)?;
            let special = allowed(allowed_special.as_ref());
            self.encoder
                .sample_batch(data, offsets, special, sampler, threads, control)
        })?;
        Ok((encoded.ids.into_pyarray(py), encoded.offsets.into_pyarray(py)))
    }

    /// As `encode_with_spans`, one sampled encoding.
    #[pyo3(signature = (data, sampling, parameter, seed, allowed_special=None))]
    fn sample_with_spans<'py>(
        &self,
        py: Python<'py>,
        data: &[u8],
        sampling: &str,
        parameter: f64,
        seed: u64,
        allowed_special: Option<AllowedIds>,
    ) -> PyResult<Spans<'py>> {
        let sampling = sampling_of(sampling, parameter)?;
        let spans = run(py, None, |control| {
            let sampler = self.encoder.sampler(sampling, seed)?;
            let special = allowed(allowed_special.as_ref());
            self.encoder.sample_with_spans(data, special, sampler, control)
        })?;
        let n = spans.ids.len();
        let ends = spans.ends.into_pyarray(py).reshape([n, 2])?;
        Ok((spans.ids.into_pyarray(py), ends))
    }

    /// The bytes of one row of ids.
    fn decode<'py>(&self, py: Python<'py>, ids: PyReadonlyArray1<'py, u32>) -> PyResult<Bound<'py, PyBytes>> {
        let ids = ids.as_slice()?;
        let mut bytes = Vec::with_capacity(ids.len() * 4);
        py.detach(|| self.encoder.vocabulary().decode(ids, &mut bytes))
            .map_err(|error| raise(py, &error))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Bytes back to back and offsets of many rows of ids.
    fn decode_batch<'py>(
        &self,
        py: Python<'py>,
        ids: PyReadonlyArray1<'py, u32>,
        offsets: PyReadonlyArray1<'py, i64>,
    ) -> PyResult<Pair<'py, u8, i64>> {
        let (ids, offsets) = (ids.as_slice()?, offsets.as_slice()?);
        let (bytes, ends) = run(py, None, |control| {
            self.encoder.decode_batch(ids, offsets, control)
        })?;
        Ok((bytes.into_pyarray(py), ends.into_pyarray(py)))
    }

    /// The merge list (left, right, result) of a vocabulary whose ids are tiktoken ranks.
    #[staticmethod]
    fn merges_of_ranks<'py>(
        py: Python<'py>,
        arena: PyReadonlyArray1<'py, u8>,
        offsets: PyReadonlyArray1<'py, i64>,
        unlisted: Vec<u32>,
    ) -> PyResult<Triple<'py>> {
        let vocabulary = vocabulary(&arena, &offsets, &unlisted)?;
        let merges = run(py, None, |control| merges_of_ranks(&vocabulary?, control))?;
        let column = |i: usize| {
            let values: Vec<u32> = merges.iter().map(|merge| merge[i]).collect();
            values.into_pyarray(py)
        };
        Ok((column(0), column(1), column(2)))
    }
}
