"""What an execution will take: by memory, by input bytes, by age, and by how little is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.predict.execution import DEFAULT_EXEC_S, predict_execution
from runtime.history.records import merge_families
from tests.predict.histories import environment, family, history

PARTS = (0.05, 0.5, 0.9, 0.95, 0.99)


def runs(
    count: int, each: int, *, mean: float = 1.0, within: float = 0.1, between: float = 0.0, seed: int = 1
) -> list[list[float]]:
    random = np.random.default_rng(seed)
    return [
        list(mean * np.exp(between * random.standard_normal() + within * random.standard_normal(each)))
        for _ in range(count)
    ]


def test_unknown_function_has_a_wide_default_and_says_so() -> None:
    found = predict_execution({}, {}, memory_mb=512, input_bytes=0)
    assert found.seconds.median == pytest.approx(DEFAULT_EXEC_S) and found.seconds.source == "default"
    assert found.seconds.quantile(0.95) > 3 * found.seconds.median


def test_quantiles_are_those_of_the_samples() -> None:
    known = {"e": family(runs(50, 40))}
    found = predict_execution(known, {"e": environment(512)}, memory_mb=512, input_bytes=1000)
    random = np.exp(0.1 * np.random.default_rng(3).standard_normal(100_000))
    for part in PARTS:
        assert found.seconds.quantile(part) == pytest.approx(np.quantile(random, part), rel=0.04)
    assert found.shared < 0.05 and found.seconds.source == "2,000 samples"


def test_what_runs_have_in_common_is_told_from_what_they_have_not() -> None:
    known = {"e": family(runs(64, 30, within=0.1, between=0.2, seed=2))}
    found = predict_execution(known, {"e": environment(512)}, memory_mb=512, input_bytes=1000)
    assert found.shared == pytest.approx(0.8, abs=0.2)


def test_new_weather_is_followed_and_one_odd_run_is_not() -> None:
    slow = family([*runs(60, 10), *runs(20, 10, mean=3.0, seed=4)])
    odd = family([*runs(60, 10), *runs(1, 10, mean=30.0, seed=4)])
    envs = {"e": environment(512)}
    assert predict_execution({"e": slow}, envs, memory_mb=512, input_bytes=1000).seconds.median > 2.5
    assert predict_execution({"e": odd}, envs, memory_mb=512, input_bytes=1000).seconds.median < 1.2


def test_time_goes_with_input_bytes_where_it_did() -> None:
    sizes = [family(runs(6, 5, mean=size / 1e6, seed=size), input_bytes=size) for size in (10_000, 100_000, 1_000_000)]
    known, envs = {"e": merge_families(sizes)}, {"e": environment(512)}
    for size in (10_000, 100_000, 1_000_000):
        found = predict_execution(known, envs, memory_mb=512, input_bytes=size)
        assert found.seconds.median == pytest.approx(size / 1e6, rel=0.6)
    beyond = predict_execution(known, envs, memory_mb=512, input_bytes=100_000_000).seconds.median
    assert beyond > 10


@settings(deadline=None, max_examples=60)
@given(
    times=st.dictionaries(st.sampled_from([128, 512, 1024, 1769, 3008, 10240]), st.floats(0.001, 100), min_size=1),
    count=st.integers(1, 20),
    exponent=st.sampled_from([0.0, 1.0]),
)
def test_more_memory_never_makes_a_time_longer(times: dict[int, float], count: int, exponent: float) -> None:
    known = {str(memory): family([[seconds * (1 + n / 50) for n in range(count)]]) for memory, seconds in times.items()}
    envs = {str(memory): environment(memory, exponent) for memory in times}
    last = [float("inf")] * len(PARTS)
    for memory in (128, 256, 512, 1024, 1769, 2048, 3008, 5000, 10240):
        seconds = predict_execution(known, envs, memory_mb=memory, input_bytes=1000).seconds
        now = [seconds.quantile(part) for part in PARTS]
        assert all(0 < one <= before * (1 + 1e-9) for one, before in zip(now, last, strict=True))
        last = now


def test_another_memory_size_is_reckoned_through_the_baseline() -> None:
    known, envs = {"e": family(runs(20, 20))}, {"e": environment(1024, 1.0)}
    half = predict_execution(known, envs, memory_mb=512, input_bytes=1000).seconds
    assert half.median == pytest.approx(2.0, rel=0.05) and "brought to 512 MB" in half.source


def test_many_tasks_of_one_function_are_one_run_of_it() -> None:
    """Two modes, and tasks of a name each: no task's time is a weather of its own."""
    times = [0.002] * 19 + [0.02] * 16
    known = history(
        {f"task{number}": family([[seconds]]) for number, seconds in enumerate(times)}, {"e": environment(512)}
    )
    found = predict_execution(known.functions("f"), known.environments, memory_mb=512, input_bytes=1000)
    assert found.seconds.median == pytest.approx(0.002, rel=0.1)
    assert found.seconds.quantile(0.9) == pytest.approx(0.02, rel=0.3)
    assert len(found.weather) == 1


def test_weather_is_not_what_a_few_samples_of_a_wide_spread_are_off() -> None:
    """The first instances of each run are slow, and input bytes do not say so."""
    random = np.random.default_rng(5)
    parts = [
        family([[1.0] * 2 + [0.1] * 20], input_bytes=int(size)) for size in random.choice((1_000, 100_000), size=40)
    ]
    found = predict_execution({"e": merge_families(parts)}, {"e": environment(512)}, memory_mb=512, input_bytes=1000)
    assert found.seconds.median == pytest.approx(0.1, rel=0.1)


def test_a_task_that_comes_once_a_run_is_met_in_the_kinds_in_which_it_was_met() -> None:
    """Three kinds, such as where code is there, where it is imported, and where its library is: none slower is told."""
    times = [0.005, 0.6, 0.1, 0.62, 0.005, 0.58, 0.1, 0.6, 0.005, 0.61, 0.005, 0.6, 0.1, 0.59, 0.6] * 2
    known = {"e": family([[seconds] for seconds in times])}
    found = predict_execution(known, {"e": environment(512)}, memory_mb=512, input_bytes=1000)
    assert found.seconds.quantile(0.15) < 0.02
    assert found.seconds.median == pytest.approx(0.5, rel=0.3)
    assert found.seconds.quantile(0.9) < 1.0
