"""tiktoken files: one token per line, base64 of its bytes and its rank, which is its id.

The file holds neither the pre-tokenizer nor the special tokens. Both are known for the files that OpenAI,
Meta and Alibaba have published (recognised by their SHA-256, never by their name) and must be given for
others.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tokbench.bpe import BpeModel, merges_of_ranks
from tokbench.errors import NotRepresentableError, VocabError
from tokbench.formats.files import write_whole
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Published:
    """What a published file leaves out."""

    name: str
    pretokenizer: str
    special: Mapping[str, int] = field(default_factory=dict)


_CL100K_SPECIAL = {
    "<|endoftext|>": 100257,
    "<|fim_prefix|>": 100258,
    "<|fim_middle|>": 100259,
    "<|fim_suffix|>": 100260,
    "<|endofprompt|>": 100276,
}
_LLAMA3_SPECIAL = {
    "<|begin_of_text|>": 128000,
    "<|end_of_text|>": 128001,
    "<|start_header_id|>": 128006,
    "<|end_header_id|>": 128007,
    "<|eot_id|>": 128009,
}

PUBLISHED: Mapping[str, Published] = {
    "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930": Published(
        "gpt2", "gpt2", {"<|endoftext|>": 50256}
    ),
    "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069": Published(
        "p50k_base", "gpt2", {"<|endoftext|>": 50256}
    ),
    "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7": Published(
        "cl100k_base", "cl100k", _CL100K_SPECIAL
    ),
    "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d": Published(
        "o200k_base", "o200k", {"<|endoftext|>": 199999, "<|endofprompt|>": 200018}
    ),
    "b34b360dbb493e781e479794586d661700670d65564001f23024971d1f2fa126": Published(
        "whisper_multilingual", "gpt2", {"<|endoftext|>": 50257, "<|startoftranscript|>": 50258}
    ),
    "82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55": Published(
        "llama3", "llama3", _LLAMA3_SPECIAL
    ),
    "d0bdbaf59b0762c8c807617e2d8ea51420eb1b1de266df2495be755c8e0ed6ed": Published("llama4", "o200k"),
    "8dde380a6405e935f5de16a99eb61c824f3f814dd1ed298784c72babb7a03cdd": Published("qwen3_6", "qwen3_5"),
}


def looks_like(head: bytes) -> bool:
    """Whether the first bytes of a file are a base64 token and a number."""
    parts = head.split(b"\n", 1)[0].split(b" ")
    return len(parts) == 2 and parts[1].strip().isdigit() and _decoded(parts[0]) is not None


def read(
    path: Path, *, pretokenizer: str | None = None, special_tokens: Mapping[str, int] | None = None
) -> tuple[BpeModel, str]:
    """Return the model and its name.

    Raises:
        VocabError: naming file and line of a malformed entry, or asking for `pretokenizer`.
    """
    data = path.read_bytes()
    published = PUBLISHED.get(hashlib.sha256(data).hexdigest())
    if pretokenizer is None:
        if published is None:
            message = (
                f"{path}: a tiktoken file does not say how text is cut, and this is none of the published "
                f"files; pass pretokenizer= (such as 'cl100k' or 'regex:…')"
            )
            raise VocabError(message)
        pretokenizer = published.pretokenizer
    if special_tokens is None:
        special_tokens = published.special if published else {}
    vocab = Vocab(read_ranks(data, path), special=special_tokens)
    model = BpeModel(vocab, merges_of_ranks(vocab), pretokenizer, whole_words=True)
    return model, published.name if published else path.name.removesuffix(".tiktoken")


def read_ranks(data: bytes, path: Path) -> dict[int, bytes]:
    """Return rank → token bytes. An empty token, which no text can contain, is left out.

    Raises:
        VocabError: naming file and line of a malformed or repeated entry.
    """
    ranks: dict[int, bytes] = {}
    for number, line in enumerate(data.splitlines(), start=1):
        if not line:
            continue
        parts = line.split(b" ")
        token = _decoded(parts[0])
        if token is None or len(parts) != 2 or not parts[1].isdigit():
            # The empty token of Whisper's files is written as "=".
            if len(parts) == 2 and parts[0] in (b"", b"=") and parts[1].isdigit():
                continue
            message = f"{path}: line {number}: expected base64 and a rank, got {line[:60]!r}"
            raise VocabError(message)
        rank = int(parts[1])
        if rank in ranks:
            message = f"{path}: line {number}: rank {rank} is already {ranks[rank]!r}"
            raise VocabError(message)
        if token:
            ranks[rank] = token
    return ranks


def _decoded(field_bytes: bytes) -> bytes | None:
    try:
        return base64.b64decode(field_bytes, validate=True)
    except binascii.Error:
        return None


def write(model: BpeModel, path: Path) -> None:
    """Write the ordinary tokens by ascending id; the format has no special tokens and no pre-tokenizer.

    Raises:
        NotRepresentableError: when ranks that are ids would encode otherwise than this model; nothing is written.
    """
    refuse_unless_ranked(model)
    lines = [
        base64.b64encode(token) + b" " + str(token_id).encode() + b"\n"
        for token_id, token in model.vocab.tokens.items()
    ]
    write_whole(path, b"".join(lines))


def refuse_unless_ranked(model: BpeModel) -> None:
    """Prove that tiktoken's rule encodes as the model does.

    The rule: the rank of a pair is the id of the joined bytes; a pretoken that is a token is taken whole. Both
    sides come down to one merge per token, the last pair of the token's own encoding; they are the same
    tokenizer if these merges are equal and in the same order.

    Raises:
        NotRepresentableError: naming the first difference.
    """

    def refuse(reason: str) -> None:
        message = f"a .tiktoken file cannot express this tokenizer: {reason}"
        raise NotRepresentableError(message)

    model = model.ranked
    if model.method != "merges" or model.unit != "byte":
        refuse("it does not merge bytes")
    if model.supers is not None or model.scaffold:
        refuse("it merges whole pretokens or demolishes scaffold tokens after merging")
    if model.segmenter is not None:
        refuse("it cuts words into morphemes by a segmenter")
    if model.normalizer or model.prefix_space or model.steps:
        refuse("it changes the text before encoding")
    always = [token.text for token in model.added if not token.special]
    if always:
        refuse(f"the added token {always[0]!r} is matched in all text")
    missing = [byte for byte in range(256) if bytes([byte]) not in model.vocab]
    if missing:
        refuse(f"byte 0x{missing[0]:02x} has no token")
    ranked = merges_of_ranks(model.vocab)
    ours = list(model.merges)
    for row, (mine, theirs) in enumerate(zip(ours, ranked, strict=False)):
        if mine != theirs:
            refuse(f"merge {row} is {mine} here and {theirs} under ranks that are ids")
    if len(ours) != len(ranked):
        refuse(f"{len(ours)} merges here, {len(ranked)} under ranks that are ids")
    if not model.whole_words:
        made = set(ranked.result.tolist())
        for token_id, token in model.vocab.tokens.items():
            if len(token) > 1 and token_id not in made:
                refuse(f"token {token_id} {token!r} is out of reach of the merges, tiktoken would use it")
