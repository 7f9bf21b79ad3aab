"""Our own cases: exactly these codes on exactly these lines, in process, for every case of `own/*.txt`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from compiler.diagnostics import Diagnostic, ManifestError
from compiler.manifest.load import load_tree
from compiler.manifest.source import decode_source
from compiler.pipeline import check
from tests.conformance.own import OwnCase, own_cases

CASES = own_cases()


def codes_of(case: OwnCase) -> list[Diagnostic]:
    try:
        source = decode_source(case.manifest.encode(), "workflow.yaml", case.root)
    except ManifestError as err:
        return list(err.diagnostics)
    return check(source, case.set_values)


def lines_of(found: Sequence[Diagnostic]) -> list[tuple[str, int]]:
    return [(one.code, one.span.start.line if one.span else 0) for one in found]


def is_expected(found: list[Diagnostic], case: OwnCase) -> bool:
    """Whether the codes are those expected, each on its line, with none over."""
    left = Counter(lines_of(found))
    for code, line in sorted(case.expect, key=lambda one: one[1] is None):
        hit = next((key for key in left if key[0] == code and line in (None, key[1])), None)
        if hit is None:
            return False
        left[hit] -= 1
        left += Counter()
    return not left


def shown(found: list[Diagnostic]) -> list[str]:
    return [f"{one.code} line {one.span.start.line if one.span else 0}: {one.message}" for one in found]


def test_titles_tell_the_cases_apart() -> None:
    assert not [title for title, count in Counter(case.title for case in CASES).items() if count > 1]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_case(case: OwnCase) -> None:
    found = codes_of(case)
    assert is_expected(found, case), f"wanted {sorted(case.expect, key=str)}, found {shown(found)}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_both_yaml_parsers_say_the_same(case: OwnCase) -> None:
    try:
        source = decode_source(case.manifest.encode(), "workflow.yaml", case.root)
    except ManifestError:
        return
    fast, slow = (load_tree(source, pure=pure)[1] for pure in (False, True))
    assert lines_of(fast) == lines_of(slow)
