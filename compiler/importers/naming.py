"""Names of a trace as names of a manifest: small letters, digits and underscores, unique, none that means something."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterable
from unicodedata import normalize

LONGEST = 63
RESERVED = frozenset(
    {"params", "inputs", "tasks", "true", "false", "none", "if", "is", "in", "and", "or", "not", "else"}
)
_OTHER = re.compile(r"[^a-z0-9]+")
_MARKS = re.compile("[\u0300-\u036f]+")
"""Accents, once letters are taken apart from them."""


def identifiers(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """One for each name, in order; what would be the same gets a number at its end."""
    used = {*RESERVED, *keyword.kwlist, *taken}
    numbers: Counter[str] = Counter()
    found: list[str] = []
    for name in names:
        plain = one = _plain(name)
        while one in used:
            numbers[plain] += 1
            number = numbers[plain] + 1
            one = f"{plain[: LONGEST - len(str(number)) - 1]}_{number}"
        used.add(one)
        found.append(one)
    return found


def workflow_name(name: str) -> str:
    """A name for the whole: small letters, digits and dashes."""
    return _plain(name).replace("_", "-").strip("-")[:LONGEST] or "trace"


def _plain(name: str) -> str:
    """Long names lose their beginning: what tells tasks of one program apart stands at the end."""
    plain = _OTHER.sub("_", _MARKS.sub("", normalize("NFKD", name)).lower()).strip("_")
    short = plain if len(plain) <= LONGEST else plain[-LONGEST:].lstrip("_")
    return short if short[:1].isalpha() else f"n_{short}"[:LONGEST].rstrip("_")
