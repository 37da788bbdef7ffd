"""Which files a URI means, asked of object storage through Arrow, so that each can be given to a worker."""

from __future__ import annotations

import re

from tokbench.errors import CorpusError, PluginError

INSTALL = "pip install 'tokbench[distributed]'"


def list_files(uri: str) -> list[tuple[str, int]]:
    """Return the files that a URI or a URI with a glob (``*`` ``?`` ``[…]`` ``**``) means, with sizes, by path.

    Credentials and endpoint come from the environment (``AWS_…``), as for reading.

    Raises:
        CorpusError: if storage cannot be listed, or holds no such file.
        PluginError: if pyarrow is not installed.
    """
    try:
        from pyarrow import fs
    except ImportError as error:
        raise PluginError(f"listing {uri} needs pyarrow: {INSTALL}") from error
    scheme, _, pattern = uri.partition("://")
    fixed = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    is_pattern = fixed != pattern
    folder = fixed.rpartition("/")[0] if is_pattern else pattern
    try:
        # What follows a scheme may be percent-decoded by Arrow: give it the host or bucket alone.
        bucket = folder.split("/", 1)[0]
        system = fs.FileSystem.from_uri(f"{scheme}://{bucket or '/'}")[0]
        deep = "**" in pattern or "/" in pattern[len(fixed) :]
        wanted = fs.FileSelector(folder, recursive=deep, allow_not_found=True)
        infos = system.get_file_info(wanted if is_pattern else [pattern])
    except (OSError, ValueError) as error:
        raise CorpusError(f"{uri}: cannot list: {error}") from error
    matches = re.compile(_expression(pattern)).fullmatch
    found = sorted(
        (f"{scheme}://{info.path}", info.size)
        for info in infos
        if info.type == fs.FileType.File and (not is_pattern or matches(info.path))
    )
    if not found:
        raise CorpusError(f"{uri}: no file {'matches' if is_pattern else 'is there'}")
    return found


def _expression(pattern: str) -> str:
    """Translate a glob to a regular expression in which only ``**`` crosses a slash."""
    made = []
    for piece in re.findall(r"\*\*/|\*\*|\*|\?|\[[^]]+\]|.", pattern, re.DOTALL):
        if piece == "**/":
            made.append("(?:.*/)?")
        elif piece == "**":
            made.append(".*")
        elif piece == "*":
            made.append("[^/]*")
        elif piece == "?":
            made.append("[^/]")
        elif len(piece) > 1:
            made.append("[^" + piece[2:] if piece[1] in "!^" else piece)
        else:
            made.append(re.escape(piece))
    return "".join(made)
