"""Exact next-byte probabilities from a token-level language model.

**The lemma** (Phan et al. 2024, arXiv 2410.09303). A *cover* of a text x of n bytes is a token sequence of which all
tokens but the last end inside of x and the last reaches or passes its end. It is *valid* if some continuation of x has
an encoding that begins with it. A model of encoded text puts its mass on valid sequences, and every continuation of x
has exactly one cover of x among the beginnings of its encoding; so

    P(x) = sum over the valid covers t of x of P(t),        P(b | x) = P(x b) / P(x).

All but the last token of a cover form a sequence that ends at some i < n; the last one, the *crossing token*, begins
with x[i:]. No token is longer than L bytes, so only contexts that end in the last L places contribute, and each is
shared by all bytes until it is left behind: one new context per byte.

**Three semantics.** Real models leak a little mass onto sequences that encoding never makes, and then these differ:

* ``valid``: the lemma. The sums of the bytes and of the end add up to a little less than P(x); what is missing is
  reported as `leaked` and divided away.
* ``all``: every segmentation counts (Vieira et al. 2024, arXiv 2412.03719). Nothing leaks but control tokens. The
  number of covers grows exponentially with the text, unless the model forgets (`TokenLM.window`): then sequences with
  the same last tokens are joined, and the sum is exact in time linear in the text.
* ``vct``: the context must be valid, the crossing token may be any that fits (the default of ByteSampler, arXiv
  2506.14123).
"""

from tokbench.bytelm.byte_lm import SEMANTICS, ByteLM, ByteScore, Semantics
from tokbench.bytelm.cover import Cover, EverySegmentation, Reencoding
from tokbench.bytelm.distribution import END, ByteDistribution
from tokbench.bytelm.engine import ByteState
from tokbench.bytelm.token_lm import FunctionLM, IncrementalTokenLM, TokenLM

__all__ = [
    "END",
    "SEMANTICS",
    "ByteDistribution",
    "ByteLM",
    "ByteScore",
    "ByteState",
    "Cover",
    "EverySegmentation",
    "FunctionLM",
    "IncrementalTokenLM",
    "Reencoding",
    "Semantics",
    "TokenLM",
]
