"""The comparison of planners in its short form: two recorded runs of a few tasks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.planners import main
from tests.importers.traces import task, trace_text

FAN = trace_text(
    task("split", runtime=2.0, writes={"part": 50_000}),
    *(task(f"work{n}", runtime=5.0 + n, reads={"part": 50_000}, writes={f"done{n}": 1000}) for n in range(3)),
    task("join", runtime=1.0, reads={f"done{n}": 1000 for n in range(3)}),
)
CHAIN = trace_text(
    task("first", runtime=3.0, writes={"a": 10_000_000}),
    task("second", runtime=2.0, reads={"a": 10_000_000}, writes={"b": 10}),
    task("third", runtime=1.0, reads={"b": 10}),
)


def test_treadle_is_never_worse_than_a_rival_by_more_than_noise_with_its_plans_and_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in (("fan", FAN), ("chain", CHAIN)):
        (tmp_path / f"{name}.json").write_text(text)
    assert main(["--traces", str(tmp_path), "--environments", "4", "--rounds", "20"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    verdicts = {line[0]: line[1:4] for line in lines if line[2:3] == ["of"]}
    assert verdicts == {"treadle": ["2", "of", "2"], "alone": ["2", "of", "2"]}
    assert any(line[:1] == ["chain,"] for line in lines)
