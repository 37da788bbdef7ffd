"""Every objective and every algorithm has a test that binds it to a slow twin, to its library or to another proof."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import tokbench.objectives
from tokbench.algorithm import ALGORITHMS

PARITY = Path(__file__).parent

OBJECTIVES = {
    "GreedyLz78": "test_compression.py::test_greedy_lz78_equals_the_twin",
    "GreedyOrder0": "test_compression.py::test_greedy_order_0_equals_the_twin",
    "ParityAware": "test_parity.py::test_loop_objective_and_twin_choose_alike",
    "Picky": "test_picky.py::test_objective_takes_the_same_steps",
    "Plain": "test_train.py::test_the_python_objective_makes_the_native_choices",
    "Scaffold": "test_scaffold.py::test_all_three_choose_alike",
}
CASES = {
    "boundless": "test_boundless.py::test_two_passes_equal_the_twin",
    "boundless_one_pass": "test_boundless.py::test_one_pass_equals_the_twin",
    "bpe": "test_train.py::test_random_small_corpora",
    "compression": "test_compression.py::test_the_same_tokens_are_given_up",
    "kl3m": "../unit/test_kl3m.py::test_with_enough_pairs_it_is_plain_training_up_to_a_length",
    "lib": "test_lib.py::test_learning",
    "parity": "test_parity.py::test_hugging_face_makes_the_same_merges",
    "pathpiece": "test_pathpiece.py::test_pruning",
    "picky": "test_picky.py::test_native_loop_equals_twin",
    "root_affix": "test_steps.py::test_allomorphs_reads_words_and_symbols_as_its_twin",
    "sage": "test_sage.py::test_losses",
    "scaffold": "test_scaffold.py::test_the_model_holds_what_the_twin_made",
    "sentencepiece": "test_library_trainers.py::test_sentencepiece_is_theirs",
    "supertokens": "test_superword.py::test_second_stage_equals_its_twin",
    "superword": "test_superword.py::test_second_stage_equals_its_twin",
    "unigram": "test_library_trainers.py::test_unigram_pieces_cover_all_bytes_and_count_frequencies",
    "wordpiece": "test_library_trainers.py::test_wordpiece_without_prefix_is_theirs",
}


def objectives() -> set[str]:
    """Names of the classes that choose steps."""
    found = set()
    for item in pkgutil.iter_modules(tokbench.objectives.__path__):
        module = importlib.import_module(f"tokbench.objectives.{item.name}")
        for name, made in inspect.getmembers(module, inspect.isclass):
            if made.__module__ == module.__name__ and hasattr(made, "choose") and item.name != "protocol":
                found.add(name)
    return found


def test_none_is_without_a_case() -> None:
    assert set(OBJECTIVES) == objectives()
    assert sorted(CASES) == ALGORITHMS.names()


@pytest.mark.parametrize("case", sorted({*OBJECTIVES.values(), *CASES.values()}))
def test_every_case_is_there(case: str) -> None:
    file, name = case.split("::")
    assert re.search(rf"^def {name}\(", (PARITY / file).read_text("utf-8"), re.MULTILINE), case
