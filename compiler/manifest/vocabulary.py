"""Words of other workflow systems, and words that mean a key of this language."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from compiler.suggest import closest

MERGE_KEY = "<<"
"""YAML 1.1's key that brings other keys along: it is refused, and may stand for any that are missing."""

FOREIGN_KEYS = {
    **dict.fromkeys(("depends_on", "depends-on", "dependsOn", "dependencies", "needs", "requires"), "after"),
    **dict.fromkeys(("withItems", "with_items", "withParam", "withSequence", "matrix", "strategy"), "foreach"),
    **dict.fromkeys(("for_each", "for-each", "forEach", "loop"), "foreach"),
    **dict.fromkeys(("retries", "retryStrategy", "retryPolicy", "max_retries"), "retry"),
    **dict.fromkeys(("command", "cmd", "run", "script", "shell"), "exec"),
    **dict.fromkeys(("timeout-minutes", "timeout_seconds", "timeoutSeconds", "TimeoutSeconds"), "timeout"),
    **dict.fromkeys(("continue-on-error", "continue_on_error", "continueOn", "on_failure", "catch"), "on_error"),
    **dict.fromkeys(("jobs", "steps", "stages"), "tasks"),
    **dict.fromkeys(("apiVersion", "version"), "spec"),
}
"""Keys of GitHub Actions, Argo, Airflow, Ansible and Step Functions, with what they are called here."""

SYNONYMS = (
    ("call", ("function", "handler", "uses", "python", "target")),
    ("args", ("arguments", "argv", "inputs", "params", "parameters")),
    ("with", ("kwargs", "keywords")),
    ("when", ("if", "condition")),
    ("where", ("filter", "exclude")),
    ("env", ("environment", "env_vars")),
    ("let", ("variables", "vars", "locals")),
    ("params", ("parameters", "arguments", "args")),
    ("max", ("limit", "max_attempts", "attempts", "count", "times")),
    ("backoff", ("multiplier", "rate")),
    ("delay", ("interval", "wait", "pause")),
    ("memory", ("ram", "mem")),
    ("tmp", ("disk", "storage", "ephemeral")),
    ("arch", ("architecture", "platform")),
    ("requirements", ("dependencies", "packages", "pip")),
)
"""Keys of this language, each with words that people write for it; a word may mean several, in different places."""


def foreign_key(name: str, known: Sequence[str]) -> str | None:
    """The key of this language that a word of another system stands for, where that key may stand."""
    meant = FOREIGN_KEYS.get(name)
    return meant if meant in known else None


def synonyms(known: Sequence[str]) -> dict[str, str]:
    """The words that mean one of the keys that may stand here."""
    meaning = {word: target for word, target in FOREIGN_KEYS.items() if target in known}
    return meaning | {word: target for target, words in SYNONYMS if target in known for word in words}


def intended_key(name: str, known: Sequence[str]) -> str | None:
    """The key that an unknown one was meant to be: another system's word, a synonym, a near one, a near synonym."""
    return _intended(name, tuple(known))


@lru_cache(maxsize=10_000)
def _intended(name: str, known: tuple[str, ...]) -> str | None:
    """Remembered: a mistake of a program that wrote the manifest stands in each of its thousands of tasks."""
    if foreign := foreign_key(name, known):
        return foreign
    meaning = synonyms(known)
    if nearest := meaning.get(name) or closest(name, known):
        return nearest
    word = closest(name, meaning)
    return None if word is None else meaning[word]
