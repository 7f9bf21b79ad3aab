"""Invocation of workers through AWS Lambda's Invoke API, on AWS or at the local service.

Asynchronous invocations go by `http.client` with botocore's SigV4: a fifth of what a boto3 client costs per
call, and no client is built in a worker that invokes nobody. Everything heavy is imported at first use.
Creating functions is the launcher's affair and uses a boto3 client that the launcher makes.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import socket
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import quote, urlsplit

from runtime.errors import LambdaFaltered, LambdaUnavailable, Throttled
from runtime.plan import EnvClass
from runtime.tasks.descriptors import file_of, is_still

if TYPE_CHECKING:
    from botocore.auth import SigV4Auth
    from botocore.credentials import ReadOnlyCredentials
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.literals import ArchitectureType, RuntimeType

HANDLER = "runtime.lambda_handler.handler"
AHEAD = ("cloudpickle", "redis", "botocore.auth", "botocore.awsrequest", "encodings.idna")
PRELOAD = (*AHEAD, "runtime.lambda_handler")
"""What a local fork server imports before it forks (`AHEAD`: before it has any code); on AWS it has no effect."""
OWN_VARIABLES = ("TREADLE_", "AWS_")
"""Prefixes of the variables that the launcher gives to functions."""
STALE = (http.client.RemoteDisconnected, http.client.CannotSendRequest, BrokenPipeError, ConnectionResetError)
TIMEOUT_S = 30.0


class Keys(NamedTuple):
    """What a request is signed with: botocore's own type of this shape comes with fifteen modules, which a worker would
    import beside the first task that calls others."""

    access_key: str
    secret_key: str
    token: str | None = None


class LambdaInvoker:
    """Asynchronous invocations over HTTP. One connection per thread, kept alive; safe for many threads."""

    def __init__(self, *, endpoint_url: str | None, region: str, function_prefix: str) -> None:
        url = urlsplit(endpoint_url or f"https://lambda.{region}.amazonaws.com")
        self._url = f"{url.scheme}://{url.netloc}"
        self._is_tls = url.scheme == "https"
        self._host = url.hostname or ""
        self._port = url.port
        self._region = region
        self._prefix = function_prefix
        self._threads = threading.local()
        self._signing = threading.Lock()
        self._signer: SigV4Auth | None = None

    def invoke(self, env: EnvClass, payload: bytes) -> None:
        """Send one asynchronous invocation; returns once it is accepted (202).

        A connection that went stale while idle is opened anew, once; an event may then be sent twice, which
        asynchronous invocation allows. Raises Throttled on 429, LambdaFaltered on 5xx and when the connection is
        lost, LambdaUnavailable otherwise.
        """
        name = self._prefix + env.name
        path = f"/2015-03-31/functions/{quote(name, safe='')}/invocations"
        try:
            response, body = self._send(path, payload)
        except (OSError, http.client.HTTPException) as err:
            raise LambdaFaltered(f"Lambda cannot be reached at {self._url}: {err}") from err
        if response.status == 429:
            wish = response.headers.get("Retry-After", "")
            retry_after_s = float(wish) if wish.isdecimal() else 0.0
            raise Throttled(f"Lambda refuses {name} for now: {_message(body)}", retry_after_s=retry_after_s)
        if response.status != 202:
            fault = LambdaFaltered if response.status >= 500 else LambdaUnavailable
            raise fault(f"Lambda refuses {name} ({response.status}): {_message(body)}")

    def close(self) -> None:
        """Close this thread's connection."""
        connection: http.client.HTTPConnection | None = getattr(self._threads, "connection", None)
        if connection is not None:
            connection.close()
            self._threads.connection = None

    def _send(self, path: str, payload: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        headers = self._signed(path, payload)
        connection: http.client.HTTPConnection | None = getattr(self._threads, "connection", None)
        if connection is not None and (connection.sock is None or is_still(connection.sock, self._threads.opened)):
            try:
                return self._exchange(connection, path, payload, headers)
            except STALE:
                connection.close()
        self._threads.connection = connection = self._connect()
        self._threads.opened = file_of(connection.sock.fileno())
        return self._exchange(connection, path, payload, headers)

    def _exchange(
        self, connection: http.client.HTTPConnection, path: str, payload: bytes, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        try:
            connection.request("POST", path, payload, headers)
            response = connection.getresponse()
            return response, response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._is_tls else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=TIMEOUT_S)
        connection.connect()
        # Head and body are two writes: with Nagle's algorithm the second waits for a delayed acknowledgement.
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _signed(self, path: str, payload: bytes) -> dict[str, str]:
        from botocore.awsrequest import AWSRequest

        headers = {"X-Amz-Invocation-Type": "Event", "Content-Type": "application/json"}
        request = AWSRequest(method="POST", url=self._url + path, data=payload, headers=headers)
        with self._signing:
            if self._signer is None:
                self._signer = self._make_signer()
            self._signer.add_auth(request)
        return dict(request.headers.items())

    def _make_signer(self) -> SigV4Auth:
        """Credentials from the environment (where Lambda puts them), else from botocore's usual chain."""
        from botocore.auth import SigV4Auth

        key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
        given = Keys(key, secret, os.environ.get("AWS_SESSION_TOKEN")) if key and secret else None
        if given is not None or not self._is_tls:
            keys = cast("ReadOnlyCredentials", given or Keys("local", "local"))
            return SigV4Auth(keys, "lambda", self._region)
        from botocore.session import Session

        found = Session().get_credentials()
        if found is None:
            raise LambdaUnavailable("no AWS credentials were found", hint="set AWS_ACCESS_KEY_ID and its secret")
        return SigV4Auth(found, "lambda", self._region)


def _message(body: bytes) -> str:
    """The error's own words."""
    try:
        parsed = json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")[:200]
    return str(parsed.get("Message") or parsed.get("message") or parsed) if isinstance(parsed, dict) else str(parsed)


def make_client(endpoint_url: str | None, region: str) -> LambdaClient:
    """A boto3 client for `ensure_functions`; at a plain-HTTP endpoint it needs no credentials of the user's."""
    import boto3
    from botocore.config import Config

    config = Config(retries={"max_attempts": 3, "mode": "standard"}, connect_timeout=10, read_timeout=60)
    if endpoint_url is None or endpoint_url.startswith("https:"):
        return boto3.client("lambda", region_name=region, endpoint_url=endpoint_url, config=config)
    return boto3.client(
        "lambda",
        region_name=region,
        endpoint_url=endpoint_url,
        config=config,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def ensure_functions(
    client: LambdaClient,
    classes: Iterable[EnvClass],
    closure_zip: bytes,
    environment: Mapping[str, str],
    *,
    function_prefix: str,
    role: str = "arn:aws:iam::000000000000:role/local",
    timeout_s: int,
) -> tuple[str, ...]:
    """Make the function of every class what it should be, changing only what differs; returns their names.

    Functions that are right already keep their warm environments, and every one keeps variables that somebody else
    gave it: secrets may be among them. Raises LambdaUnavailable.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    names = []
    try:
        for env in classes:
            name = function_prefix + env.name
            _ensure_function(client, name, env, closure_zip, environment, role=role, timeout_s=timeout_s)
            names.append(name)
    except (BotoCoreError, ClientError) as err:
        raise LambdaUnavailable(f"the functions cannot be prepared: {err}") from err
    return tuple(names)


def _ensure_function(
    client: LambdaClient,
    name: str,
    env: EnvClass,
    closure_zip: bytes,
    environment: Mapping[str, str],
    *,
    role: str,
    timeout_s: int,
) -> None:
    runtime: RuntimeType = f"python{env.python}"  # type: ignore[assignment]
    arch: ArchitectureType = env.arch  # type: ignore[assignment]
    variables = {"TREADLE_PRELOAD": ",".join(PRELOAD), **environment}
    try:
        now = client.get_function_configuration(FunctionName=name)
    except client.exceptions.ResourceNotFoundException:
        was_faster = False
        try:
            client.create_function(
                FunctionName=name,
                Runtime=runtime,
                Role=role,
                Handler=HANDLER,
                Code={"ZipFile": closure_zip},
                MemorySize=env.memory_mb,
                Timeout=timeout_s,
                Architectures=[arch],
                Environment={"Variables": variables},
            )
            was_faster = True
        except client.exceptions.ResourceConflictException:
            pass  # another launcher has made it meanwhile
        client.get_waiter("function_active_v2").wait(FunctionName=name)
        if was_faster:
            return
        now = client.get_function_configuration(FunctionName=name)
    if now["CodeSha256"] != base64.b64encode(hashlib.sha256(closure_zip).digest()).decode():
        client.update_function_code(FunctionName=name, ZipFile=closure_zip, Architectures=[arch])
        client.get_waiter("function_updated_v2").wait(FunctionName=name)
    known = now.get("Environment", {}).get("Variables", {})
    variables = {name: text for name, text in known.items() if not name.startswith(OWN_VARIABLES)} | variables
    wished = (HANDLER, env.memory_mb, timeout_s, variables)
    if wished != (now["Handler"], now["MemorySize"], now["Timeout"], known):
        client.update_function_configuration(
            FunctionName=name,
            Runtime=runtime,
            Handler=HANDLER,
            MemorySize=env.memory_mb,
            Timeout=timeout_s,
            Environment={"Variables": variables},
        )
        client.get_waiter("function_updated_v2").wait(FunctionName=name)
