"""Three computations that take processor time and little else, and the share of a processor that they get.

On Lambda an environment gets processor time in proportion to its memory: one processor at 1,769 MB. Environments on
this machine share its processors instead, so the computations keep to that share themselves. Where it is kept for them
they never wait: they take no more than it anyway.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

MB_PER_PROCESSOR = 1769
SIDE = 160
"""Rows and columns of a matrix."""

BLOCK = 1 << 17
"""Numbers that are sieved at once."""

DIGITS = 1 << 13
"""Digits of a factor."""


class Report(TypedDict):
    """`ok`: every size of memory gave the same results."""

    trace: int
    primes: int
    digit_sum: int
    sizes: int
    ok: bool


def multiply_matrices(rounds: int) -> int:
    """The sum of the traces of `rounds` products of matrices of small whole numbers, on all processors there are."""
    with ThreadPoolExecutor(processors()) as threads:
        return sum(
            sum(threads.map(_trace_of_product, range(first, min(first + processors(), rounds))))
            for first in at_own_pace(range(0, rounds, processors()))
        )


def count_primes(below: int) -> int:
    """How many primes there are below a number: the sieve of Eratosthenes, block after block."""
    small = _sieve(int(below**0.5) + 1)
    return sum(_primes_between(low, min(low + BLOCK, below), small) for low in at_own_pace(range(0, below, BLOCK)))


def multiply_numbers(rounds: int) -> int:
    """The sum of all digits of `rounds` products of numbers with 8,192 digits, multiplied by Fourier transforms."""
    total = 0
    for number in at_own_pace(range(rounds)):
        one, other = np.random.default_rng([2, number]).integers(0, 10, (2, DIGITS))
        places = np.fft.irfft(np.fft.rfft(one, 2 * DIGITS) * np.fft.rfft(other, 2 * DIGITS), 2 * DIGITS)
        total += _digit_sum(np.rint(places).astype(np.int64))
    return total


def report(traces: list[int], primes: list[int], digit_sums: list[int]) -> Report:
    return Report(
        trace=traces[0],
        primes=primes[0],
        digit_sum=digit_sums[0],
        sizes=len(traces),
        ok=all(len(set(results)) == 1 for results in (traces, primes, digit_sums)),
    )


def share() -> float:
    """Processors that the memory of this environment stands for; 1 outside of one."""
    return int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MB_PER_PROCESSOR)) / MB_PER_PROCESSOR


def processors() -> int:
    """Threads that are worth having here."""
    return max(1, round(share()))


def at_own_pace(pieces: Iterable[int]) -> Iterator[int]:
    """The pieces of a work; between them, and after the last, waits until no more than the share has been used."""
    began, used = time.perf_counter(), time.process_time()
    for piece in pieces:
        yield piece
        ahead_s = (time.process_time() - used) / share() - (time.perf_counter() - began)
        time.sleep(max(0.0, ahead_s))


def _trace_of_product(number: int) -> int:
    # Whole numbers: exact, and no BLAS, which would start threads of its own and let them spin.
    left, right = np.random.default_rng([1, number]).integers(0, 10, (2, SIDE, SIDE))
    return int(np.trace(left @ right))


def _sieve(below: int) -> NDArray[np.int64]:
    """The primes below a small number."""
    is_prime = np.ones(below, dtype=bool)
    is_prime[:2] = False
    for number in range(2, int(below**0.5) + 1):
        if is_prime[number]:
            is_prime[number * number :: number] = False
    return np.flatnonzero(is_prime)


def _primes_between(low: int, high: int, small: NDArray[np.int64]) -> int:
    """How many there are from `low` to below `high`; `small` are those up to the root of it."""
    is_prime = np.ones(high - low, dtype=bool)
    is_prime[: max(0, 2 - low)] = False
    for prime in small.tolist():
        is_prime[max(prime * prime, -(-low // prime) * prime) - low :: prime] = False
    return int(is_prime.sum())


def _digit_sum(places: NDArray[np.int64]) -> int:
    """The sum of the digits of a number whose decimal places, the lowest first, may hold more than a digit."""
    digits = places
    while digits.max() > 9:
        carried = digits // 10
        digits = np.append(digits - 10 * carried, 0)
        digits[1:] += carried
    return int(digits.sum())
