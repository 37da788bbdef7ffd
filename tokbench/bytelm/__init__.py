r"""Exact next-byte probabilities from a token-level language model.

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

**Hypotheses.** For one text and no pre-tokenizer that looks ahead, one valid sequence ends at each place: the encoding
of what stands before it. With look-ahead (``\s+(?!\S)``, contractions, digits grouped from the right) the encoding of
what stands before depends on what comes: after ``"a  "`` the two spaces are one token if the text ends, two if a
letter follows. Which borders some continuation makes is decided by an automaton over bytes compiled from the pattern,
with all hypotheses at once and no case by case; see `tokbench.bytelm.bpe_cover`, and `tokbench.bytelm.choose` for
which tokenizers get which test.

**Special tokens** are control tokens: they are no text, their text is text, and only the end of the text has a
probability of its own. Prompts may hold them as ids (`Prompt`).

**Approximation.** With a `tolerance`, token sequences wait with their mass until it could matter. P(b | x) then
differs from the exact distribution by at most w / (s + w) in total variation, where w is the waiting mass and s the
mass that was found, both relative to P(x): the true sums of the bytes are those found plus parts that add up to at
most w. That is `ByteDistribution.dropped`, kept near the tolerance by evaluating what weighs most.
"""

from tokbench.bytelm.byte_lm import SEMANTICS, ByteLM, ByteScore, Semantics
from tokbench.bytelm.comparison import Comparison, Reading, compare
from tokbench.bytelm.complete import Completion, complete
from tokbench.bytelm.convert import TokenProbabilities, first_bytes, longest_match, prefix_probabilities
from tokbench.bytelm.cover import Cover, EverySegmentation, Reencoding
from tokbench.bytelm.derived import Continuations, next_char, next_word
from tokbench.bytelm.distribution import END, ByteDistribution
from tokbench.bytelm.engine import ByteState
from tokbench.bytelm.ensemble import ByteEnsemble
from tokbench.bytelm.healing import aligned, healed, naive
from tokbench.bytelm.prompts import Prompt, fill_in_the_middle
from tokbench.bytelm.sampling import Sampled, sample, sharpened
from tokbench.bytelm.token_lm import FunctionLM, IncrementalTokenLM, TokenLM

__all__ = [
    "END",
    "SEMANTICS",
    "ByteDistribution",
    "ByteEnsemble",
    "ByteLM",
    "ByteScore",
    "ByteState",
    "Comparison",
    "Completion",
    "Continuations",
    "Cover",
    "EverySegmentation",
    "FunctionLM",
    "IncrementalTokenLM",
    "Prompt",
    "Reading",
    "Reencoding",
    "Sampled",
    "Semantics",
    "TokenLM",
    "TokenProbabilities",
    "aligned",
    "compare",
    "complete",
    "fill_in_the_middle",
    "first_bytes",
    "healed",
    "longest_match",
    "naive",
    "next_char",
    "next_word",
    "prefix_probabilities",
    "sample",
    "sharpened",
]
