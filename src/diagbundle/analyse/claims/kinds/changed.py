"""What was changed lately: `nothing`, say most tickets."""

from __future__ import annotations

import re

from diagbundle.analyse.claims.claim import CITED, Answer, confirmed, contradicted, kind, unknown
from diagbundle.analyse.claims.desk import Desk
from diagbundle.analyse.claims.values import moment, span
from diagbundle.analyse.facts import change as kinds
from diagbundle.analyse.facts.change import Change
from diagbundle.analyse.history.changes import DAY, Item, Told, lately
from diagbundle.analyse.history.said import one, sentence
from diagbundle.analyse.verdict import Origin

_DAYS = 7.0
_OWN = (kinds.REBOOT, kinds.CRASH, kinds.SERVICE, kinds.CONTAINER, kinds.DATABASE, kinds.CLOCK, kinds.AUDIT)
"""What happens without anybody changing anything."""
_WORDS = {
    "package": kinds.PACKAGE, "software": kinds.PACKAGE, "update": kinds.PACKAGE, "kernel": kinds.KERNEL, "config": kinds.CONFIGURATION,
    "firewall": kinds.FIREWALL, "selinux": kinds.SELINUX, "sysctl": kinds.SYSCTL, "user": kinds.USER, "network": kinds.NETWORK,
    "certificate": kinds.CERTIFICATE, "cron": kinds.CRON,
}  # fmt: skip


@kind(
    "changed",
    "what was changed in the last days",
    "changed=nothing",
    "changes, recent changes, what changed, recently changed, last change",
)
def changed(value: str, desk: Desk) -> Answer:
    """`nothing`, `nothing in 3 days`, or a word that a change must hold: `kernel`, `nginx`, `firewall`. A week, where no time is said."""
    if not desk.facts(Change):
        return unknown(desk.why("what was changed", "diagbundle/tables/changed_files", "var/log/dpkg.log", "var/log/dnf.rpm.log"))
    said = span(value)
    days = min(said[0] / DAY, 365.0) if said else _DAYS
    told = [each for each in lately(desk.analysis.facts, desk.about, days) if each.first.kind not in _OWN]
    period = f"in the {days:g} days before the host was asked"
    if re.match(r"(?i)\s*(?:nothing|none|no\b|not\b|never|nobody)", value):
        return contradicted(f"{_many(told)} {period}: {_last(told)}", _origins(told)) if told else _nothing(period, desk)
    words = [
        word
        for word in re.findall(r"[\w./-]{3,}", value.lower())
        if not re.fullmatch(r"the|was|were|days?|weeks?|hours?|last|yes|upgraded|updated|changed|installed|\d+", word)
    ]
    there = [item for each in told for item in each.items if not words or any(_is_about(item, word) for word in words)]
    if there:
        last = "; ".join(f"{one(item.change)}, {moment(item.change.time)}" for item in there[-2:][::-1])
        return confirmed(last, [item.origins[0] for item in there[::-1]])
    return unknown(f"no record of a change of {' '.join(words)} {period}")


def _nothing(period: str, desk: Desk) -> Answer:
    """Nothing was changed; the last change before is told."""
    before = [each for each in desk.facts(Change) if each.kind not in _OWN and 0 < each.time <= (desk.about.now or each.time)]
    last = max(before, key=lambda each: each.time, default=None)
    return confirmed(
        f"nothing that is recorded was changed {period}{f'; the last before: {one(last)}, {moment(last.time)}' if last else ''}",
        [last.origin if last else desk.about.origin],
    )


def _is_about(item: Item, word: str) -> bool:
    return _WORDS.get(word.rstrip("s")) == item.change.kind or word in item.change.what.lower()


def _many(told: list[Told]) -> str:
    count = sum(len(each.items) for each in told)
    return "one thing was changed" if count == 1 else f"{count:,} things were changed"


def _last(told: list[Told]) -> str:
    return "; ".join(f"{sentence(each)}, {moment(each.time)}" for each in told[-2:][::-1])


def _origins(told: list[Told]) -> list[Origin]:
    return [each.items[0].origins[0] for each in told[::-1][:CITED]]
