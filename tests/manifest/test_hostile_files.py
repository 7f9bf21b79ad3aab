"""Files made to hurt: each is a process of `treadle validate`, within a limit of processor time and of memory.

The bar is a second and 500 MB. The limits are the kernel's: its memory, and several times its time, so that a slow or
busy machine passes and a bomb does not. The processes are forked from one that has imported everything, since starting
it costs more than most of the files. What belongs to no file (pipes, devices, links) is at the end.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compiler.diagnostics import MAX_MISTAKES
from tests.manifest.hostile import ACCEPTED, HEAD, REFUSED, TASK
from tests.manifest.texts import diagnose

ROOT = Path(__file__).resolve().parents[2]
CPU_SECONDS = 8
MEMORY = 500_000_000

Validate = Callable[..., tuple[int, list[str]]]

SERVER = """
import json, os, resource, sys
from compiler.cli.main import main
import compiler.pipeline, jsonschema, jinja2.parser

def work(given):
    resource.setrlimit(resource.RLIMIT_CPU, (given["seconds"], given["seconds"]))
    resource.setrlimit(resource.RLIMIT_AS, (given["memory"], given["memory"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for stream, name in ((0, given["in"]), (1, given["out"]), (2, given["err"])):
        os.dup2(os.open(name, os.O_RDONLY if stream == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    os.chdir(given["folder"])
    status = main(["validate", "--format", "json", *given["words"]])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)

for line in iter(sys.stdin.readline, ""):
    child = os.fork()
    if not child:
        try:
            work(json.loads(line))
        finally:
            sys.excepthook(*sys.exc_info())
            os._exit(99)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[subprocess.Popen[str]]:
    """A process that forks one for each line that it reads, and answers with the exit code."""
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def validate(server: subprocess.Popen[str], tmp_path: Path) -> Validate:
    """Exit code and codes of one process within the limits; it ends with an answer, whatever it was given."""

    def run(*words: str, given: bytes = b"") -> tuple[int, list[str]]:
        files = {name: str(tmp_path / f"std{name}") for name in ("in", "out", "err")}
        Path(files["in"]).write_bytes(given)
        order = {**files, "words": words, "folder": os.getcwd(), "seconds": CPU_SECONDS, "memory": MEMORY}
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(json.dumps(order) + "\n")
        server.stdin.flush()
        status = int(server.stdout.readline())
        trouble = Path(files["err"]).read_text(errors="replace")
        assert "Traceback" not in trouble and status in (0, 1, 4), f"exit {status}: {trouble[-2000:]}"
        return status, [one["code"] for one in json.loads(Path(files["out"]).read_bytes())["diagnostics"]]

    return run


def write(folder: Path, content: str | bytes) -> str:
    path = folder / "workflow.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return str(path)


@pytest.mark.parametrize("name", REFUSED)
def test_what_hurts_is_refused_with_its_code_within_the_limits(name: str, tmp_path: Path, validate: Validate) -> None:
    code, made = REFUSED[name]
    status, codes = validate(write(tmp_path, made()))
    assert (status, set(codes)) == (1, {code})
    assert len(codes) <= MAX_MISTAKES


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_only_large_is_accepted(name: str, tmp_path: Path, validate: Validate) -> None:
    assert validate(write(tmp_path, ACCEPTED[name]())) == (0, [])


def test_limits_say_how_they_are_raised() -> None:
    (many,) = diagnose(f"{HEAD}{TASK}x-a: [{'1,' * 300_000}1]\n")
    assert "262,144" in many.message
    assert "--max-file-size" in many.hint


def test_a_larger_file_size_allows_more_entries(tmp_path: Path, validate: Validate) -> None:
    path = write(tmp_path, f"{HEAD}{TASK}x-a: [{'1,' * 300_000}1]\n")
    assert validate(path) == (1, ["E012"])
    assert validate(path, "--max-file-size", "32MiB") == (0, [])


@pytest.mark.parametrize("value", ["${{ tasks.g }}", "__import__('os').getcwd()", "{{ 7 * 7 }}", "x\ntasks: {}"])
def test_a_parameter_is_a_text_and_no_template(value: str, tmp_path: Path, validate: Validate) -> None:
    text = "spec: 1\nname: t\nparams: {x: a}\ntasks: {g: {call: 'json:loads', args: ['${{ params.x }}']}}\n"
    assert validate(write(tmp_path, text), "--set", f"x={value}") == (0, [])


def test_standard_input_has_the_same_limits(validate: Validate) -> None:
    assert validate("-", given=(HEAD + TASK).encode()) == (0, [])
    assert validate("-", given=b"#" * (17 << 20)) == (1, ["E012"])


def a_folder(place: Path) -> None:
    place.mkdir()


def a_fifo_that_nobody_writes(place: Path) -> None:
    os.mkfifo(place)


def a_socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        os.chdir(place.parent)
        made.bind(place.name)


def an_endless_device(place: Path) -> None:
    place.symlink_to("/dev/zero")


def a_link_to_itself(place: Path) -> None:
    place.symlink_to(place)


def a_file_below_a_file(place: Path) -> None:
    place.parent.joinpath("file").write_text("")
    place.symlink_to("file/below")


@pytest.mark.parametrize(
    "make",
    [a_folder, a_fifo_that_nobody_writes, a_socket, an_endless_device, a_link_to_itself, a_file_below_a_file],
    ids=lambda make: make.__name__.replace("_", " "),
)
def test_what_is_no_file_is_said_to_be_none(
    make: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validate: Validate
) -> None:
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "workflow.yaml"
    make(place)
    assert validate(str(place)) == (4, ["E001"])


def test_a_module_behind_a_link_out_of_the_folder_is_refused(tmp_path: Path, validate: Validate) -> None:
    outside, inside = tmp_path / "outside.py", tmp_path / "inside"
    outside.write_text("def f():\n    pass\n")
    inside.mkdir()
    (inside / "mod.py").symlink_to(outside)
    assert validate(write(inside, HEAD + "tasks: {g: {call: 'mod.py:f'}}\n")) == (1, ["E408"])


def test_an_aliased_option_with_a_mistake_is_reported_at_its_anchor() -> None:
    text = HEAD + "x-a: &t 30\ntasks:\n  g: {call: 'a:f', timeout: *t}\n  h: {call: 'a:f', timeout: *t}\n"
    assert [(one.code, one.span and one.span.start.line) for one in diagnose(text)] == [("E103", 3)]


def test_many_mistakes_give_a_bounded_number_of_diagnostics() -> None:
    found = diagnose(HEAD + TASK + "".join(f"k{n}: 1\n" for n in range(20_000)))
    assert {one.code for one in found} == {"E102"}
    assert len(found) <= 201
