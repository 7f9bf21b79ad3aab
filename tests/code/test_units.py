"""Code units and fingerprints: what a function reaches, and what changes either."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.code.fingerprint import fingerprint
from compiler.code.modules import ModuleFault, Project, name_of_path
from compiler.code.units import reached_modules
from runtime.unit import UnitModule, decode_unit, encode_unit, unit_digest


def write(root: Path, **sources: str) -> Project:
    """Files from `name=source`; `__` in a name is a slash, a trailing `__` the package's own file."""
    for key, source in sources.items():
        name = key.replace("__", "/")
        path = root / (name + "__init__.py" if name.endswith("/") else name + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return Project(root)


def names(project: Project, start: str) -> list[str]:
    return [module.name for module in reached_modules(project, start)]


def mark(root: Path, target: str = "app:f", **sources: str) -> str:
    root.mkdir(exist_ok=True)
    project = write(root, **sources)
    module, _, function = target.partition(":")
    return fingerprint(project, reached_modules(project, module), module, function)


def test_a_unit_holds_what_its_imports_reach_and_nothing_else(tmp_path: Path) -> None:
    project = write(tmp_path, app="import lib, os", lib="import deep.er", deep__er="", unused="")
    assert names(project, "app") == ["app", "deep.er", "lib"]


@pytest.mark.parametrize(
    "line",
    [
        "import pkg.sub",
        "import pkg.sub as s",
        "from pkg import sub",
        "from pkg.sub import x",
        "def g():\n    from pkg import sub",
        "try:\n    import pkg.sub\nexcept ImportError:\n    pass",
        "import importlib\nm = importlib.import_module('pkg.sub')",
        "if True:\n    import pkg.sub",
    ],
)
def test_every_way_of_importing_brings_the_package_along(tmp_path: Path, line: str) -> None:
    project = write(tmp_path, app=line, pkg__="", pkg__sub="x = 1")
    assert names(project, "app") == ["app", "pkg", "pkg.sub"]


def test_relative_imports_are_followed_from_modules_and_packages(tmp_path: Path) -> None:
    project = write(
        tmp_path,
        pkg__="from . import one",
        pkg__one="from .two import x",
        pkg__two="from ..top import y",
        top="y = x = 1",
    )
    assert names(project, "pkg.one") == ["pkg", "pkg.one", "pkg.two"]
    project = write(tmp_path, a__b__="", a__b__c="from ..d import x", a__d="x = 1")
    assert names(project, "a.b.c") == ["a.b", "a.b.c", "a.d"]


def test_imports_for_type_checkers_are_left_out(tmp_path: Path) -> None:
    project = write(tmp_path, app="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lib", lib="")
    assert names(project, "app") == ["app"]


def test_import_cycles_end(tmp_path: Path) -> None:
    project = write(tmp_path, a="import b", b="import a")
    assert names(project, "a") == ["a", "b"]


def test_a_function_outside_the_folder_has_an_empty_unit(tmp_path: Path) -> None:
    assert names(write(tmp_path, app=""), "os.path") == []


def test_a_broken_module_on_the_way_is_named_with_its_line(tmp_path: Path) -> None:
    project = write(tmp_path, app="import lib", lib="x = 1\ndef g(:\n")
    with pytest.raises(ModuleFault) as caught:
        reached_modules(project, "app")
    assert (caught.value.fault.code, caught.value.file, caught.value.line) == ("E406", "lib.py", 2)


@pytest.mark.parametrize("name", ["runtime", "compiler", "random", "redis"])
def test_names_that_the_worker_needs_itself_are_refused(tmp_path: Path, name: str) -> None:
    project = write(tmp_path, app=f"import {name}", **{name: ""})
    with pytest.raises(ModuleFault, match=f"`{name}` is the name of") as caught:
        reached_modules(project, "app")
    assert caught.value.fault.code == "E401"


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.py").write_text("x = 1")
    (tmp_path / "in" / "app.py").symlink_to(tmp_path / "secret.py")
    with pytest.raises(ModuleFault, match="leaves the manifest's folder") as caught:
        reached_modules(Project(tmp_path / "in"), "app")
    assert caught.value.fault.code == "E408"


def test_an_extension_module_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fast.cpython-311-x86_64-linux-gnu.so").write_bytes(b"\x7fELF")
    with pytest.raises(ModuleFault, match="compiled extension") as caught:
        reached_modules(write(tmp_path, app="import fast"), "app")
    assert caught.value.fault.code == "E409"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("app.py", "app"),
        ("lib/steps.py", "lib.steps"),
        ("./x.py", "x"),
        ("v1.2/my-steps.py", "v1%2E2.my-steps"),
        ("pkg/__init__.py", "pkg"),
    ],
)
def test_a_path_becomes_an_importable_name(path: str, name: str) -> None:
    assert name_of_path(path) == name


@pytest.mark.parametrize("path", ["../x.py", "/etc/x.py", "a/../../x.py"])
def test_a_path_out_of_the_folder_is_refused(path: str) -> None:
    with pytest.raises(ModuleFault, match="leaves the manifest's folder"):
        name_of_path(path)


def test_a_path_with_dots_leads_back_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "v1.2").mkdir()
    (tmp_path / "v1.2" / "my-steps.py").write_text("def f(): ...")
    found = Project(tmp_path).find(name_of_path("v1.2/my-steps.py"))
    assert found is not None
    assert found.file == "v1.2/my-steps.py"


def test_a_unit_reads_back_and_does_not_depend_on_order() -> None:
    modules = [UnitModule(name="b", file="b.py", source="é = 1\n"), UnitModule(name="a.x", file="a/x.py", source="")]
    data = encode_unit(modules)
    assert data == encode_unit(reversed(modules))
    read = decode_unit(unit_digest(data), data)
    assert read["b"] == modules[0]
    assert read["a"].is_package
    assert set(read) == {"a", "a.x", "b"}


BASE = """import math

def helper(x):
    return math.sqrt(x)

def f(x):
    return helper(x) + 1

def other():
    return 0
"""


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda s: "# a comment\n\n\n" + s, True),
        (lambda s: s.replace("def helper(x):\n", "def helper(x):\n    'Doc.'\n"), True),
        (lambda s: '"""Module doc."""\n' + s, True),
        (lambda s: s.replace("return 0", "return 1"), True),
        (lambda s: s + "\nclass New:\n    x = 1\n", True),
        (lambda s: s.replace("+ 1", "+ 2"), False),
        (lambda s: s.replace("math.sqrt(x)", "math.sqrt(2 * x)"), False),
        (lambda s: s.replace("import math", "import cmath as math"), False),
        (lambda s: s + "\nprint('imported')\n", False),
        (lambda s: s.replace("def f(x):", "def f(x, y=2):"), False),
        (lambda s: s.replace("def f(x):", "@deco\ndef f(x):"), False),
    ],
)
def test_what_a_fingerprint_depends_on(tmp_path: Path, change: object, same: bool) -> None:
    assert callable(change)
    before, after = mark(tmp_path / "a", app=BASE), mark(tmp_path / "b", app=change(BASE))
    assert (before == after) is same


@pytest.mark.parametrize(
    "app",
    [
        "from lib import helper\ndef f(): return helper()",
        "from lib import helper as h\ndef f(): return h()",
        "import lib\ndef f(): return lib.helper()",
        "import lib as l\ndef f(): return l.helper()",
        "from lib import *\ndef f(): return helper()",
        "def f():\n    from lib import helper\n    return helper()",
        "def f():\n    import lib\n    return getattr(lib, 'helper')()",
        "import lib\ng = lib.helper\ndef f(): return g()",
        "from lib import helper\nclass C:\n    def m(self): return helper()\ndef f(): return C().m()",
        "try:\n    from lib import helper\nexcept ImportError:\n    helper = None\ndef f(): return helper()",
    ],
)
def test_a_change_in_another_module_that_is_reached_changes_the_fingerprint(tmp_path: Path, app: str) -> None:
    before = mark(tmp_path / "a", app=app, lib="def helper(): return 1")
    again = mark(tmp_path / "b", app=app, lib="# note\ndef helper():  return 1")
    after = mark(tmp_path / "c", app=app, lib="def helper(): return 2")
    assert before == again
    assert before != after


def test_a_change_in_another_module_that_is_not_reached_changes_nothing(tmp_path: Path) -> None:
    app = "import pkg.lib\ndef f(): return pkg.lib.helper()"
    before = mark(tmp_path / "a", app=app, pkg__="", pkg__lib="def helper(): return 1\ndef no(): return 1")
    after = mark(tmp_path / "b", app=app, pkg__="", pkg__lib="def helper(): return 1\ndef no(): return 2")
    assert before == after


def test_a_very_deep_expression_has_a_fingerprint(tmp_path: Path) -> None:
    assert mark(tmp_path / "a", app="def f(): return " + "+".join(["1"] * 900))


def test_modules_that_import_from_each_other_end(tmp_path: Path) -> None:
    assert mark(tmp_path / "a", "a:x", a="from b import x\nx.y.z", b="from a import x\nx.y.z")
