"""The end of a task's error output: kept for its record, and passed on as it was."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr

import pytest

from runtime.secrecy.masking import Masks
from runtime.tasks.stderr_tail import LIMIT, StderrTail


def test_what_is_written_is_kept_and_passed_on() -> None:
    tail, under = StderrTail(Masks()), io.StringIO()
    with redirect_stderr(under), tail.listening():
        print("before", file=sys.stderr)
        tail.clear()
        print("after", file=sys.stderr)
        sys.stderr.flush()
    assert tail.text() == "after\n"
    assert under.getvalue() == "before\nafter\n"


def test_of_much_the_end_is_kept() -> None:
    tail, under = StderrTail(Masks()), io.StringIO()
    with redirect_stderr(under), tail.listening():
        sys.stderr.write("x" * 100_000)
        for number in range(5_000):
            sys.stderr.write(f"{number}\n")
    written = under.getvalue()
    assert len(written) > 120_000
    assert tail.text() == written[-LIMIT:]


def test_a_stream_that_was_put_in_its_place_stays() -> None:
    tail, other = StderrTail(Masks()), io.StringIO()
    with redirect_stderr(io.StringIO()):
        with tail.listening():
            sys.stderr = other
        assert sys.stderr is other


def test_without_an_error_output_there_is_nothing_to_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    tail = StderrTail(Masks())
    with tail.listening():
        assert sys.stderr is None
    assert tail.text() == ""
