"""Mistral's tekken JSON: tiktoken ranks with the pattern and the number of special tokens.

Ids start with the special tokens; the ordinary token of rank r has the id r + number of specials. Only the
first ``default_vocab_size − default_num_special_tokens`` ranks are used. Where a file does not list its special
tokens, the first twenty are those of the published v3 tokenizers, the others ``<SPECIAL_i>``.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from tokbench.bpe import BpeModel, merges_of_ranks
from tokbench.errors import VocabError
from tokbench.pretokenize import Pretokenizer
from tokbench.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Mapping

_V3_SPECIAL = (
    *(
        "<unk>",
        "<s>",
        "</s>",
        "[INST]",
        "[/INST]",
        "[AVAILABLE_TOOLS]",
        "[/AVAILABLE_TOOLS]",
        "[TOOL_RESULTS]",
    ),
    *(
        "[/TOOL_RESULTS]",
        "[TOOL_CALLS]",
        "[IMG]",
        "<pad>",
        "[IMG_BREAK]",
        "[IMG_END]",
        "[PREFIX]",
        "[MIDDLE]",
    ),
    *("[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]"),
)


def parse(document: Mapping[str, Any], source: str) -> BpeModel:
    """Return the model of a parsed tekken file.

    Raises:
        VocabError: naming the file and the entry that is missing or wrong.
    """
    try:
        config = document["config"]
        n_special = int(config["default_num_special_tokens"])
        n_ranks = int(config["default_vocab_size"]) - n_special
        tokens = {}
        for index, entry in enumerate(document["vocab"][:n_ranks]):
            if entry["rank"] != index:
                message = f"{source}: vocab[{index}] has rank {entry['rank']}"
                raise VocabError(message)
            tokens[index + n_special] = base64.b64decode(entry["token_bytes"], validate=True)
        special = dict(_special(document.get("special_tokens"), n_special))
        vocab = Vocab(tokens, special=special)
        spec = Pretokenizer.from_regex(config["pattern"]).spec
    except KeyError as error:
        message = f"{source}: the entry {error} is missing"
        raise VocabError(message) from error
    except (binascii.Error, TypeError) as error:
        message = f"{source}: {error}"
        raise VocabError(message) from error
    return BpeModel(vocab, merges_of_ranks(vocab), spec, whole_words=True)


def _special(listed: list[Mapping[str, Any]] | None, n_special: int) -> Mapping[str, int]:
    if listed is not None:
        named = {int(entry["rank"]): str(entry["token_str"]) for entry in listed}
    else:
        named = dict(enumerate(_V3_SPECIAL[:n_special]))
    return {named.get(i, f"<SPECIAL_{i}>"): i for i in range(n_special)}
