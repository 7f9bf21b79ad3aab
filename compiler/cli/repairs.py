"""`--fix`: the edits that are certain, made in the file itself, round by round until none is left."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from compiler.cli.console import Console
from compiler.diagnostics import Diagnostic
from compiler.fixes import apply_fixes, with_fixes
from compiler.manifest.model import Source
from runtime.errors import RuntimeFault

MAX_ROUNDS = 20
"""A remedy of the YAML may bring the next mistake to light; after so many rounds what is left is reported."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def repaired(source: Source, check: Callable[[Source], Iterable[Diagnostic]], console: Console) -> Source:
    """The source with every certain edit made, and the file with it; each edit is told. Raises RuntimeFault."""
    text = source.text
    for _ in range(MAX_ROUNDS):
        now = replace(source, text=text)
        found = _own(with_fixes(list(check(now)), {source.file: text}), source.file)
        if not found:
            break
        for one in found:
            assert one.span is not None, "what has a fix has a place"
            place = f"{source.file}:{one.span.start.line}:{one.span.start.column}"
            console.note(f"fixed {place}: {one.message} [{one.code}]")
        text = apply_fixes(text, [fix for one in found for fix in one.fixes])
    if text != source.text:
        _write(Path(source.file), text)
    return replace(source, text=text)


def _own(diagnostics: Sequence[Diagnostic], file: str) -> list[Diagnostic]:
    """Those whose edits are in this file; a file that it includes is edited when it is named."""
    return [one for one in diagnostics if one.fixes and all(fix.span.file == file for fix in one.fixes)]


def _write(file: Path, text: str) -> None:
    """Replace the file in one step, with its mode and its byte order mark; a link stays a link."""
    place = file.resolve()
    try:
        mark = _BYTE_ORDER_MARK if place.read_bytes()[:3] == _BYTE_ORDER_MARK else b""
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix=f".{place.name}.", delete=False) as made:
            made.write(mark + text.encode("utf-8"))
        shutil.copymode(place, made.name)
        os.replace(made.name, place)
    except OSError as err:
        raise RuntimeFault(f"cannot write {file}: {err.strerror or err}") from err
