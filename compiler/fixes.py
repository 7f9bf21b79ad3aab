"""The edits that remedy a mistake, where the remedy is certain: what a hint tells to write, written.

A hint such as "write `timeout`" is about the text under the caret, so it says what that text becomes; a few codes have
rules of their own. Every edit is tried out before it is offered: on the edited text the diagnostic is gone, and the
structure of the manifest has no mistake that it did not have before. Whether an edit is made is the caller's business.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

from compiler.diagnostics import Diagnostic, Fix, Position, Span
from compiler.manifest.lines import LINE_BREAK, split_lines
from compiler.manifest.model import Source
from compiler.manifest.parse import check_manifest

MAX_TEXT = 64 * 1024
"""Characters of a file for which edits are tried; a larger one would hold up `validate`."""

MAX_TRIALS = 8
"""Edits that are tried one by one, when all at once do not remedy all mistakes."""

_STOPPERS = ("E002", "E003", "E004", "E211")
"""Codes after which the rest of the file is not understood: a remedy may bring further mistakes to light."""

_RENAMING = re.compile(r"write `(?P<word>[^`]+)`")
_WRITING = re.compile(r"write (?P<word>[^\s`\"']+)")
_WRITTEN_OUT = frozenset({"E103", "E106", "E109", "E110", "E113"})
"""Codes whose hint "write 30s" is about the whole value under the caret."""

_EXPRESSION = re.compile(r"(?<=[\s\[{,])\$\{\{.*?\}\}(?=\s*(?:[,\]}]|$|\s#))")
_BARE = re.compile(r"\{\{(?P<inner>.*?)\}\}(?=\s*(?:[,\]}]|$|\s#))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a diagnostic's caret covers, all of it on one line."""

    diagnostic: Diagnostic
    span: Span
    line: str

    @property
    def text(self) -> str:
        return self.line[self.span.start.column - 1 : self.span.end.column - 1]

    def fix(self, first: int, last: int, replacement: str) -> Fix:
        """The characters of the line from index `first` to `last` become `replacement`."""
        number, file = self.span.start.line, self.span.file
        span = Span(file, Position(number, first + 1), Position(number, last + 1))
        return Fix(span=span, replacement=replacement)

    def whole(self, replacement: str) -> Fix:
        return Fix(span=self.span, replacement=replacement)


def with_fixes(diagnostics: Sequence[Diagnostic], texts: Mapping[str, str]) -> list[Diagnostic]:
    """The diagnostics, in their order, with the edits that are certain. `texts` are the files' by name."""
    certain: dict[int, Fix] = {}
    for file, text in texts.items():
        if len(text) <= MAX_TEXT:
            here = [one for one in diagnostics if one.span and one.span.file == file and not one.fixes]
            certain.update(_Bench(file, text).certain(here))
    return [replace(one, fixes=(certain[id(one)],)) if id(one) in certain else one for one in diagnostics]


def apply_fixes(text: str, fixes: Sequence[Fix]) -> str:
    """The text with the edits made; of edits that overlap only the first."""
    begins = [0, *(found.end() for found in LINE_BREAK.finditer(text))]

    def index(place: Position) -> int:
        return begins[place.line - 1] + place.column - 1

    pieces, done = [], 0
    for fix in sorted(fixes, key=lambda one: one.span):
        first, last = index(fix.span.start), index(fix.span.end)
        if first >= done:
            pieces += [text[done:first], fix.replacement]
            done = last
    return "".join([*pieces, text[done:]])


class _Bench:
    """One file, on whose text edits are tried."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.text = file, text
        self.lines = split_lines(text)

    def certain(self, diagnostics: Sequence[Diagnostic]) -> dict[int, Fix]:
        """The edits that are certain, by the identity of their diagnostics."""
        proposed = [(one, fix) for one in diagnostics if (fix := self._proposal(one)) is not None]
        if not proposed:
            return {}
        known = self._mistakes(self.text)
        if not self._do_remedy(proposed, known):
            proposed = [one for one in proposed[:MAX_TRIALS] if self._do_remedy([one], known)]
        return {id(one): fix for one, fix in proposed}

    def _proposal(self, one: Diagnostic) -> Fix | None:
        span = one.span
        if span is None or span.end.line != span.start.line or span.start.line > len(self.lines):
            return None
        return next(_proposals(Place(diagnostic=one, span=span, line=self.lines[span.start.line - 1])), None)

    def _do_remedy(self, edits: Sequence[tuple[Diagnostic, Fix]], known: Counter[tuple[str, int]]) -> bool:
        """Whether these edits together do away with their diagnostics, and bring no mistake that was not there."""
        after = self._mistakes(apply_fixes(self.text, [fix for _, fix in edits]))
        remedied = Counter((one.code, one.span.start.line) for one, _ in edits if one.span)
        if any(one.code in _STOPPERS for one, _ in edits):
            return not any(mistake in after for mistake in remedied)
        return after <= known - remedied

    def _mistakes(self, text: str) -> Counter[tuple[str, int]]:
        """How often each code stands on each line, as far as the structure of a manifest goes."""
        _, found = check_manifest(Source(file=self.file, text=text, root=Path()))
        return Counter((one.code, one.span.start.line) for one in found if one.span)


def _proposals(place: Place) -> Iterator[Fix]:
    """What the hint tells to write, then what the rules of the code propose."""
    one = place.diagnostic
    if found := _RENAMING.fullmatch(one.hint):
        yield from _renamed(place, found["word"])
    elif one.code in _WRITTEN_OUT and (found := _WRITING.fullmatch(one.hint)):
        yield place.whole(found["word"])
    elif rule := _RULES.get(one.code):
        yield from rule(place)


def _renamed(place: Place, word: str) -> Iterator[Fix]:
    """The wrong word, which the message names, becomes another; quotes stay."""
    quote = place.text[:1] if place.text[:1] in ("'", '"') else ""
    bare = place.text.strip(quote) if quote else place.text
    if f"`{bare}`" in place.diagnostic.message:
        yield place.whole(f"{quote}{word}{quote}")


def _quoted(place: Place) -> Iterator[Fix]:
    """A plain value becomes a text, or an item alone a list, as the hint says."""
    if place.diagnostic.hint.startswith(("quote it", 'write "')):
        yield from (place.whole(text) for text in _in_quotes(place.text))
    elif place.diagnostic.hint.startswith("write ["):
        yield place.whole(f"[{place.text}]")


def _octal(place: Place) -> Iterator[Fix]:
    digits = place.text.lstrip("-+")
    if re.fullmatch("0+[0-7]+", digits):
        yield place.whole(f"0o{digits.lstrip('0') or '0'}")


def _spaces(place: Place) -> Iterator[Fix]:
    indent = place.line[: len(place.line) - len(place.line.lstrip())]
    yield place.fix(0, len(indent), indent.replace("\t", "  "))


def _dollars(place: Place) -> Iterator[Fix]:
    """Every `{{ x }}` from the caret on becomes a quoted expression; one that is text already needs the sign alone."""
    if place.text.endswith("}}"):
        yield place.whole(f"${place.text}")
        return
    yield from _each(place, _BARE, lambda found: f"${found.group()}")


def _guarded(place: Place) -> Iterator[Fix]:
    """Every unquoted expression of the line from the caret on is quoted."""
    if place.text.startswith("${{"):
        yield from _each(place, _EXPRESSION, re.Match.group)


def _uncut(place: Place) -> Iterator[Fix]:
    """A text that ` #` cuts off is quoted, up to the end of its last expression."""
    first = place.span.start.column - 1
    last = place.line.rfind("}}") + 2
    if last > first and not place.line[last:].strip():
        yield from (place.fix(first, last, text) for text in _in_quotes(place.line[first:last]))


def _stated(place: Place) -> Iterator[Fix]:
    """A manifest that does not say its version begins with it."""
    if place.diagnostic.hint == "add `spec:`":
        yield place.fix(0, 0, "spec: 1\n")


def _each(place: Place, pattern: re.Pattern[str], written: Callable[[re.Match[str]], str]) -> Iterator[Fix]:
    """One edit in which what a pattern finds from the caret on, outside quotes, is written otherwise, in quotes."""
    line, begin = place.line, place.span.start.column - 1
    found = list(takewhile(lambda one: not set("\"'") & set(line[begin : one.start()]), pattern.finditer(line, begin)))
    if not found or found[0].start() != begin:
        return
    pieces, done = [], begin
    for one in found:
        quoted = next(_in_quotes(written(one)), None)
        if quoted is None:
            return
        pieces += [line[done : one.start()], quoted]
        done = one.end()
    yield place.fix(begin, done, "".join(pieces))


def _in_quotes(text: str) -> Iterator[str]:
    """The text as a quoted scalar that means exactly it, when quotes alone do that."""
    if '"' not in text and "\\" not in text:
        yield f'"{text}"'
    elif "'" not in text:
        yield f"'{text}'"


_RULES: Mapping[str, Callable[[Place], Iterator[Fix]]] = {
    "E003": _guarded,
    "E004": _spaces,
    "E013": _quoted,
    "E014": _octal,
    "E101": _stated,
    "E103": _quoted,
    "E202": _uncut,
    "E211": _dollars,
    "W014": _quoted,
}
