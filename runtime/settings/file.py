"""`treadle.toml` as it is written: its settings with their lines, by table. What they mean, `layers` knows."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FILE_NAME = "treadle.toml"
_HEADER = re.compile(r"\s*\[+\s*(?P<name>[^\[\]]+?)\s*\]+\s*(#.*)?")
_KEY = re.compile(r"\s*(?P<name>\"[^\"]*\"|'[^']*'|[A-Za-z0-9_.-]+)\s*=")
_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")
_TWICE = {"Cannot overwrite a value": "this name is given twice", "Cannot declare": "this table is there twice"}


class FileUnreadable(ValueError):
    """The file is there and cannot be read, or is no TOML; the text says where and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsText:
    """What a file says. `lines` has (table or "", name) -> line, for what stands on a line of its own."""

    path: Path
    content: Mapping[str, object] = field(default_factory=dict)
    lines: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def place(self, name: str, table: str = "") -> str:
        """`treadle.toml:3`, for a setting or, with an empty name, for the head of a table."""
        line = self.lines.get((table, name))
        return str(self.path) if line is None else f"{self.path}:{line}"


def read_settings_text(folder: Path) -> SettingsText:
    """`treadle.toml` in `folder`; nothing when there is none. Raises FileUnreadable."""
    path = folder / FILE_NAME
    text = _read(path)
    if text is None:
        return SettingsText(path=path)
    import tomllib

    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise FileUnreadable(_not_toml(str(err), path, text)) from err
    return SettingsText(path=path, content=content, lines=_lines(text))


def _read(path: Path) -> str | None:
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise FileUnreadable(
                f"{path} is {'a folder' if stat.S_ISDIR(mode) else 'no file'}; settings are read there"
            )
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as err:
        raise FileUnreadable(f"{path} cannot be read: {err.strerror}") from err
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        line = data.count(b"\n", 0, err.start) + 1
        raise FileUnreadable(f"{path}:{line}: this is not UTF-8; save the file in that encoding") from err


def _not_toml(message: str, path: Path, text: str) -> str:
    found = _PLACE.search(message)
    said = message[: found.start()] if found else message
    said = next((words for start, words in _TWICE.items() if said.startswith(start)), f"this is no TOML: {said}")
    if found is None:
        return f"{path}: {said}"
    if found["line"] is None:
        return f"{path}:{len(text.splitlines())}: {said}"
    return f"{path}:{found['line']}:{found['column']}: {said}"


def _lines(text: str) -> dict[tuple[str, str], int]:
    """Where each name stands first. A line inside a text of several lines may be taken for one; settings have none."""
    found: dict[tuple[str, str], int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            table = header["name"].strip("\"'")
            found.setdefault((table, ""), number)
        elif key := _KEY.match(line):
            inner, _, name = key["name"].strip("\"'").rpartition(".")
            found.setdefault((table or inner, name), number)
    return found
