"""`kernel`: a function that numba compiles, on its first call and for one fixed signature.

numba is imported when the first kernel is called. The machine code is cached on disk beside the source or, where that
cannot be written, in numba's cache directory. Importing numba and reading its cache takes more than a second, so a
kernel may have a *plain* form, the same result by numpy alone: it serves until `PLAIN_LIMIT` elements have gone through
it, which a small corpus never reaches.
"""

from __future__ import annotations

import contextlib
import functools
import signal
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

P = ParamSpec("P")
R = TypeVar("R")

NO_CACHE = "no locator available"
"""In numba's RuntimeError where no directory can hold its cache; it has no class of its own."""


PLAIN_LIMIT = 30_000_000
"""Elements that the plain form of a kernel reads before numba is worth its import."""


def kernel(
    signature: str, *, plain: Callable[..., Any] | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile a function with numba on its first call, for this signature only.

    ``plain`` returns the same, or None where it cannot.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        compiled: list[Callable[P, R]] = []
        seen = 0

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            nonlocal seen
            if plain is not None and not compiled and seen < PLAIN_LIMIT and "numba" not in sys.modules:
                seen += sum(getattr(argument, "size", 0) for argument in args)
                found: R | None = plain(*args, **kwargs)
                if found is not None:
                    return found
            if not compiled:
                compiled.append(_compile(signature, function))
            return compiled[0](*args, **kwargs)

        return call

    return decorate


def _compile(signature: str, function: Callable[P, R]) -> Callable[P, R]:
    import numba

    with _interrupts_deferred():
        try:
            made: Callable[P, R] = numba.njit(signature, cache=True, nogil=True)(function)
        except (RuntimeError, OSError) as error:
            if isinstance(error, RuntimeError) and NO_CACHE not in str(error):
                raise
            # No directory that can hold the cache, or a full disk: the same code, compiled anew in each process.
            warnings.warn(
                f"numba cannot cache {function.__name__} ({error}); it is compiled in every process. "
                f"Set NUMBA_CACHE_DIR to a directory that can be written.",
                RuntimeWarning,
                stacklevel=3,
            )
            made = numba.njit(signature, nogil=True)(function)
    return made


@contextlib.contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Hold back Ctrl-C until the end of the block.

    LLVM calls back into Python, where an exception is printed and dropped: the interrupt would be lost. Python
    handles signals in the main thread only, so elsewhere nothing is held back.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    arrived: list[FrameType | None] = []
    signal.signal(signal.SIGINT, lambda _, frame: arrived.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if arrived:
            handler(signal.SIGINT, arrived[0])
