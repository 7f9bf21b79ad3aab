"""Did-you-mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.manifest.vocabulary import intended_key
from compiler.suggest import closest, did_you_mean, edit_distance

WORDS = st.text("abcd", max_size=8)


@pytest.mark.parametrize(
    ("left", "right", "distance"),
    [("", "", 0), ("", "abc", 3), ("abc", "abc", 0), ("abc", "acb", 1), ("timout", "timeout", 1), ("abcd", "badc", 2)],
)
def test_distance_counts_swaps_as_one(left: str, right: str, distance: int) -> None:
    assert edit_distance(left, right) == distance


@given(WORDS, WORDS)
def test_distance_is_symmetric_and_bounded(left: str, right: str) -> None:
    distance = edit_distance(left, right)
    assert distance == edit_distance(right, left)
    assert abs(len(left) - len(right)) <= distance <= max(len(left), len(right))
    assert (distance == 0) == (left == right)


def test_the_nearest_within_a_third_of_the_length() -> None:
    assert closest("widht", ["height", "width"]) == "width"
    assert closest("gg", ["g", "h"]) == "g"
    assert closest("abcdef", ["uvwxyz"]) is None
    assert closest("Timeout", ["timeout"]) == "timeout"
    assert closest("x" * 10_000, ["y"]) is None


def test_candidates_are_listed_only_when_they_are_few() -> None:
    assert did_you_mean("zzzz", ["ab", "cd"]) == "known here: ab, cd"
    assert did_you_mean("zzzz", [f"name{n}" for n in range(9)]) == ""
    assert did_you_mean("naem", ["name"]) == "write `name`"


def test_words_of_other_systems_lead_to_ours() -> None:
    known = ("after", "foreach", "exec", "retry", "max", "delay")
    assert intended_key("dependsOn", known) == "after"
    assert intended_key("comand", known) == "exec"
    assert intended_key("interval", known) == "delay"
    assert intended_key("interval", ("max",)) is None


def test_a_synonym_goes_before_a_name_that_only_looks_alike() -> None:
    known = ("args", "io", "outputs", "when")
    assert intended_key("if", known) == "when"
    assert intended_key("inputs", known) == "args"
    assert intended_key("ouputs", known) == "outputs"
