"""Health of a tokenizer: sixteen checks, each with a verdict that says what was seen.

Source: section G3 of the metric catalogue (the checks C1 to C8 and C10 to C17 of TokEval's tokenizer-sanity-check; the
probes are ours). A verdict is ``pass``, ``warn``, ``fail``, ``not_applicable`` or ``unverifiable``: the last where the
tokenizer does not say enough about itself, never a guess.

Exit codes of a report: 2 with any ``fail``, else 1 with any ``warn``, else 3 with any ``unverifiable``, else 0.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tokbench.errors import MetricError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tokbench.tokenizer import Tokenizer

Status = Literal["pass", "warn", "fail", "not_applicable", "unverifiable"]
_CODES = {"fail": 2, "warn": 1, "unverifiable": 3}


@dataclass(frozen=True)
class Verdict:
    """What a check found: status, one sentence, and the figures behind it."""

    status: Status
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """A verdict and the check that gave it."""

    check: str
    title: str
    status: Status
    message: str
    details: Mapping[str, Any]


@dataclass(frozen=True)
class Health:
    """All findings about one tokenizer."""

    tokenizer: str
    fingerprint: str
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """2 with any fail, else 1 with any warn, else 3 with any unverifiable, else 0."""
        found = {finding.status for finding in self.findings}
        return next((code for status, code in _CODES.items() if status in found), 0)

    def status(self, check: str) -> Status:
        """Return the verdict of a check.

        Raises:
            MetricError: when it was not run.
        """
        for finding in self.findings:
            if finding.check == check:
                return finding.status
        message = f"check {check} was not run; run: {', '.join(finding.check for finding in self.findings)}"
        raise MetricError(message)

    def as_dict(self) -> dict[str, Any]:
        """Return everything, printable as JSON."""
        return {**asdict(self), "exit_code": self.exit_code}

    def to_json(self) -> str:
        """Return everything as JSON."""
        return json.dumps(self.as_dict(), ensure_ascii=False, indent=1)


def health(tokenizer: Tokenizer, *, only: Iterable[str] | None = None) -> Health:
    """Check a tokenizer.

    Args:
        tokenizer: any tokenizer.
        only: checks to run, such as ``["C1", "C16"]``; None for all.

    Raises:
        MetricError: for an unknown check.

    Example:
        >>> health(tokenizer).exit_code  # doctest: +SKIP
        0
    """
    listed = checks()
    wanted = list(listed) if only is None else [name.strip().upper() for name in only]
    for name in wanted:
        if name not in listed:
            message = f"no health check {name!r}; there are {', '.join(listed)}"
            raise MetricError(message)
    findings = []
    for name in (name for name in listed if name in wanted):
        title, run = listed[name]
        verdict = run(tokenizer)
        findings.append(Finding(name, title, verdict.status, verdict.message, verdict.details))
    return Health(tokenizer.name, tokenizer.fingerprint, tuple(findings))


def checks() -> dict[str, tuple[str, Callable[[Tokenizer], Verdict]]]:
    """Return title and function of every check, in order.

    Example:
        >>> len(checks())
        16
    """
    from tokbench.metrics import health_text as text
    from tokbench.metrics import health_vocabulary as vocabulary

    return {
        "C1": ("every byte comes back", text.bytes_come_back),
        "C2": ("tokens of combining marks", vocabulary.combining_marks),
        "C3": ("round trip of 78 probes", text.round_trip),
        "C4": ("declared normalizer is applied", text.normalizer_applied),
        "C5": ("white space comes back", text.white_space_comes_back),
        "C6": ("numbers are cut regularly", text.digits_regular),
        "C7": ("special tokens", vocabulary.special_tokens),
        "C8": ("deterministic, batch as loop", text.deterministic),
        "C10": ("pre-tokenizer keeps characters", text.characters_kept),
        "C11": ("normal forms NFC and NFD", text.normal_forms),
        "C12": ("emoji and control characters", text.emoji_and_control),
        "C13": ("unknown tokens by script", text.unknown_by_script),
        "C14": ("ids are contiguous", vocabulary.contiguous),
        "C15": ("no token above 64 characters", vocabulary.long_tokens),
        "C16": ("tokens are reachable", vocabulary.reachable),
        "C17": ("byte alphabet is complete", vocabulary.byte_alphabet),
    }
