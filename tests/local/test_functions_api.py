"""Functions are created, described, changed and deleted through an unmodified boto3 client."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile

import pytest
from botocore.exceptions import ClientError

from tests.local.harness import ECHO, is_alive, wait_for, zipped


def test_a_created_function_is_active_at_once_and_described(run_service):
    service = run_service()
    made = service.create(MemorySize=1769, Timeout=30, Description="d", Environment={"Variables": {"A": "b"}})
    assert (made["State"], made["LastUpdateStatus"], made["Version"]) == ("Active", "Successful", "$LATEST")
    service.client.get_waiter("function_active_v2").wait(FunctionName="echo")
    service.client.get_waiter("function_updated_v2").wait(FunctionName="echo")
    service.client.get_waiter("function_exists").wait(FunctionName="echo")
    described = service.client.get_function_configuration(FunctionName="echo")
    assert described["MemorySize"] == 1769
    assert described["Environment"] == {"Variables": {"A": "b"}}
    digest = base64.b64encode(hashlib.sha256(zipped(app=ECHO)).digest()).decode()
    assert len(described["CodeSha256"]) == len(digest)
    assert service.client.get_function(FunctionName="echo")["Configuration"]["RevisionId"] == made["RevisionId"]
    assert [one["FunctionName"] for one in service.client.list_functions()["Functions"]] == ["echo"]


def test_a_name_is_taken_once(run_service):
    service = run_service()
    service.create()
    with pytest.raises(service.client.exceptions.ResourceConflictException):
        service.create()


def test_new_code_runs_in_new_environments(run_service):
    service = run_service()
    service.create(source="def handler(e, c): return 'old'\n")
    assert service.invoke()["json"] == "old"
    old = service.environments()[0]["pid"]
    service.client.update_function_code(FunctionName="echo", ZipFile=zipped(app="def handler(e, c): return 'new'\n"))
    assert service.invoke()["json"] == "new"
    wait_for(lambda: not is_alive(old))


def test_an_update_that_changes_nothing_keeps_the_warm_environments(run_service):
    service = run_service()
    service.create(Timeout=9)
    pid = service.invoke()["json"]["pid"]
    archive = zipped(app=ECHO)
    service.client.update_function_configuration(FunctionName="echo", Timeout=9)
    assert service.invoke()["json"]["pid"] == pid
    service.client.update_function_code(FunctionName="echo", ZipFile=archive)
    first = service.client.get_function_configuration(FunctionName="echo")["RevisionId"]
    service.client.update_function_code(FunctionName="echo", ZipFile=archive)
    assert service.client.get_function_configuration(FunctionName="echo")["RevisionId"] == first


def test_a_changed_variable_means_new_environments(run_service):
    service = run_service()
    service.create(Environment={"Variables": {"A": "1"}})
    assert service.invoke({"env": 1})["json"]["A"] == "1"
    service.client.update_function_configuration(FunctionName="echo", Environment={"Variables": {"A": "2"}})
    assert service.invoke({"env": 1})["json"]["A"] == "2"
    assert service.function()["cold_starts"] == 2


def test_a_busy_environment_of_the_former_version_finishes_its_invocation(run_service, tmp_path):
    service = run_service()
    service.create(Timeout=60)
    gate = tmp_path / "gate"
    thread, answer = service.invoke_in_thread({"await": str(gate)})
    wait_for(lambda: service.environments("busy"))
    service.client.update_function_configuration(FunctionName="echo", Timeout=59)
    gate.touch()
    thread.join()
    assert "pid" in answer["json"]
    wait_for(lambda: not is_alive(answer["json"]["pid"]))


def test_a_deleted_function_is_gone_with_its_environments(run_service):
    service = run_service()
    service.create()
    pid = service.invoke()["json"]["pid"]
    service.client.delete_function(FunctionName="echo")
    with pytest.raises(service.client.exceptions.ResourceNotFoundException):
        service.invoke()
    wait_for(lambda: not is_alive(pid))
    service.create()
    assert service.invoke(1)["json"]["event"] == 1


def test_deleting_a_busy_function_lets_its_invocation_finish(run_service, tmp_path):
    service = run_service()
    service.create(Timeout=60)
    gate = tmp_path / "gate"
    thread, answer = service.invoke_in_thread({"await": str(gate)})
    wait_for(lambda: service.environments("busy"))
    service.client.delete_function(FunctionName="echo")
    gate.touch()
    thread.join()
    assert "pid" in answer["json"]
    wait_for(lambda: not is_alive(answer["json"]["pid"]))


@pytest.mark.parametrize(
    "options",
    [
        {"MemorySize": 10241},
        {"Timeout": 901},
        {"Handler": "a b"},
        {"Environment": {"Variables": {"A": "x" * 5000}}},
        {"Layers": ["arn:aws:lambda:us-east-1:1:layer:x:1"]},
        {"Code": {"ZipFile": b"no zip"}},
        {"Code": {"S3Bucket": "bucket", "S3Key": "key"}},
    ],
)
def test_what_lambda_refuses_is_an_invalid_parameter_here_too(shared, options):
    arguments = {"Runtime": "python3.11", "Role": "arn:aws:iam::000000000000:role/x", "Handler": "app.handler"}
    everything = {**arguments, "Code": {"ZipFile": zipped(app=ECHO)}, **options}
    with pytest.raises(shared.client.exceptions.InvalidParameterValueException):
        shared.client.create_function(FunctionName="refused", **everything)


def test_an_archive_that_leaves_its_folder_is_refused(shared, tmp_path):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("../../outside.py", "x = 1")
    with pytest.raises(shared.client.exceptions.InvalidParameterValueException, match="unsafe path"):
        shared.client.create_function(
            FunctionName="bad",
            Runtime="python3.11",
            Role="arn:aws:iam::000000000000:role/x",
            Handler="app.handler",
            Code={"ZipFile": archive.getvalue()},
        )
    assert not list(tmp_path.rglob("outside.py"))


def test_a_stale_revision_is_refused(run_service):
    service = run_service()
    service.create()
    with pytest.raises(service.client.exceptions.PreconditionFailedException):
        service.client.update_function_configuration(FunctionName="echo", Timeout=5, RevisionId="stale")


def test_concurrency_and_event_settings_are_kept_and_forgotten(run_service):
    service = run_service()
    service.create()
    client = service.client
    client.put_function_concurrency(FunctionName="echo", ReservedConcurrentExecutions=3)
    assert client.get_function_concurrency(FunctionName="echo")["ReservedConcurrentExecutions"] == 3
    client.delete_function_concurrency(FunctionName="echo")
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName="echo")
    client.put_function_event_invoke_config(FunctionName="echo", MaximumRetryAttempts=1)
    assert client.get_function_event_invoke_config(FunctionName="echo")["MaximumRetryAttempts"] == 1
    client.delete_function_event_invoke_config(FunctionName="echo")
    with pytest.raises(ClientError, match="EventInvokeConfig"):
        client.get_function_event_invoke_config(FunctionName="echo")
