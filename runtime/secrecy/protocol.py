"""What a process and the filter of its output agree upon. Light: the filter loads it."""

from __future__ import annotations

LENGTH_BYTES = 4
"""Before each message on the control socket: how long it is."""

IS_BUSY, IS_HOLDING, STATE_BYTES = 0, 1, 2
"""Places in the memory that both see, and its size."""
