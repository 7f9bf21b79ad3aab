"""Creating, describing, changing and deleting functions, in the JSON shapes of Lambda's REST API.

Only what `treadle` and its users need of that API: published versions, aliases, layers and containers are
refused by name, never ignored.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from runtime.local.dispatch import Dispatcher
from runtime.local.functions import ApiError, FunctionConfig, FunctionRegistry, invalid

Json = dict[str, object]
REFUSED = ("Layers", "ImageConfig", "FileSystemConfigs", "VpcConfig", "SnapStart", "Publish")


def parse_object(body: bytes) -> Json:
    """A JSON object. Raises ApiError."""
    try:
        parsed = json.loads(body or b"{}")
    except (ValueError, RecursionError) as err:
        raise ApiError(400, "InvalidRequestContentException", f"Could not parse request body into json: {err}") from err
    if not isinstance(parsed, dict):
        raise ApiError(400, "InvalidRequestContentException", "the request body is no JSON object")
    return parsed


def _text(fields: Json, name: str, default: str) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str):
        raise invalid(f"{name} is no string")
    return value


def _number(fields: Json, name: str, default: int) -> int:
    value = fields.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(f"{name} is no integer")
    return value


def _variables(fields: Json) -> dict[str, str]:
    environment = fields.get("Environment") or {}
    variables = environment.get("Variables") if isinstance(environment, dict) else None
    if not isinstance(variables or {}, dict):
        raise invalid("Environment.Variables is no object")
    return {str(name): str(value) for name, value in (variables or {}).items()}


def _architecture(fields: Json, default: str) -> str:
    names = fields.get("Architectures")
    return str(names[0]) if isinstance(names, list) and names else default


def _refuse_unsupported(fields: Json) -> None:
    for name in REFUSED:
        if fields.get(name):
            raise invalid(f"{name} is not supported by the local service")


def describe(config: FunctionConfig, registry: FunctionRegistry) -> Json:
    """A FunctionConfiguration; always Active and Successful, so that every waiter is content at once."""
    modified = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(config.modified))
    return {
        "FunctionName": config.name,
        "FunctionArn": registry.arn(config.name),
        "Runtime": config.runtime,
        "Role": config.role,
        "Handler": config.handler,
        "CodeSize": config.code_bytes,
        "CodeSha256": config.code_sha256,
        "Description": config.description,
        "Timeout": config.timeout_s,
        "MemorySize": config.memory_mb,
        "LastModified": f"{modified}.000+0000",
        "Version": "$LATEST",
        "Environment": {"Variables": dict(config.variables)},
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": config.revision,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": [config.arch],
        "EphemeralStorage": {"Size": 512},
    }


class Management:
    """The function calls of the API; each returns its JSON answer, or raises ApiError."""

    def __init__(self, registry: FunctionRegistry, dispatcher: Dispatcher, on_change: Callable[[], None]) -> None:
        self._registry = registry
        self._dispatcher = dispatcher
        self._on_change = on_change

    def create(self, fields: Json) -> Json:
        _refuse_unsupported(fields)
        name = _text(fields, "FunctionName", "")
        if any(config.name == name for config in self._registry.all()):
            raise ApiError(409, "ResourceConflictException", f"Function already exist: {name}")
        code = fields.get("Code")
        sha256, folder, size = self._unpack(code if isinstance(code, dict) else {})
        config = FunctionConfig(
            name=name,
            handler=_text(fields, "Handler", ""),
            runtime=_text(fields, "Runtime", "python3.11"),
            role=_text(fields, "Role", ""),
            description=_text(fields, "Description", ""),
            code_sha256=sha256,
            code=folder,
            code_bytes=size,
            memory_mb=_number(fields, "MemorySize", 128),
            timeout_s=_number(fields, "Timeout", 3),
            arch=_architecture(fields, "x86_64"),
            variables=_variables(fields),
        )
        self._registry.add(config)
        self._configure(name)
        return describe(config, self._registry)

    def get(self, name: str) -> Json:
        config = self._registry.get(name)
        answer: Json = {
            "Configuration": describe(config, self._registry),
            "Code": {"RepositoryType": "local", "Location": config.code.as_uri()},
        }
        if name in self._registry.reserved:
            answer["Concurrency"] = self.get_concurrency(name)
        return answer

    def get_configuration(self, name: str) -> Json:
        return describe(self._registry.get(name), self._registry)

    def list(self) -> Json:
        return {"Functions": [describe(config, self._registry) for config in self._registry.all()]}

    def update_code(self, name: str, fields: Json) -> Json:
        _refuse_unsupported(fields)
        config = self._registry.get(name)
        self._check_revision(config, fields)
        sha256, folder, size = self._unpack(fields)
        arch = _architecture(fields, config.arch)
        changed = dataclasses.replace(config, code_sha256=sha256, code=folder, code_bytes=size, arch=arch)
        if fields.get("DryRun"):
            return describe(changed.check(), self._registry)
        return self._replace(config, changed)

    def update_configuration(self, name: str, fields: Json) -> Json:
        _refuse_unsupported(fields)
        config = self._registry.get(name)
        self._check_revision(config, fields)
        changed = dataclasses.replace(
            config,
            handler=_text(fields, "Handler", config.handler),
            runtime=_text(fields, "Runtime", config.runtime),
            role=_text(fields, "Role", config.role),
            description=_text(fields, "Description", config.description),
            memory_mb=_number(fields, "MemorySize", config.memory_mb),
            timeout_s=_number(fields, "Timeout", config.timeout_s),
            variables=_variables(fields) if "Environment" in fields else config.variables,
        )
        return self._replace(config, changed)

    def delete(self, name: str) -> None:
        self._registry.remove(name)
        self._dispatcher.remove(name)
        self._on_change()

    def put_concurrency(self, name: str, fields: Json) -> Json:
        self._registry.get(name)
        reserved = _number(fields, "ReservedConcurrentExecutions", -1)
        if reserved < 0:
            raise invalid("ReservedConcurrentExecutions is not a number from 0")
        self._registry.reserved[name] = reserved
        self._configure(name)
        return self.get_concurrency(name)

    def get_concurrency(self, name: str) -> Json:
        self._registry.get(name)
        reserved = self._registry.reserved.get(name)
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    def delete_concurrency(self, name: str) -> None:
        self._registry.get(name)
        self._registry.reserved.pop(name, None)
        self._configure(name)

    def put_event_config(self, name: str, fields: Json) -> Json:
        self._registry.get(name)
        retries = _number(fields, "MaximumRetryAttempts", 2)
        if not 0 <= retries <= 2:
            raise invalid(f"MaximumRetryAttempts {retries} is not between 0 and 2")
        self._registry.retries[name] = retries
        self._configure(name)
        return self.get_event_config(name)

    def get_event_config(self, name: str) -> Json:
        self._registry.get(name)
        if name not in self._registry.retries:
            arn = self._registry.arn(name)
            raise ApiError(404, "ResourceNotFoundException", f"The function {arn} doesn't have an EventInvokeConfig")
        return {
            "FunctionArn": self._registry.arn(name),
            "MaximumRetryAttempts": self._registry.retries[name],
            "LastModified": self._registry.get(name).modified,
        }

    def delete_event_config(self, name: str) -> None:
        self.get_event_config(name)
        del self._registry.retries[name]
        self._configure(name)

    def _unpack(self, code: Mapping[str, object]) -> tuple[str, Path, int]:
        encoded = code.get("ZipFile")
        if not isinstance(encoded, str):
            raise invalid("Please provide a source for function code: only ZipFile is supported by the local service")
        try:
            archive = base64.b64decode(encoded, validate=True)
        except binascii.Error as err:
            raise invalid(f"ZipFile is not base64: {err}") from err
        return (*self._registry.unpack(archive), len(archive))

    def _replace(self, before: FunctionConfig, after: FunctionConfig) -> Json:
        """An update that changes nothing keeps the revision, and so the warm environments."""
        if after != before:
            after = dataclasses.replace(after, revision=str(uuid.uuid4()), modified=time.time())
            self._registry.replace(after)
            self._configure(after.name)
        return describe(after, self._registry)

    def _check_revision(self, config: FunctionConfig, fields: Json) -> None:
        if fields.get("RevisionId") not in (None, config.revision):
            raise ApiError(412, "PreconditionFailedException", "The RevisionId provided does not match the latest one")

    def _configure(self, name: str) -> None:
        self._dispatcher.configure(
            self._registry.get(name),
            reserved=self._registry.reserved.get(name),
            retries=self._registry.retries.get(name),
        )
        self._on_change()
