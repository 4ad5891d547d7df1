"""The door for collectors: what stands here is theirs to use; anything else may change any day."""

from __future__ import annotations

from diagbundle.collect.registry import collector
from diagbundle.errors import SourceDenied, SourceError
from diagbundle.host import Host
from diagbundle.model import Answer, Collector, Command, File, Outcome, Probe, Row, Source, Stage, Table
from diagbundle.numbers import number
from diagbundle.sources.never import why_never
from diagbundle.sources.x509 import certificates as read_certificates

__all__ = [
    "Answer",
    "Collector",
    "Command",
    "File",
    "Host",
    "Outcome",
    "Probe",
    "Row",
    "Source",
    "SourceDenied",
    "SourceError",
    "Stage",
    "Table",
    "collector",
    "number",
    "read_certificates",
    "why_never",
]
