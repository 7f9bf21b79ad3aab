"""The worker's invoker, and the functions that the launcher prepares for it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from runtime.backends.awslambda import LambdaInvoker, ensure_functions, make_client
from runtime.errors import LambdaUnavailable, Throttled
from runtime.plan import EnvClass
from tests.local.harness import wait_for, zipped

SMALL = EnvClass(memory_mb=128)
LARGE = EnvClass(memory_mb=1769)
CLOSURE = """
import os

def handler(event, context):
    with open(event["touch"], "a") as marks:
        marks.write(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] + os.environ["A"] + "\\n")
"""


def closure(source: str = CLOSURE) -> bytes:
    return zipped(**{"runtime/__init__": "", "runtime/lambda_handler": source})


def invoker(service) -> LambdaInvoker:
    return LambdaInvoker(endpoint_url=service.endpoint, region="us-east-1", function_prefix="treadle-test-")


def prepare(service, classes, **options):
    client = make_client(service.endpoint, "us-east-1")
    try:
        given = {"closure_zip": closure(), "environment": {"A": "a"}, "timeout_s": 60, **options}
        return ensure_functions(client, classes, function_prefix="treadle-test-", **given)
    finally:
        client.close()


def test_each_class_has_a_function_of_its_size(run_service, tmp_path):
    service = run_service()
    names = prepare(service, [SMALL, LARGE])
    assert names == ("treadle-test-128-x86_64-py311-none", "treadle-test-1769-x86_64-py311-none")
    marks = tmp_path / "marks"
    call = invoker(service)
    for env in (SMALL, LARGE):
        call.invoke(env, json.dumps({"touch": str(marks)}).encode())
    call.close()
    wait_for(lambda: marks.exists() and sorted(marks.read_text().split()) == ["128a", "1769a"])


def test_preparing_again_changes_nothing_that_is_right(run_service):
    service = run_service()
    (name,) = prepare(service, [SMALL])
    revision = service.client.get_function_configuration(FunctionName=name)["RevisionId"]
    prepare(service, [SMALL])
    assert service.client.get_function_configuration(FunctionName=name)["RevisionId"] == revision
    prepare(service, [SMALL], environment={"A": "b"})
    changed = service.client.get_function_configuration(FunctionName=name)
    assert changed["Environment"]["Variables"]["A"] == "b"
    prepare(service, [SMALL], environment={"A": "b"}, closure_zip=closure(CLOSURE + "# changed\n"))
    assert service.client.get_function_configuration(FunctionName=name)["CodeSha256"] != changed["CodeSha256"]


def test_launchers_that_prepare_at_once_agree(run_service):
    service = run_service()
    together = threading.Barrier(4)

    def launch(_: int) -> tuple[str, ...]:
        together.wait(30)
        return prepare(service, [SMALL, LARGE])

    with ThreadPoolExecutor(4) as launchers:
        assert len(set(launchers.map(launch, range(4)))) == 1


def test_a_variable_that_somebody_gave_to_a_function_stays(run_service):
    service = run_service()
    (name,) = prepare(service, [SMALL], environment={"TREADLE_A": "a", "TREADLE_OLD": "x"})
    variables = service.client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    service.client.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**variables, "TOKEN": "hunter22"}}
    )
    prepare(service, [SMALL], environment={"TREADLE_A": "b"})
    changed = service.client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    assert {key: text for key, text in changed.items() if key != "TREADLE_PRELOAD"} == {
        "TREADLE_A": "b",
        "TOKEN": "hunter22",
    }


def test_many_threads_may_invoke_at_once(run_service, tmp_path):
    service = run_service()
    prepare(service, [SMALL])
    marks = tmp_path / "marks"
    call = invoker(service)

    def send() -> None:
        for _ in range(10):
            call.invoke(SMALL, json.dumps({"touch": str(marks)}).encode())
        call.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: marks.exists() and len(marks.read_text().split()) == 40)


def test_an_unknown_function_is_a_clear_error(run_service):
    service = run_service()
    call = invoker(service)
    with pytest.raises(LambdaUnavailable, match=r"refuses treadle-test-128.*404.*Function not found"):
        call.invoke(SMALL, b"{}")
    call.close()


def test_a_service_that_is_gone_is_a_clear_error_even_on_a_kept_connection(run_service, tmp_path):
    service = run_service()
    prepare(service, [SMALL])
    call = invoker(service)
    call.invoke(SMALL, json.dumps({"touch": str(tmp_path / "mark")}).encode())
    service.close()
    with pytest.raises(LambdaUnavailable, match="cannot be reached"):
        call.invoke(SMALL, b"{}")
    call.close()


def serve_answers(answers: list[bytes]):
    """A server that gives one canned answer per connection, then closes it. Returns its port and its thread."""
    import socket

    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return listener.getsockname()[1], thread


ACCEPTED = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"


def test_a_connection_that_went_stale_is_opened_anew():
    port, thread = serve_answers([ACCEPTED, ACCEPTED])
    call = LambdaInvoker(endpoint_url=f"http://127.0.0.1:{port}", region="us-east-1", function_prefix="p-")
    call.invoke(SMALL, b"{}")
    call.invoke(SMALL, b"{}")
    thread.join()
    call.close()


def test_too_many_requests_is_throttled():
    body = b'{"Message":"Rate Exceeded."}'
    port, thread = serve_answers(
        [b"HTTP/1.1 429 x\r\nRetry-After: 3\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)]
    )
    call = LambdaInvoker(endpoint_url=f"http://127.0.0.1:{port}", region="us-east-1", function_prefix="p-")
    with pytest.raises(Throttled, match="Rate Exceeded") as refused:
        call.invoke(SMALL, b"{}")
    assert refused.value.retry_after_s == 3.0
    thread.join()
    call.close()


def test_the_invoker_costs_no_import_before_its_first_use():
    source = (
        "import sys; from runtime.backends.awslambda import LambdaInvoker\n"
        "LambdaInvoker(endpoint_url=None, region='us-east-1', function_prefix='p')\n"
        "print([name for name in ('boto3', 'botocore') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", source], text=True).strip() == "[]"


def test_a_call_imports_nothing_that_is_not_there_before_an_environment_begins():
    """What it imported beside a task would wait, file after file, for the interpreter that the task holds."""
    source = (
        "import importlib, sys\n"
        "from runtime.backends.awslambda import PRELOAD, LambdaInvoker\n"
        "from runtime.errors import LambdaFaltered\n"
        "from runtime.plan import EnvClass\n"
        "for name in PRELOAD:\n"
        "    importlib.import_module(name)\n"
        "before = set(sys.modules)\n"
        "call = LambdaInvoker(endpoint_url='http://localhost:1', region='us-east-1', function_prefix='')\n"
        "try:\n"
        "    call.invoke(EnvClass(memory_mb=128), b'{}')\n"
        "except LambdaFaltered:\n"
        "    print(sorted(set(sys.modules) - before))\n"
    )
    assert subprocess.check_output([sys.executable, "-c", source], text=True).strip() == "[]"


def test_requests_beyond_the_services_rate_are_throttled_as_on_aws(run_service, tmp_path):
    service = run_service("--request-rate", "0.5", "--request-burst", "2")
    prepare(service, [SMALL])
    call = invoker(service)
    event = json.dumps({"touch": str(tmp_path / "marks")}).encode()
    call.invoke(SMALL, event)
    call.invoke(SMALL, event)
    with pytest.raises(Throttled) as refused:
        call.invoke(SMALL, event)
    assert refused.value.retry_after_s == 2.0
    with pytest.raises(service.client.exceptions.TooManyRequestsException) as told:
        service.client.invoke(FunctionName="treadle-test-128-x86_64-py311-none", InvocationType="Event", Payload=event)
    assert told.value.response["Reason"] == "CallerRateLimitExceeded"
    call.close()
