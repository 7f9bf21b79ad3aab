"""What a change of manifest or code repeats: digests of two builds compared, nothing run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from compiler.pipeline import CompileOptions, compile_workflow
from runtime.runs.changes import digests, reasons

FUNCTIONS = """
def one(number, offset=0):
    return number + offset

def two(numbers):
    return helper(numbers)

def helper(numbers):
    return sum(numbers)
"""
MANIFEST = """\
spec: 1
name: test
params: {size: {type: int, default: 3}, text: {type: str, default: quiet}}
inputs: {offset: {type: int, default: 1}}
tasks:
  first: {call: "functions:one", foreach: {i: "${{ range(params.size) }}"}, args: ["${{ i }}"]}
  apart: {call: "functions:one", args: [1, "${{ inputs.offset }}"], env: {LOUD: "${{ params.text }}"}}
  last: {call: "functions:two", args: ["${{ tasks.first }}"]}
  beside: {exec: {argv: [echo, "${{ params.text }}"]}}
result: ["${{ tasks.last }}", "${{ tasks.apart }}", "${{ tasks.beside }}"]
"""


def why(
    folder: Path,
    manifest: str = MANIFEST,
    functions: str = FUNCTIONS,
    *,
    planner: str = "simple",
    inputs: Mapping[str, object] = {"offset": 1},
    **set_values: object,
) -> dict[str, str]:
    """Why each task runs again when the workflow is resumed as the arguments say."""
    (folder / "functions.py").write_text(FUNCTIONS)
    (folder / "workflow.yaml").write_text(MANIFEST)
    before = compile_workflow(folder / "workflow.yaml", CompileOptions()).loaded
    (folder / "functions.py").write_text(functions)
    (folder / "workflow.yaml").write_text(manifest)
    options = CompileOptions(planner=planner, set_values=set_values)
    after = compile_workflow(folder / "workflow.yaml", options).loaded
    return reasons(digests(before, {"offset": 1}), digests(after, inputs))


def test_nothing_that_does_not_change_a_result_repeats_a_task(tmp_path: Path) -> None:
    manifest = MANIFEST.replace("args: [1,", "resources: {memory: 2GiB}, timeout: 7s, retry: {max: 3}, args: [1,")
    assert why(tmp_path, manifest, "# a comment\n" + FUNCTIONS, planner="wukong") == {}


@pytest.mark.parametrize(
    ("changed", "repeated"),
    [
        (("sum(numbers)", "max(numbers)"), {"last": "its function has changed"}),
        (
            ("number + offset", "number - offset"),
            {
                "first[0]": "its function has changed",
                "first[1]": "its function has changed",
                "first[2]": "its function has changed",
                "apart": "its function has changed",
                "last": "it reads first[0]",
            },
        ),
    ],
)
def test_changed_function_repeats_its_tasks_and_who_reads_them(
    tmp_path: Path, changed: tuple[str, str], repeated: dict[str, str]
) -> None:
    assert why(tmp_path, functions=FUNCTIONS.replace(*changed)) == repeated


def test_changed_input_repeats_the_tasks_that_take_it(tmp_path: Path) -> None:
    assert why(tmp_path, inputs={"offset": 2}) == {"apart": "its arguments have changed"}


def test_changed_variable_and_command_repeat_their_tasks(tmp_path: Path) -> None:
    assert why(tmp_path, text="loud") == {
        "apart": "its environment variables have changed",
        "beside": "its arguments have changed",
    }


def test_wider_family_has_new_instances_and_changes_who_reads_it_whole(tmp_path: Path) -> None:
    assert why(tmp_path, size=4) == {"first[3]": "it is new", "last": "its arguments have changed"}


def test_new_task_is_new_and_a_removed_one_is_nothing(tmp_path: Path) -> None:
    manifest = MANIFEST.replace("  apart:", "  other:").replace("tasks.apart", "tasks.other")
    assert why(tmp_path, manifest) == {"other": "it is new"}


def test_changed_condition_repeats_its_task_and_so_does_an_input_in_it(tmp_path: Path) -> None:
    with_condition = MANIFEST.replace("apart: {", 'apart: {when: "${{ inputs.offset > 0 }}", ')
    assert why(tmp_path, with_condition) == {"apart": "its `when` has changed"}


SECRET = MANIFEST.replace("tasks:", "secrets: {key: {env: KEY}}\ntasks:").replace(
    "{LOUD:", '{KEY: "${{ secrets.key }}", LOUD:'
)


def test_a_secret_repeats_its_task_when_it_lies_elsewhere_but_not_for_the_line_that_says_so(tmp_path: Path) -> None:
    def changed(manifest: str) -> dict[str, str]:
        (tmp_path / "functions.py").write_text(FUNCTIONS)
        found = []
        for text in (SECRET, manifest):
            (tmp_path / "workflow.yaml").write_text(text)
            found.append(digests(compile_workflow(tmp_path / "workflow.yaml", CompileOptions()).loaded, {"offset": 1}))
        return reasons(*found)

    assert changed(SECRET.replace("secrets:", "# a comment\n\nsecrets:")) == {}
    assert changed(SECRET.replace("env: KEY", "ssm: /key")) == {"apart": "its environment variables have changed"}


def test_what_follows_a_failure_repeats_only_tasks_that_have_failed(tmp_path: Path) -> None:
    (tmp_path / "functions.py").write_text(FUNCTIONS)
    found = []
    for on_error in ("skip", "continue"):
        text = MANIFEST.replace("apart: {", f"apart: {{on_error: {on_error}, ")
        (tmp_path / "workflow.yaml").write_text(text.replace("beside: {", f"beside: {{on_error: {on_error}, "))
        found.append(compile_workflow(tmp_path / "workflow.yaml", CompileOptions()).loaded)
    before, after = (digests(bundle, {"offset": 1}, ("apart",)) for bundle in found)
    assert reasons(before, after) == {"apart": "its options have changed"}
