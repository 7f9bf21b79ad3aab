"""What verbs that run something share: telling a bundle from a manifest, and showing a result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from compiler.cli.console import Console
from compiler.cli.progress import Bar
from runtime.bundle import INDEX_NAME
from runtime.results import Progress, RunResult


def is_bundle(file: str) -> bool:
    """Whether FILE is a bundle's folder."""
    return file != "-" and Path(file, INDEX_NAME).is_file()


class ResultView:
    """Shows the result of a run on standard output, once: as soon as it is there. Its figures follow beside it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_shown = False

    def watching(self, bar: Bar) -> Callable[[Progress], None]:
        """A function that takes the launcher's progress, for this view and a bar."""

        def take(progress: Progress) -> None:
            bar(progress)
            if progress.ready is not None and not self._console.is_json:
                self._show(progress.ready.value)

        return take

    def end(self, result: RunResult) -> None:
        """The run is over, and its record written."""
        from runtime.report import result_object, summary_text, time_text

        if self._console.is_json:
            self._console.json(result_object(result))
            return
        if not self._is_shown:
            self._show(result.result)
        self._console.note("\n".join(filter(None, (summary_text(result), time_text(result)))))

    def _show(self, value: object) -> None:
        from runtime.display import pretty

        self._is_shown = True
        self._console.say(pretty(value))
        self._console.out.flush()
