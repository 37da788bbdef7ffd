"""Which role a special token plays, by its text: what vocabularies call the same thing.

The table holds the published names of the families in use. A text may stand for several roles (``<|endoftext|>``
begins and ends). Where a model directory names its own (``bos_token`` in tokenizer_config.json, …), those count
first; see `tokbench.transplant.config_files`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "bos": (
            "<s>", "<bos>", "[BOS]", "<|begin_of_text|>", "<|begin▁of▁sentence|>", "<｜begin▁of▁sentence｜>",
            "<|startoftext|>", "<|START_OF_TEXT|>", "<BOS_TOKEN>", "<|bos|>", "<SOS>", "<|endoftext|>",
        ),
        "eos": (
            "</s>", "<eos>", "[EOS]", "<|end_of_text|>", "<|end▁of▁sentence|>", "<｜end▁of▁sentence｜>",
            "<|endoftext|>", "<|END_OF_TEXT|>", "<EOS_TOKEN>", "<|eos|>", "<EOT>", "<|eos_token|>",
        ),
        "unk": ("<unk>", "[UNK]", "<UNK>", "<|unk|>", "⁇"),
        "pad": (
            "<pad>", "[PAD]", "<PAD>", "<|pad|>", "<|padding|>", "<｜▁pad▁｜>", "<|finetune_right_pad_id|>",
            "<|finetune_right_pad|>", "<PAD_TOKEN>",
        ),
        "mask": ("<mask>", "[MASK]", "<|mask|>", "<MASK_TOKEN>"),
        "cls": ("[CLS]", "<cls>"),
        "sep": ("[SEP]", "<sep>"),
        "turn_start": (
            "<|im_start|>", "<|start_header_id|>", "<|header_start|>", "<start_of_turn>", "[INST]",
            "<|START_OF_TURN_TOKEN|>", "<｜User｜>",
        ),
        "turn_end": (
            "<|im_end|>", "<|eot_id|>", "<|eot|>", "<end_of_turn>", "[/INST]", "<|END_OF_TURN_TOKEN|>", "<|end|>",
        ),
        "fim_prefix": ("<fim_prefix>", "<|fim_prefix|>", "[PREFIX]", "<PRE>", "▁<PRE>", "<｜fim▁begin｜>"),
        "fim_middle": ("<fim_middle>", "<|fim_middle|>", "[MIDDLE]", "<MID>", "▁<MID>", "<｜fim▁end｜>"),
        "fim_suffix": ("<fim_suffix>", "<|fim_suffix|>", "[SUFFIX]", "<SUF>", "▁<SUF>", "<｜fim▁hole｜>"),
    }
)  # fmt: skip
"""Role → texts that play it."""

ORDER = tuple(ROLES)
NAMED = ("bos", "eos", "unk", "pad", "mask", "cls", "sep")
"""The roles that tokenizer_config.json has a name for: ``bos_token``, …"""


def roles_of(text: str) -> tuple[str, ...]:
    """Return the roles that a text plays by the table.

    Example:
        >>> roles_of("<|endoftext|>"), roles_of("house")
        (('bos', 'eos'), ())
    """
    return tuple(role for role, texts in ROLES.items() if text in texts)
