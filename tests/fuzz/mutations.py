"""Broken manifests from whole ones: each mutation takes a text and a source of chance and gives a text.

Lines, tokens and characters are cut, copied, moved, renamed and replaced; expressions are changed token by token; two
manifests are spliced. Nothing here knows what a manifest means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

Mutation = Callable[[str, Random, Sequence[str]], str]

YAML_SNIPPETS = (
    *("\t", "\n", "  ", ":", ": ", " #", "- ", "'", '"', "[", "]", "{", "}", ",", "%", "@", "?", "? ", "|\n", ">-\n"),
    *("{{ x }}", "${{ ", "}}", "$${{", "${{ }}", "&a ", "*a", "!!int ", "!!str ", "!x ", "<<: 1\n", "---\n", "...\n"),
    *("0644", "0o17", "1e999", ".inf", ".nan", "no", "12:30", "2024-01-02", "null", "~", "true", "1", "-1", "0", "1.5"),
    *("\u2028", "\u0085", "é", "\U0001f600", "\ufeff", "\u202e", "\x07", "\x1b[31m", "x" * 40, "x" * 300),
    *(
        "\n    when: true",
        "\n    where: true",
        "\n    fanout: {max: 3}",
        "\n    foreach: {q: [1, 2]}",
        "\n    extends: g",
    ),
    *(
        "\n    after: [g]",
        "\n    on_error: {task: g}",
        "\n    timeout: 0s",
        "\n    worker: w1",
        "\n    outputs: [a, b]",
    ),
    *("\nresult: ${{ tasks.g }}", "\nlet: {a: '${{ a }}'}", "\nworkers: {w1: {memory: 1GiB}}", "\nsla: p99"),
    *("\n    resources: {memory: 1TB}", "\n    depends_on: [g]", "\nsecrets: {k: {env: K}}", "\nimports: {e: e.yaml}"),
)
EXPRESSION_TOKENS = (
    *(
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "**",
        "~",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        "in",
        "not",
        "and",
        "or",
        "if",
        "else",
        "is",
    ),
    *("(", ")", "[", "]", "[0]", "[-1]", "[1:]", "[::0]", ".a", ".__class__", "|", "| length", "| flatten", "| sort"),
    *(
        "| transpose",
        "| batch(2)",
        "| join(',')",
        "| tojson",
        "| upper",
        "| nope",
        "range(3)",
        "range(10**9)",
        "len([])",
    ),
    *("0", "1", "2", "-1", "9**9", "1.5", "'a'", '"b"', "true", "none", "[]", "{}", "{'k': 1}", "[1, 2]", "[[1], [2]]"),
    *(
        "tasks",
        "tasks.g",
        "tasks['g']",
        "tasks[params.x]",
        "params",
        "params.x",
        "inputs.x",
        "secrets.k",
        "i",
        "x",
        "l",
    ),
    *("zip([1], [1, 2])", "product([1, 2], [3])", "log2(8)", "min([])", "sum([1])", "int('x')", "abs(-1)", "lambda: 1"),
    *("{# c #}", "{% if x %}", "'\\x41'", "'\\ud800'", "1 if", ",", ":", "=", "\\", "`", "$", "é", "\n"),
)
_WORD = re.compile(r"[A-Za-z_][\w-]*")
_TOKEN = re.compile(r"\w+|[^\w\s]|\s+")
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_SCALAR = re.compile(r"(?<=: )[^\s\[\]{},#&*!|>'\"%@`][^\n,\]}#]*")


def mutate(text: str, chance: Random, corpus: Sequence[str]) -> str:
    """The text with one to five mutations."""
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5))):
        text = chance.choice(MUTATIONS)(text, chance, corpus)
    return text


def cut_characters(text: str, chance: Random, corpus: Sequence[str]) -> str:
    at = chance.randint(0, len(text))
    return text[:at] + text[at + chance.randint(0, 12) :]


def insert_snippet(text: str, chance: Random, corpus: Sequence[str]) -> str:
    at = chance.randint(0, len(text))
    return text[:at] + chance.choice(YAML_SNIPPETS) + text[at:]


def insert_snippet_at_line_end(text: str, chance: Random, corpus: Sequence[str]) -> str:
    lines = text.split("\n")
    lines[chance.randrange(len(lines))] += chance.choice(YAML_SNIPPETS)
    return "\n".join(lines)


def truncate(text: str, chance: Random, corpus: Sequence[str]) -> str:
    return text[: chance.randint(0, len(text))]


def drop_line(text: str, chance: Random, corpus: Sequence[str]) -> str:
    lines = text.split("\n")
    del lines[chance.randrange(len(lines))]
    return "\n".join(lines)


def repeat_line(text: str, chance: Random, corpus: Sequence[str]) -> str:
    lines = text.split("\n")
    at = chance.randrange(len(lines))
    lines.insert(chance.randint(0, len(lines)), lines[at])
    return "\n".join(lines)


def swap_lines(text: str, chance: Random, corpus: Sequence[str]) -> str:
    lines = text.split("\n")
    a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return "\n".join(lines)


def shift_line(text: str, chance: Random, corpus: Sequence[str]) -> str:
    lines = text.split("\n")
    at = chance.randrange(len(lines))
    lines[at] = lines[at][chance.randint(1, 4) :] if chance.random() < 0.5 else " " * chance.randint(1, 4) + lines[at]
    return "\n".join(lines)


def rename_word(text: str, chance: Random, corpus: Sequence[str]) -> str:
    words = list(_WORD.finditer(text))
    if not words:
        return text
    found = chance.choice(words)
    word = found.group()
    at = chance.randrange(len(word))
    new = chance.choice(
        (word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:], word.upper(), word + "-", "_" + word)
    )
    return text[: found.start()] + new + text[found.end() :]


def replace_word(text: str, chance: Random, corpus: Sequence[str]) -> str:
    words, others = list(_WORD.finditer(text)), _WORD.findall(chance.choice(corpus))
    if not words or not others:
        return text
    found = chance.choice(words)
    return text[: found.start()] + chance.choice(others) + text[found.end() :]


def replace_scalar(text: str, chance: Random, corpus: Sequence[str]) -> str:
    values, others = list(_SCALAR.finditer(text)), _SCALAR.findall(chance.choice(corpus))
    if not values or not others:
        return text
    found = chance.choice(values)
    new = chance.choice((*others, *YAML_SNIPPETS))
    return text[: found.start()] + new + text[found.end() :]


def change_expression(text: str, chance: Random, corpus: Sequence[str]) -> str:
    """One token of an expression replaced, dropped, or another put beside it."""
    expressions = [found for found in _EXPRESSION.finditer(text) if found.group(1).strip()]
    if not expressions:
        return insert_snippet(text, chance, corpus)
    found = chance.choice(expressions)
    tokens = _TOKEN.findall(found.group(1))
    at, new = chance.randrange(len(tokens)), chance.choice(EXPRESSION_TOKENS)
    tokens[at] = chance.choice((new, "", f"{tokens[at]} {new}", f"{new} {tokens[at]}"))
    return text[: found.start(1)] + "".join(tokens) + text[found.end(1) :]


def splice(text: str, chance: Random, corpus: Sequence[str]) -> str:
    """Some lines of another manifest between the lines of this one."""
    lines, others = text.split("\n"), chance.choice(corpus).split("\n")
    first = chance.randrange(len(others))
    at = chance.randint(0, len(lines))
    lines[at : at + chance.choice((0, 0, 2))] = others[first : first + chance.randint(1, 6)]
    return "\n".join(lines)


MUTATIONS: tuple[Mutation, ...] = (
    cut_characters,
    insert_snippet,
    insert_snippet_at_line_end,
    truncate,
    drop_line,
    repeat_line,
    swap_lines,
    shift_line,
    rename_word,
    replace_word,
    replace_scalar,
    change_expression,
    change_expression,
    change_expression,
    splice,
)
