"""Words of other workflow systems, and words that mean a key of this language."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.suggest import closest

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

SYNONYMS = {
    **dict.fromkeys(("function", "handler", "uses", "python", "target"), "call"),
    **dict.fromkeys(("arguments", "argv", "inputs", "params", "parameters"), "args"),
    **dict.fromkeys(("kwargs", "keywords"), "with"),
    **dict.fromkeys(("if", "condition"), "when"),
    **dict.fromkeys(("filter", "exclude"), "where"),
    **dict.fromkeys(("environment", "env_vars"), "env"),
    **dict.fromkeys(("variables", "vars", "locals"), "let"),
    **dict.fromkeys(("parameters", "arguments", "args"), "params"),
    **dict.fromkeys(("limit", "max_attempts", "attempts", "count", "times"), "max"),
    **dict.fromkeys(("multiplier", "rate"), "backoff"),
    **dict.fromkeys(("interval", "wait", "pause"), "delay"),
    **dict.fromkeys(("ram", "mem"), "memory"),
    **dict.fromkeys(("disk", "storage", "ephemeral"), "tmp"),
    **dict.fromkeys(("architecture", "platform"), "arch"),
    **dict.fromkeys(("dependencies", "packages", "pip"), "requirements"),
}


def foreign_key(name: str, known: Sequence[str]) -> str | None:
    """The key of this language that a word of another system stands for, where that key may stand."""
    meant = FOREIGN_KEYS.get(name)
    return meant if meant in known else None


def synonyms(known: Sequence[str]) -> dict[str, str]:
    """The words that mean one of the keys that may stand here."""
    return {word: target for words in (FOREIGN_KEYS, SYNONYMS) for word, target in words.items() if target in known}


def intended_key(name: str, known: Sequence[str]) -> str | None:
    """The key that an unknown one was meant to be: another system's word, a near one, a synonym, a near synonym."""
    if foreign := foreign_key(name, known):
        return foreign
    meaning = synonyms(known)
    if nearest := closest(name, known, meaning):
        return nearest
    word = closest(name, meaning)
    return None if word is None else meaning[word]
