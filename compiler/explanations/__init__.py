"""The page of each diagnostic code, read from the `E304.md` files beside this module.

A page is Markdown: `# E304 no-such-instance`, prose, then `## Wrong` and `## Right`. In these a fence of `yaml` is
`workflow.yaml`; a file name in a fence's info string makes it a file beside that; `escapes` means that the text stands
for bytes, written with the escapes of a Python bytes literal; `console` holds the command that shows the mistake, when
it is not the plain `treadle validate workflow.yaml`. `# <- here` marks the line that the diagnostic is about, or
`at=4` in the info string where a comment cannot. How a page looks on a terminal is `compiler.explanations.terminal`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from compiler.diagnostics import CODES

MARK = "# <- here"
DEFAULT_FILE = "workflow.yaml"
DEFAULT_COMMAND = f"treadle validate {DEFAULT_FILE}"
_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleFile:
    """A file of an example. `text` is as the page shows it; `line` is where the diagnostic stands, 0 elsewhere."""

    name: str
    text: str
    line: int = 0
    has_escapes: bool = False

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        if self.has_escapes:
            return self.text.encode("ascii").decode("unicode_escape").encode("latin-1")
        return self.text.encode("utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """`text` is the section as written; the rest is what it says: files, and the command that is run on them."""

    text: str
    files: tuple[ExampleFile, ...]
    command: str = DEFAULT_COMMAND


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One code explained: `title` in a line, `text` in Markdown. Codes that no manifest alone gives have no example."""

    code: str
    slug: str
    title: str
    text: str
    wrong: Example | None = None
    right: Example | None = None


@cache
def page(code: str) -> Page:
    """The page of a code of `CODES`."""
    slug, title = CODES[code]
    written = (files(__name__) / f"{code}.md").read_text(encoding="utf-8")
    head, _, rest = written.partition("\n")
    assert head == f"# {code} {slug}", f"{code}.md begins with {head!r}"
    parts = dict(_sections(rest))
    return Page(
        code=code,
        slug=slug,
        title=title,
        text=parts[""],
        wrong=_example(parts.get("Wrong")),
        right=_example(parts.get("Right")),
    )


def look_up(word: str) -> str | None:
    """The code that a word names in any case: a code, or a slug, of which W014 and the like have their own."""
    if word.upper() in CODES:
        return word.upper()
    return {slug: code for code, (slug, _) in CODES.items()}.get(word.lower())


def to_json(one: Page) -> dict[str, object]:
    """What `treadle explain CODE --json` prints."""
    return {
        "code": one.code,
        "slug": one.slug,
        "title": one.title,
        "text": one.text,
        "wrong": _example_json(one.wrong),
        "right": _example_json(one.right),
    }


def _example_json(example: Example | None) -> Mapping[str, object] | None:
    if example is None:
        return None
    return {"command": example.command, "files": {file.name: file.text for file in example.files}}


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Heading and body of each part; the text before the first heading is under "". No fence holds a heading."""
    name, *rest = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    yield "", name.strip()
    yield from ((heading, body.strip()) for heading, body in zip(rest[::2], rest[1::2], strict=True))


def _example(text: str | None) -> Example | None:
    if text is None:
        return None
    found: list[ExampleFile] = []
    command = DEFAULT_COMMAND
    for fence in _FENCE.finditer(text):
        kind, *words = fence["info"].split()
        if kind == "console":
            command = fence["body"].split("\n", 1)[0].removeprefix("$ ")
        else:
            found.append(_file(words, fence["body"]))
    return Example(text=text, files=tuple(found), command=command)


def _file(words: list[str], body: str) -> ExampleFile:
    names = [word for word in words if "." in word]
    marked = [number for number, line in enumerate(body.splitlines(), 1) if MARK in line]
    marked += [int(word.removeprefix("at=")) for word in words if word.startswith("at=")]
    return ExampleFile(
        name=names[0] if names else DEFAULT_FILE,
        text=body,
        line=marked[0] if marked else 0,
        has_escapes="escapes" in words,
    )
