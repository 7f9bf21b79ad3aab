"""What launchers confided to this service: variables by run, in memory alone, until their run is over.

How they are asked for, and by whom, is `runtime.secrecy.confided`. What a launcher that was killed has left goes when
many more runs have come, or with the service.
"""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from pathlib import Path

LINE_BYTES = 1 << 24
MOST_RUNS = 1_000


class Vault:
    """The server of the socket, and what it knows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._runs: dict[str, dict[str, str]] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Raises OSError."""
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self.path, limit=LINE_BYTES)
        os.chmod(self.path, 0o600)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            question = json.loads(await reader.readline())
            writer.write(json.dumps(self._answer(question)).encode() + b"\n")
            await writer.drain()
        except (ValueError, KeyError, TypeError, ConnectionError):
            pass  # no question of ours: it gets no answer
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    def _answer(self, question: dict[str, object]) -> dict[str, str]:
        run = str(question["run"])
        if question.get("drop"):
            self._runs.pop(run, None)
        elif isinstance(given := question.get("set"), dict):
            self._runs[run] = {str(name): str(text) for name, text in given.items()}
            while len(self._runs) > MOST_RUNS:
                del self._runs[next(iter(self._runs))]
        return self._runs.get(run, {})
