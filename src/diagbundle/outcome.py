"""How an asking can end. A module of its own: errors and the reader of bundles need it, and must start fast."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How the fetching of one piece of evidence ended."""

    COLLECTED = "collected"  # the whole answer
    PARTIAL = "partial"  # some of it
    ABSENT = "absent"  # there is no such thing on this host
    DENIED = "denied"  # the host refused
    TIMEOUT = "timeout"  # it did not answer in time
    FAILED = "failed"  # an error
    SKIPPED = "skipped"  # not asked, on purpose

    @property
    def is_loss(self) -> bool:
        """Whether this makes a bundle partial; `absent`, `denied` and `skipped` are answers."""
        return self in (Outcome.PARTIAL, Outcome.TIMEOUT, Outcome.FAILED)
