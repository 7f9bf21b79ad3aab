"""What the measures of several packages say side by side."""

from __future__ import annotations

from typing import TypedDict


class Function(TypedDict):
    name: str
    file: str
    lines: int


class Measure(TypedDict):
    """One package: its files, lines and functions, how many of these have a docstring, and the longest of them."""

    package: str
    files: int
    lines: int
    functions: int
    documented: int
    longest: list[Function]


class Row(TypedDict):
    package: str
    files: int
    lines_per_function: float
    documented_percent: float


def table(measures: list[Measure]) -> list[Row]:
    """One row for each package, the best documented first."""
    rows = [
        Row(
            package=one["package"],
            files=one["files"],
            lines_per_function=round(one["lines"] / max(1, one["functions"]), 1),
            documented_percent=round(100 * one["documented"] / max(1, one["functions"]), 1),
        )
        for one in measures
    ]
    return sorted(rows, key=lambda row: (-row["documented_percent"], row["package"]))


def longest(measures: list[Measure], count: int) -> list[Function]:
    """The longest functions of all packages."""
    every = [function for one in measures for function in one["longest"]]
    return sorted(every, key=lambda function: (-function["lines"], function["file"], function["name"]))[:count]
