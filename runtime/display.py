"""Results as text for people and as JSON for programs. A value is never changed, and a broken `repr` never ends a run.

Short values stand on one line; long ones are laid out by their structure and cut where nobody reads on.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterator, Mapping, Sequence

WIDTH = 96
MAX_ENTRIES = 20
MAX_LINES = 60
MAX_REPR = 2000


def tame(text: str) -> str:
    """A line of a program's without what steers a terminal."""
    return "".join(one if one.isprintable() or one == "\t" else "\N{REPLACEMENT CHARACTER}" for one in text)


def json_entry(name: str, value: object) -> dict[str, object]:
    """`{name: value}` when JSON can hold the value, else `{name: None, name_repr: text}`."""
    if is_json(value):
        return {name: value}
    return {name: None, f"{name}_repr": safe_repr(value, limit=100 * MAX_REPR)}


def is_json(value: object) -> bool:
    """Whether `json` writes the value without inventing anything: finite numbers, and no classes of the user's."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError, OverflowError):
        return False
    return True


def pretty(value: object, *, width: int = WIDTH) -> str:
    """Some lines that show the value; what is left out is counted."""
    lines: list[str] = []
    for line in _lines(value, width):
        if len(lines) == MAX_LINES:
            lines.append("…")
            break
        lines.append(line)
    return "\n".join(lines)


def safe_repr(value: object, *, limit: int = MAX_REPR) -> str:
    """`repr(value)`, cut to about `limit` characters; a class whose `repr` raises shows its name."""
    writer = reprlib.Repr()
    writer.maxlevel = 12
    writer.maxlist = writer.maxtuple = writer.maxdict = writer.maxset = writer.maxfrozenset = max(
        MAX_ENTRIES, limit // 8
    )
    writer.maxarray = writer.maxdeque = MAX_ENTRIES
    writer.maxstring = writer.maxother = writer.maxlong = limit
    try:
        text = writer.repr(value)
    except (RecursionError, ValueError) as err:
        text = f"<{type(value).__name__} that cannot be shown: {err}>"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _lines(value: object, width: int) -> Iterator[str]:
    if isinstance(value, str) and "\n" in value:
        yield from value.splitlines()
        return
    if isinstance(value, str):
        yield value if len(value) <= MAX_REPR else f"{value[:MAX_REPR]}… ({len(value):,} characters)"
        return
    short = _short(value, width)
    if short is not None:
        yield short
    elif isinstance(value, Mapping):
        yield from _mapping_lines(value, width)
    elif isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        yield from _sequence_lines(value, width)
    else:
        yield from _leaf_lines(value, width)


def _short(value: object, width: int) -> str | None:
    """The value on one line, if it fits there."""
    if isinstance(value, (Mapping, Sequence)) and len(value) > width:
        return None
    if isinstance(value, (dict, list, tuple)) and not value:
        return repr(value)
    if isinstance(value, dict):
        return None
    text = safe_repr(value, limit=4 * width)
    return text if len(text) <= width and "\n" not in text else None


def _mapping_lines(value: Mapping[object, object], width: int) -> Iterator[str]:
    for position, (key, item) in enumerate(value.items()):
        if position == MAX_ENTRIES:
            yield f"… {len(value) - MAX_ENTRIES:,} more entries"
            return
        name = key if isinstance(key, str) and key.isprintable() else safe_repr(key, limit=width)
        yield from _under(f"{name}:", item, width)


def _sequence_lines(value: Sequence[object], width: int) -> Iterator[str]:
    for position, item in enumerate(value):
        if position == MAX_ENTRIES:
            yield f"… {len(value) - MAX_ENTRIES:,} more items"
            return
        yield from _under("-", item, width)


def _under(head: str, item: object, width: int) -> Iterator[str]:
    """`head item` on one line when the item has one, else the item indented below its head."""
    inner = list(_lines(item, max(20, width - 2)))
    if len(inner) == 1 and not (head != "-" and item and isinstance(item, dict)):
        yield f"{head} {inner[0]}"
    elif head == "-" and inner:
        yield f"- {inner[0]}"
        yield from (f"  {line}" for line in inner[1:])
    else:
        yield head
        yield from (f"  {line}" for line in inner)


def _leaf_lines(value: object, width: int) -> Iterator[str]:
    if isinstance(value, (bytes, bytearray)):
        yield f"{len(value):,} bytes, {safe_repr(bytes(value[:24]))}…"
        return
    yield from safe_repr(value).splitlines()[:MAX_ENTRIES]
