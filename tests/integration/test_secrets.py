"""Secrets in real runs: workers get them, and nothing that a run leaves or shows holds them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from runtime.config import WorkerSettings
from runtime.errors import RunFailed
from runtime.inline import run_inline
from runtime.secrecy.confided import confided
from runtime.secrecy.references import SecretUnavailable
from tests.contracts.buckets import aws_server
from tests.integration.running import PLANNERS, Bench, compile_at, write_workflow

VALUE = "hunter22/pa'ss wörd"

ENV = """
secrets: {key: {env: SECRET_OF_TESTS}}
inputs: {token: {type: secret}}
tasks:
  python: {call: "functions:length", env: {KEY: "${{ secrets.key }}"}}
  command: {exec: {argv: [sh, -c, 'printf %s "$KEY" | wc -c'], stdout: json}, env: {KEY: "${{ secrets.key }}"}}
  argument: {call: "functions:size", args: ["${{ inputs.token }}"]}
  variable: {call: "functions:length", env: {KEY: "${{ inputs.token }}"}}
  piped: {exec: {argv: [wc, -c], stdin: "${{ inputs.token }}", stdout: json}}
outputs:
  all:
    - ${{ tasks.python }}
    - ${{ tasks.command }}
    - ${{ tasks.argument }}
    - ${{ tasks.variable }}
    - ${{ tasks.piped }}
"""
FUNCTIONS = """
import os

def length():
    return len(os.environ["KEY"])

def size(text):
    return len(text)
"""


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_TESTS", VALUE)


@pytest.mark.parametrize("planner", PLANNERS)
def test_tasks_get_secrets_as_variables_arguments_and_input(bench: Bench, tmp_path: Path, planner: str) -> None:
    build = compile_at(write_workflow(tmp_path, ENV, FUNCTIONS), planner)
    result: Any = bench.run(build, inputs={"token": "env:SECRET_OF_TESTS"}).result
    letters, size = len(VALUE), len(VALUE.encode())
    assert result == {"all": [letters, size, letters, letters, size]}


NEEDY = """
secrets:
  key: REFERENCE
tasks:
  a: {call: "functions:runs", env: {KEY: "${{ secrets.key }}"}, retry: 5}
  b: {call: "functions:runs", args: ["${{ tasks.a }}"]}
result: ${{ tasks.b }}
"""
RUNS = """
import pathlib
pathlib.Path(r"FOLDER", "ran").touch()

def runs(*_):
    return 1
"""


def needy(folder: Path, reference: str) -> Path:
    return write_workflow(folder, NEEDY.replace("REFERENCE", reference), RUNS.replace("FOLDER", str(folder)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "the secret `key` (env:GIVEN, workflow.yaml:5) is not there: no variable GIVEN is set"),
        (" \n", "the secret `key` (env:GIVEN, workflow.yaml:5) is empty"),
        ("abc", "has fewer than 4 characters, and cannot be kept out of logs"),
    ],
)
def test_a_variable_that_is_no_secret_is_found_before_anything_is_launched(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, message: str
) -> None:
    if text is not None:
        monkeypatch.setenv("GIVEN", text)
    before = bench.client.dbsize()
    with pytest.raises(SecretUnavailable) as caught:
        bench.run(compile_at(needy(tmp_path, "{env: GIVEN}"), "simple"))
    assert message in caught.value.message
    assert bench.client.dbsize() == before


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"AWS_REGION": "us-east-1"}, "no AWS credentials were found"),
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, "no AWS region is set"),
    ],
    ids=["credentials", "region"],
)
def test_what_aws_lacks_is_found_before_anything_is_launched(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], message: str
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, text in (given | {"AWS_EC2_METADATA_DISABLED": "true"}).items():
        monkeypatch.setenv(name, text)
    with pytest.raises(SecretUnavailable) as caught:
        bench.run(compile_at(needy(tmp_path, "{ssm: /app/key}"), "simple"))
    assert caught.value.message == f"the secret `key` (ssm:/app/key, workflow.yaml:5) cannot be read: {message}"


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    with aws_server():
        boto3.client("ssm", region_name="us-east-1").put_parameter(Name="/app/key", Value=VALUE, Type="SecureString")
        secrets = boto3.client("secretsmanager", region_name="us-east-1")
        secrets.create_secret(Name="app/key", SecretString=json.dumps({"user": "bob", "password": "hunter22"}))
        secrets.create_secret(Name="app/bytes", SecretBinary=b"\xff\xfe\x00\x01")
        yield


@pytest.mark.parametrize("planner", PLANNERS)
def test_workers_read_secrets_of_aws_with_the_launchers_credentials(
    bench: Bench, tmp_path: Path, aws: None, planner: str
) -> None:
    body = """
secrets: {key: {ssm: "/app/${{ params.name }}"}, whole: {secretsmanager: app/key}}
params: {name: key}
inputs: {token: {type: secret, default: "ssm:/app/key"}}
tasks:
  a: {call: "functions:length", env: {KEY: "${{ secrets.key }}"}}
  b: {call: "functions:password", env: {KEY: "${{ secrets.whole }}"}}
  c: {call: "functions:size", args: ["${{ inputs.token }}"]}
result: ["${{ tasks.a }}", "${{ tasks.b }}", "${{ tasks.c }}"]
"""
    password = "def password():\n    return len(json.loads(os.environ['KEY'])['password'])\n"
    functions = f"import json\n{FUNCTIONS}\n{password}"
    build = compile_at(write_workflow(tmp_path, body, functions), planner)
    assert bench.run(build).result == [len(VALUE), 8, len(VALUE)]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("{ssm: /app/none}", "(ssm:/app/none, workflow.yaml:5) is not there"),
        ("{secretsmanager: app/none}", "(secretsmanager:app/none, workflow.yaml:5) is not there"),
        ("{secretsmanager: app/bytes}", "(secretsmanager:app/bytes, workflow.yaml:5) is no text"),
    ],
)
def test_what_cannot_be_read_fails_its_task_once_and_before_its_code(
    bench: Bench, tmp_path: Path, aws: None, reference: str, message: str
) -> None:
    with pytest.raises(RunFailed) as caught:
        bench.run(compile_at(needy(tmp_path, reference), "simple"))
    (record,) = caught.value.records
    assert (record["task"], record["type"], record["attempt"], record["line"]) == ("a", "SecretUnavailable", 1, 7)
    assert str(record["message"]).endswith(message)
    assert record["hint"]
    assert not (tmp_path / "ran").exists()


def test_each_launch_gives_its_own_variables_to_environments_that_are_warm(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = compile_at(write_workflow(tmp_path, ENV, FUNCTIONS), "wukong")
    for text in ("another one", "and a third, which is longer"):
        monkeypatch.setenv("SECRET_OF_TESTS", text)
        result: Any = bench.run(build, inputs={"token": "env:SECRET_OF_TESTS"}).result
        assert result == {"all": [len(text)] * 5}


def test_a_service_forgets_what_was_confided_when_the_run_is_over(bench: Bench, tmp_path: Path) -> None:
    build = compile_at(write_workflow(tmp_path, ENV, FUNCTIONS), "simple")
    run = bench.run(build, inputs={"token": "env:SECRET_OF_TESTS"}).run
    assert confided(bench.target.vault, run) == {}


def test_a_workflow_that_is_inlined_is_given_secrets(bench: Bench, tmp_path: Path) -> None:
    inner = """
spec: 1
name: inner
inputs: {token: {type: secret}, other: {type: secret, default: "env:SECRET_OF_TESTS"}}
secrets: {own: {env: SECRET_OF_TESTS}}
tasks:
  a: {call: "functions:size", args: ["${{ inputs.token }}"]}
  b: {call: "functions:length", env: {KEY: "${{ inputs.token }}"}}
  c: {call: "functions:length", env: {KEY: "${{ secrets.own }}"}}
  d: {exec: {argv: [wc, -c], stdin: "${{ inputs.other }}", stdout: json}}
result: ["${{ tasks.a }}", "${{ tasks.b }}", "${{ tasks.c }}", "${{ tasks.d }}"]
"""
    outer = """
imports: {inner: inner.yaml}
secrets: {key: {env: OTHER_OF_TESTS}}
inputs: {token: {type: secret, default: "env:SECRET_OF_TESTS"}}
tasks:
  one: {workflow: inner, with: {token: "${{ secrets.key }}"}}
  two: {workflow: inner, with: {token: "${{ inputs.token }}", other: "env:OTHER_OF_TESTS"}}
result: ["${{ tasks.one }}", "${{ tasks.two }}"]
"""
    path = write_workflow(tmp_path, outer, FUNCTIONS)
    (tmp_path / "inner.yaml").write_text(inner)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTHER_OF_TESTS", "12345678")
        result = bench.run(compile_at(path, "simple")).result
    letters, size = len(VALUE), len(VALUE.encode())
    assert result == [[8, 8, letters, size], [letters, letters, letters, 8]]


RETURNING = """
inputs: {token: {type: secret}}
tasks:
  a: BODY
  b: {call: "functions:size", args: ["${{ tasks.a }}"]}
"""
BODIES = {
    "call": '{call: "functions:same", args: ["${{ inputs.token }}"]}',
    "exec": '{exec: [printenv, KEY], env: {KEY: "${{ inputs.token }}"}}',
}


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize("kind", BODIES)
def test_a_task_that_returns_the_secret_itself_fails(bench: Bench, tmp_path: Path, planner: str, kind: str) -> None:
    functions = FUNCTIONS + '\ndef same(text):\n    return {"it": [text]}\n'
    build = compile_at(write_workflow(tmp_path, RETURNING.replace("BODY", BODIES[kind]), functions), planner)
    with pytest.raises(RunFailed) as caught:
        bench.run(build, inputs={"token": "env:SECRET_OF_TESTS"})
    assert [(record["task"], record["type"]) for record in caught.value.records] == [("a", "SecretReturned")]


def test_an_inline_run_hides_secrets_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    body = """
inputs: {token: {type: secret}}
tasks: {a: {call: "functions:says", args: ["${{ inputs.token }}"]}}
"""
    functions = """
import os

def says(text):
    print(text)
    os.system('echo "$SECRET_OF_TESTS" >&2')
    raise ValueError(text)
"""
    build = compile_at(write_workflow(tmp_path, body, functions), "simple")
    with pytest.raises(RunFailed) as caught:
        run_inline(build.loaded, WorkerSettings(), inputs={"token": "env:SECRET_OF_TESTS"})
    assert caught.value.records[0]["message"] == "***"
    print("as before:", VALUE)
    out, err = capfd.readouterr()
    assert out == f"***\nas before: {VALUE}\n"
    assert err == "***\n"
