"""An unmodified boto3 client invokes functions of the local service."""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.request

import pytest

from runtime.local.environments import thread_variables
from runtime.measures.queueing import queue_s_of
from tests.local.harness import wait_for


def test_a_synchronous_invocation_returns_the_handlers_value(shared):
    answer = shared.invoke({"a": [1, None, "ü"]})
    assert answer["StatusCode"] == 200
    assert "FunctionError" not in answer
    assert answer["ExecutedVersion"] == "$LATEST"
    assert answer["json"]["event"] == {"a": [1, None, "ü"]}


def test_an_asynchronous_invocation_is_accepted_and_runs(shared, tmp_path):
    mark = tmp_path / "mark"
    shared.send({"touch": str(mark)})
    wait_for(mark.exists)


def test_a_dry_run_answers_without_running(shared, tmp_path):
    mark = tmp_path / "mark"
    before = shared.function()["invocations"]
    answer = shared.client.invoke(
        FunctionName="echo", InvocationType="DryRun", Payload=json.dumps({"touch": str(mark)})
    )
    assert answer["StatusCode"] == 204
    assert shared.function()["invocations"] == before
    assert not mark.exists()


def test_the_log_tail_holds_what_the_handler_printed_in_this_invocation(shared):
    shared.invoke({"print": "of an earlier one"})
    answer = shared.invoke({"print": "a word"}, LogType="Tail")
    log = base64.b64decode(answer["LogResult"]).decode()
    assert log.startswith("START RequestId: ")
    assert "a word\n" in log
    assert "an earlier one" not in log
    assert "REPORT RequestId: " in log and "Memory Size: 256 MB" in log


def test_the_log_tail_is_at_most_4_kib(shared):
    answer = shared.invoke({"print": "y" * 10_000}, LogType="Tail")
    assert len(base64.b64decode(answer["LogResult"])) <= 4096


def test_the_client_context_reaches_the_handler(shared):
    context = base64.b64encode(json.dumps({"custom": {"k": "v"}}).encode()).decode()
    answer = shared.invoke({"context": 1}, ClientContext=context)
    assert answer["json"]["custom"] == {"k": "v"}
    assert answer["json"]["arn"].endswith(":function:echo")


def test_every_event_has_a_trace_header_that_says_how_long_it_waited(shared):
    def header():
        return shared.invoke({"env": 1})["json"]["_X_AMZN_TRACE_ID"]

    root, sampled, queued = header().split(";")
    assert re.fullmatch("Root=1-[0-9a-f]{8}-[0-9a-f]{24}", root) and sampled == "Sampled=0"
    assert 0.0 <= queue_s_of(header()) < 60.0 and queued.startswith("Queued=")


def test_an_exception_of_the_handler_is_a_function_error_with_its_trace(shared):
    answer = shared.invoke({"raise": "on purpose"})
    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    assert answer["json"]["errorType"] == "ValueError"
    assert answer["json"]["errorMessage"] == "on purpose"
    assert any("app.py" in line for line in answer["json"]["stackTrace"])


def test_bytes_are_returned_as_they_are(shared):
    assert shared.invoke({"bytes": 10})["json"] == b"x" * 10


def test_the_remaining_time_counts_down_from_the_functions_timeout(shared):
    assert 0 < shared.invoke({"remaining": 1})["json"] <= 60_000


@pytest.mark.parametrize(
    "name",
    [
        "arn:aws:lambda:us-east-1:000000000000:function:echo",
        "000000000000:function:echo",
        "echo:$LATEST",
        "arn:aws:lambda:us-east-1:000000000000:function:echo:$LATEST",
    ],
)
def test_a_function_is_found_by_its_arn_and_qualifier(shared, name):
    assert shared.invoke(7, name=name)["json"]["event"] == 7


def test_an_unknown_function_or_version_is_not_found(shared):
    with pytest.raises(shared.client.exceptions.ResourceNotFoundException, match="nobody"):
        shared.invoke(1, name="nobody")
    with pytest.raises(shared.client.exceptions.ResourceNotFoundException, match="echo:7"):
        shared.invoke(1, Qualifier="7")


def test_a_payload_that_is_no_json_is_refused(shared):
    with pytest.raises(shared.client.exceptions.InvalidRequestContentException):
        shared.client.invoke(FunctionName="echo", Payload=b"{oops")


def test_payloads_over_lambdas_limits_are_refused(shared):
    with pytest.raises(shared.client.exceptions.RequestTooLargeException):
        shared.client.invoke(FunctionName="echo", Payload=json.dumps("x" * (6 * 1024 * 1024)))
    with pytest.raises(shared.client.exceptions.RequestTooLargeException):
        shared.client.invoke(FunctionName="echo", InvocationType="Event", Payload=json.dumps("x" * 1024 * 1024))


def test_a_payload_at_the_asynchronous_limit_is_accepted(shared):
    body = json.dumps("x" * (1024 * 1024 - 2)).encode()
    assert len(body) == 1024 * 1024
    assert shared.client.invoke(FunctionName="echo", InvocationType="Event", Payload=body)["StatusCode"] == 202


def test_a_response_over_the_limit_is_a_function_error_and_the_next_invocation_works(shared):
    answer = shared.invoke({"big": 7 * 1024 * 1024})
    assert answer["FunctionError"] == "Unhandled"
    assert answer["json"]["errorType"] == "Function.ResponseSizeTooLarge"
    assert shared.invoke(1)["json"]["event"] == 1


def test_an_environment_sees_lambdas_variables_and_nothing_of_the_host(shared, monkeypatch):
    variables = shared.invoke({"env": 1})["json"]
    assert variables["GREETING"] == "hello"
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "echo"
    assert variables["OMP_NUM_THREADS"] == variables["OPENBLAS_NUM_THREADS"] == "1"
    assert variables["_HANDLER"] == "app.handler"
    assert variables["AWS_REGION"] == "us-east-1"
    assert variables["AWS_ENDPOINT_URL_LAMBDA"] == shared.endpoint
    assert "PYTEST_CURRENT_TEST" not in variables
    assert "USER" not in variables and "PYTHONPATH" not in variables


@pytest.mark.parametrize(("memory_mb", "threads"), [(128, "1"), (1769, "1"), (3537, "1"), (3538, "2"), (10240, "5")])
def test_libraries_take_as_many_threads_as_an_environments_memory_brings_cpus(memory_mb, threads):
    assert set(thread_variables(memory_mb).values()) == {threads}


def test_an_unknown_path_is_not_found(shared):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(shared.endpoint + "/elsewhere")
    assert refused.value.code == 404
    refused.value.close()
