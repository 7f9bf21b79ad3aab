"""`treadle import wfformat`: a manifest that runs, with the bytes and times of the trace, and its history."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.timeline import decode_timeline
from tests.cli.conftest import Treadle
from tests.importers.traces import DIAMOND, task, trace_text


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "diamond.json"
    path.write_text(trace_text(*DIAMOND, executedAt="2020-12-25T20:10:08+00:00", makespanInSeconds=9.5))
    return path


def test_the_manifest_runs_and_moves_the_recorded_bytes(treadle: Treadle, trace: Path) -> None:
    account = treadle("import", "wfformat", trace, "-o", "out", "--json").json
    assert (account["tasks"], account["edges"], account["edge_bytes"], account["outside_bytes"]) == (4, 4, 1430, 20_000)
    assert account["recorded_makespan_s"] == 9.5 and account["unused"] == {"machine": 1, "type": 4}
    assert treadle("validate", "out/workflow.yaml").code == 0
    done = treadle("run", "out/workflow.yaml", "--inline", "--json").json
    assert done["tasks"] == 4
    assert done["outputs"] is None and eval(done["outputs_repr"]) == {"all": bytes(130), "log": b""}


def test_scales_are_params_with_what_was_asked_for_as_default(treadle: Treadle, trace: Path) -> None:
    treadle("import", "wfformat", trace, "-o", "out", "--time-scale", "0.5", "--bytes-scale", "10", "--work", "burn")
    text = Path("out/workflow.yaml").read_text()
    assert "time_scale: {type: float, default: 0.5" in text and "default: burn" in text
    assert treadle("validate", "out/workflow.yaml", "--set", "bytes_scale=2").code == 0
    row = next(row for row in treadle("expand", "out/workflow.yaml", "split_id1", "--json").json["instances"])
    assert row["with"]["writes"] == {"a_txt": 6000, "b_txt": 7000} and row["with"]["seconds"] == 0.01


def test_the_timeline_begins_each_task_when_its_inputs_are_there(treadle: Treadle, trace: Path) -> None:
    treadle("import", "wfformat", trace, "-o", "out")
    timeline = decode_timeline(Path("out/timeline.json").read_bytes())
    assert timeline.makespan_s == pytest.approx(0.05, abs=1e-5)
    starts = {span.task: span.started_at - timeline.invoked_at for span in timeline.spans}
    assert starts == pytest.approx({"split_id1": 0, "half_id2": 0.02, "half_id3": 0.02, "join_id4": 0.05}, abs=1e-5)
    assert timeline.invoked_at == 1608927008.0


def test_its_history_is_one_of_its_own_functions_without_start_ups(treadle: Treadle, trace: Path) -> None:
    treadle("import", "wfformat", trace, "-o", "out")
    assert treadle("history", "import", "out/history.bin").code == 0
    found = treadle("history", "show", "out/workflow.yaml", "--json").json
    assert {row["task"]: row["samples"] for row in found["by_task"]} == {
        "half_id2": 2,
        "half_id3": 2,
        "join_id4": 1,
        "split_id1": 1,
    }
    graph = treadle("history", "show", "flow", "--json").json
    assert graph["makespans"] == [] and all(env["seconds"] == {} for env in graph["environments"])


def test_programs_of_one_name_in_two_traces_have_histories_of_their_own(treadle: Treadle, tmp_path: Path) -> None:
    def marks(folder: str, runtime: float, *options: str) -> object:
        (tmp_path / f"{folder}.json").write_text(trace_text(task("only_ID1", runtime=runtime)))
        assert treadle("import", "wfformat", f"{folder}.json", "-o", folder, *options).code == 0
        return treadle("plan", f"{folder}/workflow.yaml", "--no-outlook", "--json").json["functions"]

    quick = marks("quick", 1.0)
    assert marks("slow", 100.0) != quick
    assert marks("scaled", 1.0, "--time-scale", "0.5") == quick


def test_long_tasks_have_a_timeout_of_their_own(treadle: Treadle, tmp_path: Path) -> None:
    short, long = task("short", runtime=149.0), task("long_1", runtime=20.0, parents=["short"])
    path = tmp_path / "long.json"
    path.write_text(trace_text(short, long, task("long_2", runtime=170.5), task("huge", runtime=800.0)))
    account = treadle("import", "wfformat", path, "-o", "out", "--json").json
    assert (account["timeouts"], account["too_long"], account["fitting_time_scale"]) == (2, 0, None)
    rows = treadle("expand", "out/workflow.yaml", "--json").json["instances"]
    assert {row["name"]: row["timeout_s"] for row in rows} == {
        "short": 300.0,
        "long_1": 360.0,
        "long_2": 360.0,
        "huge": 900.0,
    }
    assert treadle("history", "import", "out/history.bin").code == 0
    assert "W502" not in treadle("plan", "out/workflow.yaml", "--planner", "simple").err
    treadle("import", "wfformat", path, "-o", "scaled", "--time-scale", "0.1")
    assert "timeout:" not in Path("scaled/workflow.yaml").read_text()


def test_tasks_that_no_invocation_can_hold_are_told_with_a_scale_that_helps(treadle: Treadle, tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    path.write_text(trace_text(task("a", runtime=2906.7), task("b", runtime=900.0), task("c", runtime=5.0)))
    done = treadle("import", "wfformat", path, "-o", "out")
    said = "2 tasks take up to 48m27s, and no invocation lasts longer than 15m: `--time-scale 0.1` leaves them room"
    assert said in done.out
    assert treadle("validate", "out/workflow.yaml").code == 0
    assert treadle("history", "import", "out/history.bin").code == 0
    assert "`a` is predicted to take" in treadle("plan", "out/workflow.yaml").err
    account = treadle("import", "wfformat", path, "-o", "scaled", "--time-scale", "0.1", "--json").json
    assert account["too_long"] == 0 and not account["notes"]


def test_tasks_whose_files_no_environment_can_hold_are_told_with_a_scale_that_helps(
    treadle: Treadle, tmp_path: Path
) -> None:
    (tmp_path / "t.json").write_text(trace_text(task("a", writes={"x": 5 * 10**12}), task("b", reads={"x": 1})))
    said = treadle("import", "wfformat", "t.json", "-o", "out").out
    assert "1 task reads and writes 4,656.6 GiB, and no environment has more than 10.0 GiB" in said
    assert "`--bytes-scale 0.001` leaves it room" in said
    fitting = treadle("import", "wfformat", "t.json", "-o", "fits", "--bytes-scale", "0.001", "--json").json
    assert fitting["too_large"] == 0 and fitting["fitting_bytes_scale"] is None


def test_a_task_that_gives_no_file_and_that_nobody_waits_for_is_an_output(treadle: Treadle, tmp_path: Path) -> None:
    rows = (task("a", writes={"x": 3}), task("b", reads={"x": 3}), task("c"), task("d", parents=["c"]))
    (tmp_path / "t.json").write_text(trace_text(*rows))
    treadle("import", "wfformat", "t.json", "-o", "out", "--time-scale", "0")
    checked = treadle("validate", "out/workflow.yaml")
    assert checked.code == 0 and "warning" not in checked.out + checked.err
    assert treadle("run", "out/workflow.yaml", "--inline", "--json").json["outputs"] == {"b": None, "d": None}


def test_letters_of_every_script_stay_in_what_is_said_of_a_task(treadle: Treadle, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(trace_text(task("Größe naïve", writes={"файл\u2028.txt": 1}), task("任务")))
    treadle("import", "wfformat", "t.json", "-o", "out")
    manifest = Path("out/workflow.yaml").read_text(encoding="utf-8")
    assert "  gro_e_naive:  # Größe naïve\n" in manifest and "# файл .txt\n" in manifest and "# 任务\n" in manifest


def test_names_that_a_manifest_cannot_have_are_changed_and_stay_apart(treadle: Treadle, tmp_path: Path) -> None:
    long = "NFCORE." + "VERY_LONG." * 12
    tasks = [
        task(f"{long}A"),
        task(f"{long}B"),
        task("42"),
        task("import"),
        task("été 'x' \"y\" \\"),
        task("A b"),
        task("a-b"),
    ]
    Path("odd.json").write_text(trace_text(*tasks, task("tasks", writes={"in": 1, "IN": 2, "...": 3})))
    assert treadle("import", "wfformat", "odd.json", "-o", "out").code == 0
    assert treadle("validate", "out/workflow.yaml").code == 0


def test_what_is_wrong_with_a_trace_is_said_and_nothing_is_written(treadle: Treadle) -> None:
    Path("bad.json").write_text(trace_text(task("a", runtime=-1), task("b", runtime=None)))
    called = treadle("import", "wfformat", "bad.json", "-o", "out")
    assert (
        called.code == 1 and called.err.count("runtimeInSeconds") == 2 and "bad.json cannot be imported" in called.err
    )
    assert not Path("out").exists()


def test_a_folder_with_something_in_it_is_left_alone(treadle: Treadle, trace: Path) -> None:
    Path("out").mkdir()
    Path("out/mine").write_text("")
    called = treadle("import", "wfformat", trace, "-o", "out")
    assert called.code == 2 and "not empty" in called.err
    assert treadle("import", "wfformat", trace, "-o", "new", "--time-scale", "-1").code == 2
    assert treadle("import", "wfformat", "none.json", "-o", "new").code == 4


@pytest.mark.parametrize(("work", "used"), [("sleep", 0.0), ("burn", 1.0)])
def test_a_task_that_sleeps_takes_no_core_of_others(treadle: Treadle, trace: Path, work: str, used: float) -> None:
    treadle("import", "wfformat", trace, "-o", "out", "--work", work)
    spans = decode_timeline(Path("out/timeline.json").read_bytes()).spans
    assert [span.cpu.used_s for span in spans if span.cpu] == pytest.approx([used * span.exec_s for span in spans])
