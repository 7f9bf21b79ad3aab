"""Functions of the standard library, by name: what is certainly mistyped is found, and nothing else is said."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from tests.code.test_check import check, codes, one


@pytest.mark.parametrize(
    ("call", "code", "hint"),
    [
        ("math:sqroot", "E402", "write `sqrt`"),
        ("builtins:summ", "E402", "write `sum`"),
        ("statistics:meen", "E402", "write `mean`"),
        ("operator:ad", "E402", "write `add`"),
        ("os.path:joim", "E402", "write `join`"),
        ("os.pth:join", "E401", ""),
        ("json.decodr:JSONDecoder", "E401", ""),
    ],
)
def test_a_mistyped_name_is_found(tmp_path: Path, call: str, code: str, hint: str) -> None:
    found = one(check(tmp_path, f"tasks: {{a: {{call: '{call}'}}}}\n"))
    assert (found.code, found.hint) == (code, hint)


@pytest.mark.parametrize(
    "call",
    [
        *("os:listdir", "os.path:join", "json:dumps", "json.decoder:JSONDecoder.decode", "operator:add", "math:sqrt"),
        *("builtins:dict.fromkeys", "hashlib:sha3_256", "signal:SIGTERM", "re:IGNORECASE", "socket:AF_INET"),
        *("concurrent.futures:ThreadPoolExecutor", "xml.etree.ElementTree:parse", "os:something_of_another_system"),
        *("collections.abc:Mapping", "importlib.metadata:version", "itertools:chain", "functools:reduce"),
    ],
)
def test_what_is_there_or_may_be_there_elsewhere_is_no_mistake(tmp_path: Path, call: str) -> None:
    assert codes(check(tmp_path, f"tasks: {{a: {{call: '{call}'}}}}\n")) == []


COMMON = ("os", "statistics", "shutil", "subprocess", "socket", "random", "email", "asyncio", "csv", "zlib", "re")


@pytest.mark.parametrize("name", COMMON)
def test_no_public_name_of_a_module_is_taken_for_a_mistake(tmp_path: Path, name: str) -> None:
    module = importlib.import_module(name)
    tasks = "".join(f"  t{n}: {{call: '{name}:{one}'}}\n" for n, one in enumerate(dir(module)) if one[0] != "_")
    assert check(tmp_path, f"tasks:\n{tasks}") == []


def test_nothing_with_a_source_is_imported(tmp_path: Path) -> None:
    assert "antigravity" not in sys.modules
    check(tmp_path, "tasks: {a: {call: 'antigravity:geohsh'}}\n")
    assert "antigravity" not in sys.modules
