"""Arguments against signatures: the static check agrees with what Python itself would do."""

from __future__ import annotations

import ast
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from compiler.code.signatures import mismatches

NAMES = "abcdef"


@st.composite
def signatures(draw: st.DrawFn) -> str:
    """A parameter list in source form, every kind of parameter included."""
    names = iter(NAMES)
    only, normal, keyword = draw(st.integers(0, 2)), draw(st.integers(0, 2)), draw(st.integers(0, 2))
    defaults = draw(st.integers(0, only + normal))
    positional = [next(names) for _ in range(only + normal)]
    parts = [name + ("=0" if index >= only + normal - defaults else "") for index, name in enumerate(positional)]
    if only:
        parts.insert(only, "/")
    star = draw(st.sampled_from(["", "*args"]))
    if star or keyword:
        parts.append(star or "*")
    parts += [next(names) + draw(st.sampled_from(["", "=0"])) for _ in range(keyword)]
    return ", ".join([*parts, *(["**kwargs"] if draw(st.booleans()) else [])])


@given(signatures(), st.integers(0, 6), st.lists(st.sampled_from([*NAMES, "z"]), unique=True, max_size=4))
def test_a_call_is_found_wrong_exactly_when_python_refuses_it(parameters: str, count: int, keywords: list[str]) -> None:
    source = f"def f({parameters}): pass"
    definition = ast.parse(source).body[0]
    assert isinstance(definition, ast.FunctionDef)
    found = list(mismatches(definition, count, keywords))
    names: dict[str, Callable[..., object]] = {}
    exec(source, {}, names)
    try:
        names["f"](*range(count), **dict.fromkeys(keywords, 0))
    except TypeError:
        assert found, source
    else:
        assert not found, source
