"""What a command is called with and what it reads: every value arrives as it is, or is refused with its place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy
import pytest

from tests.exec.commands import PYTHON, Bench

SHOW = "import json, sys; json.dump(sys.argv[1:], sys.stdout)"
ECHO = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"


@pytest.mark.parametrize(
    "word",
    [
        "",
        "two words",
        "'single' \"double\"",
        "$(touch x) `touch x` ; touch x && touch x | cat > x",
        "$HOME ~ * ? [a] {b,c} \\n",
        "line\nline\ttab\r",
        "äöü 漢字 🙂",
        "-n",
    ],
)
def test_a_text_arrives_verbatim(bench: Bench, word: str) -> None:
    assert bench.run(PYTHON, "-c", SHOW, word, stdout="json") == [word]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (-1.5, "-1.5"),
        (1e-07, "1e-07"),
        (True, "true"),
        (False, "false"),
        (10**30, "1" + "0" * 30),
        (Path("a/b"), "a/b"),
        ("ä".encode(), "ä"),
    ],
)
def test_a_scalar_becomes_its_text(bench: Bench, value: object, text: str) -> None:
    assert bench.run(PYTHON, "-c", SHOW, value, stdout="json") == [text]


def test_a_number_of_numpys_becomes_its_text(bench: Bench) -> None:
    assert bench.run(PYTHON, "-c", SHOW, numpy.int64(5), numpy.float32(0.5), stdout="json") == ["5", "0.5"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "argument 3 is null"),
        (["a", "b"], "argument 3 is a list of 2"),
        ({"a": 1}, "argument 3 is a dict of 1"),
        ("a\0b", "argument 3 holds a NUL byte"),
        ("\ud800", "argument 3 holds a character that UTF-8 cannot encode"),
        (object(), "argument 3 is a value of type object"),
    ],
)
def test_what_is_no_word_is_refused_with_its_place(bench: Bench, value: object, said: str) -> None:
    failure = bench.fail("echo", "a", "b", value)
    assert failure.kind == "CommandInput"
    assert said in failure.message


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("text\n", b"text\n"),
        ("", b""),
        (b"\x00\xff", b"\x00\xff"),
        (bytearray(b"ab"), b"ab"),
        ({"a": [1, None, "ä"]}, '{"a":[1,null,"ä"]}'.encode()),
        (["a", "b"], b'["a","b"]'),
        (12, b"12"),
        (True, b"true"),
    ],
)
def test_standard_input_is_text_bytes_or_json(bench: Bench, value: object, read: bytes) -> None:
    assert bench.run(PYTHON, "-c", ECHO, stdin=value, stdout="bytes") == read


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "`stdin` is null"),
        ({1, 2}, "cannot be written as JSON"),
        ([float("nan")], "cannot be written as JSON"),
        ("\udc80", "UTF-8 cannot encode"),
    ],
)
def test_input_that_no_program_can_read_is_refused(bench: Bench, value: object, said: str) -> None:
    failure = bench.fail("cat", stdin=value)
    assert failure.kind == "CommandInput"
    assert said in failure.message


def test_a_list_that_holds_itself_is_refused(bench: Bench) -> None:
    endless: list[object] = []
    endless.append((endless,))
    assert bench.fail("cat", stdin=(endless,)).kind in ("CommandInput", "RecursionError")


def test_without_input_a_program_reads_nothing(bench: Bench) -> None:
    assert bench.run("cat") == ""


def test_a_command_line_beyond_the_machines_limit_says_so(bench: Bench) -> None:
    failure = bench.fail("echo", *["x" * 100_000] * 100)
    assert failure.kind == "CommandInput"
    assert "longer than this machine allows" in failure.message
    assert "stdin" in failure.hint


def test_variables_of_the_task_reach_the_program_and_those_of_the_worker_do_not(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TREADLE_KEYS", "ab" * 32)
    monkeypatch.setenv("TREADLE_REDIS_URL", "redis://:password@host")
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
    monkeypatch.setenv("KEPT", "yes")
    script = "import json, os, sys; json.dump(dict(os.environ), sys.stdout)"
    seen = bench.run(PYTHON, "-c", script, environ={"LEVEL": "3 $HOME"}, stdout="json")
    assert isinstance(seen, dict)
    assert (seen["LEVEL"], seen["KEPT"]) == ("3 $HOME", "yes")
    assert not [name for name in seen if name in ("TREADLE_KEYS", "TREADLE_REDIS_URL", "AWS_LAMBDA_RUNTIME_API")]
    assert "ab" * 32 not in json.dumps(seen)
