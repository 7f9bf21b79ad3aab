"""The properties of the fuzz run, on as many texts as a test suite has time for."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.manifests import SETTINGS, Tally, main, seeds, try_text
from tests.fuzz.mutations import mutate

SEEDS = seeds()
TEXTS = [seed.text for seed in SEEDS]


@settings(max_examples=150, deadline=None)
@given(
    chance=st.randoms(use_true_random=False),
    at=st.integers(0, len(SEEDS) - 1),
    turn=st.integers(0, 7),
    given_value=st.sampled_from(SETTINGS),
)
def test_a_broken_manifest_keeps_every_promise(chance: Random, at: int, turn: int, given_value: object) -> None:
    text = mutate(SEEDS[at].text, chance, TEXTS)
    set_values = {"n": given_value} if turn > 4 else {}
    try_text(text, SEEDS[at].root, set_values, turn, Tally())


def test_the_long_run_counts_what_it_tried(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seconds", "0.5", "--seed", "3"]) == 0
    assert "0 distinct failures" in capsys.readouterr().out
