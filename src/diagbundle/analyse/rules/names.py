"""Name servers and names: what they answered just now, what the resolver's files say, what programs complained of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from diagbundle.analyse.api import About, Finding, Severity, Undecided, rule
from diagbundle.analyse.facts.names import DAY, DEFAULTS, HostEntry, Lookup, NameServer, ResolverFile, UnresolvedName, unanswered
from diagbundle.analyse.facts.reach import Probe
from diagbundle.analyse.facts.unanswered import Unanswered

SLOW = 1000.0
"""Milliseconds: a server that looks something up for the first time may take half a second."""
LONG = 2.0
"""Seconds of a lookup by the C library: a silent first server costs 5 s, with `timeout:1` less."""
HOUR = 3600.0
MOST_SERVERS = 3
SHOWN = 3
MANY, FEW, JUST_NOW, SETTLED = 3, 2, 120.0, 120.0
"""Complaints that are no mishap, seconds before the end of collection, and after a start, when the network need not be up."""
KNOWS = ("answered", "no_data", "no_such_name", "truncated")
SILENT = ("dropped", "neighbour_silent", "mangled", "dropped_here")
"""Outcomes that make every lookup wait, or that no sound network has; the others fail at once."""
WORDS = {
    "dropped": "does not answer",
    "neighbour_silent": "does not answer: nobody on its network has that address",
    "mangled": "sends answers that cannot be read",
    "dropped_here": "cannot be asked: this host itself drops the question (a rule of its firewall, or its table of connections is full)",
    "refused": "is not running: the port is closed",
    "no_route": "cannot be reached: no route leads there",
    "unreachable": "cannot be reached",
    "prohibited": "cannot be asked: a firewall prohibits it",
    "query_refused": "refuses to answer this host (REFUSED)",
    "server_failed": "fails to answer (SERVFAIL)",
    "answered_with_error": "answers with an error",
    "error": "could not be asked",
}
ASK = (
    "Ask it by hand: `dig @ADDRESS NAME`; look whether the address in /etc/resolv.conf is right, the server runs, "
    "and UDP and TCP port 53 are open on the way"
)


def _questions(probes: Sequence[Probe]) -> dict[str, list[Probe]]:
    """Questions by server."""
    servers: dict[str, list[Probe]] = {}
    for probe in probes:
        if probe.kind == "dns" and probe.what == "question":
            servers.setdefault(probe.address, []).append(probe)
    return servers


def _works(asked: Iterable[Probe]) -> bool:
    return any(probe.outcome in KNOWS for probe in asked)


def _needed(probes: Sequence[Probe], complaints: Sequence[UnresolvedName], about: About) -> list[Probe | UnresolvedName]:
    """Who suffers: configured names of the site that did not resolve, and programs that complained lately, more than by chance."""
    names = [each for each in probes if each.what == "resolve" and each.outcome == "not_resolved" and not DEFAULTS.search(each.name)]
    settled = [each for each in complaints if not (about.booted and each.time and each.time < about.booted + SETTLED)]
    missed = unanswered(settled, about.now)
    if len(missed) < MANY and sum(about.now - each.time < JUST_NOW for each in missed) < FEW:
        missed = []
    return [*names[:1], *missed[-1:]]


def _slow_ones(lookups: Sequence[Lookup], hosts: Sequence[HostEntry], about: Sequence[About]) -> list[Lookup]:
    """Names that the C library found after seconds, by asking somebody: not those of /etc/hosts, nor this host's own."""
    known = {name for entry in hosts for name in entry.names} | {about[0].name.lower() if about else ""}
    own = {name.partition(".")[0] for name in known}
    asked = (each for each in lookups if each.found and each.seconds >= LONG and "." in each.name)
    return [each for each in asked if each.name.lower() not in known and each.name.lower().partition(".")[0] not in own]


@rule("DNS001", "name servers", Probe, uses=(NameServer, UnresolvedName, About, Lookup, HostEntry))
def servers_answer(
    probes: list[Probe],
    configured: list[NameServer],
    complaints: list[UnresolvedName],
    about: list[About],
    lookups: list[Lookup],
    hosts: list[HostEntry],
) -> Iterator[Finding]:
    """Each configured name server was asked, by UDP and, where nothing came, by TCP, for names that this host's configuration holds.

    A server that says "there is no such name" works. If none works nothing that goes by names works, and most logins are slow.
    Critical: no server works, and questions are lost in silence (each lookup then waits 5 to 30 s), or something on this host was
    seen to need names: a log of the last day, or a configured name of the site.
    Warning: one of the first three is silent while others work: each lookup that begins with it waits 5 s.
    Where a proxy answers, which looks names up for its clients, no more than a warning.
    Where the C library found names after some seconds although no server answered us in three, they are slow, not dead: see DNS002.
    Note: servers that fail at once although nothing complains, as on hosts that live without DNS.
    Do: ask the server by hand (dig @ADDRESS NAME), correct /etc/resolv.conf (or what writes it), open port 53 for UDP and TCP.
    """
    servers = _questions(probes)
    if not servers:
        raise Undecided(
            "no name server was asked" if not configured else "the name servers were not asked: see `reachability` in the manifest"
        )
    dead = {address: asked for address, asked in servers.items() if not _works(asked)}
    if not dead:
        return
    needs = _needed(probes, complaints, about[0])
    is_all = len(dead) == len(servers)
    if is_all and _slow_ones(lookups, hosts, about):
        return
    by_proxy = any(probe.way == "proxy" and probe.outcome in ("connected", "tunnel") for probe in probes)
    first = [each.address for each in configured if each.file == "/etc/resolv.conf"][:MOST_SERVERS]
    for address, asked in dead.items():
        outcome = _outcome(asked)
        bites = outcome in SILENT and (is_all or address in first)
        worst = Severity.WARNING if by_proxy else Severity.CRITICAL
        severity = worst if is_all and (bites or needs) else Severity.WARNING if bites else Severity.NOTE
        yield Finding(
            severity,
            f"name server {address} {WORDS.get(outcome, f'could not be asked ({outcome})')}; {_others(len(dead), len(servers))}",
            tuple(each.origin for each in [*asked[:2], *(needs if is_all else ())]),
            ASK.replace("ADDRESS", address, 1),
            subject=address,
            detail=_detail(asked[0], configured, address),
            symptom=outcome in ("no_route", "unreachable", "dropped_here") or _nobody_answers(probes),
        )


def _others(dead: int, servers: int) -> str:
    if servers == 1:
        return "it is the only one"
    return "no other one works either" if dead == servers else f"{servers - dead} of {servers} work"


def _outcome(asked: Sequence[Probe]) -> str:
    """One word for all questions to a server. One closed port counts for all: hosts seldom say so twice a second. Many servers take
    no TCP, so that this counts only where nothing was asked by UDP.
    """
    by_udp = [probe for probe in asked if probe.more.get("transport") == "udp"]
    outcomes = [probe.outcome for probe in by_udp or asked]
    return "refused" if "refused" in outcomes else next((each for each in outcomes if each in SILENT), outcomes[0])


def _detail(probe: Probe, configured: Sequence[NameServer], address: str) -> str:
    places = list(dict.fromkeys(each.file for each in configured if each.address == address)) or [probe.file]
    said = f": {probe.detail}" if probe.detail else ""
    time = "" if " s" in said else f" ({probe.ms:.0f} ms)"
    return f"Named in {', '.join(places)}. Asked for {probe.name or '.'}{said}{time}."


def _nobody_answers(probes: Sequence[Probe]) -> bool:
    """Whether the gateway is silent too: then the name server is not to blame."""
    return any(probe.what == "neighbour" and probe.outcome == "neighbour_silent" for probe in probes)


@rule("DNS002", "speed of name resolution", Probe, uses=(Lookup, HostEntry, About))
def answers_in_time(probes: list[Probe], lookups: list[Lookup], hosts: list[HostEntry], about: list[About]) -> Iterator[Finding]:
    """How long name servers took for an answer, and how long the C library (`getent`) took for a name.

    A name server of the site answers within a few milliseconds, one that must ask others for the first time within half a second.
    Warning: all answers of a server took more than 1 s, or the C library took 2 s and more for a name although it found it: then the
    first server of the list is silent or slow, or another source of /etc/nsswitch.conf (LDAP, mDNS, winbind) is. For a name that
    needs no server (of /etc/hosts, the host's own) it is a note where no name server works at all, which is told elsewhere.
    Do: compare `dig @SERVER NAME` with `time getent ahosts NAME`; put the server that answers first; set `options timeout:1 attempts:2`.
    """
    for address, asked in _questions(probes).items():
        answers = [probe for probe in asked if probe.outcome in KNOWS]
        if len(answers) > 1 and min(probe.ms for probe in answers) > SLOW:
            slowest = max(answers, key=lambda probe: probe.ms)
            yield Finding(
                Severity.WARNING,
                f"name server {address} is slow: {slowest.ms / 1000:.1f} s for an answer",
                tuple(probe.origin for probe in answers[:3]),
                f"Measure again with `dig @{address} {slowest.name}`; look at that server's load and at what it asks itself",
                subject=address,
            )
    slow = [each for each in lookups if each.seconds >= LONG and each.found]
    servers = _questions(probes)
    none_works = bool(servers) and not any(_works(asked) for asked in servers.values())
    if by_server := _slow_ones(lookups, hosts, about) if none_works else []:
        yield _slow_servers(by_server, servers)
    elif slow:
        worst = max(slow, key=lambda each: each.seconds)
        yield Finding(
            Severity.NOTE if none_works else Severity.WARNING,
            f"looking up {worst.name} takes {worst.seconds:.1f} s on this host",
            tuple(each.origin for each in slow[:3]),
            "See which source of `hosts:` in /etc/nsswitch.conf is slow: the first name server of /etc/resolv.conf, mDNS, LDAP, winbind",
            subject=worst.name,
            symptom=True,
        )


def _slow_servers(slow: Sequence[Lookup], servers: Mapping[str, Sequence[Probe]]) -> Finding:
    """Names were found, so somebody answered, but later than we waited for."""
    worst = max(slow, key=lambda each: each.seconds)
    names = ", ".join(list(servers)[:MOST_SERVERS])
    return Finding(
        Severity.WARNING,
        f"name server {names} is slow: {worst.name} was found after {worst.seconds:.1f} s"
        if len(servers) == 1
        else f"name servers {names} are slow: {worst.name} was found after {worst.seconds:.1f} s",
        (*(each.origin for each in slow[:3]), *(asked[0].origin for asked in list(servers.values())[:1])),
        f"Measure again with `dig {worst.name} @{next(iter(servers))}`; look at that server's load, whom it asks itself, and the way",
        subject=next(iter(servers)),
        detail=f"{len(slow)} names were found, none in less than {min(each.seconds for each in slow):.1f} s",
    )


@rule("DNS003", "configured names that DNS does not know", Probe, uses=(ResolverFile, UnresolvedName))
def names_exist(probes: list[Probe], files: list[ResolverFile], complaints: list[UnresolvedName]) -> Iterator[Finding]:
    """Names of servers that this host's configuration holds, and that working name servers deny (NXDOMAIN) or know without an address.

    The name is mistyped, gone from DNS, or short and the search domain of /etc/resolv.conf is wrong, or this name server does not
    serve the zone (an internal name asked at a public server). A note: names that distributions set by themselves (mirrors, public
    time servers), and those that only stand on a command line, unless a program complained of them.
    Do: correct the name where it is configured, or the search domain, or add the record to the zone.
    """
    by_name: dict[str, list[Probe]] = {}
    for probe in probes:
        says_no = "no_such_name" in probe.detail or "no_data" in probe.detail
        if probe.what == "resolve" and probe.outcome == "not_resolved" and says_no:
            by_name.setdefault(probe.name, []).append(probe)
    search = " ".join(files[-1].search) if files else ""
    missed = {each.name for each in complaints}
    for name, asked in by_name.items():
        idle = asked[0].named_by.startswith("/proc/") and name.lower() not in missed
        short = f"; the search domain is {search or 'not set'}" if "." not in name else ""
        yield Finding(
            Severity.NOTE if idle or DEFAULTS.search(name) else Severity.WARNING,
            f"DNS does not know {name}, which {asked[0].file} names{short}",
            tuple(probe.origin for probe in asked[:2]) + tuple(file.origin for file in files[-1:] if short),
            subject=name,
            detail=asked[0].detail,
            advice=f"Correct the name in {asked[0].named_by}, or the search domain in /etc/resolv.conf, or have the name added to DNS",
        )


@rule("DNS009", "names that programs could not resolve", UnresolvedName, About, uses=(Probe,))
def programs_resolve(complaints: list[UnresolvedName], about: list[About], probes: list[Probe]) -> Iterator[Finding]:
    """What programs wrote into their logs: "Temporary failure in name resolution" (no name server answered), "Name or service not
    known", "no such host", NXDOMAIN (the server answered that there is no such name).

    Warning: at least two such lines in the last hour, or ten in the last day; fewer or older ones are a note, and so are those
    of the first two minutes after a start, when the network was not up, and public names that distributions set themselves.
    Do: try the name with `getent ahosts NAME`; see the verdicts on name servers; correct the name where the program has it from.
    """
    now, booted = about[0].now, about[0].booted
    said = [each for each in complaints if not (booted and each.time and booted - 5 < each.time < booted + 120)]
    for is_default in (False, True):
        of_kind = [each for each in said if bool(DEFAULTS.search(each.name)) == is_default]
        if of_kind:
            yield _complaint(of_kind, now, is_default=is_default, works=any(_works(asked) for asked in _questions(probes).values()))


def _complaint(said: list[UnresolvedName], now: float, *, is_default: bool, works: bool) -> Finding:
    said = sorted(said, key=lambda each: each.time)
    ages = [now - each.time if now and each.time else 0.0 for each in said]
    bites = not is_default and (sum(age < HOUR for age in ages) > 1 or sum(age < DAY for age in ages) > 9)
    names = list(dict.fromkeys(each.name for each in reversed(said) if each.name))
    what = f"{', '.join(names[:3])}{f' and {len(names) - 3} other names' if len(names) > 3 else ''}" if names else "names"
    why = "there is no such name (NXDOMAIN)" if said[-1].no_such_name else "the name servers failed to answer"
    times = "once" if len(said) == 1 else f"{len(said):,} times"
    return Finding(
        Severity.WARNING if bites else Severity.NOTE,
        f"programs cannot resolve {what}: {why}, {times} in the logs",
        tuple(each.origin for each in [said[0], *said[1:][-2:]]),
        subject=names[0] if names else "",
        since=said[0].time,
        latest=said[-1].time,
        detail="The name servers answered our own questions just now: the name is wrong, or gone."
        if works and said[-1].no_such_name
        else "",
        advice=f"Try `getent ahosts {names[0] if names else 'NAME'}`; correct the name or the search domain where the program has it from",
        symptom=not said[-1].no_such_name,
    )


@rule("DNS010", "the C library's own answers", Lookup, Probe, uses=(Unanswered,))
def library_answers(lookups: list[Lookup], probes: list[Probe], unanswered_ones: list[Unanswered]) -> Iterator[Finding]:
    """`getent`, which asks as every program of this host does, against our own questions to the name servers.

    Warning: the name servers know a name, but the C library does not find it, or does not end within 10 s: then a source before
    `dns` in /etc/nsswitch.conf ends or blocks the search (LDAP, sssd, winbind, mDNS), or nscd or systemd-resolved remembers an old
    answer. Where no name server works that is told elsewhere.
    Do: `getent ahosts NAME` and `dig NAME`; restart nscd or `resolvectl flush-caches`; look at the line `hosts:` of nsswitch.conf.
    """
    known = {probe.name.lower(): probe for probe in probes if probe.what == "question" and probe.outcome == "answered"}
    known |= {
        probe.name.lower(): probe for probe in probes if probe.what == "resolve" and str(probe.more.get("by")).startswith("name server")
    }
    lost = [(each.name, each.origin, f"finds no address ({each.seconds:.1f} s)") for each in lookups if not each.found]
    lost += [
        (each.source.split()[-1], each.origin, "does not end")
        for each in unanswered_ones
        if each.source.startswith("getent ") and each.outcome == "timeout"
    ]
    missed = [(name, origin, what, probe) for name, origin, what in lost if (probe := known.get(name.lower()))]
    if missed:
        names = list(dict.fromkeys(name for name, *_ in missed))
        more = f" and {len(names) - SHOWN} other names" if len(names) > SHOWN else ""
        yield Finding(
            Severity.WARNING,
            f"programs cannot resolve {', '.join(names[:SHOWN])}{more} although DNS knows {'it' if len(names) == 1 else 'them'}: "
            f"the C library {missed[0][2]}",
            tuple(origin for _, first, _, probe in missed[:SHOWN] for origin in (first, probe.origin)),
            "Look at the line `hosts:` of /etc/nsswitch.conf and its sources; restart nscd or run `resolvectl flush-caches`",
            subject=names[0],
            part_of=("DNS007",),
        )
