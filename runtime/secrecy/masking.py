"""What a secret looks like in a text, in whatever spelling, and `***` in its place.

A secret is hidden as it is, line by line, and the texts in it when it is JSON; each of these also as base64 (wherever
it lies in what was encoded), hexadecimal, quoted for a URL, for JSON, for HTML, for a shell, and as Python shows it.
What a program makes of a secret otherwise (a hash, half of it, its letters one by one) is not known here.

Pure, and light: the filter of a log (`runtime.secrecy.filter`) is a process that loads nothing else of treadle's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import AnyStr

LEAST_CHARS = 4
"""A shorter secret cannot be hidden: so short a text is everywhere."""
LEAST_PART_CHARS = 6
"""Lines of a secret, and texts in one that is JSON, that are hidden by themselves."""
KEPT_SECRETS = 256
"""An environment that lives long forgets the oldest of more."""
MASK = "***"
MASK_BYTES = MASK.encode()
WRAPPED_AT = (64, 76)
"""Where tools break the lines of base64."""

Stretch = tuple[int, int]


class Masks:
    """The secrets that a process knows. `on_new` is told of every spelling before the secret is given to anybody."""

    def __init__(self, on_new: Callable[[frozenset[str]], None] = lambda spelled: None) -> None:
        self.longest = 0
        self._on_new = on_new
        self._spelled: dict[str, frozenset[str]] = {}
        self._all: tuple[str, ...] = ()

    def add(self, secret: str) -> None:
        """Hide this one from now on. Raises what `on_new` raises: then it is not known, and nobody is to get it."""
        if secret in self._spelled:
            return
        new = spellings(secret)
        self._on_new(new)
        self._spelled[secret] = new
        while len(self._spelled) > KEPT_SECRETS:
            del self._spelled[next(iter(self._spelled))]
        self._all = tuple(sorted({text for texts in self._spelled.values() for text in texts}))
        self.longest = max(map(len, self._all))

    def hide(self, text: str) -> str:
        """The text with a mask for each secret in it."""
        return hidden(text, self._all) if self._all else text

    def hide_in_tail(self, text: str, limit: int, *, is_cut: bool) -> str:
        """The last `limit` characters; with `is_cut` the text is itself the end of a longer one.

        Where that was cut the rest of a secret may stand, which nothing shows to be one: so much is left out.
        """
        if not self._all:
            return text[-limit:]
        return hidden(text, self._all, max(self.longest if is_cut else 0, len(text) - limit))


def hidden(text: AnyStr, spelled: Iterable[AnyStr], start: int = 0) -> AnyStr:
    """The text from `start` on with a mask for each stretch that holds spellings, also for one that begins before."""
    mask: AnyStr = MASK if isinstance(text, str) else MASK_BYTES
    parts: list[AnyStr] = []
    at = start
    for first, end in stretches(text, spelled):
        if end > start:
            parts += (text[at:first], mask)
            at = end
    parts.append(text[at:])
    return text[:0].join(parts)


def stretches(text: AnyStr, spelled: Iterable[AnyStr]) -> list[Stretch]:
    """Where spellings stand; those that overlap are one stretch."""
    found: list[Stretch] = []
    for spelling in spelled:
        at = text.find(spelling)
        while at >= 0:
            found.append((at, at + len(spelling)))
            at = text.find(spelling, at + 1)
    merged: list[Stretch] = []
    for first, end in sorted(found):
        if merged and first < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((first, end))
    return merged


class Flow:
    """A text that comes in pieces: what may be the beginning of a secret is held back until the next piece."""

    def __init__(self) -> None:
        self._spelled: set[bytes] = set()
        self._longest = 0
        self._held = b""

    def hide(self, spelled: Iterable[bytes]) -> None:
        self._spelled.update(spelled)
        self._longest = max(map(len, self._spelled), default=0)

    @property
    def is_holding(self) -> bool:
        """Something is held back."""
        return bool(self._held)

    def take(self, piece: bytes) -> bytes:
        """What can be passed on now."""
        data = self._held + piece
        cut = self._cut(data)
        if len(data) - cut > HELD_FACTOR * self._longest:
            cut = len(data)
        self._held = data[cut:]
        return hidden(data[:cut], self._spelled)

    def rest(self) -> bytes:
        """Nothing more comes for now: what is held back."""
        data, self._held = self._held, b""
        return hidden(data, self._spelled)

    def _cut(self, data: bytes) -> int:
        """Where the last part begins that more may make a spelling of; a stretch is never cut."""
        cut = min([_beginning(data, spelling) for spelling in self._spelled], default=len(data))
        if cut < len(data):
            for first, end in reversed(stretches(data, self._spelled)):
                if first < cut < end:
                    cut = first
        return cut


HELD_FACTOR = 4
"""No more than so many times the longest spelling is held back: a text may repeat the beginning of one for ever."""


def _beginning(data: bytes, spelling: bytes) -> int:
    """Where the longest end of `data` stands that is a beginning of `spelling`, but not all of it."""
    at = max(0, len(data) - len(spelling) + 1)
    while (at := data.find(spelling[:1], at)) >= 0:
        if spelling.startswith(data[at:]):
            return at
        at += 1
    return len(data)


def spellings(secret: str) -> frozenset[str]:
    """Every text that gives the secret away, or a part of it that does."""
    return frozenset(text for part in _parts(secret) for text in _encodings(part) if len(text) >= LEAST_CHARS)


def _parts(secret: str) -> set[str]:
    lines = {line.strip() for line in secret.splitlines()}
    inner = {part for part in (*lines, *_json_texts(secret)) if len(part) >= LEAST_PART_CHARS}
    return {secret, secret.strip(), *inner}


def _json_texts(secret: str) -> Iterator[str]:
    if not secret.lstrip().startswith(("{", "[")):
        return
    import json

    try:
        waiting = [json.loads(secret)]
    except (ValueError, RecursionError):
        return
    for value in waiting:
        match value:
            case str():
                yield value.strip()
            case list():
                waiting += value
            case dict():
                waiting += value.values()


def _encodings(text: str) -> Iterator[str]:
    import html
    import json
    from urllib.parse import quote, quote_plus

    data = text.encode("utf-8", "surrogateescape")
    yield text
    yield from _base64(data)
    yield from (data.hex(), data.hex().upper())
    for quoted in (quote(data), quote(data, safe=""), quote_plus(data), quote_plus(data, safe="/")):
        yield from (quoted, _lower_escapes(quoted))
    for written in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        bare = written[1:-1]
        yield from (bare, bare.replace("/", "\\/"), json.dumps(bare)[1:-1])
    for shown in (repr(text), ascii(text), repr(data)[1:]):
        bare = shown[1:-1]
        yield from (bare, bare.replace("\\'", "'"), bare.replace("\\'", "'").replace("'", "\\'"))
    yield from (html.escape(text), html.escape(text, quote=False))
    yield text.replace("'", "'\"'\"'")


def _base64(data: bytes) -> Iterator[str]:
    """As an encoding of its own, broken into lines or not, and within one of something longer."""
    import base64

    whole = base64.b64encode(data).decode()
    standard = {whole, whole.rstrip("="), *(_inside(data, before) for before in range(3))}
    for width in WRAPPED_AT:
        if len(whole) > width:
            standard |= {whole[at : at + width] for at in range(0, len(whole), width)}
    for text in standard:
        yield from (text, text.translate(_URL_SAFE))


_URL_SAFE = str.maketrans("+/", "-_")


def _inside(data: bytes, before: int) -> str:
    """The letters that stand for these bytes alone, so many bytes (modulo 3) after the beginning."""
    import base64

    letters = base64.b64encode(bytes(before) + data + bytes(2)).decode()
    first = -(-8 * before // 6)
    return letters[first : 8 * (before + len(data)) // 6]


def _lower_escapes(quoted: str) -> str:
    """`%2f` for `%2F`: both are written."""
    head, *others = quoted.split("%")
    return "%".join((head, *(one[:2].lower() + one[2:] for one in others)))
