"""`treadle runs`: what its actions take, where there is no run yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Treadle


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("export", "last"), "`runs export` takes RUN FILE, not last"),
        (("import",), "`runs import` takes FILE, not nothing"),
        (("list", "last"), "`runs list` takes nothing, not last"),
        (("show", "a", "b"), "`runs show` takes RUN, not a b"),
        (("list", "--timeline"), "--timeline is for `runs show`"),
        (("list", "--picture", "run.svg"), "--picture is for `runs show`"),
        (("export", "last", "-", "--json"), "cannot both go to standard output"),
    ],
)
def test_words_that_an_action_does_not_take_are_usage_errors(
    treadle: Treadle, words: tuple[str, ...], told: str
) -> None:
    called = treadle("runs", *words)
    assert (called.code, told in called.err) == (2, True)


def test_file_that_cannot_be_read_is_told(treadle: Treadle, tmp_path: Path) -> None:
    called = treadle("runs", "import", tmp_path / "none.zip")
    assert (called.code, "none.zip cannot be read: No such file" in called.err) == (4, True)


def test_run_that_is_not_there_is_told(treadle: Treadle, tmp_path: Path) -> None:
    for words in (("show", "last"), ("export", "last", tmp_path / "run.zip")):
        called = treadle("runs", *words)
        assert (called.code, "there is no run `last`" in called.err) == (2, True)
