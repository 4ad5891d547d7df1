"""An analysis as one object of JSON, for programs; section `--format json` of docs/ANALYSIS.md is the contract."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from diagbundle.analyse.engine import Analysis
from diagbundle.analyse.verdict import Origin, Verdict


def as_json(name: str, analysis: Analysis, more: dict[str, Any]) -> str:
    """The whole answer; `more` are further members (claims, changes, what is missing)."""
    about = analysis.about
    return json.dumps(
        {
            "bundle": name,
            "host": {
                "name": about.name, "os": about.os, "kernel": about.kernel, "zone": about.zone,
                "incomplete": about.incomplete or None,
                "collected": moment(about.now), "booted": moment(about.booted), "seconds_between_readings": round(about.seconds, 3),
            },
            "verdicts": [_verdict(each) for each in analysis.verdicts],
            **more,
            "unparsed": [{"path": path, "because": why} for path, why in analysis.unparsed.items()],
        },
        indent=1, ensure_ascii=True,
    )  # fmt: skip


def moment(time: float) -> str | None:
    """A time as `2026-11-22T14:10:44Z`."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if time else None
    except (ValueError, OverflowError, OSError):
        return None


def _verdict(verdict: Verdict) -> dict[str, Any]:
    finding = verdict.finding
    if finding is None:
        return {
            "rule": verdict.code, "status": str(verdict.status), "severity": None, "title": verdict.suspect, "detail": "", "advice": "",
            "suspect": verdict.suspect, "evidence": [], "because": verdict.because or None,
        }  # fmt: skip
    return {
        "rule": verdict.code, "status": str(verdict.status), "severity": str(finding.severity), "title": finding.title,
        "detail": finding.detail, "advice": finding.advice, "suspect": verdict.suspect, "subject": finding.subject,
        "symptom": finding.symptom, "since": moment(finding.since), "latest": moment(finding.latest), "follows": list(verdict.follows),
        "evidence": [evidence(each) for each in finding.origins], "because": None,
    }  # fmt: skip


def evidence(origin: Origin) -> dict[str, Any]:
    """A cited line."""
    return {"path": origin.path, "line": origin.line or None, "text": origin.text}
