"""Did-you-mean: the known name that a mistyped one was meant to be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Set

_LONGEST = 80
_MANY = 500
"""Candidates above which only those at one edit are looked for: each is found without comparing it with all others."""

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789_-"


def edit_distance(left: str, right: str) -> int:
    """Damerau-Levenshtein distance in its optimal string alignment form: insert, delete, replace, swap neighbours."""
    before: list[int] = []
    previous = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        current = [i]
        for j, b in enumerate(right, 1):
            cost = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        before, previous = previous, current
    return previous[-1]


def closest(word: str, candidates: Iterable[str], synonyms: Mapping[str, str] | None = None) -> str | None:
    """The candidate nearest to `word` within max(1, len/3) edits, else its synonym, else None; of equals the first."""
    if len(word) > _LONGEST:
        return None
    known = candidates if isinstance(candidates, Collection) else list(candidates)
    if len(known) > _MANY:
        return _at_one_edit(word, known) or (synonyms or {}).get(word)
    limit = max(1, len(word) // 3)
    best, least = None, limit + 1
    for candidate in known:
        if abs(len(candidate) - len(word)) >= least:
            continue
        distance = edit_distance(word.lower(), candidate.lower())
        if distance < least:
            best, least = candidate, distance
    return best or (synonyms or {}).get(word)


def _at_one_edit(word: str, known: Collection[str]) -> str | None:
    names = known if isinstance(known, (Mapping, Set)) else frozenset(known)
    return next((made for made in _edits(word) if made in names), None)


def _edits(word: str) -> Iterator[str]:
    """Every text that one swap, deletion, replacement or insertion makes of a word."""
    for at in range(len(word) + 1):
        head, tail = word[:at], word[at:]
        if tail:
            yield head + tail[1:]
            yield head + tail[1:2] + tail[0] + tail[2:]
            yield from (head + letter + tail[1:] for letter in _ALPHABET)
        yield from (head + letter + tail for letter in _ALPHABET)


def did_you_mean(word: str, candidates: Iterable[str], synonyms: Mapping[str, str] | None = None) -> str:
    """One imperative line: the nearest candidate, else all of them when they are eight or fewer, else nothing."""
    known = candidates if isinstance(candidates, Collection) else list(candidates)
    if nearest := closest(word, known, synonyms):
        return f"write `{nearest}`"
    return f"known here: {', '.join(known)}" if 0 < len(known) <= 8 else ""
