//! `tokbench._rust`: the compiled half of tokbench.
#![allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over by value")]

use pyo3::prelude::*;

mod codes;
mod counter;
mod counts;
mod cover;
mod documents;
mod door;
mod encoder;
mod engine;
mod engine_inputs;
mod lexicon;
mod lines;
mod omp;
mod parity;
mod pathpiece;
mod pretokenizer;
mod runs;
mod sage;
mod trie;
mod words;

#[pymodule]
fn _rust(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add(
        "BUILD_PROFILE",
        if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        },
    )?;
    module.add_function(wrap_pyfunction!(documents::json_texts, module)?)?;
    module.add_function(wrap_pyfunction!(words::word_spans, module)?)?;
    module.add_function(wrap_pyfunction!(words::byte_scripts, module)?)?;
    module.add_function(wrap_pyfunction!(words::script_names, module)?)?;
    module.add_function(wrap_pyfunction!(codes::code_length, module)?)?;
    module.add_function(wrap_pyfunction!(codes::varint, module)?)?;
    module.add_function(wrap_pyfunction!(codes::zstd_size, module)?)?;
    module.add_function(wrap_pyfunction!(codes::prune_tokens, module)?)?;
    module.add_function(wrap_pyfunction!(cpu_features, module)?)?;
    module.add_function(wrap_pyfunction!(pathpiece::train_pathpiece, module)?)?;
    module.add_function(wrap_pyfunction!(pathpiece::frequent_ngrams, module)?)?;
    module.add_function(wrap_pyfunction!(lexicon::learn_lexicon, module)?)?;
    module.add_class::<lines::LineSample>()?;
    module.add_class::<lines::Lines>()?;
    module.add_class::<sage::SageCutter>()?;
    module.add_class::<counter::CountStream>()?;
    module.add_class::<counter::Counter>()?;
    module.add_class::<counts::PretokenCounts>()?;
    module.add_class::<documents::DocumentReader>()?;
    module.add_class::<encoder::BpeEncoder>()?;
    module.add_class::<pretokenizer::Pretokenizer>()?;
    module.add_class::<engine::Engine>()?;
    module.add_class::<omp::MatchingPursuit>()?;
    module.add_class::<parity::Parity>()?;
    module.add_class::<runs::RunCounter>()?;
    module.add_class::<trie::ByteTrie>()?;
    module.add_class::<cover::Borders>()?;
    module.add_class::<cover::BpeCover>()?;
    module.add_function(wrap_pyfunction!(runs::admitted, module)?)?;
    module.add_function(wrap_pyfunction!(runs::admission_rules, module)?)?;
    Ok(())
}

/// The CPU features that the loops choose their code by, as found at run time.
#[pyfunction]
fn cpu_features() -> Vec<&'static str> {
    tokbench_core::cpu::features()
}
