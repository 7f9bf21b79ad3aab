"""What the files of a folder are about: count words, weigh them against the whole corpus, sum up.

Words are runs of letters, in lower case. A word's weight in a file is how often it stands there, times how rare it is:
ln(files / files that have it) (tf-idf).
"""

from __future__ import annotations

import math
import re
import sysconfig
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import TypedDict

WORD = re.compile(r"[a-z]+")
NOT_OF_THE_LIBRARY = frozenset({"site-packages", "dist-packages", "__pycache__"})
PLACES = 6
"""Decimal places of a figure: sums in another order agree in them."""


class Corpus(TypedDict):
    """`files` are paths relative to `folder`, sorted."""

    folder: str
    files: list[str]


class Tally(TypedDict):
    """Of some files: how often each word stands in them, and in how many of them."""

    counts: dict[str, int]
    files_with: dict[str, int]


class Vocabulary(TypedDict):
    """A tally of the whole corpus, and the corpus."""

    corpus: Corpus
    counts: dict[str, int]
    files_with: dict[str, int]


class Text(TypedDict):
    """One file, and how often each word stands in it, but for words that every file has."""

    file: str
    counts: dict[str, int]


class Pair(TypedDict):
    """Two files and the cosine of the angle between their weights: 1 for the same mixture of words."""

    files: tuple[str, str]
    alike: float


class Analysis(TypedDict):
    """Of some files: the weight of each word over all of them, the file with the largest share of distinct words (of
    those with a hundred words), and the two that are most alike."""

    files: int
    weights: dict[str, float]
    richest: tuple[str, float] | None
    closest: Pair | None


class Report(TypedDict):
    """`closest` are the two files most alike among those that are in one segment."""

    files: int
    words: int
    distinct_words: int
    keywords: list[tuple[str, float]]
    richest: tuple[str, float] | None
    closest: Pair | None


def list_files(folder: str, suffix: str) -> Corpus:
    """Every file below `folder` whose name ends with `suffix`; an empty `folder` means the standard library.

    Raises FileNotFoundError when there is none, so that a mistyped folder is not taken for an empty corpus.
    """
    root = Path(folder or sysconfig.get_paths()["stdlib"])
    files = sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob(f"*{suffix}")
        if path.is_file() and NOT_OF_THE_LIBRARY.isdisjoint(path.relative_to(root).parts)
    )
    if not files:
        raise FileNotFoundError(f"no file that ends with {suffix!r} below {root}")
    return Corpus(folder=str(root), files=files)


def count(corpus: Corpus, chunk: int, chunks: int) -> Tally:
    """The tally of every `chunks`-th file, from number `chunk` on."""
    counts: Counter[str] = Counter()
    files_with: Counter[str] = Counter()
    for file in corpus["files"][chunk::chunks]:
        words = Counter(_words(corpus, file))
        counts.update(words)
        files_with.update(words.keys())
    return Tally(counts=dict(counts), files_with=dict(files_with))


def merge(corpus: Corpus, tallies: list[Tally]) -> Vocabulary:
    counts: Counter[str] = Counter()
    files_with: Counter[str] = Counter()
    for tally in tallies:
        counts.update(tally["counts"])
        files_with.update(tally["files_with"])
    return Vocabulary(corpus=corpus, counts=dict(counts), files_with=dict(files_with))


def read_segment(vocabulary: Vocabulary, segment: int, segments: int) -> list[Text]:
    """The files of one segment, which are neighbours in the corpus, and their words that some file lacks."""
    corpus = vocabulary["corpus"]
    files = corpus["files"]
    everywhere = {word for word, number in vocabulary["files_with"].items() if number == len(files)}
    return [
        Text(file=file, counts=dict(Counter(word for word in _words(corpus, file) if word not in everywhere)))
        for file in files[len(files) * segment // segments : len(files) * (segment + 1) // segments]
    ]


def analyse(texts: list[Text], vocabulary: Vocabulary) -> Analysis:
    """Weigh the words of each file, compare every two files, and find the richest."""
    whole, files_with = len(vocabulary["corpus"]["files"]), vocabulary["files_with"]
    weights = {
        text["file"]: {word: number * math.log(whole / files_with[word]) for word, number in text["counts"].items()}
        for text in texts
    }
    lengths = {file: math.sqrt(sum(weight**2 for weight in own.values())) for file, own in weights.items()}
    pairs = [
        Pair(
            files=(one, other),
            alike=round(_product(weights[one], weights[other]) / lengths[one] / lengths[other], PLACES),
        )
        for one, other in combinations(weights, 2)
        if lengths[one] and lengths[other]
    ]
    total: dict[str, float] = {}
    for own in weights.values():
        for word, weight in own.items():
            total[word] = total.get(word, 0.0) + weight
    return Analysis(
        files=len(texts),
        weights=total,
        richest=_richest(
            (text["file"], round(len(text["counts"]) / sum(text["counts"].values()), PLACES))
            for text in texts
            if sum(text["counts"].values()) >= 100
        ),
        closest=_closest(pairs),
    )


def summarise(analyses: list[Analysis]) -> Analysis:
    """Several analyses as one; what is best in any of them is best in all."""
    weights: dict[str, float] = {}
    for one in analyses:
        for word, weight in one["weights"].items():
            weights[word] = weights.get(word, 0.0) + weight
    return Analysis(
        files=sum(one["files"] for one in analyses),
        weights=weights,
        richest=_richest(one["richest"] for one in analyses if one["richest"]),
        closest=_closest(one["closest"] for one in analyses if one["closest"]),
    )


def report(vocabulary: Vocabulary, summaries: list[Analysis], top: int) -> Report:
    """The `top` words by weight over all files, ties in alphabetical order, and the rest of what was found."""
    whole = summarise(summaries)
    rounded = {word: round(weight, PLACES) for word, weight in whole["weights"].items()}
    return Report(
        files=whole["files"],
        words=sum(vocabulary["counts"].values()),
        distinct_words=len(vocabulary["counts"]),
        keywords=sorted(rounded.items(), key=lambda entry: (-entry[1], entry[0]))[:top],
        richest=whole["richest"],
        closest=whole["closest"],
    )


def _words(corpus: Corpus, file: str) -> list[str]:
    return WORD.findall(Path(corpus["folder"], file).read_bytes().decode("utf-8", errors="replace").lower())


def _product(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    small, large = sorted((one, other), key=len)
    return sum(weight * large[word] for word, weight in small.items() if word in large)


def _richest(files: Iterable[tuple[str, float]]) -> tuple[str, float] | None:
    return min(files, key=lambda file: (-file[1], file[0]), default=None)


def _closest(pairs: Iterable[Pair]) -> Pair | None:
    return min(pairs, key=lambda pair: (-pair["alike"], pair["files"]), default=None)
