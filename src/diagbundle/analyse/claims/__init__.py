"""Claims: what somebody says of a host is confirmed, contradicted, or there is no evidence.

`read` takes them from words (`kernel=4.6.2`), `of_ticket` from a text, `judge` holds them against the evidence.
"""

from __future__ import annotations

from collections.abc import Iterable

from diagbundle.analyse.claims.claim import Answer, Claim, Judgement, Kind, Standing, every_kind, unknown
from diagbundle.analyse.claims.desk import Desk
from diagbundle.analyse.claims.reading import read
from diagbundle.analyse.claims.ticket import of_ticket
from diagbundle.analyse.engine import Analysis
from diagbundle.analyse.evidence.entry import Evidence
from diagbundle.analyse.log.found import Finder
from diagbundle.errors import BundleError

__all__ = ["Claim", "Judgement", "Kind", "Standing", "every_kind", "judge", "of_ticket", "read"]


def judge(claims: Iterable[Claim], analysis: Analysis, evidence: Evidence, finder: Finder) -> list[Judgement]:
    """Each claim, and what the evidence says to it, in the order of the claims."""
    said, known = list(claims), every_kind()
    desk = Desk(said, analysis, evidence, finder)
    found = []
    for claim in said:
        answer = _answer(known.get(claim.kind), claim, desk)
        found.append(Judgement(claim, answer.status, answer.sentence, answer.origins))
    return found


def _answer(kind: Kind | None, claim: Claim, desk: Desk) -> Answer:
    if kind is None:
        return unknown(f"nobody here can judge what is said of {claim.kind!r}")
    try:
        return kind.judge(claim.value.strip(), desk)
    except BundleError as error:
        return unknown(f"what tells of it cannot be read: {error}")
    except Exception as error:  # noqa: BLE001  # one claim that cannot be judged costs only itself
        return unknown(f"it could not be judged: {type(error).__name__}: {error}")
