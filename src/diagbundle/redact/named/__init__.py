"""Secrets without a format of their own, behind a name that tells: what names say, where values end, which of them are secrets."""

from diagbundle.redact.named.keyed import PATTERNS

__all__ = ["PATTERNS"]
