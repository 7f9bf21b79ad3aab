"""Reading the bytes of a manifest: from a file or standard input, within a size, as UTF-8.

What the text means is not known here.
"""

from __future__ import annotations

import re
import stat
import sys
from pathlib import Path

from compiler.diagnostics import Diagnostic, ManifestError, Position, Span
from compiler.manifest.lines import position_at
from compiler.manifest.model import Source

MAX_FILE_SIZE = 16 * 1024 * 1024
"""Bytes of a manifest that are read unless the caller allows more."""

STDIN_NAME = "<stdin>"

_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def read_source(path: str | Path, *, max_file_size: int = MAX_FILE_SIZE) -> Source:
    """The text of a manifest; `-` is standard input. Raises ManifestError (E001, E002, E012)."""
    if str(path) == "-":
        data = sys.stdin.buffer.read(max_file_size + 1)
        return decode_source(data, STDIN_NAME, Path.cwd(), max_file_size=max_file_size)
    place = Path(path)
    data = read_bytes(place, str(path), max_file_size=max_file_size)
    return decode_source(data, str(path), place.resolve().parent, max_file_size=max_file_size)


def read_bytes(place: Path, shown: str, *, max_file_size: int = MAX_FILE_SIZE) -> bytes:
    """The bytes of a file, one more than the limit of a larger one. Raises ManifestError (E001) without a place."""
    try:
        if not place.is_dir() and not stat.S_ISREG(place.stat().st_mode):
            hint = f"give it on standard input: treadle validate - < {shown}"
            message = f"{shown} is a device or a pipe, not a file"
            raise ManifestError((Diagnostic(code="E001", message=message, span=None, hint=hint),))
        with place.open("rb") as stream:
            return stream.read(max_file_size + 1)
    except (OSError, ValueError) as err:
        raise ManifestError((_unreadable(shown, err),)) from err


def decode_source(data: bytes, file: str, root: Path, *, max_file_size: int = MAX_FILE_SIZE) -> Source:
    """Decode UTF-8, a byte order mark dropped. Raises ManifestError (E002, E012)."""
    if len(data) > max_file_size:
        start = Position(1, 1)
        message = f"the file is larger than {max_file_size:,} bytes"
        hint = "describe repeated tasks with `foreach`, or allow more with --max-file-size"
        raise ManifestError((Diagnostic(code="E012", message=message, span=Span(file, start, start), hint=hint),))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as err:
        line, column = position_at(data[: err.start].decode("utf-8"), err.start)
        message = f"byte 0x{data[err.start]:02x} is not UTF-8"
        raise ManifestError((_bad_character(file, line, column, message, "save the file as UTF-8"),)) from err
    text = text.removeprefix("\ufeff")
    if wrong := _NOT_YAML.search(text):
        line, column = position_at(text, wrong.start())
        what = "a NUL byte" if wrong.group() == "\0" else f"the character U+{ord(wrong.group()):04X}"
        message = f"{what} cannot stand in a YAML file"
        hint = 'write it as an escape inside double quotes, such as "\\u0007"'
        raise ManifestError((_bad_character(file, line, column, message, hint),))
    return Source(file=file, text=text, root=root)


def _bad_character(file: str, line: int, column: int, message: str, hint: str) -> Diagnostic:
    span = Span(file, Position(line, column), Position(line, column + 1))
    return Diagnostic(code="E002", message=message, span=span, hint=hint)


def _unreadable(place: str, err: OSError | ValueError) -> Diagnostic:
    if isinstance(err, FileNotFoundError):
        return Diagnostic(code="E001", message=f"there is no file {place}", span=None)
    if isinstance(err, IsADirectoryError):
        hint = f"name the manifest in it, such as {Path(place) / 'workflow.yaml'}"
        return Diagnostic(code="E001", message=f"{place} is a folder, not a manifest", span=None, hint=hint)
    reason = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
    return Diagnostic(code="E001", message=f"{place} cannot be read: {reason.lower()}", span=None)
