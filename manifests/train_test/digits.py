"""Handwritten digits: load, split, fit classifiers, score them, compare the scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Samples:
    """Pictures of 8 x 8 pixels, one per row, and the digit that each shows."""

    pixels: NDArray[np.float64]
    digits: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Model:
    kind: str
    size: int
    classifier: Any


class Data(TypedDict):
    train: Samples
    test: Samples


class Score(TypedDict):
    kind: str
    size: int
    train_accuracy: float
    test_accuracy: float


class Comparison(TypedDict):
    train_samples: int
    test_samples: int
    best: Score
    scores: list[list[Score]]


def load() -> Samples:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return Samples(pixels=bunch.data, digits=bunch.target)


def split(digits: Samples, test_share: float, seed: int) -> Data:
    """Shuffle by `seed` and keep `test_share` of the samples apart."""
    order = np.random.default_rng(seed).permutation(len(digits.digits))
    held_back = round(test_share * len(order))
    test, train = order[:held_back], order[held_back:]
    return Data(
        train=Samples(pixels=digits.pixels[train], digits=digits.digits[train]),
        test=Samples(pixels=digits.pixels[test], digits=digits.digits[test]),
    )


def fit(kind: str, size: int, train: Samples) -> Model:
    """`size` is the number of neighbours of "knn" and the depth of "tree"."""
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.tree import DecisionTreeClassifier

    classifiers = {
        "knn": lambda: KNeighborsClassifier(n_neighbors=size),
        "tree": lambda: DecisionTreeClassifier(max_depth=size, random_state=0),
    }
    return Model(kind=kind, size=size, classifier=classifiers[kind]().fit(train.pixels, train.digits))


def score(model: Model, data: Data) -> Score:
    """The share of digits that the model tells right, of those it has seen and of those it has not."""

    def accuracy(samples: Samples) -> float:
        return float(np.mean(model.classifier.predict(samples.pixels) == samples.digits))

    return Score(
        kind=model.kind,
        size=model.size,
        train_accuracy=round(accuracy(data["train"]), 4),
        test_accuracy=round(accuracy(data["test"]), 4),
    )


def compare(data: Data, parts: list[list[Score]]) -> Comparison:
    every = [score for row in parts for score in row]
    return Comparison(
        train_samples=len(data["train"].digits),
        test_samples=len(data["test"].digits),
        best=max(every, key=lambda score: score["test_accuracy"]),
        scores=parts,
    )
