"""`--deny` and `--allow`: which warnings are errors in this call, and which are not shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from compiler.cli.arguments import UsageError, meant
from compiler.diagnostics import CODES, Diagnostic

WARNINGS = {code: slug for code, (slug, _) in CODES.items() if code.startswith("W")}
ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Severities:
    """Codes of warnings. An allowed warning is not shown, a denied one is an error, whatever the option `all` says."""

    denied: frozenset[str]
    allowed: frozenset[str]

    def applied(self, diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
        """What is left, each warning with the severity that it has in this call."""
        kept = (one for one in diagnostics if one.code not in self.allowed)
        return [replace(one, is_denied=True) if one.code in self.denied else one for one in kept]


def read_severities(deny: Sequence[str], allow: Sequence[str]) -> Severities:
    """The options' texts: codes or slugs with commas between, or `all`, to which a named code is an exception.

    Raises UsageError for what is no warning, and for a warning that is both.
    """
    denied, allowed = _names(deny, "--deny"), _names(allow, "--allow")
    if both := sorted(denied & allowed):
        raise UsageError(f"{both[0]} is given to both --deny and --allow", hint="keep one of the two")
    every = frozenset(WARNINGS)
    return Severities(
        denied=every - allowed if ALL in denied else denied,
        allowed=every - denied if ALL in allowed else allowed,
    )


def _names(texts: Sequence[str], option: str) -> frozenset[str]:
    words = [word for text in texts for word in re.split(r"[,\s]+", text) if word]
    return frozenset(_code(word, option) for word in words)


def _code(word: str, option: str) -> str:
    if word == ALL:
        return ALL
    by_slug = {slug: code for code, slug in WARNINGS.items()}
    code = word.upper() if word.upper() in CODES else by_slug.get(word.lower(), word)
    if code in WARNINGS:
        return code
    if code in CODES:
        raise UsageError(f"{option}: {code} is an error, whatever is asked", hint="only warnings can be chosen")
    near = meant(code.upper(), WARNINGS) or meant(word.lower(), by_slug)
    raise UsageError(f"{option}: there is no warning {word}{near}", hint="a warning's code begins with W, such as W301")
