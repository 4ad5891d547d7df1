"""Secrets without a format of their own, behind a name that tells: what names say, where values end, which of them are secrets."""

from diagbundle.redact.named import foreign, keyed
from diagbundle.redact.span import Pattern

PATTERNS: tuple[Pattern, ...] = (*keyed.PATTERNS, *foreign.PATTERNS)

__all__ = ["PATTERNS"]
