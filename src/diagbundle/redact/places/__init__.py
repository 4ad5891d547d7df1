"""Secrets known by the place they stand in: a block of many lines, a column of a file, an encoding."""

from diagbundle.redact.places import accounts, blocks, devices, directives, keys, kubernetes, nested, outputs, terraform, tools, typed
from diagbundle.redact.places.files import rows
from diagbundle.redact.span import Pattern

PATTERNS: tuple[Pattern, ...] = (
    *blocks.PATTERNS,
    *keys.PATTERNS,
    *kubernetes.PATTERNS,
    *terraform.PATTERNS,
    *directives.PATTERNS,
    *devices.PATTERNS,
    *nested.PATTERNS,
    *typed.PATTERNS,
    *outputs.PATTERNS,
    *tools.PATTERNS,
    *accounts.PATTERNS,
)

__all__ = ["PATTERNS", "rows"]
