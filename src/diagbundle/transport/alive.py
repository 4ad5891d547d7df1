"""The sign of life that work gives which may take long, to whoever wants one."""

from __future__ import annotations

from collections.abc import Callable

STEP = 1 << 20
"""Bytes that are read or written at once."""

Alive = Callable[[], None]
"""Called for every STEP that is read or written. May raise, which ends the work as a full disk would."""


def nobody() -> None:
    """Nobody waits for a sign of life."""
