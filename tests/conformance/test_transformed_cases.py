"""What must not matter to a diagnosis: lines above, block or flow style, an unrelated task, all of it in JSON.

Every case of the contract, and of our own, is written again in other ways; its codes must stay.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from compiler.diagnostics import Diagnostic, ManifestError
from compiler.manifest.load import load_tree
from compiler.manifest.plain import to_plain
from compiler.manifest.source import decode_source
from compiler.pipeline import check
from tests.conformance.own import OwnCase, own_cases
from tests.conformance.test_conformance import CASES, HERE

WRITTEN = [
    *(
        OwnCase(
            title=f"{case['id']} {case['title']}",
            manifest=case["manifest"],
            expect=(),
            set_values=case["set"],
            root=HERE / case["root"],
        )
        for case in CASES
        if case["manifest"]
    ),
    *own_cases(),
]


ALL = [pytest.param(case, marks=() if at % 10 == 0 else pytest.mark.slow) for at, case in enumerate(WRITTEN)]
"""All but every tenth carry the mark `slow`."""


def diagnose(case: OwnCase, text: str) -> list[Diagnostic]:
    try:
        return check(decode_source(text.encode(), "workflow.yaml", case.root), case.set_values)
    except ManifestError as err:
        return list(err.diagnostics)


def codes(found: list[Diagnostic]) -> Counter[str]:
    return Counter(one.code for one in found)


def plain(case: OwnCase) -> dict[str, Any] | None:
    """The manifest as data; None when YAML itself is at fault, or says more than data can (styles, ignores)."""
    try:
        tree, found = load_tree(decode_source(case.manifest.encode(), "workflow.yaml", case.root))
    except ManifestError:
        return None
    is_plain = "treadle: ignore" not in case.manifest and "W014" not in codes(diagnose(case, case.manifest))
    data = to_plain(tree) if tree is not None and not found and is_plain else None
    return data if isinstance(data, dict) else None


def block(value: object, indent: int = 0) -> Iterator[str]:
    """The lines of a value in block style, every text in double quotes."""
    pad = " " * indent
    match value:
        case dict() if value:
            for key, inner in value.items():
                if isinstance(inner, (dict, list)) and inner:
                    yield f"{pad}{json.dumps(key)}:"
                    yield from block(inner, indent + 2)
                else:
                    yield f"{pad}{json.dumps(key)}: {json.dumps(inner)}"
        case list() if value:
            for inner in value:
                if isinstance(inner, (dict, list)) and inner:
                    yield f"{pad}-"
                    yield from block(inner, indent + 2)
                else:
                    yield f"{pad}- {json.dumps(inner)}"
        case _:
            yield pad + json.dumps(value)


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.title)
def test_lines_above_move_the_places_and_nothing_else(case: OwnCase) -> None:
    before = diagnose(case, case.manifest)
    after = diagnose(case, "# a comment\n\n# another\n" + case.manifest.removeprefix("\ufeff"))
    for one, other in zip(before, after, strict=True):
        assert (one.span is None) is (other.span is None)
        if one.span is not None and other.span is not None:
            moved, is_of_the_file = other.span.start.line - one.span.start.line, one.span.start.line == 1
            assert moved == 3 or (moved == 0 and is_of_the_file)
    assert codes(before) == codes(after)


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.title)
def test_block_style_and_json_give_the_same_codes(case: OwnCase) -> None:
    data = plain(case)
    if data is None:
        return
    before = codes(diagnose(case, case.manifest))
    assert codes(diagnose(case, "\n".join(block(data)))) == before
    assert codes(diagnose(case, json.dumps(data))) == before


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.title)
def test_an_unrelated_task_changes_nothing(case: OwnCase) -> None:
    data = plain(case)
    before = diagnose(case, case.manifest)
    if data is None or not isinstance(data.get("tasks"), dict) or not data["tasks"] or codes(before).keys() & {"E312"}:
        return
    if not any(one.code.startswith("E") for one in before):
        return
    data["tasks"]["unrelated_to_all"] = {"call": "app:g", "args": [1]}
    assert codes(diagnose(case, json.dumps(data))) == codes(before)
