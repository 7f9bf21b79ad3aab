"""Stations that measure temperatures, each with its own habits."""

from __future__ import annotations

import random
from typing import Any

TYPICAL = {"harbour": 7.5, "summit": -12.0, "valley": 2.0, "airport": 5.5}


def read(station: str) -> dict[str, Any]:
    """The temperature at a station; that on the summit is frozen, and that at the airport answers one call in three."""
    if station == "summit":
        raise ValueError("the sensor is frozen")
    if station == "airport" and random.random() < 2 / 3:
        raise ConnectionError("nobody answers")
    return {"station": station, "celsius": TYPICAL[station], "estimated": False}


def estimate(record: dict[str, Any], station: str) -> dict[str, Any]:
    """What stands for a reading that could not be had; `record` says why."""
    return {"station": station, "celsius": TYPICAL[station], "estimated": True, "why": record["message"]}


def summarise(readings: list[dict[str, Any]]) -> dict[str, Any]:
    lowest = min(readings, key=lambda reading: reading["celsius"])
    return {"readings": len(readings), "lowest": lowest["celsius"], "where": lowest["station"]}


def warn(summary: dict[str, Any]) -> str:
    return f"frost at {summary['where']}: {summary['lowest']} degrees"


def archive(summary: dict[str, Any]) -> str:
    raise OSError("the archive is full")
