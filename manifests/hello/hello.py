"""The one function of the hello workflow."""

from __future__ import annotations


def greet(who: str) -> str:
    return f"Hello, {who}!"
