"""Programs that cannot reach the servers they need, and programs that say that they must end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import About, Finding, Severity, rule
from diagbundle.analyse.facts.containers import Container
from diagbundle.analyse.facts.network_counts import SocketOwner
from diagbundle.analyse.facts.products import WORKS, FatalLine, Unreached
from diagbundle.analyse.facts.spoken import DAY, HOUR, MINUTE, between, fullest, often

MAX_TOLD = 5
_DATABASE = re.compile(
    r"(?i)OperationalError|SQLSTATE|jdbc:|could not connect to server|connection to server at|ORA-12\d{3}|\(HY000/200[23]\)|ERROR 200[23]"
    r"|MongoNetworkError|ServerSelectionTimeout|redis\S*ConnectionError|Can't connect to (?:local )?(?:MySQL|server)|psycopg|pymysql"
)
"""Words of those who want a database."""
TWICE, AGAIN, OFTEN, MANY = 2, 3, 5, 10
"""Failed connections to what a program cannot do without, fatal errors and failed connections within an hour, answers 502 to 504
within 10 minutes that are no accident."""
WORDS = {
    "refused": "the connection is refused",
    "reset": "the connection is reset",
    "no route": "there is no way to it",
    "closed early": "it closes the connection before it answers",
    "no server left": "none of its servers is left",
    "timed out": "it does not answer in time",
    "is missing": "its socket does not exist",
    "full queue": "the queue of its socket is full: it does not accept connections as fast as they come",
    "failed checks": "it answers, but fails its health check",
    "not established": "no connection can be made",
}


_SILENT = {"timed out", "closed early", "reset", "full queue", "failed checks"}
"""It was reached: its port is open."""


def _fresh(lines: Sequence[Unreached] | Sequence[FatalLine], about: About, seconds: float) -> bool:
    times = [line.time for line in lines if line.time]
    return not times or not about.now or about.now - max(times) <= seconds


@rule("APP003", "web servers and proxies that cannot reach what is behind them", Unreached, About, uses=(SocketOwner,))
def gateways(lines: Sequence[Unreached], about: Sequence[About], owners: Sequence[SocketOwner]) -> Iterator[Finding]:
    """nginx, Apache, HAProxy, Envoy or another proxy cannot reach the server behind it: its clients get 502, 503 or 504.

    Found in its error log, grouped by what it wants to reach: 3 lines within 10 minutes, the last one less than an hour before the
    collection (a day, where the target is on this host and nobody listens there now); what is less, or was mended since, is a note.
    Without an error log: 10 answers 502 to 504 in an access log within 10 minutes of the last day. What to do: look at the server
    behind: does it run, does it listen where the proxy looks, does it answer?
    """
    well = {line.target: line.time for line in lines if line.what == WORKS}
    proxies = [line for line in lines if line.is_proxy and line.what != WORKS and not line.time < well.get(line.target, 0.0)]
    groups: dict[tuple[str, str, str], list[Unreached]] = {}
    for line in proxies:
        if line.target or line.what in WORDS:
            groups.setdefault((line.who, line.target, line.what), []).append(line)
    for key, those in sorted(groups.items(), key=lambda each: -len(each[1]))[:MAX_TOLD]:
        count = sum(line.who == key[0] and line.what.isdigit() for line in proxies)
        yield _gateway(key, those, count, about[0], owners)
    told = {who for who, _, _ in groups}
    for who in dict.fromkeys(line.who for line in proxies if line.what.isdigit() and line.who not in told):
        answers = [line for line in proxies if line.who == who and line.what.isdigit()]
        if fullest([line.time for line in answers], 10 * MINUTE) >= MANY and _fresh(answers, about[0], DAY):
            kinds = ", ".join(sorted({line.what for line in answers}))
            yield Finding(
                Severity.WARNING,
                f"{who} answered {len(answers):,} requests with {kinds}",
                tuple(line.origin for line in [*answers[:1], *answers[-2:]]),
                f"Read the error log of {who}, and look at the server behind it",
                detail=between([line.time for line in answers]),
                subject=who,
                symptom=True,
            )


def _gateway(key: tuple[str, str, str], those: Sequence[Unreached], answers: int, about: About, owners: Sequence[SocketOwner]) -> Finding:
    who, target, what = key
    listens, local = _listener(target, owners)
    times = [line.time for line in those]
    here = f"; {listens.comm} (pid {listens.pid}) listens there now" if listens else "; nobody listens there now" if local else ""
    dead = local and not listens
    out = "is DOWN, reason" in those[-1].origin.text  # said once, when it begins
    lasting = (what == "no server left" or out or fullest(times, 10 * MINUTE) >= AGAIN) and _fresh(
        those, about, DAY if dead or out else HOUR
    )
    count = often(len(those)) + (f", and {answers:,} answers 502 to 504" if answers else "")
    return Finding(
        Severity.WARNING if lasting and not (listens and not _fresh(those, about, 10 * MINUTE)) else Severity.NOTE,
        f"{who} {'gets no answer from' if what in _SILENT else 'cannot reach'} its upstream {target or '(not named)'}: "
        f"{WORDS.get(what, what)}{here}",
        tuple(line.origin for line in [*those[:1], *those[-2:]]) + ((listens.origin,) if listens else ()),
        f"Look at the server behind {who}: does it run, does it listen on {target or 'its port'}, does it answer?",
        detail=f"{count}, {between(times)}",
        subject=who,
        symptom=not dead,
        since=min(filter(None, times), default=0.0),
        latest=max(times),
    )


def _listener(target: str, owners: Sequence[SocketOwner]) -> tuple[SocketOwner | None, bool]:
    """Who listens at a target on this host, and whether that can be known: the target is a loopback address, and listeners are known."""
    found = re.fullmatch(r"(?:127\.\d+\.\d+\.\d+|localhost|\[?::1\]?):(\d+)", target)
    if not found or not owners:
        return None, False
    return next((owner for owner in owners if owner.port == int(found[1]) and not owner.is_start), None), True


@rule("APP004", "servers that a program cannot reach", Unreached, About, uses=(SocketOwner,))
def unreached(lines: Sequence[Unreached], about: Sequence[About], owners: Sequence[SocketOwner]) -> Iterator[Finding]:
    """A program says again and again that it cannot connect to a server: refused, reset, timed out.

    Found where one program says so of one target 5 times within an hour, the last time less than an hour before the collection; twice
    where the last time was in the last 15 minutes and it is a database, or the target is on this host and nobody listens there now.
    What is less within the hour is a note. This is a symptom: the cause is at the server, at the network or a firewall between.
    What to do: see whether the server runs and listens, then whether this host can reach it (`diagbundle check` looks at routes, names
    and firewalls).
    """
    groups: dict[tuple[str, str, str], list[Unreached]] = {}
    for line in lines:
        if not line.is_proxy and line.target:
            groups.setdefault((line.who, line.target, line.what), []).append(line)
    fresh = {key: those for key, those in groups.items() if _fresh(those, about[0], HOUR) and (len(those) >= OFTEN or those[-1].time)}
    loud = {key: those for key, those in fresh.items() if _is_loud(key[1], those, about[0], owners)}
    if rest := {key: those for key, those in fresh.items() if key not in loud}:
        yield _now_and_then(rest)
    for (who, target, what), those in sorted(loud.items(), key=lambda each: -len(each[1]))[:MAX_TOLD]:
        listens, local = _listener(target, owners)
        here = f"; {listens.comm} listens there now" if listens else "; nobody listens there now" if local else ""
        yield Finding(
            Severity.NOTE if listens else Severity.WARNING,
            f"{who} cannot reach {target}: {WORDS.get(what, what)}, {len(those):,} times{here}",
            tuple(line.origin for line in [*those[:1], *those[-2:]]),
            f"See whether the server at {target} runs and listens, and whether this host can reach it",
            detail=between([line.time for line in those]),
            subject=f"{who} {target}",
            symptom=True,
            latest=max(line.time for line in those),
            part_of=("same REA002",),
        )


def _is_loud(target: str, those: Sequence[Unreached], about: About, owners: Sequence[SocketOwner]) -> bool:
    often = fullest([line.time for line in those], HOUR)
    listens, local = _listener(target, owners)
    weighty = (local and not listens) or any(_DATABASE.search(line.origin.text) for line in those)
    return often >= OFTEN or (often >= TWICE and weighty and _fresh(those, about, 15 * MINUTE))


def _now_and_then(rest: dict[tuple[str, str, str], list[Unreached]]) -> Finding:
    some = list(rest.items())[:MAX_TOLD]
    names = ", ".join(f"{who} {target} ({WORDS.get(what, what)}, {often(len(those))})" for (who, target, what), those in some)
    count = "1 server was" if len(rest) == 1 else f"{len(rest)} servers were"
    return Finding(
        Severity.NOTE,
        f"within the last hour {count} not reached: {names}{' …' if len(rest) > MAX_TOLD else ''}",
        tuple(those[-1].origin for _, those in some),
        "Nothing, if it works now; else see whether that server runs and listens",
        latest=max(those[-1].time for those in rest.values()),
        symptom=True,
    )


@rule("APP005", "programs that report fatal errors", FatalLine, About, uses=(Container,))
def fatal(lines: Sequence[FatalLine], about: Sequence[About], containers: Sequence[Container]) -> Iterator[Finding]:
    """A program calls an error of its own fatal or critical, again and again.

    Found where one program says the same (numbers left aside) 3 times within an hour, the last time less than a day before the
    collection; the most frequent line of each program is told, for at most 5 programs. Programs to whom "fatal" means the end of one
    connection (sshd, PostgreSQL) are left out. What to do: read the line: it usually names the missing file, setting, licence or server.
    """
    names = {one.ident[:12]: f"container {one.name}" for one in containers if one.name}
    programs: dict[str, dict[str, list[FatalLine]]] = {}
    for line in lines:
        programs.setdefault(names.get(line.who, line.who), {}).setdefault(line.form, []).append(line)
    worst = [(who, max(forms.values(), key=len), sum(map(len, forms.values()))) for who, forms in programs.items()]
    loud = [
        (who, those, total)
        for who, those, total in worst
        if fullest([line.time for line in those], HOUR) >= AGAIN and _fresh(those, about[0], DAY)
    ]
    for who, those, total in sorted(loud, key=lambda each: -each[2])[:MAX_TOLD]:
        more = f"; {total - len(those):,} other such lines" if total > len(those) else ""
        yield Finding(
            Severity.WARNING,
            f"{who} reports a fatal error {len(those):,} times: {those[-1].text[:160]}",
            tuple(line.origin for line in [*those[:1], *those[-2:]]),
            f"Read the log of {who} around these lines, and mend what they name",
            detail=between([line.time for line in those]) + more,
            subject=who.removeprefix("container "),
            symptom=True,  # a rule that knows what the line means leads
            since=min((line.time for line in those if line.time), default=0.0),
            latest=max(line.time for line in those),
        )
