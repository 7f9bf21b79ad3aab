"""Secrets for tests: none, or some that stand in a mapping."""

from __future__ import annotations

from collections.abc import Mapping

from runtime.secrecy.masking import Masks
from runtime.secrecy.reading import Known, RunSecrets


def secrets_in(variables: Mapping[str, str] | None = None) -> RunSecrets:
    """What `env:NAME` leads to in these variables."""
    return RunSecrets(lambda: variables or {}, Masks(), Known(), is_confided=False)
