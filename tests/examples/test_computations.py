"""The expensive computations: exact results, and the share of a processor that their memory stands for."""

from __future__ import annotations

import time
from decimal import Decimal, localcontext

import numpy as np
import pytest

from tests.examples.loading import Functions

FILE = "expensive_computations/computations.py"


@pytest.fixture
def memory_mb(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> int:
    size = int(request.param)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", str(size))
    return size


@pytest.mark.parametrize("memory_mb", [1769, 10240], indirect=True)
def test_traces_are_those_of_the_products(functions: Functions, memory_mb: int) -> None:
    computations = functions(FILE)
    wanted = 0
    for number in range(7):
        left, right = np.random.default_rng([1, number]).integers(0, 10, (2, computations.SIDE, computations.SIDE))
        wanted += int((left * right.T).sum())  # the trace of a product, without the product
    assert computations.multiply_matrices(7) == wanted


@pytest.mark.parametrize(
    ("below", "primes"), [(2, 0), (3, 1), (100, 25), (1 << 17, 12_251), (1_000_000, 78_498), (10_000_000, 664_579)]
)
def test_primes_are_as_many_as_the_tables_say(functions: Functions, below: int, primes: int) -> None:
    assert functions(FILE).count_primes(below) == primes


def test_digits_are_those_of_the_product_in_whole_numbers(functions: Functions) -> None:
    computations = functions(FILE)
    one, other = np.random.default_rng([2, 0]).integers(0, 10, (2, computations.DIGITS))
    first, second = (Decimal("".join(map(str, digits[::-1].tolist()))) for digits in (one, other))
    with localcontext(prec=2 * computations.DIGITS):
        total = sum(map(int, str((first * second).to_integral_exact())))
    assert computations.multiply_numbers(1) == total


@pytest.mark.parametrize("memory_mb", [128, 512, 1769], indirect=True)
def test_work_takes_no_more_of_a_processor_than_the_memory_stands_for(functions: Functions, memory_mb: int) -> None:
    computations = functions(FILE)
    began, used = time.perf_counter(), time.process_time()
    for _ in computations.at_own_pace(range(4)):
        sum(range(50_000))
    share = (time.process_time() - used) / (time.perf_counter() - began)
    assert share <= 1.25 * memory_mb / 1769


def test_outside_of_an_environment_there_is_one_processor(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", raising=False)
    computations = functions(FILE)
    assert computations.share() == computations.processors() == 1


@pytest.mark.parametrize(("memory_mb", "processors"), [(128, 1), (3538, 2), (10240, 6)], indirect=["memory_mb"])
def test_large_memory_brings_several_processors(functions: Functions, memory_mb: int, processors: int) -> None:
    assert functions(FILE).processors() == processors


def test_sizes_that_disagree_are_told(functions: Functions) -> None:
    report = functions(FILE).report
    assert report([1, 1], [2, 2], [3, 3])["ok"] is True
    assert report([1, 1], [2, 4], [3, 3])["ok"] is False
