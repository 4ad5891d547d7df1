"""An analysis as one object of JSON, for programs; section `--format json` of docs/ANALYSIS.md is the contract."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from diagbundle.analyse.claims.claim import Judgement
from diagbundle.analyse.diagnosis import Diagnosis
from diagbundle.analyse.history.changes import Told
from diagbundle.analyse.history.said import sentence
from diagbundle.analyse.missing.completeness import Gap
from diagbundle.analyse.verdict import Origin, Verdict


def as_json(name: str, diagnosis: Diagnosis, damaged: Mapping[str, str] = MappingProxyType({})) -> str:
    """The whole answer. `damaged`: pieces that turned out to be, and why."""
    return written(as_object(name, diagnosis) | {"damaged": [{"path": path, "because": why} for path, why in damaged.items()]})


def written(answer: dict[str, Any]) -> str:
    """An answer as text."""
    return json.dumps(answer, indent=1, ensure_ascii=True)


def as_object(name: str, diagnosis: Diagnosis) -> dict[str, Any]:
    """The whole answer, for whoever adds to it."""
    analysis, about = diagnosis.analysis, diagnosis.analysis.about
    return {
        "bundle": name,
        "host": {
            "name": about.name, "os": about.os, "kernel": about.kernel, "zone": about.zone,
            "incomplete": about.incomplete or None,
            "collected": moment(about.now), "booted": moment(about.booted), "seconds_between_readings": round(about.seconds, 3),
        },
        "verdicts": [_verdict(each) for each in analysis.verdicts],
        "changes": [_change(each) for each in diagnosis.changed],
        "claims": [_claim(each) for each in diagnosis.claims],
        "missing": [_gap(each) for each in diagnosis.gaps], "fetch": diagnosis.fetch or None,
        "unparsed": [{"path": path, "because": why} for path, why in analysis.unparsed.items()],
    }  # fmt: skip


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


def _change(told: Told) -> dict[str, Any]:
    return {
        "time": moment(told.time), "certainty": told.first.certainty, "kind": told.kind, "text": sentence(told), "count": len(told.items),
        "evidence": [evidence(each) for each in told.items[0].origins],
    }  # fmt: skip


def _claim(judged: Judgement) -> dict[str, Any]:
    return {
        "claim": str(judged.claim), "said": judged.claim.said, "status": str(judged.status), "text": judged.sentence,
        "evidence": [evidence(each) for each in judged.origins],
    }  # fmt: skip


def _gap(gap: Gap) -> dict[str, Any]:
    return {"what": gap.what, "fix": gap.fix, "suspects": list(gap.suspects), "rules": list(gap.codes), "collectors": list(gap.collectors)}


def evidence(origin: Origin) -> dict[str, Any]:
    """A cited line."""
    return {"path": origin.path, "line": origin.line or None, "text": origin.text}
