"""The door for parsers and rules: all that they may use. What is not here may change any day."""

from diagbundle.analyse.evidence.document import Document, Line, Row, loads
from diagbundle.analyse.fact import Fact, latest, pairs, seconds_between
from diagbundle.analyse.facts.about import About
from diagbundle.analyse.log.event import Event
from diagbundle.analyse.log.times import Clock
from diagbundle.analyse.registry import log_parser, parser, rule
from diagbundle.analyse.verdict import Finding, Origin, Severity, Undecided

__all__ = [
    "About", "Clock", "Document", "Event", "Fact", "Finding", "Line", "Origin", "Row", "Severity", "Undecided", "latest", "loads",
    "log_parser", "pairs", "parser", "rule", "seconds_between",
]  # fmt: skip
