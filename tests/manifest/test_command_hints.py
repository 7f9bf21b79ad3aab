"""A command in one text, where a list of words belongs, is shown as that list."""

from __future__ import annotations

import pytest

from compiler.manifest.phrases import command_hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("sort -u", "list its words: [sort, -u]"),
        ("head -n 3 'a b'", 'list its words: [head, -n, "3", "a b"]'),
        ("wc -l 01", 'list its words: [wc, -l, "01"]'),
        ("sort words.txt | uniq -c", "list the words of one program: no shell reads them"),
        ("cat *.txt", "list the words of one program: no shell reads them"),
        ("say 'hello", "list the words of the command"),
        ("", "list the words of the command"),
    ],
)
def test_a_command_line_is_split_as_a_shell_would_when_it_needs_none(text: str, hint: str) -> None:
    assert command_hint(text) == hint
