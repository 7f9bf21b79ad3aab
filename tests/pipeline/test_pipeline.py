"""The chain: all findings in one run, and from a file to a build that runs."""

from __future__ import annotations

import gc
import json
import subprocess
import sys

import pytest

from compiler.diagnostics import MAX_MISTAKES, ManifestError
from compiler.emit.bundle import Build
from compiler.emit.write import write_bundle
from compiler.manifest.model import Source
from compiler.pipeline import (
    LEVELS,
    CompileOptions,
    check,
    compile_workflow,
    expand_workflow,
    plan_workflow,
    refuse_unsupported,
)
from runtime.config import WorkerSettings
from runtime.inline import run_inline

SQUARES = """\
spec: 1
name: squares
params:
  n: {type: int, default: 4}
tasks:
  square:
    call: app:square
    foreach: {i: "${{ range(params.n) }}"}
    args: ["${{ i }}"]
  total:
    call: app:total
    args: ["${{ tasks.square }}"]
result: ${{ tasks.total }}
"""

APP = """\
def square(x):
    return x * x


def total(values):
    return sum(values)
"""


@pytest.fixture
def workflow(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    path = tmp_path / "workflow.yaml"
    path.write_text(SQUARES)
    return path


def codes(diagnostics):
    return [(one.code, one.span.start.line if one.span else None) for one in diagnostics]


def test_a_sound_workflow_has_nothing_to_report_at_any_level(workflow):
    assert [check(workflow, level=level) for level in LEVELS] == [[]] * len(LEVELS)


@pytest.mark.parametrize("planner", ["simple", "wukong"])
def test_a_build_of_a_file_gives_its_result(workflow, planner):
    build = compile_workflow(workflow, CompileOptions(planner=planner, set_values={"n": "10"}))
    assert run_inline(build.loaded, WorkerSettings()).result == 285


def test_a_compilation_is_the_same_twice(workflow):
    first, second = (compile_workflow(workflow, CompileOptions()) for _ in range(2))
    assert isinstance(first, Build) and first.index == second.index and first.blobs == second.blobs


def test_a_build_does_not_know_where_its_source_lay(workflow, tmp_path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    for name in ("app.py", "workflow.yaml"):
        (other / name).write_text((tmp_path / name).read_text())
    assert (
        compile_workflow(workflow, CompileOptions()).index
        == compile_workflow(other / "workflow.yaml", CompileOptions()).index
    )


def test_a_comment_in_the_code_changes_the_unit_and_not_the_signature(workflow, tmp_path):
    before = compile_workflow(workflow, CompileOptions()).loaded
    (tmp_path / "app.py").write_text("# a comment\n" + APP)
    after = compile_workflow(workflow, CompileOptions()).loaded
    assert before.units != after.units and before.graph_signature == after.graph_signature


def test_options_reach_the_plan(workflow):
    planned = plan_workflow(workflow, CompileOptions(set_values={"n": "100"}, workers=3, concurrency=10))
    assert planned.plan.workers == ("w0", "w1", "w2")
    assert planned.graph.params["n"] == 100


def test_mistakes_of_all_phases_come_in_one_run(workflow):
    text = SQUARES.replace("app:total", "app:sum_up").replace("tasks.square }}", "tasks.sqare }}")
    workflow.write_text(text.replace("name: squares", "name: squares\ncolour: red"))
    assert codes(check(workflow)) == [("E102", 3), ("E402", 12), ("E301", 13)]


def test_each_level_stops_where_it_says(workflow):
    workflow.write_text(SQUARES.replace("app:total", "app:absent").replace("spec: 1", "spec: 1\ncolour: red"))
    found = {level: [code for code, _ in codes(check(workflow, level=level))] for level in LEVELS}
    assert found["syntax"] == []
    assert found["schema"] == found["graph"] == ["E102"]
    assert found["code"] == found["plan"] == ["E102", "E402"]


def test_warnings_are_muted_while_there_are_errors(workflow):
    unused = SQUARES.replace("  total:", "  unused: {call: 'app:square', args: [1]}\n  total:")
    workflow.write_text(unused)
    assert [code for code, _ in codes(check(workflow))] == ["W301"]
    workflow.write_text(unused.replace("app:total", "app:absent"))
    assert [code for code, _ in codes(check(workflow))] == ["E402"]


def test_an_absent_file_is_a_diagnostic(tmp_path):
    assert [code for code, _ in codes(check(tmp_path / "absent.yaml"))] == ["E001"]


def test_a_text_can_be_checked_without_a_file(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    assert check(Source(file="<stdin>", text=SQUARES, root=tmp_path)) == []


def test_every_stage_refuses_a_faulty_workflow_with_everything_found(workflow):
    workflow.write_text(SQUARES.replace("app:total", "app:absent").replace("app:square", "app:gone"))
    for stage in (plan_workflow, compile_workflow):
        with pytest.raises(ManifestError) as caught:
            stage(workflow, CompileOptions())
        assert codes(caught.value.diagnostics) == [("E402", 7), ("E402", 11)]


def test_expansion_does_not_ask_for_the_code(workflow):
    (workflow.parent / "app.py").unlink()
    assert len(expand_workflow(workflow, CompileOptions())) == 5


def test_what_is_not_executed_yet_is_refused_by_name_and_only_for_a_run(workflow):
    workflow.write_text(
        SQUARES.replace('args: ["${{ tasks.square }}"]', 'args: ["${{ tasks.square }}"]\n    cache: true')
    )
    graph = plan_workflow(workflow, CompileOptions()).graph
    with pytest.raises(ManifestError) as caught:
        refuse_unsupported(graph)
    assert codes(caught.value.diagnostics) == [("E513", 13)]
    assert "cache" in caught.value.diagnostics[0].message


@pytest.mark.parametrize("was_on", [True, False])
def test_a_compilation_leaves_the_garbage_collector_as_it_was(workflow, was_on):
    before = gc.isenabled()
    try:
        (gc.enable if was_on else gc.disable)()
        compile_workflow(workflow, CompileOptions())
        assert gc.isenabled() is was_on
        with pytest.raises(ManifestError):
            compile_workflow(workflow, CompileOptions(set_values={"n": "many"}))
        assert gc.isenabled() is was_on
    finally:
        (gc.enable if before else gc.disable)()


def test_a_workflow_of_executed_features_is_not_refused(workflow):
    refuse_unsupported(plan_workflow(workflow, CompileOptions()).graph)


def test_launch_runs_a_bundle_without_treadle_or_the_source(workflow, tmp_path):
    folder = write_bundle(compile_workflow(workflow, CompileOptions(set_values={"n": 5})), tmp_path / "bundle")
    for name in ("app.py", "workflow.yaml"):
        (tmp_path / name).unlink()
    done = subprocess.run(
        [sys.executable, "-I", str(folder / "launch.py"), "--inline", "--json"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"] == 30


def test_a_let_value_that_takes_the_name_of_a_root_is_one_mistake(workflow):
    source = Source(file="w.yaml", text=SQUARES + 'let: {params: "${{ params.n }}"}\n', root=workflow.parent)
    assert [one.code for one in check(source)] == ["E111"]


@pytest.mark.parametrize("budget", [".inf", '"${{ params.n }}"'])
def test_a_section_that_lacks_a_key_is_one_mistake_whatever_else_is_wrong_in_it(workflow, budget):
    source = Source(file="w.yaml", text=f"{SQUARES}sla: {{budget: {budget}}}\n", root=workflow.parent)
    assert [one.code for one in check(source)].count("E101") == 1


def test_many_mistakes_end_the_check_and_the_first_one_says_so(workflow):
    rows = "".join(f"  a{at}: ${{{{ nothing{at} }}}}\n" for at in range(MAX_MISTAKES + 100))
    workflow.write_text("spec: 1\nname: many\nlet:\n" + rows + "tasks: {t: {call: 'nowhere:f'}}\n")
    found = check(workflow)
    assert {one.code for one in found} == {"E203"}
    assert len(found) == MAX_MISTAKES
    assert [bool(one.notes) for one in found] == [True] + [False] * (MAX_MISTAKES - 1)
    assert "500" in found[0].notes[0]
