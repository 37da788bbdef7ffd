//! The one door between Python and the loops: release the GIL, run, report progress, check signals, map errors.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::Builder;
use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use tokbench_core::{Control, Error};

/// How often a waiting door looks for signals and reports progress.
const TICK: Duration = Duration::from_millis(50);

/// Runs `work` on its own thread without the GIL. While it runs, `progress(phase, done, total)` is called
/// about twenty times a second and signals are checked; a signal cancels the work and is raised here.
///
/// # Errors
/// The mapped [`Error`] of the work, the exception of a signal handler or of the callback.
pub fn run<T: Send>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Control) -> tokbench_core::Result<T> + Send,
) -> PyResult<T> {
    let control = Control::new();
    let mut raised: Option<PyErr> = None;
    let outcome = std::thread::scope(|scope| {
        let (finished, waiting) = channel();
        let shared = &control;
        let started = Builder::new().spawn_scoped(scope, move || {
            let result = work(shared);
            // The receiver lives until this thread is joined; a failed send has no reader to inform.
            let _ = finished.send(());
            result
        });
        let worker = match started {
            Ok(worker) => worker,
            Err(error) => {
                return Ok(Err(Error::TooLarge {
                    message: format!("the system refuses another thread ({error}); raise its limits"),
                }));
            }
        };
        let mut waiting = waiting;
        loop {
            let (status, back) = py.detach(move || {
                let status = waiting.recv_timeout(TICK);
                (status, waiting)
            });
            waiting = back;
            if status != Err(RecvTimeoutError::Timeout) {
                break;
            }
            if raised.is_none() {
                let reported = py.check_signals().and_then(|()| match progress {
                    Some(callback) => callback.call1(control.progress()).map(|_| ()),
                    None => Ok(()),
                });
                if let Err(error) = reported {
                    control.cancel();
                    raised = Some(error);
                }
            }
        }
        worker.join()
    });
    if let Some(error) = raised {
        return Err(error);
    }
    match outcome {
        Ok(Ok(value)) => {
            if let Some(callback) = progress {
                callback.call1(control.progress())?;
            }
            Ok(value)
        }
        Ok(Err(error)) => Err(raise(py, &error)),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// The Python exception for an [`Error`]: the only place where the two trees meet.
pub fn raise(py: Python<'_>, error: &Error) -> PyErr {
    let class = match error {
        Error::File { .. } | Error::InvalidUtf8 { .. } | Error::Record { .. } | Error::Counts { .. } => {
            "CorpusError"
        }
        Error::Pretokenizer { .. } => "PretokenizeError",
        Error::Vocabulary { .. } => "VocabError",
        Error::UnknownToken { .. } => "UnknownTokenError",
        Error::NotEncodable { .. } => "NotEncodableError",
        Error::Exhausted { .. } => "ExhaustedError",
        Error::Parameter { .. } => "ParameterError",
        Error::TooLarge { .. } => "TokbenchError",
        Error::Interrupted => return PyRuntimeError::new_err("interrupted"),
        Error::Invariant { .. } => return PyRuntimeError::new_err(error.to_string()),
    };
    let made = py
        .import("tokbench.errors")
        .and_then(|module| module.getattr(class))
        .and_then(|class| class.call1((error.to_string(),)));
    match made {
        Ok(value) => PyErr::from_value(value),
        Err(error) => error,
    }
}

/// A `ValueError` for arguments that the Python layer should never pass.
pub fn misuse(message: impl Into<String>) -> PyErr {
    PyValueError::new_err(message.into())
}
