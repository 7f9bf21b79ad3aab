"""What an execution environment is at. What makes it change is the business of `environments`."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    ENDED = "ended"
