"""Whole runs drawn from predictions: percentiles of a makespan come out as exact sampling says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compiler.manifest.model import IoHint
from compiler.predict.predictions import Predictions, predict
from compiler.predict.sizes import hinted_bytes, predict_size
from compiler.simulate.conditions import Conditions
from compiler.simulate.estimate import sample_makespans
from compiler.simulate.workload import Workload
from runtime.history.records import FamilyHistory
from runtime.history.view import History
from tests.predict.histories import environment, family, history
from tests.simulate.planned import workload

CHAIN = "\ntasks:\n  t0: {call: 'functions:f'}\n" + "".join(
    f"  t{n}: {{call: 'functions:f', args: ['${{{{ tasks.t{n - 1} }}}}']}}\n" for n in range(1, 10)
)
FAN_IN = """
tasks:
  one: {foreach: {i: "${{ range(10) }}"}, call: "functions:f", args: ["${{ i }}"]}
  all: {call: "functions:g", args: ["${{ tasks.one }}"]}
"""
STILL = Conditions(concurrency=16)
SIGMA = 0.3


def predicted(load: Workload, known: History) -> Predictions:
    fingerprints = ["f" if one.body.function == "f" else "g" for one in load.source.families]  # type: ignore[union-attr]
    return predict(load.source, fingerprints, known)


def known(**families: FamilyHistory) -> History:
    return history(families, {"e": environment(1769)})


def spread(mean: float, *, within: float, between: float, fingerprint: str = "f") -> FamilyHistory:
    random = np.random.default_rng(8)
    times = [
        list(mean * np.exp(between * random.standard_normal() + within * random.standard_normal(20)))
        for _ in range(300)
    ]
    return family(times, fingerprint=fingerprint, output=[(0, 100.0)] * 5)


@pytest.mark.parametrize(("within", "between"), [(SIGMA, 0.0), (0.1, SIGMA)], ids=["alone", "in common"])
@pytest.mark.parametrize("body", [CHAIN, FAN_IN], ids=["chain", "fan-in"])
def test_p95_is_that_of_exact_sampling(tmp_path: Path, body: str, within: float, between: float) -> None:
    load = workload(tmp_path, body, workers=10, concurrency=16)
    found = predicted(
        load,
        known(f=spread(1.0, within=within, between=between), g=spread(1e-4, within=0.1, between=0.0, fingerprint="g")),
    )
    drawn = found.draws(load.plan, 400, seed=2)
    drawn = _started_at_once(drawn)
    makespans = sample_makespans(load, STILL, drawn)
    random = np.random.default_rng(1)
    common = between * random.standard_normal((1, 200_000))
    times = np.exp(common + within * random.standard_normal((10, 200_000)))
    exact = times.sum(axis=0) if body is CHAIN else times.max(axis=0)
    for part in (50, 95):
        assert np.percentile(makespans, part) == pytest.approx(np.percentile(exact, part), rel=0.06)


def _started_at_once(drawn):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    nothing = {env: starts * 0 for env, starts in drawn.cold_s.items()}
    return replace(drawn, cold_s=nothing, warm_s=nothing, code_load_s=lambda module: 0.0)


def test_relation_of_sizes_is_learned() -> None:
    doubling = family([[1.0]] * 5, output=[(size, 2 * size) for size in (100, 1_000, 10_000, 100_000)] * 4)
    for size in (500, 50_000, 1_000_000):
        assert predict_size({"e": doubling}, "", None, size).bytes == pytest.approx(2 * size, rel=0.1)


def test_hint_counts_less_the_more_is_known() -> None:
    hint = hinted_bytes(IoHint(kind="constant", factor=0.0, power=0.0, offset_bytes=10_000.0), 0)
    few, many = (family([[1.0]], output=[(0, 100)] * count) for count in (1, 300))
    assert 1_000 < predict_size({"e": few}, "", hint, 0).bytes < 10_000
    assert predict_size({"e": many}, "", hint, 0).bytes == pytest.approx(100, rel=0.06)


def test_hint_alone_says_the_size_and_a_default_when_there_is_none(tmp_path: Path) -> None:
    body = """
tasks:
  a: {call: "functions:f", io: {constant: 1MiB}}
  b: {call: "functions:f", args: ["${{ tasks.a }}"], io: {linear: 0.5}}
  c: {call: "functions:f", args: ["${{ tasks.b }}"]}
"""
    load = workload(tmp_path, body)
    found = predicted(load, History())
    assert [size[0].source for size in found.flow.sizes] == ["hint", "hint", "default"]
    assert found.flow.input_bytes == [0, 1 << 20, 1 << 19]
    assert all(found.seconds(one, 1769).source == "default" for one in range(3))


def test_a_hint_counts_the_arguments_that_it_names(tmp_path: Path) -> None:
    body = """
tasks:
  a: {call: "functions:f", io: {constant: 1MiB}}
  b: {call: "functions:f", io: {constant: 1KiB}}
  c:
    call: functions:f
    args: ["${{ tasks.a }}"]
    with: {small: "${{ tasks.b }}"}
    io: {linear: 1.0, of: [small]}
"""
    load = workload(tmp_path, body)
    found = predicted(load, History())
    assert found.flow.sizes[2][0].bytes == 1024
    assert found.flow.input_bytes[2] == (1 << 20) + 1024


def test_same_seed_same_draws(tmp_path: Path) -> None:
    load = workload(tmp_path, FAN_IN)
    found = predicted(load, known(f=spread(1.0, within=0.2, between=0.1)))
    first, again, other = (found.draws(load.plan, 8, seed=seed).exec_s for seed in (3, 3, 4))
    assert (first == again).all() and not (first == other).any()


def test_nothing_is_drawn_longer_than_its_timeout_however_little_is_known(tmp_path: Path) -> None:
    load = workload(tmp_path, CHAIN, workers=1)
    found = predicted(load, known(f=family([[1e-6, 1.0]])))
    assert found.untimed(0, 1769).seconds.quantile(0.99) > 300
    assert found.seconds(0, 1769).quantile(0.99) == pytest.approx(300)
    assert found.draws(load.plan, 200).exec_s.max() == pytest.approx(300)
