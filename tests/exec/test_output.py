"""What becomes of a command's output and of its end: the value, or a failure that says what the user needs."""

from __future__ import annotations

import pytest

from runtime.tasks import process
from tests.exec.commands import PYTHON, Bench


@pytest.mark.parametrize(
    ("stdout", "written", "value"),
    [
        ("text", b"3\n", "3"),
        ("text", b"a\n\n", "a\n"),
        ("text", b" a ", " a "),
        ("text", b"a\r\n", "a"),
        ("text", b"", ""),
        ("text", "ä\u2028b\x0b\n".encode(), "ä\u2028b\x0b"),
        ("lines", b"a\nb\n", ["a", "b"]),
        ("lines", b"a\r\n\nb", ["a", "", "b"]),
        ("lines", b"", []),
        ("lines", b"\n", [""]),
        ("lines", "a\u2028b\x0bc\n".encode(), ["a\u2028b\x0bc"]),
        ("bytes", bytes(range(256)), bytes(range(256))),
        ("bytes", b"", b""),
        ("json", b' {"a": [1, 2.5, null]}\n', {"a": [1, 2.5, None]}),
        ("json", b"\xef\xbb\xbf3", 3),
    ],
)
def test_output_becomes_the_value_that_stdout_names(bench: Bench, stdout: str, written: bytes, value: object) -> None:
    script = f"import sys; sys.stdout.buffer.write({written!r})"
    found = bench.run(PYTHON, "-c", script, stdout=stdout)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("stdout", "written", "said"),
    [
        ("json", b'{"a": 1,\n "b" 2}', "no JSON: Expecting ':' delimiter, in line 2, column 6"),
        ("json", b"", "empty"),
        ("json", b"NaN", "NaN is no JSON number"),
        ("json", b"[1e999]", "out of range"),
        ("json", b"[" * 100_000, "nested too deeply"),
        ("text", b"ab\ncd\xff", "no UTF-8: the byte 0xff at position 6, in line 2"),
        ("lines", b"\xc3", "no UTF-8"),
    ],
)
def test_output_that_is_something_else_is_refused_with_its_place(
    bench: Bench, stdout: str, written: bytes, said: str
) -> None:
    script = f"import sys; sys.stdout.buffer.write({written[:64]!r} * {max(1, len(written) // 64)})"
    failure = bench.fail(PYTHON, "-c", script, stdout=stdout)
    assert failure.kind == "CommandOutput"
    assert said in failure.message


def test_an_object_gives_several_outputs(bench: Bench) -> None:
    outcome = bench.outcome("echo", '{"a": 1, "b": [2]}', stdout="json", outputs=("a", "b"))
    assert outcome.outputs == {"t.a": 1, "t.b": [2]}


def test_exit_code_and_the_end_of_the_error_output_are_in_the_failure(bench: Bench) -> None:
    failure = bench.fail("sh", "-c", "echo first >&2; echo 'no such thing' >&2; exit 3")
    assert failure.kind == "ExitCode"
    assert "ended with exit code 3" in failure.message
    assert failure.stderr.endswith("first\nno such thing\n")


def test_only_the_end_of_a_long_error_output_is_kept(bench: Bench) -> None:
    script = "import sys; sys.stderr.write('x' * 1_000_000 + 'END'); sys.exit(1)"
    failure = bench.fail(PYTHON, "-c", script)
    assert len(failure.stderr) == process.STDERR_TAIL_BYTES
    assert failure.stderr.endswith("END")


def test_error_output_goes_on_to_the_log(bench: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    assert bench.run("sh", "-c", "echo said >&2") == ""
    assert capfd.readouterr().err == "said\n"


def test_a_killed_program_names_its_signal(bench: Bench) -> None:
    failure = bench.fail("sh", "-c", "kill -SEGV $$")
    assert failure.kind == "ExitCode"
    assert "was killed by SIGSEGV" in failure.message


def test_a_hundred_megabytes_go_in_and_out(bench: Bench) -> None:
    data = b"0123456789abcdef" * (100 * 65536)
    assert bench.run("cat", stdin=data, stdout="bytes") == data


def test_a_program_that_fills_both_outputs_before_it_reads_does_not_block(bench: Bench) -> None:
    script = (
        "import sys; sys.stderr.write('e' * 1_000_000); sys.stderr.flush();"
        "sys.stdout.write('o' * 1_000_000); sys.stdout.flush(); print(len(sys.stdin.read()))"
    )
    found = bench.run(PYTHON, "-c", script, stdin="i" * 1_000_000)
    assert found == "o" * 1_000_000 + "1000000"


def test_a_program_need_not_read_its_input(bench: Bench) -> None:
    assert bench.run("head", "-n", 1, stdin="first\n" + "more\n" * 1_000_000) == "first"


def test_more_output_than_may_be_ends_the_program(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process.run_process, "__kwdefaults__", {"max_output": 1 << 20})
    failure = bench.fail("yes")
    assert failure.kind == "CommandOutput"
    assert "wrote more than" in failure.message
