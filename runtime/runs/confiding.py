"""What a launcher gives to a local service for one run so that its workers can read secrets: variables, never a file.

Of `env:NAME` that is the variable NAME, of `ssm:` and `secretsmanager:` the AWS credentials of this process. A variable
that is not set is found here, before anything is launched. On AWS workers have their function's own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress

from runtime.bundle import LoadedBundle
from runtime.errors import LambdaUnavailable
from runtime.runs.session import Target
from runtime.secrecy.confided import confide, take_back
from runtime.secrecy.reading import read, told
from runtime.secrecy.references import (
    SecretReference,
    SecretUnavailable,
    Source,
    caller_variables,
    check_caller,
    parse_reference,
)

LAUNCHED = "TREADLE_LAUNCHED"
"""A variable that is another with every launch and resumption: what environments have read before is out of date."""


def confide_secrets(run: str, bundle: LoadedBundle, inputs: Mapping[str, object], target: Target) -> None:
    """Raises SecretUnavailable when a variable is not set or holds no secret, LambdaUnavailable."""
    if target.vault and (variables := needed_variables(bundle, inputs)):
        confide(target.vault, run, {**variables, LAUNCHED: str(time.time_ns())})


def take_secrets_back(run: str, target: Target) -> None:
    """The run is over: its variables are forgotten. A service that is gone has forgotten them."""
    if target.vault:
        with suppress(LambdaUnavailable):
            take_back(target.vault, run)


def needed_variables(bundle: LoadedBundle, inputs: Mapping[str, object]) -> dict[str, str]:
    """What the secrets of a run are read with. Raises SecretUnavailable."""
    found: dict[str, str] = {}
    callers: dict[str, str] | None = None
    references = {reference: (what, place) for reference, what, place in _references(bundle, inputs)}
    for reference, (what, place) in references.items():
        try:
            if reference.source is Source.ENV:
                found[reference.name] = read(reference, os.environ)
            else:
                callers = caller_variables() if callers is None else callers
                check_caller(reference, callers)
        except SecretUnavailable as fault:
            raise told(fault, reference, what, place) from fault
    return {**(callers or {}), **found}


def _references(bundle: LoadedBundle, inputs: Mapping[str, object]) -> Iterator[tuple[SecretReference, str, str]]:
    for secret in bundle.secrets:
        yield parse_reference(secret.reference), f"the secret `{secret.name}`", secret.place
    for name, value in inputs.items():
        if isinstance(value, SecretReference):
            yield value, f"the input `{name}`", ""
