"""Each feature of the language in a manifest of its own, and the graph that it expands to as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.texts import manifests, text_of


@pytest.mark.parametrize("path", manifests(), ids=lambda path: path.stem)
def test_the_graph_is_as_written_down(path: Path) -> None:
    assert text_of(path) == path.with_suffix(".txt").read_text(encoding="utf-8")


def test_every_manifest_has_its_text_and_no_text_is_left_over() -> None:
    assert {path.stem for path in manifests()} == {path.stem for path in Path(__file__).parent.glob("*.txt")}
