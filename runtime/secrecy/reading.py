"""The secrets of one run in one environment: read when the first task needs them, kept in memory, hidden before use.

`env:NAME` is a variable of the Lambda function. A local environment inherits nothing, so that there it is the
variable NAME of whoever launched the run, which came through `runtime.secrecy.confided`: the value is in no file, no
payload and no configuration of a function; on AWS it is the function's configuration that must have it. `ssm:` and
`secretsmanager:` are read with the credentials of the function's role, locally with those of the launcher.

A run that is resumed reads its secrets anew, whatever environments know: a wrong one may have been the reason. What
cannot be read fails the task that needs it before its code runs, and is not tried again in this invocation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf

from runtime.plan import Secret
from runtime.secrecy.masking import LEAST_CHARS, Masks
from runtime.secrecy.references import (
    ClientOf,
    SecretReference,
    SecretUnavailable,
    Source,
    client_with,
    parse_reference,
    resolve,
)

FRESH_S = 300.0
"""How long what was read is used: on AWS no environment hears of a resumption, or of a secret that was replaced."""


@dataclass(slots=True)
class Known:
    """What an environment has read in one run: values with their times, in these variables."""

    variables: Mapping[str, str] = field(default_factory=dict)
    values: dict[SecretReference, tuple[str, float]] = field(default_factory=dict)


class RunSecrets:
    """Values by reference; `known` are those read before in this run.

    `read_s` is the time that reading took here. `variables` gives the environment that references are read in; with
    `is_confided` it is another's, AWS credentials included.
    """

    def __init__(
        self, variables: Callable[[], Mapping[str, str]], masks: Masks, known: Known, *, is_confided: bool
    ) -> None:
        self.masks = masks
        self.read_s = 0.0
        self._variables = variables
        self._known = known
        self._is_confided = is_confided
        self._refused: dict[SecretReference, SecretUnavailable] = {}
        self._given: dict[Secret, str] = {}
        self._is_asked = False

    def of_manifest(self, secret: Secret) -> str:
        """A secret that the manifest declares. Raises SecretUnavailable."""
        if secret not in self._given:
            reference = parse_reference(secret.reference)
            self._given[secret] = self._value(reference, f"the secret `{secret.name}`", secret.place)
        return self._given[secret]

    def of_input(self, name: str, reference: SecretReference) -> str:
        """An input of type secret. Raises SecretUnavailable."""
        return self._value(reference, f"the input `{name}`")

    def _value(self, reference: SecretReference, what: str, place: str = "") -> str:
        if reference in self._refused:
            raise self._refused[reference]
        self._ask_once()
        text, read_at = self._known.values.get(reference, ("", -inf))
        if time.monotonic() - read_at < FRESH_S:
            return text
        began = time.monotonic()
        try:
            text = self._read(reference)
        except SecretUnavailable as fault:
            self._refused[reference] = said = told(fault, reference, what, place)
            raise said from None
        finally:
            self.read_s += time.monotonic() - began
        self._known.values[reference] = text, time.monotonic()
        return text

    def _ask_once(self) -> None:
        """Where secrets are read, asked for once in an invocation; what was read elsewhere is forgotten."""
        if self._is_asked:
            return
        variables = self._variables()
        if variables != self._known.variables:
            self._known.variables = variables
            self._known.values.clear()
        self._is_asked = True

    def _read(self, reference: SecretReference) -> str:
        variables = self._known.variables
        if not self._is_confided and reference.source is Source.ENV and reference.name not in variables:
            message = f"the secret {reference} is not there: the function has no variable {reference.name}"
            raise SecretUnavailable(message, hint="add it to the function's configuration")
        text = read(reference, variables, client_with(variables) if self._is_confided else None)
        self.masks.add(text)
        return text


def read(reference: SecretReference, variables: Mapping[str, str], client_of: ClientOf | None = None) -> str:
    """A secret that can be kept. Raises SecretUnavailable."""
    text = resolve(reference, variables, client_of)
    if not text.strip():
        raise SecretUnavailable(f"the secret {reference} is empty", hint="give it a value")
    if len(text.strip()) < LEAST_CHARS:
        message = f"the secret {reference} has fewer than {LEAST_CHARS} characters, and cannot be kept out of logs"
        raise SecretUnavailable(message, hint="use a longer one")
    if "\0" in text:
        raise SecretUnavailable(f"the secret {reference} holds a NUL character", hint="store it as base64")
    return text


def told(fault: SecretUnavailable, reference: SecretReference, what: str, place: str = "") -> SecretUnavailable:
    """The same in the manifest's words: what it is there, and where that is written."""
    message = fault.message.removeprefix(f"the secret {reference} ")
    where = f"{reference}, {place}" if place else str(reference)
    return SecretUnavailable(f"{what} ({where}) {message}", hint=fault.hint)
