"""The Runtime API (2018-06-01) of one environment, on a loopback port of its own.

The port is the environment's identity: awslambdaric names itself in no request.
"""

from __future__ import annotations

import json
from typing import Protocol

from runtime.local.wire import HttpServer, Reply, Request, Response

PREFIX = "/2018-06-01/runtime/"
ACCEPTED = Response(status=202, body=b'{"status":"OK"}')


class Runtime(Protocol):
    """What the API needs of its environment."""

    def next_asked(self, reply: Reply) -> None: ...

    def response_came(self, request_id: str, body: bytes, *, is_error: bool) -> int: ...

    def init_error_came(self, body: bytes) -> None: ...


def refusal(status: int, kind: str, message: str) -> Response:
    return Response(status=status, body=json.dumps({"errorType": kind, "errorMessage": message}).encode())


class RuntimeApi:
    """Routes the four calls of a runtime to its environment."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._server = HttpServer(self._handle)

    @property
    def port(self) -> int:
        return self._server.port

    async def start(self) -> None:
        await self._server.start(backlog=16)

    def close(self) -> None:
        self._server.close()

    def _handle(self, request: Request, reply: Reply) -> None:
        call = request.path.removeprefix(PREFIX).split("/")
        match (request.method, *call):
            case ("GET", "invocation", "next"):
                self._runtime.next_asked(reply)
            case ("POST", "invocation", request_id, ("response" | "error") as kind):
                reply(self._answered(request_id, request.body, is_error=kind == "error"))
            case ("POST", "init", "error"):
                self._runtime.init_error_came(request.body)
                reply(ACCEPTED)
            case _:
                reply(refusal(404, "InvalidPath", f"{request.method} {request.path} is not of the Runtime API"))

    def _answered(self, request_id: str, body: bytes, *, is_error: bool) -> Response:
        match self._runtime.response_came(request_id, body, is_error=is_error):
            case 202:
                return ACCEPTED
            case 413:
                return refusal(413, "RequestEntityTooLarge", "Exceeded maximum allowed payload size")
            case _:
                return refusal(400, "InvalidRequestID", f"Invalid request ID {request_id}")
