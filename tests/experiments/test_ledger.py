"""The file of rows: whole after a crash, and never mixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.experiments.cases import Case, Settings
from tests.benchmarks.experiments.ledger import COLUMNS, LedgerUnfit, open_ledger, read_rows

CASE = Case(
    workflow="tree:leaves=4,x=1",
    planner="simple",
    sla="p95",
    memory_mb="",
    purpose="measure",
    repetition=0,
    settings=Settings(start="cold", link="none", environments=2),
)


def test_row_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "runs.csv"
    with open_ledger(path) as ledger:
        assert not ledger.has(CASE)
        ledger.append(CASE, {"outcome": "done", "makespan_s": 1 / 3, "workers": 2, "message": 'a "b",\nc'})
    with open_ledger(path) as ledger:
        assert ledger.has(CASE)
        (row,) = ledger.rows
    assert row["makespan_s"] == "0.333333333"
    assert row["message"] == 'a "b", c'
    assert len(path.read_text().splitlines()) == 2


@pytest.mark.parametrize("left", ["", "tree", "tree:leaves=4,simple,p95\x00"])
def test_what_a_crash_left_of_a_row_is_cut_off(tmp_path: Path, left: str) -> None:
    path = tmp_path / "runs.csv"
    with open_ledger(path) as ledger:
        ledger.append(CASE, {"outcome": "done"})
    whole = path.read_text()
    path.write_text(whole + left)
    with open_ledger(path) as ledger:
        assert len(ledger.rows) == 1
    assert path.read_text() == whole


def test_a_crash_that_left_half_of_the_head_left_nothing(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("workflow,plan")
    with open_ledger(path) as ledger:
        assert ledger.rows == []
    assert path.read_text() == ",".join(COLUMNS) + "\n"


def test_file_of_other_columns_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(LedgerUnfit, match="other columns"), open_ledger(path):
        pass
    assert path.read_text() == "a,b\n1,2\n"


def test_two_drivers_do_not_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    with (
        open_ledger(path),
        pytest.raises(LedgerUnfit, match="another driver"),
        open_ledger(path),
    ):
        pass
    assert read_rows(path) == []
