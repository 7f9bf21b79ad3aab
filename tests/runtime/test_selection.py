"""Selecting inside a run-time value, and what is said when the part does not exist."""

from __future__ import annotations

import pytest

from runtime.tasks.selection import SelectionError, select

VALUE = {
    "a": [{"k": 1}, "text"],
    0: "int key",
    "x y": (1, 2),
    "none": None,
    "number": 5,
    "big": dict.fromkeys(range(9)),
}


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ((), VALUE),
        (("a", 0, "k"), 1),
        (("a", -1, 0), "t"),
        ((0,), "int key"),
        (("x y", 1), 2),
    ],
)
def test_every_step_is_a_subscript(path: tuple[str | int, ...], part: object) -> None:
    assert select(VALUE, path, "tasks.t") == part


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (("a", 5), "`tasks.t[2].a[5]` does not exist: `tasks.t[2].a` is a list of 2, so there is no [5]"),
        (("a", 0, "z"), "`tasks.t[2].a[0].z` does not exist: `tasks.t[2].a[0]` is a dict of 1 without the key 'z'; "),
        (("a", "k"), "`tasks.t[2].a` is a list of 2, which is indexed by ints"),
        (("a", 1, "k"), "`tasks.t[2].a[1]` is a str of 4, which is indexed by ints"),
        (("x y", 2), '`tasks.t[2]["x y"]` is a tuple of 2, so there is no [2]'),
        (("none", "k"), "`tasks.t[2].none` is null, which has no parts"),
        (("number", 0), "`tasks.t[2].number` is a value of type int, which has no parts"),
        (("big", "k"), "is a dict of 9 without the key 'k'"),
    ],
)
def test_what_does_not_exist_is_told_with_what_is_there(path: tuple[str | int, ...], message: str) -> None:
    with pytest.raises(SelectionError) as caught:
        select(VALUE, path, "tasks.t[2]")
    assert message in str(caught.value)


class Spiteful(Exception):
    def __str__(self) -> str:
        raise ValueError


class Table:
    """A user's type with subscripts of its own."""

    def __init__(self, fault: Exception) -> None:
        self.fault = fault

    def __getitem__(self, name: str) -> int:
        if name == "there":
            return 1
        raise self.fault


def test_subscripts_of_the_users_own_types_are_used_and_their_errors_shown() -> None:
    assert select(Table(ValueError()), ("there",), "tasks.t") == 1
    with pytest.raises(SelectionError, match=r"a value of type Table, and \.not_there of it gives ValueError: no such"):
        select(Table(ValueError("no such column")), ("not_there",), "tasks.t")
    with pytest.raises(SelectionError, match=r"gives Spiteful: <Spiteful whose __str__ fails>"):
        select(Table(Spiteful()), ("k",), "tasks.t")


def test_long_keys_are_cut() -> None:
    with pytest.raises(SelectionError) as caught:
        select({"x" * 1000: 1}, ("k",), "tasks.t")
    assert len(str(caught.value)) < 200
