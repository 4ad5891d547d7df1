"""The first line of a manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from diagbundle.analyse.evidence.entry import Head


def head_of(row: Mapping[str, Any]) -> Head:
    """The first line of a manifest."""
    who, kit = _texts(row.get("host")), _texts(row.get("kit"))
    return Head(
        created=_moment(row.get("created")), finished=_moment(row.get("finished")), name=who.get("name", ""), os=who.get("os", ""),
        kernel=who.get("kernel", ""), boot_id=who.get("boot_id", ""), zone=str(row.get("zone") or ""),
        complete=row.get("complete") is not False, reason=str(row.get("reason") or ""), tool=f"diagbundle {row.get('tool') or ''}".strip(),
        machine=who.get("machine", ""), uid=who.get("uid", ""), case=str(row.get("case") or ""), kit=kit.get("name", ""),
        made_for=f"{kit.get('title', '')} {kit.get('version', '')}".strip(),
    )  # fmt: skip


def _texts(value: object) -> dict[str, str]:
    return {key: str(each) for key, each in value.items()} if isinstance(value, dict) else {}


def _moment(text: object) -> float:
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def limited(pieces: Iterator[bytes], length: int | None) -> Iterator[bytes]:
    """The first bytes only, where the rest is filling."""
    for piece in pieces:
        if length is None:
            yield piece
        elif length > 0:
            yield piece[:length]
            length -= len(piece)
