"""Whatever tasks do with secrets, nothing that a run leaves, sends or shows holds them.

That is: blobs, keys and streams of Redis, logs, error records, the archived run, the bundle, payloads, command lines,
and the console.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from compiler.emit.write import write_bundle
from runtime.config import WorkerSettings
from runtime.launcher import launch
from tests.integration.leaks import CommandLines, in_files, in_redis, leaks, listened_to
from tests.integration.running import PLANNERS, Bench, compile_at, write_workflow
from tests.shell import shell_at

KEY = 'hunter22/pa\'ss "wörd"+\\x'
TOKEN = "tok-5f3c9b?&=/a b"
PEM = "-----BEGIN-----\nMIIEpAIBAAKCAQEA7\nq83vEjRWeJASNFZ4\n-----END-----"
SECRETS = (KEY, TOKEN, "MIIEpAIBAAKCAQEA7", "q83vEjRWeJASNFZ4")

MANIFEST = """
secrets: {key: {env: KEY_OF_TESTS}, pem: {env: PEM_OF_TESTS}}
inputs: {token: {type: secret}}
tasks:
  prints: {call: "functions:prints", args: ["${{ inputs.token }}"], env: {KEY: "${{ secrets.key }}"}, worker: one}
  lines: {call: "functions:lines", env: {PEM: "${{ secrets.pem }}"}}
  child: {call: "functions:child", env: {KEY: "${{ secrets.key }}"}, after: [prints]}
  command:
    exec: {argv: [sh, -c, 'echo "$KEY" >&2; printenv KEY | base64 >&2; exec wc -c'], stdin: "${{ inputs.token }}"}
    env: {KEY: "${{ secrets.key }}"}
    on_error: skip
  breaks:
    call: "functions:breaks"
    with: {token: "${{ inputs.token }}"}
    env: {KEY: "${{ secrets.key }}"}
    retry: 2
    on_error: {task: repairs}
  repairs: {call: "functions:repairs", env: {KEY: "${{ secrets.key }}"}}
  goes_on:
    call: "functions:breaks"
    args: ["${{ inputs.token }}"]
    env: {KEY: "${{ secrets.key }}"}
    on_error: continue
  ends:
    exec: {argv: [sh, -c, 'echo "no $KEY" >&2; exit 3']}
    env: {KEY: "${{ secrets.key }}"}
    on_error: continue
  dies:
    call: "functions:dies"
    env: {KEY: "${{ secrets.key }}"}
    worker: two
    retry: {max: 1, on: [Killed]}
    on_error: continue
  reads:
    call: "functions:reads"
    args: ["${{ tasks.breaks }}", "${{ tasks.goes_on }}", "${{ tasks.ends }}", "${{ tasks.dies }}"]
  last: {call: "functions:LAST", args: ["${{ inputs.token }}", "${{ tasks.reads }}", "${{ tasks.prints }}"]}
outputs:
  last: ${{ tasks.last }}
  records: ${{ tasks.reads }}
  all: ["${{ tasks.lines }}", "${{ tasks.child }}", "${{ tasks.command }}"]
"""
FUNCTIONS = """
import base64, json, logging, os, signal, subprocess, sys, traceback, urllib.parse

def shows(secret):
    print(secret, secret.encode(), repr(secret), json.dumps({"it": secret}), [secret])
    print(base64.b64encode(secret.encode()), base64.b64encode(f"user:{secret}".encode()), secret.encode().hex())
    print(urllib.parse.quote(secret), urllib.parse.quote(secret, safe=""), file=sys.stderr)
    logging.getLogger().error("the secret is %s", secret)
    half = len(secret) // 2
    for stream in (sys.stdout, sys.stderr):
        stream.write(secret[:half])
        stream.flush()
        stream.write(secret[half:] + "\\n")
        stream.flush()
    os.write(1, secret.encode())
    return len(secret)

def prints(token):
    return shows(token) + shows(os.environ["KEY"])

def lines():
    for line in os.environ["PEM"].splitlines():
        print("line", line, file=sys.stderr)
    return 4

def child():
    subprocess.run(["sh", "-c", 'printenv KEY; printenv KEY >&2; (printf %s "$KEY" | base64 -w0)'], check=True)
    os.system('echo again $KEY')
    return 3

def breaks(token):
    key = os.environ["KEY"]
    try:
        {}[key]
    except KeyError as err:
        traceback.print_exc()
        print(*traceback.TracebackException.from_exception(err, capture_locals=True).format())
        raise ValueError("no: " + token + repr(key) + base64.b64encode(key.encode()).decode())

def repairs(record):
    print(record)
    return record

def dies():
    shows(os.environ["KEY"])
    os.kill(os.getpid(), signal.SIGKILL)

def reads(*records):
    print(records)
    return records

def works(token, *others):
    return 7

def fails(token, *others):
    sys.stderr.write("x" * 3900 + token * 50)
    raise RuntimeError("x" * 5000 + token * 300)
"""


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_TESTS", KEY)
    monkeypatch.setenv("PEM_OF_TESTS", PEM)
    monkeypatch.setenv("TOKEN_OF_TESTS", TOKEN)


@pytest.mark.parametrize("planner", PLANNERS)
def test_nothing_that_a_run_leaves_or_sends_holds_a_secret(
    bench: Bench, tmp_path: Path, variables: None, planner: str
) -> None:
    build = compile_at(write_workflow(tmp_path, MANIFEST.replace("LAST", "works"), FUNCTIONS), planner)
    write_bundle(build, tmp_path / "bundle")
    lines = CommandLines()
    with listened_to(bench.stack.lambda_endpoint) as (endpoint, came), lines.listening():
        target = replace(bench.target, lambda_endpoint=endpoint)
        settings = WorkerSettings(fan_out=10, lease_s=1.0, renew_s=0.25, call_limit_s=1.0)
        result = launch(build.loaded, target, settings, inputs={"token": "env:TOKEN_OF_TESTS"}, keep=True)
    places = [
        *in_redis(bench.client),
        *in_files(bench.stack.directory),
        *in_files(tmp_path),
        *((f"request {number}", request) for number, request in enumerate(came)),
        *(("a command line", line) for line in lines.seen),
        ("the result", json.dumps(result.result).encode()),
        ("the records", json.dumps(result.passed).encode()),
    ]
    assert leaks(places, SECRETS) == []
    assert b"***" in b"".join(data for place, data in places if place.endswith(".log"))
    assert [record["type"] for record in result.result["records"]] == ["ValueError", "ValueError", "ExitCode", "Killed"]
    assert "***" in result.result["records"][0]["message"]
    assert result.result["records"][2]["stderr"] == "no ***\n"


def test_nothing_that_commands_show_of_a_run_holds_a_secret(tmp_path: Path, variables: None) -> None:
    path = write_workflow(tmp_path, MANIFEST.replace("LAST", "fails"), FUNCTIONS)
    shell = shell_at(tmp_path / "home")
    quick = ("--config", "lease=1s", "--config", "renew=250ms", "--config", "call_limit=1s")
    told = [shell.call("run", path, "--input", "token=env:TOKEN_OF_TESTS", *quick)]
    for words in (("logs", "last"), ("runs", "show", "last", "--json"), ("runs", "export", "last", tmp_path / "out")):
        told.append(shell.call(*words))
    assert [code for code, _, _ in told] == [1, 0, 0, 0]
    places = [(f"answer {number}", (out + err).encode()) for number, (_, out, err) in enumerate(told)]
    assert leaks([*places, *in_files(tmp_path)], SECRETS) == []
    assert "***" in told[1][1]
