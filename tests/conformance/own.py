"""Cases of our own, in the spirit of the contract's: one text file for each subject, many small manifests in it.

A case begins with `=== its title`, and may go on with ` | ` and settings: `set {"n": 3}` (JSON), `1:E101` (a code on a
line), `*:E007` (on any line), `raw` (the text is the whole manifest; otherwise `spec: 1` and `name: t` come before it),
`root NAME` (another folder beside `own`). A line that ends with ` #! E103 E104` must give exactly these codes; the mark
is cut off before the text is read. `<TAB>`, `<NUL>`, `<BEL>`, `<BOM>` and `<CR>` stand for these characters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
OWN_ROOT = HERE / "own_fx"
HEAD = "spec: 1\nname: t\n"
_CHARACTERS = {"<TAB>": "\t", "<NUL>": "\0", "<BEL>": "\a", "<BOM>": "\ufeff", "<CR>": "\r"}
_MARK = re.compile(r"[ \t]*#! ?([EW0-9 ]*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCase:
    """A manifest and what it must give: codes with their lines, 0 for the command line, None for any line."""

    title: str
    manifest: str
    expect: tuple[tuple[str, int | None], ...]
    set_values: dict[str, object] = field(default_factory=dict)
    root: Path = OWN_ROOT


def own_cases() -> list[OwnCase]:
    """Every case of every file, in order."""
    return [case for path in sorted((HERE / "own").glob("*.txt")) for case in _cases(path)]


def _cases(path: Path) -> Iterator[OwnCase]:
    for block in path.read_text(encoding="utf-8").split("\n=== ")[1:]:
        title, _, body = block.partition("\n")
        yield _case(path.stem, title, body)


def _case(area: str, head: str, body: str) -> OwnCase:
    title, *settings = (part.strip() for part in head.split(" | "))
    is_raw = "raw" in settings
    lines, expect = _unmarked(body, 1 if is_raw else 1 + HEAD.count("\n"))
    set_values: dict[str, object] = {}
    root = OWN_ROOT
    for setting in settings:
        kind, _, rest = setting.partition(" ")
        if kind == "set":
            set_values = json.loads(rest)
        elif kind == "root":
            root = HERE / rest
        elif ":" in kind:
            line, _, code = kind.partition(":")
            expect.append((code, None if line == "*" else int(line)))
    manifest = ("" if is_raw else HEAD) + "\n".join(lines)
    for name, char in _CHARACTERS.items():
        manifest = manifest.replace(name, char)
    return OwnCase(title=f"{area}: {title}", manifest=manifest, expect=tuple(expect), set_values=set_values, root=root)


def _unmarked(body: str, first: int) -> tuple[list[str], list[tuple[str, int | None]]]:
    lines: list[str] = []
    expect: list[tuple[str, int | None]] = []
    for number, line in enumerate(body.split("\n"), first):
        found = _MARK.search(line)
        expect += [(code, number) for code in (found.group(1).split() if found else ())]
        lines.append(line[: found.start()] if found else line)
    return lines, expect
