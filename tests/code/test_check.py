"""The static check of user code: which mistakes are found, where, and what is left alone."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from compiler.code.check import check_code
from compiler.diagnostics import Diagnostic
from compiler.manifest.model import Source
from compiler.manifest.parse import check_manifest

APP = """
def f(x, y=1): return x
def g(*xs, **kw): return xs
def greet(name, *, shout=False): return name
def only(a, b, /, c): return a
"""


def check(root: Path, tasks: str, **files: str) -> list[Diagnostic]:
    """The findings for these tasks, beside `app.py` and files `name=text` (`__` is a slash, `_py` a suffix)."""
    for key, text in {"app_py": APP, **files}.items():
        name = key.replace("__", "/")
        stem, _, suffix = name.rpartition("_")
        path = root / f"{stem}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    manifest, found = check_manifest(
        Source(file="flows/w.yaml", text="spec: 1\nname: t\n" + textwrap.dedent(tasks), root=root)
    )
    assert manifest is not None
    assert found == []
    before = set(sys.modules)
    findings = check_code(manifest)
    assert "app" not in set(sys.modules) - before, "the user's code was imported"
    return findings


def codes(found: list[Diagnostic]) -> list[tuple[str, int]]:
    return sorted((one.code, one.span.start.line) for one in found if one.span)


def one(found: list[Diagnostic]) -> Diagnostic:
    assert len(found) == 1, found
    return found[0]


def test_sound_calls_say_nothing(tmp_path: Path) -> None:
    tasks = """
        tasks:
          a: {call: "app:f", args: [1]}
          b: {call: "app.py:f", with: {x: 1, y: 2}}
          c: {call: "app:g", args: [1, 2, 3], with: {any: 1}}
          d: {call: "app:greet", args: [n], with: {shout: true}}
          e: {call: "os.path:join", args: [a, b]}
          h: {call: "lib/deep.py:f"}
          i: {call: "lib.deep:Box.make", args: [1]}
    """
    deep = "from . import other\nclass Box:\n    @staticmethod\n    def make(x): ...\ndef f(): ..."
    assert check(tmp_path, tasks, lib__deep_py=deep, lib__other_py="") == []


def test_a_module_that_is_nowhere_is_e401_at_its_name(tmp_path: Path) -> None:
    found = one(check(tmp_path, "tasks:\n  g: {call: 'ap:f', args: [1]}\n"))
    assert (found.code, found.hint) == ("E401", "write `app`")
    assert found.span is not None
    assert (found.span.start.column, found.span.end.column) == (14, 16)


def test_a_file_that_is_nowhere_is_e401(tmp_path: Path) -> None:
    found = one(check(tmp_path, "tasks:\n  g: {call: 'lib/step.py:f'}\n", lib__steps_py="def f(): ..."))
    assert (found.code, found.hint) == ("E401", "write `lib/steps.py`")


def test_a_function_that_is_nowhere_is_e402_at_its_name(tmp_path: Path) -> None:
    found = one(check(tmp_path, "tasks:\n  g:\n    call: app:gret\n"))
    assert (found.code, found.hint) == ("E402", "write `greet`")
    assert found.span is not None
    assert (found.span.start.line, found.span.start.column, found.span.end.column) == (5, 15, 19)


@pytest.mark.parametrize(
    "source",
    [
        "from lib import f",
        "from unknown_to_us import *",
        "f = make()",
        "try:\n    from fast import f\nexcept ImportError:\n    def f(): ...",
        "if True:\n    def f(): ...",
        "for name in 'fg':\n    globals()[name] = print",
        "def __getattr__(name): return print",
        "@decorator\ndef f(a, b): ...",
        "class f(Base): ...",
        "def f(a, b): ...\nf = wrap(f)",
        "from lib import *",
        "import lib as f",
        "(f := print)",
    ],
)
def test_what_ast_cannot_decide_is_no_error(tmp_path: Path, source: str) -> None:
    assert check(tmp_path, "tasks:\n  t: {call: 'mod:f', args: [1, 2, 3]}\n", mod_py=source, lib_py="f = print") == []


def test_a_star_import_of_the_users_own_module_is_looked_through(tmp_path: Path) -> None:
    found = check(tmp_path, "tasks:\n  t: {call: 'mod:h'}\n", mod_py="from lib import *", lib_py="def f(): ...")
    assert codes(found) == [("E402", 4)]


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("{call: 'app:f'}", "`f` needs `x`, which the task does not give"),
        ("{call: 'app:f', args: [1, 2, 3]}", "`f` takes 2 positional arguments, 3 are given"),
        ("{call: 'app:f', args: [1], with: {x: 2}}", "`x` is given twice: in `args` and in `with`"),
        ("{call: 'app:greet', args: [1, 2]}", "`greet` takes 1 positional argument, 2 are given"),
        ("{call: 'app:greet', with: {nme: 1}}", "`nme` in `with`: `greet` has no argument of this name"),
        ("{call: 'app:only', args: [1], with: {b: 1, c: 1}}", "`b` in `with`: `only` takes it by position only"),
        ("{call: 'app:only', args: [1]}", "`only` needs `b`, `c`, which the task does not give"),
        ("{call: 'mod:Box'}", "`the class` needs `size`, which the task does not give"),
        ("{call: 'mod:hinted', args: [1, 2]}", "`hinted` takes 1 positional argument, 2 are given"),
    ],
)
def test_arguments_that_do_not_fit_are_e403(tmp_path: Path, task: str, expected: str) -> None:
    mod = "class Box:\n    def __init__(self, size): ...\n@treadle_io(linear=1)\ndef hinted(x): ...\n"
    found = one(check(tmp_path, f"tasks:\n  t: {task}\n", mod_py=mod))
    assert (found.code, found.message) == ("E403", expected)


def test_each_argument_error_stands_at_its_own_place(tmp_path: Path) -> None:
    tasks = """\
        tasks:
          missing:
            call: app:f
          unknown:
            call: app:greet
            with:
              name: a
              shuot: true
          surplus:
            call: app:f
            args:
              - 1
              - 2
              - 3
    """
    found = check(tmp_path, tasks)
    assert codes(found) == [("E403", 4), ("E403", 10), ("E403", 16)]
    assert [one.hint for one in found] == ["", "write `shout`", ""]
    assert all(one.related[0].span.file == "flows/app.py" for one in found)


def test_a_shared_function_is_checked_once_and_its_tasks_each(tmp_path: Path) -> None:
    tasks = """\
        functions:
          wrong: {call: "app:gret"}
          right: {call: "app:f"}
          idle: {call: "nope:f"}
        tasks:
          a: {use: wrong}
          b: {use: wrong}
          c: {use: right}
          d: {use: right, args: [1]}
    """
    assert codes(check(tmp_path, tasks)) == [("E401", 6), ("E402", 4), ("E403", 10)]


def test_broken_python_is_e406_once_at_the_first_call_with_the_line_in_the_file(tmp_path: Path) -> None:
    tasks = "tasks:\n  a: {call: 'mod:f'}\n  b: {call: 'mod:g'}\n  c: {call: 'via:f'}\n"
    found = one(check(tmp_path, tasks, mod_py="x = 1\ndef broken(:\n", via_py="import mod\ndef f(): ..."))
    assert found.code == "E406"
    assert codes([found]) == [("E406", 4)]
    assert (found.related[0].span.file, found.related[0].span.start.line) == ("flows/mod.py", 2)


@pytest.mark.parametrize("text", ["x = '\x00'", "# coding: no-such\n", "x = (" * 300, "x = 1\n\ty = 2"])
def test_unreadable_python_is_e406_not_a_crash(tmp_path: Path, text: str) -> None:
    assert codes(check(tmp_path, "tasks:\n  a: {call: 'mod:f'}\n", mod_py=text)) == [("E406", 4)]


def test_bytes_that_are_not_text_are_e406(tmp_path: Path) -> None:
    (tmp_path / "latin.py").write_bytes(b"x = 'caf\xe9'\n")
    assert codes(check(tmp_path, "tasks:\n  a: {call: 'latin:f'}\n")) == [("E406", 4)]


@pytest.mark.parametrize("call", ["../out.py:f", "/etc/out.py:f", "linked:f", "linked.py:f"])
def test_code_outside_the_folder_is_e408(tmp_path: Path, call: str) -> None:
    (tmp_path / "out.py").write_text("def f(): ...")
    root = tmp_path / "in"
    root.mkdir()
    (root / "linked.py").symlink_to(tmp_path / "out.py")
    assert codes(check(root, f"tasks:\n  a: {{call: '{call}'}}\n")) == [("E408", 4)]


def test_a_compiled_extension_and_a_coroutine_are_e409(tmp_path: Path) -> None:
    (tmp_path / "fast.so").write_bytes(b"\x7fELF")
    tasks = "tasks:\n  a: {call: 'fast:f'}\n  b: {call: 'mod:f'}\n"
    assert codes(check(tmp_path, tasks, mod_py="async def f(): ...")) == [("E409", 4), ("E409", 5)]


@pytest.mark.parametrize("name", ["runtime", "compiler", "json"])
def test_a_module_named_like_one_of_the_workers_is_refused(tmp_path: Path, name: str) -> None:
    found = one(check(tmp_path, f"tasks:\n  a: {{call: '{name}:f'}}\n", **{f"{name}_py": "def f(): ..."}))
    assert found.code == "E401"
    assert found.hint == "rename the module"


def test_a_hint_from_treadle_itself_may_be_imported(tmp_path: Path) -> None:
    mod = "from runtime.hints import treadle_io\n@treadle_io(linear=1)\ndef f(): ..."
    assert check(tmp_path, "tasks:\n  a: {call: 'mod:f'}\n", mod_py=mod) == []


@pytest.mark.parametrize(
    "line", ["import_module(f'plugins.{name}')", "__import__('plugins.' + name)", "import_module('plugins.%s' % name)"]
)
def test_an_import_of_the_users_package_by_a_computed_name_is_e407(tmp_path: Path, line: str) -> None:
    mod = f"from importlib import import_module\ndef f(name): return {line}"
    tasks = "tasks:\n  a: {call: 'mod:f', args: [x]}\n"
    assert codes(check(tmp_path, tasks, mod_py=mod, plugins__a_py="")) == [("E407", 4)]


def test_other_computed_imports_are_left_alone(tmp_path: Path) -> None:
    mod = "import importlib\ndef f(n): return importlib.import_module(n), importlib.import_module(f'numpy.{n}')"
    assert check(tmp_path, "tasks:\n  a: {call: 'mod:f', args: [x]}\n", mod_py=mod) == []


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("import halper", "write `helper`"),
        ("from .helper import x", "import by the full name from the manifest's folder"),
    ],
)
def test_an_import_that_must_fail_is_e401_at_the_call(tmp_path: Path, source: str, hint: str) -> None:
    found = one(check(tmp_path, "tasks:\n  a: {call: 'mod:f'}\n", mod_py=source + "\ndef f(): ...", helper_py="x = 1"))
    assert (found.code, found.hint) == ("E401", hint)
    assert found.related[0].span.file == "flows/mod.py"


def test_an_import_from_a_files_own_folder_is_explained(tmp_path: Path) -> None:
    source = "import tools\ndef f(): ..."
    found = one(check(tmp_path, "tasks:\n  a: {call: 'lib/mod.py:f'}\n", lib__mod_py=source, lib__tools_py=""))
    assert (found.code, found.hint) == ("E401", "write `lib.tools`: modules are looked for in the manifest's folder")


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    import halper\nexcept ImportError: ...",
        "def g():\n    import halper",
        "import not_installed_here",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import halper",
    ],
)
def test_imports_that_may_be_meant_are_left_alone(tmp_path: Path, source: str) -> None:
    tasks = "tasks:\n  a: {call: 'mod:f'}\n"
    assert check(tmp_path, tasks, mod_py=source + "\ndef f(): ...", helper_py="") == []


def test_requirements_are_checked_where_they_are_written(tmp_path: Path) -> None:
    tasks = """\
        requirements:
          - pyyaml==6.0.2
          - jinja2>=3
          - numpy=1
        tasks:
          a: {call: "app:g", requirements: gone.txt}
          b: {call: "app:g", requirements: ../up.txt}
          c: {call: "app:g", requirements: bad.txt}
    """
    found = check(tmp_path, tasks, bad_txt="six==1.0\n???\n")
    assert codes(found) == [("E404", 8), ("E408", 9), ("E410", 6), ("E410", 10), ("W408", 5)]


def test_a_module_of_a_declared_requirement_is_accepted_unread(tmp_path: Path) -> None:
    tasks = """\
        requirements: [pyyaml==6.0.2, surely-not-installed==1]
        tasks:
          a: {call: "yaml:safe_load", args: [x]}
          b: {call: "surely_not_installed.sub:f"}
    """
    assert check(tmp_path, tasks) == []


def test_a_package_that_is_not_declared_is_no_place_for_a_call(tmp_path: Path) -> None:
    found = one(check(tmp_path, "tasks:\n  a: {call: 'yaml:safe_load', args: [x]}\n"))
    assert (found.code, found.hint) == ("E401", "declare the package in `requirements`")


def test_an_import_that_the_requirements_do_not_bring_is_e404(tmp_path: Path) -> None:
    tasks = "requirements: [pyyaml==6.0.2]\ntasks:\n  a: {call: 'mod:f'}\n"
    assert codes(check(tmp_path, tasks, mod_py="import yaml\nimport jinja2\ndef f(): ...")) == [("E404", 5)]


def test_an_import_of_what_is_not_even_installed_is_e404_too(tmp_path: Path) -> None:
    tasks = "requirements: [pyyaml==6.0.2]\ntasks:\n  a: {call: 'mod:f'}\n"
    assert codes(check(tmp_path, tasks, mod_py="import yaml\nimport foo_bar_baz\ndef f(): ...")) == [("E404", 5)]
    doubtful = "requirements: [pyyaml==6.0.2, surely-not-installed==1]\ntasks:\n  a: {call: 'mod:f'}\n"
    assert check(tmp_path, doubtful, mod_py="import foo_bar_baz\ndef f(): ...") == []


def test_what_every_worker_has_needs_no_requirement(tmp_path: Path) -> None:
    tasks = "requirements: [pyyaml==6.0.2]\ntasks:\n  a: {call: 'mod:f'}\n"
    assert check(tmp_path, tasks, mod_py="import boto3, yaml\ndef f(): ...") == []


def test_imports_of_what_a_requirement_needs_itself_are_accepted(tmp_path: Path) -> None:
    tasks = "requirements: [jinja2==3.1.6]\ntasks:\n  a: {call: 'mod:f'}\n"
    assert check(tmp_path, tasks, mod_py="import markupsafe\ndef f(): ...") == []


def test_executables_are_files_of_the_folder(tmp_path: Path) -> None:
    tasks = """\
        tasks:
          a: {exec: {argv: [bin/tool, -x], files: [bin/tool]}}
          b: {exec: {argv: [bin/tol], files: [bin/tol]}}
          c: {exec: {argv: [bin/tool]}}
          d: {exec: [sort, -n]}
          e: {exec: {argv: [x], files: [../../etc/passwd]}}
          f: {exec: {argv: [x], cwd: /etc}}
          g: {exec: {argv: [/usr/bin/env]}}
          h: {exec: {argv: ["${{ params.tool }}"], files: ["${{ params.tool }}"]}}
        params: {tool: x}
    """
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tool").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "tool").chmod(0o755)
    found = check(tmp_path, tasks)
    assert codes(found) == [("E405", 5), ("E405", 6), ("E408", 8), ("E408", 9)]
    assert found[0].hint == "write `bin/tool`"


def test_a_file_hidden_by_a_package_is_e401(tmp_path: Path) -> None:
    (tmp_path / "mod").mkdir()
    (tmp_path / "mod" / "__init__.py").write_text("def f(): ...")
    found = check(tmp_path, "tasks:\n  a: {call: 'mod.py:f'}\n", mod_py="def f(): ...")
    assert codes(found) == [("E401", 4)]


@pytest.mark.parametrize("name", ["a" * 300, "a." * 200 + "b"])
def test_names_that_no_file_can_have_are_plain_mistakes(tmp_path: Path, name: str) -> None:
    tasks = f"""\
        tasks:
          a: {{call: "{name}:f"}}
          b: {{exec: {{argv: [x], files: ["{name}", "bad\\0"], cwd: "\\0"}}}}
    """
    found = check(tmp_path, tasks)
    assert codes(found) == [("E401", 4), ("E405", 5), ("E408", 5), ("E408", 5)]
    assert codes(check(tmp_path, f"requirements: {name}\ntasks:\n  a: {{call: 'app:g'}}\n")) == [("E404", 3)]


def test_links_in_a_circle_are_plain_mistakes(tmp_path: Path) -> None:
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    assert codes(check(tmp_path, "tasks:\n  a: {call: 'loop:f'}\n")) == [("E401", 4)]


@pytest.mark.parametrize(
    ("task", "lines"),
    [
        ("{call: 'app:f', with: {x: 1}, io: {linear: 1, of: [x]}}", []),
        ("{call: 'app:f', args: [1], io: {linear: 1, of: [x]}}", []),
        ("{call: 'app:f', args: [1], io: {linear: 1, of: [y]}}", [("E507", 4)]),
        ("{call: 'app:g', with: {a: 1}, io: {linear: 1, of: [b]}}", [("E507", 4)]),
        ("{call: 'os.path:join', args: [a, b], io: {linear: 1, of: [p]}}", []),
    ],
)
def test_io_counts_arguments_that_the_task_gives(tmp_path: Path, task: str, lines: list[tuple[str, int]]) -> None:
    assert codes(check(tmp_path, f"tasks:\n  a: {task}\n")) == lines
