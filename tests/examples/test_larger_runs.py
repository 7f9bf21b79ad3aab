"""The examples that planners are tried on, on real Lambda environments: the result is that of one process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis

from tests.examples.loading import MANIFESTS
from tests.shell import Shell

PLANNERS = ("simple", "wukong")


@pytest.mark.parametrize("planner", PLANNERS)
def test_text_analysis_finds_what_one_process_finds(kept: tuple[Shell, redis.Redis], planner: str) -> None:
    file = MANIFESTS / "text_analysis/workflow.yaml"
    options = ("--set", f"folder={Path(json.__file__).parents[1] / 'email'}")
    answer = kept[0].json("run", file, "--planner", planner, *options)
    inline = kept[0].json("run", file, "--inline", *options)
    assert answer["result"] == inline["result"]
    assert answer["tasks"] == 1 + 32 + 1 + 16 + 16 + 4 + 1
    assert answer["result"]["files"] > 10


def test_montage_makes_the_sky_of_its_exposures(kept: tuple[Shell, redis.Redis], tmp_path: Path) -> None:
    output = tmp_path / "mosaic.fits"
    options = ("--set", "rows=2", "--set", "columns=2", "--set", f"output={output}")
    answer = kept[0].json("run", MANIFESTS / "montage/workflow.yaml", *options)
    assert answer["result"]["ok"] is True
    assert answer["result"]["holes"] == 0
    assert answer["result"]["path"] == str(output)
    assert output.read_bytes().startswith(b"SIMPLE  =")
    assert answer["tasks"] == 2 + 3 * 4 + 2 * 6 + 3


def test_computations_run_in_environments_of_every_size(kept: tuple[Shell, redis.Redis]) -> None:
    options = ("--set", "sizes=[512, 1769, 10240]", "--planner", "wukong")
    answer = kept[0].json("run", MANIFESTS / "expensive_computations/workflow.yaml", *options)
    assert answer["result"] == {
        "trace": 6_229_805,
        "primes": 788_060,
        "digit_sum": 2_213_453,
        "sizes": 3,
        "ok": True,
    }
