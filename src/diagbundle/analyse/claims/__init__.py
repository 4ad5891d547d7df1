"""Claims: what somebody says of a host is confirmed, contradicted, or there is no evidence.

`read` takes them from words (`kernel=4.6.2`), `of_ticket` from a text, `judge` holds them against the evidence.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping

from diagbundle.analyse.claims.claim import KINDS, Answer, Claim, Judgement, Kind, Standing, unknown
from diagbundle.analyse.claims.desk import Desk
from diagbundle.analyse.claims.reading import read
from diagbundle.analyse.claims.ticket import of_ticket
from diagbundle.analyse.engine import Analysis
from diagbundle.analyse.evidence import Evidence
from diagbundle.analyse.log.hearing import Finder
from diagbundle.errors import BundleError

__all__ = ["Claim", "Judgement", "Kind", "Standing", "judge", "kinds", "of_ticket", "read"]


def kinds() -> Mapping[str, Kind]:
    """All sorts of claims that can be judged."""
    package = importlib.import_module(f"{__name__}.kinds")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return KINDS


def judge(claims: Iterable[Claim], analysis: Analysis, evidence: Evidence, finder: Finder) -> list[Judgement]:
    """Each claim, and what the evidence says to it, in the order of the claims."""
    desk, known = Desk(analysis, evidence, finder), kinds()
    found = []
    for claim in claims:
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
    except Exception as error:  # one claim that cannot be judged costs only itself
        return unknown(f"it could not be judged: {type(error).__name__}: {error}")
