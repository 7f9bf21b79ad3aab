"""What a command's failure is called and says: known without loading what runs processes."""

from __future__ import annotations


class CommandFault(Exception):
    """A command failed: `kind` says how, `names` by what `retry.on` may call it, `stderr` ends its error output."""

    def __init__(
        self, kind: str, message: str, *, hint: str = "", stderr: str = "", names: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint
        self.stderr = stderr
        self.names = names or (kind,)
