"""The front of the service: routes of Lambda's REST API, and its errors. Who may call is `runtime.local.callers`'."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable
from urllib.parse import parse_qs, unquote

from runtime.local.dispatch import Dispatcher
from runtime.local.functions import ApiError, FunctionRegistry, plain_name
from runtime.local.invocation import MAX_ASYNC_BYTES, MAX_SYNC_BYTES, Invocation, Outcome
from runtime.local.management import Json, Management, parse_object
from runtime.local.wire import Reply, Request, Response

INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
RESOURCE = re.compile(
    r"/20\d\d-\d\d-\d\d/functions(?:/([^/]+)(?:/(code|configuration|concurrency|event-invoke-config))?)?/?"
)


def error_response(error: ApiError) -> Response:
    """The shape from which botocore makes its exception classes. Retry-After is in whole seconds."""
    body: Json = {"Type": "User" if error.status < 500 else "Service", "Message": error.message}
    body["message"] = error.message
    if error.reason:
        body["Reason"] = error.reason
    headers = [("x-amzn-ErrorType", error.kind)]
    if error.retry_after_s >= 1:
        headers.append(("Retry-After", f"{math.ceil(error.retry_after_s)}"))
    return Response(status=error.status, body=json.dumps(body).encode(), headers=tuple(headers))


class InvokeApi:
    """Answers one request after the other; an invocation's answer comes when its outcome does."""

    def __init__(
        self,
        *,
        registry: FunctionRegistry,
        dispatcher: Dispatcher,
        status: Callable[[], Json],
        on_change: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._registry = registry
        self._dispatcher = dispatcher
        self._management = Management(registry, dispatcher, on_change)
        self._status = status
        self._clock = clock

    def handle(self, request: Request, reply: Reply) -> None:
        try:
            matched = INVOKE.fullmatch(request.path)
            if matched is not None and request.method == "POST":
                self._invoke(unquote(matched[1]), request, reply)
            else:
                reply(self._manage(request))
        except ApiError as err:
            reply(error_response(err))

    def _invoke(self, identifier: str, request: Request, reply: Reply) -> None:
        qualifier = parse_qs(request.query).get("Qualifier", [None])[0] if request.query else None
        name = plain_name(identifier, qualifier)
        self._registry.get(name)
        kind = request.headers.get("x-amz-invocation-type", "RequestResponse")
        body = self._checked_body(request, is_async=kind == "Event")
        match kind:
            case "DryRun":
                reply(Response(status=204))
            case "Event":
                invocation = self._invocation(name, request, body, is_async=True, done=_forget)
                self._dispatcher.invoke(invocation)
                reply(Response(status=202, headers=(("x-amzn-RequestId", invocation.request_id),)))
            case "RequestResponse":
                self._invoke_and_wait(name, request, body, reply)
            case _:
                raise ApiError(400, "InvalidParameterValueException", f"unknown invocation type {kind!r}")

    def _invoke_and_wait(self, name: str, request: Request, body: bytes, reply: Reply) -> None:
        def done(outcome: Outcome) -> None:
            headers = [("x-amzn-RequestId", invocation.request_id), ("X-Amz-Executed-Version", "$LATEST")]
            if outcome.is_error:
                headers.append(("X-Amz-Function-Error", "Unhandled"))
            if invocation.wants_log:
                headers.append(("X-Amz-Log-Result", base64.b64encode(outcome.log).decode()))
            reply(Response(status=200, body=outcome.body, headers=tuple(headers)))

        invocation = self._invocation(name, request, body, is_async=False, done=done)
        invocation.wants_log = request.headers.get("x-amz-log-type") == "Tail"
        self._dispatcher.invoke(invocation)

    def _invocation(
        self, name: str, request: Request, body: bytes, *, is_async: bool, done: Callable[[Outcome], None]
    ) -> Invocation:
        return Invocation(
            function=name,
            arn=self._registry.arn(name),
            body=body,
            is_async=is_async,
            done=done,
            queued_at=self._clock(),
            client_context=_client_context(request),
            trace_id=request.headers.get("x-amzn-trace-id"),
        )

    def _checked_body(self, request: Request, *, is_async: bool) -> bytes:
        limit = MAX_ASYNC_BYTES if is_async else MAX_SYNC_BYTES
        if len(request.body) > limit:
            message = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
            raise ApiError(413, "RequestTooLargeException", message)
        body = request.body or b"{}"
        try:
            json.loads(body)
        except (ValueError, RecursionError) as err:
            message = f"Could not parse request body into json: {err}"
            raise ApiError(400, "InvalidRequestContentException", message) from err
        return body

    def _manage(self, request: Request) -> Response:
        if request.path == "/treadle/status" and request.method == "GET":
            return _json(200, self._status())
        matched = RESOURCE.fullmatch(request.path)
        if matched is None:
            raise ApiError(404, "UnknownOperationException", f"{request.method} {request.path} is not supported here")
        if matched[1] is None:
            return self._manage_all(request)
        query = parse_qs(request.query)
        name = plain_name(unquote(matched[1]), query.get("Qualifier", [None])[0])
        return self._manage_one(request, name, matched[2] or "")

    def _manage_all(self, request: Request) -> Response:
        if request.method == "POST":
            return _json(201, self._management.create(parse_object(request.body)))
        if request.method == "GET":
            return _json(200, self._management.list())
        raise ApiError(405, "UnknownOperationException", f"{request.method} is not supported here")

    def _manage_one(self, request: Request, name: str, part: str) -> Response:
        manage = self._management
        match request.method, part:
            case "GET", "":
                return _json(200, manage.get(name))
            case "GET", "configuration":
                return _json(200, manage.get_configuration(name))
            case "GET", "concurrency":
                return _json(200, manage.get_concurrency(name))
            case "GET", "event-invoke-config":
                return _json(200, manage.get_event_config(name))
            case "PUT", "code":
                return _json(200, manage.update_code(name, parse_object(request.body)))
            case "PUT", "configuration":
                return _json(200, manage.update_configuration(name, parse_object(request.body)))
            case "PUT", "concurrency":
                return _json(200, manage.put_concurrency(name, parse_object(request.body)))
            case "PUT", "event-invoke-config":
                return _json(200, manage.put_event_config(name, parse_object(request.body)))
            case "DELETE", "":
                manage.delete(name)
            case "DELETE", "concurrency":
                manage.delete_concurrency(name)
            case "DELETE", "event-invoke-config":
                manage.delete_event_config(name)
            case _:
                raise ApiError(405, "UnknownOperationException", f"{request.method} is not supported here")
        return Response(status=204)


def _forget(outcome: Outcome) -> None:
    """An asynchronous caller does not wait: the outcome is in the environment's log and in the counts."""


def _json(status: int, value: Json) -> Response:
    return Response(status=status, body=json.dumps(value).encode())


def _client_context(request: Request) -> str | None:
    encoded = request.headers.get("x-amz-client-context")
    if encoded is None:
        return None
    try:
        text = base64.b64decode(encoded, validate=True).decode()
        json.loads(text)
    except (binascii.Error, ValueError) as err:
        message = f"Client context must be a valid Base64-encoded JSON object: {err}"
        raise ApiError(400, "InvalidRequestContentException", message) from err
    return text.replace("\n", " ").replace("\r", " ")
