"""Requirements as the manifest states them: a list, or a file of lines, brought to one normalised list.

What one requirement means is `runtime.requirements`; whether it is installed is asked when a run starts.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from compiler.code.modules import is_inside
from runtime.requirements import Requirement, parse_requirement

FILE_MARK = "-r "
MAX_FILES = 50
_INSTALLER_OPTIONS = re.compile(
    r"(--index-url|--extra-index-url|--find-links|--trusted-host|--no-index|--prefer-binary|--pre|--only-binary"
    r"|--no-binary|--require-hashes|-i|-f)\b"
)
_NESTED = re.compile(r"(?:-r|--requirement)[ =]?\s*(?P<path>.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementLine:
    """One line of a requirements file, with its place."""

    text: str
    file: str
    line: int


class RequirementFileFault(Exception):
    """A requirements file is missing (E404), leaves the folder (E408) or has a line that is none (E410)."""

    def __init__(self, code: str, message: str, *, file: str = "", line: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.file = file
        self.line = line


def layer_digest(requirements: Iterable[str]) -> str:
    """The digest that names the layer of these requirements, "" for none; order and spelling do not count."""
    texts = sorted({parse_requirement(line).text for line in requirements})
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest() if texts else ""


def resolve_requirements(items: Sequence[str], root: Path) -> tuple[str, ...]:
    """The normalised, sorted list of `items`, in which `-r PATH` stands for the lines of a file under `root`.

    Raises `RequirementFileFault` for a file, ValueError for an item, each with a message for the user.
    """
    found: set[str] = set()
    for item in items:
        if item.startswith(FILE_MARK):
            found.update(requirement.text for _, requirement in read_requirements_file(item[len(FILE_MARK) :], root))
        else:
            found.add(parse_requirement(item).text)
    return tuple(sorted(found))


def read_requirements_file(path: str, root: Path) -> list[tuple[RequirementLine, Requirement]]:
    """The requirements of a file and of those that it includes with `-r`. Raises `RequirementFileFault`."""
    found: list[tuple[RequirementLine, Requirement]] = []
    path = posixpath.normpath(path)
    waiting, seen = [path], {path}
    while waiting:
        current = waiting.pop()
        for line in _lines(current, root):
            nested = _NESTED.fullmatch(line.text)
            if nested is not None:
                inner = posixpath.normpath(posixpath.join(posixpath.dirname(current), nested["path"].strip()))
                if inner not in seen and len(seen) < MAX_FILES:
                    seen.add(inner)
                    waiting.append(inner)
            elif not _INSTALLER_OPTIONS.match(line.text):
                found.append((line, _requirement(line)))
    return found


def _requirement(line: RequirementLine) -> Requirement:
    try:
        if line.text.startswith("-"):
            raise ValueError(f"`{line.text}` is not supported; write each package with its version")
        return parse_requirement(re.split(r"\s--", line.text, maxsplit=1)[0])
    except ValueError as err:
        raise RequirementFileFault(
            "E410", f"line {line.line} of `{line.file}`: {err}", file=line.file, line=line.line
        ) from err


def _lines(path: str, root: Path) -> Iterator[RequirementLine]:
    """The lines that say something, comments removed, continued lines joined."""
    if not is_inside(root, root / path):
        raise RequirementFileFault("E408", f"`{path}` leaves the manifest's folder")
    try:
        text = (root / path).read_text(encoding="utf-8-sig")
    except FileNotFoundError as err:
        raise RequirementFileFault("E404", f"the requirements file `{path}` does not exist") from err
    except IsADirectoryError as err:
        raise RequirementFileFault("E404", f"`{path}` is a folder, not a requirements file") from err
    except (OSError, UnicodeDecodeError) as err:
        raise RequirementFileFault("E404", f"the requirements file `{path}` cannot be read: {err}") from err
    pending, first = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        first = first or number
        stripped = re.sub(r"(^|\s)#.*$", "", raw).strip()
        pending = f"{pending} {stripped.removesuffix(chr(92)).strip()}".strip()
        if stripped.endswith("\\"):
            continue
        if pending:
            yield RequirementLine(text=pending, file=path, line=first)
        pending, first = "", 0
    if pending:
        yield RequirementLine(text=pending, file=path, line=first)
