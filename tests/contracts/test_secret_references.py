"""References to secrets: how they are written, and what each place answers, AWS's by a server of the tests' own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError

from runtime.runs.signing_keys import KeysInvalid, load_keys
from runtime.secrecy.references import SecretUnavailable, Source, aws_client, parse_reference, resolve, resolve_bytes
from tests.contracts.buckets import aws_server

VALUE = "s3cr3t-value"
KEY = bytes(range(128, 160))


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    with aws_server():
        ssm: Any = boto3.client("ssm", region_name="us-east-1")
        ssm.put_parameter(Name="/team/token", Value=VALUE, Type="SecureString")
        manager: Any = boto3.client("secretsmanager", region_name="us-east-1")
        ssm.put_parameter(Name="/team/keys", Value=f"{KEY.hex()}\n{bytes(32).hex()}\n", Type="SecureString")
        manager.create_secret(Name="token", SecretString=VALUE)
        manager.create_secret(Name="key", SecretBinary=KEY)
        manager.create_secret(Name="bytes", SecretBinary=b"\xff\x00")
        manager.create_secret(Name="leaving", SecretString=VALUE)
        manager.delete_secret(SecretId="leaving", RecoveryWindowInDays=7)
        abroad: Any = boto3.client("secretsmanager", region_name="eu-west-1")
        abroad.create_secret(Name="abroad", SecretString=VALUE)
        yield


@pytest.mark.parametrize(
    ("given", "source", "name"),
    [
        ("env:TOKEN", Source.ENV, "TOKEN"),
        ("ssm:/a/b", Source.SSM, "/a/b"),
        ("secretsmanager:arn:aws:secretsmanager:eu-west-1:1:secret:a", Source.SECRETS_MANAGER, None),
        ("file:/run/secrets/a", Source.FILE, "/run/secrets/a"),
        ({"ssm": "/a/b"}, Source.SSM, "/a/b"),
    ],
)
def test_a_reference_names_one_place(given: str | Mapping[str, object], source: Source, name: str | None) -> None:
    reference = parse_reference(given)
    assert reference.source is source
    assert reference.name == (name or str(given).partition(":")[2])
    assert parse_reference(str(reference)) == reference


@pytest.mark.parametrize(
    "given",
    [
        VALUE,
        "",
        ":x",
        "vault:x",
        "ENV:x",
        {},
        {"env": "A", "ssm": "B"},
        {"vault": "x"},
        "env:",
        "ssm: ",
        {"env": 1},
        "env:A=B",
    ],
)
def test_what_is_no_reference_is_refused_and_not_repeated(given: str | Mapping[str, object]) -> None:
    with pytest.raises(ValueError, match=r"reference|named after|no string|no `=`") as caught:
        parse_reference(given)
    assert VALUE not in str(caught.value)


def test_a_variable_and_a_file_are_read(tmp_path: Path) -> None:
    assert resolve(parse_reference("env:TOKEN"), {"TOKEN": VALUE + "\n"}) == VALUE + "\n"
    path = tmp_path / "token"
    for end in ("", "\n", "\r\n"):
        path.write_bytes((VALUE + end).encode())
        assert resolve(parse_reference(f"file:{path}"), {}) == VALUE
    path.write_bytes(b"\xff\n")
    assert resolve_bytes(parse_reference(f"file:{path}"), {}) == b"\xff\n"


@pytest.mark.usefixtures("aws")
def test_parameters_and_secrets_of_aws_are_read() -> None:
    arn = boto3.client("secretsmanager", region_name="eu-west-1").describe_secret(SecretId="abroad")["ARN"]  # type: ignore[call-overload]
    for text in ("ssm:/team/token", "secretsmanager:token", f"secretsmanager:{arn}"):
        assert resolve(parse_reference(text), os.environ) == VALUE
    assert resolve_bytes(parse_reference("secretsmanager:bytes"), {}) == b"\xff\x00"


@pytest.mark.usefixtures("aws")
def test_the_signing_keys_of_a_team_may_lie_there() -> None:
    assert [key.secret for key in load_keys("team", "ssm:/team/keys").keys] == [KEY, bytes(32)]
    assert [key.secret for key in load_keys("team", "secretsmanager:key").keys] == [KEY]
    with pytest.raises(KeysInvalid, match="ssm:/team/token is"):
        load_keys("team", "ssm:/team/token")


def refusal(text: str, **more: Any) -> SecretUnavailable:
    with pytest.raises(SecretUnavailable) as caught:
        resolve(parse_reference(text), {}, **more)
    assert text in caught.value.message
    assert VALUE not in caught.value.message + caught.value.hint
    return caught.value


@pytest.mark.usefixtures("aws")
def test_what_aws_does_not_have_is_told() -> None:
    for text in ("ssm:/team/other", "secretsmanager:other", "secretsmanager:abroad"):
        assert refusal(text).message.endswith("is not there")
    assert "is no text" in refusal("secretsmanager:bytes").message
    assert "currently marked deleted" in refusal("secretsmanager:leaving").message


def test_what_is_not_here_is_told(tmp_path: Path) -> None:
    assert "no variable TOKEN is set" in refusal("env:TOKEN").message
    assert "No such file" in refusal(f"file:{tmp_path / 'none'}").message
    assert "it is no file" in refusal(f"file:{tmp_path}").message
    (tmp_path / "large").write_bytes(bytes(70_000))
    assert "larger than 64 KiB" in refusal(f"file:{tmp_path / 'large'}").message


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDeniedException", "may not be read with these credentials"),
        ("ExpiredTokenException", "does not accept the credentials"),
        ("ThrottlingException", "Rate exceeded"),
    ],
)
def test_what_aws_refuses_is_told(code: str, words: str) -> None:
    error = {"Error": {"Code": code, "Message": "Rate exceeded"}}
    client = Mock(spec=["get_parameter"])
    client.get_parameter.side_effect = ClientError(error, "GetParameter")  # type: ignore[arg-type]
    assert words in refusal("ssm:/a", client_of=lambda service, region: client).message


def test_no_credentials_no_region_and_no_network_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    assert "no AWS region is set" in refusal("ssm:/a").message
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert "no AWS credentials" in refusal("ssm:/a").message
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", VALUE)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", "http://127.0.0.1:9")
    fault = refusal("ssm:/a", client_of=aws_client)
    assert "Could not connect" in fault.message
