"""Logs told by run, worker, task and attempt: marks as the driver makes them, read back as `treadle logs` does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.markers import LogMarks, part_of_run
from runtime.runs.logs import Written, read_log
from runtime.secrecy.log import Log


@contextmanager
def log_at(path: Path) -> Iterator[int]:
    """A descriptor of a log like an environment's."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    yield log
    os.close(log)


def output(descriptor: int) -> Log:
    """An output that goes there."""
    log = Log()
    log.descriptor = descriptor
    return log


def pieces(path: Path) -> list[tuple[str, int, str, bool]]:
    return [(one.task, one.attempt, one.text, one.is_open) for one in read_log(path)]


def test_each_attempt_is_told_what_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "000001.log"
    with log_at(path) as log:
        os.write(log, b"START RequestId: x\n")
        marks = LogMarks("r1", "w0", "t1", output(log))
        os.write(log, b"one\ntwo\n")
        marks.ended("a", 1)
        marks.ended("silent", 1)
        os.write(log, b"no line's end")
        marks.ended("b[3]", 2)
        os.write(log, b"END RequestId: x\n")
    assert pieces(path) == [("a", 1, "one\ntwo\n", False), ("b[3]", 2, "no line's end", False)]
    first = next(read_log(path))
    assert first == Written(
        run="r1", worker="w0", task="a", keys=(), attempt=1, environment="000001", text="one\ntwo\n", is_open=False
    )
    assert b"silent" not in path.read_bytes()


def test_what_a_process_wrote_before_it_was_killed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    with log_at(path) as log:
        marks = LogMarks("r", "w", "t", output(log))
        marks.runs("a", 2)
        os.write(log, b"early\n")
        marks.runs("a", 2)
        os.write(log, b"late\n")
        os.write(log, b"END RequestId: x\nREPORT RequestId: x\tDuration: 1 ms\n")
        LogMarks("r2", "w", "t2", output(log))
        os.write(log, b"of nobody\n")
    assert pieces(path) == [("a", 2, "early\n", True), ("a", 2, "late\n", True)]


def test_what_a_task_wrote_is_no_mark(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    with log_at(path) as log:
        marks = LogMarks("r", "w", "t", output(log))
        os.write(log, b'\x1e{"run": 1}\n\x1e[]\n\x1e{broken\n')
        marks.ended("a", 1)
    assert [one[0] for one in pieces(path)] == ["a"]
    assert "broken" in pieces(path)[0][2]


def test_the_hole_in_a_long_log_is_told(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    with log_at(path) as log:
        marks = LogMarks("r", "w", "t", output(log))
        os.write(log, b"head" + bytes(10_000) + b"tail\n")
        marks.ended("a", 1)
    assert pieces(path) == [("a", 1, "head\n… 10,000 bytes left out …\ntail\n", False)]


def test_a_log_whose_beginning_is_gone_is_read(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    with log_at(path) as log:
        marks = LogMarks("r", "w", "t", output(log))
        os.write(log, b"x" * 1000 + b"\n")
        marks.ended("a", 1)
    path.write_bytes(path.read_bytes()[-300:])
    ((task, _, text, _),) = pieces(path)
    assert task == "a"
    assert text.endswith("x\n")


def test_an_output_that_is_no_file_has_no_marks() -> None:
    read, write = os.pipe()
    marks = LogMarks("r", "w", "t", output(write))
    marks.ended("a", 1)
    marks.runs("a", 1)
    os.close(write)
    assert os.read(read, 100) == b""
    os.close(read)


def test_the_part_of_one_run_is_cut_out(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    with log_at(path) as log:
        for run in ("r1", "r2", "r3"):
            marks = LogMarks(run, "w", "t", output(log))
            os.write(log, f"of {run}\n".encode())
            marks.ended("a", 1)
    whole = path.read_bytes()
    path.write_bytes(part_of_run(whole, "r2"))
    assert [(one.run, one.text) for one in read_log(path)] == [("r2", "of r2\n")]
    assert part_of_run(whole, "r") == b""
