"""tokbench: construct, judge, move and repair tokenizers."""

from tokbench import _rust

__version__ = "0.1.0"

if _rust.__version__ != __version__:
    message = (
        f"tokbench {__version__} found its compiled extension at version {_rust.__version__} "
        f"({_rust.__file__}); reinstall tokbench so that both come from one build"
    )
    raise ImportError(message)
