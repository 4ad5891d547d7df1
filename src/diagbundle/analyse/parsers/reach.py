"""Rows of probes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from diagbundle.analyse.api import Document, Row, parser
from diagbundle.analyse.facts.certificates import Certificate, TrustCheck
from diagbundle.analyse.facts.reach import Probe

_VERIFY = re.compile(r"^\s*Verif(?:y return code|ication): (?:(\d+) \((.{0,200})\)|(error|OK)\b:?.*)")


@parser(Probe, "diagbundle/probes/**")
def probes(doc: Document) -> Iterator[Probe]:
    """One fact for each row, certificates aside."""
    for row in doc.rows:
        if row["what"] != "certificate":
            yield Probe(
                kind=row.text("kind"),
                target=row.text("target"),
                named_by=row.text("named_by"),
                what=row.text("what"),
                outcome=row.text("outcome"),
                detail=row.text("detail"),
                address=row.text("address"),
                port=row.whole("port"),
                name=row.text("name") or row.text("server_name"),
                way=row.text("way"),
                ms=row.number("ms"),
                more=row,
                origin=row.origin,
            )


@parser(Certificate, "diagbundle/probes/**", "diagbundle/tables/certificates")
def certificates(doc: Document) -> Iterator[Certificate]:
    """Certificates of servers (rows of probes) and of files (our table); rows without a subject are no certificates."""
    from_server = "/probes/" in doc.path
    for row in doc.rows:
        if row["subject"] and row["not_after"] and (not from_server or row["what"] == "certificate"):
            yield _certificate(row, from_server=from_server)


def _certificate(row: Row, *, from_server: bool) -> Certificate:
    names = row["names"] if isinstance(row["names"], list) else []
    target = row.text("target")
    return Certificate(
        where=target if from_server else row.text("path"),
        named_by=row.text("named_by"),
        from_server=from_server,
        through_proxy=row["way"] == "proxy",
        asked_for=target.rpartition(":")[0].strip("[]") if from_server else "",
        index=row.whole("index"),
        subject=row.text("subject"),
        issuer=row.text("issuer"),
        not_before=moment(row.text("not_before")),
        not_after=moment(row.text("not_after")),
        names=tuple(str(name) for name in names[:100]),
        authority=row["ca"] is True,
        self_issued=row["self_issued"] is True or row["self_signed"] is True,
        doubts=row.text("detail"),
        origin=row.origin,
    )


def moment(text: str) -> float:
    """`2026-10-18T14:10:45Z` as seconds since 1970; 0 where it is none."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return 0.0


@parser(TrustCheck, "sos_commands/*/openssl_s_client_*")
def trust(doc: Document) -> Iterator[TrustCheck]:
    """The last `Verify return code` of `openssl s_client`, which trusts what the host trusts."""
    server = re.search(r"-connect[_ ](\S+?)(?:[_ ]-servername|[_ ]-showcerts|$)", doc.entry.source or doc.path)
    said = [(line, found) for line in doc.lines if (found := _VERIFY.match(line)) and found[1]]
    if server and said:
        line, found = said[-1]
        yield TrustCheck(server=server[1], code=int(found[1][:6]), text=found[2], origin=line.origin)
