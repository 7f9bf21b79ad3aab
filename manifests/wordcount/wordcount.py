"""Word frequencies of a folder of text: list it, count a chunk, merge counts, report."""

from __future__ import annotations

import re
import sysconfig
from collections import Counter
from pathlib import Path
from typing import TypedDict

WORD = re.compile(r"[a-z]+")
NOT_OF_THE_LIBRARY = frozenset({"site-packages", "dist-packages", "__pycache__"})


class Corpus(TypedDict):
    """`files` are paths relative to `folder`, sorted, with their sizes in bytes."""

    folder: str
    files: list[tuple[str, int]]


class Tally(TypedDict):
    """`words` counts each word of the files read so far; `files` and `bytes` say how much that was."""

    words: dict[str, int]
    files: int
    bytes: int


class Report(TypedDict):
    corpus: str
    files: int
    bytes: int
    total_words: int
    distinct_words: int
    top: list[tuple[str, int]]
    asked: dict[str, int]


def list_files(folder: str, suffix: str) -> Corpus:
    """Every file below `folder` whose name ends with `suffix`; an empty `folder` means the standard library.

    Raises FileNotFoundError when there is none, so that a mistyped folder is not counted as an empty corpus.
    """
    root = Path(folder or sysconfig.get_paths()["stdlib"])
    files = sorted(
        (path.relative_to(root).as_posix(), path.stat().st_size)
        for path in root.rglob(f"*{suffix}")
        if path.is_file() and NOT_OF_THE_LIBRARY.isdisjoint(path.relative_to(root).parts)
    )
    if not files:
        raise FileNotFoundError(f"no file that ends with {suffix!r} below {root}")
    return Corpus(folder=str(root), files=files)


def chunk_of(files: list[tuple[str, int]], chunk: int, chunks: int) -> list[str]:
    """The files of one chunk: the largest first, each to the chunk that has the fewest bytes so far."""
    loads = [0] * chunks
    chosen: list[str] = []
    for name, size in sorted(files, key=lambda file: (-file[1], file[0])):
        lightest = loads.index(min(loads))
        loads[lightest] += size
        if lightest == chunk:
            chosen.append(name)
    return chosen


def count_words(corpus: Corpus, chunk: int, chunks: int) -> Tally:
    """Count the words of one chunk. Words are runs of letters, in lower case."""
    words: Counter[str] = Counter()
    names = chunk_of(corpus["files"], chunk, chunks)
    size = 0
    for name in names:
        content = Path(corpus["folder"], name).read_bytes()
        size += len(content)
        words.update(WORD.findall(content.decode("utf-8", errors="replace").lower()))
    return Tally(words=dict(words), files=len(names), bytes=size)


def merge(parts: list[Tally]) -> Tally:
    words: Counter[str] = Counter()
    for part in parts:
        words.update(part["words"])
    return Tally(
        words=dict(words), files=sum(part["files"] for part in parts), bytes=sum(part["bytes"] for part in parts)
    )


def report(corpus: Corpus, parts: list[Tally], top: int, words: list[str]) -> Report:
    """Merge what is left; name the `top` most frequent words, ties in alphabetical order, and the `words` asked for."""
    total = merge(parts)
    ranking = sorted(total["words"].items(), key=lambda entry: (-entry[1], entry[0]))
    return Report(
        corpus=corpus["folder"],
        files=total["files"],
        bytes=total["bytes"],
        total_words=sum(total["words"].values()),
        distinct_words=len(ranking),
        top=ranking[:top],
        asked={word: total["words"].get(word.lower(), 0) for word in words},
    )
