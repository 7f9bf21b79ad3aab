"""Which program runs, in which folder, with which files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.exec.commands import PYTHON, Bench
from tests.shell import ROOT

SCRIPT = "#!/bin/sh\ncat data/x.txt\n"


def test_a_shipped_script_finds_the_files_shipped_with_it(bench: Bench) -> None:
    files = {"bin/tool": SCRIPT, "data/x.txt": "content\n"}
    assert bench.run("bin/tool", files=files, executables=["bin/tool"]) == "content"
    assert bench.run("./bin/tool", files=files, executables=["bin/tool"]) == "content"


def test_a_shipped_file_is_found_before_the_path(bench: Bench) -> None:
    assert bench.run("ls", files={"ls": "#!/bin/sh\necho mine\n"}, executables=["ls"]) == "mine"


def test_an_absolute_path_names_a_program_of_the_machine(bench: Bench) -> None:
    assert bench.run(PYTHON, "-c", "print(1)") == "1"


def test_the_path_of_the_tasks_variables_counts(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "own-tool").write_text("#!/bin/sh\necho found\n")
    (tmp_path / "own-tool").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    assert bench.run("own-tool", environ={"PATH": path}) == "found"


@pytest.mark.parametrize(
    ("program", "files", "kind", "said"),
    [
        ("no-such-program", {}, "CommandNotFound", "no program `no-such-program` on the worker's PATH"),
        ("/no/such", {}, "CommandNotFound", "no program `/no/such`"),
        ("", {}, "CommandNotFound", "name is empty"),
        ("bin/other", {"bin/tool": SCRIPT}, "CommandNotFound", "not among the task's `files`"),
        ("/etc/passwd", {}, "CommandNotExecutable", "may not be executed"),
        ("tool", {"tool": "#!/no/such/interpreter -x\n"}, "CommandNotExecutable", "#!/no/such/interpreter"),
        ("tool", {"tool": b"\x7fELF\x02\x01\x01garbage"}, "CommandNotExecutable", "no program for this"),
        ("tool", {"tool": "echo no shebang\n"}, "CommandNotExecutable", "no program for this machine"),
    ],
)
def test_a_program_that_cannot_run_says_why(
    bench: Bench, program: str, files: dict[str, str | bytes], kind: str, said: str
) -> None:
    failure = bench.fail(program, files=files, executables=["tool"])
    assert failure.kind == kind
    assert said in failure.message


def test_each_command_has_a_fresh_folder_that_is_gone_afterwards(bench: Bench, temporary: Path) -> None:
    script = "import os; print(os.getcwd(), os.listdir()); open('left', 'w').close(); os.mkdir('d', 0o000)"
    first, second = (str(bench.run(PYTHON, "-c", script)) for _ in range(2))
    assert first.endswith("[]")
    assert second.endswith("[]")
    folder = Path(first.split()[0])
    assert folder.is_relative_to(temporary)
    assert not folder.exists()
    assert first != second


def test_cwd_is_a_folder_inside_the_working_folder(bench: Bench) -> None:
    files = {"data/deep/x.txt": "content"}
    assert bench.run("cat", "x.txt", files=files, cwd="data/deep") == "content"
    assert bench.run("sh", "-c", "basename $(pwd); ls", cwd="new") == "new"
    assert bench.run("sh", "-c", "cat $PWD/x.txt", files={"a/x.txt": "1"}, cwd="./a/") == "1"


@pytest.mark.parametrize("cwd", ["/etc", "..", "a/../../b", "a\0b", None, 3, "file"])
def test_cwd_cannot_be_anywhere_else(bench: Bench, cwd: object) -> None:
    failure = bench.fail("ls", cwd=cwd, files={"file": ""})
    assert failure.kind == "CommandInput"
    assert "`cwd`" in failure.message


def test_files_may_be_replaced_in_the_working_folder_and_stay_as_they_are_for_others(bench: Bench) -> None:
    files = {"x.txt": "original\n"}
    assert bench.run("sh", "-c", "sed -i s/original/changed/ x.txt; cat x.txt", files=files) == "changed"
    assert bench.run("cat", "x.txt", files=files) == "original"


def test_files_that_somebody_changed_on_the_worker_are_made_again(bench: Bench, temporary: Path) -> None:
    files = {"x.txt": "original", "tool": "#!/bin/sh\ncat x.txt\n"}
    assert bench.run("tool", files=files, executables=["tool"]) == "original"
    (placed,) = temporary.glob("*/files/*/x.txt")
    placed.chmod(0o644)
    placed.write_text("tampered")
    assert bench.run("tool", files=files, executables=["tool"]) == "original"
    placed.unlink()
    assert bench.run("tool", files=files, executables=["tool"]) == "original"


def test_modes_are_the_executable_bit_and_nothing_more(bench: Bench, temporary: Path) -> None:
    bench.run("tool", files={"tool": "#!/bin/sh\n", "x": ""}, executables=["tool"])
    modes = {path.name: path.stat().st_mode & 0o777 for path in temporary.glob("*/files/*/*")}
    assert modes == {"tool": 0o555, "x": 0o444}


def test_processes_share_the_placed_files_and_trust_only_what_they_read(bench: Bench, temporary: Path) -> None:
    files = {"x.txt": "original"}
    bench.run("cat", "x.txt", files=files)
    (placed,) = temporary.glob("*/files/*/x.txt")
    before = placed.stat().st_ino
    other = Bench(blobs=bench.blobs)
    assert other.run("cat", "x.txt", files=files) == "original"
    assert placed.stat().st_ino == before
    placed.chmod(0o644)
    placed.write_text("tampered")
    third = Bench(blobs=bench.blobs)
    assert third.run("cat", "x.txt", files=files) == "original"
    other.loader.close()
    third.loader.close()


def test_closing_leaves_no_working_folder(bench: Bench, temporary: Path) -> None:
    bench.run("true", files={"x": ""})
    bench.loader.close()
    assert list(temporary.glob("*/commands/*")) == []


def test_working_folders_of_processes_that_are_no_more_go(bench: Bench, temporary: Path) -> None:
    work = temporary / f"treadle-{os.getuid()}" / "commands"
    (work / "7-abandoned" / "1").mkdir(parents=True)
    work.parent.chmod(0o700)
    (work / "7-abandoned.lock").touch()
    bench.run("true")
    assert not (work / "7-abandoned").exists()
    assert not (work / "7-abandoned.lock").exists()


def test_files_that_nobody_used_for_a_day_go(bench: Bench, temporary: Path) -> None:
    old = temporary / f"treadle-{os.getuid()}" / "files" / "old"
    old.mkdir(parents=True)
    old.parent.parent.chmod(0o700)
    os.utime(old, (0, 0))
    bench.run("true", files={"x": ""})
    assert not old.exists()


def test_a_temporary_folder_of_somebody_elses_is_not_used(bench: Bench, temporary: Path) -> None:
    (temporary / "elsewhere").mkdir()
    (temporary / f"treadle-{os.getuid()}").symlink_to(temporary / "elsewhere")
    with pytest.raises(Exception, match="not a folder of this user's alone"):
        bench.run("true")


def test_no_descriptor_of_the_worker_reaches_the_program(bench: Bench) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    try:
        script = f"import os; print(os.path.exists('/proc/self/fd/2'), os.path.exists('/proc/self/fd/{writing}'))"
        assert bench.run(PYTHON, "-c", script) == "True False"
    finally:
        os.close(reading)
        os.close(writing)


FETCHER = """\
import os
from tests.exec.commands import Bench

bench = Bench()
read = bench.loader._get_units
def counted(digests):
    for digest in digests:
        if bench.blobs[digest] == b"x" * 1000:
            os.write(1, b"fetched\\n")
    return read(digests)
bench.loader._get_units = counted
assert bench.run("cat", "x", files={"x": b"x" * 1000}) == "x" * 1000
"""


def test_of_many_processes_one_fetches_the_files(temporary: Path) -> None:
    environ = {**os.environ, "TMPDIR": str(temporary)}
    processes = [
        subprocess.Popen([sys.executable, "-c", FETCHER], cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert "".join(outputs) == "fetched\n"
