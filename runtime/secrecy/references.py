"""References to secrets: where a password or a key lies, as manifests, inputs and settings name it, and reading it.

A reference is public: `env:NAME`, `ssm:/path` (a parameter of AWS Systems Manager, decrypted), `secretsmanager:ID` (a
name or an ARN) or `file:PATH`; a manifest writes the same as `{ssm: /path}`. What it leads to is returned and nothing
else: not kept, not shown, in no message. boto3 is imported when a reference asks for it.

Not responsible for who resolves what when, nor for masking what was found.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from runtime.errors import RuntimeFault

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

MAX_FILE_BYTES = 64 * 1024
ARN_REGION = re.compile(r"arn:[^:]*:[^:]*:([^:]+):")
ABSENT = ("ParameterNotFound", "ParameterVersionNotFound", "ResourceNotFoundException")
DENIED = ("AccessDeniedException", "AccessDenied", "InvalidKeyId", "DecryptionFailure", "KMSAccessDeniedException")
UNKNOWN_CALLER = (
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "IncompleteSignature",
)


ENDPOINTS = {"ssm": "AWS_ENDPOINT_URL_SSM", "secretsmanager": "AWS_ENDPOINT_URL_SECRETS_MANAGER"}
PASSED_ON = (*ENDPOINTS.values(), "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE")


NO_REGION = "no AWS region is set", "set AWS_REGION"
NO_CREDENTIALS = "no AWS credentials were found", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


class Source(Enum):
    """Where a secret lies."""

    ENV = "env"
    SSM = "ssm"
    SECRETS_MANAGER = "secretsmanager"
    FILE = "file"


SOURCES = ", ".join(f"{source.value}:…" for source in Source)


@dataclass(frozen=True, slots=True)
class SecretReference:
    """The place of a secret; its text is what the user wrote."""

    source: Source
    name: str

    def __str__(self) -> str:
        return f"{self.source.value}:{self.name}"


class SecretUnavailable(RuntimeFault):
    """A secret is not where its reference says, or may not be read there."""

    code = "secret-unavailable"


ClientOf = Callable[[str, str | None], Any]
"""A boto3 client for a service, in a region (None: the configured one)."""


def parse_reference(given: str | Mapping[str, object]) -> SecretReference:
    """`env:NAME` or `{"env": "NAME"}` as a reference. Raises ValueError, which does not repeat what was given.

    Somebody who writes the secret itself in the place of a reference must not find it in a log.
    """
    if isinstance(given, str):
        word, _, name = given.partition(":")
        return _reference(word, name)
    if len(given) != 1:
        raise ValueError(f"a reference to a secret names one place: {SOURCES}")
    ((word, value),) = given.items()
    if not isinstance(value, str):
        raise ValueError(f"the name after `{word}` is no string")
    return _reference(word, value)


def _reference(word: str, name: str) -> SecretReference:
    try:
        source = Source(word)
    except ValueError:
        raise ValueError(f"this is no reference to a secret; one begins with {SOURCES}") from None
    if not name.strip() or "\0" in name:
        raise ValueError(f"nothing is named after `{word}:`")
    if source is Source.ENV and "=" in name:
        raise ValueError("a variable of the environment has no `=` in its name")
    return SecretReference(source, name)


def resolve(reference: SecretReference, environ: Mapping[str, str], client_of: ClientOf | None = None) -> str:
    """The secret as text; one line end at the end of a file is not part of it. Raises SecretUnavailable."""
    data = resolve_bytes(reference, environ, client_of)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise SecretUnavailable(
            f"the secret {reference} is no text", hint="store it as text: base64, for example"
        ) from None
    return text.removesuffix("\n").removesuffix("\r") if reference.source is Source.FILE else text


def resolve_bytes(reference: SecretReference, environ: Mapping[str, str], client_of: ClientOf | None = None) -> bytes:
    """The secret as it lies there. Raises SecretUnavailable."""
    match reference.source:
        case Source.ENV:
            return _of_environment(reference, environ)
        case Source.FILE:
            return _of_file(reference)
        case Source.SSM | Source.SECRETS_MANAGER:
            return _of_aws(reference, client_of or aws_client)


def _of_environment(reference: SecretReference, environ: Mapping[str, str]) -> bytes:
    value = environ.get(reference.name)
    if value is None:
        raise SecretUnavailable(
            f"the secret {reference} is not there: no variable {reference.name} is set",
            hint=f"export {reference.name}",
        )
    return value.encode("utf-8", "surrogateescape")


def _of_file(reference: SecretReference) -> bytes:
    path = Path(reference.name).expanduser()
    try:
        if path.exists() and not path.is_file():
            raise SecretUnavailable(f"the secret {reference} cannot be read: it is no file", hint="name a file")
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, RuntimeError) as err:
        why = err.strerror if isinstance(err, OSError) else str(err)
        raise SecretUnavailable(f"the secret {reference} cannot be read: {why}", hint="check the path") from err
    if len(data) > MAX_FILE_BYTES:
        raise SecretUnavailable(f"the secret {reference} is larger than {MAX_FILE_BYTES // 1024} KiB")
    return data


def aws_client(service: str, region: str | None) -> Any:
    """A client that gives up within some seconds; credentials and region are found as boto3 finds them."""
    import boto3

    return boto3.Session().client(  # type: ignore[call-overload]
        service, region_name=region or os.environ.get("AWS_REGION") or None, config=_config()
    )


def _config() -> Any:
    from botocore.config import Config

    return Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 2})


def client_with(variables: Mapping[str, str]) -> ClientOf:
    """Clients with the credentials, the region and the endpoints that these variables name, and no others."""

    def client_of(service: str, region: str | None) -> Any:
        import boto3

        endpoint = variables.get(ENDPOINTS[service]) or variables.get("AWS_ENDPOINT_URL")
        session = boto3.Session(
            aws_access_key_id=variables.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=variables.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=variables.get("AWS_SESSION_TOKEN"),
        )
        return session.client(  # type: ignore[call-overload]
            service,
            region_name=region or variables.get("AWS_REGION"),
            endpoint_url=endpoint,
            verify=variables.get("AWS_CA_BUNDLE"),
            config=_config(),
        )

    return client_of


def caller_variables() -> dict[str, str]:
    """What `client_with` needs to be this process: credentials, wherever boto3 finds them, region and endpoints."""
    import boto3

    session = boto3.Session()
    found = {name: text for name in PASSED_ON if (text := os.environ.get(name))}
    if region := os.environ.get("AWS_REGION") or session.region_name:
        found["AWS_REGION"] = region
    if (credentials := session.get_credentials()) is not None:
        frozen = credentials.get_frozen_credentials()
        found |= {"AWS_ACCESS_KEY_ID": frozen.access_key or "", "AWS_SECRET_ACCESS_KEY": frozen.secret_key or ""}
        if frozen.token:
            found["AWS_SESSION_TOKEN"] = frozen.token
    return found


def check_caller(reference: SecretReference, variables: Mapping[str, str]) -> None:
    """Raises SecretUnavailable when `caller_variables` lack what reading a secret of AWS needs."""
    if "AWS_ACCESS_KEY_ID" not in variables:
        message, hint = NO_CREDENTIALS
    elif "AWS_REGION" not in variables and not ARN_REGION.match(reference.name):
        message, hint = NO_REGION
    else:
        return
    raise SecretUnavailable(f"the secret {reference} cannot be read: {message}", hint=hint)


def _of_aws(reference: SecretReference, client_of: ClientOf) -> bytes:
    from botocore.exceptions import BotoCoreError, ClientError

    found = ARN_REGION.match(reference.name)
    try:
        client = client_of(reference.source.value, found[1] if found else None)
        if reference.source is Source.SSM:
            answer = client.get_parameter(Name=reference.name, WithDecryption=True)
            return str(answer["Parameter"]["Value"]).encode()
        answer = client.get_secret_value(SecretId=reference.name)
        return bytes(answer["SecretBinary"]) if "SecretBinary" in answer else str(answer["SecretString"]).encode()
    except ClientError as err:
        _refused(reference, err)
    except BotoCoreError as err:
        _unreached(reference, err)


def _refused(reference: SecretReference, err: ClientError) -> NoReturn:
    code = str(err.response.get("Error", {}).get("Code", ""))
    right = "ssm:GetParameter" if reference.source is Source.SSM else "secretsmanager:GetSecretValue"
    if code in ABSENT:
        message, hint = "is not there", "check its name, and AWS_REGION"
    elif code in DENIED:
        message, hint = "may not be read with these credentials", f"allow {right} on it, and kms:Decrypt on its key"
    elif code in UNKNOWN_CALLER:
        message, hint = "cannot be read: AWS does not accept the credentials", "see `aws sts get-caller-identity`"
    else:
        text = " ".join(str(err.response.get("Error", {}).get("Message") or code).split())
        message, hint = f"cannot be read: {text}", "see it in the AWS console"
    raise SecretUnavailable(f"the secret {reference} {message}", hint=hint) from err


def _unreached(reference: SecretReference, err: Exception) -> NoReturn:
    from botocore.exceptions import NoCredentialsError, NoRegionError, PartialCredentialsError

    match err:
        case NoRegionError():
            message, hint = NO_REGION
        case NoCredentialsError() | PartialCredentialsError():
            message, hint = NO_CREDENTIALS
        case _:
            message, hint = str(err), "check the network"
    raise SecretUnavailable(f"the secret {reference} cannot be read: {message}", hint=hint) from err
