"""Files made to hurt: each ends in few diagnostics, after work that is bounded by the file."""

from __future__ import annotations

import pytest

from tests.manifest.texts import HEAD, diagnose

TASK = "tasks: {g: {call: 'a:f'}}\n"


@pytest.mark.parametrize(
    ("text", "code", "most"),
    [
        (HEAD + TASK + "a: 1\n" * 20_000, "E005", 1000),
        (HEAD + TASK + "b: &b {c: 1}\n" + "".join(f"d{n}: {{<<: *b}}\n" for n in range(20_000)), "E006", 1000),
        (HEAD + TASK + "x-a: [" + "{{ a }}, " * 20_000 + "]\n", "E211", 1000),
        (HEAD + TASK + "".join(f"k{n}: 1\n" for n in range(20_000)), "E102", 200),
        (HEAD + "tasks:\n" + "".join(f"  t{n}: {{call: 'a:f', timeout: 3}}\n" for n in range(2_000)), "E103", 500),
        ("".join(" " * depth + "a:\n" for depth in range(2_000)), "E011", 1),
    ],
)
def test_many_mistakes_give_a_bounded_number_of_diagnostics(text: str, code: str, most: int) -> None:
    found = diagnose(text)
    assert {one.code for one in found} >= {code}
    assert len(found) <= most + 1


def test_an_aliased_option_with_a_mistake_is_reported_at_its_anchor() -> None:
    text = HEAD + "x-a: &t 30\ntasks:\n  g: {call: 'a:f', timeout: *t}\n  h: {call: 'a:f', timeout: *t}\n"
    assert [(one.code, one.span and one.span.start.line) for one in diagnose(text)] == [("E103", 3)]
