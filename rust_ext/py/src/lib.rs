//! `tokbench._rust`: the compiled half of tokbench.
#![allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over by value")]

use pyo3::prelude::*;

mod counts;
mod door;
mod encoder;
mod pretokenizer;

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
    module.add_class::<counts::PretokenCounts>()?;
    module.add_class::<encoder::BpeEncoder>()?;
    module.add_class::<pretokenizer::Pretokenizer>()?;
    Ok(())
}
