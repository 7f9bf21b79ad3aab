"""Commands on real environments: shipped files, large values between processes, failures, killed environments."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import RunFailed
from tests.faults.workloads import SHORT_LEASES
from tests.integration.running import PLANNERS, Bench, compile_at, is_alive, run_sequentially, wait_for, write_workflow

PIPES = """
params: {megabytes: {type: int, default: 3}}
tasks:
  source:
    exec: {argv: [head, -c, "${{ params.megabytes * 1000000 }}", /dev/zero], stdout: bytes}
  letters:
    foreach: {i: [a, b, c, d]}
    exec: {argv: [tr, '\\0', "${{ i }}"], stdin: "${{ tasks.source }}", stdout: bytes}
  check:
    foreach: {i: [a, b, c, d]}
    exec:
      argv: [bin/count.sh, "${{ i }}"]
      files: [bin, "words/${{ i }}.txt"]
      stdin: ${{ tasks.letters[i] }}
      stdout: json
    env: {MARK: "of ${{ i }}"}
  join: {exec: {argv: [cat], stdin: "${{ tasks.check }}", stdout: json}}
result: ${{ tasks.join }}
"""
COUNT = """\
#!/bin/sh
# The arguments, the shipped files and the length of the input, as JSON.
printf '["%s", "%s", "%s", %d]' "$1" "$(cat words/*.txt)" "$MARK" "$(wc -c)"
"""


@pytest.mark.parametrize("planner", PLANNERS)
def test_commands_are_piped_across_environments(bench: Bench, tmp_path: Path, planner: str) -> None:
    path = write_workflow(tmp_path, PIPES, "")
    (tmp_path / "bin").mkdir()
    (tmp_path / "words").mkdir()
    (tmp_path / "bin" / "count.sh").write_text(COUNT)
    (tmp_path / "bin" / "count.sh").chmod(0o755)
    for name in "abcd":
        (tmp_path / "words" / f"{name}.txt").write_text(f"word {name}")
    build = compile_at(path, planner)
    expected = [[name, f"word {name}", f"of {name}", 3_000_000] for name in "abcd"]
    assert bench.run(build).result == expected
    assert run_sequentially(build) == expected
    assert bench.left_keys() == []


@pytest.mark.parametrize("planner", PLANNERS)
def test_a_command_that_fails_is_told_with_its_end(bench: Bench, tmp_path: Path, planner: str) -> None:
    body = "tasks: {a: {exec: [sh, -c, 'echo no such thing >&2; exit 4']}}\nresult: ${{ tasks.a }}"
    with pytest.raises(RunFailed) as caught:
        bench.run(compile_at(write_workflow(tmp_path, body, ""), planner))
    (record,) = caught.value.records
    assert (record["task"], record["type"], record["line"]) == ("a", "ExitCode", 3)
    assert "ended with exit code 4" in str(record["message"])
    assert record["stderr"] == "no such thing\n"


SECRETIVE = "tasks: {a: {exec: {argv: [env, '-0'], stdout: bytes}}}\nresult: ${{ tasks.a }}"


def test_a_command_does_not_see_the_signing_key(bench: Bench, tmp_path: Path) -> None:
    result: Any = bench.run(compile_at(write_workflow(tmp_path, SECRETIVE, ""), "simple")).result
    names = {line.partition(b"=")[0] for line in result.split(b"\0")}
    assert b"PATH" in names
    assert not names & {b"TREADLE_KEYS", b"TREADLE_REDIS_URL", b"AWS_LAMBDA_RUNTIME_API"}


LASTING = """
params: {marker: {type: str}}
tasks:
  lasts: {exec: {argv: [sh, bin/lasts.sh, "${{ params.marker }}"], files: [bin]}}
result: ${{ tasks.lasts }}
"""
LASTS = """\
if test -e "$1"; then echo again; exit; fi
sleep 600 &
echo "$PPID $$ $!" > "$1.new"
mv "$1.new" "$1"
wait
"""


@pytest.mark.parametrize("planner", PLANNERS)
def test_killing_an_environment_leaves_no_process_of_its_command(bench: Bench, tmp_path: Path, planner: str) -> None:
    path = write_workflow(tmp_path, LASTING, "")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "lasts.sh").write_text(LASTS)
    marker = tmp_path / "marker"
    build = compile_at(path, planner, marker=str(marker))
    results: list[object] = []
    run = threading.Thread(target=lambda: results.append(bench.run(build, SHORT_LEASES).result))
    run.start()
    wait_for(marker.exists, "the command to begin")
    environment, *command = map(int, marker.read_text().split())
    os.kill(environment, signal.SIGKILL)
    run.join()
    assert results == ["again"]
    wait_for(lambda: not any(map(is_alive, command)), "the command to end")
