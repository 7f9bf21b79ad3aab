"""What holds of every text that is given as a manifest, however broken it is. Each property raises AssertionError."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from compiler.diagnostics import CODES, Diagnostic, ManifestError, Span
from compiler.manifest.lines import split_lines
from compiler.manifest.load import load_tree
from compiler.manifest.model import Source
from compiler.manifest.plain import to_plain
from compiler.manifest.source import decode_source
from compiler.manifest.tree import MappingNode
from compiler.pipeline import check
from compiler.rendering import render_human, to_json

FILE = "workflow.yaml"


def diagnose(text: str, root: Path, set_values: Mapping[str, object] | None = None) -> list[Diagnostic]:
    """What is wrong with a manifest of these characters, as if it were read from a file."""
    try:
        return check(source_of(text, root), set_values, max_instances=20_000)
    except ManifestError as err:
        return list(err.diagnostics)


def source_of(text: str, root: Path) -> Source:
    """Raises ManifestError (E002) for characters that no manifest may hold."""
    return decode_source(text.encode("utf-8", errors="surrogatepass"), FILE, root)


def check_codes(found: Sequence[Diagnostic]) -> None:
    """Every code is in the table, none is our own fault, and warnings are silent beside errors."""
    codes = {one.code for one in found}
    assert codes <= CODES.keys() - {"E900"}, codes
    assert len({code[0] for code in codes}) <= 1, f"warnings beside errors: {sorted(codes)}"


def check_places(found: Sequence[Diagnostic], text: str, root: Path) -> None:
    """Every range lies in its file, and begins before it ends."""
    lines = {FILE: split_lines(text.removeprefix("\ufeff"))}
    for one in found:
        for span in (one.span, *(other.span for other in one.related), *(fix.span for fix in one.fixes)):
            if span is not None:
                assert _lies_in(span, _lines(span.file, lines, root)), f"{one.code} at {span}"


def _lines(file: str, lines: dict[str, list[str]], root: Path) -> list[str]:
    if file not in lines:
        path = root / PurePosixPath(file)
        assert path.is_file(), f"a place in {file}, which is no file"
        lines[file] = split_lines(path.read_text(encoding="utf-8", errors="replace"))
    return lines[file]


def _lies_in(span: Span, lines: Sequence[str]) -> bool:
    return span.start <= span.end and all(
        1 <= place.line <= max(1, len(lines)) and 1 <= place.column <= (len(lines[place.line - 1]) if lines else 0) + 1
        for place in (span.start, span.end)
    )


def check_rendering(found: Sequence[Diagnostic], text: str) -> None:
    """People get at most 100 columns without control characters, machines get JSON."""
    shown = render_human(found, {FILE: text})
    for row in shown.splitlines():
        assert len(row) <= 100, f"{len(row)} columns: {row}"
    assert not any(char in shown for char in "\x00\x07\x1b\u202e"), "a control character on the terminal"
    assert len(json.loads(json.dumps(to_json(found), allow_nan=False))["diagnostics"]) == len(found)


def check_parsers(text: str, root: Path) -> None:
    """libyaml and PyYAML see the same tree and the same mistakes on the same lines, where both can read the text."""
    try:
        source = source_of(text, root)
    except ManifestError:
        return
    (fast, fast_found), (slow, slow_found) = (load_tree(source, pure=pure) for pure in (False, True))
    if fast is None or slow is None:
        return
    assert _lines_of(fast_found) == _lines_of(slow_found)
    assert fast_found or to_plain(fast) == to_plain(slow)


def _lines_of(found: Sequence[Diagnostic]) -> list[tuple[str, int]]:
    return [(one.code, one.span.start.line if one.span else 0) for one in found]


def check_order(text: str, root: Path, set_values: Mapping[str, object] | None, turn: int) -> None:
    """The order of keys is of no account (but in `foreach`, which is ordered)."""
    try:
        tree, found = load_tree(source_of(text, root))
    except ManifestError:
        return
    if not isinstance(tree, MappingNode) or found:
        return
    plain = to_plain(tree)
    first, second = (
        Counter(one.code for one in diagnose(json.dumps(value, indent=1), root, set_values))
        for value in (plain, permuted(plain, turn))
    )
    assert first == second, f"{first} became {second}"


def permuted(value: object, turn: int) -> object:
    if isinstance(value, dict):
        names = list(value)
        at = turn % len(names) if names else 0
        names = names[at:][::-1] + names[:at]
        return {name: value[name] if name == "foreach" else permuted(value[name], turn) for name in names}
    return [permuted(item, turn) for item in value] if isinstance(value, list) else value
