"""The loader of user code: names, identity, lines, versions, damage."""

from __future__ import annotations

import inspect
import pickle
import sys
import threading
from collections.abc import Iterator, Sequence
from types import ModuleType

import pytest

from runtime.code import CodeLoader, user_traceback
from runtime.errors import BundleInvalid, RuntimeFault, SchemaVersionUnsupported
from runtime.plan import Function
from runtime.unit import UnitModule, encode_unit, unit_digest

CHAINED = """def g(): raise KeyError('k')
def f():
    try:
        g()
    except KeyError as err:
        raise ValueError('v') from err
"""
BROKEN_EXCEPTION = """class Bad(Exception):
    def __str__(self): raise RuntimeError
    def __getattr__(self, name): raise OSError
def f(): raise Bad
"""


class Units:
    """A store of units that counts its fetches."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.fetched: list[tuple[str, ...]] = []

    def add(self, **sources: str) -> str:
        """One unit from `name=source`; `__` in a name is a dot, a name that others extend is a package."""
        names = {name.replace("__", ".") for name in sources}
        modules = []
        for key, source in sources.items():
            name = key.replace("__", ".")
            package = any(other.startswith(name + ".") for other in names)
            file = name.replace(".", "/") + ("/__init__.py" if package else ".py")
            modules.append(UnitModule(name=name, file=file, source=source, is_package=package))
        data = encode_unit(modules)
        self.blobs[unit_digest(data)] = data
        return unit_digest(data)

    def get(self, digests: Sequence[str]) -> list[bytes]:
        self.fetched.append(tuple(digests))
        return [self.blobs[digest] for digest in digests]


@pytest.fixture
def units() -> Units:
    return Units()


@pytest.fixture
def loader(units: Units) -> Iterator[CodeLoader]:
    loader = CodeLoader(units.get)
    yield loader
    loader.close()


def function(unit: str, target: str) -> Function:
    module, _, name = target.partition(":")
    return Function(unit=unit, module=module, qualname=name)


def test_a_function_runs_with_the_modules_of_its_unit(units: Units, loader: CodeLoader) -> None:
    unit = units.add(
        zz_app="from zz_lib.deep import twice\ndef f(x): return twice(x)", zz_lib__deep="def twice(x): return 2 * x"
    )
    assert loader.load(function(unit, "zz_app:f"))(21) == 42


def test_relative_imports_and_package_code_run(units: Units, loader: CodeLoader) -> None:
    unit = units.add(
        zz_pkg="SIZE = 3",
        zz_pkg__a="from . import SIZE\nfrom .b import g\ndef f(): return g(SIZE)",
        zz_pkg__b="def g(n): return n + 1",
    )
    assert loader.load(function(unit, "zz_pkg.a:f"))() == 4


def test_a_method_is_found_by_its_dotted_name(units: Units, loader: CodeLoader) -> None:
    unit = units.add(zz_app="class Box:\n    @staticmethod\n    def f(): return 'in'")
    assert loader.load(function(unit, "zz_app:Box.f"))() == "in"


def test_a_unit_is_fetched_once_in_a_warm_environment(units: Units, loader: CodeLoader) -> None:
    unit = units.add(zz_app="def f(): return 1")
    for _ in range(3):
        loader.activate([unit])
        loader.load(function(unit, "zz_app:f"))
    assert units.fetched == [(unit,)]


def test_units_of_one_invocation_come_in_one_fetch(units: Units, loader: CodeLoader) -> None:
    first, second = units.add(zz_a="def f(): ..."), units.add(zz_b="def f(): ...")
    loader.activate([first, second])
    assert units.fetched == [(first, second)]


def test_two_units_that_hold_one_module_share_its_classes(units: Units, loader: CodeLoader) -> None:
    shared = "class Point:\n    pass"
    one = units.add(zz_a="from zz_shared import Point\ndef f(): return Point()", zz_shared=shared)
    two = units.add(zz_b="from zz_shared import Point\ndef f(p): return isinstance(p, Point)", zz_shared=shared)
    value = loader.load(function(one, "zz_a:f"))()
    assert loader.load(function(two, "zz_b:f"))(pickle.loads(pickle.dumps(value))) is True


def test_another_version_of_a_module_replaces_the_one_of_an_earlier_run(units: Units, loader: CodeLoader) -> None:
    old = units.add(zz_app="from zz_lib import N\ndef f(): return N", zz_lib="N = 1")
    new = units.add(zz_app="from zz_lib import N\ndef f(): return N", zz_lib="N = 2")
    loader.activate([old])
    assert loader.load(function(old, "zz_app:f"))() == 1
    loader.activate([new])
    assert loader.load(function(new, "zz_app:f"))() == 2
    loader.activate([old])
    assert loader.load(function(old, "zz_app:f"))() == 1


def test_a_submodule_of_an_earlier_run_is_not_found_through_its_package(units: Units, loader: CodeLoader) -> None:
    old = units.add(zz_pkg="", zz_pkg__sub="N = 1", zz_app="from zz_pkg import sub\ndef f(): return sub.N")
    new = units.add(zz_pkg="", zz_pkg__sub="N = 2", zz_app="from zz_pkg import sub\ndef f(): return sub.N")
    loader.activate([old])
    loader.load(function(old, "zz_app:f"))
    loader.activate([new])
    assert loader.load(function(new, "zz_app:f"))() == 2


def test_a_module_met_later_in_a_run_keeps_the_classes_of_the_run(units: Units, loader: CodeLoader) -> None:
    base = "class Point:\n    pass"
    stale = units.add(zz_late="def f(): return 'stale'")
    loader.activate([stale])
    loader.load(function(stale, "zz_late:f"))
    run = units.add(zz_base=base, zz_a="from zz_base import Point\ndef f(): return Point()")
    late = units.add(zz_base=base, zz_late="from zz_base import Point\ndef f(p): return type(p) is Point")
    loader.activate([run])
    point = loader.load(function(run, "zz_a:f"))()
    assert loader.load(function(late, "zz_late:f"))(point) is True


def test_other_versions_of_several_modules_replace_those_of_an_earlier_run(units: Units, loader: CodeLoader) -> None:
    for version in (1, 2, 1):
        digests = [units.add(**{name: f"def f(): return {version}"}) for name in ("zz_first", "zz_second")]
        loader.activate(digests)
        for name, digest in zip(("zz_first", "zz_second"), digests, strict=True):
            assert loader.load(function(digest, f"{name}:f"))() == version


def test_two_versions_of_a_module_in_one_run_are_refused(units: Units, loader: CodeLoader) -> None:
    loader.activate([units.add(zz_app="N = 1")])
    with pytest.raises(RuntimeFault, match="different versions of the module zz_app"):
        loader.load(function(units.add(zz_app="N = 2"), "zz_app:N"))


def test_modules_that_are_not_the_users_stay(units: Units, loader: CodeLoader) -> None:
    before = sys.modules["json"]
    first, second = units.add(zz_app="import json\nN = 1"), units.add(zz_app="import json\nN = 2")
    loader.activate([first])
    loader.activate([second])
    assert sys.modules["json"] is before


def test_a_foreign_module_of_the_same_name_comes_back_on_close(units: Units) -> None:
    foreign = ModuleType("zz_taken")
    foreign.__file__ = "/elsewhere/zz_taken.py"
    sys.modules["zz_taken"] = foreign
    loader = CodeLoader(units.get)
    unit = units.add(zz_taken="def f(): return 'mine'")
    try:
        assert loader.load(function(unit, "zz_taken:f"))() == "mine"
        loader.close()
        assert sys.modules["zz_taken"] is foreign
    finally:
        loader.close()
        sys.modules.pop("zz_taken", None)


def test_close_leaves_no_module_and_no_finder(units: Units) -> None:
    finders = list(sys.meta_path)
    loader = CodeLoader(units.get)
    loader.load(function(units.add(zz_gone="def f(): ..."), "zz_gone:f"))
    loader.close()
    assert "zz_gone" not in sys.modules
    assert sys.meta_path == finders


def test_a_flipped_byte_is_e603(units: Units, loader: CodeLoader) -> None:
    unit = units.add(zz_app="N = 1")
    units.blobs[unit] = units.blobs[unit].replace(b"N = 1", b"N = 2")
    with pytest.raises(BundleInvalid, match="damaged") as caught:
        loader.activate([unit])
    assert caught.value.code == "E603"


def test_a_unit_of_another_version_is_e605(units: Units, loader: CodeLoader) -> None:
    data = b'{"modules":[],"v":2}'
    units.blobs[unit_digest(data)] = data
    with pytest.raises(SchemaVersionUnsupported, match="version 2"):
        loader.activate([unit_digest(data)])


def test_source_and_lines_are_the_users(units: Units, loader: CodeLoader) -> None:
    unit = units.add(zz_app="# one\n\ndef f(x):\n    return x  # here\n")
    found = loader.load(function(unit, "zz_app:f"))
    assert inspect.getsource(found) == "def f(x):\n    return x  # here\n"
    assert inspect.getsourcefile(found) == "zz_app.py"


def test_traceback_shows_the_users_frames_only(units: Units, loader: CodeLoader) -> None:
    unit = units.add(zz_app="import json\n\ndef f():\n    return json.loads('{')\n")
    with pytest.raises(ValueError) as caught:
        loader.load(function(unit, "zz_app:f"))()
    text = user_traceback(caught.value, loader)
    assert text.splitlines()[:3] == [
        "Traceback (most recent call last):",
        '  File "zz_app.py", line 4, in f',
        "    return json.loads('{')",
    ]
    assert "json/decoder" not in text
    assert "test_loader" not in text


def test_causes_are_shown_with_their_own_frames(units: Units, loader: CodeLoader) -> None:
    unit = units.add(zz_app=CHAINED)
    with pytest.raises(ValueError) as caught:
        loader.load(function(unit, "zz_app:f"))()
    text = user_traceback(caught.value, loader)
    assert text.index("line 1, in g") < text.index("direct cause") < text.index("line 6, in f")


def test_an_exception_whose_text_raises_is_still_shown(units: Units, loader: CodeLoader) -> None:
    unit = units.add(zz_app=BROKEN_EXCEPTION)
    with pytest.raises(Exception) as caught:
        loader.load(function(unit, "zz_app:f"))()
    assert "Bad" in user_traceback(caught.value, loader)


def test_an_error_without_user_frames_has_no_empty_traceback(loader: CodeLoader) -> None:
    assert user_traceback(TypeError("f() takes 1 argument"), loader) == "TypeError: f() takes 1 argument"


def test_a_very_long_message_keeps_head_and_tail(loader: CodeLoader) -> None:
    text = user_traceback(ValueError("a" * 50_000 + "END"), loader)
    assert len(text) < 17_000
    assert text.startswith("ValueError: aaa")
    assert text.endswith("END")


def test_a_failing_import_is_the_users_exception_with_its_line(units: Units, loader: CodeLoader) -> None:
    unit = units.add(zz_app="import zz_lib\n", zz_lib="x = 1\nraise LookupError('at import')\n")
    with pytest.raises(LookupError) as caught:
        loader.load(function(unit, "zz_app:f"))
    assert 'File "zz_lib.py", line 2, in <module>' in user_traceback(caught.value, loader)


def test_a_missing_name_and_a_value_that_is_no_callable_are_plain_errors(units: Units, loader: CodeLoader) -> None:
    unit = units.add(zz_app="N = 1\n")
    with pytest.raises(AttributeError, match="zz_app"):
        loader.load(function(unit, "zz_app:gone"))
    with pytest.raises(TypeError, match="not callable but a value of type int"):
        loader.load(function(unit, "zz_app:N"))


def test_a_function_outside_the_folder_is_imported_from_the_environment(units: Units, loader: CodeLoader) -> None:
    assert loader.load(function(units.add(), "posixpath:join"))("a", "b") == "a/b"


def test_threads_that_load_at_once_get_one_module(units: Units, loader: CodeLoader) -> None:
    unit = units.add(zz_app="import threading\nclass C: ...\ndef f(): return C\n")
    start, found = threading.Barrier(8), []

    def work() -> None:
        start.wait(10)
        found.append(loader.load(function(unit, "zz_app:f"))())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(found) == 8
    assert len(set(found)) == 1


def test_many_runs_do_not_pile_up_in_a_warm_environment(units: Units, loader: CodeLoader) -> None:
    for number in range(100):
        unit = units.add(**{f"zz_m{number}": f"def f(): return {number}"})
        loader.activate([unit])
        assert loader.load(function(unit, f"zz_m{number}:f"))() == number
    assert sum(name.startswith("zz_m") for name in sys.modules) < 70
